//! All ways in which a strict look found secrets left in recordings: whatever has LEAK in it must be gone.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;

/// Nothing that could be a secret is left, as far as anybody decodes it.
fn assert_gone(hidden: &str, of: &str) {
    for layer in layers(hidden.as_bytes()) {
        let text = String::from_utf8_lossy(layer.text()).into_owned();
        assert!(!text.to_uppercase().contains("LEAK"), "{hidden}\n  as {text}\n  of {of}");
    }
}

#[test]
fn no_secret_is_left_where_only_its_place_tells() {
    for text in [
        // Passwords in addresses, with signs that should not be there.
        r#"{"u":"rtsp://admin:Se&LEAKcret(9)@10.1.2.3:554/live"}"#,
        r#"{"u":"rtsp://admin:Se/LEAKslash@10.1.2.3/live"}"#,
        r#"{"u":"rtsp://admin:Se\u0026LEAKjsn@10.1.2.3/live"}"#,
        r#"{"u":"rtsp://admin:a'b;c,d#e?LEAK@10.1.2.3/live"}"#,
        "rtsp://LEAKuser:p@ss@cam.LEAKhost.local/live",
        // Addresses within addresses, and escaped ones.
        "?src=rtsp%3A%2F%2Fadmin%3ALEAKencpw1%40cam.LEAKhost.local%2Flive",
        r#"{"u":"rtsp:\u002f\u002fadmin:LEAKpw@cam.LEAKhost.local\u002flive"}"#,
        r#"{"u":"https:\/\/admin:LEAKpw@cam.LEAKhost.local\/live"}"#,
        "?redirect=https%3A%2F%2Fa.b%2Fcb%3Ftoken%3DLEAK0123456789",
        "?a=1;token=LEAK0123",
        "https://x.test/?X-Amz-Signature=LEAK01&X-Goog-Signature=LEAK02&X-Amz-Security-Token=LEAK03",
        // JSON within JSON.
        r#"{"data":"{\"access_token\":\"LEAKnested0123456789\"}"}"#,
        r#"{"data":"{\"a\":\"{\\\"password\\\":\\\"LEAKdeep\\\"}\"}"}"#,
        // Numbers, words, and names that say it otherwise.
        r#"{"passwords":["LEAKswordfsh"],"credentials":{"value":"LEAKhunter"}}"#,
        r#"{"passcode":"LEAK1","sessionKey":"LEAK2","masterCode":"LEAK3","safeWord":"LEAK4","lockcode":"LEAK5"}"#,
        r#"{"auth":"LEAK01abc","key":"LEAK02abc","otp":"LEAK03","sig":"LEAK04abc","signature":"LEAK05"}"#,
        r#"[{"name":"access_token","value":"LEAK0123"},{"value":"LEAK4567","name":"password"}]"#,
        r#"{"tok\u0065n":"LEAK0123"}"#,
        // Running text.
        "Authorization: Bearer LEAK0123456789abc",
        "cannot log in with password=LEAKpw1, token: LEAKtok2",
        "<login><token>LEAK0123</token><password type='x'>LEAKpw</password></login>",
        // Machines.
        r#"{"hostName":"LEAKREC01","computerName":"LEAKPC","path":"\\\\LEAKNAS01\\video"}"#,
        r"saved to \\LEAKNAS01\video",
    ] {
        for form in [Form::Body, Form::Text] {
            // JSON is looked for in bodies alone.
            if form == Form::Body || !text.starts_with(['{', '[']) {
                assert_gone(&Veil::default().hide(text, form), text);
            }
        }
    }
}

#[test]
fn no_number_is_left_where_pins_are() {
    let hidden = Veil::default().hide(r#"{"pins":{"pin1":13579,"list":[24680],"count":2},"n":12345}"#, Form::Body);
    assert_eq!(hidden, r#"{"pins":{"pin1":0,"list":[0],"count":2},"n":12345}"#);
}

#[test]
fn a_known_password_is_gone_in_every_form() {
    let password = "Ge\"h&im\\0123/ü-LEAK";
    let escaped = |text: &str| serde_json::to_string(text).unwrap();
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let html = password.replace('&', "&amp;").replace('"', "&quot;");
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wrapped = STANDARD.encode(format!("somebody-with-a-long-name:{password}"));
    let forms = [
        password.to_owned(),
        escaped(password),
        escaped(&escaped(password)),
        percent(password),
        percent(&percent(password)),
        html.clone(),
        escaped(&html),
        STANDARD.encode(format!("user:{password}")),
        STANDARD.encode(STANDARD.encode(password)),
        STANDARD.encode(wide),
        password.bytes().map(|byte| format!("{byte:02x}")).collect(),
        format!("{}\n{}", &wrapped[..44], &wrapped[44..]),
        "Ge%22h%26im%5C0123%2F%FC-LEAK".to_owned(),
    ];
    for form in forms {
        let mut veil = Veil::default();
        veil.conceal(password);
        let hidden = veil.hide(&format!("<{form}>"), Form::Body);
        assert!(hidden.contains("secret-1"), "{hidden} of {form}");
        assert_gone(&hidden, &form);
    }
}

#[test]
fn words_of_sentences_are_not_taken_for_secrets_elsewhere() {
    let mut veil = Veil::default();
    veil.hide("Authorization: required", Form::Text);
    assert_eq!(veil.hide("a login is required", Form::Text), "a login is required");
    let text = "Bearer authentication needed, see the password page";
    assert_eq!(veil.hide(text, Form::Text), text);
}

#[test]
fn many_secrets_in_one_answer_take_no_longer_than_their_number() {
    let of = |count: usize| {
        let tokens: Vec<_> =
            (0..count).map(|n| serde_json::json!({ "token": format!("eyJhbGciOi.{n:016x}") })).collect();
        let text = serde_json::to_string(&tokens).unwrap();
        let begun = Instant::now();
        let hidden = Veil::default().hide(&text, Form::Body);
        assert!(!hidden.contains("eyJhbGciOi."));
        begun.elapsed()
    };
    let (few, many) = (of(1_000), of(20_000));
    assert!(many < (few * 20 * 5).max(Duration::from_secs(5)), "{few:?} for 1,000, {many:?} for 20,000");
}
