//! The server's side of NTLM: a challenge, and whether its answer proves that the password is known ([MS-NLMP] section 3.2.5).
//!
//! Only NTLMv2 is let in. This shares no code with the engine's client; Python's `requests-ntlm` is the witness for both.

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;

/// Unicode, target name, NTLM, the target is a domain, always sign, NTLMv2 session security, target information, 128 and 56 bits. No key exchange:
/// nothing is sealed over HTTP.
const FLAGS: u32 = 0xA089_8205;
/// A version is told, which moves what stands behind it.
const VERSION: u32 = 0x0200_0000;
const UNICODE: u32 = 1;
/// The message has an integrity code.
const HAS_CODE: u32 = 2;

const TARGET_PAIR_DOMAIN: u16 = 2;
const TARGET_PAIR_SERVER: u16 = 1;
const TARGET_PAIR_DNS_DOMAIN: u16 = 4;
const TARGET_PAIR_DNS_SERVER: u16 = 3;
const TARGET_PAIR_FLAGS: u16 = 6;
const TARGET_PAIR_TIME: u16 = 7;

/// Why an answer does not let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is no answer at all, or does not fit to the challenge.
    Malformed,
    /// It is of a kind before NTLMv2.
    Old,
    /// Another user, or another password.
    Wrong,
}

/// A user who may come in.
pub(super) struct Known<'a> {
    pub(super) domain: &'a str,
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

/// A challenge that waits for its answer on one connection.
pub(super) struct Pending {
    first: Vec<u8>,
    nonce: [u8; 8],
    time: [u8; 8],
    /// What the challenge tells of the target.
    told: Vec<u8>,
    /// The second message.
    pub(super) challenge: Vec<u8>,
}

/// Whether it is the first or the third message; `None` for anything else.
pub(super) fn kind(message: &[u8]) -> Option<u32> {
    if message.starts_with(b"NTLMSSP\0") { word(message, 8) } else { None }
}

impl Pending {
    /// Answers the first message; `None` if nobody could.
    pub(super) fn new(first: &[u8], domain: &str) -> Option<Self> {
        if kind(first)? != 1 || word(first, 12)? & UNICODE == 0 {
            return None;
        }
        let nonce: [u8; 8] = rand::random();
        // Units of 100 ns since 1601.
        let time = (jiff::Timestamp::now().as_microsecond() * 10 + 116_444_736_000_000_000).to_le_bytes();
        let lower = domain.to_lowercase();
        let mut told = Vec::new();
        for (id, value) in [
            (TARGET_PAIR_DOMAIN, wide(domain)),
            (TARGET_PAIR_SERVER, wide("XPROTECT")),
            (TARGET_PAIR_DNS_DOMAIN, wide(&format!("{lower}.example"))),
            (TARGET_PAIR_DNS_SERVER, wide(&format!("xprotect.{lower}.example"))),
            (TARGET_PAIR_TIME, time.to_vec()),
            (0, Vec::new()),
        ] {
            told.extend(id.to_le_bytes());
            told.extend((value.len() as u16).to_le_bytes());
            told.extend(value);
        }
        let target = wide(domain);
        let mut challenge = b"NTLMSSP\0\x02\0\0\0".to_vec();
        challenge.extend(place(target.len(), 56));
        challenge.extend((FLAGS | (word(first, 12)? & VERSION)).to_le_bytes());
        challenge.extend(nonce);
        challenge.extend([0; 8]);
        challenge.extend(place(told.len(), 56 + target.len()));
        challenge.extend([10, 0, 0, 0, 0, 0, 0, 15]);
        challenge.extend(target);
        challenge.extend(&told);
        Some(Self { first: first.to_vec(), nonce, time, told, challenge })
    }

    /// Whether the third message proves that `known` has sent it.
    pub(super) fn check(&self, third: &[u8], known: &Known<'_>) -> Result<(), Flaw> {
        let field = |at| pointed(third, at).ok_or(Flaw::Malformed);
        let (response, domain, name) = (field(20)?, field(28)?, field(36)?);
        if response.len() == 24 {
            return Err(Flaw::Old);
        }
        let (proof, proven) = response.split_at_checked(16).ok_or(Flaw::Malformed)?;
        let (domain, name) = (narrow(domain).ok_or(Flaw::Malformed)?, narrow(name).ok_or(Flaw::Malformed)?);
        let same = |a: &str, b: &str| upper(a) == upper(b);
        if !same(&domain, known.domain) || !same(&name, known.name) {
            return Err(Flaw::Wrong);
        }
        let told = pairs(proven.get(28..).ok_or(Flaw::Malformed)?).ok_or(Flaw::Malformed)?;
        // Version 1.1, our time, and all that we told: else it answers something else. A client may add to it, and sets the flags.
        let all_of_ours = pairs(&self.told).is_some_and(|ours| ours.iter().all(|pair| told.contains(pair)));
        if !proven.starts_with(&[1, 1]) || proven.get(8..16) != Some(self.time.as_slice()) || !all_of_ours {
            return Err(Flaw::Malformed);
        }
        let owner = keyed(&Md4::digest(wide(known.password)), &[&wide(&upper(&name)), &wide(&domain)]);
        let owner = owner.finalize().into_bytes();
        keyed(&owner, &[&self.nonce, proven]).verify_slice(proof).map_err(|_| Flaw::Wrong)?;
        let flags = told.iter().find(|(id, _)| *id == TARGET_PAIR_FLAGS).and_then(|(_, value)| word(value, 0));
        if flags.unwrap_or_default() & HAS_CODE == 0 {
            // Who is told the time must send a code; the specification's example is of a challenge without.
            let tells_time = pairs(&self.told).is_some_and(|ours| ours.iter().any(|(id, _)| *id == TARGET_PAIR_TIME));
            return if tells_time { Err(Flaw::Malformed) } else { Ok(()) };
        }
        let session = keyed(&owner, &[proof]).finalize().into_bytes();
        // It stands behind a version, or in its place if there is none; with the flag there is one.
        let code_at = if word(third, 60).is_some_and(|flags| flags & VERSION != 0) { 72 } else { 64 };
        let (head, rest) = third.split_at_checked(code_at).ok_or(Flaw::Malformed)?;
        let (code, payload) = rest.split_at_checked(16).ok_or(Flaw::Malformed)?;
        let all: [&[u8]; 5] = [&self.first, &self.challenge, head, &[0; 16], payload];
        keyed(&session, &all).verify_slice(code).map_err(|_| Flaw::Malformed)
    }
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Md5> {
    // HMAC takes keys of any length; a simulator that did not would let nobody in.
    let mut keyed = <Hmac<Md5> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    parts.iter().for_each(|part| keyed.update(part));
    keyed
}

/// Upper case as Windows has it: letter by letter, and what would become several stays as it is.
fn upper(text: &str) -> String {
    let one = |letter: char| {
        let mut upper = letter.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => letter,
        }
    };
    text.chars().map(one).collect()
}

/// What is told of the target; `None` if it cannot be read.
fn pairs(mut told: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut pairs = Vec::new();
    loop {
        let id = u16::from_le_bytes([*told.first()?, *told.get(1)?]);
        let length = usize::from(u16::from_le_bytes([*told.get(2)?, *told.get(3)?]));
        let value = told.get(4..4 + length)?;
        told = &told[4 + length..];
        match id {
            0 => return Some(pairs),
            _ => pairs.push((id, value)),
        }
    }
}

/// Length, length again, and offset of a field.
fn place(length: usize, offset: usize) -> [u8; 8] {
    let length = (length as u16).to_le_bytes();
    let offset = (offset as u32).to_le_bytes();
    [length[0], length[1], length[0], length[1], offset[0], offset[1], offset[2], offset[3]]
}

fn pointed(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = word(message, at)? as u16;
    let start = word(message, at + 4)? as usize;
    message.get(start..start.checked_add(length.into())?)
}

fn word(message: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(message.get(at..at + 4)?.try_into().ok()?))
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect()
}

fn narrow(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes.chunks(2).filter_map(|unit| Some(u16::from_le_bytes(unit.try_into().ok()?))).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    const KNOWN: Known<'static> = Known { domain: "Domain", name: "User", password: "Password" };

    /// The third message of [MS-NLMP] section 4.2.4, without session key; its challenge told the time 0.
    fn vector() -> (Pending, Vec<u8>) {
        let told = bytes("02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000");
        let nonce = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let pending = Pending { first: Vec::new(), nonce, time: [0; 8], told, challenge: Vec::new() };
        let response = bytes(
            "68cd0ab851e51c96aabc927bebef6a1c 0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000 \
             02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000",
        );
        let (domain, name) = (wide("Domain"), wide("User"));
        let mut third = b"NTLMSSP\0\x03\0\0\0".to_vec();
        third.extend(place(0, 64));
        third.extend(place(response.len(), 64));
        third.extend(place(domain.len(), 64 + response.len()));
        third.extend(place(name.len(), 64 + response.len() + domain.len()));
        third.extend([0; 20]);
        for part in [response, domain, name] {
            third.extend(part);
        }
        (pending, third)
    }

    #[test]
    fn the_answer_of_the_specification_is_let_in() {
        let (pending, third) = vector();
        assert_eq!(kind(&third), Some(3));
        assert_eq!(pending.check(&third, &KNOWN), Ok(()));
        assert_eq!(pending.check(&third, &Known { name: "USER", ..KNOWN }), Ok(()));
    }

    #[test]
    fn who_was_told_the_time_must_send_a_code() {
        let (mut pending, third) = vector();
        pending.told.splice(0..0, bytes("07000800 0000000000000000"));
        assert_eq!(pending.check(&third, &KNOWN), Err(Flaw::Malformed));
    }

    #[test]
    fn all_that_was_told_must_be_told_back() {
        for at in [4, 20] {
            let (mut pending, third) = vector();
            pending.told[at] ^= 1;
            assert_eq!(pending.check(&third, &KNOWN), Err(Flaw::Malformed), "{at}");
        }
    }

    #[test]
    fn letters_are_raised_one_by_one_as_windows_does() {
        assert_eq!((upper("straße").as_str(), upper("Jörg").as_str()), ("STRAßE", "JÖRG"));
    }

    #[test]
    fn no_other_user_password_or_challenge_will_do() {
        let (mut pending, third) = vector();
        for known in [
            Known { password: "password", ..KNOWN },
            Known { name: "Usher", ..KNOWN },
            Known { domain: "Other", ..KNOWN },
        ] {
            assert_eq!(pending.check(&third, &known), Err(Flaw::Wrong));
        }
        pending.nonce[0] ^= 1;
        assert_eq!(pending.check(&third, &KNOWN), Err(Flaw::Wrong));
        pending.nonce[0] ^= 1;
        pending.time[0] = 1;
        assert_eq!(pending.check(&third, &KNOWN), Err(Flaw::Malformed));
    }

    #[test]
    fn an_answer_with_any_part_cut_off_or_changed_is_refused() {
        let (pending, third) = vector();
        for end in 0..third.len() {
            assert!(pending.check(&third[..end], &KNOWN).is_err(), "{end}");
        }
        // Behind the head every byte counts, but for the case of letters.
        for at in 64..third.len() {
            let mut changed = third.clone();
            changed[at] ^= 0x81;
            assert!(pending.check(&changed, &KNOWN).is_err(), "{at}");
        }
    }
}
