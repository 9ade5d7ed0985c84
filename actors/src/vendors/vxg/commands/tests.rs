//! What is asked in which order, and what comes of each answer. Nothing is sent, and no time passes but in numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Instant;

use jiff::Timestamp;

use super::*;
use crate::messages::{AddEventType, CreateEvent, ListEventTypes, SetEventType, TriggerEvent};
use crate::model::ids::ConnectionName;
use crate::transport::Fault;
use crate::transport::request::Body;
use crate::vendors::vxg::token::{Credential, Scheme};

const TYPES: &str = r#"{"meta":{"limit":20,"next":null,"offset":0,"total_count":4},"objects":[
    {"caps":{"can_be_triggered":false,"can_record":true,"can_snapshot":true,"is_periodic":false},"name":"motion","notify":true,"receive":true,"record":true,"snapshot":true},
    {"caps":{"can_be_triggered":false,"can_record":false,"can_snapshot":true,"is_periodic":true},"name":"snapshot","notify":true,"period":0,"snapshot":true},
    {"caps":{"can_be_triggered":true,"can_record":false,"can_snapshot":false,"is_periodic":false},"name":"audio_event","notify":true},
    {"name":"bare"}]}"#;
const NONE: &str = r#"{"meta":{"limit":1000,"next":null,"offset":0,"total_count":0},"objects":[]}"#;
const CUSTOM: &str = r#"{"caps":{"can_be_triggered":false},"custom":true,"name":"custom_event","notify":true}"#;
const MAKING: &str = "POST storage/events/";
const LOOKING: &str = "GET storage/events/";
const READING: &str = "GET cameras/7/event_processing/events/";
const ADDING: &str = "POST cameras/7/event_processing/events/";
const TRIGGERING: &str = "POST cameras/7/event_processing/events/audio_event/trigger/";

/// What comes back.
enum Back {
    Status(u16, String),
    After(u16, Duration),
    Lost,
    Unreached,
}
use Back::{After, Lost, Status, Unreached};

fn ok(body: &str) -> Back {
    Status(200, body.to_owned())
}

fn refused(status: u16) -> Back {
    Status(status, format!(r#"{{"status":{status},"errorDetail":"because"}}"#))
}

fn page(rows: &[&str]) -> Back {
    let rows = rows.join(",");
    ok(&format!(r#"{{"meta":{{"limit":1000,"next":null,"offset":0}},"objects":[{rows}]}}"#))
}

fn answer(back: Back) -> Result<RestAnswer, RestError> {
    let failed = |fault| Err(RestError::Failed { at: "POST https://vxg.test/".to_owned(), fault });
    let (status, body, retry_after) = match back {
        Status(status, body) => (status, body, None),
        After(status, pause) => (status, String::new(), Some(pause)),
        Lost => return failed(Fault::Lost("reset".to_owned())),
        Unreached => return failed(Fault::Connect("refused".to_owned())),
    };
    Ok(RestAnswer { status, headers: vec![], body: body.into(), retry_after })
}

/// A command that was played to its end.
struct Played<T> {
    calls: Vec<String>,
    /// What was sent with each.
    bodies: Vec<String>,
    /// How often another grant was needed.
    refused: usize,
    waited: Duration,
    outcome: Result<T, CommandError>,
}

impl<T: std::fmt::Debug> Played<T> {
    fn error(&self) -> &CommandError {
        self.outcome.as_ref().unwrap_err()
    }
}

fn grant(scheme: Scheme, camera: Option<i64>) -> Grant {
    let credential = Credential::new(scheme, "dDBwIHNlY3JldCBpbmRlZWQ=");
    Grant { base: "https://vxg.test/".parse().unwrap(), credential, camera }
}

fn play<T>(grant: &Grant, job: Option<BoxedJob<Grant, T>>, backs: Vec<Back>) -> Played<T> {
    let (mut job, mut backs) = (job.unwrap(), backs.into_iter());
    let begun = Instant::now();
    let mut played = Played {
        calls: vec![],
        bodies: vec![],
        refused: 0,
        waited: Duration::ZERO,
        outcome: Err(CommandError::Stopped),
    };
    if let Err(error) = job.check() {
        return Played { outcome: Err(error), ..played };
    }
    for _ in 0..1_000 {
        let wall: Timestamp = "2021-09-23T16:30:00.123456Z".parse().unwrap();
        let now = Now { instant: begun + played.waited, wall: wall.saturating_add(played.waited).unwrap() };
        match job.next(now, grant) {
            JobStep::Call(call) => {
                let path = call.url.path().rsplit_once("/v2/").or(call.url.path().split_once("/api/"));
                played.calls.push(format!("{} {}", call.method, path.unwrap().1));
                played.bodies.push(match call.body {
                    Body::Json(body) => String::from_utf8(body.to_vec()).unwrap(),
                    _ => String::new(),
                });
                let back = backs.next().unwrap_or_else(|| panic!("nobody expected {:?}", played.calls));
                if job.answer(now, grant, answer(back)) == Answered::Unauthorized {
                    played.refused += 1;
                }
            }
            JobStep::Wait(pause) => played.waited += pause,
            JobStep::Done(outcome) => {
                played.outcome = outcome;
                assert_eq!(backs.count(), 0, "more was expected to be asked than {:?}", played.calls);
                return played;
            }
        }
    }
    panic!("it never ends: {:?}", played.calls);
}

fn commands() -> VxgCommands {
    VxgCommands::new(Duration::from_secs(30))
}

fn connection() -> ConnectionName {
    "cloud".parse().unwrap()
}

fn list(scheme: Scheme, camera: Option<i64>, item: &str, backs: Vec<Back>) -> Played<Vec<messages::EventType>> {
    let ask = ListEventTypes { connection: connection(), item: item.to_owned() };
    play(&grant(scheme, camera), commands().list_event_types(&ask), backs)
}

fn add(backs: Vec<Back>) -> Played<messages::AddedEventType> {
    let name = "custom_event".to_owned();
    let ask = AddEventType { connection: connection(), item: "7".to_owned(), name, notify: None };
    play(&grant(Scheme::Si, None), commands().add_event_type(&ask), backs)
}

fn set(name: &str, change: impl FnOnce(&mut SetEventType), backs: Vec<Back>) -> Played<messages::EventType> {
    let mut ask = SetEventType::new(connection(), "7", name);
    change(&mut ask);
    play(&grant(Scheme::Si, None), commands().set_event_type(&ask), backs)
}

fn create(name: &str, backs: Vec<Back>) -> Played<messages::VendorEvent> {
    let ask = CreateEvent::new(connection(), "7", name);
    play(&grant(Scheme::Si, None), commands().create_event(&ask, "unique"), backs)
}

fn trigger(name: &str, wait: Option<u64>, backs: Vec<Back>) -> Played<messages::Triggered> {
    let ask = TriggerEvent { wait: wait.map(Duration::from_secs), ..TriggerEvent::new(connection(), "7", name) };
    play(&grant(Scheme::Si, None), commands().trigger_event(&ask, "unique"), backs)
}

#[test]
fn types_are_read_to_the_last_page_whatever_is_missing_in_them() {
    let first = r#"{"meta":{"limit":1,"next":"/x","offset":0},"objects":[{"name":"a","caps":{"can_record":true},"record":false}]}"#;
    let second = r#"{"meta":{"limit":5,"next":null,"offset":1},"objects":[{"name":"b"},{"nameless":1},{"name":"a"}]}"#;
    let played = list(Scheme::Acc, Some(7), "cameras/7", vec![ok(first), ok(second)]);
    assert_eq!(played.calls, [READING, READING]);
    let types = played.outcome.unwrap();
    assert_eq!(types.iter().map(|kind| kind.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((types[0].record, types[0].caps.can_record, types[1].record), (Some(false), Some(true), None));
}

#[test]
fn a_list_that_is_refused_for_the_number_of_its_rows_is_asked_for_with_fewer() {
    let played = list(
        Scheme::Si,
        None,
        "Yard",
        vec![refused(400), page(&[r#"{"id":7,"name":"Yard"}"#]), refused(400), refused(400), refused(400), ok(TYPES)],
    );
    assert_eq!(played.outcome.unwrap().len(), 4);
    let played = list(Scheme::Si, None, "7", (0..4).map(|_| refused(400)).collect());
    assert!(matches!(played.error(), CommandError::Refused(_)), "{:?}", played.outcome);
    let row =
        r#"{"id":41,"camid":7,"name":"motion","time":"2021-09-23T16:30:00","meta":{"watchpost-unique":"created"}}"#;
    let played = create("motion", vec![ok(TYPES), Lost, refused(400), refused(400), page(&[row])]);
    assert_eq!(played.outcome.unwrap().id, "41");
}

#[test]
fn a_camera_that_the_token_does_not_open_is_told_where_possible_without_asking() {
    let unknown = |item: &str, scheme, own, backs: Vec<Back>| {
        let played = list(scheme, own, item, backs);
        let calls = played.calls.len();
        match played.outcome.unwrap_err() {
            CommandError::UnknownItem { item: told, why } => (calls, format!("{told}: {why}")),
            other => panic!("{other:?}"),
        }
    };
    let (calls, why) = unknown("8", Scheme::Acc, Some(7), vec![]);
    assert!(calls == 0 && why.contains("camera 7 alone"), "{why}");
    let (calls, why) = unknown("7", Scheme::Si, None, vec![refused(404)]);
    assert!(calls == 1 && why.contains("cameras/7") && why.contains("because"), "{why}");
    for item in ["", "cameras/", "0", "-3", "cameras/yard"] {
        let played = list(Scheme::Si, None, item, vec![]);
        assert!(matches!(played.error(), CommandError::Invalid(_)), "{item}: {:?}", played.outcome);
    }
}

#[test]
fn a_camera_is_found_by_its_name_where_only_one_has_it() {
    let cameras = || page(&[r#"{"id":7,"name":"Yard"}"#, r#"{"id":8,"name":"Door"}"#, r#"{"id":9,"name":"Door"}"#]);
    for (scheme, name, calls) in [
        (Scheme::Si, "Yard", vec!["GET v5/channels/", READING]),
        (Scheme::Si, "yard", vec!["GET v5/channels/", READING]),
        (Scheme::LKey, "Yard", vec!["GET v3/channels/", READING]),
    ] {
        let played = list(scheme, None, name, vec![cameras(), ok(TYPES)]);
        assert_eq!(played.calls, calls);
        assert_eq!(played.outcome.unwrap().len(), 4);
    }
    let closed = list(Scheme::LKey, None, "Yard", vec![refused(404), cameras(), ok(TYPES)]);
    assert_eq!(closed.calls[1], "GET v5/channels/");
    let own = list(Scheme::Acc, Some(7), "Yard", vec![ok(r#"{"id":7,"name":"Yard"}"#), ok(TYPES)]);
    assert_eq!(own.calls, ["GET cameras/7/", READING]);
    let several = list(Scheme::Si, None, "Door", vec![cameras()]);
    assert!(matches!(several.error(), CommandError::Invalid(why) if why.contains("8, 9")), "{:?}", several.outcome);
    let none = list(Scheme::Si, None, "Yart", vec![cameras()]);
    let why = none.error().to_string();
    assert!(why.contains("did you mean \"Yard\"?"), "{why}");
}

#[test]
fn a_refused_token_is_shown_no_more_and_the_same_goes_on_with_another() {
    let played = list(Scheme::Si, None, "7", vec![refused(401), ok(TYPES)]);
    assert_eq!((played.refused, played.calls.len(), played.outcome.unwrap().len()), (1, 2, 4));
    let made = ok(r#"{"id":41}"#);
    let played = create("motion", vec![refused(401), ok(TYPES), refused(401), made]);
    assert_eq!((played.refused, played.calls), (2, vec![READING.into(), READING.into(), MAKING.into(), MAKING.into()]));
}

#[test]
fn a_type_that_is_there_is_not_added_again() {
    let types = TYPES.replace("bare", "custom_event");
    let played = add(vec![ok(&types)]);
    let added = played.outcome.unwrap();
    assert!(added.existed && played.calls == [READING]);
    let played = add(vec![ok(TYPES), Status(201, CUSTOM.to_owned())]);
    let added = played.outcome.unwrap();
    assert_eq!(
        (added.existed, added.event_type.custom, played.calls),
        (false, Some(true), vec![READING.into(), ADDING.into()])
    );
}

#[test]
fn whether_a_type_was_added_is_read_after_every_answer_but_a_good_one() {
    let there = || ok(&TYPES.replace("bare", "custom_event"));
    let html = || ok("<html></html>");
    let body = &add(vec![ok(TYPES), ok(CUSTOM)]).bodies[1];
    assert_eq!(body, r#"{"name":"custom_event","notify":true}"#);
    for (case, backs, existed) in [
        ("lost answer", vec![ok(TYPES), Lost, there()], Some(false)),
        ("nonsense", vec![ok(TYPES), html(), there()], Some(false)),
        ("somebody was faster", vec![ok(TYPES), refused(409), there()], Some(true)),
        ("never sent", vec![ok(TYPES), Unreached, ok(TYPES), ok(CUSTOM)], Some(false)),
        ("busy", vec![ok(TYPES), After(429, Duration::from_secs(3)), ok(TYPES), ok(CUSTOM)], Some(false)),
        ("lost request", vec![ok(TYPES), Lost, ok(TYPES), ok(CUSTOM)], Some(false)),
        ("refused", vec![ok(TYPES), refused(400), ok(TYPES)], None),
        ("not allowed", vec![ok(TYPES), refused(403)], None),
        ("never", vec![ok(TYPES), Lost, ok(TYPES), Lost, ok(TYPES), Lost, ok(TYPES)], None),
    ] {
        let played = add(backs);
        assert_eq!(played.outcome.as_ref().ok().map(|added| added.existed), existed, "{case}: {:?}", played.outcome);
        if let Err(error) = &played.outcome {
            assert_eq!(error.is_retryable(), case == "never", "{case}: {error}");
        }
    }
    for name in ["", " ", ".", "..", "a\nb"] {
        let ask = AddEventType { connection: connection(), item: "7".into(), name: name.into(), notify: None };
        let played = play(&grant(Scheme::Si, None), commands().add_event_type(&ask), vec![]);
        assert!(matches!(played.error(), CommandError::Invalid(_)), "{name:?}");
    }
}

#[test]
fn only_what_a_type_can_is_changed() {
    type Change = fn(&mut SetEventType);
    let (record, period): (Change, Change) =
        (|ask| ask.record = Some(true), |ask| ask.period = Some(Duration::from_secs(30)));
    for (name, change, what) in [("snapshot", record, "record"), ("motion", period, "period")] {
        let played = set(name, change, vec![ok(TYPES)]);
        assert!(matches!(played.error(), CommandError::NotCapable { what: told, .. } if *told == what), "{name}");
    }
    let played = set("lightning", record, vec![ok(TYPES)]);
    let why = played.error().to_string();
    assert!(why.contains("motion, snapshot, audio_event, bare"), "{why}");
    // Where nothing is said, the server is asked.
    let after = TYPES.replace(r#"{"name":"bare"}"#, r#"{"name":"bare","record":true,"notify":false}"#);
    for answered in [r#"{"name":"bare","record":true}"#, r#"{"name":"bare"}"#, "{}", ""] {
        let set = set("bare", record, vec![ok(TYPES), ok(answered), ok(&after)]).outcome.unwrap();
        assert_eq!((set.record, set.notify), (Some(true), Some(false)), "{answered}");
    }
    let played = set("bare", record, vec![ok(TYPES), Status(204, String::new()), ok(TYPES)]);
    assert_eq!(played.calls[1..], ["PUT cameras/7/event_processing/events/bare/".to_owned(), READING.to_owned()]);
    assert_eq!(played.outcome.unwrap().name, "bare");
    let odd: Change = |ask| ask.period = Some(Duration::from_millis(1_500));
    for change in [odd, |_| {}] {
        assert!(matches!(set("snapshot", change, vec![]).error(), CommandError::Invalid(_)));
    }
}

#[test]
fn an_event_is_made_once_whatever_becomes_of_the_answers() {
    let row =
        r#"{"id":41,"camid":7,"name":"motion","time":"2021-09-23T16:30:00","meta":{"watchpost-unique":"created"}}"#;
    let other =
        r#"{"id":40,"camid":7,"name":"motion","time":"2021-09-23T16:30:00","meta":{"watchpost-other":"created"}}"#;
    let made = || Status(201, r#"{"id":"41"}"#.to_owned());
    let (busy, none) = (|| After(429, Duration::from_secs(3)), || ok(NONE));
    for (case, backs, posts) in [
        ("at once", vec![made()], 1),
        ("lost answer", vec![Lost, page(&[other, row])], 1),
        ("nonsense", vec![ok("<html></html>"), page(&[row])], 1),
        ("5xx, and the list lags", vec![refused(504), none(), none(), page(&[row])], 1),
        ("looks fail", vec![Lost, refused(503), Lost, busy(), page(&[row])], 1),
        ("lost request", vec![Lost, none(), none(), page(&[other]), none(), none(), made()], 2),
        ("busy after a lost one", vec![Lost, none(), none(), none(), none(), none(), busy(), page(&[row])], 2),
        ("busy", vec![busy(), made()], 2),
        ("never sent", vec![Unreached, Unreached, made()], 3),
        ("empty answer", vec![ok("{}"), page(&[row])], 1),
    ] {
        let played = create("motion", [ok(TYPES)].into_iter().chain(backs).collect());
        let event = played.outcome.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!((event.id.as_str(), event.item.as_str()), ("41", "cameras/7"), "{case}");
        assert_eq!(event.meta["watchpost-unique"], "created", "{case}");
        assert_eq!(played.calls.iter().filter(|call| *call == MAKING).count(), posts, "{case}");
    }
}

#[test]
fn what_was_not_made_says_so_and_what_may_have_been_made_says_that() {
    let none = || ok(NONE);
    let in_vain = || vec![Lost, none(), none(), none(), none(), none()];
    let thrice: Vec<_> = [in_vain(), in_vain(), in_vain()].into_iter().flatten().collect();
    type Is = fn(&CommandError) -> bool;
    let blind = [Lost].into_iter().chain((0..7).map(|_| refused(500))).collect();
    for (case, backs, is) in [
        ("no permission", vec![refused(403)], (|e| matches!(e, CommandError::NoPermission(_))) as Is),
        ("refused", vec![refused(400)], |e| matches!(e, CommandError::Refused(why) if why.contains("because"))),
        ("three times in vain", thrice, |e| matches!(e, CommandError::Unsure(why) if why.contains("watchpost-unique"))),
        ("unreached", vec![Unreached, Unreached, Unreached], |e| e.is_retryable()),
        ("the list is blind", blind, |e| matches!(e, CommandError::Unsure(why) if why.contains("watchpost-unique"))),
        ("left alone for long", vec![After(429, Duration::from_secs(600))], |e| e.is_retryable()),
    ] {
        let played = create("motion", [ok(TYPES)].into_iter().chain(backs).collect());
        assert!(is(played.error()), "{case}: {:?}", played.outcome);
        assert!(played.waited < Duration::from_secs(120), "{case}: {:?}", played.waited);
    }
    let played = create("motoin", vec![ok(TYPES)]);
    let why = played.error().to_string();
    assert!(why.contains("did you mean \"motion\"?") && why.contains("audio_event"), "{why}");
    for meta in [vec![("", "1")], vec![("a", "1"), ("a", "2")]] {
        let meta = meta.into_iter().map(|(name, data)| (name.to_owned(), data.to_owned())).collect();
        let ask = CreateEvent { meta, ..CreateEvent::new(connection(), "7", "motion") };
        let played = play(&grant(Scheme::Si, None), commands().create_event(&ask, "unique"), vec![]);
        assert!(matches!(played.error(), CommandError::Invalid(_)));
    }
}

#[test]
fn only_what_can_be_triggered_is_and_success_means_asked() {
    let played = trigger("motion", None, vec![ok(TYPES)]);
    assert!(
        matches!(played.error(), CommandError::NotTriggerable { triggerable, .. } if triggerable == &["audio_event"])
    );
    assert!(matches!(trigger("bare", None, vec![ok(TYPES)]).error(), CommandError::NotTriggerable { .. }));
    for back in [ok("{}"), Status(204, String::new()), Status(201, "null".to_owned())] {
        let played = trigger("audio_event", None, vec![ok(TYPES), back]);
        assert_eq!(played.calls, [READING, TRIGGERING]);
        assert_eq!(played.outcome.unwrap().occurrence, None);
    }
    // Twice asked would be twice triggered.
    for back in [Lost, refused(502), ok("<html></html>")] {
        let played = trigger("audio_event", None, vec![ok(TYPES), back]);
        assert!(matches!(played.error(), CommandError::Unsure(_)), "{:?}", played.outcome);
    }
    let played = trigger("audio_event", None, vec![ok(TYPES), Unreached, After(429, Duration::from_secs(1)), ok("{}")]);
    assert!(played.outcome.is_ok());
}

#[test]
fn only_an_event_with_the_tag_is_certain_and_one_that_was_there_before_is_none() {
    let row = |id: i64, time: &str| format!(r#"{{"id":{id},"camid":7,"name":"audio_event","time":"{time}"}}"#);
    let old = row(1, "2021-09-23T16:29:59");
    let (like, farther) = (row(2, "2021-09-23T16:30:00"), row(3, "2021-09-23T16:30:09"));
    let foreign = r#"{"id":4,"camid":8,"name":"audio_event","time":"2021-09-23T16:30:00"}"#;
    let ours = r#"{"id":5,"camid":7,"name":"audio_event","time":"2021-09-23T16:30:05","meta":{"watchpost-unique":"triggered"}}"#;
    let before = || page(&[&old]);
    let late = vec![ok(TYPES), before(), ok("{}"), page(&[&old, &like]), Lost, page(&[&like, foreign, ours])];
    let played = trigger("audio_event", Some(30), late);
    assert_eq!(played.calls[1..4], [LOOKING, TRIGGERING, LOOKING].map(str::to_owned));
    let sent = r#"{"meta":{"watchpost-unique":"triggered"},"time":"2021-09-23T16:30:00"}"#;
    assert_eq!(played.bodies[2], sent);
    let triggered = played.outcome.unwrap();
    assert_eq!((triggered.occurrence.unwrap().id.as_str(), triggered.confirmed), ("5", Some(true)));
    assert_eq!(played.waited, Duration::from_secs(2));

    // Without the tag it is waited for one that has it, to the end.
    let untagged = vec![ok(TYPES), before(), ok("{}"), page(&[&old, &farther, &like]), Lost, before()];
    let played = trigger("audio_event", Some(2), untagged);
    let triggered = played.outcome.unwrap();
    assert_eq!((triggered.occurrence.unwrap().id.as_str(), triggered.confirmed), ("2", Some(false)));
    assert_eq!(played.waited, Duration::from_secs(2));

    let never = vec![ok(TYPES), before(), ok("{}"), before(), before(), before()];
    let played = trigger("audio_event", Some(2), never);
    assert!(matches!(played.error(), CommandError::NothingAppeared { .. }), "{:?}", played.outcome);
    let blind = vec![ok(TYPES), before(), ok("{}"), Lost, Lost];
    assert!(matches!(trigger("audio_event", Some(1), blind).error(), CommandError::Unsure(_)));
    // An answer was lost, and the tag shows that the camera was asked; an event without it does not.
    let lost = vec![ok(TYPES), before(), Lost, page(&[&old, ours])];
    assert_eq!(trigger("audio_event", Some(5), lost).outcome.unwrap().occurrence.unwrap().id, "5");
    let lost = vec![ok(TYPES), before(), Lost, page(&[&old, &like])];
    assert!(matches!(trigger("audio_event", Some(0), lost).error(), CommandError::Unsure(_)));
}

#[test]
fn a_read_that_fails_for_a_moment_is_made_again_before_anything_is_done() {
    let played = list(Scheme::Si, None, "7", vec![refused(503), After(429, Duration::from_secs(3)), ok(TYPES)]);
    assert_eq!((played.outcome.unwrap().len(), played.waited), (4, Duration::from_secs(5)));
    let played = list(Scheme::Si, None, "7", vec![refused(503), Lost, ok("<html>")]);
    assert!(played.error().is_retryable(), "{:?}", played.outcome);
}

#[test]
fn an_event_is_told_as_the_server_has_it_and_sent_with_whole_seconds() {
    let answer = r#"{"id":41,"camid":7,"name":"motion","time":"2021-09-23T16:29:00","meta":{"watchpost-unique":"created","more":1}}"#;
    let played = create("motion", vec![ok(TYPES), ok(answer)]);
    assert!(played.bodies[1].contains(r#""time":"2021-09-23T16:30:00""#), "{}", played.bodies[1]);
    let event = played.outcome.unwrap();
    assert_eq!((event.time.to_string().as_str(), &event.meta["more"]), ("2021-09-23T16:29:00Z", &1.into()));
    let event = create("motion", vec![ok(TYPES), ok(r#"{"id":41}"#)]).outcome.unwrap();
    assert_eq!(event.time.to_string(), "2021-09-23T16:30:00Z");
}

#[test]
fn what_may_have_been_done_is_in_doubt_until_it_is_known() {
    let ask = CreateEvent::new(connection(), "7", "motion");
    let (grant, mut job) = (grant(Scheme::Si, None), commands().create_event(&ask, "unique").unwrap());
    let now = Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH };
    for (back, is_doubtful) in [(ok(TYPES), false), (Lost, true), (refused(401), true), (ok(NONE), true)] {
        let call = std::iter::repeat_with(|| job.next(now, &grant)).find(|step| !matches!(step, JobStep::Wait(_)));
        assert!(matches!(call, Some(JobStep::Call(_))));
        job.answer(now, &grant, answer(back));
        assert_eq!(job.doubt().is_some_and(|why| why.contains("watchpost-unique")), is_doubtful);
    }
}
