//! Milestone XProtect: the Events and State WebSocket API, with names from the Configuration REST API.
//!
//! - [`config`]: the settings of a connection.
//! - [`login`]: discovery, the identity provider, a token.
//! - [`wire`]: what frames and commands look like.
//! - [`session`]: start or resume, subscribe, take the states, follow; what is a gap.
//! - [`checkpoint`]: what a session needs to go on after a break.
//! - [`commands`]: lists event types, and has the system make an event.
//! - [`directory`]: ids to names, by REST (`rest` reads the answers); [`vocabulary`]: GUIDs of built-in types to shared words.
//!
//! `docs/vendors/milestone.md` tells the protocol as we understand it, and how sure we are of each fact.

pub mod checkpoint;
pub mod commands;
pub mod config;
pub mod directory;
pub mod login;
mod rest;
pub mod session;
pub mod vocabulary;
pub mod wire;

use std::time::Duration;

pub use commands::MilestoneCommands;
pub use config::{MilestoneConfig, User};
pub use login::Grant;
pub use rest::trouble;

use super::{Commands, Filters, Resume, Vendor};
use crate::settings::{CommonSettings, Heartbeat, Secret};

/// Milestone XProtect.
#[derive(Debug, Clone, Copy)]
pub struct Milestone;

impl Vendor for Milestone {
    const NAME: &'static str = "milestone";
    // A half-open socket must be found early enough to resume inside the window of 30 s.
    const HEARTBEAT: Heartbeat = Heartbeat { ping_after: Duration::from_secs(5), dead_after: Duration::from_secs(12) };

    const TAKES_WISHES: bool = true;

    type Config = MilestoneConfig;
    type Grant = Grant;
    type Login = login::MilestoneLogin;
    type Directory = directory::MilestoneDirectory;
    type Session = session::MilestoneSession;

    fn account(config: &MilestoneConfig) -> String {
        match &config.user {
            // As it was before there were others: refusals are remembered by it.
            User::Basic(name) => format!("milestone {name} at {}", config.url),
            user => format!("milestone {user} at {}", config.url),
        }
    }

    fn secret(config: &MilestoneConfig) -> &Secret {
        &config.password
    }

    fn commands(_: &MilestoneConfig, common: &CommonSettings) -> Option<Box<dyn Commands<Grant = Grant>>> {
        Some(Box::new(MilestoneCommands::new(common.request_timeout)))
    }

    fn check_filters(Filters::Milestone(rows): &Filters) -> Result<(), String> {
        config::check_rows(rows)
    }

    fn resume_window(config: &MilestoneConfig) -> Duration {
        config.resume_window
    }

    fn login(config: &MilestoneConfig, common: &CommonSettings) -> login::MilestoneLogin {
        login::MilestoneLogin::new(config.clone(), common.request_timeout)
    }

    fn directory(_: &MilestoneConfig, common: &CommonSettings) -> directory::MilestoneDirectory {
        directory::MilestoneDirectory::new(common.request_timeout)
    }

    fn session(config: &MilestoneConfig, common: &CommonSettings, resume: Resume) -> session::MilestoneSession {
        session::MilestoneSession::new(config.clone(), common, resume)
    }
}
