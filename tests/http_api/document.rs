//! The OpenAPI document: whether it is valid, true, and told in the guide.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    cli_support::{Watchpost, finish, program},
    place::Place,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python that has the packages of `tests/python/requirements.txt`.
fn python() -> PathBuf {
    std::env::var_os("WATCHPOST_TEST_PYTHON").map_or_else(|| root().join("target/venv/bin/python"), PathBuf::from)
}

#[test]
fn the_document_is_valid_openapi() {
    let place = Place::bare(None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    fs::write(&file, place.get("/api/v1/openapi.json").body).unwrap();
    let mut validator = Command::new(python());
    validator.args(["-m", "openapi_spec_validator"]).arg(file);
    let (code, stdout, stderr) = finish(validator);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}

#[test]
fn the_guide_tells_every_path_of_the_document() {
    let document = Place::bare(None).get("/api/v1/openapi.json").json();
    let guide = fs::read_to_string(root().join("docs/api.md")).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let heading = format!("{} {path}", method.to_uppercase());
            assert!(guide.contains(&heading), "docs/api.md does not tell of `{heading}`");
        }
    }
}

/// Requests made up from the document, good and bad ones, against the real program with systems of all vendors.
#[test]
fn what_the_document_says_is_what_is_answered() {
    // An address that other machines could reach: so there is a token, and whether it is asked for is looked at as well.
    let mut demo = program(&["demo", "--listen", "0.0.0.0:0", "--for", "5m"]);
    let mut demo = Watchpost(demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let title = lines.next().unwrap().unwrap();
    // Whoever does not read what a demo tells holds it up.
    std::thread::spawn(move || lines.for_each(drop));
    let behind = |what: &str| title.split_once(what).unwrap().1.split([' ', ';', '/']).next().unwrap().to_owned();
    let (port, token) = (behind("dashboard at http://0.0.0.0:"), behind("with the token "));
    let folder = tempfile::tempdir().unwrap();
    let mut schemathesis = Command::new(python());
    schemathesis
        .current_dir(&folder)
        .env("SCHEMATHESIS_HOOKS", root().join("tests/python/schemathesis_hooks.py"))
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(root().join("tests/python/schemathesis.toml"))
        .args(["run", &format!("http://127.0.0.1:{port}/api/v1/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--report", "json", "--report-json-path", "report.json"]);
    let (code, stdout, stderr) = finish(schemathesis);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    // Its time may be over before it has come to all of them, which it does not take for a failure.
    let report: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("report.json")).unwrap()).unwrap();
    let paths = Place::bare(None).get("/api/v1/openapi.json").json();
    let paths = paths["paths"].as_object().unwrap().iter();
    // It leaves out what it reads the document from.
    let paths = paths.filter(|(path, _)| !path.ends_with("/stream") && !path.ends_with("/openapi.json"));
    let operations: usize = paths.map(|(_, item)| item.as_object().unwrap().len()).sum();
    assert_eq!(report["operations"]["tested"], operations, "each but the streams was tried: {stdout}");
    drop(demo);
}
