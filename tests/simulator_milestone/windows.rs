//! Windows users: what `requests-ntlm`, an NTLM client that is not ours, makes of the identity provider.

use serde_json::{Value, json};
use watchpost::simulator::milestone::{FaultKind, Options, Simulator};

use crate::{
    client::{Answer, get, http, parse, start, with_faults},
    runner::Python,
};

const TOKEN: &str = "/IDP/connect/token";
const USER: &str = "SIMULATED\\watchpost";
const FORM: &str = "grant_type=windows_credentials&client_id=GrantValidatorClient";

fn log_in(simulator: &Simulator, path: &str, user: &str, password: &str) -> Value {
    Python::run("windows_login.py", &[&simulator.url(), path, user, password]).line()
}

fn statuses(simulator: &Simulator) -> Vec<u16> {
    simulator.counters().logins.iter().map(|login| login.status).collect()
}

fn ask(simulator: &Simulator, authorization: Option<&str>) -> Answer {
    let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
    headers.extend(authorization.map(|text| ("Authorization", text)));
    http(simulator.address(), "POST", TOKEN, &headers, FORM)
}

#[test]
fn requests_ntlm_logs_in_with_the_right_password_and_with_no_other() {
    let simulator = start(Options { password: "pässword & more".to_owned(), ..Options::default() });
    let good = json!({"status": 200, "sites": 200});
    assert_eq!(log_in(&simulator, TOKEN, USER, "pässword & more"), good);
    assert_eq!(log_in(&simulator, TOKEN, "simulated\\WatchPost", "pässword & more"), good, "in any case of letters");
    for (user, password) in
        [(USER, "pässword & More"), ("OTHER\\watchpost", "pässword & more"), ("SIMULATED\\other", "pässword & more")]
    {
        assert_eq!(log_in(&simulator, TOKEN, user, password), json!({"status": 401}), "{user}");
    }
    assert_eq!(statuses(&simulator), [200, 200, 401, 401, 401]);
    let counters = simulator.counters();
    assert_eq!((counters.challenges, counters.answers_unasked), (5, 0));
}

#[test]
fn requests_ntlm_does_not_get_through_the_gateway() {
    let simulator = start(Options::default());
    assert_eq!(log_in(&simulator, "/API/IDP/connect/token", USER, "watchpost"), json!({"status": 401}));
    assert_eq!(simulator.counters().challenges, 0);
}

#[test]
fn requests_ntlm_bears_long_and_chunked_bodies_and_negotiate_alone() {
    let simulator = with_faults(&["ntlm-long-body=300KB", "ntlm-chunked"]);
    assert_eq!(log_in(&simulator, TOKEN, USER, "watchpost")["status"], 200);
    simulator.inject(parse("ntlm-negotiate"));
    assert_eq!(log_in(&simulator, TOKEN, USER, "watchpost")["status"], 200);
    simulator.inject(parse("ntlm-unoffered"));
    assert_eq!(log_in(&simulator, TOKEN, USER, "watchpost")["status"], 401);
    assert_eq!(statuses(&simulator), [200, 200]);
}

#[test]
fn requests_ntlm_locks_a_user_out_as_everybody_does() {
    let simulator = start(Options { lockout_after: 1, ..Options::default() });
    assert_eq!(log_in(&simulator, TOKEN, USER, "wrong")["status"], 401);
    assert_eq!(log_in(&simulator, TOKEN, USER, "watchpost")["status"], 401);
    assert_eq!(statuses(&simulator), [401, 401]);
}

#[test]
fn an_answer_on_another_connection_than_its_challenge_is_not_judged() {
    let simulator = start(Options::default());
    // Each request has a connection of its own here. The first message, then a third without anything in it.
    let first = ask(&simulator, Some("NTLM TlRMTVNTUAABAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_eq!((first.status, simulator.counters().challenges), (401, 1));
    assert_eq!(ask(&simulator, Some("NTLM TlRMTVNTUAADAAAA")).status, 401);
    assert_eq!((simulator.counters().answers_unasked, statuses(&simulator)), (1, Vec::new()));
}

#[test]
fn nothing_but_ntlm_is_let_in() {
    let simulator = start(Options::default());
    for authorization in
        [None, Some("Basic d2F0Y2hwb3N0"), Some("NTLM"), Some("NTLM ????"), Some("NTLM TlRMTVNTUAACAAAA")]
    {
        assert_eq!(ask(&simulator, authorization).status, 401, "{authorization:?}");
    }
    let nobody = start(Options { windows_username: "watchpost".to_owned(), ..Options::default() });
    let first = ask(&nobody, Some("NTLM TlRMTVNTUAABAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_eq!((first.status, nobody.counters().challenges), (401, 0), "there is no Windows user");
    simulator.inject(parse("refuse-token=503"));
    assert_eq!(ask(&simulator, None).status, 503);
    simulator.clear(FaultKind::RefuseToken);
    assert_eq!(get(&simulator, "/API/rest/v1/sites", "nonsense").status, 401);
}
