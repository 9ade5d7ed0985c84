//! What can be made to go wrong, and what the documentation leaves open, by name.

use std::time::Duration;

pub use crate::simulator::common::faults::{FaultError, Refusal, Status};
use crate::simulator::common::faults::{faults, none_or, refusal};

const SECOND: Duration = Duration::from_secs(1);

faults! {
    "een";
    Authenticate(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "authenticate", "refuses the first step of a login: 400, 401, 402 suspended, 412, 460, 461, 462, 465 …";
    SendCode(how: Refusal, "STATUS[:COUNT]", refusal(412)) = "send-code", "refuses to send the second factor's code";
    Authorize(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "authorize", "refuses the last step of a login: 401, 406, 429 locked …";
    IsAuth(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "isauth", "refuses `isauth`";
    Switch(how: Refusal, "STATUS[:COUNT]", refusal(404)) = "switch", "refuses to switch to another account";
    Logout(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "logout", "refuses to log out";
    User(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "user", "refuses the user object";
    List(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "list", "refuses both lists";
    Accounts(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "accounts", "refuses the list of accounts";
    Devices(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "devices", "refuses the list of devices";
    Device(how: Refusal, "STATUS[:COUNT]", refusal(404)) = "device", "refuses single devices";
    BadKey(status: Status, "STATUS", Status(401)) = "bad-key", "answers a missing or wrong API key so; what the cloud answers is not documented";
    TwoFactorNoSms = "no-sms", "has no phone number of the user: a code can be sent by email only";
    RateLimit(count: usize, "COUNT", 5) = "rate-limit", "answers 429 to more requests a second of one user";
    RetryAfter(wait: Duration, "DURATION", SECOND) = "retry-after", "says `Retry-After` with 429 and 503; whole seconds";
    Down(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "down", "answers everything, upgrades too, with 502, 503, 504 …";
    Outage(every: Duration, "EVERY", 60 * SECOND) = "outage", "answers everything with 502, 503 or 504 for a sixth of each such time; open sockets stay";
    Hiccups(percent: usize, "PERCENT", 20) = "hiccups", "answers so many of a hundred REST requests with 502, 503 or 504 in turn";
    Slow(wait: Duration, "DURATION", 5 * SECOND) = "slow", "takes this long for each REST answer";
    Hang = "hang", "never answers REST";
    GarbageBody = "garbage-body", "answers REST with 200 and something that is not JSON";
    HtmlErrors = "html-errors", "writes a page of HTML as the body of errors, as a proxy does";
    LoginRedirects = "login-redirects", "answers 301 to the branded host for all but logins, at the host of the logins";
    Moved = "moved", "moves the branded host: the old one answers 301 to a new one";
    SwitchEmpty = "switch-empty", "answers `switch_account` without a body";
    SwitchKills = "switch-kills", "ends the authorization of a session's open sockets when it switches to another account";
    OldCookieOnly = "old-cookie-only", "sets only the cookie `videobank_sessionid`";
    NewCookieOnly = "new-cookie-only", "sets only the cookie `auth_key`";
    EmptyAccounts = "empty-accounts", "lists no account at all";
    KeepBarred = "keep-barred", "lets the sessions of an account go on that is suspended or made inactive";
    OddRows = "odd-rows", "adds rows to the lists that are too short, hold nulls or other types, or are no rows";
    SpoiltRow = "spoilt-row", "lists the last device in a row that cannot be read";
    UnknownMembers = "unknown-members", "adds members that no client knows to objects, rows and frames";
    RefuseUpgrade(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "refuse-upgrade", "refuses the WebSocket upgrade";
    AuthByMessage = "auth-by-message", "accepts an upgrade without a valid session, and says 401 in a message";
    StrictPath = "strict-path", "refuses an upgrade whose path does not name the session's account, with 404";
    LaxResources = "lax-resources", "ignores unknown names of resources, in place of an answer 400";
    EntityError(how: Refusal, "STATUS[:COUNT]", refusal(404)) = "entity-error", "answers so many entities with an error (401, 404, 410), and serves the others";
    MaxEntities(count: usize, "COUNT", 100) = "max-entities", "answers 400 for each entity beyond so many of one socket";
    NeverAnswers(every: usize, "NTH", 10) = "never-answers", "never says anything about every nth device";
    SlowFirst(wait: Duration, "DURATION", 5 * SECOND) = "slow-first", "takes this long for the first answers; other frames come meanwhile";
    FirstInParts = "first-in-parts", "sends the events of a first answer in a frame behind that of the rest";
    OneFrame = "one-frame", "sends all first answers to a request in one frame";
    Several(count: usize, "COUNT", 5) = "several", "puts up to so many entities into one frame, when they wait";
    EmptyUnanswered = "empty-unanswered", "says nothing about an entity that has nothing to tell, in place of an empty object";
    Repeats = "repeats", "says some statuses twice";
    CloseOnLoss(code: usize, "CODE", 1000) = "close-on-loss", "closes a socket with this code after it said 412 or 401, in place of leaving it open";
    IdleSockets = "idle-sockets", "does not count an open socket as its session's activity";
    Expire(every: Duration, "EVERY", 30 * SECOND) = "expire", "ends all sessions; open sockets say 412";
    Ping(every: Duration, "EVERY", 20 * SECOND) = "ping", "pings all sockets";
    NoPong = "no-pong", "does not answer pings";
    IdleClose(after: Duration, "DURATION", 60 * SECOND) = "idle-close", "closes sockets with code 1001 over which nothing went for so long";
    Close(every: Duration, "EVERY", 30 * SECOND) = "close", "closes all sockets with code 1001";
    Reset(every: Duration, "EVERY", 30 * SECOND) = "reset", "resets all TCP connections of sockets in the middle of a frame";
    Drop(every: Duration, "EVERY", 30 * SECOND) = "drop", "ends all TCP connections of sockets without a WebSocket close";
    DropTenth(every: Duration, "EVERY", 5 * SECOND) = "drop-tenth", "breaks a random tenth of all sockets, each time in another way";
    HalfOpen(every: Duration, "EVERY", 30 * SECOND) = "half-open", "falls silent for good without a FIN: reads nothing, answers nothing";
    Stall(every: Duration, "EVERY", 30 * SECOND) = "stall", "stops delivering on open sockets while pings are still answered";
    DropAfterSubscribe = "drop-after-subscribe", "ends the connection as soon as something was subscribed to";
    Fragments = "fragments", "sends each message in several continuation frames, with pings between them";
    Bytewise = "bytewise", "writes the beginning of each message a few bytes at a time, the rest in small pieces";
    Garbage(every: Duration, "EVERY", 5 * SECOND) = "garbage", "sends text frames that are not JSON, now and then not UTF-8";
    UnknownFrames(every: Duration, "EVERY", 5 * SECOND) = "unknown-frames", "sends JSON frames of a kind nobody knows";
    Flaps(every: Duration, "EVERY", 10 * SECOND) = "flaps", "lets a device lose and regain the internet six times at once";
    Invalid(every: Duration, "EVERY", 5 * SECOND) = "invalid", "says the status 0, or one with the invalid bit, of some devices for a moment";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wrong_fault_says_what_is_wrong() {
        for (text, told) in [
            ("rian", "`watchpost simulate een --help`"),
            ("hang=2", "takes no value"),
            ("authenticate=200", "from 400 to 599"),
            ("switch=404:0", "from 1"),
            ("rate-limit=fast", "must be a number"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
