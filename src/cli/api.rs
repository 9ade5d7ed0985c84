//! The HTTP side of a command that runs an engine: where the features allow one.

use std::net::SocketAddr;

#[cfg(feature = "http")]
use watchpost::http::{Bound, Limits, Site, metrics::Metrics};
use watchpost::{
    actors::{ConnectionConfig, EngineHandle, settings::Secret},
    config::SinkConfig,
    sinks::{Desk, delivery::Delivery},
};

/// What there is to answer about.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "this build answers nobody"))]
pub(super) struct About {
    pub(super) engine: EngineHandle,
    pub(super) delivery: Delivery,
    pub(super) sinks: Vec<SinkConfig>,
    pub(super) desk: Desk,
    pub(super) connections: Vec<ConnectionConfig>,
    pub(super) token: Option<Secret>,
    pub(super) hosts: Vec<String>,
}

/// An address that is listened at, before anybody is answered.
pub(super) struct Api(#[cfg(feature = "http")] Bound);

/// A server that answers.
pub(super) struct Serving(#[cfg(feature = "http")] watchpost::http::Server);

#[cfg(feature = "http")]
impl Api {
    /// Listens for so many clients at a time, or fewer; from now on everything is counted.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn bind(address: SocketAddr, clients: usize) -> Result<Option<Self>, String> {
        let bound = Bound::at(address).map_err(|error| error.to_string())?;
        let usual = Limits::default();
        let bound = bound.with_limits(Limits { connections: usual.connections.min(clients), ..usual });
        Metrics::install().map_err(|error| error.to_string())?;
        Ok(Some(Self(bound)))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Answers from now on.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn serve(self, about: About) -> Result<Serving, String> {
        let About { engine, delivery, sinks, desk, connections, token, hosts } = about;
        let site = Site { delivery, sinks, desk, connections, token, hosts, ..Site::new(engine) };
        if let Some(metrics) = Metrics::installed() {
            actix_rt::spawn(metrics.upkeep());
        }
        self.0.serve(site).map(Serving).map_err(|error| error.to_string())
    }
}

#[cfg(feature = "http")]
impl Serving {
    pub(super) async fn stop(self) {
        self.0.stop().await;
    }
}

#[cfg(not(feature = "http"))]
impl Api {
    pub(super) fn bind(address: SocketAddr, _: usize) -> Result<Option<Self>, String> {
        tracing::warn!(%address, "This build has no API: nothing listens.");
        Ok(None)
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    pub(super) fn serve(self, about: About) -> Result<Serving, String> {
        drop(about);
        Ok(Serving())
    }
}

#[cfg(not(feature = "http"))]
impl Serving {
    pub(super) async fn stop(self) {}
}
