//! What a try has asked of others, and waits for: its account, the directory of names, the server, a thread that takes a giant apart.

use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::happened::{Authorized, Catalog, Giant, Happened};
use super::reading::ready;
use super::{Clients, Setup};
use crate::account::Authorize;
use crate::lookup::Prepare;
use crate::transport::{OpenError, Permit, RestAnswer, RestCall, RestError, WebSocket, WebSocketRequest, brake};
use crate::vendors::{CallId, Session, Vendor};

/// The questions that are open.
pub(super) struct Asked<'a, V: Vendor> {
    setup: &'a Setup<V>,
    clients: &'a Clients,
    authorizing: Option<LocalBoxFuture<'a, Authorized<V>>>,
    preparing: Option<LocalBoxFuture<'a, Option<Arc<Catalog<V>>>>>,
    opening: Option<LocalBoxFuture<'a, Result<WebSocket, OpenError>>>,
    calls: FuturesUnordered<LocalBoxFuture<'a, (CallId, Result<RestAnswer, RestError>)>>,
    decoding: Option<LocalBoxFuture<'a, Giant<V>>>,
}

impl<'a, V: Vendor> Asked<'a, V> {
    pub(super) fn new(setup: &'a Setup<V>, clients: &'a Clients) -> Self {
        let calls = FuturesUnordered::new();
        Self { setup, clients, authorizing: None, preparing: None, opening: None, calls, decoding: None }
    }

    /// Asks for a grant; for another than the one of this serial, if the server refused that.
    pub(super) fn authorize(&mut self, refused: Option<u64>, insist: bool) {
        let ask = self.setup.directories.account.send(Authorize::new(refused, insist));
        self.authorizing = Some(Box::pin(ask));
    }

    /// Asks for the catalog, and waits for it with `patience`, if any.
    pub(super) fn prepare(&mut self, patience: Duration, anew: bool) {
        let lookup = &self.setup.directories.lookup;
        if patience.is_zero() {
            return lookup.do_send(Prepare::new(anew));
        }
        let ask = timeout(patience, lookup.send(Prepare::new(anew)));
        self.preparing = Some(Box::pin(async move { ask.await.ok()?.ok()? }));
    }

    pub(super) fn open(&mut self, request: WebSocketRequest) {
        let (sockets, brake) = (self.clients.sockets.clone(), self.setup.brake.clone());
        let opened = async move { brake::open(brake.as_deref(), &request, sockets.open(&request)).await };
        self.opening = Some(Box::pin(opened));
    }

    pub(super) fn call(&mut self, id: CallId, call: RestCall) {
        let (rest, brake) = (self.clients.rest.clone(), self.setup.brake.clone());
        let answer = async move { brake::call(brake.as_deref(), &call, rest.call(&call)).await };
        self.calls.push(Box::pin(async move { (id, answer.await) }));
    }

    /// Has a giant taken apart on another thread.
    pub(super) fn decode(&mut self, text: ByteString, permit: Permit) {
        let decoding = actix_rt::task::spawn_blocking(move || (V::Session::decode(text), permit));
        self.decoding = Some(Box::pin(async move { decoding.await.ok() }));
    }

    /// A giant is being taken apart: what comes behind it has to wait.
    pub(super) fn is_decoding(&self) -> bool {
        self.decoding.is_some()
    }

    /// The giant that is being taken apart, and is not waited for here any more.
    pub(super) fn take_decoding(&mut self) -> Option<LocalBoxFuture<'a, Giant<V>>> {
        self.decoding.take()
    }

    /// Waits for the next answer; for ever if nothing is asked.
    pub(super) async fn next(&mut self) -> Happened<V> {
        let Self { authorizing, preparing, opening, calls, decoding, .. } = self;
        tokio::select! {
            biased;
            granted = ready(authorizing.as_mut()) => {
                *authorizing = None;
                Happened::Authorized(granted)
            }
            prepared = ready(preparing.as_mut()) => {
                *preparing = None;
                Happened::Prepared(prepared)
            }
            opened = ready(opening.as_mut()) => {
                *opening = None;
                Happened::Opened(opened.map(Box::new))
            }
            Some((call, answer)) = calls.next(), if !calls.is_empty() => Happened::Answered(call, answer),
            decoded = ready(decoding.as_mut()) => {
                *decoding = None;
                Happened::Decoded(decoded)
            }
        }
    }
}
