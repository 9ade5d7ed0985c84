//! What can be made to go wrong, by name.

use std::time::Duration;

pub use crate::simulator::common::faults::{FaultError, Refusal, Size, Status, Times};
use crate::simulator::common::faults::{faults, none_or, refusal};

const SECOND: Duration = Duration::from_secs(1);

faults! {
    "milestone";
    Interleave = "interleave", "sends events between a command and its reply";
    SlowState(wait: Duration, "DURATION", 5 * SECOND) = "slow-state", "takes this long to answer getState; events go on meanwhile";
    HugeState(size: Size, "SIZE", Size(4 << 20)) = "huge-state", "makes the answer to getState at least this large";
    StateRefused(status: Status, "STATUS", Status(500)) = "state-refused", "refuses getState";
    Recycle(every: Duration, "EVERY", 30 * SECOND) = "recycle", "closes all sockets with code 1001, as a gateway does that is recycled";
    Reset(every: Duration, "EVERY", 30 * SECOND) = "reset", "resets all TCP connections in the middle of a frame";
    Drop(every: Duration, "EVERY", 30 * SECOND) = "drop", "ends all TCP connections without a WebSocket close";
    HalfOpen(every: Duration, "EVERY", 30 * SECOND) = "half-open", "falls silent for good without a FIN: reads nothing, answers nothing";
    Stall(every: Duration, "EVERY", 30 * SECOND) = "stall", "stops delivering on open sockets while pings are still answered";
    LateWindow(late: Duration, "DURATION", 10 * SECOND) = "late-window", "notices a lost socket this much later, so that the resume window starts later";
    Duplicates = "duplicates", "repeats some events that were already sent: on resume, and now and then live";
    ResumeRefused = "resume-refused", "never resumes: every startSession is a new session (201)";
    Buffer(events: usize, "EVENTS", 100) = "buffer", "keeps at most so many events for a session that is away; the rest is lost in silence";
    SessionRefused(status: Status, "STATUS", Status(500)) = "session-refused", "refuses startSession";
    SubscriptionRefused(status: Status, "STATUS", Status(400)) = "subscription-refused", "refuses addSubscription";
    SubscribeLost(times: Times, "TIMES", Times(None)) = "subscribe-lost", "adds so many subscriptions and ends the connection without an answer; or `all`";
    RemoveRefused(status: Status, "STATUS", Status(404)) = "remove-refused", "refuses removeSubscription, and removes nothing";
    RemoveUnknown = "remove-unknown", "has no command `removeSubscription`, and closes the connection as on any malformed one";
    RemoveLost(times: Times, "TIMES", Times(None)) = "remove-lost", "removes so many subscriptions and ends the connection without an answer; or `all`";
    ToldTwice = "told-twice", "sends an event once for each subscription that wants it";
    DropAfterSubscribe = "drop-after-subscribe", "confirms each subscription and then ends the connection at once";
    FiltersInOrder = "filters-in-order", "lets the last matching filter decide, in place of includes minus excludes";
    ReplyOutOfOrder = "reply-out-of-order", "answers commands in another order than they came";
    Fragments = "fragments", "sends each message in several continuation frames, with pings between them";
    Bytewise = "bytewise", "writes the beginning of each message a few bytes at a time, the rest in small pieces";
    NoPong = "no-pong", "does not answer pings";
    EmptyEvents = "empty-events", "sends frames whose list of events is empty";
    UnknownFrames = "unknown-frames", "sends JSON frames of a kind nobody knows";
    Garbage(every: Duration, "EVERY", 5 * SECOND) = "garbage", "sends text frames that are not JSON, now and then not UTF-8";
    UnknownMembers = "unknown-members", "adds members that no client knows to events, replies and REST answers";
    MissingMembers = "missing-members", "adds stateless events that lack id, time, type or source";
    SpecVersionCase = "spec-version-case", "writes `specVersion` in place of `specversion`";
    MixedCase = "mixed-case", "writes the GUIDs of sources, types and groups in upper and mixed case";
    BigEvents = "big-events", "adds analytics events with some hundred KiB of data";
    Burst(every: Duration, "EVERY", 10 * SECOND) = "burst", "flips 234 devices within one second, as a full disk does";
    HeaderRequired = "header-required", "refuses an upgrade without a bearer token, as versions before `authenticate` do";
    RefuseUpgrade(how: Refusal, "401|404|500|503[:COUNT]", refusal(503)) = "refuse-upgrade", "refuses the WebSocket upgrade, for ever or so many times";
    RefuseToken(status: Status, "STATUS", Status(400)) = "refuse-token", "refuses every login";
    LockedOut = "locked-out", "answers every login as if the user were locked out";
    TokenExpires(after: Duration, "DURATION", 10 * SECOND) = "token-expires", "refuses tokens this long after they were issued, whatever `expires_in` promised; live sockets stay";
    NtlmClose(times: Times, "TIMES", Times(Some(1))) = "ntlm-close", "announces with the challenge to a Windows user that the connection ends, and ends it; so often, or `all`";
    NtlmHangUp(times: Times, "TIMES", Times(Some(1))) = "ntlm-hang-up", "ends the connection behind the challenge to a Windows user without a word; so often, or `all`";
    NtlmLongBody(size: Size, "SIZE", Size(256 << 10)) = "ntlm-long-body", "gives a Windows user's 401s bodies of this size";
    NtlmChunked = "ntlm-chunked", "writes the bodies of a Windows user's 401s in chunks";
    NtlmGarbage = "ntlm-garbage", "challenges Windows users with a message that is cut off";
    NtlmNegotiate = "ntlm-negotiate", "offers Windows users `Negotiate` alone";
    NtlmUnoffered = "ntlm-unoffered", "offers Windows users neither NTLM nor Negotiate";
    RestDown = "rest-down", "answers REST with 503 and plain text";
    RestSlow(wait: Duration, "DURATION", 5 * SECOND) = "rest-slow", "takes this long for each REST answer";
    RestHang = "rest-hang", "never answers REST";
    Rest500 = "rest-500", "answers REST with 500 and plain text";
    Rest403 = "rest-403", "answers REST with 403: no permission";
    Page400 = "page-400", "refuses `page` and `size` with 400";
    BulkRefused(status: Status, "STATUS", Status(400)) = "bulk-refused", "refuses REST lists; single items work";
    TriggerRefused(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "trigger-refused", "refuses to trigger events, for ever or so many times";
    TriggerLost(times: Times, "COUNT", Times(None)) = "trigger-lost", "triggers so many events and ends the connection without an answer";
    TriggerSlow(wait: Duration, "DURATION", 5 * SECOND) = "trigger-slow", "triggers an event at once and takes this long to answer";
    NoDiscovery = "no-discovery", "has no `/api/.well-known/uris`";
    InternalGateway = "internal-gateway", "advertises a host name that does not resolve";
    SeveralGateways(count: usize, "COUNT", 2) = "several-gateways", "advertises so many gateways, all alive, on ports of their own";
    GatewaysApart = "gateways-apart", "lets each gateway know its own sessions alone: a resume at another one is a new session (201)";
    GatewayOutage(every: Duration, "EVERY", 30 * SECOND) = "gateway-outage", "has the gateway with the most sockets go away for half of this time, and come back; the others live";
    GatewayHangs(number: usize, "NUMBER", 1) = "gateway-hangs", "has the gateway with this number take connections and answer nothing; its live sockets fall silent";
    GatewayBusy(number: usize, "NUMBER", 1) = "gateway-busy", "has the gateway with this number answer everything with 503, its `.well-known/uris` too; live sockets stay";
    GatewayRefuses(number: usize, "NUMBER", 1) = "gateway-refuses", "has the gateway with this number refuse upgrades with 503, and do all else";
    GatewayAlone(number: usize, "NUMBER", 1) = "gateway-alone", "has the gateway with this number reach no identity provider: it answers token requests with 502";
    DeadGateways(count: usize, "COUNT", 1) = "dead-gateways", "advertises so many gateways that refuse connections, before the living ones";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_are_read_with_their_units() {
        assert_eq!("slow-state=250ms".parse(), Ok(Fault::SlowState(Duration::from_millis(250))));
        assert_eq!("huge-state=5MB".parse(), Ok(Fault::HugeState(Size(5_000_000))));
        let refusal = Refusal { status: 401, count: Some(2) };
        assert_eq!("refuse-upgrade=401:2".parse(), Ok(Fault::RefuseUpgrade(refusal)));
    }

    #[test]
    fn a_wrong_fault_says_what_is_wrong() {
        for (text, told) in [
            ("interleaved", "no fault `interleaved`"),
            ("interleave=2", "takes no value"),
            ("drop=soon", "takes `=EVERY`"),
            ("drop=0s", "more than nothing"),
            ("refuse-upgrade=200", "from 400 to 599"),
            ("huge-state=4TB", "unit must be"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
