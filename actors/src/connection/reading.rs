//! Reading from the socket of a try, also while the try is busy.

use crate::transport::{CloseReason, Incoming, WebSocket};

/// What is read from.
pub(super) trait Source {
    /// See [`WebSocket::wake`].
    async fn wake(&mut self, into: &mut Vec<Incoming>) -> Result<(), CloseReason>;
    /// See [`WebSocket::hold`].
    async fn hold(&mut self) -> CloseReason;
}

impl Source for WebSocket {
    async fn wake(&mut self, into: &mut Vec<Incoming>) -> Result<(), CloseReason> {
        self.wake(into).await
    }

    async fn hold(&mut self) -> CloseReason {
        self.hold().await
    }
}

/// Reads once; waits for ever if there is no socket. While the try is `held`, nothing is given out. A socket that ends then is `over`: what
/// it has collected is still there for the time after, and its end comes behind that.
pub(super) async fn read<S: Source>(
    socket: Option<&mut S>,
    held: bool,
    over: &mut bool,
    into: &mut Vec<Incoming>,
) -> Result<(), CloseReason> {
    let Some(socket) = socket else { return std::future::pending().await };
    if !held {
        return socket.wake(into).await;
    }
    if !*over {
        socket.hold().await;
        *over = true;
    }
    std::future::pending().await
}

/// What a slot's future yields; nothing, for ever, if the slot is empty.
pub(super) async fn ready<F: Future + Unpin>(slot: Option<&mut F>) -> F::Output {
    match slot {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt;

    use super::*;

    /// A socket that has ended behind one message.
    struct Ended {
        left: Option<Incoming>,
    }

    impl Source for Ended {
        async fn wake(&mut self, into: &mut Vec<Incoming>) -> Result<(), CloseReason> {
            self.left.take().map(|message| into.push(message)).ok_or(CloseReason::ByUs)
        }

        async fn hold(&mut self) -> CloseReason {
            CloseReason::ByUs
        }
    }

    #[test]
    fn what_came_before_the_end_of_a_held_socket_is_read_when_it_is_let_go() {
        let mut socket = Ended { left: Some(Incoming::Text("the last event".into())) };
        let (mut over, mut into) = (false, Vec::new());
        for _ in 0..2 {
            assert!(read(Some(&mut socket), true, &mut over, &mut into).now_or_never().is_none(), "it is held");
            assert!(over && into.is_empty());
        }
        assert!(read(Some(&mut socket), false, &mut over, &mut into).now_or_never().unwrap().is_ok());
        assert_eq!(into.len(), 1);
        assert!(read(Some(&mut socket), false, &mut over, &mut into).now_or_never().unwrap().is_err());
    }
}
