//! A thousand accounts in one process.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use watchpost::actors::model::ConnectionState::Online;
use watchpost::simulator::een::{DropHow, Keep, Options};

use crate::audit;
use crate::cloud::{Cloud, STORES, options};
use crate::common::{MS, eventually, pace};

/// How many accounts; a heavier dose by `WATCHPOST_EEN_ACCOUNTS`.
fn accounts() -> usize {
    std::env::var("WATCHPOST_EEN_ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// For how many seconds a random tenth is killed every few seconds; a heavier dose by `WATCHPOST_EEN_KILL_SECONDS`.
fn kill_seconds() -> u64 {
    std::env::var("WATCHPOST_EEN_KILL_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

#[test]
fn a_thousand_accounts_come_online_at_their_pace_and_survive_the_loss_of_a_tenth_again_and_again() {
    let (count, pace_of) = (accounts(), 200);
    let began = Instant::now();
    let options = Options { accounts: count, cameras: 10, ledger: Keep::Everything, ..options() };
    let cloud = Cloud::with(options, move |config| {
        config.logins_per_second = NonZeroU32::new(pace_of).unwrap();
        config.relist_every = Duration::from_secs(30);
    });
    let patience = Duration::from_secs(120) + Duration::from_secs(count as u64) / pace_of;
    let online = || {
        let all = cloud.connections();
        all.len() == count + 1 && all.values().all(|info| info.status.state == Online)
    };
    eventually(patience, "all accounts are online", || {
        pace(200 * MS);
        online()
    });
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(count as u64 - 1) / pace_of, "{took:?}: faster than the pace that was set");
    assert!(cloud.sim.busiest_second("authenticate") <= pace_of as usize + 1);
    assert_eq!(cloud.sim.counters().logins(), count as u64 + 1);
    cloud.wait_truth();
    let until = Instant::now() + Duration::from_secs(kill_seconds());
    let mut kills = 0;
    while Instant::now() < until {
        let how = [DropHow::Reset, DropHow::Fin, DropHow::MidFrame, DropHow::Close(1001)][kills % 4];
        assert!(cloud.sim.drop_random(0.1, how) > 0);
        kills += 1;
        for _ in 0..20 {
            cloud.sim.emit(count / 40);
            pace(100 * MS);
        }
    }
    eventually(Duration::from_secs(90), "all accounts are online again", || {
        pace(200 * MS);
        online()
    });
    cloud.wait_truth();
    let wrong = audit::untold(&cloud);
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
    // Each break is one gap, however many tries it took. It is told when its last device has answered.
    eventually(Duration::from_secs(60), "each break is a gap", || uncounted(&cloud).is_empty());
}

/// Accounts with more gaps than breaks, or without a gap in spite of breaks.
fn uncounted(cloud: &Cloud) -> Vec<String> {
    let (mut sockets, mut gaps) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for socket in cloud.sim.ledger().sockets {
        *sockets.entry(format!("{STORES}/{}", socket.account)).or_default() += 1;
    }
    for line in cloud.lines().into_iter().filter(|line| line["type"] == "gap") {
        *gaps.entry(line["connection"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let wrong =
        sockets.into_iter().map(|(name, sockets)| (gaps.get(&name).copied().unwrap_or_default(), sockets, name));
    let wrong = wrong.filter(|(gaps, sockets, _)| gaps >= sockets || (*sockets > 1 && *gaps == 0));
    wrong.map(|(gaps, sockets, name)| format!("{name}: {gaps} gaps and {sockets} sockets")).collect()
}
