#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::transport::error::{Fault, RestError};
use crate::transport::request::{Body, HeaderText, Method, RestAnswer, RestCall};

/// What was written, however the tape ends.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with('\n'), "each line is whole");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk with room for so many bytes.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.min(bytes.len());
        self.0 -= room;
        if room == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(room) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn login() -> RestCall {
    let mut call = RestCall::new(Method::Post, "https://vms.test:8443/API/IDP/connect/token?a=1".parse().unwrap());
    call.body = Body::Form(vec![
        ("username".into(), "svc".to_owned().into()),
        ("password".into(), HeaderText::secret("p&ss-1234")),
    ]);
    call.header("authorization", HeaderText::secret("Basic c3ZjOnAmc3MtMTIzNA=="))
}

fn answer() -> RestAnswer {
    let headers = [("Content-Type", "application/json"), ("Set-Cookie", "sid=0123456789; Path=/"), ("X-Else", "1")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = r#"{"access_token":"tok-0123456789","at":"https://vms.test:8443/API"}"#;
    RestAnswer { status: 200, headers, body: body.into(), retry_after: None }
}

#[test]
fn a_call_is_written_with_its_answer_and_without_what_is_secret() {
    let paper = Paper::default();
    let tape = Tape::to(Box::new(paper.clone()), "milestone").unwrap();
    let call = login();
    tape.call(&call).answered(Ok(&answer()));
    let lines = paper.lines();
    assert_eq!((&lines[0]["watchpost"], &lines[0]["version"]), (&"frames".into(), &1.into()));
    let line = &lines[1];
    assert!(line["at"].as_f64().is_some() && line["took"].as_f64().is_some(), "{line}");
    assert_eq!(line["what"], "call");
    assert_eq!((&line["method"], &line["host"]), (&"POST".into(), &"https://host-2.invalid".into()));
    assert_eq!((&line["path"], &line["query"]), (&"/API/IDP/connect/token".into(), &"a=1".into()));
    assert_eq!(line["form"][1][0], "password");
    assert_eq!(line["answer"].as_array().unwrap().len(), 2, "{line}");
    let body: Value = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["at"], "https://host-2.invalid/API");
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    for secret in ["p&ss-1234", "c3ZjOnAmc3MtMTIzNA", "tok-0123456789", "0123456789", "vms.test", "8443"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(tape.counts(), Counts { calls: 1, bytes: text.len() as u64, ..Counts::default() });
}

#[tokio::test]
async fn a_full_disk_ends_the_recording_and_is_told() {
    let tape = Tape::to(Box::new(Disk(300)), "milestone").unwrap();
    let call = login();
    for _ in 0..5 {
        tape.call(&call).answered(Ok(&answer()));
    }
    let why = tape.broken().await;
    assert!(why.contains("storage") || why.contains("space"), "{why}");
    assert_eq!(tape.counts().calls, 0);
}

#[test]
fn a_file_is_its_owners_alone_and_not_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hq.frames");
    drop(Tape::create(&path, false, "een").unwrap());
    assert!(matches!(Tape::create(&path, false, "een"), Err(TapeError::Exists(_))));
    std::fs::write(&path, "old").unwrap();
    drop(Tape::create(&path, true, "een").unwrap());
    assert!(!std::fs::read_to_string(&path).unwrap().contains("old"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(Tape::create(folder.path(), true, "een"), Err(TapeError::File { .. })));
}

#[test]
fn what_cannot_be_looked_through_is_left_out_and_its_size_told() {
    for (headers, body) in [
        (vec![("Content-Encoding".to_owned(), "gzip".to_owned())], &b"{\"token\":1}"[..]),
        (Vec::new(), &b"\xff\xfe{\0\"\0"[..]),
        (Vec::new(), &b"{\0\"\0L\0E\0A\0K\0"[..]),
    ] {
        let paper = Paper::default();
        let tape = Tape::to(Box::new(paper.clone()), "milestone").unwrap();
        tape.call(&login()).answered(Ok(&RestAnswer { status: 200, headers, body: body.into(), retry_after: None }));
        let line = &paper.lines()[1];
        assert_eq!(
            (&line["omitted"], &line["body"], &line["base64"]),
            (&body.len().into(), &Value::Null, &Value::Null)
        );
    }
}

#[test]
fn no_machine_is_named_by_a_challenge_a_redirect_or_a_certificate() {
    let paper = Paper::default();
    let tape = Tape::to(Box::new(paper.clone()), "milestone").unwrap();
    let headers = [
        ("WWW-Authenticate", "NTLM TlRMTVNTUAACAAAALEAK, Basic realm=\"LEAKVMS01.corp.local\""),
        ("Location", "//LEAKrel.corp.local/x?ticket=LEAK01"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    tape.call(&login()).answered(Ok(&RestAnswer { status: 401, headers, body: "".into(), retry_after: None }));
    let detail = "invalid peer certificate: valid for DnsName(\"LEAKsrv42.corp.local\")".to_owned();
    let fault = Fault::Tls { detail, lasting: true };
    tape.call(&login()).answered(Err(&RestError::Failed { at: "POST https://vms.test:8443/API".to_owned(), fault }));
    let lines = paper.lines();
    assert_eq!(lines[1]["answer"][0][1], "Basic, NTLM");
    assert!(lines[1]["answer"][1][1].as_str().unwrap().starts_with("//host-"), "{}", lines[1]);
    assert!(lines[2]["failed"].as_str().unwrap().contains("certificate"), "{}", lines[2]);
    assert!(!format!("{lines:?}").contains("LEAK"), "{lines:?}");
}
