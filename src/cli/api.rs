//! The HTTP side of a command that runs an engine: where the features allow one.

use std::net::SocketAddr;

use watchpost::{
    actors::{ConnectionConfig, EngineHandle, settings::Secret},
    config::SinkConfig,
    sinks::{Desk, delivery::Delivery},
};

/// What there is to answer about.
pub(super) struct About {
    pub(super) engine: EngineHandle,
    pub(super) delivery: Delivery,
    pub(super) sinks: Vec<SinkConfig>,
    pub(super) desk: Desk,
    pub(super) connections: Vec<ConnectionConfig>,
    pub(super) token: Option<Secret>,
}

/// An address that is listened at, before anybody is answered.
pub(super) struct Api(#[cfg(feature = "http")] watchpost::http::Bound);

/// A server that answers.
pub(super) struct Serving(#[cfg(feature = "http")] watchpost::http::Server);

#[cfg(feature = "http")]
impl Api {
    /// Listens.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn bind(address: SocketAddr) -> Result<Option<Self>, String> {
        watchpost::http::Bound::at(address).map(|bound| Some(Self(bound))).map_err(|error| error.to_string())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Answers from now on.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn serve(self, about: About) -> Result<Serving, String> {
        let About { engine, delivery, sinks, desk, connections, token } = about;
        let (started, turns) = (jiff::Timestamp::now(), watchpost::http::Turns::default());
        let site = watchpost::http::Site { engine, delivery, sinks, desk, connections, turns, token, started };
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
    pub(super) fn bind(address: SocketAddr) -> Result<Option<Self>, String> {
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
