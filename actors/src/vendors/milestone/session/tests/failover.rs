//! Several gateways, of which some are away.

use url::Url;

use super::*;
use crate::transport::Fault;
use crate::transport::request::WebSocketRequest;
use crate::vendors::milestone::login::mark;

/// A grant for gateways a, b and c; a is in use.
fn three() -> Arc<Grant> {
    let urls: Vec<Url> = ["a", "b", "c"].iter().map(|name| format!("https://{name}/API/").parse().unwrap()).collect();
    let gateways = Gateways::of(&urls).unwrap();
    Arc::new(Grant { gateways, token: SecretString::from("token".to_owned()), version: None })
}

fn away() -> OpenError {
    OpenError::Failed { at: "wss://x/".into(), fault: Fault::Connect("refused".into()) }
}

fn status(status: u16) -> OpenError {
    OpenError::Refused { at: "wss://x/".into(), status, retry_after: None, www_authenticate: None, body: "".into() }
}

impl Talk {
    fn at(grant: &Arc<Grant>, resume: Resume) -> Self {
        let mut talk = Self::begin(config(Selection::All), resume);
        talk.step(Input::Granted(Arc::clone(grant)));
        talk.step(Input::Prepared(Some(catalog())));
        talk
    }

    /// The socket that is asked for: its gateway, and how long it has.
    fn asked(&mut self) -> Option<(String, Duration)> {
        let found = self.actions.iter().position(|action| matches!(action, Action::Open(_)))?;
        let Action::Open(WebSocketRequest { url, open_timeout, .. }) = self.actions.remove(found) else { return None };
        Some((url.host_str()?.to_owned(), open_timeout))
    }

    fn asked_at(&mut self) -> String {
        self.asked().map(|(host, _)| host).unwrap_or_default()
    }

    /// The same connection after a break, some seconds later.
    fn later(&self, grant: &Arc<Grant>, seconds: i64) -> Self {
        let resume = Resume { checkpoint: self.session.checkpoint(), heard: Some(self.now.wall) };
        let mut talk = Self::begin(config(Selection::All), resume);
        talk.now.wall = self.now.wall + jiff::SignedDuration::from_secs(seconds);
        talk.step(Input::Granted(Arc::clone(grant)));
        talk.step(Input::Prepared(Some(catalog())));
        talk
    }
}

/// A session with an event, at gateway a of three.
fn live_at_a(grant: &Arc<Grant>) -> Talk {
    let mut talk = Talk::at(grant, Resume::default());
    assert_eq!(talk.asked_at(), "a");
    talk.step(Input::Opened);
    talk.establish();
    talk.receive(events(&["e1"]));
    talk
}

#[test]
fn whatever_keeps_a_gateway_from_taking_the_socket_the_next_is_asked_at_once() {
    let tls = Fault::Tls { detail: "expired".into(), lasting: true };
    for error in [
        away(),
        OpenError::Failed { at: "wss://x/".into(), fault: Fault::Timeout(Duration::from_secs(3)) },
        OpenError::Failed { at: "wss://x/".into(), fault: tls },
        status(500),
        status(503),
    ] {
        let grant = three();
        let mut talk = Talk::at(&grant, Resume::default());
        assert_eq!(talk.asked_at(), "a");
        talk.step(Input::Refused(error));
        assert_eq!((talk.asked_at().as_str(), talk.end().is_none()), ("b", true), "in the same try");
        assert_eq!(grant.gateway().host_str(), Some("b"), "names and commands go there too");
    }
}

#[test]
fn a_gateway_without_the_interface_is_left_after_its_three_spellings() {
    let grant = three();
    let mut talk = Talk::at(&grant, Resume::default());
    let mut asked = vec![];
    while let Some((host, _)) = talk.asked() {
        asked.push(host);
        talk.step(Input::Refused(status(404)));
    }
    assert_eq!(asked.concat(), "aaabbbccc");
    let end = talk.end().unwrap().to_string();
    assert!(end.contains("none of 3 gateways answers") && end.contains("2023 R3"), "{end}");
}

#[test]
fn what_says_nothing_against_the_gateway_is_no_reason_to_leave_it() {
    for error in [status(403), status(429)] {
        let grant = three();
        let mut talk = Talk::at(&grant, Resume::default());
        assert_eq!(talk.asked_at(), "a");
        talk.step(Input::Refused(error));
        assert!(talk.end().is_some() && talk.asked().is_none());
        assert_eq!(grant.gateway().host_str(), Some("a"));
    }
}

#[test]
fn a_token_is_renewed_once_before_a_gateway_that_refuses_it_is_left() {
    let grant = three();
    let mut talk = Talk::at(&grant, Resume::default());
    assert_eq!(talk.asked_at(), "a");
    talk.step(Input::Refused(status(401)));
    assert!(talk.took(|action| matches!(action, Action::Authorize { refused: true })));
    talk.step(Input::Granted(Arc::clone(&grant)));
    assert_eq!(talk.asked_at(), "a", "the new token at the same one");
    talk.step(Input::Refused(status(401)));
    assert_eq!(talk.asked_at(), "b");
    assert!(!talk.took(|action| matches!(action, Action::Authorize { refused: true })), "no further login");
}

#[test]
fn where_all_are_away_the_reason_tells_how_many_and_discovery_is_asked_anew_later() {
    let grant = three();
    let mut talk = Talk::at(&grant, Resume::default());
    for gateway in ["a", "b", "c"] {
        assert_eq!(talk.asked_at(), gateway);
        talk.step(Input::Refused(away()));
    }
    let end = talk.end().unwrap().to_string();
    assert!(end.starts_with("none of 3 gateways answers; the last: ") && end.contains("cannot connect"), "{end}");
    let mut soon = Talk::at(&grant, Resume::default());
    assert!(!soon.took(|action| matches!(action, Action::Authorize { refused: true })) && soon.asked().is_some());
    let later = |grant: &Arc<Grant>| {
        let mut talk = Talk::begin(config(Selection::All), Resume::default());
        talk.now.instant += Duration::from_secs(61);
        talk.step(Input::Granted(Arc::clone(grant)));
        talk
    };
    let mut first = later(&grant);
    assert!(first.took(|action| matches!(action, Action::Authorize { refused: true })));
    first.step(Input::Granted(Arc::clone(&grant)));
    first.step(Input::Prepared(Some(catalog())));
    assert!(first.asked().is_some(), "with what discovery has told");
    assert!(!later(&grant).took(|action| matches!(action, Action::Authorize { refused: true })), "one asks for all");
}

#[test]
fn a_session_is_resumed_where_it_was_and_that_may_not_take_long() {
    let grant = three();
    let talk = live_at_a(&grant);
    grant.gateways.away(talk.now.instant - Duration::from_secs(60), &"https://a/API/".parse().unwrap());
    assert_eq!(grant.gateway().host_str(), Some("b"), "others have left it a while ago");
    let mut again = talk.later(&grant, 5);
    assert_eq!(again.asked(), Some(("a".to_owned(), Duration::from_secs(3))));
    again.step(Input::Refused(away()));
    assert_eq!(again.asked(), Some(("b".to_owned(), Duration::from_secs(3))));
    again.step(Input::Refused(away()));
    assert_eq!(again.asked(), Some(("c".to_owned(), Duration::from_millis(7_500))), "there is no other to hurry to");
}

#[test]
fn what_one_connection_has_found_out_spares_the_others_the_dead_gateway() {
    let grant = three();
    let (one, other) = (live_at_a(&grant), live_at_a(&grant));
    let mut one = one.later(&grant, 5);
    assert_eq!(one.asked_at(), "a");
    one.step(Input::Refused(away()));
    assert_eq!(other.later(&grant, 5).asked_at(), "b");
}

#[test]
fn another_gateway_that_knows_the_session_resumes_it_and_is_its_home_from_then_on() {
    let grant = three();
    let mut again = live_at_a(&grant).later(&grant, 5);
    again.step(Input::Refused(away()));
    again.step(Input::Opened);
    assert_eq!((again.sent()["sessionId"].as_str(), again.sent()["eventId"].as_str()), (Some("s-1"), Some("e1")));
    again.reply(json!({"status":200,"sessionId":"s-1"}));
    assert!(again.took(|action| matches!(action, Action::Online)));
    assert_eq!(
        (again.gaps(), again.session.place().as_deref()),
        (vec![], Some("at https://b/API/, one of 3 gateways"))
    );
    again.receive(events(&["e2"]));
    assert_eq!(again.mark().gateway, Some(mark(&"https://b/API/".parse().unwrap())));
    grant.gateways.answers(again.now.instant, &"https://a/API/".parse().unwrap());
    assert_eq!(again.later(&grant, 5).asked_at(), "b");
}

#[test]
fn another_gateway_that_does_not_know_the_session_is_one_gap_that_says_so() {
    for (seconds, reason) in [(5, "gateway_changed"), (50, "session_expired")] {
        let grant = three();
        let mut again = live_at_a(&grant).later(&grant, seconds);
        again.step(Input::Refused(away()));
        again.step(Input::Opened);
        again.establish();
        let reasons: Vec<_> = again.gaps().into_iter().map(|gap| gap.2).collect();
        assert_eq!(reasons, [reason]);
    }
}

#[test]
fn a_gateway_that_takes_sockets_and_does_not_answer_on_them_is_left() {
    let grant = three();
    let mut again = live_at_a(&grant).later(&grant, 5);
    assert_eq!(again.asked_at(), "a");
    again.step(Input::Opened);
    again.now.instant += Duration::from_millis(7_500);
    again.step(Input::Woken);
    assert!(again.end().is_some());
    assert_eq!(again.later(&grant, 9).asked_at(), "b");

    let grant = three();
    let mut again = live_at_a(&grant).later(&grant, 5);
    again.step(Input::Opened);
    let (mut session, mut todo) = (again.session, Todo::default());
    assert!(!session.dropped(again.now, &mut todo));
    assert_eq!(grant.gateway().host_str(), Some("b"));
}

#[test]
fn a_live_socket_that_breaks_says_nothing_against_its_gateway() {
    let grant = three();
    let mut talk = live_at_a(&grant);
    assert!(!talk.session.dropped(talk.now, &mut Todo::default()));
    assert_eq!((grant.gateway().host_str(), talk.later(&grant, 1).asked_at().as_str()), (Some("a"), "a"));
}

#[test]
fn with_one_gateway_nothing_is_told_of_several() {
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.open();
    talk.establish();
    assert_eq!(talk.session.place(), None);
    let mut talk = Talk::begin(config(Selection::All), Resume::default());
    talk.step(Input::Granted(grant()));
    talk.step(Input::Prepared(Some(catalog())));
    talk.step(Input::Refused(away()));
    assert_eq!(talk.end().unwrap().to_string(), away().to_string());
}
