//! Words worked by hand, the ladder stated a second time, and every way to write a word.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// A reading as `enabled connection streaming recording status`: `+` on or online, `-` off or offline, `.` not told.
fn signs(reading: Reading) -> String {
    let sign = |value: Option<bool>| value.map_or(".", |on| if on { "+" } else { "-" });
    let status = reading.status.map_or(".", |status| match status {
        Overall::Online => "online",
        Overall::Offline => "offline",
        Overall::Off => "off",
        Overall::InternetOffline => "internet_offline",
        Overall::PasswordNeeded => "password_needed",
    });
    let Reading { enabled, connection, streaming, recording, .. } = reading;
    format!("{} {} {} {} {status}", sign(enabled), sign(connection), sign(streaming), sign(recording))
}

/// Worked by hand: each word was written in binary, bits 16 to 20 (and 8) looked up in the documented bitmask, and the documented ladder
/// followed with a finger. Bits 17 to 20 stand for on, streaming, recording, registered, so that the digits above the lower 17 bits count
/// 1, 2, 4, 8 for them. Each row: the word, its five groups as [`signs`] writes them, why.
const CAMERAS: &[(u64, &str, &str)] = &[
    // All 16 settings of the four bits, with bit 5 where otherwise nothing would be set.
    (0x0000_0020, "- . - - off", "located, and nothing else"),
    (0x0002_0000, "+ - - - internet_offline", "on"),
    (0x0004_0000, "- . + - off", "streaming"),
    (0x0006_0000, "+ - + - internet_offline", "on, streaming"),
    (0x0008_0000, "- . - + off", "recording"),
    (0x000A_0000, "+ - - + internet_offline", "on, recording"),
    (0x000C_0000, "- . + + off", "streaming, recording"),
    (0x000E_0000, "+ - + + internet_offline", "on, streaming, recording"),
    (0x0010_0000, "- . - - off", "registered, but off"),
    (0x0012_0000, "+ + - - offline", "on, registered"),
    (0x0014_0000, "- . + - off", "streaming, registered"),
    (0x0016_0000, "+ + + - online", "on, streaming, registered"),
    (0x0018_0000, "- . - + off", "recording, registered"),
    (0x001A_0000, "+ + - + offline", "on, recording, registered"),
    (0x001C_0000, "- . + + off", "streaming, recording, registered"),
    (0x001E_0000, "+ + + + online", "all four"),
    // The password counts only where it would be offline otherwise.
    (0x0000_0100, "- . - - off", "off goes before the password"),
    (0x0002_0100, "+ - - - internet_offline", "and so does the internet"),
    (0x0006_0100, "+ - + - internet_offline", "also while it streams"),
    (0x0010_0100, "- . - - off", "registered, off, password"),
    (0x0012_0100, "+ + - - password_needed", "on, registered, password"),
    (0x0016_0100, "+ + + - online", "it streams, so the password is there"),
    (0x001A_0100, "+ + - + password_needed", "recording is told all the same"),
    (0x001E_0100, "+ + + + online", "all four, password"),
    // From the documentation and the examples.
    (1_441_847, "+ + + - online", "0x160037: device list, poll"),
    (1_441_855, "+ + + - online", "0x16003F: differs in a deprecated bit alone"),
    (1_441_831, "+ + + - online", "0x160027: no previews"),
    (1_179_649, "+ + - - offline", "0x120001: a bridge's, by the camera's rule"),
    (1_966_143, "+ + + + online", "0x1E003F: recording"),
    // Nothing.
    (0, ". . . . .", "0 changes nothing"),
    (0x0001_0000, ". . . . .", "invalid"),
    (0x0017_0037, ". . . . .", "invalid, online otherwise"),
    (0x0013_0100, ". . . . .", "invalid, password needed otherwise"),
    (0x001F_FFFF, ". . . . .", "invalid, everything set"),
    (0xFFFF_FFFF, ". . . . .", "invalid, everything set"),
    // Bits that mean nothing to us.
    (0x0000_000F, "- . - - off", "the deprecated bits alone: on and online they are not"),
    (0x0012_000F, "+ + - - offline", "deprecated `stream attached` is no streaming"),
    (0x0016_000F, "+ + + - online", "deprecated `recording` is no recording"),
    (0x0012_0010, "+ + - - offline", "sending previews"),
    (0x0012_0040, "+ + - - offline", "not supported"),
    (0x0012_0080, "+ + - - offline", "configuration in process"),
    (0x0000_0200, "- . - - off", "available, not attached"),
    (0x0012_0800, "+ + - - offline", "camera error"),
    (0x0016_0800, "+ + + - online", "camera error, and yet it streams"),
    (0x0016_F400, "+ + + - online", "internal and reserved bits"),
    (0xFFF6_0000, "+ + + - online", "bits 21 to 31, which are not documented"),
    (0x8000_0000, "- . - - off", "bit 31 alone"),
    // A valid extended half: 1 valid, 2 on, 4 registered, 8 pending, 0x10 streaming.
    (0x0000_0017_0016_0037, "+ + + - online", "both halves agree"),
    (0x0000_0003_0016_0037, "+ - - - internet_offline", "the bridge is gone; the legacy half does not know yet"),
    (0x0000_0007_0016_0037, "+ + - - offline", "it does not stream any more"),
    (0x0000_0007_0016_0137, "+ + - - password_needed", "the password bit is a legacy one"),
    (0x0000_0013_0016_0037, "+ - + - internet_offline", "streaming without the cloud"),
    (0x0000_0005_0016_0037, "- + - - off", "just switched off; registered"),
    (0x0000_0001_0016_0037, "- - - - off", "off, and the bridge is gone"),
    (0x0000_0005_0000_0020, "- + - - off", "off: the legacy half hides that it is registered"),
    (0x0000_0001_0000_0020, "- - - - off", "off: the legacy half hides that it is not"),
    (0x0000_0017_0002_0000, "+ + + - online", "back again; the legacy half does not know yet"),
    (0x0000_0017_0008_0020, "+ + + + online", "recording is a legacy bit"),
    (0x0000_0003_001E_0000, "+ - - + internet_offline", "recording stays what the legacy half says"),
    (0x0000_001F_0016_0037, "+ + + - online", "pending or error has no part"),
    (0x0000_000F_0012_0000, "+ + - - offline", "pending or error has no part"),
    (0xFFFF_FFF7_0016_0037, "+ + + - online", "undocumented extended bits"),
    (0x0000_0017_0000_0000, ". . . . .", "a legacy half of 0 says nothing"),
    (0x0000_0017_0001_0000, ". . . . .", "nor does an invalid one"),
    (0x0000_0003_0017_0037, ". . . . .", "nor does an invalid one"),
    // An extended half that is not valid.
    (0x0000_0016_0016_0037, "+ + + - online", "the legacy half counts"),
    (0x0000_0000_0016_0037, "+ + + - online", "the legacy half counts"),
    (0x0000_0006_0002_0000, "+ - - - internet_offline", "the legacy half counts"),
    (0x0000_0004_0000_0020, "- . - - off", "the legacy half counts, which hides the connection"),
    (0xFFFF_FFFE_0012_0100, "+ + - - password_needed", "the legacy half counts"),
];

/// The same for bridges: registered or not, and nothing else.
const BRIDGES: &[(u64, &str, &str)] = &[
    (1_179_649, ". + . . online", "0x120001, a healthy bridge of the documentation"),
    (0x0002_0001, ". - . . internet_offline", "on"),
    (0x0010_0000, ". + . . online", "registered alone"),
    (0x0000_0020, ". - . . internet_offline", "located"),
    (0x001E_0000, ". + . . online", "streaming and recording are none of a bridge's"),
    (0x000E_0000, ". - . . internet_offline", "streaming and recording are none of a bridge's"),
    (0x0012_0100, ". + . . online", "nor is a password"),
    (0, ". . . . .", "0 changes nothing"),
    (0x0013_0001, ". . . . .", "invalid"),
    (0x0000_0005_0012_0001, ". + . . online", "both halves agree"),
    (0x0000_0003_0012_0001, ". - . . internet_offline", "the extended half knows first"),
    (0x0000_0005_0000_0021, ". + . . online", "the legacy half hides it"),
    (0x0000_0002_0012_0001, ". + . . online", "not valid"),
    (0x0000_0005_0011_0001, ". . . . .", "invalid"),
];

#[test]
fn words_read_as_they_were_worked_by_hand() {
    assert!(CAMERAS.len() + BRIDGES.len() >= 60);
    for (rule, table) in [(Rule::Camera, CAMERAS), (Rule::Bridge, BRIDGES)] {
        for (bits, expected, why) in table {
            assert_eq!(signs(read(StatusWord::new(*bits), rule, None)), *expected, "{rule:?} 0x{bits:x}: {why}");
        }
    }
}

#[test]
fn where_an_example_of_eens_reads_a_word_otherwise_the_documentation_is_followed() {
    // EEN's reseller example names the four bits as one number; by it 3 and 13 are "streaming not recording", 5 and 7 nothing.
    for (number, theirs, ours) in [
        (1, "OFL", "internet_offline"),
        (3, "SNR", "internet_offline"),
        (5, "N/A", "internet_offline"),
        (7, "N/A", "internet_offline"),
        (9, "OFL", "offline"),
        (11, "ON", "online"),
        (13, "SNR", "offline"),
        (15, "REC", "online"),
    ] {
        let reading = Reading::of(StatusWord::new(number << 17), Rule::Camera);
        assert!(signs(reading).ends_with(&format!(" {ours}")), "{number}: {theirs} there");
        assert_eq!(reading.recording, Some(number & 4 != 0));
    }
    for even in (2..16).step_by(2) {
        assert_eq!(Reading::of(StatusWord::new(even << 17), Rule::Camera).status, Some(Overall::Off));
    }
}

#[test]
fn only_what_differs_changes_and_a_connection_stays_while_the_camera_is_off() {
    let mut known = Reading::default();
    let mut step = |bits| {
        let change = read(StatusWord::new(bits), Rule::Camera, Some(&known));
        known = known.then(change);
        (signs(change), signs(known))
    };
    let same = |all: &str| (". . . . .".to_owned(), all.to_owned());
    assert_eq!(step(0x16_0037), ("+ + + - online".into(), "+ + + - online".into()));
    assert_eq!(step(0x16_003F), same("+ + + - online"));
    assert_eq!(step(0x1E_0037), (". . . + .".into(), "+ + + + online".into()));
    assert_eq!(step(0), same("+ + + + online"));
    assert_eq!(step(0x01_0000), same("+ + + + online"));
    assert_eq!(step(0x00_0020), ("- . - - off".into(), "- + - - off".into()), "the connection is not known to be lost");
    assert_eq!(step(0x10_0020), same("- + - - off"));
    assert_eq!(step(0x0000_0001_0000_0020), (". - . . .".into(), "- - - - off".into()), "the extended half knows");
    assert_eq!(step(0x00_0020), same("- - - - off"));
    assert_eq!(step(0x02_0020), ("+ . . . internet_offline".into(), "+ - - - internet_offline".into()));
}

#[test]
fn a_word_is_read_in_every_notation() {
    use Form::*;
    for (form, json, bits) in [
        (Status, "1441847", 0x16_0037),
        (Status, "\"1441831\"", 0x16_0027),
        (Status, "0", 0),
        (Status, "-1", 0xFFFF_FFFF),
        (Status, "-2147483648", 0x8000_0000),
        (Status, "4294967295", 0xFFFF_FFFF),
        (Status, "\"0x00160027\"", 0x16_0027),
        (Masked, "1441847", 0x16_0037),
        (Hex, "\"00160027\"", 0x16_0027),
        (Hex, "\"160027\"", 0x16_0027),
        (Hex, "\"0X16003f\"", 0x16_003F),
        (Hex, "\"0000000000160027\"", 0x16_0027),
        (Status64, "98785689655", 0x0000_0017_0016_0037),
        (Status64, "-1", u64::MAX),
        (Status64, "18446744073709551615", u64::MAX),
        (Status64, "-9223372036854775808", 1 << 63),
        (Status64, "\"1441847\"", 0x16_0037),
        (Hex64, "\"0000001700160037\"", 0x0000_0017_0016_0037),
        (Hex64, "\"FFFFFFFFFFFFFFFF\"", u64::MAX),
        (Hex64, " \" 1700160037 \" ", 0x0000_0017_0016_0037),
    ] {
        assert_eq!(StatusWord::read(form, json), Ok(StatusWord::new(bits)), "{form} {json}");
    }
}

#[test]
fn what_is_no_word_is_refused_by_name() {
    use Form::*;
    for (form, json, message) in [
        (Status, "null", "status is null, no status word"),
        (Status, "true", "status is a truth value, no status word"),
        (Status64, "{\"a\":1}", "status64 is an object, no status word"),
        (Hex, "[]", "status_hex is a list, no status word"),
        (Status, "", "status is nothing, no status word"),
        (Status, "\"\"", "status is \"\"; expected a whole number"),
        (Status, "1.5", "status is \"1.5\"; expected a whole number"),
        (Status, "1e3", "status is \"1e3\"; expected a whole number"),
        (Status, "\"0016003F\"", "status is \"0016003F\"; expected a whole number"),
        (Status, "\"-\"", "status is \"-\"; expected a whole number"),
        (Status, "\"0x\"", "status is \"\"; expected a whole number"),
        (Hex, "160027", "status_hex is \"160027\"; expected a text of hex digits"),
        (Hex, "\"-16\"", "status_hex is \"-16\"; expected a text of hex digits"),
        (Hex64, "\"xyz\"", "status_hex64 is \"xyz\"; expected a text of hex digits"),
        (Status, "4294967296", "status is 4294967296, more than 32 bits"),
        (Status, "-2147483649", "status is -2147483649, more than 32 bits"),
        (Hex, "\"1700160037\"", "status_hex is 1700160037, more than 32 bits"),
        (Status64, "18446744073709551616", "status64 is 18446744073709551616, more than 64 bits"),
        (Hex64, "\"10000000000000000\"", "status_hex64 is 10000000000000000, more than 64 bits"),
    ] {
        assert_eq!(StatusWord::read(form, json).unwrap_err().to_string(), message, "{form} {json}");
    }
    let long = format!("\"{}\"", "9".repeat(10_000));
    assert!(StatusWord::read(Status, &long).unwrap_err().to_string().len() < 100);
}

#[test]
fn every_value_has_a_shared_type_of_its_group_and_eens_words() {
    let mut seen = HashSet::new();
    for (told, kind, text) in VALUES {
        let meaning = told.meaning();
        let state = meaning.state.as_ref().unwrap();
        assert_eq!((&*meaning.kind, meaning.name.as_deref(), state.text.as_deref()), (kind, Some(text), Some(text)));
        assert_eq!(vocabulary::find(kind).unwrap().state, Some((&*state.group, &*state.value)));
        assert!(seen.insert((state.vendor_group.clone(), state.vendor_value.clone())), "{told:?}");
        assert!(Arc::ptr_eq(meaning, told.meaning()), "made once");
        let group = match told {
            Told::Status(_) => "status",
            Told::Connection(_) => "connection",
            Told::Enabled(_) => "enabled",
            Told::Streaming(_) => "streaming",
            Told::Recording(_) => "recording",
        };
        assert_eq!(&*state.group, group);
    }
    let on = |told: Told| told.meaning().state.as_ref().unwrap().value.to_string();
    assert_eq!([Told::Connection(true), Told::Connection(false)].map(on), ["online", "offline"]);
    assert_eq!([Told::Recording(true), Told::Recording(false)].map(on), ["on", "off"]);
    assert_eq!(Told::Status(Overall::PasswordNeeded).meaning().name.as_deref(), Some("Password Needed"));
}

#[test]
fn the_values_of_a_reading_come_with_the_status_first() {
    let reading = Reading::of(StatusWord::new(0x1E_0000), Rule::Camera);
    let values: Vec<_> = reading.values().collect();
    assert_eq!(
        values,
        [
            Told::Status(Overall::Online),
            Told::Connection(true),
            Told::Enabled(true),
            Told::Streaming(true),
            Told::Recording(true)
        ]
    );
    assert_eq!(Reading::default().values().count(), 0);
    assert!(Reading::default().is_empty() && !reading.is_empty());
}

/// The documented ladder over the documented masks, stated a second time. `None`: no change.
fn ladder(word: u64) -> Option<&'static str> {
    let status = word & 0xFFFF_FFFF;
    if status == 0 || status & 0x01_0000 == 0x01_0000 {
        return None;
    }
    let upper = word >> 32;
    let valid = upper % 2 == 1;
    let [on, registered, streaming] = if valid {
        [upper / 2, upper / 4, upper / 16].map(|bits| bits % 2 == 1)
    } else {
        [0x02_0000, 0x10_0000, 0x04_0000].map(|mask| status & mask == mask)
    };
    Some(match (on, registered, streaming, status & 0x100 == 0x100) {
        (false, _, _, _) => "off",
        (true, false, _, _) => "internet_offline",
        (true, true, true, _) => "online",
        (true, true, false, true) => "password_needed",
        (true, true, false, false) => "offline",
    })
}

/// Any word, most of them with few bits of note.
fn words() -> impl Strategy<Value = u64> {
    let upper = prop_oneof![Just(0_u32), 0..64_u32, any::<u32>()];
    let lower = prop_oneof![any::<u32>(), (0..32_u32, any::<u32>()).prop_map(|(bits, low)| bits << 16 | low & 0xFFFF)];
    (upper, lower).prop_map(|(upper, lower)| u64::from(upper) << 32 | u64::from(lower))
}

fn readings() -> impl Strategy<Value = Reading> {
    let switch = || proptest::option::of(any::<bool>());
    let status = proptest::option::of(proptest::sample::select(Overall::ALL.to_vec()));
    (switch(), switch(), switch(), switch(), status).prop_map(|(enabled, connection, streaming, recording, status)| {
        Reading { enabled, connection, streaming, recording, status }
    })
}

proptest! {
    #[test]
    fn the_overall_status_is_that_of_the_ladder(word in words()) {
        let read = signs(Reading::of(StatusWord::new(word), Rule::Camera));
        prop_assert_eq!(read.rsplit(' ').next(), Some(ladder(word).unwrap_or(".")));
    }

    #[test]
    fn zero_and_invalid_change_nothing(upper in any::<u32>(), lower in any::<u32>(), before in readings(), bridge in any::<bool>()) {
        let rule = if bridge { Rule::Bridge } else { Rule::Camera };
        for lower in [0, lower | 0x01_0000] {
            let word = StatusWord::new(u64::from(upper) << 32 | u64::from(lower));
            prop_assert!(read(word, rule, Some(&before)).is_empty());
            prop_assert!(read(word, rule, None).is_empty());
        }
    }

    #[test]
    fn deprecated_and_unknown_bits_never_matter(word in words(), noise in any::<u64>(), bridge in any::<bool>()) {
        let rule = if bridge { Rule::Bridge } else { Rule::Camera };
        // All but bits 8 and 16 to 20 below, 0, 1, 2, 4 above. A word must not become 0, or cease to be.
        let noise = noise & !0x0000_0017_001F_0100;
        prop_assume!((word as u32 == 0) == ((word ^ noise) as u32 == 0));
        prop_assert_eq!(Reading::of(StatusWord::new(word), rule), Reading::of(StatusWord::new(word ^ noise), rule));
    }

    #[test]
    fn recording_is_bit_19_and_a_bridge_has_two_states_alone(word in words()) {
        let camera = Reading::of(StatusWord::new(word), Rule::Camera);
        prop_assert_eq!(camera.recording, ladder(word).map(|_| word & 0x08_0000 != 0));
        let bridge = Reading::of(StatusWord::new(word), Rule::Bridge);
        prop_assert_eq!((bridge.enabled, bridge.streaming, bridge.recording), (None, None, None));
        prop_assert!(matches!(bridge.status, None | Some(Overall::Online | Overall::InternetOffline)));
        prop_assert_eq!(bridge.connection, bridge.status.map(|status| status == Overall::Online));
    }

    #[test]
    fn what_changes_is_told_and_new_and_leads_to_what_is_told(word in words(), before in readings()) {
        let word = StatusWord::new(word);
        let (told, change) = (Reading::of(word, Rule::Camera), read(word, Rule::Camera, Some(&before)));
        prop_assert_eq!(before.then(change), before.then(told));
        for value in change.values() {
            prop_assert!(told.values().any(|one| one == value) && before.values().all(|one| one != value));
        }
        prop_assert!(read(word, Rule::Camera, Some(&before.then(change))).is_empty());
    }

    #[test]
    fn a_word_survives_every_notation(bits in words(), legacy in any::<u32>()) {
        let word = Ok(StatusWord::new(bits));
        let signed = bits.cast_signed();
        for json in [format!("{bits}"), format!("\"{bits}\""), format!("{signed}"), format!("\"{signed}\""), format!("\"0x{bits:x}\"")] {
            prop_assert_eq!(StatusWord::read(Form::Status64, &json), word.clone(), "{}", json);
        }
        for json in [format!("\"{bits:016x}\""), format!("\"{bits:X}\""), format!("\"0x{bits:x}\"")] {
            prop_assert_eq!(StatusWord::read(Form::Hex64, &json), word.clone(), "{}", json);
        }
        let (word, signed) = (Ok(StatusWord::new(legacy.into())), legacy.cast_signed());
        for form in [Form::Status, Form::Masked] {
            for json in [format!("{legacy}"), format!("\"{legacy}\""), format!("{signed}"), format!("\"{signed}\"")] {
                prop_assert_eq!(StatusWord::read(form, &json), word.clone(), "{}", json);
            }
        }
        for json in [format!("\"{legacy:08x}\""), format!("\"{legacy:X}\"")] {
            prop_assert_eq!(StatusWord::read(Form::Hex, &json), word.clone(), "{}", json);
        }
        let shown = format!("\"{}\"", StatusWord::new(bits));
        prop_assert_eq!(StatusWord::read(Form::Hex64, &shown), Ok(StatusWord::new(bits)));
    }

    #[test]
    fn nothing_makes_the_reader_of_words_panic(json in ".{0,40}") {
        for form in Form::ALL {
            let _ = StatusWord::read(form, &json);
        }
    }

    #[test]
    fn a_reading_survives_packing(reading in readings(), number in any::<u16>()) {
        prop_assert_eq!(Reading::unpack(reading.pack()), Some(reading));
        if let Some(reading) = Reading::unpack(number) {
            prop_assert_eq!(reading.pack(), number);
        }
    }
}
