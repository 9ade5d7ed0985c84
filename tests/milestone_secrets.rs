//! A password of signs that forms, URLs and JSON treat specially works, and nothing secret is ever logged.
//!
//! A binary of its own: it takes everything that any part logs, at every level.
#![cfg(all(feature = "simulator", feature = "windows-auth"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{DEADLINE, MS, Plan, eventually, options, pace};
use tracing_subscriber::fmt::MakeWriter;
use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::Secret;
use watchpost::actors::transport::WindowsUser;
use watchpost::actors::vendors::milestone::User;
use watchpost::simulator::milestone::{DropHow, Options};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

const PASSWORD: &str = "p&ss=w+rd %41é \"7\"?#/\\";
const WRONG: &str = "wr&ng+w%rd é";

/// As it stands in a form, in a URL, in JSON, and in Rust's own quotes.
fn spellings(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let json = serde_json::to_string(secret).unwrap();
    vec![secret.to_owned(), form, percent, json.trim_matches('"').to_owned(), format!("{secret:?}")]
}

#[test]
fn any_password_works_and_no_secret_is_logged_at_any_level() {
    let log = Log::default();
    // Takes what goes through `log` too.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone()).init();

    let options = || Options { password: PASSWORD.to_owned(), ..options() };
    let mut rig = Plan::new(options()).start();
    rig.wait_online();
    rig.walk(100.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 20);
    // Every way by which a token or a password travels: resume, renewal, refusal.
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    rig.sim.inject("token-expires=50ms".parse().unwrap());
    pace(100 * MS);
    rig.sim.drop_sockets(DropHow::Reset);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 2);
    assert!(rig.sim.counters().logins_accepted() >= 2);
    rig.settle();

    let refused = Plan::new(options()).vendor(|vendor| vendor.password = Secret::from(WRONG)).start();
    refused.wait_for(ConnectionState::Halted);
    assert_eq!(refused.sim.counters().logins.len(), 1);
    rig.shut_down();
    for (password, state) in [(PASSWORD, ConnectionState::Online), (WRONG, ConnectionState::Halted)] {
        let windows = Plan::new(options())
            .vendor(move |vendor| {
                vendor.user = User::Windows(WindowsUser::parse("SIMULATED\\watchpost").unwrap());
                vendor.password = Secret::from(password);
            })
            .start();
        windows.wait_for(state);
        assert_eq!(windows.sim.counters().logins.len(), 1);
        let service = Plan::new(options())
            .vendor(move |vendor| {
                vendor.user = User::Service("watchpost".to_owned());
                vendor.password = Secret::from(password);
            })
            .start();
        service.wait_for(state);
    }

    let text = log.text();
    for part in ["watchpost_actors", "actix_http", "rustls", "TRACE", "DEBUG"] {
        assert!(text.contains(part), "{part} logs nothing, so this test sees too little");
    }
    // The beginning of each of the simulator's tokens, and of each answer to a challenge.
    let begun = ["eyJhbGciOi".to_owned(), "TlRMTVNTUAAD".to_owned()];
    let secrets = [PASSWORD, WRONG].into_iter().flat_map(spellings).chain(begun);
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret:?} is logged");
    }
    assert!(!refused.reason().contains(WRONG));
}
