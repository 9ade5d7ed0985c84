//! What to put into a configuration, so that a watchpost connects to a replay.

use std::fmt::Write;

use super::recording::Recording;

/// The lines for a recording that is played at these addresses.
pub(super) fn lines(recording: &Recording, url: &str, socket_url: &str) -> String {
    let mut text = String::new();
    let vendor = &recording.vendor;
    let mut say = |line: &str| {
        // Into memory.
        let _ = writeln!(text, "{line}");
    };
    say("[[connection]]");
    say("name = \"replay\"");
    say(&format!("vendor = {}", quoted(vendor)));
    match vendor.as_str() {
        "milestone" => {
            say(&format!("url = {}", quoted(&format!("{url}{}", before(recording, "/api/.well-known/uris")))));
            say("username = \"replay\"");
            say("password = { file = \"replay.secret\" }");
            say(
                "subscribe = [{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]",
            );
        }
        "een" => {
            say("username = \"replay\"");
            say("password = { file = \"replay.secret\" }");
            say(&format!("auth_url = {}", quoted(&format!("{url}{}", before(recording, "/g/aaa/authenticate")))));
        }
        "simplisafe" => {
            let path = recording.sockets.first().map_or("/", |socket| &socket.path);
            say("refresh_token = { file = \"replay.secret\" }");
            say(&format!("auth_url = \"{url}\""));
            say(&format!("api_url = \"{url}\""));
            say(&format!("socket_url = {}", quoted(&format!("{socket_url}{path}"))));
        }
        "vxg" => {
            say(&format!("url = {}", quoted(&format!("{url}{}", before(recording, "/api/")))));
            say("token = { file = \"replay.secret\" }");
            if let Some((scheme, _)) = authorization(recording) {
                say(&format!("scheme = {}", quoted(scheme)));
            }
        }
        _ => say(&format!("# with {url} for each address, and {socket_url} for that of a WebSocket")),
    }
    say("");
    let secret = match vendor.as_str() {
        "vxg" => authorization(recording).map(|(_, token)| token).filter(|token| is_plain(token)).unwrap_or("secret-1"),
        _ => "secret-1",
    };
    say(&format!("any secret will do: echo '{secret}' > replay.secret"));
    text
}

/// A string of TOML, whatever a recording has in it: JSON's are such.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace(char::is_control, " ")).to_string()
}

/// Whether it means nothing to a shell.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=._-".contains(&byte))
}

/// The path before this one, where it was called.
fn before<'a>(recording: &'a Recording, path: &str) -> &'a str {
    recording.calls.iter().find_map(|call| Some(&call.path[..call.path.find(path)?])).unwrap_or_default()
}

/// How a token was shown, and its placeholder.
fn authorization(recording: &Recording) -> Option<(&str, &str)> {
    let headers = recording.calls.iter().flat_map(|call| &call.headers);
    let shown = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    shown.filter_map(|(_, value)| value.split_once(' ')).next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::simulator::replay::recording::Call;

    #[test]
    fn what_a_recording_has_in_it_stays_within_its_quotes() {
        let call = |path: &str, header: &str| Call {
            method: "GET".into(),
            path: path.into(),
            query: String::new(),
            headers: vec![("authorization".into(), header.into())],
            at: 0.0,
            took: 0.0,
            answer: None,
        };
        let evil = "/p\"\n[[sink]]\nname = \"evil\"\u{1b}[2J/api/";
        let recording = Recording {
            vendor: "vxg".to_owned(),
            calls: vec![call(evil, "S\"I x'; rm -rf y")],
            ..Recording::default()
        };
        let text = lines(&recording, "http://127.0.0.1:1", "ws://127.0.0.1:1");
        assert!(!text.contains('\u{1b}') && !text.contains("rm -rf"), "{text}");
        let (config, _) = text.split_once("any secret").unwrap();
        let config: toml::Table = config.parse().unwrap();
        assert_eq!((config.len(), config["connection"].as_array().unwrap().len()), (1, 1), "{text}");
    }
}
