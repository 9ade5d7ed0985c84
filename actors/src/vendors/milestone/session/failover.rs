//! Which gateway a try goes to, and when it goes to another one.
//!
//! One that does not take the socket is left at once, within the same try: the ids of the session are worth nothing after the window. What one
//! connection finds out, all who have the grant know. A socket that lived and broke says nothing yet against its gateway, where alone the session is
//! known for certain: it is tried first, and for a short time.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{MilestoneSession, Phase};
use crate::transport::OpenError;
use crate::vendors::milestone::login::{Grant, PROBE, mark};
use crate::vendors::{Action, Now, Todo};

/// The shortest time in which a gateway has to take a socket.
const SHORTEST: Duration = Duration::from_secs(1);

impl MilestoneSession {
    pub(super) fn granted(&mut self, now: Now, grant: Arc<Grant>, todo: &mut Todo) {
        // There may be other gateways by now. The login asks, and the token stays.
        if grant.gateways.are_to_be_told_anew(now.instant, self.config.resume_window * 2) {
            return todo.act(Action::Authorize { refused: true });
        }
        self.grant = Some(grant);
        self.proceed(now, todo);
    }

    /// The gateway to go to: the one that it is at already, or the next.
    pub(super) fn choose_gateway(&mut self, now: Now, grant: &Grant) -> Option<Url> {
        if self.gateway.is_none() {
            let home = self.mark.gateway.as_deref().filter(|_| self.resumable().is_some());
            self.gateway = grant.gateways.next(now.instant, home, &self.tried);
        }
        self.gateway.clone()
    }

    /// Whether there are gateways that this try has not been at.
    fn has_others(&self) -> bool {
        let Some(grant) = &self.grant else { return false };
        let tried = |url: &Url| self.tried.contains(url) || self.gateway.as_ref() == Some(url);
        !grant.gateways.all().iter().all(tried)
    }

    /// How long a gateway may take to take the socket: one that swallows packets must leave time for another try inside the window.
    pub(super) fn open_timeout(&self) -> Duration {
        let window = self.config.resume_window;
        match (self.resumable().is_some(), self.has_others()) {
            (true, true) => self.request_timeout.min(window / 10).max(SHORTEST),
            (true, false) => self.request_timeout.min(window / 4).max(SHORTEST),
            (false, true) => self.request_timeout.min(PROBE),
            (false, false) => self.request_timeout,
        }
    }

    /// How long the answer to `startSession` may take.
    pub(super) fn start_timeout(&self) -> Duration {
        match (self.resumable().is_some(), self.has_others()) {
            (true, true) => self.request_timeout.min(self.config.resume_window / 4).max(SHORTEST),
            _ => self.request_timeout,
        }
    }

    /// The socket was not opened: whether there is another gateway to go to.
    pub(super) fn goes_elsewhere(&mut self, now: Now, error: &OpenError) -> bool {
        // That the user may not, or is to be slower, says nothing against the gateway. A new token that it does not take does.
        let is_gateways = match error {
            OpenError::Refused { status, .. } => matches!(status, 401 | 404 | 500..),
            OpenError::Failed { .. } => true,
            OpenError::Braked(_) => false,
        };
        if !is_gateways {
            return false;
        }
        let others = self.has_others();
        self.leave_gateway(now);
        self.refused_spellings = 0;
        if let Some(grant) = self.grant.as_ref().filter(|_| !others) {
            grant.gateways.all_away(now.instant);
        }
        others
    }

    /// The gateway does not do its work: nobody is to go there for now, if there is another.
    pub(super) fn leave_gateway(&mut self, now: Now) {
        if let (Some(grant), Some(gateway)) = (&self.grant, self.gateway.take()) {
            grant.gateways.away(now.instant, &gateway);
            self.tried.push(gateway);
        }
    }

    pub(super) fn reached_gateway(&self, now: Now) {
        if let (Some(grant), Some(gateway)) = (&self.grant, &self.gateway) {
            grant.gateways.answers(now.instant, gateway);
        }
    }

    /// The session is at this gateway from now on.
    pub(super) fn settle_at_gateway(&mut self) {
        self.mark.gateway = self.gateway.as_ref().map(mark);
    }

    /// The session is asked for at another gateway than where it was.
    pub(super) fn has_moved(&self, now: Now) -> bool {
        let here = self.gateway.as_ref().map(mark);
        // After the window it is gone wherever it was.
        let in_time =
            self.heard.is_some_and(|heard| now.wall.duration_since(heard).unsigned_abs() <= self.config.resume_window);
        in_time && self.mark.gateway.is_some() && self.mark.gateway != here
    }

    /// That all were tried, to be followed by what the last one said.
    pub(super) fn none_answers(&self) -> String {
        match self.tried.len() {
            0 | 1 => String::new(),
            count => format!("none of {count} gateways answers; the last: "),
        }
    }

    /// Which gateway is in use, where there are several.
    pub(super) fn gateway_in_words(&self) -> Option<String> {
        let (grant, gateway) = (self.grant.as_ref()?, self.gateway.as_ref()?);
        let count = grant.gateways.count();
        (count > 1 && self.phase == Phase::Live).then(|| format!("at {gateway}, one of {count} gateways"))
    }
}
