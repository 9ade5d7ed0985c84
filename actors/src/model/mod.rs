//! The nouns: what the engine talks about. They depend on nothing else in the crate.
//!
//! - [`ids`]: names of connections, ids of items and events, sequence numbers.
//! - [`event`]: an event, what it means, and the CloudEvents line that users see.
//! - [`events`]: many of them, as they are stored; [`text`] is what their texts are kept in.
//! - [`state`]: the present value of one state group of one item; [`state_key`] is what it is known by, [`vendor_time`] since when it stands.
//! - [`filter`]: which events or states somebody wants.
//! - [`status`]: how a connection is doing; [`cause`]: why a try at it ended.
//! - [`vocabulary`]: the shared words for event types, state groups and their values.

pub mod cause;
pub mod event;
pub mod events;
pub mod filter;
mod guid;
pub mod ids;
pub mod state;
pub mod state_key;
pub mod status;
pub mod text;
pub mod vendor_time;
pub mod vocabulary;

pub use cause::Cause;
pub use event::{Event, EventRef, Item, Meaning, Origin, SharedEvent, StateMeaning};
pub use events::Events;
pub use filter::Filter;
pub use ids::{ConnectionName, EventId, Sequence, SubscriptionId};
pub use state::State;
pub use state_key::StateKey;
pub use status::{ConnectionState, ConnectionStatus};
pub use vendor_time::VendorTime;
