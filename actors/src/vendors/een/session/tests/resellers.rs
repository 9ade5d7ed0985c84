//! A reseller's connection.

use super::*;
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::{CallId, VendorSettings};

fn reseller(accounts: Accounts) -> Talk {
    let mut talk = Talk::new(EenConfig { accounts, ..config() });
    talk.step(Input::Start);
    authorize(&mut talk, true);
    talk
}

fn authorize(talk: &mut Talk, is_master: bool) {
    let user = json!({"owner_account_id":"00004206","is_master":is_master}).to_string();
    let user = User::read(user.as_bytes()).unwrap();
    talk.step(Input::Granted(Arc::new(Grant { user, ..grant() })));
}

/// Rows as EEN documents them, as far as they matter: id, name, and the flags 5 to 7.
fn row(id: &str, name: &str, suspended: u8, inactive: u8) -> Value {
    json!([id, name, 0, 0, 1, suspended, inactive, 1 - inactive])
}

fn answer(talk: &mut Talk, status: u16, body: &str, retry_after: Option<u64>) {
    let retry_after = retry_after.map(Duration::from_secs);
    let answer = RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after };
    let call = called(talk).expect("the accounts are asked for");
    talk.step(Input::Answer(call, Ok(answer)));
}

fn called(talk: &mut Talk) -> Option<CallId> {
    let found = talk.actions.iter().position(|action| matches!(action, Action::Call(..)))?;
    let Action::Call(id, call) = talk.actions.remove(found) else { return None };
    assert_eq!(call.shown(), "GET https://c001.example/g/account/list");
    Some(id)
}

fn list(talk: &mut Talk, rows: &[Value]) {
    answer(talk, 200, &json!(rows).to_string(), None);
}

/// The children: id, name, and why it is barred if it is. All others go.
fn children(talk: &mut Talk) -> Vec<String> {
    let (children, others) = children_and_others(talk);
    assert_eq!(others, Others::Go);
    children
}

/// The same, with what becomes of the others. A child of which nothing is known has `?` before its reason.
fn children_and_others(talk: &mut Talk) -> (Vec<String>, Others) {
    let Children { wanted, others } = talk.children().expect("there is a new list of children");
    let told = wanted.iter().map(|WantedChild { id, vendor, mark }| {
        let VendorSettings::Een(config) = vendor else { panic!("{vendor:?}") };
        let child = config.child.as_ref().unwrap();
        assert_eq!((child.id.as_str(), &config.accounts), (id.as_str(), &Accounts::Own));
        // A new name alone starts nothing anew.
        let barred = child.barred.as_deref().unwrap_or_default();
        assert!(mark.as_deref().is_none_or(|mark| mark == barred), "{mark:?}");
        let doubt = if mark.is_none() { "? " } else { "" };
        format!("{id} {:?} {doubt}{barred}", child.name).trim_end().to_owned()
    });
    (told.collect(), others)
}

fn own() -> Value {
    row("00004206", "Reseller", 0, 0)
}

#[test]
fn every_account_but_its_own_is_a_child_and_those_that_cannot_be_used_say_why() {
    let mut talk = reseller(Accounts::All);
    assert!(!talk.took(|action| matches!(action, Action::Prepare { .. } | Action::Open(_))), "it has no devices");
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("2", "Two", 1, 0), row("3", "", 0, 1)]);
    assert!(talk.took_online() && talk.session.is_caught_up());
    let expected = [
        r#"1 "One""#,
        r#"2 "Two" the account is suspended; Eagle Eye or the reseller can lift that"#,
        r#"3 "3" the account is inactive; Eagle Eye or the reseller can activate it"#,
    ];
    assert_eq!(children(&mut talk), expected);
    assert_eq!(talk.session.checkpoint(), None);
}

#[test]
fn accounts_come_go_and_change_with_each_list() {
    let mut talk = reseller(Accounts::All);
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("2", "Two", 0, 0)]);
    let first = children(&mut talk);
    talk.wait(299);
    assert_eq!(called(&mut talk), None);
    talk.wait(1);
    list(&mut talk, &[own(), row("1", "One", 1, 0), row("3", "Three", 0, 0)]);
    let second = children(&mut talk);
    let ids: Vec<_> = second.iter().map(|mark| &mark[..1]).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_ne!(first[0], second[0], "the child is started anew");
    talk.wait(300);
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("3", "Three", 0, 0)]);
    let third = children(&mut talk);
    assert_eq!((&third[0], &third[1]), (&first[0], &second[1]));
    assert!(talk.end().is_none());
}

#[test]
fn only_those_that_are_named_and_what_is_missing_says_so() {
    let ids = ["2", "9", "00004206"].map(|id| id.parse().unwrap()).to_vec();
    let mut talk = reseller(Accounts::Only(ids));
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("2", "Two", 0, 0)]);
    let expected = [
        r#"2 "Two""#,
        r#"9 "9" the account list does not have it: correct `accounts`, or it was closed"#,
        r#"00004206 "00004206" it is the reseller's own account, which has no devices: take it out of `accounts`"#,
    ];
    assert_eq!(children(&mut talk), expected);
    assert!(talk.took_online());
}

#[test]
fn accounts_stay_as_long_as_a_row_that_cannot_be_read_may_be_theirs() {
    let mut talk = reseller(Accounts::All);
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("2", "Two", 0, 0)]);
    assert_eq!(children(&mut talk).len(), 2);
    for odd in [json!(7), json!([]), json!([null, "Two"]), Value::Null] {
        talk.wait(300);
        list(&mut talk, &[own(), odd, row("1", "One", 1, 0)]);
        let (wanted, others) = children_and_others(&mut talk);
        assert_eq!((wanted.len(), others), (1, Others::Stay), "what can be read counts");
        assert!(wanted[0].contains("suspended"), "{wanted:?}");
    }
    talk.wait(300);
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("1", "One again", 0, 0)]);
    assert_eq!(children(&mut talk), [r#"1 "One""#], "a row that repeats another hides none");
}

#[test]
fn an_account_that_is_named_stays_as_it_is_while_a_row_cannot_be_read() {
    let mut talk = reseller(Accounts::Only(vec!["1".parse().unwrap(), "2".parse().unwrap()]));
    list(&mut talk, &[own(), row("1", "One", 0, 0), json!([])]);
    let (wanted, others) = children_and_others(&mut talk);
    assert_eq!((wanted[0].as_str(), others), (r#"1 "One""#, Others::Stay));
    assert!(wanted[1].starts_with(r#"2 "2" ? the account list does not have it, or"#), "{wanted:?}");
    talk.wait(300);
    list(&mut talk, &[own(), row("1", "One", 0, 0), row("2", "Two", 0, 0)]);
    assert_eq!(children(&mut talk), [r#"1 "One""#, r#"2 "Two""#]);
}

#[test]
fn a_plain_account_is_followed_itself() {
    let rows = json!([own()]).to_string();
    for (status, body) in [(200, rows.as_str()), (200, "[]"), (403, "")] {
        let mut talk = Talk::new(EenConfig { accounts: Accounts::All, ..config() });
        talk.step(Input::Start);
        authorize(&mut talk, false);
        answer(&mut talk, status, body, None);
        assert!(talk.took(|action| matches!(action, Action::Prepare { anew: false, .. })), "{status} {body}");
        assert!(talk.children().is_none());
        talk.step(Input::Prepared(Some(catalog(CAMERAS))));
        talk.step(Input::Opened);
        for esn in [A, B] {
            talk.receive(super::status(esn, ONLINE));
        }
        assert!(talk.took_online() && talk.session.checkpoint().is_some());
    }
}

#[test]
fn a_user_who_may_not_list_accounts_and_shall_follow_some_needs_a_person() {
    let mut talk = Talk::new(EenConfig { accounts: Accounts::Only(vec!["1".parse().unwrap()]), ..config() });
    talk.step(Input::Start);
    authorize(&mut talk, false);
    answer(&mut talk, 403, "", None);
    assert!(talk.end_in_words().starts_with("halt: this user may not list accounts"), "{}", talk.end_in_words());
}

#[test]
fn a_reseller_that_may_not_list_its_accounts_is_not_taken_for_a_plain_account() {
    for accounts in [Accounts::All, Accounts::Only(vec!["1".parse().unwrap()])] {
        let mut talk = reseller(accounts);
        answer(&mut talk, 403, "", None);
        let end = talk.end_in_words();
        assert!(end.starts_with("retry: the accounts cannot be listed: ") && end.contains("(403)"), "{end}");
    }
}

#[test]
fn a_list_that_is_empty_is_believed_when_it_comes_again_at_first_and_later() {
    let mut talk = reseller(Accounts::All);
    answer(&mut talk, 200, "[]", None);
    assert!(talk.children().is_none() && talk.end().is_none() && !talk.took_online());
    talk.wait(15);
    answer(&mut talk, 200, "[]", None);
    assert!(children(&mut talk).is_empty() && talk.took_online());
    talk.wait(300);
    answer(&mut talk, 200, "[]", None);
    assert!(children(&mut talk).is_empty(), "it still is");
    talk.wait(300);
    list(&mut talk, &[own(), row("1", "One", 0, 0)]);
    assert_eq!(children(&mut talk).len(), 1);
    talk.wait(300);
    answer(&mut talk, 200, "[]", None);
    assert!(talk.children().is_none(), "it may be a hiccup");
    talk.wait(14);
    assert_eq!(called(&mut talk), None);
    talk.wait(1);
    list(&mut talk, &[own(), row("1", "One", 0, 0)]);
    assert_eq!(children(&mut talk).len(), 1, "it was one");
    talk.wait(300);
    answer(&mut talk, 200, "[]", None);
    assert!(talk.children().is_none(), "and counts no more");
    talk.wait(15);
    answer(&mut talk, 200, "[]", None);
    assert!(children(&mut talk).is_empty() && talk.end().is_none());
}

#[test]
fn a_list_without_any_account_that_is_wanted_is_believed_when_it_comes_again() {
    let named = || Accounts::Only(vec!["1".parse().unwrap(), "2".parse().unwrap()]);
    for (accounts, shrunk) in
        [(Accounts::All, vec![own()]), (named(), vec![own()]), (named(), vec![own(), row("3", "Three", 0, 0)])]
    {
        let mut talk = reseller(accounts.clone());
        let whole = [own(), row("1", "One", 0, 0), row("2", "Two", 0, 0)];
        list(&mut talk, &whole);
        assert_eq!(children(&mut talk), [r#"1 "One""#, r#"2 "Two""#]);
        // Once may be a hiccup of the server's; another list follows soon.
        for rows in [&shrunk, &whole.to_vec(), &shrunk] {
            talk.wait(300);
            list(&mut talk, rows);
            assert_eq!(talk.children().is_none(), *rows == shrunk);
        }
        talk.wait(15);
        list(&mut talk, &shrunk);
        let gone = children(&mut talk);
        assert!(gone.iter().all(|child| child.contains("the account list does not have it")), "{gone:?}");
        // Also if it is the first one: a session before this one may have opened them.
        let mut talk = reseller(accounts);
        list(&mut talk, &shrunk);
        assert!(talk.children().is_none() && talk.end().is_none() && !talk.took_online());
    }
}

#[test]
fn a_reseller_without_accounts_waits_for_the_first() {
    let mut talk = reseller(Accounts::All);
    list(&mut talk, &[own()]);
    talk.wait(15);
    list(&mut talk, &[own()]);
    assert!(children(&mut talk).is_empty() && talk.took_online());
    talk.wait(300);
    list(&mut talk, &[own(), row("1", "One", 0, 0)]);
    assert_eq!(children(&mut talk), [r#"1 "One""#]);
}

#[test]
fn the_first_list_is_tried_again_by_the_connection() {
    let unavailable = [(429, "", Some(30)), (500, "", None), (200, "<html>", None), (400, "", None)];
    for (status, body, retry_after) in unavailable {
        let mut talk = reseller(Accounts::All);
        answer(&mut talk, status, body, retry_after);
        let Some(SessionEnd::Retry { not_before, .. }) = talk.end() else { panic!("{status}: {:?}", talk.actions) };
        assert_eq!(*not_before, retry_after.map(Duration::from_secs));
    }
}

#[test]
fn a_list_that_cannot_be_had_later_keeps_the_children_and_is_tried_again_sooner() {
    let mut talk = reseller(Accounts::All);
    list(&mut talk, &[own(), row("1", "One", 0, 0)]);
    children(&mut talk);
    talk.wait(300);
    for (status, body, retry_after, pause) in [
        (503, "", None, 15),
        (200, "<html>", None, 30),
        (403, "", None, 60),
        (429, "", Some(200), 200),
        (429, "", Some(1), 240),
        (200, "[]", None, 15),
    ] {
        answer(&mut talk, status, body, retry_after);
        assert!(talk.children().is_none() && talk.end().is_none(), "{status} {body}");
        talk.wait(pause - 1);
        assert_eq!(called(&mut talk), None, "{status} {body}");
        talk.wait(1);
    }
    let call = called(&mut talk).unwrap();
    let fault = crate::transport::error::Fault::Lost("gone".into());
    talk.step(Input::Answer(call, Err(RestError::Failed { at: "GET".into(), fault })));
    talk.wait(300);
    // Empty for the second time: then it is.
    answer(&mut talk, 200, "[]", None);
    assert!(children(&mut talk).is_empty());
}

#[test]
fn a_login_that_has_ended_is_replaced_once_for_each_list() {
    for code in [401, 412, 301] {
        let mut talk = reseller(Accounts::All);
        for _ in 0..3 {
            answer(&mut talk, code, "", None);
            assert!(talk.took_new_login(), "{code}");
            authorize(&mut talk, true);
            list(&mut talk, &[own(), row("1", "One", 0, 0)]);
            assert_eq!(children(&mut talk).len(), 1);
            talk.wait(300);
        }
        answer(&mut talk, code, "", None);
        authorize(&mut talk, true);
        answer(&mut talk, code, "", None);
        assert!(talk.end_in_words().starts_with("retry"), "{code}");
    }
}

#[test]
fn a_child_is_an_account_whatever_its_user_could_list() {
    let child =
        crate::vendors::een::config::ChildAccount { id: "1".parse().unwrap(), name: "One".into(), barred: None };
    let mut talk = Talk::new(EenConfig { child: Some(child), accounts: Accounts::All, ..config() });
    talk.step(Input::Start);
    authorize(&mut talk, true);
    assert_eq!(called(&mut talk), None);
    assert!(talk.took(|action| matches!(action, Action::Prepare { .. })));
}
