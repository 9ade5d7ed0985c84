//! Ids of devices and components. Home Assistant takes letters, digits, `_` and `-` in its topics, and nothing else.

use std::fmt::Write;

use ring::digest;
use watchpost_actors::model::ConnectionName;

/// Letters of an id that are there for people to read.
const READABLE: usize = 48;

/// What all ids of one watchpost begin with.
#[derive(Clone, Debug)]
pub(super) struct Namespace(String);

impl Namespace {
    /// That of the prefix of our own topics: two watchposts at one broker have different ones.
    pub(super) fn new(prefix: &str) -> Self {
        Self(format!("watchpost-{}-", hash(&[prefix], 4)))
    }

    /// The id of a connection's device.
    pub(super) fn connection(&self, connection: &ConnectionName) -> String {
        self.id(&[connection.as_str()])
    }

    /// The id of an item's device.
    pub(super) fn item(&self, connection: &ConnectionName, item: &str) -> String {
        self.id(&[connection.as_str(), item])
    }

    /// An id that begins like those and is none of them, for all have a hash at their end.
    pub(super) fn nobody(&self) -> String {
        format!("{}check", self.0)
    }

    /// What can be read of it is not unique; the hash behind it is.
    fn id(&self, parts: &[&str]) -> String {
        let mut id = self.0.clone();
        for c in parts.join("-").chars().take(READABLE) {
            match c {
                c if c.is_ascii_alphanumeric() => id.push(c.to_ascii_lowercase()),
                _ if id.ends_with('-') => {}
                _ => id.push('-'),
            }
        }
        if !id.ends_with('-') {
            id.push('-');
        }
        id + &hash(&[&*self.0, &parts.join("\0")], 8)
    }

    /// Whether a device's id is one of these.
    pub(super) fn owns(&self, device: &str) -> bool {
        device.starts_with(&self.0)
    }
}

/// The id of a state's component: the vendor's id of its group where that is a word or a GUID, for names may be looked up later or change.
pub(super) fn component(vendor_group: &str) -> String {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = (1..=64).contains(&vendor_group.len()) && vendor_group.chars().all(is_word);
    // No word has a `-` in it, and no GUID begins with `h-`.
    if is_plain || is_guid(vendor_group) { vendor_group.to_owned() } else { format!("h-{}", hash(&[vendor_group], 8)) }
}

/// Whether it looks like `6eb95dd6-7ccc-4bce-99f8-af0d0b582d77`.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

/// So many bytes of SHA-256, in hexadecimal digits.
fn hash(parts: &[&str], bytes: usize) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().iter().take(bytes).fold(String::new(), |mut hash, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}
