//! The engine with one connection of a reseller's, all defaults but the pace of the logins.
//!
//! An account is online when its connection says so and the states of its devices can be read.

use std::io::{self, BufRead};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use watchpost::actors::ConnectionConfig;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::model::state::State;
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::een::config::Accounts;
use watchpost::actors::vendors::een::{Een, EenConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};

use super::words::{Cloud, Known, Measured, MemberOrder, MemberWord};
use super::{LOGINS_PER_SECOND, milliseconds};
use crate::members::{Members, REST};
use crate::words::{PATIENCE, USER, say};
use crate::{Outcome, meter};

/// The reseller's connection; those of the accounts are named `stores/<account>`.
const NAME: &str = "stores";
/// Obeys orders until standard input ends.
pub(super) fn run() -> Outcome<()> {
    let mut members = Members::start()?;
    say(&MemberWord::Base { resident: meter::resident() })?;
    for line in io::stdin().lock().lines() {
        let word = match serde_json::from_str(&line?)? {
            MemberOrder::Connect(cloud) => connect(&mut members, &cloud)?,
            MemberOrder::Measure { changes, length } => measure(&members, changes, length)?,
            MemberOrder::Recover { lost } => recover(&members, lost)?,
            MemberOrder::Tell => MemberWord::Known(known(&members)?),
        };
        say(&word)?;
    }
    members.end()
}

fn connect(members: &mut Members, cloud: &Cloud) -> Outcome<MemberWord> {
    let online = members.connect(cloud.states, |members| {
        members.add(connection(cloud)?)?;
        members.names = cloud.accounts.iter().map(|account| format!("{NAME}/{account}")).collect();
        Ok(())
    })?;
    Ok(MemberWord::Online(online))
}

fn gaps(members: &Members) -> u64 {
    let statuses = members.names.iter().filter_map(|name| members.engine.states().status(name));
    statuses.map(|status| status.gaps).sum()
}

fn measure(members: &Members, changes: u64, length: Duration) -> Outcome<MemberWord> {
    std::thread::sleep(REST);
    let (resident, before) = (meter::resident(), members.taken());
    let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
    say(&MemberWord::Ready)?;
    std::thread::sleep(length);
    let limit = began + length + PATIENCE;
    members.until(limit, "the changes were not all taken", |members| members.taken() >= before + changes)?;
    Ok(MemberWord::Measured(Measured {
        cpu_seconds: meter::cpu_seconds()? - cpu,
        seconds: began.elapsed().as_secs_f64(),
        changes: members.taken() - before,
        resident,
        resident_after: meter::resident(),
        peak: meter::peak(),
        gaps: gaps(members),
    }))
}

/// Each loss is a gap, which is told when the account is there again.
fn recover(members: &Members, lost: usize) -> Outcome<MemberWord> {
    members.until(Instant::now() + PATIENCE, "they are not all back", |members| {
        gaps(members) >= lost as u64 && members.names.iter().all(|name| members.is_online(name))
    })?;
    Ok(MemberWord::Back { at: milliseconds(), gaps: gaps(members) })
}

/// Every state.
fn known(members: &Members) -> Outcome<Known> {
    let states = members.engine.states().query(&Filter::everything());
    let row = |state: &State| -> Outcome<_> {
        let account = state.connection.as_str().strip_prefix(NAME).and_then(|rest| rest.strip_prefix('/'));
        let key = format!("{}/{} {}", account.ok_or("a state of nobody")?, state.item.id, state.group());
        Ok((key, state.value().to_owned()))
    };
    states.iter().map(row).collect()
}

/// A reseller's connection, of all accounts.
fn connection(cloud: &Cloud) -> Outcome<ConnectionConfig> {
    let mut config = EenConfig::new(USER, Secret::from(USER));
    config.accounts = Accounts::All;
    config.logins_per_second = NonZeroU32::new(LOGINS_PER_SECOND).ok_or("no pace")?;
    // A simulator has no name of its own to tell.
    (config.auth_url, config.api_url) = (cloud.url.parse()?, Some(cloud.url.parse()?));
    let common = CommonSettings::new(Een::HEARTBEAT);
    Ok(ConnectionConfig { name: NAME.parse()?, common, vendor: VendorSettings::Een(Box::new(config)) })
}
