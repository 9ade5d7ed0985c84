//! What can be made to go wrong, and what nobody outside VXG knows, by name.

use std::time::Duration;

pub use crate::simulator::common::faults::{FaultError, Offset, Refusal, Status, Times};
use crate::simulator::common::faults::{faults, none_or, refusal};

const SECOND: Duration = Duration::from_secs(1);

const ALL_TIMES: Times = Times(None);

faults! {
    "vxg";
    StartExclusive = "start-exclusive", "tells no events at `start` itself";
    EndExclusive = "end-exclusive", "tells no events at `end` itself";
    NewestFirst = "newest-first", "orders events by `-time` when no order is asked for, in place of `time`";
    WholeSeconds = "whole-seconds", "keeps and tells times without their microseconds";
    HiddenMicros = "hidden-micros", "keeps the microseconds of times, and tells none";
    ZonedTimes = "zoned-times", "tells times with a `Z`";
    MetaAll = "meta-all", "`meta` asks for events that have all of the tags, in place of any";
    MetaAlways = "meta-always", "tells the meta of events unasked";
    MetaNull = "meta-null", "tells a meta without tags as null, in place of no member";
    MetaEmpty = "meta-empty", "tells a meta without tags as {}, in place of no member";
    TextIds = "text-ids", "tells ids as texts";
    RandomIds = "random-ids", "gives ids that do not grow with arrival";
    OneCamid = "one-camid", "refuses several cameras in `camid` with 400";
    NeedsCamid = "needs-camid", "refuses a list of events without `camid` with 400 to group tokens and licence keys";
    GroupLists = "group-lists", "lets a group token list and read alone: 403 to whatever changes something";
    V5GroupOnly = "v5-group-only", "answers 401 to a licence key at /api/v5/channels/";
    NoV3List = "no-v3-list", "has no /api/v3/channels/: 404";
    NoV3 = "no-v3", "has nothing below /api/v3/: 404";
    NoV2Camera = "no-v2-camera", "has no /api/v2/cameras/{id}/: 404";
    NoSlash404 = "no-slash-404", "answers 404 to a path without its last slash, in place of 301";
    SlashLax = "slash-lax", "takes a path without its last slash as well";
    LimitCap(most: usize, "COUNT", 100) = "limit-cap", "clamps limits to so many";
    LimitRefused = "limit-refused", "answers 400 to a limit above the most, in place of clamping it";
    Create200 = "create-200", "answers 200 to what is created, in place of 201";
    Duplicate(status: Status, "STATUS", Status(409)) = "duplicate", "answers this to an event type that is there already, in place of 400";
    WholeSecondTimes = "whole-second-times", "answers 400 to a time with a fraction of a second in what is to be created or triggered";
    NeedsNotify = "needs-notify", "answers 400 to an event type that is to be added without `notify`";
    SetPartial = "set-partial", "answers the change of an event type with its name and `notify` alone";
    SetEmpty = "set-empty", "answers 204 and nothing to the change of an event type";
    TriggerEmpty = "trigger-empty", "answers 204 and nothing to a trigger, in place of 200 and {}";
    TriggerOwnTime = "trigger-own-time", "makes a triggered event at the time of the camera, in place of the one that was asked for";
    TriggerNoMeta = "trigger-no-meta", "makes a triggered event without the meta that was asked for";
    TriggerLost = "trigger-lost", "asks the camera, which never makes a triggered event";
    NoAccessTokens = "no-access-tokens", "tells no `access_tokens` of a channel";
    OnlyWatch = "only-watch", "tells `access_tokens.watch` of a channel, and no `.all`";
    Down(how: Refusal, "STATUS[:COUNT]", refusal(502)) = "down", "answers everything with 502, 503 … and a page of HTML";
    Rest(how: Refusal, "STATUS[:COUNT]", refusal(401)) = "rest", "refuses every call: 401, 403, 500, 503 …";
    Events(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "events", "refuses the list of events";
    Event(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "event", "refuses to tell one event";
    Create(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "create", "refuses to create an event";
    CreateLost(times: Times, "COUNT", ALL_TIMES) = "create-lost", "creates an event and breaks the connection in place of the answer";
    Tags(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "tags", "refuses to change the meta of events";
    Types(how: Refusal, "STATUS[:COUNT]", refusal(403)) = "types", "refuses whatever is about event types, but triggers";
    Trigger(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "trigger", "refuses triggers";
    Channels(how: Refusal, "STATUS[:COUNT]", refusal(500)) = "channels", "refuses to tell channels, one or all";
    Camera(how: Refusal, "STATUS[:COUNT]", refusal(503)) = "camera", "refuses to tell one camera";
    NoChannels(times: Times, "COUNT", ALL_TIMES) = "no-channels", "tells an empty list of channels";
    Hiccups(percent: usize, "PERCENT", 20) = "hiccups", "answers so many of a hundred calls with 500, 502, 503 or 504 in turn";
    TooMany(times: Times, "COUNT", ALL_TIMES) = "too-many", "answers 429 and tells in `Retry-After` how many seconds to wait";
    TooManyDate(times: Times, "COUNT", ALL_TIMES) = "too-many-date", "answers 429 and tells in `Retry-After` until when to wait";
    TooManyBare(times: Times, "COUNT", ALL_TIMES) = "too-many-bare", "answers 429 without `Retry-After`";
    PerMinute(most: usize, "COUNT", 60) = "per-minute", "answers 429 to what is more than so many calls within a minute";
    Slow(wait: Duration, "DURATION", 5 * SECOND) = "slow", "takes this long for each answer";
    Hang(times: Times, "COUNT", ALL_TIMES) = "hang", "never answers";
    Reset(times: Times, "COUNT", ALL_TIMES) = "reset", "resets the TCP connection in place of an answer";
    Cut(times: Times, "COUNT", ALL_TIMES) = "cut", "ends the connection in the middle of an answer";
    BareErrors = "bare-errors", "tells errors as JSON without `errorDetail` and `status`";
    HtmlErrors = "html-errors", "tells errors as pages of HTML";
    EmptyErrors = "empty-errors", "tells errors without a body";
    Html200(times: Times, "COUNT", ALL_TIMES) = "html-200", "answers 200 and a page of HTML";
    EmptyBody(times: Times, "COUNT", ALL_TIMES) = "empty-body", "answers 200 and nothing";
    OtherJson(times: Times, "COUNT", ALL_TIMES) = "other-json", "answers 200 and JSON of another kind, another each time: a list, null, a text, an error …";
    NullObjects(times: Times, "COUNT", ALL_TIMES) = "null-objects", "tells `objects` as null";
    NoMeta = "no-meta", "tells lists without their `meta`";
    NextDrops = "next-drops", "forgets the `include_…` of a request in its `next`";
    NextForever = "next-forever", "tells a `next` on each page, the last and empty ones too";
    NextNever = "next-never", "tells `next` as null on each page";
    TotalAbsent = "total-absent", "tells no `total_count`";
    TotalLarge(more: usize, "COUNT", 50) = "total-large", "tells a `total_count` that is too large by so many";
    TotalSmall(fewer: usize, "COUNT", 5) = "total-small", "tells a `total_count` that is too small by so many";
    OutOfOrder = "out-of-order", "tells the rows of a page in no order";
    NoThumb = "no-thumb", "tells events in turn without `thumb`, with a null one, and with one without `url`";
    UnknownMembers = "unknown-members", "adds members that no client knows to everything";
    OddRows(every: Duration, "EVERY", 5 * SECOND) = "odd-rows", "adds a row to the history that cannot be read, maimed in another way each time";
    WrongDate(off: Offset, "DURATION", Offset { by: Duration::from_secs(7_200), is_negative: false }) = "wrong-date", "tells a header `Date` that is off by so much, `2h` ahead or `-2h` behind; events keep their times";
    OddDate = "odd-date", "tells a header `Date` that is none";
    DriftInsert(times: Times, "COUNT", ALL_TIMES) = "drift-insert", "adds an event at the first row's time before a page that begins after it, so that rows are told twice";
    DriftDelete(times: Times, "COUNT", ALL_TIMES) = "drift-delete", "deletes the first row before a page that begins after it, so that a row is skipped";
    Late(wait: Duration, "DURATION", 65 * SECOND) = "late", "lets events arrive so much later than they happened";
    Straggler(nth: usize, "NTH", 5) = "straggler", "with `late`: only every nth event is late";
    SameTime(count: usize, "COUNT", 4) = "same-time", "gives so many events after another one and the same time";
    ListLag(wait: Duration, "DURATION", 2 * SECOND) = "list-lag", "has events in lists so much later than they arrived";
    MetaChange(every: Duration, "EVERY", 5 * SECOND) = "meta-change", "changes the meta of an event that happened lately";
    Rotate(every: Duration, "EVERY", 30 * SECOND) = "rotate", "gives all cameras other tokens; the old ones are refused";
    Flap(every: Duration, "EVERY", 5 * SECOND) = "flap", "takes a camera away, or brings it back";
    Poison(reach: Duration, "DURATION", 60 * SECOND) = "poison", "answers 500 to lists of events whose `start` to `end` meets the time so long before this was switched on";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_fault_can_strike_a_few_times() {
        assert_eq!("cut=3".parse::<Fault>().unwrap(), Fault::Cut(Times(Some(3))));
        assert_eq!(Fault::Cut(Times(Some(3))).to_string(), "cut=3");
        assert_eq!("cut".parse::<Fault>().unwrap().to_string(), "cut=all");
    }

    #[test]
    fn a_date_can_be_ahead_or_behind() {
        for (text, is_negative) in [("wrong-date=2h", false), ("wrong-date=-2h", true)] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault, Fault::WrongDate(Offset { by: 7_200 * SECOND, is_negative }));
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_fault_says_what_is_wrong() {
        for (text, told) in [
            ("rian", "`watchpost simulate vxg --help`"),
            ("zoned-times=2", "takes no value"),
            ("events=200", "from 400 to 599"),
            ("late=soon", "DURATION"),
            ("cut=0", "or `all`"),
            ("wrong-date=-soon", "DURATION"),
            ("limit-cap=many", "must be a number"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
