//! The thread of a simulator: its listening sockets, and its clock.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use actix_web::{App, HttpServer, dev::ServerHandle, rt, web};
use tokio::sync::mpsc;

use super::{
    StartError,
    gateway::{remember_socket, route},
    hub::Hub,
};

/// How often the rate and the periodic faults are looked after.
const TICK: Duration = Duration::from_millis(10);

/// How long a port may still be taken when listening resumes.
const REBIND: Duration = Duration::from_secs(5);

/// What the handle asks of the thread; each is answered when it is done.
pub(super) enum Order {
    Pause(Sender<()>),
    Resume(Sender<Result<(), StartError>>),
    Gateways(usize, Sender<Result<(), StartError>>),
    Stop,
}

/// The servers, as the thread sees them.
pub(super) struct Server {
    hub: Arc<Hub>,
    workers: usize,
    main: Option<ServerHandle>,
    /// Further gateways: where, and the handle.
    others: Vec<ServerHandle>,
}

impl Server {
    pub(super) async fn run(
        hub: Arc<Hub>,
        listen: SocketAddr,
        workers: usize,
        mut orders: mpsc::UnboundedReceiver<Order>,
        ready: Sender<Result<SocketAddr, StartError>>,
    ) {
        let mut server = Self { hub, workers, main: None, others: Vec::new() };
        let address = match server.listen(listen) {
            Ok((handle, address)) => {
                server.main = Some(handle);
                address
            }
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(address));
        rt::spawn(tick(server.hub.clone()));
        while let Some(order) = orders.recv().await {
            match order {
                Order::Pause(done) => {
                    server.pause().await;
                    let _ = done.send(());
                }
                Order::Resume(done) => {
                    let _ = done.send(server.resume(address).await);
                }
                Order::Gateways(count, done) => {
                    let _ = done.send(server.open_gateways(count, address));
                }
                Order::Stop => break,
            }
        }
        server.pause().await;
        for other in server.others {
            other.stop(false).await;
        }
    }

    fn listen(&self, address: SocketAddr) -> Result<(ServerHandle, SocketAddr), StartError> {
        let failed = |source| StartError::Listen { address, source };
        let hub = web::Data::from(self.hub.clone());
        let server = HttpServer::new(move || App::new().app_data(hub.clone()).default_service(web::to(route)))
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
        Ok((handle, address))
    }

    async fn pause(&mut self) {
        if let Some(main) = self.main.take() {
            main.stop(false).await;
        }
    }

    async fn resume(&mut self, address: SocketAddr) -> Result<(), StartError> {
        let deadline = Instant::now() + REBIND;
        while self.main.is_none() {
            match self.listen(address) {
                Ok((handle, _)) => self.main = Some(handle),
                Err(_) if Instant::now() < deadline => rt::time::sleep(TICK).await,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn open_gateways(&mut self, count: usize, address: SocketAddr) -> Result<(), StartError> {
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let (handle, address) = self.listen(SocketAddr::new(address.ip(), 0))?;
            self.others.push(handle);
            addresses.push(address);
        }
        self.hub.lock().gateways = addresses;
        Ok(())
    }
}

async fn tick(hub: Arc<Hub>) {
    let mut interval = rt::time::interval(TICK);
    let mut last = Instant::now();
    loop {
        interval.tick().await;
        let now = Instant::now();
        hub.lock().tick(now - last);
        last = now;
    }
}
