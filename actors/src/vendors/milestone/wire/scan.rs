//! The shape in which gateways write frames of events, read once from front to back.
//!
//! `{"events":[{"id":"…","source":"…", …}, …]}`: each event an object whose members that mean something are texts without escapes, or `null`,
//! and come once. Whatever is not so is left to the JSON parser: what is found here, it would find too (a test holds the one against the
//! other). The parser, which is for any shape, takes four times as long: it reads an event to its end, for its own JSON, and again for its
//! members.

use serde::de::IgnoredAny;

use super::events::WireEvent;

/// Hands out the events of a frame; `None` if it turned out to be of another shape, and then what was handed out does not count.
pub(super) fn events<'a>(frame: &'a str, mut take: impl FnMut(WireEvent<'a>)) -> Option<()> {
    let mut scan = Scan { frame, at: 0 };
    scan.token(b'{')?;
    if scan.text()? != "events" {
        return None;
    }
    scan.token(b':')?;
    scan.token(b'[')?;
    if !scan.is_next(b']') {
        take(scan.event()?);
        while scan.is_next(b',') {
            take(scan.event()?);
        }
        scan.token(b']')?;
    }
    scan.token(b'}')?;
    scan.blanks();
    (scan.at == frame.len()).then_some(())
}

/// How far a frame is read.
struct Scan<'a> {
    frame: &'a str,
    at: usize,
}

/// Members of an event that mean something, by the place that they are put in.
fn place(name: &str) -> Option<usize> {
    Some(match name {
        "id" => 0,
        "source" => 1,
        "type" => 2,
        "stategroupid" | "stateGroupId" => 3,
        "time" => 4,
        _ => return None,
    })
}

impl<'a> Scan<'a> {
    fn event(&mut self) -> Option<WireEvent<'a>> {
        self.token(b'{')?;
        let begin = self.at - 1;
        let mut members = [None; 5];
        if !self.is_next(b'}') {
            loop {
                let name = self.text()?;
                self.token(b':')?;
                match place(name) {
                    Some(place) if members[place].is_none() => members[place] = Some(self.member()?),
                    Some(_) => return None,
                    None => self.skip()?,
                }
                if self.is_next(b'}') {
                    break;
                }
                self.token(b',')?;
            }
        }
        let [id, source, kind, group, time] = members.map(Option::unwrap_or_default);
        Some(WireEvent { id, source, kind, group, time, raw: self.frame.get(begin..self.at)? })
    }

    /// A member that is a text without escapes, or `null`, which is as good as absent.
    #[inline]
    fn member(&mut self) -> Option<&'a str> {
        if let Some(text) = self.text() {
            return Some(text);
        }
        self.at += self.rest().starts_with(b"null").then_some("null".len())?;
        Some("")
    }

    /// Passes over a value of any kind.
    fn skip(&mut self) -> Option<()> {
        if self.text().is_none() {
            let mut values = serde_json::Deserializer::from_str(self.frame.get(self.at..)?).into_iter::<IgnoredAny>();
            values.next()?.ok()?;
            self.at += values.byte_offset();
        }
        Some(())
    }

    /// A text without escapes. If there is none, nothing but blanks is passed over.
    #[inline(always)]
    fn text(&mut self) -> Option<&'a str> {
        self.token(b'"')?;
        let (begin, end) = (self.at, self.at + plain(self.rest()));
        if self.frame.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return self.frame.get(begin..end);
        }
        self.at = begin - 1;
        None
    }

    #[inline(always)]
    fn token(&mut self, token: u8) -> Option<()> {
        self.is_next(token).then_some(())
    }

    /// Passes over `token` if it comes next.
    #[inline(always)]
    fn is_next(&mut self, token: u8) -> bool {
        if self.rest().first() != Some(&token) {
            // No gateway is known to write any.
            if self.rest().first() == Some(&b' ') {
                self.blanks();
            }
            if self.rest().first() != Some(&token) {
                return false;
            }
        }
        self.at += 1;
        true
    }

    #[cold]
    fn blanks(&mut self) {
        while self.rest().first() == Some(&b' ') {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.frame.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// How many bytes come before the first that ends a text or may not stand in one as it is: a quote, a backslash, a control character.
///
/// Eight bytes at a time: texts are too short for the start of anything wider to pay.
#[inline(always)]
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let quotes = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let backslashes = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        let controls = word.wrapping_sub(ONES * b' ' as u64);
        // Of bytes below 0x80; a borrow may mark one behind the first that is meant, never one before it.
        let found = (quotes | backslashes | controls) & !word & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
    at + text[at..].iter().position(ends).unwrap_or(text.len() - at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_ends_where_it_ends(text in proptest::collection::vec(prop_oneof![9 => any::<u8>(), 1 => Just(b'"')], 0..40)) {
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
            prop_assert_eq!(plain(&text), text.iter().position(ends).unwrap_or(text.len()));
        }
    }
}
