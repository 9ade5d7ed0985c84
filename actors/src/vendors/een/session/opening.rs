//! From the start of a try to an open socket, and what a refusal means.

use std::sync::Arc;

use super::{EenSession, Phase};
use crate::model::Cause;
use crate::transport::OpenError;
use crate::transport::request::WebSocketRequest;
use crate::vendors::een::config::Accounts;
use crate::vendors::een::directory::Catalog;
use crate::vendors::een::grant::Grant;
use crate::vendors::{Action, Now, SessionEnd, Todo};

impl EenSession {
    pub(super) fn start(&mut self, todo: &mut Todo) {
        let barred = self.config.child.as_ref().and_then(|child| child.barred.clone());
        match barred {
            Some(why) => self.end(SessionEnd::Halt(why), todo),
            None => todo.act(Action::Authorize { refused: false }),
        }
    }

    pub(super) fn granted(&mut self, grant: Arc<Grant>, todo: &mut Todo) {
        (self.grant, self.proven) = (Some(grant), false);
        if self.reseller.is_some() || self.may_be_a_resellers() {
            self.phase = Phase::Reselling;
            return self.list_accounts(todo);
        }
        self.proceed(todo);
    }

    /// A child is an account's, and so is a plain account under `accounts = "all"`, once that is known.
    fn may_be_a_resellers(&self) -> bool {
        self.config.child.is_none() && self.config.accounts != Accounts::Own && !self.has_list()
    }

    /// Whether it is known whom to subscribe to: where a list is not believed, to those of before.
    fn has_list(&self) -> bool {
        self.catalog.is_some() || self.doubted
    }

    /// Asks for the devices, or opens the socket if they are known.
    pub(super) fn proceed(&mut self, todo: &mut Todo) {
        if self.has_list() {
            return self.open(todo);
        }
        self.phase = Phase::Listing;
        // Not before the login is there: of a thousand accounts the last one waits for minutes, and no patience would do.
        todo.act(Action::Prepare { patience: self.request_timeout * 2, anew: false });
    }

    pub(super) fn prepared(&mut self, now: Now, catalog: Option<Arc<Catalog>>, todo: &mut Todo) {
        match (self.phase, catalog) {
            (Phase::Listing, None) => {
                self.end(SessionEnd::retry(Cause::Directory, "the list of devices cannot be had"), todo)
            }
            (Phase::Listing, Some(catalog)) => {
                self.believe(catalog);
                self.open(todo);
            }
            (Phase::Open, catalog) => self.relisted(now, catalog, todo),
            // It was asked for on a socket that is gone; the next one begins with it.
            (_, catalog) => {
                self.listing = false;
                if let Some(catalog) = catalog {
                    self.believe(catalog);
                }
            }
        }
    }

    fn open(&mut self, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        // By EEN's API documentation; the account in the path may be no more than a hint where to route the socket.
        let Ok(url) = grant.socket.join(&format!("api/v2/Device/{}/Events", grant.account)) else {
            return self.end(SessionEnd::Halt(format!("{} cannot be the address of a socket", grant.socket)), todo);
        };
        let mut request = WebSocketRequest::new(url).header("cookie", grant.cookie());
        request.max_message = self.max_message;
        request.open_timeout = self.request_timeout;
        self.phase = Phase::Opening;
        todo.act(Action::Open(request));
    }

    pub(super) fn refused(&mut self, error: &OpenError, todo: &mut Todo) {
        match error {
            OpenError::Refused { status: 401, .. } => self.reauthorize(error.to_string(), todo),
            // The account has moved; where to, the next login tells.
            OpenError::Refused { status: 301 | 302 | 307 | 308, .. } => {
                let why = format!("{error}: it sends us elsewhere, and a new login did not tell where");
                self.reauthorize(why, todo);
            }
            OpenError::Refused { status: 404, retry_after, .. } => {
                let why = format!("{error}: no poll service there; check `socket_url` if it is set");
                self.end(SessionEnd::Retry { why, cause: error.cause(), not_before: *retry_after }, todo);
            }
            OpenError::Refused { retry_after, .. } => {
                self.end(
                    SessionEnd::Retry { why: error.to_string(), cause: error.cause(), not_before: *retry_after },
                    todo,
                );
            }
            OpenError::Failed { .. } | OpenError::Braked(_) => {
                self.end(SessionEnd::retry(error.cause(), error.to_string()), todo);
            }
        }
    }
}
