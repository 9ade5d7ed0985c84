//! Many texts in one piece of memory: a batch of events is one allocation, however many texts its events have.

/// Where a text stands in a [`Text`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// So many bytes from `at` on. Empty beyond 4 GiB: a message is 256 MiB at most, and a batch ends at the first message behind 1 MiB.
    #[must_use]
    pub fn new(at: usize, len: usize) -> Self {
        match (u32::try_from(at), u32::try_from(len)) {
            (Ok(at), Ok(len)) => Self { at, len },
            _ => Self::default(),
        }
    }

    /// The length of the text, in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The text there. Of a span that does not fit `text` it is some other text or none, and never a panic.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        let from = self.at as usize;
        text.get(from..from + self.len as usize).unwrap_or_default()
    }

    /// Where `part` stands in `whole`, which it must be a slice of; else it is empty.
    #[must_use]
    pub fn part(whole: &str, part: &str) -> Self {
        offset(whole, part).map_or(Self::default(), |at| Self::new(at, part.len()))
    }
}

/// How far into `whole` its slice `part` begins; `None` if it is no slice of it.
fn offset(whole: &str, part: &str) -> Option<usize> {
    let offset = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (offset + part.len() <= whole.len()).then_some(offset)
}

/// Texts one behind the other, at most 4 GiB of them.
#[derive(Clone, Debug, Default)]
pub struct Text(String);

impl Text {
    /// Puts a copy of `text` behind the others.
    pub fn put(&mut self, text: &str) -> Span {
        if text.is_empty() {
            return Span::default();
        }
        let span = Span::new(self.0.len(), text.len());
        self.0.push_str(text);
        span
    }

    /// Where `part` stands if it is a slice of `whole`, which was put at `place`; else it is put too.
    pub fn put_part(&mut self, place: Span, whole: &str, part: &str) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        match offset(whole, part).filter(|_| whole.len() == place.len as usize) {
            Some(offset) => Span::new(place.at as usize + offset, part.len()),
            None => self.put(part),
        }
    }

    /// The text there. Of a span of another `Text` it is some other text or none, and never a panic.
    #[must_use]
    pub fn get(&self, span: Span) -> &str {
        span.of(&self.0)
    }

    /// Whether the text there is this one.
    pub(crate) fn is(&self, span: Span, text: &str) -> bool {
        let from = span.at as usize;
        self.0.as_bytes().get(from..from + span.len()) == Some(text.as_bytes())
    }

    /// Bytes of all texts together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing yet, with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Makes room for so many bytes more.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// Gives back memory that is not used, if it is worth it.
    pub(crate) fn shrink(&mut self) {
        if self.0.capacity() - self.0.len() > self.0.len() / 4 {
            self.0.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_what_was_put_is_found_there_and_anything_else_is_put_too() {
        let mut text = Text::default();
        text.put("before");
        let whole = r#"{"id":"e1"}"#;
        let place = text.put(whole);
        let id = text.put_part(place, whole, &whole[7..9]);
        assert_eq!((text.get(id), text.len()), ("e1", 6 + whole.len()));
        let other = text.put_part(place, whole, "e1");
        assert_eq!((text.get(other), text.len()), ("e1", 6 + whole.len() + 2));
        assert_eq!(text.get(text.clone().put_part(place, whole, "")), "");
    }

    #[test]
    fn a_span_that_does_not_fit_is_never_a_panic() {
        let mut text = Text::default();
        text.put("é");
        for span in [Span::new(0, 1), Span::new(1, 1), Span::new(9, 9), Span::new(usize::MAX, 1)] {
            assert_eq!(text.get(span), "");
        }
    }
}
