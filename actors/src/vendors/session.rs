//! What a vendor's session is to the engine: what it is told, and what it can want.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use secrecy::SecretString;

use super::{Entries, Entry, Forget, Now, VendorSettings, WishNews, Wishes};
use crate::journal::Checkpoint;
use crate::model::Cause;
use crate::transport::request::{RestAnswer, RestCall, WebSocketRequest};
use crate::transport::{OpenError, RestError};

/// One try at one connection, as a value: told what came, it says what to do.
///
/// Every try starts from a fresh value and the last *stored* checkpoint, whether the one before it lost its socket, was refused by the
/// journal, or panicked. So there is one way to go on, and it is used every day.
pub trait Session: 'static {
    /// What a login yields.
    type Grant;
    /// See [`Directory::Catalog`](super::Directory::Catalog).
    type Catalog;
    /// A giant message taken apart.
    type Decoded: Send + 'static;

    /// Takes a giant message apart, on another thread. Never fails: what cannot be read is a kind of message too.
    fn decode(message: ByteString) -> Self::Decoded;
    /// Something came.
    fn step(&mut self, now: Now, input: Input<Self>, todo: &mut Todo);
    /// The channel has ended. Whether this try goes on without it: with another one, for which a step towards it was asked for.
    fn dropped(&mut self, _now: Now, _todo: &mut Todo) -> bool {
        false
    }
    /// The grant that was asked for cannot be had now. Whether this try goes on without it, with the channel that is open.
    fn unauthorized(&mut self, _now: Now, _todo: &mut Todo) -> bool {
        false
    }
    /// Where it is, once the vendor has confirmed it, if there is more than one place: which of several servers, in words.
    fn place(&self) -> Option<String> {
        None
    }
    /// What is to be subscribed to besides the settings: told at the beginning, and whenever it changes.
    fn wished(&mut self, _now: Now, _wishes: Wishes, _todo: &mut Todo) {}
    /// What [`Action::Keep`] asked for is stored.
    fn kept(&mut self, _now: Now, _todo: &mut Todo) {}
    /// Everything that the vendor has sent up to now has been handed over: a replay, say, is over.
    fn is_caught_up(&self) -> bool;
    /// What to store with all that was handed over so far; `None` if nothing is worth remembering yet.
    fn checkpoint(&self) -> Option<Checkpoint>;
}

/// What a session is told.
#[derive(Debug)]
pub enum Input<S: Session + ?Sized> {
    /// Begin.
    Start,
    /// The grant that was asked for.
    Granted(Arc<S::Grant>),
    /// The directory has loaded what it loads before subscribing, or could not in time.
    Prepared(Option<Arc<S::Catalog>>),
    /// The channel is open.
    Opened,
    /// The channel was refused.
    Refused(OpenError),
    /// A message came.
    Message(ByteString),
    /// A giant message came, and has been taken apart.
    Decoded(S::Decoded),
    /// A REST call that was asked for has been answered.
    Answer(CallId, Result<RestAnswer, RestError>),
    /// The channel has ended with something that cannot be read: too large, not UTF-8, no valid frame. It may have been an event.
    Unreadable(String),
    /// The moment asked for by [`Action::Wake`] has come.
    Woken,
    /// The server has answered everything sent before [`Action::Barrier`].
    BarrierPassed,
}

/// Tells apart the REST calls of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub u32);

/// What a session wants done, in order.
#[derive(Debug, Default)]
pub struct Todo {
    /// For the journal: events, gaps, snapshots.
    pub entries: Entries,
    /// For the connection.
    pub actions: Vec<Action>,
}

impl Todo {
    /// Wants something done.
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Hands over something for the journal that is no occurrence; for one see [`Entries::occur`].
    pub fn enter(&mut self, entry: Entry) {
        self.entries.enter(entry);
    }
}

/// What a session can want.
#[derive(Debug)]
pub enum Action {
    /// A grant; if `refused`, not the one it has.
    Authorize {
        /// The server refused the grant in hand.
        refused: bool,
    },
    /// The directory's types and groups, within `patience`; afterwards [`Input::Prepared`] comes with or without them.
    Prepare {
        /// How long to wait at most.
        patience: Duration,
        /// What is known already is not good enough: ask the server again.
        anew: bool,
    },
    /// Open the channel.
    Open(WebSocketRequest),
    /// Send a message. Some log in with it, so none is ever printed.
    Send(SecretString),
    /// Make a REST call.
    Call(CallId, RestCall),
    /// Wake me then; replaces the moment asked for before.
    Wake(Option<Instant>),
    /// Tell me when the server has dealt with what was sent so far (a ping whose pong comes back).
    Barrier,
    /// Silence is to be expected until then (a slow answer): do not take it for death.
    Patience(Option<Instant>),
    /// Store the checkpoint as it is now, and tell me when that is done ([`Session::kept`]).
    Keep,
    /// What has come of a wish.
    Wish(WishNews),
    /// The vendor has confirmed the subscription.
    Online,
    /// What came is not as it should be: the log tells of it. No secret, and of what came no more than a beginning.
    Warn(String),
    /// Names have changed.
    Forget(Forget),
    /// These connections should be there beside this one.
    Children(Children),
    /// This try is over.
    End(SessionEnd),
}

/// The connections that another asks for.
#[derive(Debug, Clone)]
pub struct Children {
    /// Those that should be there.
    pub wanted: Vec<WantedChild>,
    /// What becomes of those that were asked for before, by this try or one before it, and are not named any more.
    pub others: Others,
}

/// What becomes of children that are not named any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They are not wanted any more.
    Go,
    /// It cannot be told now whether they are.
    Stay,
}

/// A connection that another asks for.
#[derive(Debug, Clone)]
pub struct WantedChild {
    /// The vendor's id; the connection is named `<parent>/<id>`.
    pub id: String,
    /// Its settings.
    pub vendor: VendorSettings,
    /// What the child depends on: when it changes, the child is started anew. None where that cannot be told now: a child that is there
    /// already stays as it is.
    pub mark: Option<String>,
}

/// Why a session ended itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionEnd {
    /// Trying again can help.
    #[error("{why}")]
    Retry {
        /// What happened.
        why: String,
        /// The same in a word.
        cause: Cause,
        /// The server asked to be left alone for so long.
        not_before: Option<Duration>,
    },
    /// A person is needed.
    #[error("{0}")]
    Halt(String),
}

impl SessionEnd {
    /// Trying again can help.
    pub fn retry(cause: Cause, why: impl Into<String>) -> Self {
        Self::Retry { why: why.into(), cause, not_before: None }
    }
}
