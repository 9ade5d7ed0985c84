#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use url::form_urlencoded;

use super::*;

const TOKEN: &str = "ey-Ab0123456789";

fn body(veil: &mut Veil, text: &str) -> String {
    veil.hide(text, Form::Body)
}

#[test]
fn a_secret_has_one_placeholder_wherever_it_occurs() {
    let mut veil = Veil::default();
    veil.conceal("p&ss \"w\u{e9}rd");
    assert_eq!(veil.secret_value(&format!("Bearer {TOKEN}")), "Bearer secret-2");
    let text = format!(r#"{{"a":"p&ss \"w\u00e9rd","b":"{TOKEN}","c":"x{TOKEN}y"}}"#);
    assert_eq!(body(&mut veil, &text), r#"{"a":"secret-1","b":"secret-2","c":"xsecret-2y"}"#);
    assert_eq!(veil.hide("p%26ss+%22w%C3%A9rd", Form::Text), "secret-1");
    let basic = STANDARD.encode("somebody:p&ss \"wérd");
    assert!(!veil.hide(&basic, Form::Text).contains(&basic[14..22]));
}

#[test]
fn what_stands_under_a_telling_name_is_known_from_then_on() {
    let mut veil = Veil::default();
    assert_eq!(
        body(&mut veil, &format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer"}}"#)),
        r#"{"access_token":"secret-1","token_type":"Bearer"}"#
    );
    assert_eq!(veil.hide(&format!("/path/{TOKEN}?x={TOKEN}"), Form::Text), "/path/secret-1?x=secret-1");
    assert_eq!(veil.set_cookie("auth_key=c001~0fabcd; Path=/; HttpOnly"), "auth_key=secret-2");
    assert_eq!(veil.set_cookie("auth_key=; expires=Thu, 01 Jan 1970 00:00:00 GMT"), "auth_key=; Max-Age=0");
    assert_eq!(body(&mut veil, r#"["c001~0fabcd"]"#), r#"["secret-2"]"#);
    assert_eq!(veil.secret_value("auth_key=c001~0fabcd"), "auth_key=secret-2");
}

#[test]
fn a_short_secret_is_taken_out_where_it_stands_and_nowhere_else() {
    let mut veil = Veil::default();
    let text = r#"{"pins":{"pin1":{"name":"Anna","value":"1234"}},"count":"1234","pin":4321}"#;
    assert_eq!(body(&mut veil, text), r#"{"pins":{"pin1":{"name":"Anna","value":"secret-1"}},"count":"1234","pin":0}"#);
}

#[test]
fn a_password_that_is_a_common_word_leaves_the_names_in_json() {
    let mut veil = Veil::default();
    veil.conceal("events");
    assert_eq!(body(&mut veil, r#"{"events" : ["events"]}"#), r#"{"events" : ["secret-1"]}"#);
}

#[test]
fn hosts_are_hidden_in_addresses_and_alone() {
    let mut veil = Veil::default();
    assert_eq!(veil.host("VMS.example:8081"), "host-2.invalid");
    let text = r#"{"a":"https:\/\/vms.example:8081\/API","b":"vms.example","c":"Vms.Example:8081","d":"xvms.example.org","e":"ws://10.1.2.3:99/x","f":"10.1.2.3"}"#;
    let hidden = body(&mut veil, text);
    let expected = r#"{"a":"https:\/\/host-2.invalid\/API","b":"host-1.invalid","c":"host-2.invalid","d":"xvms.example.org","e":"ws://host-4.invalid/x","f":"host-3.invalid"}"#;
    assert_eq!(hidden, expected);
    let url = veil.hide("u=https%3A%2F%2Fvms.example%3A8081%2Fx http://me:geheim99@vms.example/ geheim99", Form::Text);
    assert_eq!(url, "u=https%3A%2F%2Fhost-2.invalid%2Fx http://host-1.invalid/ secret-1");
}

#[test]
fn an_access_token_keeps_its_form_and_what_it_is_for() {
    let mut veil = Veil::default();
    let token =
        STANDARD.encode(r#"{"token":"share.eyJzIjoi.abc","camid":77,"access":"all","api":"cloud.test","api_p":8080}"#);
    veil.conceal(&token);
    let hidden = veil.secret_value(&format!("Acc {token}"));
    let shown = hidden.strip_prefix("Acc ").unwrap();
    let members: Value = serde_json::from_slice(&STANDARD.decode(shown).unwrap()).unwrap();
    assert_eq!(
        members,
        serde_json::json!({"token": "secret-1", "camid": 77, "access": "all", "placeholder": "secret-1"})
    );
    assert_eq!(veil.hide("?x=share.eyJzIjoi.abc", Form::Text), "?x=secret-2");
}

#[test]
fn what_is_no_secret_stays_byte_by_byte() {
    let mut veil = Veil::default();
    veil.conceal("0123456789");
    for text in [
        "",
        "{\"a\" :  1.50,\n \"b\":\"\\u00e9\\/\"}",
        "{\"broken\":",
        "\u{0}%%+\\\\",
        "<html>500</html>",
        "25.2 and 1.3.6.1.4.1",
    ] {
        assert_eq!(body(&mut veil, text), text);
    }
    assert_eq!(veil.hide_bytes(&[0xff, 0xfe, b'"'], Form::Body), [0xff, 0xfe, b'"']);
}

/// A secret somewhere: how it is written there.
fn written(secret: &str, way: usize) -> String {
    match way {
        0 => secret.to_owned(),
        1 => serde_json::to_string(secret).unwrap(),
        2 => form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        3 => STANDARD.encode(secret),
        4 => URL_SAFE_NO_PAD.encode(format!("u:{secret}")),
        5 => format!(r#"{{"deep":[{{"x":{}}}]}}"#, serde_json::to_string(secret).unwrap().replace('/', "\\/")),
        6 => format!(
            "https://cloud.test/x?a=b&c={}",
            secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>()
        ),
        _ => secret.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
    }
}

proptest! {
    #[test]
    fn no_secret_that_is_known_survives_anywhere(
        secrets in prop::collection::vec("[A-Za-z0-9&%+/\"\\\\ ~.é=_-]{10,24}", 1..4),
        places in prop::collection::vec((0usize..4, 0usize..8, "[a-z{}\":, \\[\\]?&=%\\\\]{0,12}"), 1..8),
        given in any::<bool>(),
    ) {
        let mut veil = Veil::default();
        let mut learned = String::new();
        for secret in &secrets {
            match given {
                true => veil.conceal(secret),
                // As a server would tell it.
                false => learned += &veil.hide(&serde_json::json!({ "access_token": secret }).to_string(), Form::Body),
            }
        }
        // Nobody's text between two secrets is to make one of them a part of something else.
        let text: String = places.iter().map(|(nth, way, around)| format!("{around}\n{}\n", written(&secrets[nth % secrets.len()], *way))).collect();
        for form in [Form::Body, Form::Text] {
            let hidden = veil.hide(&text, form);
            for (nth, secret) in secrets.iter().enumerate() {
                // One may be within another.
                if secrets.iter().enumerate().any(|(other, text)| other != nth && text.contains(secret.as_str())) {
                    continue;
                }
                for way in 0..8 {
                    // What stands around it in its own piece is none of it.
                    let piece = match way { 5 => written(secret, 1).replace('/', "\\/"), 6 => written(secret, 6)[27..].to_owned(), way => written(secret, way) };
                    let piece = piece.trim_matches('"');
                    prop_assert!(!hidden.contains(piece), "{piece:?} of {secret:?} in {hidden:?}, of {text:?}");
                    prop_assert!(!learned.contains(secret.as_str()));
                }
            }
        }
    }

    #[test]
    fn no_host_that_was_called_survives_in_an_address(
        name in "[a-z]{3,8}(\\.[a-z]{2,8}){0,2}",
        port in 1u16..,
        before in "[a-z \",{}:]{0,6}",
        slashes in prop::sample::select(vec!["://", ":\\/\\/", "%3A%2F%2F"]),
    ) {
        let mut veil = Veil::default();
        let place = format!("{name}:{port}");
        veil.host(&place);
        let port = if slashes.starts_with('%') { format!("%3A{port}") } else { format!(":{port}") };
        let hidden = veil.hide(&format!("{before}https{slashes}{name}{port}/ {place} \"{place}\""), Form::Body);
        prop_assert!(!hidden.contains(&place) && !hidden.contains(&format!("{slashes}{name}")), "{hidden}");
    }

    #[test]
    fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":\\\\%u0-9a-f@/.token]{0,120}") {
        let mut veil = Veil::default();
        veil.conceal("\\\\u00");
        veil.hide_bytes(&bytes, Form::Body);
        veil.hide(&text, Form::Body);
        veil.hide(&text, Form::Text);
        veil.secret_value(&text);
        veil.set_cookie(&text);
        veil.host(&text);
    }
}
