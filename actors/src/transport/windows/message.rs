//! The messages of NTLM and what proves that the password is known: [MS-NLMP] sections 2.2.1 and 3.3.2.

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use secrecy::{ExposeSecret, zeroize::Zeroizing};

use super::WindowsLogin;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

// NEGOTIATE flags, section 2.2.2.5.
const UNICODE: u32 = 0x0000_0001;
const REQUEST_TARGET: u32 = 0x0000_0004;
const NTLM: u32 = 0x0000_0200;
const ALWAYS_SIGN: u32 = 0x0000_8000;
const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
const TARGET_INFO: u32 = 0x0080_0000;
const VERSION: u32 = 0x0200_0000;
const BITS_128: u32 = 0x2000_0000;
const BITS_56: u32 = 0x8000_0000;

/// What we offer. Nothing is signed or sealed over HTTP, so no key is exchanged; 128 bits are asked for because Windows may demand that.
const OFFERED: u32 = UNICODE
    | REQUEST_TARGET
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SESSION_SECURITY
    | TARGET_INFO
    | VERSION
    | BITS_128
    | BITS_56;

/// 10.0, and the revision of NTLM. Nobody goes by it, but without it servers disagree on where the integrity code stands (pyspnego).
const OUR_VERSION: [u8; 8] = [10, 0, 0, 0, 0, 0, 0, 15];

// Ids of AV pairs, section 2.2.2.1.
const AV_END: u16 = 0;
const AV_FLAGS: u16 = 6;
const AV_TIMESTAMP: u16 = 7;
/// In the flags: the message has an integrity code.
const AV_HAS_CODE: u32 = 0x0000_0002;

/// Where the integrity code stands in the third message, and where its payload begins.
const CODE_AT: usize = 72;
const PAYLOAD_AT: usize = 88;

/// The most that a server may say of itself, in bytes. It goes back in the answer, in a field with 16 bits for its length.
const MOST_TOLD: usize = 1 << 15;

/// From 1601, where Windows begins to count, to 1970, in units of 100 ns.
const EPOCH: i128 = 116_444_736_000_000_000;

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChallengeError {
    #[error("it is not an NTLM challenge")]
    NoChallenge,
    #[error("it is cut off")]
    CutOff,
    #[error("it says more of itself than an answer can hold")]
    TooLong,
    #[error("it wants names in a code page, not in Unicode")]
    NoUnicode,
}

/// The second message: what the server wants answered.
pub(super) struct Challenge {
    /// As it came, for the integrity code.
    whole: Vec<u8>,
    flags: u32,
    nonce: [u8; 8],
    /// What the server says of itself, without the end mark.
    pairs: Vec<(u16, Vec<u8>)>,
}

/// What is different in each answer.
pub(super) struct Moment {
    /// Chosen at random.
    pub(super) nonce: [u8; 8],
    /// For a server that does not tell its own time.
    pub(super) time: [u8; 8],
}

impl Moment {
    pub(super) fn now() -> Self {
        let since_1970 = jiff::Timestamp::now().as_nanosecond() / 100;
        let time = u64::try_from(since_1970 + EPOCH).unwrap_or_default();
        Self { nonce: rand::random(), time: time.to_le_bytes() }
    }
}

/// The first message. It names neither user nor machine.
pub(super) fn negotiate() -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend_from_slice(&1_u32.to_le_bytes());
    message.extend_from_slice(&OFFERED.to_le_bytes());
    // No domain, no workstation.
    message.extend_from_slice(&[0; 16]);
    message.extend_from_slice(&OUR_VERSION);
    message
}

impl Challenge {
    pub(super) fn read(message: &[u8]) -> Result<Self, ChallengeError> {
        if message.get(..8) != Some(SIGNATURE) || number(message, 8)? != 2 {
            return Err(ChallengeError::NoChallenge);
        }
        let flags = number(message, 20)?;
        if flags & UNICODE == 0 {
            return Err(ChallengeError::NoUnicode);
        }
        let nonce = array(message, 24)?;
        let told = if flags & TARGET_INFO == 0 { &[] } else { field(message, 40)? };
        if told.len() > MOST_TOLD {
            return Err(ChallengeError::TooLong);
        }
        Ok(Self { whole: message.to_vec(), flags, nonce, pairs: pairs(told)? })
    }

    /// The third message, which answers this one; `first` is the message that this one answered.
    pub(super) fn answer(&self, first: &[u8], login: &WindowsLogin, moment: &Moment) -> Zeroizing<Vec<u8>> {
        let key = key(login.password.expose_secret(), login.user.name(), login.user.domain());
        let theirs = self.pairs.iter().find(|(id, _)| *id == AV_TIMESTAMP);
        let theirs = theirs.and_then(|(_, time)| <[u8; 8]>::try_from(time.as_slice()).ok());
        // A server that tells its time wants the three messages bound together, and no answer of the second kind.
        let coded = theirs.is_some();
        let response = self.response(&key, &moment.nonce, theirs.unwrap_or(moment.time), coded);
        let lm = if coded { [0; 24] } else { self.lm_response(&key, &moment.nonce) };
        let mut message = self.third_message(login, &lm, &response);
        if coded {
            let session = Zeroizing::new(hmac(&key, &[&response[..16]]));
            let code = hmac(&session, &[first, &self.whole, &message]);
            message[CODE_AT..PAYLOAD_AT].copy_from_slice(&code);
        }
        message
    }

    /// Puts the third message together, with nothing in place of the integrity code.
    fn third_message(&self, login: &WindowsLogin, lm: &[u8], response: &[u8]) -> Zeroizing<Vec<u8>> {
        let (domain, name) = (utf16(login.user.domain()), utf16(login.user.name()));
        // In this order: LM and NT response, domain, user, workstation, session key.
        let fields: [&[u8]; 6] = [lm, response, &domain, &name, &[], &[]];
        let mut message = Zeroizing::new(SIGNATURE.to_vec());
        message.extend_from_slice(&3_u32.to_le_bytes());
        let mut at = PAYLOAD_AT;
        for field in fields {
            // Neither names nor what a server may say of itself are this long.
            let length = u16::try_from(field.len()).unwrap_or(u16::MAX).to_le_bytes();
            message.extend_from_slice(&length);
            message.extend_from_slice(&length);
            message.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
            at += field.len();
        }
        message.extend_from_slice(&((OFFERED & self.flags) | VERSION).to_le_bytes());
        message.extend_from_slice(&OUR_VERSION);
        message.resize(PAYLOAD_AT, 0);
        for field in fields {
            message.extend_from_slice(field);
        }
        message
    }

    /// The NTLMv2 response: the proof, and what it proves.
    fn response(&self, key: &[u8; 16], nonce: &[u8; 8], time: [u8; 8], coded: bool) -> Vec<u8> {
        let mut proven = vec![1, 1, 0, 0, 0, 0, 0, 0];
        proven.extend_from_slice(&time);
        proven.extend_from_slice(nonce);
        proven.extend_from_slice(&[0; 4]);
        let mut flags = if coded { AV_HAS_CODE } else { 0 };
        for (id, value) in &self.pairs {
            match (id, <[u8; 4]>::try_from(value.as_slice())) {
                (&AV_FLAGS, Ok(theirs)) => flags |= u32::from_le_bytes(theirs),
                _ => pair(&mut proven, *id, value),
            }
        }
        if flags != 0 {
            pair(&mut proven, AV_FLAGS, &flags.to_le_bytes());
        }
        pair(&mut proven, AV_END, &[]);
        proven.extend_from_slice(&[0; 4]);
        let mut response = hmac(key, &[&self.nonce, &proven]).to_vec();
        response.append(&mut proven);
        response
    }

    /// The LMv2 response.
    fn lm_response(&self, key: &[u8; 16], nonce: &[u8; 8]) -> [u8; 24] {
        let mut response = [0; 24];
        response[..16].copy_from_slice(&hmac(key, &[&self.nonce, nonce]));
        response[16..].copy_from_slice(nonce);
        response
    }
}

/// What stands for the password of this user from here on: NTOWFv2.
fn key(password: &str, name: &str, domain: &str) -> Zeroizing<[u8; 16]> {
    let password = Zeroizing::new(utf16(password));
    let hash: Zeroizing<[u8; 16]> = Zeroizing::new(Md4::digest(password.as_slice()).into());
    // Windows turns each character into one: a name keeps its length.
    let upper: String = name.chars().map(|char| single(char.to_uppercase()).unwrap_or(char)).collect();
    Zeroizing::new(hmac(&hash, &[&utf16(&upper), &utf16(domain)]))
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    if chars.next().is_none() { first } else { None }
}

fn hmac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    // A shorter key is one with zeros behind it (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block[..16].copy_from_slice(key);
    let mut hmac = Hmac::<Md5>::new(&(*block).into());
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn pair(to: &mut Vec<u8>, id: u16, value: &[u8]) {
    to.extend_from_slice(&id.to_le_bytes());
    to.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.extend_from_slice(value);
}

/// The AV pairs up to their end mark.
fn pairs(mut bytes: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, ChallengeError> {
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let [id_low, id_high, length_low, length_high] = array(bytes, 0)?;
        let (id, length) = (u16::from_le_bytes([id_low, id_high]), u16::from_le_bytes([length_low, length_high]));
        if id == AV_END {
            break;
        }
        let (value, rest) = bytes[4..].split_at_checked(length.into()).ok_or(ChallengeError::CutOff)?;
        pairs.push((id, value.to_vec()));
        bytes = rest;
    }
    Ok(pairs)
}

/// What a field in the head of a message points at.
fn field(message: &[u8], at: usize) -> Result<&[u8], ChallengeError> {
    let [low, high, _, _] = array(message, at)?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    let start = usize::try_from(number(message, at + 4)?).map_err(|_| ChallengeError::CutOff)?;
    let end = start.checked_add(length).ok_or(ChallengeError::CutOff)?;
    message.get(start..end).ok_or(ChallengeError::CutOff)
}

fn number(message: &[u8], at: usize) -> Result<u32, ChallengeError> {
    array(message, at).map(u32::from_le_bytes)
}

fn array<const N: usize>(message: &[u8], at: usize) -> Result<[u8; N], ChallengeError> {
    let bytes = message.get(at..).and_then(|rest| rest.first_chunk()).copied();
    bytes.ok_or(ChallengeError::CutOff)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::transport::WindowsUser;

    // The vectors of [MS-NLMP] section 4.2.4: User, Domain and Password are those words.
    const CHALLENGE: &str = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000\
        06007017 0000000f 530065007200760065007200 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000";
    const NONCE: [u8; 8] = [0xaa; 8];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn login() -> WindowsLogin {
        let password = SecretString::from("Password".to_owned());
        WindowsLogin { user: WindowsUser::parse("Domain\\User").unwrap(), password }
    }

    /// The vector with the server's time in it.
    fn timed() -> Challenge {
        let mut challenge = Challenge::read(&bytes(CHALLENGE)).unwrap();
        challenge.pairs.push((AV_TIMESTAMP, vec![1, 2, 3, 4, 5, 6, 7, 8]));
        challenge
    }

    #[test]
    fn the_vectors_of_the_specification_come_out() {
        let key = key("Password", "User", "Domain");
        assert_eq!(key.to_vec(), bytes("0c868a403bfd7a93a3001ef22ef02e3f"), "4.2.4.1.1 NTOWFv2");
        let challenge = Challenge::read(&bytes(CHALLENGE)).unwrap();
        let lm = challenge.lm_response(&key, &NONCE);
        assert_eq!(lm.to_vec(), bytes("86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa"), "4.2.4.2.1 LMv2 response");
        let response = challenge.response(&key, &NONCE, [0; 8], false);
        assert_eq!(response[..16], bytes("68cd0ab851e51c96aabc927bebef6a1c"), "4.2.4.2.2 NTLMv2 response");
        let session = hmac(&key, &[&response[..16]]);
        assert_eq!(session.to_vec(), bytes("8de40ccadbc14a82f15cb0ad0de95ca3"), "4.2.4.1.2 session base key");
    }

    #[test]
    fn an_answer_names_the_user_and_holds_both_responses() {
        let challenge = Challenge::read(&bytes(CHALLENGE)).unwrap();
        let moment = Moment { nonce: NONCE, time: [0; 8] };
        let message = challenge.answer(&negotiate(), &login(), &moment);
        assert_eq!(field(&message, 12).unwrap(), bytes("86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa"));
        assert_eq!(field(&message, 20).unwrap()[..16], bytes("68cd0ab851e51c96aabc927bebef6a1c"));
        assert_eq!(field(&message, 28).unwrap(), utf16("Domain"));
        assert_eq!(field(&message, 36).unwrap(), utf16("User"));
        assert_eq!(message[CODE_AT..PAYLOAD_AT], [0; 16], "nobody asked for a code");
        assert!(!String::from_utf8_lossy(&message).contains("P\0a\0s\0s"));
    }

    #[test]
    fn a_server_that_tells_its_time_gets_its_own_and_a_code_over_all_messages() {
        let challenge = timed();
        let message = challenge.answer(&negotiate(), &login(), &Moment { nonce: NONCE, time: [9; 8] });
        assert_eq!(field(&message, 12).unwrap(), [0; 24]);
        let response = field(&message, 20).unwrap();
        assert_eq!(response[24..32], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(pairs(&response[44..]).unwrap().contains(&(AV_FLAGS, AV_HAS_CODE.to_le_bytes().to_vec())));
        let key = key("Password", "User", "Domain");
        let mut bare = message.to_vec();
        bare[CODE_AT..PAYLOAD_AT].fill(0);
        let code = hmac(&hmac(&key, &[&response[..16]]), &[&negotiate(), &challenge.whole, &bare]);
        assert_eq!(message[CODE_AT..PAYLOAD_AT], code);
    }

    #[test]
    fn each_answer_is_another() {
        let challenge = timed();
        let answer = || challenge.answer(&negotiate(), &login(), &Moment::now());
        assert_ne!(*answer(), *answer());
    }

    #[test]
    fn only_letters_that_stay_one_are_made_upper() {
        assert_eq!(*key("p", "straße", "D"), *key("p", "STRAßE", "D"));
        assert_eq!(*key("p", "müller", "D"), *key("p", "MÜLLER", "D"));
        assert_ne!(*key("p", "straße", "D"), *key("p", "STRASSE", "D"));
        assert_ne!(*key("p", "u", "d"), *key("p", "u", "D"), "the domain is taken as it is");
    }

    #[test]
    fn what_is_no_challenge_says_so() {
        let good = bytes(CHALLENGE);
        assert_eq!(Challenge::read(b"garbage").err(), Some(ChallengeError::NoChallenge));
        assert_eq!(Challenge::read(&negotiate()).err(), Some(ChallengeError::NoChallenge));
        assert_eq!(Challenge::read(&good[..good.len() - 6]).err(), Some(ChallengeError::CutOff));
        let mut oem = good;
        oem[20] &= !1;
        assert_eq!(Challenge::read(&oem).err(), Some(ChallengeError::NoUnicode));
    }

    proptest! {
        #[test]
        fn whatever_a_server_sends_nothing_breaks(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..120) {
            let mut message = bytes(CHALLENGE);
            for (place, byte) in message.iter_mut().skip(at).zip(&noise) {
                *place = *byte;
            }
            for text in [&message, &noise] {
                if let Ok(challenge) = Challenge::read(text) {
                    challenge.answer(&negotiate(), &login(), &Moment { nonce: NONCE, time: [0; 8] });
                }
            }
        }
    }
}
