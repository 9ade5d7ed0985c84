//! A few requests to the program's API.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// An answer, or nothing where there was none: the program may be away.
pub(crate) fn ask(port: u16, method: &str, path: &str) -> Option<Value> {
    let (head, body) = text(port, method, path).ok()?;
    head.starts_with("HTTP/1.1 20").then(|| serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn text(port: u16, method: &str, path: &str) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    stream.write_all(
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{length}\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    // A chunk's length stands on a line of its own, and the answers are one line each.
    let body = match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        true => body.split("\r\n").skip(1).step_by(2).collect(),
        false => body.to_owned(),
    };
    Ok((head.to_owned(), body))
}

/// All items of a list.
pub(crate) fn list(port: u16, path: &str) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = ask(port, "GET", &format!("{path}?limit=1000{after}"))?;
        all.extend(page["items"].as_array()?.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Some(all),
        }
    }
}
