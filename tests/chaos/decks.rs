//! The faults of each simulator that runs may meet. Those that are left out stand there with the reason.

use std::collections::BTreeSet;

use watchpost::simulator::{een, milestone, simplisafe, vxg};

pub(crate) use crate::milestone_deck::FAULTS as MILESTONE;

/// Faults of Eagle Eye's cloud.
pub(crate) const EEN: &[&str] = &[
    "authenticate=503:2",
    "authenticate=401:1",
    "authorize=503:2",
    "isauth=503:2",
    "switch=503:2",
    "logout=503:2",
    "user=503:2",
    "list=503:2",
    "accounts=503:2",
    "devices=503:2",
    "device=503:2",
    "rate-limit=15",
    "retry-after=1s",
    "down=503:3",
    "outage=3s",
    "hiccups=20",
    "slow=200ms",
    "hang",
    "garbage-body",
    "html-errors",
    "switch-empty",
    "odd-rows",
    "unknown-members",
    "refuse-upgrade=502:2",
    "refuse-upgrade=401:1",
    "auth-by-message",
    "lax-resources",
    "entity-error=503:4",
    "slow-first=500ms",
    "first-in-parts",
    "one-frame",
    "several=3",
    "empty-unanswered",
    "repeats",
    "close-on-loss=1000",
    "idle-sockets",
    "expire=2s",
    "ping=200ms",
    "no-pong",
    "idle-close=2s",
    "close=2s",
    "reset=2s",
    "drop=2s",
    "drop-tenth=1s",
    "half-open=3s",
    "drop-after-subscribe",
    "fragments",
    "bytewise",
    "garbage=700ms",
    "unknown-frames=300ms",
    "flaps=700ms",
    "invalid=300ms",
];

/// Faults of SimpliSafe's cloud under which its history has everything in the end.
pub(crate) const SIMPLISAFE_MILD: &[&str] = &[
    "rotate",
    "same-token",
    "subscribed-service",
    "hello-late",
    "slow-subscribe=1s",
    "expiry-cuts",
    "hiccups=20",
    "lost-pushes=40",
    "duplicates",
    "out-of-order",
    "late=2s",
    "history-lag=1s",
    "garbage=500ms",
    "maimed=700ms",
    "untyped=400ms",
    "drop=2s",
    "reset=3s",
    "close=3s",
    "half-open=4s",
    "expire=1s",
    "events=504:3",
    "sensors=409:3",
    "subscriptions=502:3",
    "fragments",
    "bytewise",
    "odd-events=1s",
    "unknown-members",
    "flv-only",
    "empty-video",
    "server-error=4s",
    "down=503:3",
    "one-site=504:3",
    "refuse-upgrade=502:3",
];

/// The others.
pub(crate) const SIMPLISAFE_WILD: &[&str] = &[
    "from-ignored",
    "last-is-newest",
    "no-hello",
    "never-subscribed",
    "identify-error",
    "identify-close=4001",
    "identify-silent",
    "identify-within=1s",
    "lax-join",
    "alarm-count",
    "exit-delay-word",
    "odd-alarm-state",
    "no-alarm-state",
    "token=502:2",
    "token=403:1",
    "token-string=502:2",
    "auth-check=504:2",
    "settings=504:2",
    "locks=504:2",
    "rest=500:4",
    "no-plan",
    "slow=300ms",
    "slow-force=500ms",
    "hang",
    "garbage-body",
    "empty-body",
    "odd-rows",
    "cache-lag=1s",
    "status-frozen",
    "straggler=3",
    "ping=200ms",
    "no-pong",
    "idle-close=2s",
    "drop-tenth=1s",
    "stall=3s",
    "drop-after-subscribe",
    "binary=500ms",
];

/// Faults of VXG's cloud under which its list has everything in the end.
pub(crate) const VXG_MILD: &[&str] = &[
    "start-exclusive",
    "end-exclusive",
    "newest-first",
    "whole-seconds",
    "hidden-micros",
    "zoned-times",
    "meta-always",
    "meta-null",
    "meta-empty",
    "text-ids",
    "needs-camid",
    "v5-group-only",
    "down=503:3",
    "rest=500:3",
    "events=503:3",
    "channels=500:3",
    "no-channels=3",
    "hiccups=10",
    "too-many=3",
    "too-many-date=3",
    "slow=200ms",
    "hang=2",
    "reset=3",
    "cut=3",
    "bare-errors",
    "html-errors",
    "empty-errors",
    "html-200=3",
    "empty-body=3",
    "other-json=3",
    "null-objects=3",
    "no-meta",
    "next-drops",
    "next-forever",
    "next-never",
    "total-absent",
    "total-large=6",
    "total-small=4",
    "no-thumb",
    "unknown-members",
    "odd-date",
    "drift-insert=3",
    "late=1500ms",
    "straggler=3",
    "same-time=6",
    "list-lag=700ms",
    "meta-change=150ms",
    "flap=300ms",
];

/// The others.
pub(crate) const VXG_WILD: &[&str] = &[
    "meta-all",
    "limit-cap=7",
    "limit-refused",
    "out-of-order",
    "drift-delete=3",
    "odd-rows=200ms",
    "wrong-date=2h",
    "wrong-date=-2h",
    "rest=401:1",
    "one-camid",
    "no-v3-list",
    "no-v3",
    "no-v2-camera",
    "camera=500:3",
    "random-ids",
];

/// Reasons, and the faults that are left out for each.
fn left_out(vendor: &str) -> &'static [(&'static str, &'static [&'static str])] {
    match vendor {
        "milestone" => &[
            ("a silent socket that answers pings: nobody can notice it for longer than a window", &["stall"]),
            ("strikes commands that nobody gives here", &["trigger-refused", "trigger-lost", "trigger-slow"]),
            (
                "strikes subscriptions that come and go, which the program's configuration has not",
                &["subscribe-lost", "remove-refused", "remove-unknown", "remove-lost", "told-twice"],
            ),
            (
                "strikes Windows users, and the user here is a basic one",
                &[
                    "ntlm-close",
                    "ntlm-hang-up",
                    "ntlm-long-body",
                    "ntlm-chunked",
                    "ntlm-garbage",
                    "ntlm-negotiate",
                    "ntlm-unoffered",
                ],
            ),
            (
                "strikes one of several gateways, and there is one for most of the time",
                &[
                    "gateways-apart",
                    "gateway-outage",
                    "gateway-hangs",
                    "gateway-busy",
                    "gateway-refuses",
                    "gateway-alone",
                ],
            ),
        ],
        "een" => &[
            (
                "strikes logins that need a second factor or a key, and these do not",
                &["send-code", "no-sms", "bad-key"],
            ),
            ("moves hosts: the new host stays when it is over", &["login-redirects", "moved"]),
            (
                "takes something away from the cookies of one session, and is no fault that ends",
                &["old-cookie-only", "new-cookie-only", "switch-kills", "strict-path"],
            ),
            (
                "takes accounts or devices away, and with them what was owed",
                &["empty-accounts", "keep-barred", "spoilt-row"],
            ),
            ("hides devices: nobody is told of what they do", &["never-answers", "max-entities"]),
            ("a silent socket that answers pings: nobody can notice it", &["stall"]),
        ],
        "simplisafe" => &[
            (
                "a token is spent by a call whose answer is lost with the killed process: a person has to log in again",
                &["one-use", "reuse-kills", "token-lost"],
            ),
            ("one of the two meanings of a parameter, which is on throughout", &["from-older", "from-up-to"]),
            (
                "the address is blocked for a minute and more, longer than a run",
                &["block", "block-above", "browser-only"],
            ),
            (
                "strikes calls that nobody makes here",
                &[
                    "authorize",
                    "state",
                    "media",
                    "media-pending",
                    "media-size",
                    "media-cut",
                    "media-stall",
                    "foreign-media",
                    "media-redirect",
                ],
            ),
        ],
        _ => &[
            (
                "strikes calls that nobody makes here",
                &[
                    "group-lists",
                    "no-slash-404",
                    "slash-lax",
                    "create-200",
                    "duplicate",
                    "whole-second-times",
                    "needs-notify",
                    "set-partial",
                    "set-empty",
                    "trigger-empty",
                    "trigger-own-time",
                    "trigger-no-meta",
                    "trigger-lost",
                    "no-access-tokens",
                    "only-watch",
                    "event",
                    "create",
                    "create-lost",
                    "tags",
                    "types",
                    "trigger",
                ],
            ),
            ("waits for half a minute and longer: more than a run has", &["too-many-bare", "per-minute"]),
            ("changes the tokens of cameras, and here it is a group's", &["rotate"]),
            ("what it struck cannot be read for as long as the run lasts", &["poison"]),
        ],
    }
}

fn name(fault: &str) -> &str {
    fault.split('=').next().unwrap()
}

#[test]
fn every_fault_of_every_simulator_is_met_or_left_out_for_a_reason() {
    let of_milestone: Vec<_> = milestone::Fault::all().iter().map(|info| info.name).collect();
    let of_een: Vec<_> = een::Fault::all().iter().map(|info| info.name).collect();
    let of_simplisafe: Vec<_> = simplisafe::Fault::all().iter().map(|info| info.name).collect();
    let of_vxg: Vec<_> = vxg::Fault::all().iter().map(|info| info.name).collect();
    let simplisafe = [SIMPLISAFE_MILD, SIMPLISAFE_WILD].concat();
    let vxg = [VXG_MILD, VXG_WILD].concat();
    for fault in MILESTONE {
        fault.parse::<milestone::Fault>().unwrap();
    }
    for fault in EEN {
        fault.parse::<een::Fault>().unwrap_or_else(|error| panic!("{fault}: {error}"));
    }
    for fault in &simplisafe {
        fault.parse::<simplisafe::Fault>().unwrap_or_else(|error| panic!("{fault}: {error}"));
    }
    for fault in &vxg {
        fault.parse::<vxg::Fault>().unwrap_or_else(|error| panic!("{fault}: {error}"));
    }
    let sides = [
        ("milestone", of_milestone, MILESTONE.to_vec()),
        ("een", of_een, EEN.to_vec()),
        ("simplisafe", of_simplisafe, simplisafe),
        ("vxg", of_vxg, vxg),
    ];
    for (vendor, all, met) in sides {
        let met: BTreeSet<&str> = met.into_iter().map(name).collect();
        let left: BTreeSet<&str> = left_out(vendor).iter().flat_map(|(_, names)| *names).copied().collect();
        for fault in all {
            assert!(
                met.contains(fault) != left.contains(fault),
                "{vendor}: {fault} must be met or left out, and not both"
            );
        }
    }
}
