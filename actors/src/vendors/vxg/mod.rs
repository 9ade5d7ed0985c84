//! VXG Cloud VMS: cameras, their events and their states, over its REST API. There is no stream of events: they are asked for.
//!
//! - [`config`]: the settings of a connection. [`token`]: what an access token says of itself: scheme, server, camera.
//! - [`login`]: whether the server takes the token, and where the present one of a camera is found. [`grant`]: what that yields, and what every call carries.
//! - [`rest`]: every call, and what its answers mean. [`wire`]: what lists, events, event types, cameras and refusals look like.
//! - [`directory`]: the cameras that a token opens, with their names.
//! - [`session`]: asks for events again and again, and for the states of cameras. [`checkpoint`]: what it needs to go on after a break.
//! - [`commands`]: lists and changes the types of events that a camera has, makes events, and has cameras make them.
//!
//! `docs/vendors/vxg.md` tells the protocol as we understand it, and how sure we are of each fact.

pub mod checkpoint;
pub mod commands;
pub mod config;
pub mod directory;
pub mod grant;
pub mod login;
pub mod rest;
pub mod session;
pub mod token;
pub mod wire;

pub use commands::VxgCommands;
pub use config::VxgConfig;
pub use directory::VxgDirectory;
pub use grant::Grant;
pub use login::VxgLogin;
pub use session::VxgSession;

use std::time::Duration;

use super::{Commands, Resume, Vendor};
use crate::settings::{CommonSettings, Heartbeat, Secret};

/// VXG Cloud VMS.
#[derive(Debug, Clone, Copy)]
pub struct Vxg;

impl Vendor for Vxg {
    const NAME: &'static str = "vxg";
    // There is no socket that could fall silent.
    const HEARTBEAT: Heartbeat = Heartbeat::UNHURRIED;

    type Config = VxgConfig;
    type Grant = Grant;
    type Login = VxgLogin;
    type Directory = VxgDirectory;
    type Session = VxgSession;

    fn account(config: &VxgConfig) -> String {
        config.account()
    }

    fn secret(config: &VxgConfig) -> &Secret {
        &config.token
    }

    fn secrets(config: &VxgConfig) -> Vec<&Secret> {
        [&config.token].into_iter().chain(&config.license_key).collect()
    }

    fn commands(_: &VxgConfig, common: &CommonSettings) -> Option<Box<dyn Commands<Grant = Grant>>> {
        Some(Box::new(VxgCommands::new(common.request_timeout)))
    }

    fn resume_window(_: &VxgConfig) -> Duration {
        // There is no session at the server: what was missed is listed.
        Duration::ZERO
    }

    fn login(config: &VxgConfig, common: &CommonSettings) -> VxgLogin {
        VxgLogin::new(config.clone(), common.request_timeout)
    }

    fn directory(config: &VxgConfig, _: &CommonSettings) -> VxgDirectory {
        VxgDirectory::new(config)
    }

    fn session(config: &VxgConfig, common: &CommonSettings, resume: Resume) -> VxgSession {
        VxgSession::new(config.clone(), common, resume)
    }
}
