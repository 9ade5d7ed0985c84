//! From the start of a try to an open socket: token, event types by name, the address.

use std::time::Duration;

use url::Url;

use super::{MilestoneSession, Phase};
use crate::model::Cause;
use crate::settings::closest;
use crate::transport::OpenError;
use crate::transport::request::WebSocketRequest;
use crate::vendors::milestone::config::{EventType, FilterRow, Selection};
use crate::vendors::milestone::rest::bearer;
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// How long a first session waits for event types that nobody named: with them, events have their names from the first one on.
const NAME_PATIENCE: Duration = Duration::from_secs(2);
/// Ways to write the WebSocket's path.
const SPELLINGS: u8 = 3;

/// The event types that are given by name.
pub(super) fn event_names(rows: &[FilterRow]) -> impl Iterator<Item = &str> {
    let types = rows.iter().filter_map(|row| match &row.events {
        Selection::Only(types) => Some(types),
        Selection::All => None,
    });
    types.flatten().filter_map(|event| match event {
        EventType::Name(name) => Some(name.as_str()),
        EventType::Id(_) => None,
    })
}

impl MilestoneSession {
    pub(super) fn names_are_needed(&self) -> bool {
        self.event_names().next().is_some()
    }

    pub(super) fn event_names(&self) -> impl Iterator<Item = &str> {
        event_names(&self.config.subscribe)
    }

    pub(super) fn start(&mut self, todo: &mut Todo) {
        todo.act(Action::Authorize { refused: false });
        let resuming = self.resumable().is_some();
        // Nothing is worth a resume window; a new session by names cannot do without them, and a resume may turn into one.
        let patience = match (resuming, self.names_are_needed()) {
            (_, true) => self.request_timeout * 2,
            (false, false) => NAME_PATIENCE,
            (true, false) => Duration::ZERO,
        };
        self.prepared = resuming;
        todo.act(Action::Prepare { patience, anew: false });
    }

    /// Opens the socket once everything is there.
    pub(super) fn proceed(&mut self, now: Now, todo: &mut Todo) {
        if self.phase != Phase::Waiting || !self.prepared {
            return;
        }
        let Some(grant) = self.grant.clone() else { return };
        if self.resumable().is_none() && !self.names_are_known(todo) {
            return;
        }
        let Some(gateway) = self.choose_gateway(now, &grant) else {
            return self.end(SessionEnd::retry(Cause::Unreachable, "no gateway is known"), todo);
        };
        let Some(url) = self.socket_url(&gateway) else {
            return self.end(SessionEnd::Halt(format!("{gateway} cannot be the address of a gateway")), todo);
        };
        let mut request = WebSocketRequest::new(url).header("authorization", bearer(&grant));
        request.max_message = self.max_message;
        request.open_timeout = self.open_timeout();
        self.phase = Phase::Opening;
        todo.act(Action::Open(request));
    }

    /// Whether every event type that the subscription names is known. If not, it is seen to: the list is asked for anew once, for the type
    /// may have been made a moment ago; then the try ends.
    pub(super) fn names_are_known(&mut self, todo: &mut Todo) -> bool {
        let Some(catalog) = self.catalog.clone().filter(|_| self.names_are_needed()) else {
            if self.names_are_needed() {
                let why = "the subscription names event types, and the gateway's list of them cannot be had";
                self.end(SessionEnd::retry(Cause::Directory, why), todo);
                return false;
            }
            return true;
        };
        let Some(unknown) = self.event_names().find(|name| catalog.event_types(name).is_empty()) else { return true };
        if self.renewed {
            let hint =
                closest(unknown, catalog.names()).map_or(String::new(), |name| format!(" (do you mean {name:?}?)"));
            let why = format!("the gateway has no event type {unknown:?}{hint}: correct `events` in the settings");
            self.end(SessionEnd::Halt(why), todo);
        } else {
            (self.renewed, self.prepared) = (true, false);
            todo.act(Action::Prepare { patience: self.request_timeout * 2, anew: true });
        }
        false
    }

    /// The spelling to try: first the one that was right the last time.
    pub(super) fn spelling(&self) -> u8 {
        (self.mark.spelling + self.refused_spellings) % SPELLINGS
    }

    /// The documented path first, then as the gateway spells it, then with the slash that Milestone's Python sample has.
    pub(super) fn socket_url(&self, gateway: &Url) -> Option<Url> {
        let mut url = gateway.clone();
        let path = match self.spelling() {
            0 => format!("{}ws/events/v1", gateway.path().to_ascii_lowercase()),
            1 => format!("{}ws/events/v1", gateway.path()),
            _ => format!("{}ws/events/v1/", gateway.path().to_ascii_lowercase()),
        };
        url.set_path(&path);
        url.set_scheme(if gateway.scheme() == "https" { "wss" } else { "ws" }).ok()?;
        Some(url)
    }

    pub(super) fn refused(&mut self, now: Now, error: &OpenError, todo: &mut Todo) {
        match error {
            OpenError::Refused { status: 401, .. } if !self.reauthorized => {
                self.reauthorized = true;
                self.grant = None;
                self.phase = Phase::Waiting;
                todo.act(Action::Authorize { refused: true });
            }
            OpenError::Refused { status: 404, .. } if self.refused_spellings < SPELLINGS - 1 => {
                self.refused_spellings += 1;
                self.phase = Phase::Waiting;
                self.proceed(now, todo);
            }
            _ if self.goes_elsewhere(now, error) => {
                self.phase = Phase::Waiting;
                self.proceed(now, todo);
            }
            OpenError::Refused { status: 404, .. } => self.end(
                SessionEnd::retry(
                    Cause::Refused,
                    format!(
                        "{}{error}: no Events and State API there; it needs XProtect 2023 R3 or later with an API Gateway",
                        self.none_answers()
                    ),
                ),
                todo,
            ),
            OpenError::Refused { retry_after, .. } => {
                self.end(
                    SessionEnd::Retry {
                        why: format!("{}{error}", self.none_answers()),
                        cause: error.cause(),
                        not_before: *retry_after,
                    },
                    todo,
                );
            }
            OpenError::Failed { .. } | OpenError::Braked(_) => {
                let why = format!("{}{error}", self.none_answers());
                self.end(SessionEnd::retry(error.cause(), why), todo);
            }
        }
    }
}
