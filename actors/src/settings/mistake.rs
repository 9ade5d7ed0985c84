//! A mistake in what a person set, told so that it can be put right.

/// What is wrong, and what to do about it. Where it is, the reader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Mistake {
    /// What is wrong: one clause, without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The value at this place may hold a secret: show the place, but not the value.
    pub concealed: bool,
}

impl Mistake {
    /// A mistake without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, concealed: false }
    }

    /// Says what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the value out of sight, for it may hold a secret.
    pub fn concealed(mut self) -> Self {
        self.concealed = true;
        self
    }

    /// `word` is none of the `known` words.
    pub fn unknown<'k>(what: &str, word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Self {
        let hint = match closest(word, known.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("one of {}", list(known)),
        };
        Self::new(format!("unknown {what} \"{}\"", shown(word))).hint(hint)
    }
}

/// The known word that a person most likely meant, if one is near enough to be worth saying.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A long word costs its length times that of each known one, and is near to none of them.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The words in quotes, with commas.
fn list<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    words.into_iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A person's word as part of a message: bounded, on one line, no control characters.
pub fn shown(word: &str) -> String {
    const MOST: usize = 60;
    let mut text: String = word.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if word.chars().nth(MOST).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_different_word_is_not() {
        let known = ["milestone", "een", "vxg", "simplisafe"];
        assert_eq!(closest("mielstone", known), Some("milestone"));
        assert_eq!(closest("Milestone", known), Some("milestone"));
        assert_eq!(closest("enn", known), Some("een"));
        assert_eq!(closest("genetec", known), None);
        assert_eq!(closest(&"m".repeat(1_000_000), known), None);
    }

    #[test]
    fn a_quoted_word_stays_on_one_short_line() {
        assert_eq!(shown("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }
}
