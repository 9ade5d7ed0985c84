//! Eagle Eye Networks: the legacy API (version 1 and 2) with its poll WebSocket, one session for each account.
//!
//! - [`config`]: the settings of a connection. [`login`]: a session for one user and account. [`grant`]: what it yields.
//! - [`wire`]: what frames, requests, ids and times look like.
//! - [`status`]: the status word of a camera or bridge, and the states that it stands for.
//! - [`codes`]: the four-letter codes of events in shared words.
//! - [`devices`], [`accounts`]: the lists that REST answers, by position; [`rest`]: the calls that ask for them, and what their statuses mean.
//! - [`directory`]: an account's devices with their names.
//! - [`session`]: list a reseller's accounts, or subscribe to an account's devices and follow; what is a gap. [`checkpoint`]: what it needs to
//!   go on after a break.
//!
//! `docs/vendors/een.md` tells the protocol as we understand it, and how sure we are of each fact.

pub mod accounts;
pub mod checkpoint;
pub mod codes;
pub mod config;
pub mod devices;
pub mod directory;
pub mod grant;
pub mod login;
pub mod rest;
pub mod session;
pub mod status;
pub mod wire;

use std::num::NonZeroU32;
use std::time::Duration;

pub use config::EenConfig;
pub use directory::EenDirectory;
pub use grant::Grant;
pub use login::EenLogin;
pub use session::EenSession;

use super::{Resume, Vendor};
use crate::settings::{CommonSettings, Heartbeat, Secret};

/// Eagle Eye Networks.
#[derive(Debug, Clone, Copy)]
pub struct Een;

impl Vendor for Een {
    const NAME: &'static str = "een";
    const HEARTBEAT: Heartbeat = Heartbeat::UNHURRIED;

    type Config = EenConfig;
    type Grant = Grant;
    type Login = EenLogin;
    type Directory = EenDirectory;
    type Session = EenSession;

    fn account(config: &EenConfig) -> String {
        let mut account = Self::gate(config);
        // A grant leads where the settings of the login that got it say.
        for (what, url) in [("calls", &config.api_url), ("sockets", &config.socket_url)] {
            account.extend(url.iter().map(|url| format!(", {what} at {url}")));
        }
        // Each account has a session of its own, for a session is in one account at a time.
        account.extend(config.child.iter().map(|child| format!(", account {}", child.id)));
        account
    }

    fn gate(config: &EenConfig) -> String {
        format!("een {} at {}", config.username, config.auth_url)
    }

    fn logins_per_second(config: &EenConfig) -> Option<NonZeroU32> {
        Some(config.logins_per_second)
    }

    fn title(config: &EenConfig) -> Option<&str> {
        config.child.as_ref().map(|child| child.name.as_str())
    }

    fn secret(config: &EenConfig) -> &Secret {
        &config.password
    }

    fn secrets(config: &EenConfig) -> Vec<&Secret> {
        [&config.password].into_iter().chain(&config.api_key).collect()
    }

    fn resume_window(_: &EenConfig) -> Duration {
        // Nothing of a lost socket is kept: the next one begins with how things are.
        Duration::ZERO
    }

    fn login(config: &EenConfig, common: &CommonSettings) -> EenLogin {
        EenLogin::new(config.clone(), common.request_timeout, None)
    }

    fn directory(_: &EenConfig, _: &CommonSettings) -> EenDirectory {
        EenDirectory::default()
    }

    fn session(config: &EenConfig, common: &CommonSettings, resume: Resume) -> EenSession {
        EenSession::new(config.clone(), common, resume)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use config::ChildAccount;

    #[test]
    fn connections_that_call_elsewhere_share_the_gate_and_no_grant() {
        let plain = EenConfig::new("ops@example.com", "p".into());
        let calls = EenConfig { api_url: Some("https://proxy.test".parse().unwrap()), ..plain.clone() };
        let sockets = EenConfig { socket_url: Some("wss://proxy.test".parse().unwrap()), ..plain.clone() };
        let id = "00004207".parse().unwrap();
        let child = ChildAccount { id, name: "Store 7".to_owned(), barred: None };
        let child = EenConfig { child: Some(child), ..calls.clone() };
        let configs = [plain, calls, sockets, child];
        for (index, config) in configs.iter().enumerate() {
            assert_eq!(Een::gate(config), Een::gate(&configs[0]));
            let others = configs.iter().enumerate().filter(|(other, _)| *other != index);
            assert!(others.into_iter().all(|(_, other)| Een::account(config) != Een::account(other)), "{index}");
        }
    }
}
