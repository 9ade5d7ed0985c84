//! `watchpost check --connect`, and servers that want to be approached in their own way.

use std::fs;

use async_nats::jetstream::stream::Config;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer};
use serde_json::{Value, json};

use crate::{
    STREAM, answer, configure, distinct,
    durable_support::{Place, eventually},
    nats::NatsServer,
};

/// What is said of the sink with these lines.
#[track_caller]
fn look(place: &Place, url: &str, more: &str, code: i32) -> String {
    configure(place, url, more);
    let (exit, said) = answer(place, &["check", "--connect"]);
    assert_eq!(exit, Some(code), "{said}");
    said
}

#[test]
fn a_look_tells_what_there_is_and_makes_nothing() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let said = look(&place, &server.url(), "", 0);
    for part in [
        "sink nats: ok",
        "nats-server 2.",
        "WATCHPOST is not there; it is made at the start",
        "watchpost-states is not there",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(server.stream(STREAM).is_none() && server.stream("KV_watchpost-states").is_none());
    server.make_stream(Config { name: STREAM.into(), subjects: vec!["watchpost.>".into()], ..Config::default() });
    let said = look(&place, &server.url(), "", 0);
    for part in [
        "WATCHPOST takes watchpost.>, and has 0 messages",
        "max_age is unlimited, not 7days; a stream that is there keeps its own",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn what_is_wrong_at_a_server_is_told_with_what_to_do() {
    let place = Place::start(1);
    let server = NatsServer::start();
    server.make_stream(Config { name: STREAM.into(), subjects: vec!["orders.>".into()], ..Config::default() });
    let said = look(&place, &server.url(), "", 1);
    assert!(said.contains("nats stream edit WATCHPOST --subjects 'orders.>,watchpost.>'"), "{said}");
    let said = look(&place, &server.url(), "bucket = \"x\"\nstream = \"OTHER\"\nsubject = \"orders\"", 0);
    assert!(said.contains("OTHER is not there"), "{said}");

    server.configure("");
    let mut server = server;
    server.restart();
    let said = look(&place, &server.url(), "", 1);
    assert!(said.contains("the server has no JetStream"), "{said}");

    server.configure("authorization { token: right }");
    server.restart();
    fs::write(place.path("token"), "wrong").unwrap();
    let said = look(&place, &server.url(), "token = { file = \"token\" }", 1);
    assert!(said.contains("refuses the login") && !said.contains("wrong"), "{said}");
    server.kill();
    let said = look(&place, &server.url(), "", 1);
    assert!(said.contains("no connection"), "{said}");
}

#[test]
fn a_user_who_may_not_publish_is_told_which_subject() {
    let users =
        "authorization { users: [ { user: w, password: w, permissions: { publish: { deny: \"watchpost.>\" } } } ] }";
    let server = NatsServer::with_login(users, |options| options.user_and_password("w".into(), "w".into()));
    let place = Place::start(1);
    fs::write(place.path("password"), "w").unwrap();
    let mut file = configure(&place, &server.url(), "username = \"w\"\npassword = { file = \"password\" }");
    let program = place.run_until_online(&mut file);
    eventually("it is told", || {
        answer(&place, &["sinks"]).1.contains("does not permit this user to use the subject watchpost.a.")
    });
    place.end(program);
}

#[test]
fn an_encrypted_server_is_trusted_by_its_own_authority_and_by_no_other() {
    let place = Place::start(1);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&server_key, &issuer).unwrap();
    fs::write(place.path("ca.pem"), authority_certificate.pem()).unwrap();
    fs::write(place.path("server.pem"), certificate.pem()).unwrap();
    fs::write(place.path("server.key"), server_key.serialize_pem()).unwrap();
    let file = |name: &str| place.path(name).display().to_string();
    let tls = format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}", file("server.pem"), file("server.key"));
    let authority = place.path("ca.pem");
    let server =
        NatsServer::with_login(&tls, move |options| options.add_root_certificates(authority.clone()).require_tls(true));

    let url = format!("tls://127.0.0.1:{}", server.port);
    let said = look(&place, &url, "", 1);
    assert!(said.contains("TLS") || said.contains("certificate"), "{said}");
    let mut file = configure(&place, &url, "tls = { ca_file = \"ca.pem\" }");
    let program = place.run_until_online(&mut file);
    place.emit(5);
    eventually("the events are there", || distinct(&server) == 5);
    place.end(program);
}

/// A JWT as NATS has it (version 2 of its claims), signed by `by`.
fn jwt(by: &KeyPair, of: &str, nats: &Value) -> String {
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "jti": of, "iat": 1_700_000_000, "iss": by.public_key(), "name": "watchpost", "sub": of, "nats": nats });
    let signed = format!("{}.{}", encoded(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), encoded(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(by.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[test]
fn a_credentials_file_opens_a_server_whose_accounts_have_keys() {
    let [operator, system, account, user] =
        [KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user()];
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_operator = jwt(&operator, &operator.public_key(), &json!({ "type": "operator", "version": 2 }));
    let of_account = |key: &KeyPair, limits: &Value| {
        let claims = json!({ "type": "account", "version": 2, "limits": limits });
        format!("{}: {}", key.public_key(), jwt(&operator, &key.public_key(), &claims))
    };
    let no_storage =
        json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1 });
    let lines = format!(
        "operator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}\n{}\n}}",
        system.public_key(),
        of_account(&system, &no_storage),
        of_account(&account, &limits),
    );
    let of_user = jwt(
        &account,
        &user.public_key(),
        &json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 }),
    );
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let place = Place::start(1);
    fs::write(place.path("watchpost.creds"), &credentials).unwrap();
    let server = NatsServer::with_login(&lines, move |options| options.credentials(&credentials).unwrap());
    let said = look(&place, &server.url(), "", 1);
    assert!(said.contains("refuses the login"), "{said}");
    let mut file = configure(&place, &server.url(), "credentials = { file = \"watchpost.creds\" }");
    let program = place.run_until_online(&mut file);
    place.emit(5);
    eventually("the events are there", || distinct(&server) == 5);
    place.end(program);
}
