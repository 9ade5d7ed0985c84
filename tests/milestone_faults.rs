//! Each fault of the simulated system alone.
//!
//! Most faults must not lose anything in silence: these stand in one table, and each is audited. The others prevent something for as long as they
//! are on: these have a test each, of what must hold meanwhile and of the recovery.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use common::{DEADLINE, HQ, MS, Plan, Rig, SECOND, Store, connection, engine, eventually, options, pace, parallel};
use watchpost::actors::Engine;
use watchpost::actors::model::ConnectionState;
use watchpost::simulator::milestone::{DropHow, Fault, FaultKind, Options, Simulator};

/// How a trial breaks the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// The fault does it.
    ByFault,
    /// Three times, in three ways.
    ByTrial,
}

/// What must have come of the breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Every time the session was resumed, and nothing is missing.
    Resumed,
    /// Sessions were begun anew, and each has its gap.
    Anew,
    /// Resumed, but for single frames that could not be read.
    Unreadable,
}

use Breaks::{ByFault, ByTrial};
use Outcome::{Anew, Resumed, Unreadable};

/// Faults that must not lose anything in silence.
const AUDITED: &[(&str, Breaks, Outcome)] = &[
    ("interleave", ByTrial, Resumed),
    ("slow-state=400ms", ByTrial, Resumed),
    ("huge-state=3MiB", ByTrial, Resumed),
    ("recycle=400ms", ByFault, Resumed),
    ("reset=400ms", ByFault, Resumed),
    ("drop=400ms", ByFault, Resumed),
    ("half-open=1100ms", ByFault, Resumed),
    ("stall=350ms", ByTrial, Resumed),
    ("late-window=1s", ByTrial, Resumed),
    ("duplicates", ByTrial, Resumed),
    ("resume-refused", ByTrial, Anew),
    ("buffer=5", ByTrial, Resumed),
    ("filters-in-order", ByTrial, Resumed),
    ("reply-out-of-order", ByTrial, Resumed),
    ("fragments", ByTrial, Resumed),
    ("bytewise", ByTrial, Resumed),
    ("no-pong", ByTrial, Resumed),
    ("empty-events", ByTrial, Resumed),
    ("unknown-frames", ByTrial, Resumed),
    ("garbage=300ms", ByFault, Unreadable),
    ("unknown-members", ByTrial, Resumed),
    ("missing-members", ByTrial, Resumed),
    ("spec-version-case", ByTrial, Resumed),
    ("mixed-case", ByTrial, Resumed),
    ("big-events", ByTrial, Resumed),
    ("burst=400ms", ByTrial, Resumed),
    ("header-required", ByTrial, Resumed),
    ("refuse-upgrade=503:3", ByTrial, Resumed),
    ("token-expires=300ms", ByTrial, Resumed),
    ("rest-down", ByTrial, Resumed),
    ("rest-slow=400ms", ByTrial, Resumed),
    ("rest-hang", ByTrial, Resumed),
    ("rest-500", ByTrial, Resumed),
    ("rest-403", ByTrial, Resumed),
    ("page-400", ByTrial, Resumed),
    ("bulk-refused", ByTrial, Resumed),
    ("no-discovery", ByTrial, Resumed),
    ("internal-gateway", ByTrial, Resumed),
    ("several-gateways=3", ByTrial, Resumed),
    ("dead-gateways=2", ByTrial, Resumed),
    ("gateways-apart", ByTrial, Resumed),
];

/// Faults that prevent something, and the test of each below.
const PREVENTING: &[&str] = &[
    "state-refused",
    "session-refused",
    "subscription-refused",
    "drop-after-subscribe",
    "refuse-upgrade",
    "refuse-token",
    "locked-out",
];

/// Faults that strike one of several gateways (`milestone_promises`, in `gateways`), Windows users at the login (there, in `users`), what a person
/// has made (`milestone_commands`), or subscriptions that come and go (`milestone_promises`, in `changes`).
const ELSEWHERE: &[&str] = &[
    "gateway-outage",
    "gateway-hangs",
    "gateway-busy",
    "gateway-refuses",
    "gateway-alone",
    "ntlm-close",
    "ntlm-hang-up",
    "ntlm-long-body",
    "ntlm-chunked",
    "ntlm-garbage",
    "ntlm-negotiate",
    "ntlm-unoffered",
    "trigger-refused",
    "trigger-lost",
    "trigger-slow",
    "subscribe-lost",
    "remove-refused",
    "remove-unknown",
    "remove-lost",
    "told-twice",
];

fn fault(text: &str) -> Fault {
    text.parse().expect("a fault")
}

#[test]
fn every_fault_that_there_is_is_tried() {
    let audited = AUDITED.iter().map(|(text, ..)| fault(text).kind());
    let tried: HashSet<FaultKind> =
        audited.chain(PREVENTING.iter().chain(ELSEWHERE).map(|text| fault(text).kind())).collect();
    let missing: Vec<_> = Fault::all().iter().filter(|info| !tried.contains(&info.kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_fault_loses_anything_in_silence() {
    let trials = AUDITED.iter().map(|trial| (trial.0.to_owned(), *trial)).collect();
    parallel(12, trials, |(text, breaks, outcome)| try_fault(fault(text), *breaks, *outcome));
}

fn try_fault(fault: Fault, breaks: Breaks, outcome: Outcome) {
    // What strikes now and then must not strike before there is a session to resume.
    let late = matches!(
        fault,
        Fault::Recycle(_)
            | Fault::Reset(_)
            | Fault::Drop(_)
            | Fault::HalfOpen(_)
            | Fault::Stall(_)
            | Fault::Garbage(_)
            | Fault::Burst(_)
            | Fault::RefuseUpgrade(_)
    );
    let faults = if late { Vec::new() } else { vec![fault] };
    let mut rig = Rig::online(Options { faults, ..options() });
    rig.walk(if fault.kind() == FaultKind::BigEvents { 60.0 } else { 200.0 });
    // With no event received yet a break is a new session, and that is another test.
    eventually(DEADLINE, "the first events", || rig.info().status.events > 5);
    if late {
        rig.sim.inject(fault);
    }
    match breaks {
        ByFault => pace(2_300 * MS),
        ByTrial => {
            for (nth, how) in [DropHow::Fin, DropHow::Reset, DropHow::MidFrame].into_iter().enumerate() {
                pace(450 * MS);
                rig.sim.drop_sockets(how);
                eventually(DEADLINE, "another session, or the same", || rig.resumes() + rig.sessions() > nth + 1);
            }
            pace(300 * MS);
        }
    }
    rig.sim.clear(fault.kind());
    if fault.kind() == FaultKind::Stall {
        // A stalled socket is found by its end alone: pings are answered.
        rig.sim.drop_sockets(DropHow::Fin);
    }
    let report = rig.settle();
    let (resumes, sessions) = (rig.resumes(), rig.sessions());
    let broken = matches!(fault, Fault::Burst(_)) || resumes + sessions > 1;
    assert!(broken, "the connection was never broken\n{report}");
    let as_expected = match outcome {
        Resumed if fault.kind() == FaultKind::Buffer && report.dropped == 0 => false,
        Resumed => sessions == 1 && report.gaps == 0 && report.received == report.sent && report.unreadable == 0,
        Unreadable => sessions == 1 && report.gaps == 0 && report.received == report.sent,
        Anew => resumes == 0 && report.gaps == sessions - 1,
    };
    assert!(as_expected, "{resumes} resumes, {sessions} sessions\n{report}{}", rig.story());
    rig.shut_down();
    assert_eq!(rig.lines_of("engine.connection").last().map(|line| line.data["new"].clone()), Some("stopped".into()));
}

/// The shortest time between two instants that follow each other.
fn shortest(mut instants: Vec<Instant>) -> Duration {
    instants.sort();
    instants.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(Duration::MAX)
}

fn upgrades(sim: &Simulator) -> Vec<Instant> {
    sim.counters().upgrades.iter().map(|upgrade| upgrade.at).collect()
}

/// The usual first delay outside a resume window, less the most that jitter takes off.
const FIRST_DELAY: Duration = Duration::from_millis(1_500);

#[test]
fn a_refused_state_lets_events_pass_and_is_asked_for_again() {
    let plan = Plan::new(Options { faults: vec![fault("state-refused=500")], ..options() });
    // Also the pause before the states are asked for again.
    let mut rig = plan.vendor(|vendor| vendor.snapshot_timeout = SECOND).start();
    rig.wait_for(ConnectionState::Online);
    rig.walk(200.0);
    eventually(DEADLINE, "events without states", || rig.info().status.events > 100);
    eventually(DEADLINE, "a second question", || rig.sim.counters().commands["getState"] > 1);
    let asked = rig.sim.counters().commands["getState"];
    assert_eq!(rig.state(), ConnectionState::Online);
    assert!(asked <= 3, "asked {asked} times");
    rig.sim.clear(FaultKind::StateRefused);
    let report = rig.settle();
    assert_eq!((report.gaps, rig.sessions(), rig.resumes()), (0, 1, 0), "{report}");
}

#[test]
fn what_is_refused_from_the_start_is_tried_again_with_back_off_and_works_when_it_can() {
    let trials = [
        ("session-refused=500", "startSession was refused, status 500"),
        ("subscription-refused=403", "refused the subscription, status 403"),
        ("refuse-upgrade=503", "503"),
    ];
    let trials = trials.map(|(text, reason)| (text.to_owned(), (fault(text), reason)));
    parallel(3, trials.into(), |(fault, reason)| recovers(*fault, reason));
}

fn recovers(fault: Fault, reason: &str) {
    let mut rig = Rig::start(Options { faults: vec![fault], ..options() });
    eventually(DEADLINE, reason, || rig.reason().contains(reason));
    assert_eq!(rig.state(), ConnectionState::Connecting);
    eventually(DEADLINE, "a second try", || rig.sim.counters().upgrades.len() > 1);
    assert!(shortest(upgrades(&rig.sim)) >= FIRST_DELAY);
    assert_eq!(rig.sim.counters().logins.len(), 1, "a token that works is kept");
    rig.sim.clear(fault.kind());
    rig.wait_online();
    rig.walk(200.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 20);
    let report = rig.settle();
    assert_eq!(report.gaps, 0, "nothing was there before the first session\n{report}");
}

#[test]
fn a_connection_that_is_confirmed_and_dropped_at_once_goes_on_when_it_can() {
    let mut rig = Rig::online(options());
    rig.walk(200.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 20);
    rig.sim.inject(fault("drop-after-subscribe"));
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Fin);
    rig.wait_sessions(4);
    rig.sim.clear(FaultKind::DropAfterSubscribe);
    let report = rig.settle();
    assert!(report.gaps >= 1 && report.gaps < rig.sessions() - 1, "one gap goes on over several breaks\n{report}");
}

#[test]
fn a_refused_login_halts_all_connections_of_the_user_after_one_request() {
    let trials = [("refuse-token=400", "wrong user name or password"), ("locked-out", "locked out")];
    let trials = trials.map(|(text, reason)| (text.to_owned(), (text, reason)));
    parallel(2, trials.into(), |(text, reason)| halts(text, reason));
}

fn halts(text: &str, reason: &str) {
    let sim = Simulator::start(Options { faults: vec![fault(text)], ..options() }).unwrap();
    let names = [HQ, "second", "third"];
    let connections = names.map(|name| connection(name, common::vendor(&sim)));
    let store = Store::default();
    let engine = Engine::start(engine(&store, connections.to_vec())).unwrap();
    let is = |state: ConnectionState| {
        names.iter().all(|name| engine.states().status(name).is_some_and(|status| status.state == state))
    };
    eventually(DEADLINE, "all three are halted", || is(ConnectionState::Halted));
    for name in names {
        let status = engine.states().status(name).unwrap();
        assert!(status.reason.contains(reason), "{}", status.reason);
    }
    // The back-off of a connection that is not halted would be over.
    pace(3 * SECOND);
    assert_eq!(sim.counters().logins.len(), 1);
    assert_eq!(sim.counters().upgrades.len(), 0);
    sim.clear(fault(text).kind());
    for name in names {
        let restart = watchpost::actors::messages::RestartConnection(common::named(name));
        common::block_on(engine.send(restart)).unwrap().unwrap();
    }
    eventually(DEADLINE, "all three are online", || is(ConnectionState::Online));
    assert_eq!(sim.counters().logins_accepted(), 1, "one login serves all three");
}

#[test]
fn a_server_that_cannot_log_anybody_in_is_asked_ever_more_seldom() {
    let rig = Rig::start(Options { faults: vec![fault("refuse-token=503")], ..options() });
    eventually(DEADLINE, "a reason", || rig.reason().contains("503"));
    assert_eq!(rig.state(), ConnectionState::Connecting, "nobody is needed for this");
    eventually(DEADLINE, "a second login", || rig.sim.counters().logins.len() > 1);
    assert!(shortest(rig.sim.counters().logins.iter().map(|login| login.at).collect()) >= 750 * MS);
    rig.sim.clear(FaultKind::RefuseToken);
    rig.wait_online();
}
