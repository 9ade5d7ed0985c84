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
    say(&format!("vendor = \"{vendor}\""));
    match vendor.as_str() {
        "milestone" => {
            say(&format!("url = \"{url}{}\"", before(recording, "/api/.well-known/uris")));
            say("username = \"replay\"");
            say("password = { file = \"replay.secret\" }");
            say(
                "subscribe = [{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]",
            );
        }
        "een" => {
            say("username = \"replay\"");
            say("password = { file = \"replay.secret\" }");
            say(&format!("auth_url = \"{url}{}\"", before(recording, "/g/aaa/authenticate")));
        }
        "simplisafe" => {
            let path = recording.sockets.first().map_or("/", |socket| &socket.path);
            say("refresh_token = { file = \"replay.secret\" }");
            say(&format!("auth_url = \"{url}\""));
            say(&format!("api_url = \"{url}\""));
            say(&format!("socket_url = \"{socket_url}{path}\""));
        }
        "vxg" => {
            say(&format!("url = \"{url}{}\"", before(recording, "/api/")));
            say("token = { file = \"replay.secret\" }");
            if let Some((scheme, _)) = authorization(recording) {
                say(&format!("scheme = \"{scheme}\""));
            }
        }
        _ => say(&format!("# with {url} for each address, and {socket_url} for that of a WebSocket")),
    }
    say("");
    let secret = match vendor.as_str() {
        "vxg" => authorization(recording).map_or("secret-1", |(_, token)| token),
        _ => "secret-1",
    };
    say(&format!("any secret will do: echo '{secret}' > replay.secret"));
    text
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
