//! The server, on a thread of its own.

use std::{net::SocketAddr, sync::mpsc, thread};

use tokio::sync::oneshot;
use watchpost::{
    actors::EngineHandle,
    http::{Bound, Site, streams::Settings},
};

use crate::common::MS;

/// A server that answers until it is dropped.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Bounds that a test need not wait long for.
pub(crate) fn settings() -> Settings {
    Settings { heartbeat: 100 * MS, ..Settings::default() }
}

impl Api {
    pub(crate) fn start(engine: &EngineHandle, settings: Settings) -> Self {
        let (engine, (started, wait)) = (engine.clone(), mpsc::channel());
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            actix_web::rt::System::new().block_on(async move {
                let bound = Bound::at(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
                let server = bound.with_streams(settings).serve(Site::new(engine)).unwrap();
                started.send(server.address()).unwrap();
                let _ = stopped.await;
                server.stop().await;
            });
        };
        let thread = thread::spawn(serve);
        Self { address: wait.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Ends it, and comes back when it has ended.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
