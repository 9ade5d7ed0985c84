//! What can be made to go wrong, and what nobody outside SimpliSafe knows, by name.

use std::time::Duration;

pub use crate::simulator::common::faults::{FaultError, Refusal, Size, Status};
use crate::simulator::common::faults::{faults, none_or, refusal};

const SECOND: Duration = Duration::from_secs(1);

faults! {
    "simplisafe";
    Rotate = "rotate", "gives a new refresh token with each refresh; the old one stays good. Without it and the next two, an answer has none";
    OneUse = "one-use", "the same, and the old one is spent";
    ReuseKills = "reuse-kills", "with `one-use`: a spent refresh token, used again, ends all tokens of its user";
    SameToken = "same-token", "tells the refresh token that was sent again";
    FromOlder = "from-older", "`fromTimestamp` asks for events that are older than it, in place of those at or after it";
    FromUpTo = "from-up-to", "`fromTimestamp` asks for events that are older than it or as old";
    FromIgnored = "from-ignored", "`fromTimestamp` says nothing: the newest events are told";
    LastIsNewest = "last-is-newest", "`lastEventTimestamp` tells the newest event of a page, in place of the oldest";
    SubscribedService = "subscribed-service", "calls the last message of a login on a socket `com.simplisafe.service.subscribed`, as simplipy's fixture does";
    HelloLate = "hello-late", "says hello when a client has identified itself, not when the socket is open";
    NoHello = "no-hello", "never says hello";
    NeverSubscribed = "never-subscribed", "says `registered` and not that anything was subscribed to; no event comes";
    SlowSubscribe(wait: Duration, "DURATION", 5 * SECOND) = "slow-subscribe", "takes this long to answer `identify`";
    ExpiryCuts = "expiry-cuts", "ends a socket when the token expires with which it was identified";
    IdentifyError = "identify-error", "says a message of an error to a refused `identify` before the socket ends";
    IdentifyClose(code: usize, "CODE", 1008) = "identify-close", "closes with this code after a refused `identify`, in place of the end of the TCP connection";
    IdentifySilent = "identify-silent", "leaves a socket open after a refused `identify`, and says nothing";
    IdentifyWithin(wait: Duration, "DURATION", 10 * SECOND) = "identify-within", "ends sockets that have not identified themselves for so long";
    LaxJoin = "lax-join", "lets a socket in whatever it joins; events come for the user of its token";
    AlarmCount = "alarm-count", "calls an entry delay `ALARM_COUNT` in place of `ENTRY_DELAY`";
    ExitDelayWord = "exit-delay-word", "calls an exit delay `EXIT_DELAY` in place of `HOME_COUNT` and `AWAY_COUNT`";
    OddAlarmState = "odd-alarm-state", "tells an `alarmState` that nobody knows";
    NoAlarmState = "no-alarm-state", "tells no `alarmState`";
    BrowserOnly = "browser-only", "answers 403 to who does not call himself a browser";
    Authorize(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "authorize", "refuses the page to log in at";
    Token(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "token", "refuses tokens: 401 and 403 `invalid_grant`, 502 a page of HTML, 504 …";
    TokenString(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "token-string", "refuses tokens with a quoted string";
    TokenLost(every: usize, "NTH", 2) = "token-lost", "breaks the connection in place of the answer to every nth refresh, after the old token was spent";
    AuthCheck(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "auth-check", "refuses `authCheck`";
    Subscriptions(how: Refusal, "STATUS[:COUNT]", refusal(504)) = "subscriptions", "refuses subscriptions";
    Sensors(how: Refusal, "STATUS[:COUNT]", refusal(409)) = "sensors", "refuses sensors: 409 settings in progress, 504 …";
    Settings(how: Refusal, "STATUS[:COUNT]", refusal(409)) = "settings", "refuses settings";
    Events(how: Refusal, "STATUS[:COUNT]", refusal(504)) = "events", "refuses the history";
    Locks(how: Refusal, "STATUS[:COUNT]", refusal(504)) = "locks", "refuses the door locks";
    State(how: Refusal, "STATUS[:COUNT]", refusal(409)) = "state", "refuses to arm and disarm";
    Media(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "media", "refuses media";
    Rest(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "rest", "refuses every call that needs an access token: 401, 409, 500, 502 …";
    OneSite(how: Refusal, "STATUS[:COUNT]", refusal(504)) = "one-site", "refuses every call about each user's first system";
    NoPlan = "no-plan", "refuses sensors, settings and states for want of a plan, with a typed 403";
    Down(how: Refusal, "STATUS[:COUNT]", refusal(502)) = "down", "answers everything, upgrades too, with 502, 503 …";
    Block(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "block", "answers everything, upgrades too, as to a blocked address: 403 with a page of HTML";
    BlockAbove(count: usize, "COUNT", 120) = "block-above", "blocks everything for a while when there are more requests than so many within a minute";
    Hiccups(percent: usize, "PERCENT", 20) = "hiccups", "answers so many of a hundred calls with 500, 502 or 504 in turn";
    Slow(wait: Duration, "DURATION", 5 * SECOND) = "slow", "takes this long for each answer";
    SlowForce(wait: Duration, "DURATION", 20 * SECOND) = "slow-force", "takes this long to ask a base station, `forceUpdate=true`";
    Hang = "hang", "never answers";
    GarbageBody = "garbage-body", "answers calls with 200 and something that is not JSON";
    EmptyBody = "empty-body", "answers calls with 200 and nothing";
    UnknownMembers = "unknown-members", "adds members that no client knows to everything";
    OddRows = "odd-rows", "adds subscriptions and sensors that are maimed, or of a kind that no client knows";
    CacheLag(wait: Duration, "DURATION", 10 * SECOND) = "cache-lag", "shows sensors as they were so long ago, unless a base station is asked";
    StatusFrozen = "status-frozen", "tells one and the same `lastStatusUpdate` of sensors for ever, years old";
    HistoryLag(wait: Duration, "DURATION", 5 * SECOND) = "history-lag", "has events in the history so much later than they happened";
    Late(wait: Duration, "DURATION", 65 * SECOND) = "late", "pushes events so much later than they happened; 5 s and 65 s were observed";
    Straggler(nth: usize, "NTH", 5) = "straggler", "with `late`: only every nth event is late";
    LostPushes(percent: usize, "PERCENT", 100) = "lost-pushes", "pushes so many of a hundred events never: they are in the history alone";
    OutOfOrder = "out-of-order", "pushes each second event before the one before it";
    Duplicates = "duplicates", "pushes each event twice";
    FlvOnly = "flv-only", "tells no `playback/hls` of a clip, only `playback/flv`";
    EmptyVideo = "empty-video", "pushes events without video with an empty `videoStartedBy` and `video`, as the history has them";
    MediaPending(count: usize, "COUNT", 3) = "media-pending", "answers 404 so many times for each clip before it is there";
    MediaSize(size: Size, "SIZE", Size(64 << 20)) = "media-size", "makes each file so large";
    MediaCut = "media-cut", "ends the connection in the middle of a file";
    MediaStall = "media-stall", "stops in the middle of a file";
    ForeignMedia = "foreign-media", "links to media at another host, which must not be given a token";
    MediaRedirect = "media-redirect", "answers media with 302 to that other host";
    RefuseUpgrade(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "refuse-upgrade", "refuses the WebSocket upgrade";
    Ping(every: Duration, "EVERY", 20 * SECOND) = "ping", "pings all sockets";
    NoPong = "no-pong", "does not answer pings";
    IdleClose(after: Duration, "DURATION", 60 * SECOND) = "idle-close", "ends sockets over which nothing went for so long";
    Close(every: Duration, "EVERY", 30 * SECOND) = "close", "closes all sockets with code 1001";
    Reset(every: Duration, "EVERY", 30 * SECOND) = "reset", "resets all TCP connections of sockets in the middle of a frame";
    Drop(every: Duration, "EVERY", 30 * SECOND) = "drop", "ends all TCP connections of sockets without a WebSocket close";
    DropTenth(every: Duration, "EVERY", 5 * SECOND) = "drop-tenth", "breaks a random tenth of all sockets, each time in another way";
    HalfOpen(every: Duration, "EVERY", 30 * SECOND) = "half-open", "falls silent for good without a FIN: reads nothing, answers nothing";
    Stall(every: Duration, "EVERY", 30 * SECOND) = "stall", "pushes nothing more on open sockets while pings are still answered";
    DropAfterSubscribe = "drop-after-subscribe", "ends the connection as soon as it has said that it is subscribed";
    ServerError(every: Duration, "EVERY", 30 * SECOND) = "server-error", "says a message of an error to all sockets, and ends them";
    Expire(every: Duration, "EVERY", 30 * SECOND) = "expire", "ends all access tokens";
    Fragments = "fragments", "sends each message in several continuation frames, with pings between them";
    Bytewise = "bytewise", "writes the beginning of each message a few bytes at a time, the rest in small pieces";
    Garbage(every: Duration, "EVERY", 5 * SECOND) = "garbage", "sends text frames that are not JSON, now and then not UTF-8";
    Binary(every: Duration, "EVERY", 5 * SECOND) = "binary", "sends binary frames";
    Untyped(every: Duration, "EVERY", 5 * SECOND) = "untyped", "sends JSON without a `type`, and types that nobody knows";
    Maimed(every: Duration, "EVERY", 5 * SECOND) = "maimed", "pushes an event that lacks a member or has one of the wrong type, another each time, and now and then one of an outage; the history has it whole";
    OddEvents(every: Duration, "EVERY", 5 * SECOND) = "odd-events", "lets something happen that no client knows: codes 0, 1461 and 9999, sensors of type 21 and 999";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wrong_fault_says_what_is_wrong() {
        for (text, told) in [
            ("rian", "`watchpost simulate simplisafe --help`"),
            ("hang=2", "takes no value"),
            ("token=200", "from 400 to 599"),
            ("late=soon", "DURATION"),
            ("lost-pushes=many", "must be a number"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
