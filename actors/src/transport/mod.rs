//! WebSocket and REST over `awc`: connections, limits, retries, TLS.
//!
//! - [`request`] is what a vendor's protocol code asks for and is answered with: pure data, no I/O.
//!   [`error`] is how that can fail.
//! - [`tls`] makes the one TLS configuration that all clients share.
//! - [`rest`] makes calls: [`RestCall`] in, [`RestAnswer`] out.
//! - [`download`] makes calls whose answers go to files.
//! - [`dial`] opens a [`WebSocket`]: `awc` does DNS, TCP, TLS and the upgrade, then hands over the
//!   bare socket.
//! - From there the bytes are ours: socket → `buffer` (how much to read) → `assembler` over
//!   [`frame`] (what is a whole message) → [`websocket`] → the caller's `Vec<Incoming>`. The other
//!   way: `send` → `outbox` → socket.
//! - [`pace`] keeps the connections of one server from opening their sockets all at once.
//! - [`brake`] leaves a service alone that blocks this machine's address.
//! - `windows` authenticates a call by NTLM, on a connection of its own.
//! - [`tape`] records what goes over the wire, for a client that was given one.
//! - `early` lets an answer be read that came before the request was written.
//! - [`budget`] bounds the memory that large messages may take in the whole process.
//!
//! Everything here lives on one arbiter: clients and sockets are not `Send`; configurations,
//! requests, answers and messages are.

mod assembler;
pub mod brake;
pub mod budget;
mod buffer;
mod client;
pub mod dial;
pub mod download;
mod early;
pub mod error;
pub mod frame;
mod outbox;
pub mod pace;
mod refusal;
pub mod request;
pub mod rest;
pub mod tape;
pub mod tls;
pub mod websocket;
#[cfg(feature = "windows-auth")]
pub mod windows;

#[cfg(test)]
mod tests;

pub use assembler::Incoming;
pub use brake::{Brake, Braked, Brakes};
pub use budget::{Budget, Permit};
pub use dial::WebSocketClient;
pub use download::{Download, DownloadError, Downloads};
pub use error::{CloseReason, Fault, OpenError, RestError, SendError};
pub use pace::Paces;
pub use request::{Body, HeaderText, Method, RestAnswer, RestCall, Retry, Wanted, WebSocketRequest};
pub use rest::RestClient;
pub use tape::{Tape, TapeError};
pub use tls::{ClientIdentity, TlsError, TlsSettings, refused_identity};
pub use websocket::WebSocket;
#[cfg(feature = "windows-auth")]
pub use windows::{WindowsLogin, WindowsUser, WindowsUserError};
