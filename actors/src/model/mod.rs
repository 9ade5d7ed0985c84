//! The nouns: what the engine talks about. They depend on nothing else in the crate.
//!
//! - [`ids`]: names of connections, ids of items and events, sequence numbers.
//! - [`event`]: an event, what it means, and the CloudEvents line that users see.
//! - [`state`]: the present value of one state group of one item.
//! - [`filter`]: which events or states somebody wants.
//! - [`status`]: how a connection is doing.
//! - [`vocabulary`]: the shared words for event types, state groups and their values.

pub mod event;
pub mod filter;
pub mod ids;
pub mod state;
pub mod status;
pub mod vocabulary;

pub use event::{Event, Item, Meaning, Origin, SharedEvent, StateMeaning};
pub use filter::Filter;
pub use ids::{ConnectionName, EventId, Sequence};
pub use state::State;
pub use status::{ConnectionState, ConnectionStatus};
