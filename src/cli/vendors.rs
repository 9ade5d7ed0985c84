//! What commands can do with a connection, whatever its vendor: the one place that lists the vendors' rooms.

#[cfg(feature = "sqlite")]
use watchpost::actors::vendors::{een::EenConfig, simplisafe::SimpliSafeConfig};
use watchpost::{
    actors::{ConnectionConfig, vendors::VendorSettings},
    config::EngineSettings,
};

use super::{een, milestone, simplisafe, vxg};

/// What a look at a system has told, in lines for a person.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What was found, each with its heading.
    pub(super) lines: Vec<(&'static str, String)>,
    /// What must be mended before the connection works.
    pub(super) failures: Vec<String>,
    /// Why nothing was tried, where it was not.
    pub(super) untried: Option<String>,
}

impl Findings {
    pub(super) fn tell(&mut self, heading: &'static str, text: impl Into<String>) {
        self.lines.push((heading, text.into()));
    }

    pub(super) fn fail(&mut self, why: impl Into<String>) {
        self.failures.push(why.into());
    }
}

/// The settings of a connection to Eagle Eye, if it is one.
#[cfg(feature = "sqlite")]
pub(super) fn een_of(connection: &ConnectionConfig) -> Option<&EenConfig> {
    match &connection.vendor {
        VendorSettings::Een(config) => Some(config),
        _ => None,
    }
}

/// The settings of a connection to SimpliSafe, if it is one.
#[cfg(feature = "sqlite")]
pub(super) fn simplisafe_of(connection: &ConnectionConfig) -> Option<&SimpliSafeConfig> {
    match &connection.vendor {
        VendorSettings::SimpliSafe(config) => Some(config),
        _ => None,
    }
}

/// Looks at systems. One that looks at several logs in once per user and server, as the engine does.
pub(super) struct Visitor {
    milestone: milestone::Visitor,
    een: een::Visitor,
    simplisafe: simplisafe::Visitor,
    vxg: vxg::Visitor,
}

impl Visitor {
    /// One that has seen nothing yet. What earlier steps of a person left in the data folder, it makes use of.
    pub(super) fn new(settings: EngineSettings) -> Self {
        Self {
            milestone: milestone::Visitor::default(),
            een: een::Visitor::new(settings.data_dir.clone()),
            simplisafe: simplisafe::Visitor::new(settings),
            vxg: vxg::Visitor::default(),
        }
    }

    /// Logs in, and looks at what the connection may see.
    pub(super) async fn visit(&mut self, connection: &ConnectionConfig) -> Findings {
        match &connection.vendor {
            VendorSettings::Milestone(config) => self.milestone.visit(config, &connection.common).await,
            VendorSettings::Een(config) => self.een.visit(config, &connection.common).await,
            VendorSettings::SimpliSafe(config) => {
                self.simplisafe.visit(&connection.name, config, &connection.common).await
            }
            VendorSettings::Vxg(config) => self.vxg.visit(config, &connection.common).await,
            other => {
                let mut findings = Findings::default();
                findings.fail(format!("vendor \"{}\" cannot be looked at by this version", other.name()));
                findings
            }
        }
    }

    /// Leaves nothing behind at the systems.
    pub(super) async fn leave(self) {
        self.een.leave().await;
        self.simplisafe.leave();
    }
}
