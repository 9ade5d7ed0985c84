//! What a token says of itself, and that nobody else learns of it.

#![allow(clippy::unwrap_used, clippy::panic)]

use base64::engine::general_purpose::{STANDARD as WITH_PADS, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

/// Issued 2023-11-14T22:13:20Z, for ten years.
const INNER: &str = "share.eyJzaSI6IDQyfQ.6553f100t12cc0300.Zx-9_Q";

fn json(members: &str) -> String {
    format!(r#"{{"token":"{INNER}",{members}}}"#)
}

fn exposed(credential: &Credential) -> String {
    match credential.header() {
        HeaderText::Secret(text) => text.expose_secret().to_owned(),
        HeaderText::Plain(text) => panic!("{text} could be logged"),
    }
}

#[test]
fn a_token_says_camera_scheme_and_server_in_every_alphabet() {
    let json = json(
        r#""camid":248527,"cmngrid":248964,"access":"all","api":"web.yard.test","cam":"cam.yard.test","api_p":80,"api_sp":8443,"path":"","note":"???>>>""#,
    );
    let texts =
        [WITH_PADS.encode(&json), STANDARD_NO_PAD.encode(&json), URL_SAFE.encode(&json), URL_SAFE_NO_PAD.encode(&json)];
    assert!(texts.iter().any(|text| text.contains('_')) && texts.iter().any(|text| text.contains('/')));
    let folded = format!("  {}\n{}\r\n", &texts[0][..60], &texts[0][60..]);
    for text in texts.iter().chain([&folded]) {
        let token = AccessToken::decode(text).unwrap();
        assert_eq!((token.camera, token.access.as_deref()), (Some(248_527), Some("all")));
        assert_eq!((token.scheme(), token.port), (Scheme::Acc, Some(80)));
        assert_eq!(token.base_url().unwrap().as_str(), "https://web.yard.test:8443/");
        assert_eq!(token.inner.as_ref().unwrap().expose_secret(), INNER);
        assert!(!format!("{token:?}").contains("share."), "{token:?}");
    }
    assert_eq!(exposed(&Credential::new(Scheme::Acc, &folded)), format!("Acc {}", texts[0]));
}

#[test]
fn a_token_without_a_camera_is_of_a_group() {
    for (members, scheme, camera) in [
        (r#"{"camid":7,"token":"t"}"#, Scheme::Acc, Some(7)),
        (r#"{"camid":"7","token":"t"}"#, Scheme::Acc, Some(7)),
        (r#"{"camid":null,"token":"t"}"#, Scheme::Si, None),
        (r#"{"token":"t"}"#, Scheme::Si, None),
        (r#"{"camid":7}"#, Scheme::Acc, Some(7)),
        ("{}", Scheme::Acc, None),
    ] {
        let token = AccessToken::decode(&WITH_PADS.encode(members)).unwrap();
        assert_eq!((token.scheme(), token.camera), (scheme, camera), "{members}");
    }
}

#[test]
fn the_server_is_put_together_from_host_port_and_path() {
    for (members, expected) in [
        (r#""api":"a.test""#, Some("https://a.test/")),
        (r#""api":"a.test","api_sp":443,"api_p":80"#, Some("https://a.test/")),
        (r#""api":"a.test","api_p":80"#, Some("https://a.test/")),
        (r#""api":"a.test","api_p":8081"#, None),
        (r#""api":"127.0.0.1","api_p":8081"#, Some("http://127.0.0.1:8081/")),
        (r#""api":"127.0.0.1","api_p":8081,"api_sp":8443"#, Some("https://127.0.0.1:8443/")),
        (r#""api":"a.test","api_sp":"8443""#, Some("https://a.test:8443/")),
        (r#""api":"a.test","api_sp":0"#, Some("https://a.test/")),
        (r#""api":"a.test","api_sp":99999"#, Some("https://a.test/")),
        (r#""api":"a.test:444""#, Some("https://a.test:444/")),
        (r#""api":"a.test","path":"svcauth""#, Some("https://a.test/svcauth/")),
        (r#""api":"a.test","path":"/one/two/""#, Some("https://a.test/one/two/")),
        (r#""api":"https://a.test/""#, Some("https://a.test/")),
        (r#""api":"http://a.test:81""#, Some("https://a.test:81/")),
        (r#""api":"[::1]","api_sp":8443"#, Some("https://[::1]:8443/")),
        (r#""x":1"#, Some("https://web.skyvr.videoexpertsgroup.com/")),
        (r#""api":"u:p@evil.test""#, None),
        (r#""api":"a.test/?x""#, None),
        (r#""api":"a.test/deep""#, None),
        (r#""api":"a.test#f""#, None),
        (r#""api":"a b""#, None),
        (r#""api":"///""#, None),
    ] {
        let token = AccessToken::decode(&WITH_PADS.encode(json(members))).unwrap();
        assert_eq!(token.base_url().as_ref().map(Url::as_str), expected, "{members}");
    }
}

#[test]
fn the_life_of_a_token_is_told_where_it_has_the_known_form_alone() {
    let lifetime =
        |inner: &str| AccessToken::decode(&WITH_PADS.encode(format!(r#"{{"token":"{inner}"}}"#))).unwrap().lifetime();
    let life = lifetime(INNER).unwrap();
    assert_eq!(life.issued.to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(life.good_for, Duration::from_secs(0x12cc_0300));
    assert_eq!(life.until().to_string(), "2033-11-11T22:13:20Z");
    assert_eq!(lifetime("share.x.6553f100tffffffffffffffff.y").unwrap().until(), Timestamp::MAX);
    for inner in [
        "",
        "share",
        "share.x.6553f100.y",
        "share.x.zzt1.y",
        "share.x.6553f100t1",
        "other.x.1t1.y",
        "share.x.1t1.y.z",
        "share.x.7fffffffffffffff t1.y",
        "share.x.7ffffffffffffffft1.y",
        "share.x.t.y",
    ] {
        assert_eq!(lifetime(inner), None, "{inner}");
    }
}

#[test]
fn what_is_no_access_token_is_said_without_a_word_of_it() {
    for text in
        ["", "  ", "LK-0123-4567-89ab", "ABCDEFGH", "AAAA", "bnVsbA==", "WzFd", "ImFiYyI=", "e30x", "Acc e30=", "ключ"]
    {
        let error = AccessToken::decode(text).unwrap_err().to_string();
        assert!(text.trim().is_empty() || !error.contains(text.trim()), "{text}: {error}");
    }
}

#[test]
fn schemes_have_their_names() {
    for (name, scheme) in [
        ("Acc", Scheme::Acc),
        ("acc", Scheme::Acc),
        ("SI", Scheme::Si),
        (" LKey ", Scheme::LKey),
        ("lkey", Scheme::LKey),
    ] {
        assert_eq!(Scheme::of(name), Some(scheme), "{name}");
    }
    assert_eq!((Scheme::of("SkyVR"), Scheme::of("")), (None, None));
    assert_eq!(Scheme::NAMES.map(|name| Scheme::of(name).unwrap().to_string()), Scheme::NAMES);
}

#[test]
fn a_credential_shows_itself_to_the_server_alone() {
    let text = WITH_PADS.encode(json(r#""camid":7"#));
    let access = Credential::new(Scheme::Acc, &text);
    let license = Credential::new(Scheme::LKey, " 01-23 45-67\n");
    assert_eq!(exposed(&license), "LKey 01-23 45-67");
    assert!(!format!("{access:?} {license:?}").contains(&text[..8]) && !format!("{license:?}").contains("01-23"));
    for (credential, said, shown) in [
        (&access, format!("bad token '{text}'."), "bad token '…'."),
        (&access, format!("{}... is bad", &text[..12]), "…... is bad"),
        (&access, format!("inner {INNER}!"), "inner …!"),
        (&access, format!("inner {}", &INNER[8..30]), "inner …"),
        (&access, format!("token={}/x", &text[..12]), "token=…/x"),
        (&access, format!("/api/{}=", &INNER[8..30]), "/api/…="),
        (&access, "not authorized, camera 7".to_owned(), "not authorized, camera 7"),
        (&license, "key 01-23 45-67 is over".to_owned(), "key … is over"),
        (&license, "é, ü; 😀".to_owned(), "é, ü; 😀"),
        (&Credential::new(Scheme::LKey, ""), "as it is".to_owned(), "as it is"),
    ] {
        assert_eq!(credential.mask(&said), shown);
    }
}

proptest! {
    #[test]
    fn no_text_does_any_harm(text in ".{0,80}", members in ".{0,60}") {
        let _ = AccessToken::decode(&text);
        let credential = Credential::new(Scheme::Acc, &text);
        let _ = credential.mask(&members);
        for json in [members.clone(), format!(r#"{{"token":{:?},"api":{0:?},"path":{0:?},"api_sp":1}}"#, members)] {
            if let Ok(token) = AccessToken::decode(&WITH_PADS.encode(json)) {
                let _ = (token.scheme(), token.base_url(), token.lifetime());
            }
        }
    }

    #[test]
    fn a_token_that_is_repeated_is_never_shown(token in "[A-Za-z0-9_-]{12,60}", before in ".{0,5}", cut in 8_usize..12) {
        let credential = Credential::new(Scheme::LKey, &token);
        for piece in [&token[..], &token[..cut], &token[cut - 8..cut]] {
            let masked = credential.mask(&format!("{before}{piece}"));
            prop_assert!(!masked.contains(piece), "{}", masked);
        }
    }
}
