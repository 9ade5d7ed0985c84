//! Binds, serves and stops.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web};

use super::{
    guard::{self, Guard},
    problem, routes,
    site::Site,
    streams::{self, Streams},
    telemetry,
};

/// Threads that answer. Reads are short, so two are enough for thousands of callers.
const WORKERS: usize = 2;
/// Connections that one thread holds at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 2_048;
/// How long a request's head may take to come.
const HEAD: Duration = Duration::from_secs(5);
/// How long an idle connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// How long an end waits for answers under way, in seconds.
const ENDING: u64 = 1;
/// The largest body of a request: a few words of JSON.
const BODY: usize = 64 << 10;

/// The address cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// An address that is listened at, before anybody is answered.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    streams: streams::Settings,
}

impl Bound {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`BindError`]; another address, or another moment, may help.
    pub fn at(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, streams: streams::Settings::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bounds of streams other than the usual ones.
    #[must_use]
    pub fn with_streams(self, streams: streams::Settings) -> Self {
        Self { streams, ..self }
    }

    /// Answers from now on, in the background, until told to [stop](Server::stop).
    ///
    /// # Errors
    /// [`BindError`] where the system gives no thread, or takes the listener back.
    pub fn serve(self, site: Site) -> Result<Server, BindError> {
        let address = self.address;
        let guard = web::Data::new(Guard::new(site.token.as_ref(), &site.hosts));
        let streams = Arc::new(Streams::start(&site.engine, self.streams));
        let site = web::Data::from(Arc::new(site));
        let shared = web::Data::from(Arc::clone(&streams));
        let app = move || {
            App::new()
                .app_data(site.clone())
                .app_data(shared.clone())
                .app_data(guard.clone())
                .app_data(web::PayloadConfig::new(BODY))
                .app_data(problem::of_json(BODY))
                .app_data(problem::of_path())
                .wrap(from_fn(guard::check))
                .wrap(from_fn(guard::harden))
                .wrap(from_fn(telemetry::measure))
                .configure(routes)
                .default_service(web::to(problem::not_found))
        };
        let server = HttpServer::new(app)
            .workers(WORKERS)
            .max_connections(CONNECTIONS)
            .client_request_timeout(HEAD)
            .keep_alive(IDLE)
            // Who has closed a stream must not count as a client until the next heartbeat fails.
            .h1_allow_half_closed(false)
            .on_connect(streams::keep_socket)
            .shutdown_timeout(ENDING)
            .disable_signals()
            .listen(self.listener)
            .map_err(|source| BindError { address, source })?
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "The HTTP server has ended.");
            }
        });
        Ok(Server { handle, address, streams })
    }
}

/// A server that answers.
pub struct Server {
    handle: ServerHandle,
    address: SocketAddr,
    streams: Arc<Streams>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; streams are cut.
    pub async fn stop(self) {
        self.streams.close();
        self.handle.stop(false).await;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
