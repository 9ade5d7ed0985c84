//! A sink of kind `mqtt`: events and states to a broker.

use std::{fmt, time::Duration};

use url::Url;
use watchpost_actors::settings::{ClientIdentity, Fields, Mistake, Secret, TlsSettings, mistake::shown};

use super::sink::broker_tls;

/// An MQTT broker, spoken to by MQTT 5.
#[derive(Clone)]
#[non_exhaustive]
pub struct MqttSink {
    /// Where it is: `mqtt://` or `mqtts://`, a host, and a port unless it is the usual one.
    pub url: Url,
    /// Who we are to it.
    pub username: Option<String>,
    /// With what we prove it; only with a name.
    pub password: Option<Secret>,
    /// What every topic begins with, `watchpost` unless set; one or more levels.
    pub prefix: String,
    /// By what the broker tells clients apart; derived from machine, prefix and sink unless set.
    pub client_id: Option<String>,
    /// Whether Home Assistant is told of items.
    pub home_assistant: bool,
    /// Under which topic Home Assistant looks, `homeassistant` unless set there.
    pub discovery_prefix: String,
    /// How Home Assistant is told.
    pub discovery: DiscoveryForm,
    /// How long the line may be quiet before it is tested, 30 s unless set.
    pub keep_alive: Duration,
    /// The time to connect in, and the longest time without an acknowledgement; 10 s unless set.
    pub timeout: Duration,
    /// How the broker's certificate is judged.
    pub tls: TlsSettings,
    /// The certificate that we show the broker if it asks for one.
    pub identity: Option<ClientIdentity>,
    /// How long after a first refusal of us another login is tried; it doubles from there up to fifteen times. No configuration sets it.
    pub refused_pause: Duration,
}

/// How Home Assistant is told of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryForm {
    /// One message for all of a device. Needs Home Assistant 2024.12.
    Device,
    /// One message for each entity.
    Component,
}

impl MqttSink {
    /// The default of `prefix`.
    pub const PREFIX: &str = "watchpost";
    /// The default of `discovery_prefix`.
    pub const DISCOVERY_PREFIX: &str = "homeassistant";
    /// The default of `keep_alive`.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(30);
    /// The default of `timeout`.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of `refused_pause`.
    pub const REFUSED_PAUSE: Duration = Duration::from_secs(60);

    /// Whether the line is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "mqtts"
    }

    /// The broker's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(if self.is_secure() { 8883 } else { 1883 })
    }
}

impl fmt::Debug for MqttSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSink")
            .field("url", &self.url.as_str())
            .field("username", &self.username)
            .field("password", &self.password)
            .field("prefix", &self.prefix)
            .field("client_id", &self.client_id)
            .field("home_assistant", &self.home_assistant)
            .field("discovery_prefix", &self.discovery_prefix)
            .field("discovery", &self.discovery)
            .field("keep_alive", &self.keep_alive)
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

const SCHEMES: [&str; 2] = ["mqtt", "mqtts"];
const FORMS: [(&str, DiscoveryForm); 2] = [("device", DiscoveryForm::Device), ("component", DiscoveryForm::Component)];
/// So long may topics be; what stands behind a prefix has room in the 65535 bytes that MQTT allows.
const LONGEST_PREFIX: usize = 1_024;

/// Reads the keys of this kind.
pub(super) fn read(fields: &mut dyn Fields) -> Option<MqttSink> {
    fields.require("url", "url = \"mqtt://127.0.0.1:1883\"");
    let url = url(fields);
    let username = fields.string("username");
    let password = fields.secret("password");
    if password.is_some() && !fields.contains("username") {
        fields.error("password", Mistake::new("a password needs a name").hint("add username = \"watchpost\""));
    }
    let prefix = topic(fields, "prefix");
    let client_id = fields.string("client_id");
    if let Some(id) = client_id.as_ref().filter(|id| id.len() > 128 || id.chars().any(char::is_control)) {
        let mistake = Mistake::new(format!("\"{}\" is no id of a client", shown(id)));
        fields.error(
            "client_id",
            mistake.hint("write up to 128 characters on one line; brokers are sure to take letters and digits"),
        );
    }
    let home_assistant = fields.boolean("home_assistant").unwrap_or_default();
    let discovery_prefix = topic(fields, "discovery_prefix");
    let discovery = fields.choice("discovery", &FORMS);
    for key in ["discovery_prefix", "discovery"] {
        if !home_assistant && fields.contains(key) {
            let mistake = Mistake::new("only Home Assistant is told this");
            fields.warn(key, mistake.hint("add home_assistant = true, or leave this out"));
        }
    }
    let keep_alive = fields.duration("keep_alive", Duration::from_secs(1)..=Duration::from_secs(3_600));
    let timeout = fields.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(600));
    let (tls, identity) = fields.table("tls", broker_tls).unwrap_or_default();
    let url = url?;
    if identity.is_some() && url.scheme() != "mqtts" {
        let mistake = Mistake::new("a certificate is shown on an encrypted line alone, and this one is not");
        fields.warn("tls", mistake.hint(format!("write mqtts://{}", url.host_str().unwrap_or("host"))));
    }
    Some(MqttSink {
        url,
        username,
        password,
        prefix: prefix.unwrap_or_else(|| MqttSink::PREFIX.to_owned()),
        client_id,
        home_assistant,
        discovery_prefix: discovery_prefix.unwrap_or_else(|| MqttSink::DISCOVERY_PREFIX.to_owned()),
        discovery: discovery.unwrap_or(DiscoveryForm::Device),
        keep_alive: keep_alive.unwrap_or(MqttSink::KEEP_ALIVE),
        timeout: timeout.unwrap_or(MqttSink::TIMEOUT),
        tls,
        identity,
        refused_pause: MqttSink::REFUSED_PAUSE,
    })
}

fn url(fields: &mut dyn Fields) -> Option<Url> {
    let url = fields.url("url", &SCHEMES)?;
    let broker = format!("mqtts://{}", url.host_str().unwrap_or("host"));
    let url = fields.without_query("url", url, &broker)?;
    if !matches!(url.path(), "" | "/") {
        let mistake = Mistake::new("the address of a broker has no path");
        fields.error("url", mistake.hint(format!("write only the broker: \"{broker}\"; topics begin with `prefix`")));
        return None;
    }
    fields.warn_of_clear_text("url", &url, SCHEMES, "events and the password");
    Some(url)
}

/// The beginning of topics.
fn topic(fields: &mut dyn Fields, key: &'static str) -> Option<String> {
    let text = fields.string(key)?;
    let why = if text.contains(['+', '#']) {
        "`+` and `#` have a meaning of their own in MQTT"
    } else if text.split('/').any(str::is_empty) {
        "a level is empty"
    } else if text.starts_with('$') {
        "what begins with `$` is the broker's own"
    } else if text.chars().any(char::is_control) || text.len() > LONGEST_PREFIX {
        "it is too long, or has a control character in it"
    } else {
        return Some(text);
    };
    let mistake = Mistake::new(format!("topics cannot begin with \"{}\": {why}", shown(&text)));
    fields.error(key, mistake.hint(format!("write {key} = \"site/watchpost\", say")));
    None
}
