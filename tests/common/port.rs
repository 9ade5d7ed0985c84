//! A port for a server that is started by its number, and perhaps started again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::TcpListener,
};

/// A port that nobody has, below those that a system gives out by itself: else whoever asks for any port meanwhile may get it.
pub(crate) fn own() -> u16 {
    loop {
        let port = 10_000 + u16::try_from(RandomState::new().build_hasher().finish() % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
