//! What a connection would follow: whose devices, how many of them, and what is asked of each.

use std::sync::Arc;

use watchpost::actors::{
    settings::{CommonSettings, closest, mistake::shown as plain},
    vendors::{
        Resume, Vendor,
        een::{
            Een, EenConfig,
            accounts::{Account, Standing},
            config::{Accounts, ChildAccount},
            devices::{Device, DeviceKind, DeviceList, Skipped},
            directory::Catalog,
            wire::{AccountId, Resource},
        },
    },
};

use super::{
    super::{trial, vendors::Findings},
    Admission,
};

/// Named accounts whose devices are counted; of more a person reads none.
const MOST_ACCOUNTS: usize = 20;

/// Finds out whose devices the connection follows, and counts them.
pub(super) async fn look(
    admission: &mut Admission,
    config: &EenConfig,
    common: &CommonSettings,
    findings: &mut Findings,
) {
    if admission.grant.user.is_two_factor {
        findings.tell("2fa", "two-factor authentication is on, and Eagle Eye knows this machine");
    }
    let mut own = ChildAccount { id: admission.grant.user.owner_account.clone(), name: String::new(), barred: None };
    let is_master = admission.grant.user.is_master;
    // A user who is no reseller and wants no other account needs no list.
    let list = if is_master || config.accounts != Accounts::Own { admission.accounts().await } else { Ok(None) };
    let list = match list {
        Ok(list) => list.unwrap_or_default(),
        Err(why) => return findings.fail(format!("the accounts could not be listed: {why}")),
    };
    skipped("accounts", &list.skipped, findings);
    let (at_home, below): (Vec<_>, Vec<_>) = list.accounts.into_iter().partition(|account| account.id == own.id);
    own.name = at_home.into_iter().find_map(|account| account.name).unwrap_or_default();
    let is_reseller = is_master || !below.is_empty();
    if is_reseller {
        findings.tell("accounts", counted(&below));
    }
    let wanted = match &config.accounts {
        Accounts::Own => vec![own],
        Accounts::All if !is_reseller => vec![own],
        Accounts::All => all(&below, config, findings),
        Accounts::Only(ids) => named(ids, &own, &below, config, findings),
    };
    let mut tried = false;
    for account in wanted.iter().take(MOST_ACCOUNTS) {
        let list = match admission.devices(account).await {
            Ok(list) => list,
            Err(why) => {
                findings.fail(format!("{}: {why}", shown(account)));
                continue;
            }
        };
        devices(account, &list, is_reseller && config.accounts == Accounts::Own, findings);
        // One account stands for all: the poll service is the same.
        if !tried && list.wanted().next().is_some() {
            tried = true;
            match subscribe(admission, config, common, account, list).await {
                Ok(()) => findings.tell("channel", format!("the poll service answers for {}", shown(account))),
                Err(why) => findings.fail(format!("{}: {why}", shown(account))),
            }
        }
    }
    if wanted.len() > MOST_ACCOUNTS {
        findings.tell("devices", format!("those of {} more accounts were not counted", wanted.len() - MOST_ACCOUNTS));
    }
    findings.tell("wanted", asked(config));
}

fn child(account: &Account) -> ChildAccount {
    ChildAccount { id: account.id.clone(), name: account.name.clone().unwrap_or_default(), barred: None }
}

/// Subscribes to the devices of an account, in which the session is, until the first of them answers.
async fn subscribe(
    admission: &mut Admission,
    config: &EenConfig,
    common: &CommonSettings,
    account: &ChildAccount,
    devices: DeviceList,
) -> Result<(), String> {
    // Of an account, whatever it is to the configuration: a reseller's session has no socket.
    let mut config = config.clone();
    config.child = Some(account.clone());
    let session = Een::session(&config, common, Resume::default());
    let catalog = Arc::new(Catalog { devices, serial: 1 });
    trial::subscribe(session, admission, Some(catalog), common.request_timeout).await
}

/// `a reseller with 3 below it: 2 active, 1 suspended, 0 inactive`
fn counted(below: &[Account]) -> String {
    let of = |standing: Standing| {
        let count = below.iter().filter(|account| account.standing == standing).count();
        format!("{count} {}", standing.as_str())
    };
    let standings = [Standing::Active, Standing::Suspended, Standing::Inactive].map(of).join(", ");
    format!("a reseller with {} below it: {standings}", below.len())
}

/// Says what all accounts come to, and answers the first of them, whose devices stand for the others'.
fn all(below: &[Account], config: &EenConfig, findings: &mut Findings) -> Vec<ChildAccount> {
    let mut active = below.iter().filter(|account| account.standing == Standing::Active);
    let count = active.clone().count();
    match active.next() {
        Some(first) => {
            findings.tell("pace", pace(count, config));
            vec![child(first)]
        }
        None => {
            findings.fail(
                "`accounts` is \"all\", and no account below the reseller's is active: nothing would be connected to",
            );
            Vec::new()
        }
    }
}

/// Says which of the named accounts cannot be connected to, and answers the others.
fn named(
    ids: &[AccountId],
    own: &ChildAccount,
    below: &[Account],
    config: &EenConfig,
    findings: &mut Findings,
) -> Vec<ChildAccount> {
    let mut wanted = Vec::new();
    for id in ids {
        match below.iter().find(|account| account.id == *id) {
            Some(account) if account.standing == Standing::Active => wanted.push(child(account)),
            Some(account) => findings.fail(format!(
                "{} is {}: its administrator must settle that with Eagle Eye",
                shown(&child(account)),
                account.standing.as_str()
            )),
            None if *id == own.id => wanted.push(own.clone()),
            None if below.is_empty() => findings
                .fail(format!("`accounts` names {id}, but the user sees no account besides its own, {}", own.id)),
            None => {
                let near = closest(id.as_str(), below.iter().map(|account| account.id.as_str()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
                findings.fail(format!("`accounts` names {id}, which is not among the reseller's{hint}"));
            }
        }
    }
    if !wanted.is_empty() {
        findings.tell("pace", pace(wanted.len(), config));
    }
    wanted
}

/// `3 connections, each with a login of its own, at most 5 logins a second`
fn pace(accounts: usize, config: &EenConfig) -> String {
    let pace = config.logins_per_second;
    format!("{}, each with a login of its own, at most {pace} logins a second", plural(accounts, "connection"))
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn shown(account: &ChildAccount) -> String {
    match account.name.as_str() {
        "" => format!("account {}", account.id),
        name => format!("account {} \"{}\"", account.id, plain(name)),
    }
}

/// `account 00004207 "Store": 4 cameras and 1 bridge attached, 2 cameras and 0 bridges not`
fn devices(account: &ChildAccount, list: &DeviceList, of_reseller: bool, findings: &mut Findings) {
    let of = |attached: bool| {
        let count = |kind: DeviceKind| {
            list.devices.iter().filter(|device: &&Device| device.kind == kind && device.is_wanted() == attached).count()
        };
        let (cameras, bridges) = (count(DeviceKind::Camera), count(DeviceKind::Bridge));
        format!("{} and {}", plural(cameras, "camera"), plural(bridges, "bridge"))
    };
    findings.tell("devices", format!("{}: {} attached; {} not", shown(account), of(true), of(false)));
    skipped("devices", &list.skipped, findings);
    if of_reseller && list.wanted().next().is_none() {
        findings.fail(
            "a reseller's own account has no devices: write accounts = \"all\", or a list of the accounts below it",
        );
    }
}

/// Rows that nobody can use are told once, with the first as an example.
fn skipped(heading: &'static str, rows: &[Skipped], findings: &mut Findings) {
    if let Some(first) = rows.first() {
        let why = plain(&first.why);
        let count = plural(rows.len(), "row");
        findings.tell(heading, format!("{count} of the list cannot be used; the first, row {}: {why}", first.row));
    }
}

/// `status, event (EMES, EMEE) of each attached device`
fn asked(config: &EenConfig) -> String {
    let words = config.resources.iter().filter_map(|resource| match resource {
        Resource::Event if config.events.is_empty() => None,
        Resource::Event => {
            let codes: Vec<_> = config.events.iter().map(ToString::to_string).collect();
            Some(format!("event ({})", codes.join(", ")))
        }
        other => Some(other.to_string()),
    });
    match words.collect::<Vec<_>>().join(", ").as_str() {
        "" => "nothing".to_owned(),
        words => format!("{words} of each attached device"),
    }
}
