//! Takes secrets and hosts out of texts: each by a placeholder of its own, the same wherever it occurs.
//!
//! What is known to be secret is taken out wherever and however it is spelled; what only stands where secrets stand is learned on the way, and known from
//! then on. A short one is taken out where it stands, and not learned: four digits may be anything elsewhere.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Bound, Range};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::find::{Kind, in_text};
use super::json::in_json;
use super::layers::{Layer, layers};
use super::names::{is_telling, is_telling_field, is_word};
use super::spelling::{others, within_base64};

/// What was found by its place alone is known from then on if it has so many bytes.
const LONG: usize = 8;
/// What is known for sure to be a secret is taken out everywhere if it has so many bytes.
const LONG_ENOUGH: usize = 4;

/// Which text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Perhaps JSON.
    Body,
    /// Any other.
    Text,
}

/// So many secrets are known at most, and none of those that are only found by their place beyond: a server must not fill the memory with them.
const MOST: usize = 100_000;

/// What is known, and what is shown in its place.
#[derive(Default)]
pub(super) struct Veil {
    shown: HashMap<Vec<u8>, String>,
    hosts: HashMap<String, String>,
    /// In any form that a text may have in which it is looked for.
    secrets: Known,
    /// In small letters.
    places: Known,
}

/// Texts, sorted: so the longest that something begins with is found in as many steps as the number of texts has digits.
#[derive(Default)]
struct Known {
    texts: BTreeMap<Vec<u8>, String>,
    /// By which two bytes they begin.
    begin: HashSet<[u8; 2]>,
}

impl Known {
    fn add(&mut self, text: &[u8], shown: &str) {
        let [first, second, ..] = text else { return };
        self.begin.insert([*first, *second]);
        self.texts.entry(text.to_vec()).or_insert_with(|| shown.to_owned());
    }

    /// The longest that `here` begins with and that `is_meant`.
    fn longest(&self, here: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<(&[u8], &str)> {
        let [first, second, ..] = here else { return None };
        if !self.begin.contains(&[*first, *second]) {
            return None;
        }
        let mut within = here;
        while within.len() > 1 {
            let upto = (Bound::Unbounded, Bound::Included(within));
            let (text, shown) = self.texts.range::<[u8], _>(upto).next_back()?;
            if within.starts_with(text) {
                if is_meant(text) {
                    return Some((text, shown));
                }
                within = &within[..text.len() - 1];
            } else {
                let same = text.iter().zip(within).take_while(|(a, b)| a == b).count();
                within = &within[..same];
            }
        }
        None
    }
}

impl Veil {
    /// This is a secret, wherever it occurs and in whatever form.
    pub(super) fn conceal(&mut self, secret: &str) {
        let shown = self.learn(secret.as_bytes(), LONG_ENOUGH);
        if secret.len() >= LONG_ENOUGH {
            for other in others(secret) {
                self.secrets.add(&other, &shown);
            }
        }
    }

    /// The placeholder of a text that is a secret here. From `least` bytes on it is one everywhere.
    fn learn(&mut self, secret: &[u8], least: usize) -> String {
        let shown = match self.shown.get(secret) {
            Some(shown) => shown.clone(),
            None if self.shown.len() >= MOST => return "secret".to_owned(),
            None => {
                let shown = shape(secret, &format!("secret-{}", self.shown.len() + 1));
                self.shown.insert(secret.to_vec(), shown.clone());
                for inner in inner(secret) {
                    self.learn(inner.as_bytes(), LONG_ENOUGH);
                }
                shown
            }
        };
        if secret.len() >= least {
            self.secrets.add(secret, &shown);
            for piece in within_base64(secret) {
                self.secrets.add(piece.as_bytes(), &shown);
            }
        }
        shown
    }

    /// A host, perhaps with a port and with a user name before it, as it is written in an address.
    pub(super) fn host(&mut self, authority: &str) -> String {
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
        if let Some((_, password)) = user.and_then(|user| user.split_once(':')) {
            self.learn(password.as_bytes(), LONG_ENOUGH);
        }
        let place = place.to_lowercase().replace("%3a", ":");
        let name = match place.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &place,
        };
        self.one_host(name);
        self.one_host(&place)
    }

    fn one_host(&mut self, place: &str) -> String {
        if let Some(shown) = self.hosts.get(place) {
            return shown.clone();
        }
        let shown = format!("host-{}.invalid", self.hosts.len() + 1);
        self.hosts.insert(place.to_owned(), shown.clone());
        self.places.add(place.as_bytes(), &shown);
        shown
    }

    /// The value of a header or field that is secret as a whole, but for words like `Bearer` and names of cookies.
    pub(super) fn secret_value(&mut self, value: &str) -> String {
        if let Some((scheme, token)) = value.split_once(' ')
            && scheme.chars().all(char::is_alphanumeric)
            && !token.contains([' ', ';'])
            && !token.is_empty()
        {
            return format!("{scheme} {}", self.learn(token.as_bytes(), LONG_ENOUGH));
        }
        let pairs: Vec<_> = value.split(';').map(|pair| pair.trim().split_once('=')).collect();
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        if pairs
            .iter()
            .all(|pair| pair.is_some_and(|(name, value)| is_name(name) && !value.trim_matches('=').is_empty()))
        {
            let shown = pairs
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("{name}={}", self.learn(value.as_bytes(), LONG_ENOUGH)));
            return shown.collect::<Vec<_>>().join("; ");
        }
        if is_word(value) { value.to_owned() } else { self.learn(value.as_bytes(), LONG_ENOUGH) }
    }

    /// A cookie as a server sets it: the name and a placeholder, and whatever else is of no account.
    pub(super) fn set_cookie(&mut self, value: &str) -> String {
        let (pair, rest) = value.split_once(';').unwrap_or((value, ""));
        let Some((name, secret)) = pair.split_once('=') else { return String::new() };
        let shown = match secret.trim() {
            "" => String::new(),
            secret => self.learn(secret.as_bytes(), LONG),
        };
        let ends = rest.to_lowercase().contains("expires") && secret.trim().is_empty();
        format!("{}={shown}{}", self.hide(name.trim(), Form::Text), if ends { "; Max-Age=0" } else { "" })
    }

    /// A header or a field with a name that is no secret by itself.
    pub(super) fn value(&mut self, name: &str, value: &str) -> String {
        if is_telling(name) && !is_word(value) { self.secret_value(value) } else { self.hide(value, Form::Text) }
    }

    /// A field of a form.
    pub(super) fn field(&mut self, name: &str, value: &str) -> String {
        if is_telling_field(name) && !is_word(value) {
            self.learn(value.as_bytes(), LONG)
        } else {
            self.hide(value, Form::Text)
        }
    }

    /// The text without what is secret.
    pub(super) fn hide(&mut self, text: &str, form: Form) -> String {
        String::from_utf8_lossy(&self.hide_bytes(text.as_bytes(), form)).into_owned()
    }

    /// The same of bytes that may be no text.
    pub(super) fn hide_bytes(&mut self, text: &[u8], form: Form) -> Vec<u8> {
        let layers = layers(text);
        let mut places = Vec::new();
        for (nth, layer) in layers.iter().enumerate() {
            let mut found = in_text(layer.text());
            // What is within the strings of JSON it reads itself.
            if nth == 0 && form == Form::Body {
                found.extend(in_json(layer.text()));
            }
            for (range, kind) in found {
                let shown = self.place(&layer.text()[range.clone()], kind);
                places.push((layer.range(&range), shown));
            }
        }
        // Once all is learned.
        for layer in &layers {
            self.known_in(layer, &mut places);
        }
        places.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        without(text, &places)
    }

    /// What is to stand in the place of what was found.
    fn place(&mut self, piece: &[u8], kind: Kind) -> String {
        match kind {
            Kind::Host => self.host(&String::from_utf8_lossy(piece)),
            // Of as many digits, for somebody may count them.
            Kind::Number => "0".to_owned(),
            Kind::Said if piece.iter().all(u8::is_ascii_alphabetic) => self.learn(piece, usize::MAX),
            Kind::Secret | Kind::Said => {
                let plain = unescaped(piece);
                if plain != piece {
                    self.learn(piece, LONG);
                }
                self.learn(&plain, LONG)
            }
        }
    }

    /// Where what is known stands.
    fn known_in(&self, layer: &Layer, places: &mut Vec<(Range<usize>, String)>) {
        let text = layer.text();
        let small = text.to_ascii_lowercase();
        let mut at = 0;
        while at < text.len() {
            let is_secret = |known: &[u8]| !is_common_key(text, at, at + known.len(), known);
            let is_host = |known: &[u8]| is_place(text, at, at + known.len(), known);
            let secret = self.secrets.longest(&text[at..], is_secret);
            let found = secret.or_else(|| self.places.longest(&small[at..], is_host));
            let Some((known, shown)) = found else {
                at += 1;
                continue;
            };
            places.push((layer.range(&(at..at + known.len())), shown.to_owned()));
            at += known.len();
        }
    }
}

/// The text with something else in these places, sorted by where they begin. One that begins within another is hidden with it.
fn without(text: &[u8], places: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (range, shown) in places.iter().filter(|(range, _)| !range.is_empty()) {
        if range.end <= at {
            continue;
        }
        if range.start >= at {
            out.extend_from_slice(&text[at..range.start]);
            out.extend_from_slice(shown.as_bytes());
        }
        at = range.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Veil({} secrets, {} hosts)", self.shown.len(), self.hosts.len())
    }
}

/// Whether the name of a host stands alone, and is no key of JSON.
fn is_place(text: &[u8], from: usize, to: usize, name: &[u8]) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let before = from.checked_sub(1).map(|before| text[before]);
    let behind = text.get(to).copied();
    let goes_on = behind == Some(b'.') && text.get(to + 1).is_some_and(|byte| is_of_name(*byte));
    let alone =
        !before.is_some_and(|byte| is_of_name(byte) || byte == b'.') && !behind.is_some_and(is_of_name) && !goes_on;
    // Such a name may as well be a word.
    alone && (name.contains(&b'.') || name.contains(&b':') || !is_key(text, from, to))
}

/// Whether a word that somebody has as password is a key of JSON here, without which nobody could read it.
fn is_common_key(text: &[u8], from: usize, to: usize, secret: &[u8]) -> bool {
    secret.len() <= 16 && secret.iter().all(u8::is_ascii_alphabetic) && is_key(text, from, to)
}

fn is_key(text: &[u8], from: usize, to: usize) -> bool {
    let quoted = from.checked_sub(1).is_some_and(|before| text[before] == b'"') && text.get(to) == Some(&b'"');
    quoted && text[to + 1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// A string of JSON without its escapes; as it is, where it is none.
fn unescaped(piece: &[u8]) -> Vec<u8> {
    let quoted = [b"\"", piece, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).map_or_else(|_| piece.to_vec(), String::into_bytes)
}

/// The JSON object that a token is the base64 of.
fn object(token: &[u8]) -> Option<Map<String, Value>> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD];
    let bytes = engines.into_iter().find_map(|engine| engine.decode(token).ok())?;
    serde_json::from_slice(&bytes).ok()
}

/// What is secret in such a token.
fn inner(token: &[u8]) -> Vec<String> {
    let members = object(token).into_iter().flatten().filter(|(name, _)| is_telling(name));
    members.filter_map(|(_, value)| Some(value.as_str()?.to_owned())).collect()
}

/// What stands for a secret: where it is the base64 of an object, as VXG's access tokens are, one of the same form, which says for which camera and for what it is good, and
/// nothing else.
fn shape(secret: &[u8], shown: &str) -> String {
    let Some(members) = object(secret) else { return shown.to_owned() };
    let keep = |(name, value): (String, Value)| match &value {
        Value::Number(_) if name.ends_with("id") => Some((name, value)),
        Value::String(word) if name == "access" && word.chars().all(|c| c.is_ascii_lowercase()) => Some((name, value)),
        Value::String(_) if name == "token" => Some((name, Value::from(shown))),
        _ => None,
    };
    let mut kept: Map<String, Value> = members.into_iter().filter_map(keep).collect();
    kept.entry("placeholder").or_insert_with(|| Value::from(shown));
    STANDARD.encode(Value::Object(kept).to_string())
}

#[cfg(test)]
mod leaks;
#[cfg(test)]
mod tests;
