//! Commands: what a vendor can be asked to do besides telling what happens.

use std::time::Duration;

use super::Now;
use crate::messages::{
    AddEventType, AddedEventType, CommandError, CreateEvent, EventType, ListEventTypes, ListSystemEventTypes,
    SetEventType, SystemEventType, TriggerEvent, Triggered, VendorEvent,
};
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};

/// A command under way.
pub type BoxedJob<G, T> = Box<dyn Job<Grant = G, Output = T>>;

/// How a vendor does each command; `None` where it has no such thing.
pub trait Commands: Send + Sync {
    /// What a login yields.
    type Grant;

    /// See [`ListEventTypes`].
    fn list_event_types(&self, _: &ListEventTypes) -> Option<BoxedJob<Self::Grant, Vec<EventType>>> {
        None
    }
    /// See [`ListSystemEventTypes`].
    fn list_system_event_types(&self, _: &ListSystemEventTypes) -> Option<BoxedJob<Self::Grant, Vec<SystemEventType>>> {
        None
    }
    /// See [`AddEventType`].
    fn add_event_type(&self, _: &AddEventType) -> Option<BoxedJob<Self::Grant, AddedEventType>> {
        None
    }
    /// See [`SetEventType`].
    fn set_event_type(&self, _: &SetEventType) -> Option<BoxedJob<Self::Grant, EventType>> {
        None
    }
    /// See [`CreateEvent`]. `unique` is like nothing else, and tells this event from all others.
    fn create_event(&self, _: &CreateEvent, _unique: &str) -> Option<BoxedJob<Self::Grant, VendorEvent>> {
        None
    }
    /// See [`TriggerEvent`]. `unique` as of [`create_event`](Self::create_event).
    fn trigger_event(&self, _: &TriggerEvent, _unique: &str) -> Option<BoxedJob<Self::Grant, Triggered>> {
        None
    }
}

/// One command, one step after the other: pure, as all of a vendor.
pub trait Job: Send {
    /// What a login yields.
    type Grant;
    /// What comes of it.
    type Output;

    /// What makes no sense, whatever the login leads to: told before there is one.
    ///
    /// # Errors
    /// [`CommandError::Invalid`].
    fn check(&self) -> Result<(), CommandError> {
        Ok(())
    }

    /// What may have been done already, in words, while that is not known: whatever goes wrong then is no reason to take it for not done.
    fn doubt(&self) -> Option<String> {
        None
    }

    /// What is to be done now: at the beginning, after an answer, and after a pause. If the grant of the last call was not good, the same once more with
    /// another.
    fn next(&mut self, now: Now, grant: &Self::Grant) -> JobStep<Self::Output>;

    /// Takes the answer to the call that [`next`](Self::next) wanted.
    fn answer(&mut self, now: Now, grant: &Self::Grant, answer: Result<RestAnswer, RestError>) -> Answered;

    /// What went wrong and did no more harm than this, in words, since it was last asked.
    fn troubles(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A step of a [`Job`].
#[derive(Debug)]
pub enum JobStep<T> {
    /// Make this call.
    Call(RestCall),
    /// Pause for so long.
    Wait(Duration),
    /// It is at its end.
    Done(Result<T, CommandError>),
}

/// What an answer says of the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Nothing bad.
    Taken,
    /// It is not good any more, and what was asked for was not done.
    Unauthorized,
}
