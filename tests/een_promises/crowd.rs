//! A thousand accounts in one process.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use watchpost::actors::model::ConnectionState::Online;
use watchpost::simulator::een::{DropHow, Keep, Options};

use crate::audit;
use crate::cloud::{Cloud, STORES, options};
use crate::common::{MS, eventually, pace};

/// How many accounts; a heavier dose by `WATCHPOST_EEN_ACCOUNTS`.
fn accounts() -> usize {
    std::env::var("WATCHPOST_EEN_ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// What was handed to a socket before it ended is read at most so much later.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(3);

/// For how many seconds a random tenth is killed every few seconds: half a minute, which leaves time for all other tests; a whole one or more by
/// `WATCHPOST_EEN_KILL_SECONDS`.
fn kill_seconds() -> u64 {
    std::env::var("WATCHPOST_EEN_KILL_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
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
    let online_since = Timestamp::now();
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
    // A gap is told when the last device has answered, or seconds behind the first.
    let until = Instant::now() + Duration::from_secs(60);
    while let Some(wrong) = Some(mistold(&cloud, online_since)).filter(|wrong| !wrong.is_empty()) {
        assert!(Instant::now() < until, "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
        pace(500 * MS);
    }
}

/// One life of a socket: when it was opened, and when it had ended.
struct Life {
    opened: Timestamp,
    closed: Option<Timestamp>,
}

/// What is wrong with the gaps: breaks since then that no gap covers, and gaps in which there was no break. A gap may cover several breaks, if
/// the connection broke again before it was told.
fn mistold(cloud: &Cloud, online_since: Timestamp) -> Vec<String> {
    let mut lives = BTreeMap::<String, Vec<Life>>::new();
    let time = |at| Timestamp::try_from(at).unwrap();
    for socket in cloud.sim.ledger().sockets {
        let life = Life { opened: time(socket.opened), closed: socket.closed.map(time) };
        lives.entry(format!("{STORES}/{}", socket.account)).or_default().push(life);
    }
    let mut gaps = BTreeMap::<String, Vec<(Timestamp, Timestamp)>>::new();
    for line in cloud.lines().into_iter().filter(|line| line["type"] == "gap") {
        let end = |end: &str| line["data"][end].as_str().unwrap().parse().unwrap();
        gaps.entry(line["connection"].as_str().unwrap().to_owned()).or_default().push((end("from"), end("to")));
    }
    let mut wrong = Vec::new();
    for (name, lives) in lives {
        let gaps = gaps.remove(&name).unwrap_or_default();
        // Of a break both ends are known: the next socket is opened only when the engine has seen the end of the one before.
        let breaks: Vec<_> = lives.windows(2).filter_map(|lives| Some((lives[0].closed?, lives[1].opened))).collect();
        let covers = |(from, to): &(Timestamp, Timestamp), (closed, opened): &(Timestamp, Timestamp)| {
            // What was on its way when the socket ended may be read a little later.
            *from <= *opened && *from <= *closed + ON_THE_WAY && *opened <= *to && *closed <= *to
        };
        for one in breaks.iter().filter(|(closed, _)| *closed > online_since) {
            if !gaps.iter().any(|gap| covers(gap, one)) {
                wrong.push(format!("{name}: the break {one:?} is in none of {gaps:?}"));
            }
        }
        for gap in gaps.iter().filter(|gap| !breaks.iter().any(|one| covers(gap, one))) {
            wrong.push(format!("{name}: the gap {gap:?} has none of the breaks {breaks:?}"));
        }
    }
    wrong.extend(gaps.into_iter().map(|(name, gaps)| format!("{name}: {gaps:?}, and never a socket")));
    wrong
}
