//! What a connection would follow: the user's systems and their devices.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use watchpost::actors::{
    settings::{CommonSettings, mistake::shown},
    vendors::{
        Directory as _, Now, Resume, Vendor as _,
        simplisafe::{SimpliSafe, SimpliSafeConfig, config::Systems, directory::Catalog},
    },
};

use super::{
    super::{trial, vendors::Findings},
    Admission,
};

/// Questions that one look may take, should there be very many systems.
const MOST_ASKED: usize = 100;

/// Lists the systems, says which would be followed, and tries one subscription, which is for all of them.
pub(super) async fn look(
    admission: &mut Admission,
    config: &SimpliSafeConfig,
    common: &CommonSettings,
    findings: &mut Findings,
) {
    let mut directory = SimpliSafe::directory(config, common);
    let mut asks: VecDeque<_> = directory.prepare().into();
    let mut names = BTreeMap::new();
    for _ in 0..MOST_ASKED {
        let Some(ask) = asks.pop_front() else { break };
        let answer = admission.rest.call(&directory.call(&admission.grant, &ask)).await;
        let taken = directory.learn(Now::read(), &ask, answer);
        names.extend(taken.learned.items.iter().map(|item| (item.id.to_string(), item.name.clone())));
        asks.extend(taken.next);
        if let Some(trouble) = taken.trouble {
            findings.tell("trouble", format!("{}: {trouble}", format!("{ask:?}").to_lowercase()));
        }
    }
    let Some(catalog) = directory.catalog() else {
        return findings.fail("the systems could not be listed");
    };
    systems(&catalog, &names, config, findings);
    let session = SimpliSafe::session(config, common, Resume::default());
    match trial::subscribe(session, admission, Some(catalog), common.request_timeout).await {
        Ok(()) => findings.tell("channel", format!("the events of user {} can be had", admission.grant.user_id)),
        Err(why) => findings.fail(why),
    }
}

fn systems(
    catalog: &Catalog,
    names: &BTreeMap<String, Option<Arc<str>>>,
    config: &SimpliSafeConfig,
    findings: &mut Findings,
) {
    if catalog.systems.is_empty() {
        findings.fail("the user has no system with a base station");
    }
    for system in &catalog.systems {
        let sid = system.sid;
        let name = names.get(&format!("systems/{sid}")).and_then(Option::as_deref);
        let name = name.map_or(String::new(), |name| format!(" \"{}\"", shown(name)));
        let devices = format!("systems/{sid}/devices/");
        let count = names.keys().filter(|id| id.starts_with(&devices)).count();
        let kind = if system.is_v2 { ", of the original kind" } else { "" };
        let left_out = if config.systems.contains(sid) { "" } else { ", not followed" };
        findings.tell("system", format!("{sid}{name}: {count} devices with a name{kind}{left_out}"));
    }
    if let Systems::Only(ids) = &config.systems {
        for id in ids.iter().filter(|id| catalog.systems.iter().all(|system| system.sid != **id)) {
            findings.fail(format!("system {id} is not among those of the user"));
        }
    }
}
