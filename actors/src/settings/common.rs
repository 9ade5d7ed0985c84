//! What every connection has, whatever its vendor.

use std::time::Duration;

use super::{ByteSize, Fields, Mistake};
pub use crate::transport::{ClientIdentity, TlsSettings};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// How long a quiet socket is trusted, where the settings do not say; each vendor has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Send a ping after so long without a byte.
    pub ping_after: Duration,
    /// Take the socket for dead after so long without a byte.
    pub dead_after: Duration,
}

impl Heartbeat {
    /// For a vendor that does not punish a late discovery.
    pub const UNHURRIED: Self = Self { ping_after: Duration::from_secs(20), dead_after: Duration::from_secs(50) };
}

/// What every connection has, whatever its vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommonSettings {
    /// How far back a first start fetches history, where the vendor has one; zero (the default) begins now.
    pub backfill_on_first_start: Duration,
    /// Send a ping after so long without a byte.
    pub ping_after: Duration,
    /// Take the socket for dead after so long without a byte; more than `ping_after`.
    pub dead_after: Duration,
    /// The largest message that is accepted, 32 MiB unless set, at most 256 MiB.
    pub max_message: ByteSize,
    /// The time one REST call may take, its body included; 20 s unless set.
    pub request_timeout: Duration,
    /// How the server's certificate is judged.
    pub tls: TlsSettings,
}

impl CommonSettings {
    /// The default of `max_message`.
    pub const MAX_MESSAGE: ByteSize = ByteSize::mib(32);
    /// The default of `request_timeout`.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

    /// The defaults, with a vendor's own heartbeat.
    pub fn new(heartbeat: Heartbeat) -> Self {
        Self {
            backfill_on_first_start: Duration::ZERO,
            ping_after: heartbeat.ping_after,
            dead_after: heartbeat.dead_after,
            max_message: Self::MAX_MESSAGE,
            request_timeout: Self::REQUEST_TIMEOUT,
            tls: TlsSettings::default(),
        }
    }

    /// Reads the keys that every connection has.
    pub fn read(fields: &mut dyn Fields, heartbeat: Heartbeat) -> Self {
        let default = Self::new(heartbeat);
        let settings = Self {
            backfill_on_first_start: fields
                .duration("backfill_on_first_start", Duration::ZERO..=3650 * DAY)
                .unwrap_or(default.backfill_on_first_start),
            ping_after: fields.duration("ping_after", 50 * MILLISECOND..=DAY).unwrap_or(default.ping_after),
            dead_after: fields.duration("dead_after", 100 * MILLISECOND..=DAY).unwrap_or(default.dead_after),
            max_message: fields
                .size("max_message", ByteSize::kib(4)..=ByteSize::mib(256))
                .unwrap_or(default.max_message),
            request_timeout: fields
                .duration("request_timeout", 100 * MILLISECOND..=600 * SECOND)
                .unwrap_or(default.request_timeout),
            tls: fields.table("tls", |fields| TlsSettings::read(fields, "the password")).unwrap_or_default(),
        };
        if settings.dead_after <= settings.ping_after {
            let key = if fields.contains("dead_after") { "dead_after" } else { "ping_after" };
            let [ping, dead] = [settings.ping_after, settings.dead_after].map(humantime::format_duration);
            fields.error(
                key,
                Mistake::new(format!("dead_after ({dead}) must be longer than ping_after ({ping})"))
                    .hint("leave time for the answer to a ping: twice ping_after is a good start"),
            );
        }
        settings
    }
}

impl TlsSettings {
    /// Reads the keys of a `tls` table. `at_risk` is what can be read on the way when certificates are not checked: `the password`.
    pub fn read(fields: &mut dyn Fields, at_risk: &str) -> Self {
        let settings =
            Self { ca_file: fields.file("ca_file"), insecure: fields.boolean("insecure").unwrap_or_default() };
        if settings.insecure {
            fields.warn(
                "insecure",
                Mistake::new(format!("any certificate is accepted: who sits on the way can read {at_risk}"))
                    .hint("name the server's own authority instead: tls = { ca_file = \"ca.pem\" }"),
            );
        }
        settings
    }
}

impl ClientIdentity {
    /// Reads the keys of a `tls` table that say who we are: `client_cert` and `client_key`, of which neither is anything without the other.
    pub fn read(fields: &mut dyn Fields) -> Option<Self> {
        for (key, other, file) in
            [("client_cert", "client_key", "client.key"), ("client_key", "client_cert", "client.pem")]
        {
            if fields.contains(key) && !fields.contains(other) {
                let mistake =
                    Mistake::new(format!("`{other}` is missing: a certificate and its private key go together"));
                fields.error(key, mistake.hint(format!("add {other} = \"{file}\"")));
            }
        }
        let (certificate, key) = (fields.file("client_cert"), fields.file("client_key"));
        Some(Self { certificate: certificate?, key: key? })
    }
}
