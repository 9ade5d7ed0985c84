//! Conversations with a gateway, from the shapes of Milestone's documentation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod failover;
mod further;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::*;
use crate::model::Origin;
use crate::settings::{Heartbeat, Secret};
use crate::transport::OpenError;
use crate::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};
use crate::vendors::milestone::directory::MilestoneDirectory;
use crate::vendors::milestone::login::Gateways;
use crate::vendors::{Directory, Entries, Entry, Forget};

/// A session under test, and what it wanted so far.
struct Talk {
    session: MilestoneSession,
    now: Now,
    entries: Entries,
    actions: Vec<Action>,
}

fn config(events: Selection<EventType>) -> MilestoneConfig {
    let row = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::Only(vec!["cameras".into()]),
        sources: Selection::All,
        events,
    };
    MilestoneConfig::new("https://vms.example".parse().unwrap(), "svc", Secret::from("pw"), vec![row])
}

fn grant() -> Arc<Grant> {
    let gateway = "https://vms.example/API/".parse().unwrap();
    Arc::new(Grant { gateways: Gateways::one(gateway), token: SecretString::from("token".to_owned()), version: None })
}

/// A catalog that knows one type.
fn catalog() -> Arc<Catalog> {
    use crate::transport::RestAnswer;
    use crate::vendors::milestone::directory::Ask;
    let body = json!({"array":[{"displayName":"Motion Started","name":"MotionStarted","id":"6EB95DD6-7CCC-4BCE-99F8-AF0D0B582D77"}]});
    let answer = RestAnswer { status: 200, headers: vec![], body: body.to_string().into(), retry_after: None };
    let mut directory = MilestoneDirectory::new(Duration::from_secs(1));
    directory.learn(Now::read(), &Ask::Types, Ok(answer));
    directory.catalog().unwrap()
}

impl Talk {
    fn begin(config: MilestoneConfig, resume: Resume) -> Self {
        let common = CommonSettings::new(Heartbeat::UNHURRIED);
        let now = Now { instant: Instant::now(), wall: "2026-06-11T10:00:00Z".parse().unwrap() };
        let session = MilestoneSession::new(config, &common, resume);
        let mut talk = Self { session, now, entries: Entries::default(), actions: vec![] };
        talk.step(Input::Start);
        talk
    }

    /// The same connection after a break: a fresh value from what would be stored.
    fn again(&self, heard: &str) -> Self {
        let resume = Resume { checkpoint: self.session.checkpoint(), heard: Some(heard.parse().unwrap()) };
        let mut talk = Self::begin(config(Selection::All), resume);
        talk.now.wall = heard.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(60);
        talk.open();
        talk
    }

    fn step(&mut self, input: Input<MilestoneSession>) {
        let mut todo = Todo { entries: std::mem::take(&mut self.entries), actions: Vec::new() };
        self.session.step(self.now, input, &mut todo);
        self.entries = todo.entries;
        self.actions.extend(todo.actions);
    }

    fn receive(&mut self, frame: impl ToString) {
        self.step(Input::Message(frame.to_string().into()));
    }

    fn open(&mut self) {
        self.step(Input::Granted(grant()));
        self.step(Input::Prepared(Some(catalog())));
        assert!(self.took(|action| matches!(action, Action::Open(_))), "{:?}", self.actions);
        self.step(Input::Opened);
    }

    /// Takes the first action that fits, and says whether there was one.
    fn took(&mut self, fits: impl Fn(&Action) -> bool) -> bool {
        let found = self.actions.iter().position(fits);
        found.map(|index| self.actions.remove(index)).is_some()
    }

    /// The last command sent.
    fn sent(&self) -> Value {
        let texts = self.actions.iter().filter_map(|action| match action {
            Action::Send(text) => Some(text.expose_secret()),
            _ => None,
        });
        serde_json::from_str(texts.last().expect("a command was sent")).unwrap()
    }

    fn reply(&mut self, members: Value) {
        let mut reply = members;
        reply["commandId"] = self.sent()["commandId"].clone();
        self.receive(reply);
    }

    /// From an open socket to a first session with its states taken.
    fn establish(&mut self) {
        assert_eq!(self.sent()["command"], "startSession");
        self.reply(json!({"status":201,"sessionId":"s-1"}));
        assert_eq!(self.sent()["command"], "addSubscription");
        self.reply(json!({"status":200,"subscriptionId":"x"}));
        assert_eq!(self.sent()["command"], "getState");
        self.reply(json!({"status":200,"states":[]}));
    }

    fn gaps(&self) -> Vec<(String, String, String, &'static str)> {
        let gaps = self.entries.list.iter().filter_map(|entry| match entry {
            Entry::Gap(gap) => Some((gap.from.to_string(), gap.to.to_string(), gap.reason.clone(), gap.recovered)),
            _ => None,
        });
        gaps.collect()
    }

    fn events(&self) -> Vec<(&str, Origin)> {
        let events = self.entries.list.iter().filter_map(|entry| match entry {
            Entry::Occurrence(noted) => Some((self.entries.words.text.get(noted.id), noted.origin)),
            _ => None,
        });
        events.collect()
    }

    fn mark(&self) -> MilestoneCheckpoint {
        MilestoneCheckpoint::read(&self.session.checkpoint().expect("something is worth storing")).unwrap()
    }

    fn end(&self) -> Option<&SessionEnd> {
        self.actions.iter().find_map(|action| match action {
            Action::End(end) => Some(end),
            _ => None,
        })
    }
}

fn live() -> Talk {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.establish();
    talk
}

fn events(ids: &[&str]) -> Value {
    events_at(ids, "2026-06-11T10:00:00.1234567Z")
}

fn events_at(ids: &[&str], time: &str) -> Value {
    let event = |id: &&str| json!({"id":id,"source":"cameras/c","type":"t","time":time,"stategroupid":"g"});
    json!({ "events": ids.iter().map(event).collect::<Vec<_>>() })
}

#[test]
fn a_first_session_begins_now_and_is_no_gap() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    assert_eq!(talk.session.checkpoint(), None);
    assert_eq!(talk.sent(), json!({"command":"startSession","commandId":1,"sessionId":"","eventId":""}));
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    assert_eq!(talk.session.checkpoint(), None, "a session without a subscription would be resumed into silence");
    assert!(!talk.took(|action| matches!(action, Action::Online)));
    talk.reply(json!({"status":200,"subscriptionId":"x"}));
    assert!(talk.took(|action| matches!(action, Action::Online)));
    let mark = talk.mark();
    assert_eq!((mark.session.as_deref(), mark.cursor, mark.baseline_pending), (Some("s-1"), None, true));
    talk.reply(json!({"status":200,"states":[]}));
    assert_eq!(talk.gaps(), []);
    assert!(!talk.mark().baseline_pending);
}

#[test]
fn a_break_with_a_cursor_is_resumed_and_needs_neither_subscription_nor_states() {
    let mut talk = live();
    talk.receive(events(&["e1", "e2"]));
    assert_eq!(talk.mark().cursor.as_deref(), Some("e2"));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    assert_eq!(again.sent(), json!({"command":"startSession","commandId":1,"sessionId":"s-1","eventId":"e2"}));
    again.reply(json!({"status":200,"sessionId":"s-1"}));
    assert!(again.took(|action| matches!(action, Action::Online)));
    assert_eq!(again.sent()["command"], "startSession", "nothing else is sent");
    again.receive(events(&["e3"]));
    assert_eq!(again.events(), [("e3", Origin::Resumed)]);
    assert_eq!((again.gaps(), again.mark().cursor.as_deref()), (vec![], Some("e3")));
}

#[test]
fn the_status_decides_and_not_what_was_asked_for() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":201,"sessionId":"s-2"}));
    assert_eq!(again.sent()["command"], "addSubscription");
    again.reply(json!({"status":200}));
    assert_eq!(again.sent()["command"], "getState");
    assert_eq!(again.gaps(), [], "the gap is told with the states, in one commit");
    assert!(again.mark().gap.is_some(), "and not forgotten if there is a break before");
    again.reply(
        json!({"status":200,"states":[{"id":"e9","source":"cameras/c","type":"t","time":"x","stategroupid":"g"}]}),
    );
    let expected = ("2026-06-11T10:00:00Z", "2026-06-11T10:01:10Z", "session_expired", "states");
    let gap = again.gaps().remove(0);
    assert_eq!((gap.0.as_str(), gap.1.as_str(), gap.2.as_str(), gap.3), expected);
    let kinds: Vec<_> = again.entries.list.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 3, "awaited, gap, snapshot: {:?}", again.entries.list);
    let Some(Entry::Snapshot(snapshot)) = again.entries.list.last() else { panic!("{:?}", again.entries.list) };
    assert_eq!(again.entries.words.text.get(snapshot.states[0].id), "e9");
    let mark = again.mark();
    assert_eq!((mark.session.as_deref(), mark.gap, mark.baseline_pending), (Some("s-2"), None, false));
}

#[test]
fn a_gap_begins_with_the_last_stored_event_and_not_with_the_last_byte() {
    let mut talk = live();
    talk.now.wall = "2026-06-11T10:00:05Z".parse().unwrap();
    talk.receive(events_at(&["e1"], "2026-06-11T10:00:05Z"));
    // Resumed and lost again before the replay came; pongs came until the end.
    let mut resumed = talk.again("2026-06-11T10:00:30Z");
    resumed.reply(json!({"status":200,"sessionId":"s-1"}));
    for checkpoint in [talk.session.checkpoint(), resumed.session.checkpoint()] {
        // A restart of the engine knows nothing but the checkpoint.
        let mut anew = Talk::begin(config(Selection::All), Resume { checkpoint, heard: None });
        anew.now.wall = "2026-06-11T10:05:00Z".parse().unwrap();
        anew.open();
        anew.establish();
        let gaps = anew.gaps();
        assert_eq!((gaps[0].0.as_str(), gaps[0].1.as_str()), ("2026-06-11T10:00:05Z", "2026-06-11T10:05:00Z"));
    }
}

#[test]
fn a_gap_begins_when_the_last_event_happened_if_its_clock_can_be_believed() {
    // What waited behind it in the gateway happened after it, and before it came.
    for (happened, from) in [
        ("2026-06-11T10:00:03.5Z", "2026-06-11T10:00:03.5Z"),
        ("1999-01-01T00:00:00Z", "2026-06-11T09:59:35Z"),
        ("2026-06-12T00:00:00Z", "2026-06-11T10:00:05Z"),
        ("yesterday", "2026-06-11T10:00:05Z"),
    ] {
        let mut talk = live();
        talk.now.wall = "2026-06-11T10:00:05Z".parse().unwrap();
        talk.receive(events_at(&["e1"], happened));
        let resume = Resume { checkpoint: talk.session.checkpoint(), heard: None };
        let mut anew = Talk::begin(config(Selection::All), resume);
        anew.now.wall = "2026-06-11T10:05:00Z".parse().unwrap();
        anew.open();
        anew.establish();
        assert_eq!(anew.gaps()[0].0, from, "{happened}");
    }
}

#[test]
fn on_a_quiet_site_a_gap_begins_a_window_before_the_last_sign_of_life() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut anew = talk.again("2026-06-11T15:00:00Z");
    anew.establish();
    assert_eq!(anew.gaps()[0].0, "2026-06-11T14:59:30Z");
}

#[test]
fn without_an_event_there_is_nothing_to_resume_from() {
    let mut again = live().again("2026-06-11T10:00:10Z");
    assert_eq!(again.sent()["sessionId"], "");
    again.establish();
    assert_eq!(again.gaps()[0].2, "nothing_to_resume_from");
}

#[test]
fn another_subscription_in_the_settings_needs_another_session() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let resume = Resume { checkpoint: talk.session.checkpoint(), heard: None };
    let id = uuid::Uuid::nil();
    let mut again = Talk::begin(config(Selection::Only(vec![EventType::Id(id)])), resume);
    again.open();
    assert_eq!(again.sent()["sessionId"], "");
    again.establish();
    assert_eq!(again.gaps()[0].2, "subscription_changed");
}

#[test]
fn a_second_break_before_the_states_resumes_the_new_session_and_tells_the_gap_once() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut second = talk.again("2026-06-11T10:00:10Z");
    second.reply(json!({"status":201,"sessionId":"s-2"}));
    second.reply(json!({"status":200}));
    second.receive(events(&["e5"]));
    let mut third = second.again("2026-06-11T10:02:00Z");
    assert_eq!((&third.sent()["sessionId"], &third.sent()["eventId"]), (&json!("s-2"), &json!("e5")));
    third.reply(json!({"status":200}));
    assert_eq!(third.sent()["command"], "getState", "the states are still owed");
    third.reply(json!({"status":200,"states":[]}));
    let gaps = third.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].0.as_str(), gaps[0].1.as_str()), ("2026-06-11T10:00:00Z", "2026-06-11T10:01:10Z"));
}

#[test]
fn a_second_lost_session_before_the_states_extends_the_same_gap() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut second = talk.again("2026-06-11T10:00:10Z");
    second.reply(json!({"status":201,"sessionId":"s-2"}));
    second.reply(json!({"status":200}));
    let mut third = second.again("2026-06-11T10:02:00Z");
    third.establish();
    let gaps = third.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].0.as_str(), gaps[0].1.as_str()), ("2026-06-11T10:00:00Z", "2026-06-11T10:03:00Z"));
}

#[test]
fn events_that_overtake_a_reply_are_kept_and_belong_to_the_session_that_it_names() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    // Resumed: the replay came first.
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.receive(events(&["e2"]));
    assert_eq!(again.mark().cursor.as_deref(), Some("e1"), "nobody knows yet whose event it is");
    again.reply(json!({"status":200}));
    assert_eq!(again.mark().cursor.as_deref(), Some("e2"));
    // Not resumed: the new session's first events come before its confirmation.
    let mut anew = talk.again("2026-06-11T10:00:10Z");
    anew.reply(json!({"status":201,"sessionId":"s-2"}));
    anew.receive(events(&["n1"]));
    anew.reply(json!({"status":200}));
    let mark = anew.mark();
    assert_eq!((mark.session.as_deref(), mark.cursor.as_deref()), (Some("s-2"), Some("n1")));
    assert_eq!(anew.events().len(), 1);
}

#[test]
fn a_first_session_that_has_told_events_and_was_never_confirmed_leaves_a_gap() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    assert_eq!(talk.session.checkpoint(), None, "nobody was told anything");
    talk.receive(json!({"events":[]}));
    assert_eq!(talk.session.checkpoint(), None, "nor by an empty list");
    talk.receive(events_at(&["e1"], "2026-06-11T09:59:58Z"));
    talk.receive(events_at(&["e2"], "2026-06-11T09:59:59Z"));
    let mark = talk.mark();
    assert_eq!(
        (mark.session, mark.cursor),
        (None, None),
        "it is not resumed: without its subscription it would be silent"
    );
    // Lost before the answer to `addSubscription`.
    let mut again = talk.again("2026-06-11T10:00:00Z");
    assert_eq!(again.sent()["sessionId"], "");
    again.establish();
    let gap = ("2026-06-11T09:59:59Z", "2026-06-11T10:01:00Z", "nothing_to_resume_from", "states");
    let gaps = again.gaps();
    assert_eq!(gaps.iter().map(|(from, to, why, got)| (&**from, &**to, &**why, *got)).collect::<Vec<_>>(), [gap]);
    // Confirmed after all, it is a first session as any.
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.receive(events(&["e1"]));
    talk.reply(json!({"status":200,"subscriptionId":"x"}));
    talk.reply(json!({"status":200,"states":[]}));
    assert_eq!(talk.gaps(), []);
    assert_eq!(talk.mark().cursor.as_deref(), Some("e1"));
}

#[test]
fn events_are_handed_over_while_the_states_are_awaited() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    talk.receive(events(&["e1"]));
    assert!(matches!(talk.entries.list[..], [Entry::BaselineAwaited { anew: true }, Entry::Occurrence(_)]));
}

#[test]
fn a_refused_get_state_is_tried_again_and_after_three_the_gap_is_told_without_it() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":201,"sessionId":"s-2"}));
    again.reply(json!({"status":200}));
    for refusal in 1..=3 {
        assert_eq!(again.gaps(), []);
        again.reply(json!({"status":500,"error":{"errorText":"busy"}}));
        if refusal < 3 {
            let commands = again.sent()["commandId"].clone();
            again.now.instant += Duration::from_secs(61);
            again.step(Input::Woken);
            assert_ne!(again.sent()["commandId"], commands, "asked again");
        }
    }
    assert_eq!((again.gaps().len(), again.gaps()[0].3), (1, "nothing"));
    assert!(again.mark().baseline_pending, "the states are still wanted");
    assert!(again.end().is_none(), "and events go on meanwhile");
}

#[test]
fn a_success_without_states_is_no_snapshot() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    talk.reply(json!({"status":200}));
    assert!(!talk.entries.list.iter().any(|entry| matches!(entry, Entry::Snapshot(_))));
    assert!(talk.mark().baseline_pending);
}

#[test]
fn silence_is_expected_while_the_states_are_awaited() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    assert!(talk.took(|action| matches!(action, Action::Patience(Some(_)))));
    talk.reply(json!({"status":200,"states":[]}));
    assert!(talk.took(|action| matches!(action, Action::Patience(None))));
}

#[test]
fn a_refused_token_is_replaced_once() {
    let refused = |status| OpenError::Refused {
        at: "wss://vms.example".into(),
        status,
        retry_after: None,
        www_authenticate: None,
        body: String::new(),
    };
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.step(Input::Granted(grant()));
    talk.step(Input::Prepared(None));
    talk.step(Input::Refused(refused(401)));
    assert!(talk.took(|action| matches!(action, Action::Authorize { refused: true })));
    talk.step(Input::Granted(grant()));
    talk.step(Input::Refused(refused(401)));
    assert!(!talk.took(|action| matches!(action, Action::Authorize { refused: true })));
    assert!(matches!(talk.end(), Some(SessionEnd::Retry { .. })));
}

#[test]
fn a_path_that_is_not_there_is_tried_in_its_three_spellings() {
    let refused = || OpenError::Refused {
        at: "wss://vms.example".into(),
        status: 404,
        retry_after: None,
        www_authenticate: None,
        body: String::new(),
    };
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.step(Input::Granted(grant()));
    talk.step(Input::Prepared(None));
    for _ in 0..3 {
        talk.step(Input::Refused(refused()));
    }
    let urls = talk.actions.iter().filter_map(|action| match action {
        Action::Open(request) => Some(request.url.as_str()),
        _ => None,
    });
    let urls: Vec<_> = urls.collect();
    assert_eq!(
        urls,
        [
            "wss://vms.example/api/ws/events/v1",
            "wss://vms.example/API/ws/events/v1",
            "wss://vms.example/api/ws/events/v1/"
        ]
    );
    assert!(matches!(talk.end(), Some(SessionEnd::Retry { why, .. }) if why.contains("2023 R3")));
}

#[test]
fn event_types_by_name_are_looked_up_and_an_unknown_one_needs_a_person() {
    let named = |name: &str| config(Selection::Only(vec![EventType::Name(name.into())]));
    let mut talk = Talk::begin(named("motion started"), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    assert_eq!(talk.sent()["filters"][0]["eventTypes"], json!(["6eb95dd6-7ccc-4bce-99f8-af0d0b582d77"]));
    let mut wrong = Talk::begin(named("motion startd"), Resume::default());
    wrong.step(Input::Granted(grant()));
    wrong.step(Input::Prepared(Some(catalog())));
    assert!(wrong.end().is_none());
    assert!(
        wrong.took(|action| matches!(action, Action::Prepare { anew: true, .. })),
        "it may have been made just now"
    );
    wrong.step(Input::Prepared(Some(catalog())));
    assert!(matches!(wrong.end(), Some(SessionEnd::Halt(why)) if why.contains("motion startd")), "{:?}", wrong.end());
    let mut missed = Talk::begin(named("made just now"), Resume::default());
    missed.step(Input::Granted(grant()));
    missed.step(Input::Prepared(Some(catalog())));
    missed.step(Input::Prepared(None));
    assert!(matches!(missed.end(), Some(SessionEnd::Retry { .. })), "the new list may have it: {:?}", missed.end());
    let mut unknown = Talk::begin(named("motion started"), Resume::default());
    unknown.step(Input::Granted(grant()));
    unknown.step(Input::Prepared(None));
    assert!(matches!(unknown.end(), Some(SessionEnd::Retry { .. })), "the list may be there another time");
}

#[test]
fn a_session_that_could_not_be_resumed_still_subscribes_by_guid_and_never_by_name() {
    let named = || config(Selection::Only(vec![EventType::Name("motion started".into())]));
    let mut talk = Talk::begin(named(), Resume::default());
    talk.open();
    talk.establish();
    talk.receive(events(&["e1"]));
    let resume = || Resume { checkpoint: talk.session.checkpoint(), heard: None };
    for late in [false, true] {
        let mut again = Talk::begin(named(), resume());
        again.step(Input::Granted(grant()));
        assert!(again.took(|action| matches!(action, Action::Open(_))), "the window is not spent on names");
        if !late {
            again.step(Input::Prepared(Some(catalog())));
        }
        again.step(Input::Opened);
        again.reply(json!({"status":201,"sessionId":"s-2"}));
        if late {
            assert_eq!(again.sent()["command"], "startSession", "nothing is subscribed to before the names are there");
            again.step(Input::Prepared(Some(catalog())));
        }
        assert_eq!(again.sent()["filters"][0]["eventTypes"], json!(["6eb95dd6-7ccc-4bce-99f8-af0d0b582d77"]));
    }
    let mut without = Talk::begin(named(), resume());
    without.step(Input::Granted(grant()));
    without.step(Input::Opened);
    without.reply(json!({"status":201,"sessionId":"s-2"}));
    without.step(Input::Prepared(None));
    assert!(matches!(without.end(), Some(SessionEnd::Retry { .. })), "{:?}", without.actions);
    assert!(without.mark().gap.is_some() && without.mark().session.is_none(), "and the gap is not forgotten");
}

#[test]
fn what_cannot_be_read_twice_behind_the_same_event_is_left_behind_with_a_gap() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    talk.step(Input::Unreadable("too large".into()));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    assert_eq!(again.sent()["sessionId"], "s-1", "the first time the gateway is asked again");
    again.reply(json!({"status":200}));
    again.step(Input::Unreadable("too large".into()));
    let mut anew = again.again("2026-06-11T10:00:20Z");
    assert_eq!(anew.sent()["sessionId"], "");
    anew.establish();
    assert_eq!((anew.gaps().len(), anew.gaps()[0].2.as_str()), (1, "unreadable_frame"));
}

#[test]
fn states_that_can_never_be_taken_do_not_hide_the_gap_for_ever() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":201,"sessionId":"s-2"}));
    again.reply(json!({"status":200}));
    again.receive(events(&["e2"]));
    let mut breaks = 0;
    while again.gaps().is_empty() {
        breaks += 1;
        assert!(breaks < 6);
        again.step(Input::Unreadable("too large".into()));
        again = again.again("2026-06-11T10:00:20Z");
        again.reply(json!({"status":200}));
    }
    assert_eq!(again.gaps()[0].3, "nothing");
    assert_eq!(again.sent()["command"], "startSession", "and the next question waits");
}

#[test]
fn states_that_come_late_are_as_good_as_any() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    let asked = talk.sent()["commandId"].clone();
    talk.now.instant += Duration::from_secs(181);
    talk.step(Input::Woken);
    talk.receive(json!({"commandId":asked,"status":200,"states":[]}));
    assert!(!talk.mark().baseline_pending);
}

#[test]
fn the_spelling_that_was_right_is_tried_first_the_next_time() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.step(Input::Granted(grant()));
    talk.step(Input::Prepared(None));
    let at = "wss://vms.example".into();
    let refused =
        OpenError::Refused { at, status: 404, retry_after: None, www_authenticate: None, body: String::new() };
    talk.step(Input::Refused(refused));
    talk.step(Input::Opened);
    talk.establish();
    let mut again = Talk::begin(config(Selection::All), Resume { checkpoint: talk.session.checkpoint(), heard: None });
    again.step(Input::Granted(grant()));
    again.step(Input::Prepared(None));
    let open = |action: &Action| matches!(action, Action::Open(request) if request.url.path() == "/API/ws/events/v1");
    assert!(again.took(open), "{:?}", again.actions);
}

#[test]
fn events_in_a_reply_are_events() {
    let mut talk = live();
    talk.receive(json!({"commandId":99,"status":200,"events":[{"id":"e7","source":"cameras/c"}]}));
    assert_eq!(talk.events(), [("e7", Origin::Live)]);
}

#[test]
fn nothing_waits_for_names_when_a_session_can_be_resumed() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let resume = Resume { checkpoint: talk.session.checkpoint(), heard: None };
    let mut again = Talk::begin(config(Selection::All), resume);
    again.step(Input::Granted(grant()));
    assert!(again.took(|action| matches!(action, Action::Open(_))));
}

#[test]
fn a_refused_resume_is_a_new_session_on_the_same_socket() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":404,"error":{"errorText":"no such session"}}));
    assert_eq!((&again.sent()["command"], &again.sent()["sessionId"]), (&json!("startSession"), &json!("")));
    again.establish();
    assert_eq!(again.gaps().len(), 1);
}

#[test]
fn a_refused_subscription_ends_the_try_and_keeps_no_session() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":400,"error":{"errorText":"bad filter"}}));
    assert!(matches!(talk.end(), Some(SessionEnd::Retry { why, .. }) if why.contains("bad filter")));
    assert_eq!(talk.session.checkpoint(), None);
}

#[test]
fn a_command_without_an_answer_ends_the_try() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.now.instant += Duration::from_secs(21);
    talk.step(Input::Woken);
    assert!(matches!(talk.end(), Some(SessionEnd::Retry { why, .. }) if why.contains("startSession")));
}

#[test]
fn a_replay_ends_with_the_barrier_or_with_time() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":200}));
    assert!(again.took(|action| matches!(action, Action::Barrier)));
    again.receive(events_at(&["e2"], "2026-06-11T11:00:00Z"));
    again.step(Input::BarrierPassed);
    again.receive(events_at(&["e3"], "2026-06-11T10:00:20Z"));
    again.receive(events_at(&["e4"], "2026-06-11T11:00:00Z"));
    again.now.instant += Duration::from_secs(6);
    again.receive(events_at(&["e5"], "2026-06-11T10:00:20Z"));
    let origins = [("e2", Origin::Resumed), ("e3", Origin::Resumed), ("e4", Origin::Live), ("e5", Origin::Live)];
    assert_eq!(again.events(), origins);
}

#[test]
fn a_frame_that_is_no_json_is_asked_for_again_once_and_then_told_as_a_gap() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    talk.receive("not json");
    assert!(matches!(talk.end(), Some(SessionEnd::Retry { .. })));
    let mut again = talk.again("2026-06-11T10:00:10Z");
    again.reply(json!({"status":200}));
    again.receive("not json");
    assert!(again.end().is_none(), "going on is worth more than that frame");
    assert_eq!(again.gaps()[0].2, "unreadable_frame");
    again.receive(events(&["e2"]));
    assert_eq!(again.mark().cursor.as_deref(), Some("e2"));
}

#[test]
fn a_changed_configuration_forgets_the_item_that_it_names_or_everything() {
    let kind = crate::vendors::milestone::vocabulary::SYSTEM_CONFIGURATION_CHANGED;
    let mut talk = live();
    let named = json!({"Action":"Update","relatedItem":{"relatedItemRestResource":"cameras/AB","name":"x"}});
    talk.receive(json!({"events":[{"id":"1","type":kind.to_uppercase(),"data":named}]}));
    assert!(talk.took(|action| matches!(action, Action::Forget(Forget::Item(item)) if &**item == "cameras/ab")));
    let nested = json!({"relatedItemRestResource":"recordingServers/r/cameras/C/"});
    talk.receive(json!({"events":[{"id":"3","type":kind,"data":nested}]}));
    assert!(talk.took(|action| matches!(action, Action::Forget(Forget::Item(item)) if &**item == "cameras/c")));
    talk.receive(json!({"events":[{"id":"2","type":kind}]}));
    assert!(talk.took(|action| matches!(action, Action::Forget(Forget::Everything))));
}

#[test]
fn events_without_ids_do_not_move_the_cursor_and_are_handed_over() {
    let mut talk = live();
    talk.receive(events(&["e1"]));
    talk.receive(json!({"events":[{"source":"cameras/c"},{"id":null}]}));
    talk.receive(json!({"events":[]}));
    assert_eq!((talk.events().len(), talk.mark().cursor.as_deref()), (3, Some("e1")));
}

proptest! {
    #[test]
    fn no_conversation_makes_it_panic(
        frames in proptest::collection::vec(
            prop_oneof![
                ".{0,20}",
                (0_u64..6, 0_u16..600).prop_map(|(id, status)| json!({"commandId":id,"status":status,"sessionId":"s","states":[{}]}).to_string()),
                "[a-c]{0,2}".prop_map(|id| json!({"events":[{"id":id,"source":"cameras/c"}]}).to_string()),
            ],
            0..30
        ),
        resumed in any::<bool>(),
        wakes in 0_u64..400,
    ) {
        let mut talk = if resumed { let mut talk = live(); talk.receive(events(&["e1"])); talk.again("2026-06-11T10:00:10Z") } else { Talk::begin(config(Selection::All), Resume::default()) };
        if !resumed { talk.open(); }
        for frame in frames {
            talk.receive(frame);
            talk.now.instant += Duration::from_secs(wakes);
            talk.step(Input::Woken);
            let mark = talk.session.checkpoint();
            prop_assert!(mark.is_none() || MilestoneCheckpoint::read(&mark.unwrap()).is_some());
        }
        // A session is never remembered without a confirmed subscription, and a gap is told at most once per lost session.
        prop_assert!(talk.gaps().len() <= 2);
    }
}

#[test]
fn a_frame_that_only_the_parser_can_read_is_taken_once_and_whole() {
    let mut talk = live();
    let before = talk.entries.len();
    // The scan hands out the first two before it meets the number.
    talk.receive(json!({"events":[
        {"id":"e1","type":"t","time":"2026-06-11T10:00:00Z"},
        {"id":"e2","type":"06c5010d-11f2-4d70-bd79-4cec3a20d589","time":"2026-06-11T10:00:00Z"},
        {"id":3,"type":"t","time":"2026-06-11T10:00:00Z"},
    ]}));
    let ids: Vec<_> = talk.events().into_iter().map(|(id, _)| id.to_owned()).collect();
    assert_eq!((ids, talk.entries.len() - before), (vec!["e1".to_owned(), "e2".to_owned(), "3".to_owned()], 3));
    assert!(talk.took(|action| matches!(action, Action::Forget(_))));
    assert!(!talk.took(|action| matches!(action, Action::Forget(_))), "told once");
    assert_eq!(talk.mark().cursor.as_deref(), Some("3"));
}
