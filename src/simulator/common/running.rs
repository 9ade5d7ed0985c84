//! The thread of a simulator: its listening sockets, and its clock.

use std::{
    any::Any,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self as std_mpsc, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::{Extensions, ServerHandle},
    rt::{self, System, net::TcpStream},
    web,
};
use socket2::Socket;
use tokio::sync::mpsc;

use super::hub::Hub;

/// How often the rate and the periodic faults are looked after.
const TICK: Duration = Duration::from_millis(10);

/// How long a port may still be taken when listening resumes.
const REBIND: Duration = Duration::from_secs(5);

/// Why a simulator is not there. Another port, or another moment, may help.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen where it should.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The thread did not start, or ended before its time.
    #[error("the simulator's thread is not there: {0}")]
    Thread(String),
}

/// What is served, behind the lock of a hub.
pub(in crate::simulator) trait Served: Send + Sized + 'static {
    /// What its thread is called.
    const THREAD: &'static str;

    /// Answers a request.
    fn route(
        request: HttpRequest,
        payload: web::Payload,
        hub: web::Data<Hub<Self>>,
    ) -> impl Future<Output = HttpResponse> + 'static;

    /// Does what is due every few milliseconds.
    fn tick(&mut self, passed: Duration);
}

/// Which of its listening sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Which {
    First,
    /// The one with this number, counted from 1.
    Number(usize),
    All,
}

type Done = Result<(), StartError>;

/// What the handle asks of the thread; each is answered when it is done.
enum Order {
    Pause(Which, Sender<()>),
    Resume(Sender<Done>),
    More(usize, Sender<Result<Vec<SocketAddr>, StartError>>),
    Stop,
}

/// A running simulator; it stops when this is dropped.
pub(in crate::simulator) struct Running {
    address: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    /// Starts a thread; it listens when this returns.
    pub(in crate::simulator) fn start<S: Served>(
        hub: Arc<Hub<S>>,
        listen: SocketAddr,
        workers: usize,
    ) -> Result<Self, StartError> {
        let (orders, received) = mpsc::unbounded_channel();
        let (ready, started) = std_mpsc::channel();
        let thread = thread::Builder::new()
            .name(S::THREAD.to_owned())
            .spawn(move || System::new().block_on(run(hub, listen, workers, received, ready)))
            .map_err(|error| StartError::Thread(error.to_string()))?;
        let address = answered(&started)??;
        Ok(Self { address, orders, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens first; the same after a pause.
    pub(in crate::simulator) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and waits for its thread. Stopping twice does no harm.
    pub(in crate::simulator) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // When the thread is gone already, so is the receiver of this.
            let _ = self.orders.send(Order::Stop);
            if thread.join().is_err() {
                tracing::error!("the simulator's thread has panicked");
            }
        }
    }

    /// Breaks connections and refuses new ones.
    pub(in crate::simulator) fn pause(&self, which: Which) {
        if let Err(error) = self.order(|done| Order::Pause(which, done)) {
            tracing::warn!(%error, "listening was not paused");
        }
    }

    /// Listens again on the same ports.
    pub(in crate::simulator) fn resume(&self) -> Result<(), StartError> {
        self.order(Order::Resume)?
    }

    /// Listens on so many further ports, and says which.
    pub(in crate::simulator) fn more(&self, count: usize) -> Result<Vec<SocketAddr>, StartError> {
        self.order(|done| Order::More(count, done))?
    }

    fn order<T>(&self, order: impl FnOnce(Sender<T>) -> Order) -> Result<T, StartError> {
        let (done, answer) = std_mpsc::channel();
        let sent = self.orders.send(order(done));
        sent.map_err(|_| StartError::Thread("it was stopped".to_owned()))?;
        answered(&answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answered<T>(answer: &Receiver<T>) -> Result<T, StartError> {
    answer.recv().map_err(|_| StartError::Thread("it has ended".to_owned()))
}

/// A listening socket, or where one is to be again.
struct Door {
    address: SocketAddr,
    server: Option<ServerHandle>,
}

impl Door {
    async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(false).await;
        }
    }
}

/// The servers, as the thread sees them.
struct Servers<S> {
    hub: Arc<Hub<S>>,
    workers: usize,
    doors: Vec<Door>,
}

async fn run<S: Served>(
    hub: Arc<Hub<S>>,
    listen: SocketAddr,
    workers: usize,
    mut orders: mpsc::UnboundedReceiver<Order>,
    ready: Sender<Result<SocketAddr, StartError>>,
) {
    let mut servers = Servers { hub, workers, doors: Vec::new() };
    match servers.open(listen) {
        Ok(door) => {
            let _ = ready.send(Ok(door.address));
            servers.doors.push(door);
        }
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    }
    rt::spawn(tick(servers.hub.clone()));
    while let Some(order) = orders.recv().await {
        match order {
            Order::Pause(which, done) => {
                servers.pause(which).await;
                let _ = done.send(());
            }
            Order::Resume(done) => {
                let _ = done.send(servers.resume().await);
            }
            Order::More(count, done) => {
                let _ = done.send(servers.more(count, listen));
            }
            Order::Stop => break,
        }
    }
    servers.pause(Which::All).await;
}

impl<S: Served> Servers<S> {
    fn open(&self, address: SocketAddr) -> Result<Door, StartError> {
        let failed = |source| StartError::Listen { address, source };
        let hub = web::Data::from(self.hub.clone());
        let server = HttpServer::new(move || App::new().app_data(hub.clone()).default_service(web::to(S::route)))
            .workers(self.workers)
            .disable_signals()
            .tcp_nodelay(true)
            .h1_write_buffer_size(256 << 10)
            // No lingering: a connection that is to end must end at once.
            .client_disconnect_timeout(Duration::ZERO)
            .shutdown_timeout(0)
            .on_connect(remember_socket)
            .bind(address)
            .map_err(failed)?;
        let address = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the simulator's server has failed");
            }
        });
        Ok(Door { address, server: Some(handle) })
    }

    async fn pause(&mut self, which: Which) {
        let (first, count) = match which {
            Which::First => (0, 1),
            Which::Number(number) => (number.saturating_sub(1), 1),
            Which::All => (0, self.doors.len()),
        };
        for door in self.doors.iter_mut().skip(first).take(count) {
            door.close().await;
        }
    }

    async fn resume(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + REBIND;
        for closed in 0..self.doors.len() {
            while self.doors[closed].server.is_none() {
                match self.open(self.doors[closed].address) {
                    Ok(door) => self.doors[closed] = door,
                    Err(_) if Instant::now() < deadline => rt::time::sleep(TICK).await,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn more(&mut self, count: usize, listen: SocketAddr) -> Result<Vec<SocketAddr>, StartError> {
        let first = self.doors.len();
        for _ in 0..count {
            let door = self.open(SocketAddr::new(listen.ip(), 0))?;
            self.doors.push(door);
        }
        Ok(self.doors[first..].iter().map(|door| door.address).collect())
    }
}

async fn tick<S: Served>(hub: Arc<Hub<S>>) {
    let mut interval = rt::time::interval(TICK);
    let mut last = Instant::now();
    loop {
        interval.tick().await;
        let now = Instant::now();
        hub.lock().tick(now - last);
        last = now;
    }
}

/// Which TCP connection of this process a request came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) struct ConnectionId(pub(in crate::simulator) u64);

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// Keeps a copy of each TCP connection beside the server's own, so that it can be reset, and numbers it.
fn remember_socket(connection: &dyn Any, extensions: &mut Extensions) {
    extensions.insert(ConnectionId(CONNECTIONS.fetch_add(1, Ordering::Relaxed)));
    if let Some(connection) = connection.downcast_ref::<TcpStream>() {
        match duplicate(connection) {
            Ok(socket) => {
                extensions.insert(Arc::new(socket));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be duplicated, so it cannot be reset")
            }
        }
    }
}

#[cfg(unix)]
fn duplicate(connection: &TcpStream) -> io::Result<Socket> {
    use std::os::fd::AsFd;
    connection.as_fd().try_clone_to_owned().map(Socket::from)
}

#[cfg(windows)]
fn duplicate(connection: &TcpStream) -> io::Result<Socket> {
    use std::os::windows::io::AsSocket;
    connection.as_socket().try_clone_to_owned().map(Socket::from)
}
