//! Another access token: before the one in hand ends, when it is refused, and when a socket is hung up on or not answered.

use std::time::{Duration, Instant};

use super::{Phase, SimpliSafeSession};
use crate::vendors::simplisafe::grant::Grant;
use crate::vendors::{Action, Now, Todo};

/// A new token is asked for no sooner than this after the last one, whatever it says of its life.
const RENEW_AT_LEAST: Duration = Duration::from_millis(250);
/// After a new token could not be had; doubled each time, up to …
const RENEW_AGAIN: Duration = Duration::from_secs(15);
/// … this.
const RENEW_AGAIN_MOST: Duration = Duration::from_secs(600);

/// The token in hand.
#[derive(Debug, Default)]
pub(super) struct Token {
    /// Grows with each.
    pub(super) serial: u32,
    renew_at: Option<Instant>,
    /// Another one is on its way.
    pub(super) is_asked: bool,
    /// Tries in a row that have failed.
    failures: u32,
}

impl Token {
    pub(super) fn granted(&mut self, now: Now, grant: &Grant) {
        self.serial += 1;
        (self.is_asked, self.failures) = (false, 0);
        self.renew_at = Some(grant.renew_at.max(now.instant + RENEW_AT_LEAST));
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.renew_at.filter(|_| !self.is_asked)
    }
}

impl SimpliSafeSession {
    /// Asks for a token; if `refused`, another one than that in hand. However many calls want it, it is asked for once.
    pub(super) fn authorize(&mut self, refused: bool, todo: &mut Todo) {
        if !std::mem::replace(&mut self.token.is_asked, true) {
            todo.act(Action::Authorize { refused });
        }
    }

    pub(super) fn renew_if_due(&mut self, now: Now, todo: &mut Todo) {
        if self.token.next_wake().is_some_and(|at| at <= now.instant) {
            self.authorize(false, todo);
        }
    }

    /// No token can be had now. A socket that works is kept, and so is the token in hand, as long as it is good.
    pub(super) fn keep_token(&mut self, now: Now, todo: &mut Todo) -> bool {
        if self.phase != Phase::Online {
            return false;
        }
        let Token { is_asked, failures, renew_at, .. } = &mut self.token;
        let pause = RENEW_AGAIN.saturating_mul(1 << (*failures).min(10)).min(RENEW_AGAIN_MOST);
        (*is_asked, *failures, *renew_at) = (false, *failures + 1, Some(now.instant + pause));
        self.give_up_waiting(now, todo);
        true
    }

    /// A server that ends a socket before it has confirmed anything, or confirms nothing, most likely does not take the token (inferred). Another one is
    /// tried, once.
    pub(super) fn try_another_token(&mut self, todo: &mut Todo) -> bool {
        let is_early = matches!(self.phase, Phase::Opening | Phase::Identifying);
        if !is_early || std::mem::replace(&mut self.hung_up, true) {
            return false;
        }
        self.phase = Phase::Authorizing;
        self.answer_until = None;
        self.authorize(true, todo);
        true
    }
}
