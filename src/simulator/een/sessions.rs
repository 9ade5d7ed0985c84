//! Sessions: what a login gives, and in which account it is at the moment.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{faults::FaultKind, hub::Core, options::Options, world::Place};

pub(super) struct Session {
    /// Position among the users.
    pub(super) user: usize,
    /// The account that it is in.
    pub(super) account: Place,
    pub(super) links: Vec<u64>,
    opened: Instant,
    used: Instant,
}

#[derive(Default)]
pub(super) struct Sessions(HashMap<Arc<str>, Session>);

impl Sessions {
    /// A new session in the user's own account.
    pub(super) fn open(&mut self, user: usize, account: Place) -> Arc<str> {
        // The prefix names the cluster, as observed.
        let id: Arc<str> = format!("c001~{}", Uuid::new_v4().simple()).into();
        let now = Instant::now();
        self.0.insert(id.clone(), Session { user, account, links: Vec::new(), opened: now, used: now });
        id
    }

    pub(super) fn get(&self, id: &str) -> Option<&Session> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.0.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Session)> {
        self.0.iter()
    }

    pub(super) fn add_link(&mut self, id: &str, link: u64) {
        if let Some(session) = self.0.get_mut(id) {
            session.links.push(link);
        }
    }

    pub(super) fn remove_link(&mut self, id: &str, link: u64) {
        if let Some(session) = self.0.get_mut(id) {
            session.links.retain(|known| *known != link);
            session.used = Instant::now();
        }
    }

    fn lapsed(session: &Session, now: Instant, options: &Options, sockets_count: bool) -> bool {
        let over = |since: Instant, life: Option<Duration>| {
            life.is_some_and(|life| now.saturating_duration_since(since) > life)
        };
        let active = sockets_count && !session.links.is_empty();
        over(session.opened, options.session_life) || !active && over(session.used, options.inactive_life)
    }
}

impl Core {
    /// The session of this id, if it is still valid; it counts as used now.
    pub(super) fn use_session(&mut self, id: &str) -> Option<Arc<str>> {
        let now = Instant::now();
        let sockets_count = !self.switches.on(FaultKind::IdleSockets);
        let (known, session) = self.sessions.0.get_key_value(id)?;
        let known = known.clone();
        if Sessions::lapsed(session, now, &self.options, sockets_count) {
            self.end_session(&known);
            return None;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.used = now;
        }
        Some(known)
    }

    pub(super) fn expire_lapsed(&mut self, now: Instant) {
        if self.options.session_life.is_none() && self.options.inactive_life.is_none() {
            return;
        }
        let sockets_count = !self.switches.on(FaultKind::IdleSockets);
        let lapsed = |session: &Session| Sessions::lapsed(session, now, &self.options, sockets_count);
        let ended: Vec<Arc<str>> =
            self.sessions.iter().filter(|(_, session)| lapsed(session)).map(|(id, _)| id.clone()).collect();
        ended.iter().for_each(|id| self.end_session(id));
    }

    /// Ends those sessions that are meant, and says how many. Their sockets say 412.
    pub(super) fn expire_sessions(&mut self, meant: impl Fn(&Session) -> bool) -> usize {
        let ended: Vec<Arc<str>> =
            self.sessions.iter().filter(|(_, session)| meant(session)).map(|(id, _)| id.clone()).collect();
        ended.iter().for_each(|id| self.end_session(id));
        ended.len()
    }

    pub(super) fn end_session(&mut self, id: &str) {
        if let Some(session) = self.sessions.0.remove(id) {
            for link in session.links {
                self.deny(link, 412, "Auth lost");
            }
        }
    }
}
