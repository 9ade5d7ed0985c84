//! What is asked in which order, and what comes of each answer. Nothing is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;
use crate::messages::{ListSystemEventTypes, SystemEventType, TriggerEvent, Triggered};
use crate::transport::Fault;
use crate::transport::request::Body;
use crate::vendors::milestone::login::Gateways;
use crate::vendors::{Answered, JobStep, Now};

const MOTION: &str = "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77";
const PANIC: &str = "11111111-2222-4333-8444-555555555555";
const CAMERA: &str = "25d08c6a-cc08-4498-8772-242111f9840c";

/// What comes back.
enum Back {
    Status(u16, String),
    Lost,
    Unreached,
}
use Back::{Lost, Status, Unreached};

fn told(body: serde_json::Value) -> Back {
    Status(200, body.to_string())
}

fn refused(status: u16) -> Back {
    Status(status, json!({"error":{"httpCode":status,"details":[{"errorText":"because"}]}}).to_string())
}

fn types() -> Back {
    told(json!({"array":[
        {"displayName":"Motion Started","name":"MotionStarted","id":MOTION.to_uppercase(),"stateGroupId":"G1","state":"Motion","sourceArray":["Camera"],"generatorType":"RecorderPlugin"},
        {"displayName":"Panic button","name":"Panic button","id":PANIC,"stateGroupId":"","state":"","generatorType":"External","sourceArray":["UserDefinedEvent"]},
        {"displayName":"Door","id":"d1","sourceArray":["Camera"],"stateGroupId":null},
        {"displayName":"Door","id":"d2","sourceArray":null,"generatorType":"External","generatorSubtype":"Generic"},
        7
    ]}))
}

fn none() -> Back {
    told(json!({"array":[]}))
}

fn taken() -> Back {
    Status(202, json!({"data":{"id":"e1","type":PANIC,"source":format!("cameras/{}", CAMERA.to_uppercase()),"time":"2026-06-11T09:17:59.1234567Z"}}).to_string())
}

fn grant() -> Grant {
    Grant {
        gateways: Gateways::one("https://x.test/API/".parse().unwrap()),
        token: "t".to_owned().into(),
        version: None,
    }
}

fn answer(back: Back) -> Result<RestAnswer, RestError> {
    let failed = |fault| Err(RestError::Failed { at: "POST https://x.test/".to_owned(), fault });
    match back {
        Status(status, body) => Ok(RestAnswer { status, headers: vec![], body: body.into(), retry_after: None }),
        Lost => failed(Fault::Lost("reset".to_owned())),
        Unreached => failed(Fault::Connect("refused".to_owned())),
    }
}

/// Plays a job against these answers; each call must be as it is written: method, path below the host, body.
fn play<T>(mut job: BoxedJob<Grant, T>, script: Vec<(&str, Back)>) -> Result<T, CommandError> {
    job.check()?;
    let mut script = script.into_iter();
    loop {
        match job.next(Now::read(), &grant()) {
            JobStep::Call(call) => {
                let body = match &call.body {
                    Body::Json(json) => format!(" {}", std::str::from_utf8(json).unwrap()),
                    _ => String::new(),
                };
                assert_eq!(call.retry == Retry::Never, call.method == Method::Post, "only what reads is repeated");
                let (expected, back) =
                    script.next().unwrap_or_else(|| panic!("{}{body} is one too many", call.shown()));
                assert_eq!(format!("{} {}{body}", call.method, call.url.path()), expected);
                if job.answer(Now::read(), &grant(), answer(back)) == Answered::Unauthorized {
                    // The same once more, with another grant.
                    continue;
                }
            }
            JobStep::Wait(pause) => panic!("nothing waits: {pause:?}"),
            JobStep::Done(outcome) => {
                assert_eq!(script.count(), 0, "all is asked");
                return outcome;
            }
        }
    }
}

fn commands() -> MilestoneCommands {
    MilestoneCommands::new(Duration::from_secs(20))
}

fn trigger(name: &str, source: Option<&str>, script: Vec<(&str, Back)>) -> Result<Triggered, CommandError> {
    let ask = TriggerEvent { item: source.map(str::to_owned), ..TriggerEvent::of_system("hq".parse().unwrap(), name) };
    play(commands().trigger_event(&ask, "").unwrap(), script)
}

fn list(script: Vec<(&str, Back)>) -> Result<Vec<SystemEventType>, CommandError> {
    let ask = ListSystemEventTypes { connection: "hq".parse().unwrap() };
    play(commands().list_system_event_types(&ask).unwrap(), script)
}

const GET_TYPES: &str = "GET /API/rest/v1/eventTypes";
const GET_GROUPS: &str = "GET /API/rest/v1/stateGroups";
const GET_OWN: &str = "GET /API/rest/v1/userDefinedEvents";

fn post(kind: &str) -> String {
    format!("POST /API/rest/v1/events {{\"type\":\"{kind}\"}}")
}

#[test]
fn an_event_is_posted_by_its_name_as_people_write_it() {
    for name in ["Panic button", " panicbutton ", "PANIC_BUTTON"] {
        let done = trigger(name, None, vec![(GET_TYPES, types()), (&post(PANIC), taken())]).unwrap();
        let event = done.occurrence.unwrap();
        assert_eq!((event.id.as_str(), event.name.as_str()), ("e1", "Panic button"));
        assert_eq!(event.item, format!("cameras/{CAMERA}"), "as events have it");
        assert_eq!(event.time.to_string(), "2026-06-11T09:17:59.1234567Z");
    }
}

#[test]
fn what_is_not_among_the_types_is_looked_for_among_the_users_own() {
    let own = told(json!({"array":[{"displayName":"Fire","id":PANIC}]}));
    trigger("fire", None, vec![(GET_TYPES, types()), (GET_OWN, own), (&post(PANIC), taken())]).unwrap();
    // The right to trigger one is not the right to read all.
    let own = told(json!({"array":[{"displayName":"Fire","id":PANIC}]}));
    trigger("fire", None, vec![(GET_TYPES, refused(403)), (GET_OWN, own), (&post(PANIC), taken())]).unwrap();
}

#[test]
fn an_id_is_posted_even_where_it_cannot_be_read() {
    let one = format!("{GET_TYPES}/{PANIC}");
    let known = told(json!({"data":{"displayName":"Panic button","id":PANIC}}));
    let upper = PANIC.to_uppercase();
    trigger(&upper, None, vec![(&one, known), (&post(PANIC), taken())]).unwrap();
    let own = format!("{GET_OWN}/{PANIC}");
    trigger(PANIC, None, vec![(&one, refused(403)), (&own, refused(403)), (&post(PANIC), taken())]).unwrap();
    // Where neither spelling of the root knows it.
    let lower = format!("GET /api/rest/v1/eventTypes/{PANIC}");
    let lower_own = format!("GET /api/rest/v1/userDefinedEvents/{PANIC}");
    let nowhere = [&one, &lower, &own, &lower_own].map(|at| (at.as_str(), refused(404)));
    let error = trigger(PANIC, None, nowhere.into());
    assert!(matches!(error.unwrap_err(), CommandError::UnknownType { .. }));
}

#[test]
fn an_id_is_posted_in_one_form_however_it_was_written() {
    let one = format!("{GET_TYPES}/{PANIC}");
    for written in [format!("{{{PANIC}}}"), PANIC.replace('-', ""), format!("urn:uuid:{PANIC}")] {
        let known = told(json!({"data":{"displayName":"Panic button","id":PANIC}}));
        trigger(&written, None, vec![(&one, known), (&post(PANIC), taken())]).unwrap();
    }
}

#[test]
fn an_id_that_is_not_found_says_nothing_of_how_the_root_is_spelled() {
    let missing =
        ["GET /API/rest/v1/eventTypes/", "GET /api/rest/v1/eventTypes/", "GET /API/rest/v1/userDefinedEvents/"]
            .map(|at| format!("{at}{PANIC}"));
    let found = format!("GET /api/rest/v1/userDefinedEvents/{PANIC}");
    let sent = post(PANIC).replace("/API/", "/api/");
    let mut script: Vec<_> = missing.iter().map(|at| (at.as_str(), refused(404))).collect();
    script.push((&found, told(json!({"data":{"displayName":"Panic button","id":PANIC}}))));
    script.push((&sent, taken()));
    trigger(PANIC, None, script).unwrap();
}

#[test]
fn an_unknown_name_is_told_with_those_like_it() {
    let error = trigger("Panik button", None, vec![(GET_TYPES, types()), (GET_OWN, none())]).unwrap_err();
    assert_eq!(error.to_string(), "connection hq has no event type \"Panik button\"; did you mean \"Panic button\"?");
    let error = trigger("motion", None, vec![(GET_TYPES, types()), (GET_OWN, none())]).unwrap_err();
    assert!(error.to_string().ends_with("did you mean \"Motion Started\"?"), "{error}");
    // Whether there is one is not known where a list is withheld.
    let error = trigger("Fire", None, vec![(GET_TYPES, refused(403)), (GET_OWN, none())]).unwrap_err();
    assert!(matches!(&error, CommandError::NoPermission(why) if why.contains("give the id")), "{error}");
}

#[test]
fn a_name_that_several_have_is_told_with_their_ids() {
    let error = trigger("door", None, vec![(GET_TYPES, types())]).unwrap_err();
    assert!(matches!(error, CommandError::Invalid(_)));
    assert!(error.to_string().ends_with("give the id, one of d1 (Door, of Camera), d2 (Door)"), "{error}");
}

#[test]
fn a_source_is_a_guid_or_a_name_of_its_kind() {
    let body = format!("POST /API/rest/v1/events {{\"source\":\"cameras/{CAMERA}\",\"type\":\"{PANIC}\"}}");
    let by_id = format!("cameras/{}", CAMERA.to_uppercase());
    trigger("Panic button", Some(&by_id), vec![(GET_TYPES, types()), (&body, taken())]).unwrap();
    let cameras = || {
        told(
            json!({"array":[{"displayName":"Lobby 1","id":CAMERA.to_uppercase()},{"displayName":"Lobby 2","id":"c2"},{"displayName":"Twin","id":"c3"},{"displayName":"Twin","id":"c4"}]}),
        )
    };
    const LIST: &str = "GET /API/rest/v1/cameras";
    let script = vec![(GET_TYPES, types()), (LIST, cameras()), (body.as_str(), taken())];
    trigger("Panic button", Some("cameras/lobby 1"), script).unwrap();
    let error = trigger("Panic button", Some("cameras/Loby 2"), vec![(GET_TYPES, types()), (LIST, cameras())]);
    assert!(matches!(error, Err(CommandError::UnknownItem { why, .. }) if why.contains("did you mean \"Lobby 2\"")));
    let error = trigger("Panic button", Some("cameras/Twin"), vec![(GET_TYPES, types()), (LIST, cameras())]);
    assert!(matches!(error, Err(CommandError::Invalid(why)) if why.contains("c3 (Twin), c4 (Twin)")));
    for wrong in ["Lobby 1", "", "/x", "cameras/", "../x/y", CAMERA] {
        let error = trigger("Panic button", Some(wrong), vec![]).unwrap_err();
        assert!(matches!(error, CommandError::Invalid(_)), "{wrong}: {error}");
    }
    let error = trigger("Panic button", Some(&by_id), vec![(GET_TYPES, types()), (&body, refused(404))]).unwrap_err();
    assert!(matches!(&error, CommandError::UnknownItem { why, .. } if why.contains("because")), "{error}");
    // A gateway that is too old for events of its clients answers likewise.
    assert!(error.to_string().contains("2023 R2"), "{error}");
    let error = trigger("Panic button", Some(&by_id), vec![(GET_TYPES, types()), (&body, refused(405))]).unwrap_err();
    assert!(matches!(&error, CommandError::Refused(why) if why.contains("2023 R2")), "{error}");
}

#[test]
fn what_is_missing_in_xprotect_is_named() {
    let error = trigger("Panic button", None, vec![(GET_TYPES, types()), (&post(PANIC), refused(403))]).unwrap_err();
    assert!(
        matches!(&error, CommandError::NoPermission(why) if why.contains("External Event") && why.contains("because"))
    );
    // No permission opens what only services may trigger.
    let error = trigger("Motion Started", None, vec![(GET_TYPES, types()), (&post(MOTION), refused(403))]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("made by \"RecorderPlugin\"") && !error.contains("External Event in"), "{error}");
    let error = trigger("Panic button", None, vec![(GET_TYPES, types()), (&post(PANIC), refused(404))]).unwrap_err();
    assert!(error.to_string().contains("2023 R2"), "{error}");
}

#[test]
fn an_event_is_never_sent_twice_and_a_doubt_is_told() {
    let sent = |back| trigger("Panic button", None, vec![(GET_TYPES, types()), (&post(PANIC), back)]).unwrap_err();
    for doubtful in [Lost, Status(500, "oops".to_owned()), Status(504, String::new()), Status(408, String::new())] {
        let error = sent(doubtful);
        assert!(matches!(&error, CommandError::Unsure(why) if why.contains("not sent again")), "{error}");
        assert!(!error.is_retryable());
    }
    for harmless in [Unreached, Status(503, "The service is unavailable.".to_owned()), Status(429, String::new())] {
        assert!(sent(harmless).is_retryable());
    }
    assert!(matches!(sent(refused(400)), CommandError::Refused(_)));
    // A success is one, whatever it says.
    let odd = Status(200, "<html>".to_owned());
    let done = trigger("Panic button", None, vec![(GET_TYPES, types()), (&post(PANIC), odd)]).unwrap();
    assert_eq!((done.occurrence, done.confirmed), (None, None));
}

#[test]
fn a_refused_token_is_replaced_and_nothing_is_lost_of_what_was_found() {
    let sent = post(PANIC);
    let script =
        vec![(GET_TYPES, refused(401)), (GET_TYPES, types()), (sent.as_str(), refused(401)), (sent.as_str(), taken())];
    assert!(trigger("Panic button", None, script).is_ok());
}

#[test]
fn what_milestone_has_no_place_for_is_refused() {
    let plain = TriggerEvent::of_system("hq".parse().unwrap(), "Panic button");
    let tagged = TriggerEvent { meta: vec![("a".to_owned(), "b".to_owned())], ..plain.clone() };
    let timed = TriggerEvent { time: Some(Now::read().wall), ..plain.clone() };
    let waiting = TriggerEvent { wait: Some(Duration::ZERO), ..plain.clone() };
    for ask in [tagged, timed, waiting, TriggerEvent { name: "  ".to_owned(), ..plain }] {
        let error = play(commands().trigger_event(&ask, "").unwrap(), vec![]);
        assert!(matches!(error, Err(CommandError::Invalid(_))), "{error:?}");
    }
}

#[test]
fn types_are_listed_in_the_order_of_their_titles_with_their_states() {
    let groups = || {
        told(
            json!({"array":[{"displayName":"Motion","states":["Motion","No Motion"],"relations":{"self":{"type":"stateGroups","id":"G1"}}}]}),
        )
    };
    let all = list(vec![(GET_TYPES, types()), (GET_GROUPS, groups())]).unwrap();
    let titles: Vec<_> = all.iter().map(|kind| (kind.title.as_str(), kind.id.as_str())).collect();
    assert_eq!(titles, [("Door", "d1"), ("Door", "d2"), ("Motion Started", MOTION), ("Panic button", PANIC)]);
    let motion = &all[2];
    assert_eq!((motion.kind.as_str(), motion.name.as_str()), ("motion.started", "MotionStarted"));
    let state = motion.state.as_ref().unwrap();
    assert_eq!((state.group.as_str(), state.value.as_str(), state.group_id.as_str()), ("motion", "detected", "g1"));
    assert_eq!((state.group_title.as_deref(), state.text.as_deref()), (Some("Motion"), Some("Motion")));
    assert_eq!(state.states, ["Motion", "No Motion"]);
    let can: Vec<_> = all.iter().map(|kind| kind.can_be_triggered).collect();
    assert_eq!(can, [None, Some(false), Some(false), Some(true)]);
    assert_eq!((all[3].state.as_ref(), all[3].kind.as_str()), (None, "milestone.panic_button"));
    // Titles of groups are not all.
    let bare = list(vec![(GET_TYPES, types()), (GET_GROUPS, refused(403))]).unwrap();
    assert_eq!(bare[2].state.as_ref().unwrap().group, "motion");
    let lower = ["GET /api/rest/v1/eventTypes", "GET /api/rest/v1/stateGroups"];
    let found = list(vec![(GET_TYPES, refused(404)), (lower[0], types()), (lower[1], groups())]).unwrap();
    assert_eq!(found, all);
}

#[test]
fn a_list_that_is_not_to_be_had_says_why() {
    let error = list(vec![(GET_TYPES, refused(403))]).unwrap_err();
    assert!(matches!(&error, CommandError::NoPermission(why) if why.contains("Security > Roles")), "{error}");
    assert!(list(vec![(GET_TYPES, Status(503, "The service is unavailable.".to_owned()))]).unwrap_err().is_retryable());
    assert!(list(vec![(GET_TYPES, Lost)]).unwrap_err().is_retryable());
    assert!(matches!(list(vec![(GET_TYPES, Status(200, "<html>".to_owned()))]), Err(CommandError::Refused(_))));
}
