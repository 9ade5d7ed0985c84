//! A reseller's connection: it has no socket, and lists the accounts below it. Each of them is a connection of its own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{EenSession, Phase};
use crate::model::Cause;
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::een::accounts::{AccountList, Standing};
use crate::vendors::een::config::{Accounts, ChildAccount, EenConfig};
use crate::vendors::een::rest::{self, CallError};
use crate::vendors::een::wire::AccountId;
use crate::vendors::{Action, CallId, Children, Now, Others, SessionEnd, Todo, VendorSettings, WantedChild};

/// After a listing that failed; it doubles up to the usual pause.
const RELIST_SOON: Duration = Duration::from_secs(15);

/// The listing of accounts.
#[derive(Debug, Default)]
pub(super) struct Reseller {
    /// How many have been asked for; the last one counts.
    calls: u32,
    /// The answer is awaited.
    listing: bool,
    relist_at: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// The list had none of the accounts that are wanted the last time: once is taken for a mistake of the server's.
    was_empty: bool,
}

impl Reseller {
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.relist_at
    }
}

impl EenSession {
    pub(super) fn list_accounts(&mut self, todo: &mut Todo) {
        let Some(grant) = &self.grant else { return };
        let call = rest::list_accounts(grant);
        let reseller = self.reseller.get_or_insert_default();
        reseller.calls = reseller.calls.wrapping_add(1);
        (reseller.listing, reseller.relist_at) = (true, None);
        todo.act(Action::Call(CallId(reseller.calls), call));
    }

    pub(super) fn list_accounts_if_due(&mut self, now: Now, todo: &mut Todo) {
        let is_due = self.reseller.as_ref().and_then(|reseller| reseller.relist_at).is_some_and(|at| at <= now.instant);
        if is_due {
            self.list_accounts(todo);
        }
    }

    pub(super) fn accounts_answered(
        &mut self,
        now: Now,
        call: CallId,
        answer: Result<RestAnswer, RestError>,
        todo: &mut Todo,
    ) {
        let Some(reseller) = self.reseller.as_mut().filter(|one| one.listing && CallId(one.calls) == call) else {
            return;
        };
        reseller.listing = false;
        let answer = match answer {
            Ok(answer) => rest::read_accounts(&answer),
            Err(error) => return self.listing_failed(now, &error.to_string(), None, todo),
        };
        match answer {
            Ok(list) => self.accounts_listed(now, &list, todo),
            Err(error) if error.wants_login() => {
                self.reauthorize(format!("the accounts cannot be listed with a new login either: {error}"), todo);
            }
            Err(CallError::Forbidden) if !self.online && !self.is_masters() => self.is_no_reseller(todo),
            Err(CallError::Busy { status, not_before }) => {
                let why = CallError::Busy { status, not_before }.to_string();
                self.listing_failed(now, &why, not_before, todo);
            }
            Err(error) => self.listing_failed(now, &error.to_string(), None, todo),
        }
    }

    fn accounts_listed(&mut self, now: Now, list: &AccountList, todo: &mut Todo) {
        let Some(grant) = &self.grant else { return };
        let own = &grant.user.owner_account;
        let has_others = list.accounts.iter().any(|account| account.id != *own);
        if !self.online && !has_others && !grant.user.is_master && self.wants_own_alone(own) {
            return self.is_no_reseller(todo);
        }
        let Some(reseller) = &mut self.reseller else { return };
        reseller.failures = 0;
        // The next time that the login is not good any more it is replaced again.
        self.reauthorized = false;
        let mut children = listed_children(list, &self.config, own);
        let was_empty = std::mem::replace(&mut reseller.was_empty, children.is_empty());
        if reseller.was_empty && !was_empty {
            // It may be a hiccup, and would close all accounts, also those that a session before this one has opened.
            reseller.relist_at = Some(now.instant + RELIST_SOON.min(self.config.relist_every));
            return;
        }
        reseller.relist_at = Some(now.instant + self.config.relist_every);
        add_missing(&mut children, list, &self.config, own);
        // A row that cannot be read may be that of any account which the rest of the list lacks.
        let others = if list.unreadable == 0 { Others::Go } else { Others::Stay };
        // Without the accounts that were named, of which there may be thousands.
        let template = EenConfig { accounts: Accounts::Own, ..self.config.clone() };
        let wanted = children.into_iter().map(|Child { account, mark }| {
            let id = account.id.as_str().to_owned();
            let config = EenConfig { child: Some(account), ..template.clone() };
            WantedChild { id, vendor: VendorSettings::Een(Box::new(config)), mark }
        });
        todo.act(Action::Children(Children { wanted: wanted.collect(), others }));
        if !std::mem::replace(&mut self.online, true) {
            todo.act(Action::Online);
        }
    }

    /// The user says of itself that it is a reseller's: then a list that is forbidden is no sign of a plain account.
    fn is_masters(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.user.is_master)
    }

    /// The settings name no other account than the user's own.
    fn wants_own_alone(&self, own: &AccountId) -> bool {
        match &self.config.accounts {
            Accounts::Own | Accounts::All => true,
            Accounts::Only(ids) => ids.iter().all(|id| id == own),
        }
    }

    /// A plain account: its own devices are followed.
    fn is_no_reseller(&mut self, todo: &mut Todo) {
        let own = self.grant.as_ref().map(|grant| grant.user.owner_account.clone());
        if own.is_none_or(|own| !self.wants_own_alone(&own)) {
            let why = "this user may not list accounts: use one of the reseller's, or leave `accounts` out";
            return self.end(SessionEnd::Halt(why.to_owned()), todo);
        }
        self.reseller = None;
        self.proceed(todo);
    }

    /// The accounts that are there stay.
    fn listing_failed(&mut self, now: Now, why: &str, not_before: Option<Duration>, todo: &mut Todo) {
        let Some(reseller) = &mut self.reseller else { return };
        if !self.online {
            let why = format!("the accounts cannot be listed: {why}");
            return self.end(SessionEnd::Retry { why, cause: Cause::Directory, not_before }, todo);
        }
        let soon = RELIST_SOON.saturating_mul(1 << reseller.failures.min(8)).min(self.config.relist_every);
        reseller.failures = reseller.failures.saturating_add(1);
        reseller.relist_at = Some(now.instant + soon.max(not_before.unwrap_or_default()));
        self.phase = Phase::Reselling;
    }
}

/// An account that is to be a connection.
struct Child {
    account: ChildAccount,
    /// What it depends on, beside the settings of its parent, if that is known. Another name is no reason to break its stream.
    mark: Option<String>,
}

impl Child {
    fn new(id: &AccountId, name: Option<&str>, barred: Option<&str>) -> Self {
        let account = ChildAccount {
            id: id.clone(),
            name: name.unwrap_or(id.as_str()).to_owned(),
            barred: barred.map(str::to_owned),
        };
        Self { mark: Some(account.barred.clone().unwrap_or_default()), account }
    }
}

/// The accounts of the list that are to be connected to, and those that cannot be, with the reason.
fn listed_children(list: &AccountList, config: &EenConfig, own: &AccountId) -> Vec<Child> {
    let only: Option<HashSet<_>> = match &config.accounts {
        Accounts::Only(ids) => Some(ids.iter().collect()),
        Accounts::Own | Accounts::All => None,
    };
    // A reseller's own account has no devices.
    let listed = list.accounts.iter().filter(|account| account.id != *own);
    let listed = listed.filter(|account| only.as_ref().is_none_or(|ids| ids.contains(&account.id)));
    listed
        .map(|account| {
            let barred = match account.standing {
                Standing::Active => None,
                Standing::Suspended => Some("the account is suspended; Eagle Eye or the reseller can lift that"),
                Standing::Inactive => Some("the account is inactive; Eagle Eye or the reseller can activate it"),
            };
            Child::new(&account.id, account.name.as_deref(), barred)
        })
        .collect()
}

/// The accounts that the settings name and the list lacks.
fn add_missing(children: &mut Vec<Child>, list: &AccountList, config: &EenConfig, own: &AccountId) {
    if let Accounts::Only(ids) = &config.accounts {
        let listed: HashSet<_> = children.iter().map(|child| child.account.id.clone()).collect();
        let missing = ids.iter().filter(|id| !listed.contains(*id));
        children.extend(missing.map(|id| missing_child(id, own, list.unreadable > 0)));
    }
}

/// An account that the settings name and the list lacks.
fn missing_child(id: &AccountId, own: &AccountId, may_be_there: bool) -> Child {
    if id == own {
        let why = "it is the reseller's own account, which has no devices: take it out of `accounts`";
        return Child::new(id, None, Some(why));
    }
    if may_be_there {
        let why =
            "the account list does not have it, or in a row that cannot be read: correct `accounts` if it is wrong";
        return Child { mark: None, ..Child::new(id, None, Some(why)) };
    }
    Child::new(id, None, Some("the account list does not have it: correct `accounts`, or it was closed"))
}
