//! What a client says first, once for each connection.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// Says who listens; events of all systems of that user follow. `source` is what the client calls itself.
///
/// Clients were seen to say so before the server's hello and after it, and with times and ids in other forms: the server seems to care for neither
/// (inferred). The text has the access token in it.
#[must_use]
pub fn identify(token: &SecretString, user: &str, source: &str, now: Timestamp) -> SecretString {
    let text = json!({
        "datacontenttype": "application/json",
        "type": "com.simplisafe.connection.identify",
        "time": format!("{now:.3}"),
        "id": format!("ts:{}", now.as_millisecond()),
        "specversion": "1.0",
        "source": source,
        "data": {
            "auth": { "schema": "bearer", "token": token.expose_secret() },
            "join": [format!("uid:{user}")],
        },
    });
    text.to_string().into()
}
