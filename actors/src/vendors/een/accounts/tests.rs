//! Account rows and users, documented ones and odd ones.

#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The row of EEN's account documentation.
const DOCUMENTED: &str = r#"[["00004206","Greater God",0,0,1,0,0,1,null,0,0,0,0,0,0,"20180228234555.722",0,"Greater ID",0,{"is_sso_enabled":0,"timezone":"US/Central","feature_flags":[]},"A@GFIMLNQSUTYZcedgfhmpqsutvz"]]"#;
/// The user of EEN's authentication documentation, in part.
const USER: &str = r#"{"id":"ca0e1cf2","user_id":"ca0e1cf2","first_name":"John","last_name":"Doe","email":"john.doe@nodomain.com",
 "owner_account_id":"00004206","active_account_id":"00004207","is_master":1,"is_account_superuser":1,"is_active":1,
 "is_two_factor_authentication_enabled":0,"inactive_session_timeout":15,"timezone":"US/Pacific","utc_offset":-25200,
 "camera_access":[["1005f2ed","r"],["100bd708","r"]],"is_branded":1,"active_brand_subdomain":"c001","is_terms_noncompliant":1}"#;

fn standing(at: usize, value: &Value) -> Standing {
    let mut rows: Vec<Vec<Value>> = serde_json::from_str(DOCUMENTED).unwrap();
    rows[0][at] = value.clone();
    AccountList::read(json!(rows).to_string().as_bytes()).unwrap().accounts[0].standing
}

#[test]
fn the_documented_row_is_read() {
    let list = AccountList::read(DOCUMENTED.as_bytes()).unwrap();
    let expected =
        Account { id: "00004206".parse().unwrap(), name: Some("Greater God".into()), standing: Standing::Active };
    assert_eq!((list.accounts, list.skipped), (vec![expected], vec![]));
}

#[test]
fn suspended_and_inactive_accounts_are_known() {
    for yes in [json!(1), json!(true), json!("1"), json!("true")] {
        assert_eq!(standing(5, &yes), Standing::Suspended, "{yes}");
        assert_eq!(standing(6, &yes), Standing::Inactive, "{yes}");
        assert_eq!(standing(7, &yes), Standing::Active, "{yes}");
    }
    for no in [json!(0), json!(false), json!("0")] {
        assert_eq!(standing(5, &no), Standing::Active, "{no}");
        assert_eq!(standing(6, &no), Standing::Active, "{no}");
        assert_eq!(standing(7, &no), Standing::Inactive, "{no}");
    }
    for odd in [Value::Null, json!(""), json!({}), json!("maybe"), json!(7)] {
        for at in 5..8 {
            assert_eq!(standing(at, &odd), Standing::Active, "{at}: {odd}");
        }
    }
}

#[test]
fn short_rows_are_read_and_useless_ones_told() {
    let list = AccountList::read(
        br#"[["00000001"],["00000002",null,1],[],5,[null,"x"],["a b"],["00000001","again"],[12345678]]"#,
    );
    let list = list.unwrap();
    assert_eq!(
        list.accounts.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["00000001", "00000002", "12345678"]
    );
    assert_eq!(list.skipped.iter().map(|one| one.row).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert_eq!(list.unreadable, 4, "the other one repeats an account that is there");
    assert_eq!(AccountList::read(b"{}"), Err(ListError::NotAList("an object")));
    assert!(matches!(AccountList::read(b"["), Err(ListError::NotJson(_))));
}

#[test]
fn the_documented_user_is_read_and_keeps_no_name_and_no_address() {
    let user = User::read(USER.as_bytes()).unwrap();
    let expected = User {
        id: Some("ca0e1cf2".into()),
        owner_account: "00004206".parse().unwrap(),
        active_account: "00004207".parse().unwrap(),
        is_master: true,
        is_active: true,
        is_two_factor: false,
        is_terms_noncompliant: true,
        subdomain: Subdomain::new("c001"),
        timezone: Some("US/Pacific".into()),
        inactive_session_timeout: Some(15),
    };
    assert_eq!(user, expected);
    let debug = format!("{user:?}");
    assert!(!debug.contains("Doe") && !debug.contains('@'), "{debug}");
}

#[test]
fn truth_values_of_a_user_come_as_numbers_texts_and_themselves() {
    let user = |members: Value| {
        let mut user = json!({"owner_account_id": "00004206"});
        user.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        User::read(user.to_string().as_bytes()).unwrap()
    };
    for (value, expected) in [
        (json!(1), true),
        (json!(true), true),
        (json!("1"), true),
        (json!(0), false),
        (json!(false), false),
        (json!("0"), false),
    ] {
        let user = user(json!({"is_master": value, "is_active": value, "is_terms_noncompliant": value}));
        assert_eq!([user.is_master, user.is_active, user.is_terms_noncompliant], [expected; 3], "{value}");
    }
    let least = user(json!({}));
    assert_eq!((least.is_master, least.is_active, &least.subdomain), (false, true, &None));
    assert_eq!(least.active_account, least.owner_account, "where none is active it is the own one");
    assert_eq!(user(json!({"user_id": 5, "active_account_id": null})).id.as_deref(), Some("5"));
}

#[test]
fn a_subdomain_is_one_label_and_cannot_lead_a_secret_elsewhere() {
    for good in ["c001", "C012", "my-brand", "0"] {
        assert_eq!(Subdomain::new(good).unwrap().as_str(), good.to_ascii_lowercase());
    }
    for bad in ["", "a.b", "evil.com/", "a@b", "a:1", "a b", "-a", "a-", "é", "a/b", "a?b", "a#b", &"x".repeat(64)] {
        assert_eq!(Subdomain::new(bad), None, "{bad}");
        let body = json!({"owner_account_id": "1", "active_brand_subdomain": bad}).to_string();
        assert_eq!(User::read(body.as_bytes()).unwrap().subdomain, None);
    }
}

#[test]
fn what_is_no_user_is_an_error_that_does_not_repeat_it() {
    for (body, why) in [
        ("[]", "the user is a list, not an object"),
        ("null", "the user is null, not an object"),
        ("{\"email\":\"john@nodomain.com\"}", "the user has no usable `owner_account_id`"),
        ("{\"owner_account_id\":\"john@nodomain.com\"}", "the user has no usable `owner_account_id`"),
        ("<html>john@nodomain.com", "the user is no JSON: expected value at line 1 column 1"),
    ] {
        assert_eq!(User::read(body.as_bytes()).unwrap_err().to_string(), why, "{body}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_the_readers_panic(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let list = format!("[[{text}]]");
        let user = format!("{{\"owner_account_id\":{text}}}");
        for body in [text.as_bytes(), &bytes, list.as_bytes(), user.as_bytes()] {
            let _ = AccountList::read(body);
            let _ = User::read(body);
        }
    }
}
