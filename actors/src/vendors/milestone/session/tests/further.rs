//! Subscriptions that come and go while a session lives.

use super::*;
use crate::messages::SubscriptionError;
use crate::model::ids::SubscriptionId;
use crate::vendors::{Wish, WishNews, Wishes};

fn rows(events: Selection<EventType>) -> Vec<FilterRow> {
    config(events).subscribe
}

fn wish(id: SubscriptionId) -> Wish {
    Wish { id, filters: rows(Selection::All).into() }
}

fn wishes(list: &[Wish]) -> Wishes {
    Wishes { version: list.len() as u64 + 1, list: list.to_vec(), ..Wishes::default() }
}

fn broken(list: &[Wish], id: SubscriptionId, breaks: u32) -> Wishes {
    Wishes { breaks: [(id, breaks)].into(), ..wishes(list) }
}

impl Talk {
    fn wished(&mut self, wishes: Wishes) {
        let mut todo = Todo { entries: std::mem::take(&mut self.entries), actions: Vec::new() };
        self.session.wished(self.now, wishes, &mut todo);
        self.entries = todo.entries;
        self.actions.extend(todo.actions);
    }

    /// What was to be stored is stored.
    fn kept(&mut self) {
        assert!(self.took(|action| matches!(action, Action::Keep)), "{:?}", self.actions);
        let mut todo = Todo { entries: std::mem::take(&mut self.entries), actions: Vec::new() };
        self.session.kept(self.now, &mut todo);
        self.entries = todo.entries;
        self.actions.extend(todo.actions);
    }

    /// All commands sent since this was last asked.
    fn commands(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        self.actions.retain(|action| {
            let Action::Send(text) = action else { return true };
            let command: Value = serde_json::from_str(text.expose_secret()).unwrap();
            names.push(command["command"].as_str().unwrap().to_owned());
            false
        });
        names
    }

    fn news(&mut self) -> Vec<WishNews> {
        let mut news = Vec::new();
        self.actions.retain(|action| {
            let Action::Wish(one) = action else { return true };
            news.push(one.clone());
            false
        });
        news
    }

    fn reply_to(&mut self, command: &str, members: Value) {
        assert_eq!(self.sent()["command"], command);
        self.reply(members);
    }

    /// What the mark says of further subscriptions: confirmed or not, and the gateway's name.
    fn further(&self) -> Vec<(bool, Option<String>)> {
        self.mark().further.into_iter().map(|further| (further.confirmed, further.server)).collect()
    }
}

/// A live session with one event, so that it can be resumed, and one added subscription.
fn with_one() -> (Talk, SubscriptionId) {
    let (mut talk, id) = (live(), SubscriptionId::mint());
    talk.receive(events(&["e1"]));
    talk.wished(wishes(&[wish(id)]));
    talk.kept();
    talk.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-1"}));
    talk.reply_to("getState", json!({"status":200,"states":[]}));
    talk.actions.clear();
    (talk, id)
}

fn resumed(talk: &Talk, wished: Wishes) -> Talk {
    let resume = Resume { checkpoint: talk.session.checkpoint(), heard: Some("2026-06-11T10:00:10Z".parse().unwrap()) };
    let mut again = Talk::begin(config(Selection::All), resume);
    again.wished(wished);
    again.now.wall = "2026-06-11T10:00:12Z".parse().unwrap();
    again.open();
    again
}

#[test]
fn what_is_added_is_stored_then_asked_for_then_its_states_are_taken() {
    let (mut talk, id) = (live(), SubscriptionId::mint());
    talk.actions.clear();
    talk.wished(wishes(&[wish(id)]));
    assert_eq!(talk.commands(), Vec::<String>::new(), "nothing is sent before it is stored");
    assert_eq!(talk.further(), [(false, None)]);
    talk.kept();
    assert_eq!(talk.sent()["filters"][0]["resourceTypes"], json!(["cameras"]));
    assert_eq!(talk.news(), [WishNews::Asked(id)]);
    talk.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-1"}));
    assert_eq!(talk.news(), [WishNews::Confirmed(id), WishNews::Settled(2)]);
    assert_eq!((talk.further(), talk.mark().baseline_pending), (vec![(true, Some("f-1".to_owned()))], true));
    assert!(matches!(talk.entries.list.last(), Some(Entry::BaselineAwaited { anew: true })));
    talk.reply_to("getState", json!({"status":200,"states":[]}));
    assert!(matches!(talk.entries.list.last(), Some(Entry::Snapshot(_))));
    assert_eq!((talk.mark().baseline_pending, talk.gaps(), talk.end().is_none()), (false, vec![], true));
}

#[test]
fn what_comes_before_an_answer_is_told_in_its_place() {
    // Frames between `addSubscription` and its answer, and what they bring.
    let late = json!({"commandId":3,"status":200,"states":[]});
    for (frames, told) in [
        (vec![events(&["e2"])], vec!["e2"]),
        (vec![events(&["e2"]), json!({"commandId":77,"status":500}), events(&["e3"])], vec!["e2", "e3"]),
        (vec![json!({"notification":{}}), late, json!({"events":[]})], vec![]),
    ] {
        let (mut talk, id) = (live(), SubscriptionId::mint());
        talk.wished(wishes(&[wish(id)]));
        talk.kept();
        let asked = talk.sent()["commandId"].clone();
        for frame in &frames {
            talk.receive(frame);
        }
        talk.receive(json!({"commandId":asked,"status":200,"subscriptionId":"f-1"}));
        talk.receive(events(&["e9"]));
        let ids: Vec<_> = talk.events().into_iter().map(|(id, _)| id.to_owned()).collect();
        assert_eq!(ids, [told, vec!["e9"]].concat(), "{frames:?}");
        assert_eq!(talk.mark().cursor.as_deref(), Some("e9"));
        assert!(talk.news().contains(&WishNews::Confirmed(id)), "{frames:?}");
        assert_eq!(talk.sent()["command"], "getState");
    }
}

#[test]
fn a_refusal_leaves_everything_as_it_was() {
    for (status, again) in [(400, false), (403, false), (404, false), (0, false), (429, true), (500, true), (503, true)]
    {
        let (mut talk, id) = with_one();
        let other = SubscriptionId::mint();
        talk.wished(wishes(&[wish(id), wish(other)]));
        talk.kept();
        talk.reply_to("addSubscription", json!({"status":status,"error":{"errorText":"no such thing"}}));
        let news = talk.news();
        let Some(WishNews::Refused(refused, error)) = news.iter().find(|news| matches!(news, WishNews::Refused(..)))
        else {
            panic!("{news:?}")
        };
        assert_eq!((*refused, error.is_retryable()), (other, again), "{status}");
        assert!(error.to_string().contains("no such thing"), "{error}");
        assert_eq!(talk.further(), [(true, Some("f-1".to_owned()))], "{status}");
        assert_eq!((talk.commands(), talk.end().is_none()), (vec!["addSubscription".to_owned()], true), "{status}");
        talk.receive(events(&["e2"]));
        assert_eq!(talk.mark().cursor.as_deref(), Some("e2"));
        // Still wished, because nobody was waiting: only what may pass is asked for once more, and not at once.
        assert!(!talk.took(|action| matches!(action, Action::Keep)));
        talk.now.instant += Duration::from_secs(61);
        talk.step(Input::Woken);
        assert_eq!(talk.took(|action| matches!(action, Action::Keep)), again, "{status}");
    }
}

#[test]
fn wherever_the_socket_is_lost_the_next_session_has_what_is_wished() {
    type Until = fn(&mut Talk);
    let until: [(&str, Until); 5] = [
        ("before it was stored", |_| ()),
        ("before it was answered", |talk| talk.kept()),
        ("before its states were asked for", |talk| {
            talk.kept();
            talk.reply(json!({"status":200,"subscriptionId":"f-1"}));
        }),
        ("before its states came", |talk| {
            talk.kept();
            talk.reply(json!({"status":200,"subscriptionId":"f-1"}));
            talk.receive(events(&["e2"]));
        }),
        ("behind all", |talk| {
            talk.kept();
            talk.reply(json!({"status":200,"subscriptionId":"f-1"}));
            talk.reply(json!({"status":200,"states":[]}));
        }),
    ];
    for (when, until) in until {
        let (mut talk, id) = (live(), SubscriptionId::mint());
        talk.receive(events(&["e1"]));
        talk.wished(wishes(&[wish(id)]));
        until(&mut talk);
        let has = talk.mark().further.iter().any(|further| further.confirmed);
        let pending = talk.mark().baseline_pending;
        // Resumed: what is there is not asked for again, what may not be there is.
        let mut again = resumed(&talk, wishes(&[wish(id)]));
        again.reply_to("startSession", json!({"status":200,"sessionId":"s-1"}));
        assert_eq!(again.took(|action| matches!(action, Action::Keep)), !has, "{when}");
        let expected: &[&str] = if pending { &["startSession", "getState"] } else { &["startSession"] };
        assert_eq!(again.commands(), expected, "{when}");
        assert_eq!(again.gaps(), [], "{when}");
        // A new one: all of it is made again, and then the states are taken.
        let mut anew = resumed(&talk, wishes(&[wish(id)]));
        anew.reply_to("startSession", json!({"status":201,"sessionId":"s-2"}));
        anew.reply_to("addSubscription", json!({"status":200,"subscriptionId":"x"}));
        assert!(!anew.took(|action| matches!(action, Action::Online)), "{when}: not all is subscribed to");
        anew.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-2"}));
        assert!(anew.took(|action| matches!(action, Action::Online)), "{when}");
        anew.reply_to("getState", json!({"status":200,"states":[]}));
        assert_eq!((anew.further(), anew.gaps().len()), (vec![(true, Some("f-2".to_owned()))], 1), "{when}");
    }
}

#[test]
fn what_may_be_there_under_an_unknown_name_is_removed_with_its_session() {
    let (mut talk, id) = (live(), SubscriptionId::mint());
    talk.receive(events(&["e1"]));
    talk.wished(wishes(&[wish(id)]));
    talk.kept();
    // The answer is lost, it is asked for again, and now there may be two.
    let mut again = resumed(&talk, wishes(&[wish(id)]));
    again.reply(json!({"status":200}));
    again.kept();
    again.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-2"}));
    again.reply_to("getState", json!({"status":200,"states":[]}));
    assert!(again.end().is_none());
    again.wished(wishes(&[]));
    assert!(matches!(again.end(), Some(SessionEnd::Retry { cause: Cause::Refused, .. })), "{:?}", again.end());
    assert!(again.mark().session.is_none() && again.mark().further.is_empty());
    let mut anew = resumed(&again, wishes(&[]));
    assert_eq!(anew.sent()["sessionId"], "");
    anew.establish();
    assert_eq!((anew.gaps().len(), anew.gaps()[0].2.as_str()), (1, "subscription_changed"));
}

#[test]
fn what_is_removed_is_taken_from_the_session_and_the_states_are_taken_anew() {
    let (mut talk, id) = with_one();
    talk.wished(wishes(&[]));
    assert_eq!(talk.sent()["subscriptionId"], "f-1");
    talk.receive(events(&["e2"]));
    talk.reply_to("removeSubscription", json!({"status":200}));
    assert_eq!(talk.news(), [WishNews::Asked(id), WishNews::Settled(1)]);
    assert_eq!((talk.further(), talk.mark().baseline_pending), (vec![], true));
    talk.reply_to("getState", json!({"status":200,"states":[]}));
    assert_eq!((talk.mark().baseline_pending, talk.gaps(), talk.end().is_none()), (false, vec![], true));
}

#[test]
fn a_removal_that_fails_costs_one_session_and_never_two() {
    // How often the connection has broken while it was asked for, the status of the answer, whether the session goes on.
    for (breaks, status, goes_on) in [
        (0, Some(200), true),
        (0, Some(404), false),
        (0, Some(400), false),
        (0, Some(500), false),
        // The answer to the first was lost.
        (1, Some(404), true),
        (1, Some(400), false),
        // A gateway that closes the connection each time is not asked a third time.
        (2, None, false),
    ] {
        let (mut talk, id) = with_one();
        talk.wished(broken(&[], id, breaks));
        if let Some(status) = status {
            talk.reply_to("removeSubscription", json!({"status":status,"error":{"errorText":"why not"}}));
        } else {
            assert_eq!(talk.commands(), Vec::<String>::new());
        }
        let what = format!("{breaks} breaks, {status:?}");
        assert_eq!(talk.end().is_none(), goes_on, "{what}");
        assert_eq!((talk.further(), talk.mark().session.is_some()), (vec![], goes_on), "{what}");
        if !goes_on {
            let mut anew = resumed(&talk, wishes(&[]));
            anew.establish();
            assert_eq!((anew.gaps().len(), anew.gaps()[0].2.as_str()), (1, "subscription_changed"), "{what}");
            assert_eq!(anew.commands(), ["startSession", "addSubscription", "getState"], "{what}");
        }
    }
}

#[test]
fn a_removal_whose_answer_is_lost_is_asked_for_again_in_the_same_session() {
    let (mut talk, id) = with_one();
    talk.wished(wishes(&[]));
    assert_eq!(talk.commands(), ["removeSubscription"]);
    let mut again = resumed(&talk, broken(&[], id, 1));
    again.reply(json!({"status":200}));
    again.reply_to("removeSubscription", json!({"status":404}));
    again.reply_to("getState", json!({"status":200,"states":[]}));
    assert_eq!((again.further(), again.gaps(), again.end().is_none()), (vec![], vec![], true));
}

#[test]
fn what_an_earlier_engine_has_added_does_not_linger() {
    let (talk, _) = with_one();
    // A restart of the program: nothing is wished, and the session is still there.
    let mut again = resumed(&talk, Wishes::default());
    again.reply_to("startSession", json!({"status":200}));
    assert_eq!(again.sent()["subscriptionId"], "f-1");
    again.reply_to("removeSubscription", json!({"status":200}));
    again.reply_to("getState", json!({"status":200,"states":[]}));
    assert_eq!((again.further(), again.gaps(), again.end().is_none()), (vec![], vec![], true));
}

#[test]
fn a_command_without_an_answer_ends_the_try_and_says_which() {
    for (removing, command) in [(false, "addSubscription"), (true, "removeSubscription")] {
        let (mut talk, id) = with_one();
        if removing {
            talk.wished(wishes(&[]));
        } else {
            talk.wished(wishes(&[wish(id), wish(SubscriptionId::mint())]));
            talk.kept();
        }
        assert!(talk.took(|action| matches!(action, Action::Wake(Some(_)))));
        talk.now.instant += Duration::from_secs(21);
        talk.step(Input::Woken);
        let end = talk.end().map(ToString::to_string);
        assert_eq!(end, Some(format!("no answer to {command}")));
        assert!(talk.mark().session.is_some(), "it is resumed");
    }
}

#[test]
fn a_refusal_in_a_new_session_keeps_neither_it_nor_the_others_from_coming() {
    let (talk, id) = with_one();
    let other = SubscriptionId::mint();
    let mut anew = resumed(&talk, wishes(&[wish(id), wish(other)]));
    anew.reply(json!({"status":201,"sessionId":"s-2"}));
    anew.reply_to("addSubscription", json!({"status":200}));
    anew.reply_to("addSubscription", json!({"status":400}));
    anew.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-2"}));
    assert!(anew.took(|action| matches!(action, Action::Online)));
    let news = anew.news();
    assert!(matches!(&news[1], WishNews::Refused(refused, _) if *refused == id), "{news:?}");
    assert!(news.contains(&WishNews::Confirmed(other)), "{news:?}");
    anew.reply_to("getState", json!({"status":200,"states":[]}));
    assert_eq!(anew.further(), [(true, Some("f-2".to_owned()))]);
}

#[test]
fn a_subscription_that_breaks_every_session_is_let_be() {
    let (talk, _) = with_one();
    let bad = SubscriptionId::mint();
    let mut anew = resumed(&talk, broken(&[wish(bad)], bad, 3));
    anew.reply(json!({"status":201,"sessionId":"s-2"}));
    anew.reply_to("addSubscription", json!({"status":200}));
    assert!(anew.took(|action| matches!(action, Action::Online)));
    assert!(matches!(anew.news()[0], WishNews::Refused(id, SubscriptionError::Refused(_)) if id == bad));
    anew.reply_to("getState", json!({"status":200,"states":[]}));
    anew.now.instant += Duration::from_secs(301);
    anew.step(Input::Woken);
    assert!(anew.took(|action| matches!(action, Action::Keep)), "and tried again after five minutes");
}

#[test]
fn event_types_by_name_are_resolved_and_an_unknown_one_is_only_refused() {
    let named = |name: &str| Wish {
        id: SubscriptionId::mint(),
        filters: rows(Selection::Only(vec![EventType::Name(name.into())])).into(),
    };
    let mut talk = live();
    talk.wished(wishes(&[named("motion started")]));
    talk.kept();
    assert_eq!(talk.sent()["filters"][0]["eventTypes"], json!(["6eb95dd6-7ccc-4bce-99f8-af0d0b582d77"]));
    for (list, retryable) in [(Some(catalog()), false), (None, true)] {
        let mut talk = live();
        talk.actions.clear();
        let wrong = named("motion startd");
        talk.wished(wishes(std::slice::from_ref(&wrong)));
        assert!(talk.took(|action| matches!(action, Action::Prepare { anew: true, .. })), "it may have been made now");
        talk.step(Input::Prepared(list));
        let news = talk.news();
        let WishNews::Refused(id, error) = &news[0] else { panic!("{news:?}") };
        assert_eq!((*id, error.is_retryable()), (wrong.id, retryable), "{error}");
        assert_eq!((talk.commands(), talk.end().is_none()), (vec![], true));
    }
    // In a new session it waits for the list, as the subscription of the settings does.
    let mut talk = live();
    talk.receive(events(&["e1"]));
    let mut anew = resumed(&talk, wishes(&[named("made just now")]));
    anew.reply(json!({"status":201,"sessionId":"s-2"}));
    anew.reply_to("addSubscription", json!({"status":200}));
    anew.step(Input::Prepared(None));
    assert!(matches!(anew.end(), Some(SessionEnd::Retry { cause: Cause::Directory, .. })), "{:?}", anew.end());
}

#[test]
fn states_that_were_asked_for_before_a_change_are_taken_once_more() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    let first = talk.sent()["commandId"].clone();
    talk.wished(wishes(&[wish(SubscriptionId::mint())]));
    talk.kept();
    talk.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-1"}));
    assert_eq!(talk.sent()["command"], "addSubscription", "one question for the states is enough at a time");
    talk.receive(json!({"commandId":first,"status":200,"states":[]}));
    assert!(talk.mark().baseline_pending);
    assert!(matches!(talk.entries.list.last(), Some(Entry::BaselineAwaited { anew: true })));
    talk.reply_to("getState", json!({"status":200,"states":[]}));
    assert!(!talk.mark().baseline_pending);
    assert_eq!(talk.commands(), ["startSession", "addSubscription", "getState", "addSubscription", "getState"]);
}

#[test]
fn states_that_come_late_are_not_taken_for_those_of_another_subscription() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.reply(json!({"status":201,"sessionId":"s-1"}));
    talk.reply(json!({"status":200}));
    let first = talk.sent()["commandId"].clone();
    talk.now.instant += Duration::from_secs(181);
    talk.step(Input::Woken);
    talk.wished(wishes(&[wish(SubscriptionId::mint())]));
    talk.kept();
    talk.reply_to("addSubscription", json!({"status":200,"subscriptionId":"f-1"}));
    talk.now.instant += Duration::from_secs(61);
    talk.step(Input::Woken);
    assert_eq!(talk.sent()["command"], "getState");
    talk.receive(json!({"commandId":first,"status":200,"states":[]}));
    assert!(talk.mark().baseline_pending, "they lack what was added");
    talk.reply_to("getState", json!({"status":200,"states":[]}));
    assert!(!talk.mark().baseline_pending);
}

#[test]
fn one_that_is_not_wished_any_more_before_it_is_stored_is_never_asked_for() {
    let mut talk = live();
    talk.actions.clear();
    talk.wished(wishes(&[wish(SubscriptionId::mint())]));
    talk.wished(wishes(&[]));
    talk.kept();
    assert_eq!((talk.commands(), talk.further(), talk.end().is_none()), (vec![], vec![], true));
    assert_eq!(talk.news(), [WishNews::Settled(1)], "{:?}", talk.actions);
}
