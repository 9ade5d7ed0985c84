//! Binds, serves and stops.

use std::{
    future::ready,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App,
    dev::{AppConfig, Server as Workers, ServerHandle},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};

use super::{
    guard::{self, Guard},
    limits::{self, Keeper, Limits},
    line::Socket,
    problem, routes,
    site::Site,
    streams::{self, Streams},
    telemetry,
};

/// Threads that answer. Reads are short, so two are enough for thousands of callers.
const WORKERS: usize = 2;
/// How long a connection goes on when its request was refused before all of it had come, so that the refusal is read.
const LINGERING: Duration = Duration::from_secs(1);
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
    limits: Limits,
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
        Ok(Self { listener, address, streams: streams::Settings::default(), limits: Limits::default() })
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

    /// Limits of clients other than the usual ones.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Answers from now on, in the background, until told to [stop](Server::stop).
    ///
    /// # Errors
    /// [`BindError`] where the system gives no thread, or takes the listener back.
    pub fn serve(self, site: Site) -> Result<Server, BindError> {
        let address = self.address;
        let guard = web::Data::new(Guard::new(site.token.as_ref(), &site.hosts, address.port()));
        let streams = Arc::new(Streams::start(&site.engine, self.streams));
        let site = web::Data::from(Arc::new(site));
        let shared = web::Data::from(Arc::clone(&streams));
        let limits = self.limits;
        let keeper = web::Data::new(Keeper::new(&limits));
        let app = move || {
            App::new()
                .app_data(site.clone())
                .app_data(shared.clone())
                .app_data(guard.clone())
                .app_data(keeper.clone())
                .app_data(web::PayloadConfig::new(BODY))
                .app_data(problem::of_json(BODY))
                .app_data(problem::of_path())
                .wrap(from_fn(guard::check))
                .wrap(from_fn(limits::keep))
                .wrap(from_fn(guard::harden))
                .wrap(from_fn(telemetry::measure))
                .configure(routes)
                .default_service(web::to(problem::not_found))
        };
        let service = move || {
            let http = HttpService::build()
                .client_request_timeout(limits.head)
                // The socket ends what is idle, and counts it.
                .keep_alive(KeepAlive::Os)
                .client_disconnect_timeout(LINGERING)
                // Who has asked may close its sending side, and is answered all the same.
                .h1_allow_half_closed(true)
                .local_addr(address)
                .on_connect_ext(|socket: &Socket, known| {
                    known.insert(socket.line());
                })
                .h1(map_config(app().into_factory(), |_: ()| AppConfig::default()));
            let accept = move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                ready(Ok((Socket::new(stream, &limits), peer)))
            };
            fn_service(accept).and_then(http)
        };
        let server = Workers::build()
            .workers(WORKERS)
            .max_concurrent_connections(limits.connections.div_ceil(WORKERS).max(1))
            .shutdown_timeout(ENDING)
            .disable_signals()
            .listen("http", self.listener, service)
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
