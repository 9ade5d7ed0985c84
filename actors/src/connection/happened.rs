//! What can happen to a try, one thing at a time.

use std::sync::Arc;

use actix::MailboxError;

use super::Control;
use super::batches::Stored;
use crate::account::Granted;
use crate::gate::AuthorizeError;
use crate::transport::{CloseReason, OpenError, Permit, RestAnswer, RestError, WebSocket};
use crate::vendors::{CallId, Directory, Session, Vendor};

pub(super) type Catalog<V> = <<V as Vendor>::Directory as Directory>::Catalog;
pub(super) type Decoded<V> = <<V as Vendor>::Session as Session>::Decoded;
pub(super) type Authorized<V> = Result<Result<Granted<<V as Vendor>::Grant>, AuthorizeError>, MailboxError>;
/// A giant taken apart, with its share of the budget; `None` if that panicked.
pub(super) type Giant<V> = Option<(Decoded<V>, Permit)>;

/// Something that happened.
pub(super) enum Happened<V: Vendor> {
    Order(Option<Control>),
    Stored(Stored),
    Authorized(Authorized<V>),
    Prepared(Option<Arc<Catalog<V>>>),
    Opened(Result<Box<WebSocket>, OpenError>),
    Answered(CallId, Result<RestAnswer, RestError>),
    Decoded(Giant<V>),
    Read(Result<(), CloseReason>),
    Wished,
    Alarm,
}
