//! Names and meanings from the Configuration REST API, as pure code.
//!
//! Event types and state groups are loaded whole; items one by one, or as a list where many are wanted. What was told is kept (`known`).
//! "No permission" and "no such item" are believed for five minutes; a refused token and a server in trouble are not remembered at all. The
//! unversioned list parameters `page` and `size` are not used: some servers refuse them (observed).

mod known;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use super::login::Grant;
pub use super::rest::bearer;
use super::rest::{self, MAX_LIST, trouble};
use crate::transport::RestError;
use crate::transport::request::{Method, RestAnswer, RestCall};
use crate::vendors::{Directory, Forget, Learned, NameKey, Now, Taken};

pub use known::Catalog;
use known::Known;
pub(super) use known::squeezed;

/// How long "no permission" and "no such item" are believed.
const REFUSED_FOR: Duration = Duration::from_secs(300);
/// From so many missing items of one kind on, the whole list is asked for.
const MANY: usize = 20;
/// The time that a list may take: on large sites minutes were observed.
const LIST_TIMEOUT: Duration = Duration::from_secs(180);
/// Prefixes of sources that REST does not know (Milestone's component samples).
const NOT_IN_REST: [&str; 2] = ["services", "mipKinds"];

/// A question to the Configuration API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// All event types.
    Types,
    /// All state groups.
    Groups,
    /// One event type.
    Type(ByteString),
    /// One state group.
    Group(ByteString),
    /// All items of a resource type.
    List(ByteString),
    /// One item, `cameras/<guid>`.
    Item(ByteString),
}

/// What is known of one system.
#[derive(Debug)]
pub struct MilestoneDirectory {
    timeout: Duration,
    known: Known,
    refused: HashMap<Ask, Instant>,
    listed: HashSet<ByteString>,
    /// The server knows `/api/` but not `/API/`.
    lower_case_root: bool,
}

impl MilestoneDirectory {
    /// A directory that knows nothing; single look-ups may take `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            known: Known::default(),
            refused: HashMap::new(),
            listed: HashSet::new(),
            lower_case_root: false,
        }
    }

    fn may_ask(&self, now: Now, ask: &Ask) -> bool {
        self.refused.get(ask).is_none_or(|until| *until <= now.instant)
    }

    fn answered(&mut self, ask: &Ask, answer: &RestAnswer) -> Result<Learned, String> {
        if let Ask::List(kind) = ask {
            self.listed.insert(kind.clone());
        }
        self.known.learn(ask, answer)
    }

    /// The roots differ only in case on Windows, but not on every proxy in front of it.
    fn try_other_root(&mut self, ask: &Ask, status: u16) -> bool {
        let retry = status == 404
            && matches!(ask, Ask::Types | Ask::Groups)
            && !self.lower_case_root
            && self.known.types.is_empty();
        self.lower_case_root |= retry;
        retry
    }
}

impl Directory for MilestoneDirectory {
    type Grant = Grant;
    type Catalog = Catalog;
    type Ask = Ask;

    fn prepare(&self) -> Vec<Ask> {
        vec![Ask::Types, Ask::Groups]
    }

    fn catalog(&self) -> Option<Arc<Catalog>> {
        self.known.catalog.clone()
    }

    fn known(&self, _: Now, keys: &[NameKey]) -> Learned {
        self.known.of(keys)
    }

    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Ask> {
        let mut asks = HashSet::new();
        let mut items: HashMap<&str, Vec<&ByteString>> = HashMap::new();
        for key in keys {
            match key {
                NameKey::Kind { kind, group } => {
                    if !self.known.types.contains_key(kind) {
                        // One unknown type often means that several are new.
                        let all = self.may_ask(now, &Ask::Types) && self.known.catalog.is_none();
                        asks.insert(if all { Ask::Types } else { Ask::Type(kind.clone()) });
                    }
                    if !group.is_empty() && !self.known.groups.contains_key(group) {
                        let all = self.may_ask(now, &Ask::Groups) && self.known.groups.is_empty();
                        asks.insert(if all { Ask::Groups } else { Ask::Group(group.clone()) });
                    }
                }
                NameKey::Item(id) if !self.known.items.contains_key(id) => {
                    if let Some((kind, _)) = id.split_once('/').filter(|(kind, _)| !NOT_IN_REST.contains(kind)) {
                        items.entry(kind).or_default().push(id);
                    }
                }
                NameKey::Item(_) => {}
            }
        }
        for (kind, missing) in items {
            let list = Ask::List(kind.into());
            if missing.len() >= MANY && !self.listed.contains(kind) && self.may_ask(now, &list) {
                asks.insert(list);
            } else {
                asks.extend(missing.into_iter().map(|id| Ask::Item(id.clone())));
            }
        }
        asks.into_iter().filter(|ask| self.may_ask(now, ask)).collect()
    }

    fn call(&self, grant: &Grant, ask: &Ask) -> RestCall {
        let (path, many) = match ask {
            Ask::Types => ("eventTypes".to_owned(), true),
            Ask::Groups => ("stateGroups".to_owned(), true),
            Ask::Type(id) => (format!("eventTypes/{id}"), false),
            Ask::Group(id) => (format!("stateGroups/{id}"), false),
            Ask::List(kind) => (kind.to_string(), true),
            Ask::Item(id) => (id.to_string(), false),
        };
        let mut call = rest::call(grant, self.lower_case_root, Method::Get, &path);
        (call.timeout, call.max_body) = if many { (LIST_TIMEOUT, MAX_LIST) } else { (self.timeout, 1 << 20) };
        call
    }

    fn learn(&mut self, now: Now, ask: &Ask, answer: Result<RestAnswer, RestError>) -> Taken<Ask> {
        let mut taken = Taken::default();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                taken.trouble = Some(error.to_string());
                return taken;
            }
        };
        match answer.status {
            200..=299 => match self.answered(ask, &answer) {
                Ok(learned) => taken.learned = learned,
                Err(trouble) => taken.trouble = Some(trouble),
            },
            401 => taken.unauthorized = true,
            status if self.try_other_root(ask, status) => taken.next.push(ask.clone()),
            status => {
                if (400..500).contains(&status) && status != 408 && status != 429 {
                    self.refused.insert(ask.clone(), now.instant + REFUSED_FOR);
                }
                taken.trouble = Some(format!("{ask:?}: {}", trouble(&answer)));
            }
        }
        taken
    }

    fn forget(&mut self, what: &Forget) -> Vec<Ask> {
        match what {
            Forget::Item(id) => {
                // Types and groups are configuration items like others, but are known by their bare ids.
                let ask = match id.split_once('/') {
                    Some(("eventTypes", kind)) => Ask::Type(kind.into()),
                    Some(("stateGroups", group)) => Ask::Group(group.into()),
                    _ => Ask::Item(id.clone()),
                };
                self.refused.remove(&ask);
                vec![ask]
            }
            Forget::Everything => {
                self.refused.clear();
                let mut kinds = std::mem::take(&mut self.listed);
                kinds.extend(self.known.items.keys().filter_map(|id| id.split_once('/')).map(|(kind, _)| kind.into()));
                [Ask::Types, Ask::Groups].into_iter().chain(kinds.into_iter().map(Ask::List)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
