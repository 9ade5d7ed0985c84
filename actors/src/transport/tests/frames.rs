//! Frames and messages without a network.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{
    super::{
        CloseReason, Incoming,
        assembler::{Assembler, Step},
        frame::{self, FrameError, Header, Opcode},
    },
    server,
};

/// Feeds the pieces one by one and notes what comes of them, until an error or a close frame.
fn assemble(pieces: &[&[u8]], max_message: usize) -> (Vec<String>, Option<CloseReason>) {
    let mut assembler = Assembler::new(max_message);
    let mut buffer = BytesMut::new();
    let mut came = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match assembler.next(&mut buffer, usize::MAX) {
                Ok(Step::Message(message)) => came.push(server::spelled(&message)),
                Ok(Step::Ping(payload)) => came.push(format!("ping {payload:?}")),
                Ok(Step::Close { code, reason }) => {
                    came.push(format!("close {code:?} {reason}"));
                    return (came, None);
                }
                Ok(Step::NeedsBytes(_)) => break,
                Ok(step @ (Step::NoRoom | Step::NeedsPermit(_))) => panic!("unexpected {step:?}"),
                Err(reason) => return (came, Some(reason)),
            }
        }
    }
    (came, None)
}

/// Cuts at the given places, in any order.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    let mut start = 0;
    places.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

/// A legal conversation: whole and fragmented messages, with control frames anywhere.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let control = prop_oneof![Just(server::PING), Just(server::PONG)];
    let controls = prop::collection::vec((control, prop::collection::vec(any::<u8>(), 0..126)), 0..3);
    let length = prop_oneof![0..40_usize, 100..200_usize, 65_530..65_540_usize];
    let text = (length, prop::sample::select(vec!["a", "ä", "€", "😀"]))
        .prop_map(|(length, letter)| letter.repeat(length / letter.len()));
    let message = (text, prop::collection::vec(any::<prop::sample::Index>(), 0..4), controls, any::<bool>());
    prop::collection::vec(message, 1..6).prop_map(|messages| {
        let mut bytes = Vec::new();
        for (text, cuts, controls, binary) in messages {
            let places: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            let pieces = cut(text.as_bytes(), &places);
            for (index, piece) in pieces.iter().enumerate() {
                let opcode = if index > 0 {
                    0
                } else if binary {
                    2
                } else {
                    1
                };
                let last = if index + 1 == pieces.len() { 0x80 } else { 0 };
                bytes.extend(server::frame(opcode | last, piece));
                if let Some((control, payload)) = controls.get(index) {
                    bytes.extend(server::frame(*control, payload));
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), places in prop::collection::vec(any::<usize>(), 0..5)) {
        if let Ok(Some(header)) = frame::header(&bytes) {
            prop_assert!(header.header_len <= frame::MAX_HEADER.min(bytes.len()));
            prop_assert_eq!(header.len >> 63, 0);
        }
        let whole = assemble(&[&bytes], 1000);
        prop_assert_eq!(assemble(&cut(&bytes, &places), 1000), whole, "however the bytes are cut");
    }

    #[test]
    fn a_written_frame_is_read_as_it_was(length in prop_oneof![0..200_usize, 65_530..70_000_usize], seed: u8, mask: [u8; 4], which in 0..4_usize) {
        let opcode = [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Continuation][which];
        let payload: Vec<u8> = (0..length).map(|index| (index as u8).wrapping_mul(seed)).collect();
        let payload = if opcode.is_control() { &payload[..payload.len().min(frame::MAX_CONTROL)] } else { &payload[..] };
        let mut bytes = BytesMut::new();
        frame::write_masked(&mut bytes, opcode, payload, mask);
        let header = frame::header(&bytes).unwrap().unwrap();
        let Header { fin, masked, len, header_len, .. } = header;
        prop_assert_eq!((fin, header.opcode, masked, len), (true, opcode, true, payload.len() as u64));
        prop_assert_eq!(&bytes[header_len - 4..header_len], &mask);
        let unmasked: Vec<u8> = bytes[header_len..].iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]).collect();
        prop_assert_eq!(unmasked, payload);
        for short in 0..header_len {
            prop_assert_eq!(frame::header(&bytes[..short]), Ok(None), "a header of {} bytes", short);
        }
    }

    #[test]
    fn any_split_of_the_stream_gives_the_same_messages(bytes in conversation(), places in prop::collection::vec(any::<usize>(), 0..40)) {
        let whole = assemble(&[&bytes], 1 << 20);
        prop_assert_eq!(&whole.1, &None);
        prop_assert!(!whole.0.is_empty());
        prop_assert_eq!(assemble(&cut(&bytes, &places), 1 << 20), whole);
    }
}

#[test]
fn each_breach_of_the_protocol_is_named() {
    let breach = |bytes: &[u8]| assemble(&[bytes], 1000).1;
    let protocol = |error| Some(CloseReason::Protocol(error));
    assert_eq!(breach(&[0xC1, 0]), protocol(FrameError::ReservedBit));
    assert_eq!(breach(&[0x83, 0]), protocol(FrameError::UnknownOpcode(3)));
    assert_eq!(breach(&[0x8B, 0]), protocol(FrameError::UnknownOpcode(11)));
    assert_eq!(breach(&[0x09, 0]), protocol(FrameError::FragmentedControl));
    assert_eq!(breach(&[0x89, 126]), protocol(FrameError::LongControl));
    assert_eq!(breach(&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), protocol(FrameError::LengthOverflow));
    assert_eq!(breach(&[0x81, 0x80, 1, 2, 3, 4]), protocol(FrameError::Masked));
    assert_eq!(breach(&[0x80, 0]), protocol(FrameError::StrayContinuation));
    assert_eq!(breach(&[0x01, 0, 0x81, 0]), protocol(FrameError::Interleaved));
    assert_eq!(breach(&server::frame(server::TEXT, [0xFF])), Some(CloseReason::NotUtf8));
    assert_eq!(breach(&server::frame(server::BINARY, [0xFF])), None);
}

#[test]
fn a_message_over_the_limit_is_refused_at_the_header_that_exceeds_it() {
    let too_large = |declared| Some(CloseReason::TooLarge { declared, limit: 1000 });
    assert_eq!(assemble(&[&server::head(server::TEXT, 1001)], 1000).1, too_large(1001));
    assert_eq!(assemble(&[&server::head(server::TEXT, 1 << 40)], 1000).1, too_large(1 << 40));
    let mut fragments = server::frame(server::TEXT_BEGINS, "x".repeat(600));
    fragments.extend(server::head(server::CONTINUES, 401));
    assert_eq!(assemble(&[&fragments], 1000).1, too_large(1001));
    assert_eq!(assemble(&[&server::head(server::TEXT, 1000)], 1000).1, None);
}

#[test]
fn a_large_message_asks_for_its_share_before_its_body() {
    let mut assembler = Assembler::new(32 << 20);
    let mut buffer = BytesMut::from(&server::head(server::TEXT, 3 << 20)[..]);
    assert!(matches!(assembler.next(&mut buffer, usize::MAX), Ok(Step::NeedsPermit(size)) if size == 3 << 20));

    // The size of fragments is not known before the last: the share is for the worst case.
    let mut assembler = Assembler::new(32 << 20);
    let mut buffer = BytesMut::from(&server::head(server::TEXT_BEGINS, 3 << 20)[..]);
    assert!(matches!(assembler.next(&mut buffer, usize::MAX), Ok(Step::NeedsPermit(size)) if size == 32 << 20));
}

#[test]
fn a_message_beyond_the_room_stays_where_it_is() {
    let mut assembler = Assembler::new(1000);
    let mut buffer = BytesMut::from(&server::frame(server::TEXT, "0123456789")[..]);
    assert!(matches!(assembler.next(&mut buffer, 9), Ok(Step::NoRoom)));
    assert!(matches!(assembler.next(&mut buffer, 10), Ok(Step::Message(Incoming::Text(text))) if text == "0123456789"));
}
