//! SimpliSafe: homes with alarm panels, sensors, locks and cameras, over its cloud's WebSocket and REST API: one session for all systems of a user.
//!
//! - [`config`]: the settings of a connection. [`login`]: an access token for a refresh token. [`grant`]: what that yields.
//! - [`rest`]: the calls that ask for systems, sensors, locks and events, and what their statuses mean.
//! - [`media`]: how pictures and recordings are fetched.
//! - [`wire`]: what frames and REST answers look like.
//! - [`codes`]: the codes of events in shared words.
//! - [`snapshot`]: the states that REST answers tell.
//! - [`directory`]: the user's systems and their devices with their names.
//! - [`session`]: subscribe, follow, poll, and read what was missed out of each system's history. [`checkpoint`]: what it needs to go on after a break.
//!
//! `docs/vendors/simplisafe.md` tells the protocol as we understand it, and how sure we are of each fact.

pub mod checkpoint;
pub mod codes;
pub mod config;
pub mod directory;
pub mod grant;
pub mod login;
pub mod media;
pub mod rest;
pub mod session;
pub mod snapshot;
pub mod wire;

pub use config::SimpliSafeConfig;
pub use directory::SimpliSafeDirectory;
pub use grant::Grant;
pub use login::SimpliSafeLogin;
pub use session::SimpliSafeSession;

use std::time::Duration;

use super::{Media, Order, Resume, Vendor};
use crate::settings::{CommonSettings, Heartbeat, Secret};
use crate::transport::RestAnswer;

/// SimpliSafe.
#[derive(Debug, Clone, Copy)]
pub struct SimpliSafe;

impl Vendor for SimpliSafe {
    const NAME: &'static str = "simplisafe";
    const HEARTBEAT: Heartbeat = Heartbeat::UNHURRIED;
    // A push may come a minute late, behind others, and an answer out of a stale cache.
    const ORDER: Order = Order::Time;
    const SPENDS_SECRET: bool = true;

    type Config = SimpliSafeConfig;
    type Grant = Grant;
    type Login = SimpliSafeLogin;
    type Directory = SimpliSafeDirectory;
    type Session = SimpliSafeSession;

    fn account(config: &SimpliSafeConfig) -> String {
        config.account()
    }

    fn gate(config: &SimpliSafeConfig) -> String {
        config.gate()
    }

    fn secret(config: &SimpliSafeConfig) -> &Secret {
        &config.refresh_token
    }

    fn service(config: &SimpliSafeConfig) -> Option<String> {
        Some(config.service())
    }

    fn is_blocked(answer: &RestAnswer) -> bool {
        rest::is_blocked(answer)
    }

    fn media(config: &SimpliSafeConfig) -> Option<Box<dyn Media<Grant = Grant>>> {
        Some(Box::new(media::SimpliSafeMedia::new(config)))
    }

    fn resume_window(_: &SimpliSafeConfig) -> Duration {
        // Nothing of a lost socket is kept: what was missed stands in the history.
        Duration::ZERO
    }

    fn login(config: &SimpliSafeConfig, common: &CommonSettings) -> SimpliSafeLogin {
        SimpliSafeLogin::new(config.clone(), common.request_timeout)
    }

    fn directory(_: &SimpliSafeConfig, _: &CommonSettings) -> SimpliSafeDirectory {
        SimpliSafeDirectory::default()
    }

    fn session(config: &SimpliSafeConfig, common: &CommonSettings, resume: Resume) -> SimpliSafeSession {
        SimpliSafeSession::new(config.clone(), common, resume)
    }
}
