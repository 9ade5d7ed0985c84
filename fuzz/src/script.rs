//! What a hostile server does, as lines that a fuzzer can change and a person can read.
//!
//! The first byte of a line says what happens, the rest is what is said with it:
//!
//! | line | what happens |
//! |---|---|
//! | `m TEXT` | a message comes |
//! | `x TEXT` | a giant message comes, which is taken apart elsewhere |
//! | `a STATUS TEXT` | the oldest call of the login or the session is answered |
//! | `q STATUS TEXT` | the oldest call of the directory is answered |
//! | `z STATUS TEXT` | the youngest call of all is answered |
//! | `h NAME: VALUE` | a header of the next answer |
//! | `e N` | the oldest call fails; `N` says how |
//! | `o`, `r STATUS TEXT` | the channel opens; is refused |
//! | `d` | the channel ends; `u` with something that cannot be read |
//! | `w` | the time that was waited for comes; `t N`: so many milliseconds pass |
//! | `b`, `k` | the barrier is passed; the checkpoint is stored |
//! | `c` | the process starts again; `p TEXT` with another checkpoint |
//! | `n ITEM`, `g KIND GROUP` | somebody wants a name |
//! | `l TEXT` | an event's data are looked through for pictures |

/// Which call is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    Oldest,
    Names,
    Youngest,
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    Message(&'a str),
    Giant(&'a str),
    Answer { whose: Whose, status: u16, body: &'a str },
    Header(&'a str, &'a str),
    Fails(u8),
    Opens,
    Refused(u16, &'a str),
    Ends,
    Unreadable,
    Wakes,
    Passes(u64),
    Barrier,
    Kept,
    Restarts,
    Checkpoint(&'a str),
    Item(&'a str),
    Kind(&'a str, &'a str),
    Links(&'a str),
}

/// The lines that mean something.
pub(crate) fn lines(data: &[u8]) -> impl Iterator<Item = Line<'_>> {
    data.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).filter_map(read)
}

fn read(line: &str) -> Option<Line<'_>> {
    let mut chars = line.chars();
    let what = chars.next()?;
    let rest = chars.as_str();
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let answer = |whose| {
        let (status, body) = rest.split_once(' ').unwrap_or((rest, ""));
        Line::Answer { whose, status: status.parse().unwrap_or(200), body }
    };
    Some(match what {
        'm' => Line::Message(rest),
        'x' => Line::Giant(rest),
        'a' => answer(Whose::Oldest),
        'q' => answer(Whose::Names),
        'z' => answer(Whose::Youngest),
        'h' => rest.split_once(": ").map(|(name, value)| Line::Header(name, value))?,
        'e' => Line::Fails(rest.parse().unwrap_or(0)),
        'o' => Line::Opens,
        'r' => {
            let (status, body) = rest.split_once(' ').unwrap_or((rest, ""));
            Line::Refused(status.parse().unwrap_or(500), body)
        }
        'd' => Line::Ends,
        'u' => Line::Unreadable,
        'w' => Line::Wakes,
        't' => Line::Passes(rest.parse().unwrap_or(1)),
        'b' => Line::Barrier,
        'k' => Line::Kept,
        'c' => Line::Restarts,
        'p' => Line::Checkpoint(rest),
        'n' => Line::Item(rest),
        'g' => rest.split_once(' ').map_or(Line::Kind(rest, ""), |(kind, group)| Line::Kind(kind, group)),
        'l' => Line::Links(rest),
        _ => return None,
    })
}
