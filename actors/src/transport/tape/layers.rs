//! A text as others may have written it: with the escapes of JSON, percent-encoded, with the entities of HTML, wrapped in lines, and one within the other. Each
//! layer is read off, and remembers where in the text its bytes stood.

use std::ops::Range;

use super::spelling::{Spelt, escape, hex};

/// So deep one writing may be within another.
const DEEP: usize = 3;
/// So many layers of one text are read at most.
const MOST: usize = 16;

/// A text, read as far as this.
pub(super) struct Layer {
    text: Vec<u8>,
    /// Where each byte stood; one more for the end. Empty where all stand where they are.
    at: Vec<u32>,
}

impl Layer {
    /// The text as it is.
    pub(super) fn raw(text: &[u8]) -> Self {
        Self { text: text.to_vec(), at: Vec::new() }
    }

    /// What is read.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where this stands in the text itself.
    pub(super) fn range(&self, range: &Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    fn place(&self, at: usize) -> usize {
        if self.at.is_empty() { at } else { self.at.get(at).map_or(0, |at| *at as usize) }
    }

    /// The same with one writing read off, if there is any of it.
    fn read(&self, writing: Writing) -> Option<Self> {
        let text = &self.text;
        let first = (0..text.len()).find(|at| writing(text, *at).is_some())?;
        let mut layer = Self { text: text[..first].to_vec(), at: (0..first).map(|at| self.short(at)).collect() };
        let mut at = first;
        while at < text.len() {
            match writing(text, at) {
                Some((spelt, length)) => {
                    layer.at.extend(spelt.iter().map(|_| self.short(at)));
                    layer.text.extend_from_slice(&spelt);
                    at += length;
                }
                None => {
                    layer.at.push(self.short(at));
                    layer.text.push(text[at]);
                    at += 1;
                }
            }
        }
        layer.at.push(self.short(text.len()));
        Some(layer)
    }

    fn short(&self, at: usize) -> u32 {
        u32::try_from(self.place(at)).unwrap_or(u32::MAX)
    }
}

/// The string of JSON that stands in `text` there, without its escapes.
pub(super) fn string(text: &[u8], inner: &Range<usize>) -> Option<Layer> {
    let whole =
        Layer { text: text[inner.clone()].to_vec(), at: (inner.start..=inner.end).map(|at| at as u32).collect() };
    whole.read(escapes)
}

/// The text as it is, and as it may be meant.
pub(super) fn layers(text: &[u8]) -> Vec<Layer> {
    const WRITINGS: [Writing; 5] = [escapes, percent, form, entities, unwrapped];
    let mut layers = vec![Layer::raw(text)];
    let mut begun = 0;
    for _ in 0..DEEP {
        let end = layers.len();
        for nth in begun..end {
            for writing in WRITINGS {
                let Some(layer) = layers[nth].read(writing) else { continue };
                if layers.len() < MOST && layers.iter().all(|other| other.text != layer.text) {
                    layers.push(layer);
                }
            }
        }
        begun = end;
    }
    layers
}

/// What stands there in other words, and how long that is.
type Writing = fn(&[u8], usize) -> Option<(Spelt, usize)>;

fn escapes(text: &[u8], at: usize) -> Option<(Spelt, usize)> {
    (text[at] == b'\\').then(|| escape(&text[at..]))?
}

fn percent(text: &[u8], at: usize) -> Option<(Spelt, usize)> {
    (text[at] == b'%').then(|| Some((Spelt::byte(u8::try_from(hex(text.get(at + 1..at + 3))?).ok()?), 3)))?
}

/// As in a form, where a plus is a blank.
fn form(text: &[u8], at: usize) -> Option<(Spelt, usize)> {
    if text[at] == b'+' { Some((Spelt::byte(b' '), 1)) } else { percent(text, at) }
}

fn entities(text: &[u8], at: usize) -> Option<(Spelt, usize)> {
    const NAMED: [(&[u8], u8); 5] = [(b"amp", b'&'), (b"quot", b'"'), (b"apos", b'\''), (b"lt", b'<'), (b"gt", b'>')];
    if text[at] != b'&' {
        return None;
    }
    let length = text[at + 1..].iter().take(10).position(|byte| *byte == b';')?;
    let name = &text[at + 1..at + 1 + length];
    let spelt = match name.strip_prefix(b"#") {
        Some(number) => {
            let code = match number.strip_prefix(b"x").or_else(|| number.strip_prefix(b"X")) {
                Some(digits) => hex(Some(digits)),
                None => str::from_utf8(number).ok()?.parse().ok(),
            };
            Spelt::char(char::from_u32(code?)?)
        }
        None => Spelt::byte(NAMED.iter().find(|(known, _)| *known == name)?.1),
    };
    Some((spelt, length + 2))
}

/// Base64 is broken into lines.
fn unwrapped(text: &[u8], at: usize) -> Option<(Spelt, usize)> {
    let is_base64 =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte));
    let length = match text[at] {
        b'\r' if text.get(at + 1) == Some(&b'\n') => 2,
        b'\n' => 1,
        _ => return None,
    };
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    (is_base64(before) && is_base64(text.get(at + length))).then(|| (Spelt::nothing(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where `wanted` is found in some layer of the text, as it stands in the text.
    fn found(text: &str, wanted: &str) -> Option<String> {
        layers(text.as_bytes()).iter().find_map(|layer| {
            let begun = layer.text().windows(wanted.len()).position(|here| here == wanted.as_bytes())?;
            Some(text[layer.range(&(begun..begun + wanted.len()))].to_owned())
        })
    }

    #[test]
    fn a_text_is_found_however_it_is_written() {
        let wanted = "p&ss \"é\\%41";
        for text in [
            r#"p&ss "é\%41"#,
            r#"p&ss \"é\\%41"#,
            r#"p\u0026ss \u0022\u00e9\u005C%41"#,
            "p%26ss+%22%c3%A9%5C%2541",
            "p%26ss%20%22%C3%A9%5c%2541",
            "p&amp;ss &quot;&#233;\\%41",
            "p%2526ss%2520%2522%25C3%25A9%255c%252541",
            r#"p\\u0026ss \\\"é\\\\%41"#,
            "p&amp;amp;ss &#x22;é\\%41",
        ] {
            assert_eq!(found(&format!("<{text}>"), wanted).as_deref(), Some(text), "{text}");
        }
        assert_eq!(found("QUJD\r\nREVG\nMTIz", "QUJDREVGMTIz").as_deref(), Some("QUJD\r\nREVG\nMTIz"));
        assert_eq!(found("p&ss", wanted), None);
    }

    #[test]
    fn what_is_written_no_other_way_has_one_layer_and_nothing_has_too_many() {
        assert_eq!(layers(b"{\"a\": 1}").len(), 1);
        let odd = "%25%5C%26amp;\\u0025+\\n%0aA".repeat(50);
        assert!(layers(odd.as_bytes()).len() <= MOST);
        for odd in ["%", "\\", "&", "%4", "\\u00", "&#x110000;", "&;", "\n", "\r\n"] {
            layers(odd.as_bytes());
        }
    }
}
