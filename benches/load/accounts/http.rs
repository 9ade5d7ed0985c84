//! As much of HTTP/1.1 as a login takes: one request after the other over one connection, answers with their length.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

pub(super) struct Http {
    stream: TcpStream,
    address: SocketAddr,
    /// `auth_key=…`, once a login has told it.
    pub(super) cookie: Option<String>,
}

impl Http {
    pub(super) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, cookie: None })
    }

    /// The body of the answer, which must be a good one.
    pub(super) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Outcome<Vec<u8>> {
        let (address, length) = (self.address, body.len());
        let cookie = self.cookie.as_ref().map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{cookie}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let head = loop {
            if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.more(&mut answer).await?;
        };
        let text = std::str::from_utf8(&answer[..head])?;
        if !text.starts_with("HTTP/1.1 200 ") {
            return Err(format!("{path}: {}", text.lines().next().unwrap_or_default()).into());
        }
        let mut length = None;
        for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse::<usize>()?);
            } else if name.eq_ignore_ascii_case("set-cookie") && value.starts_with("auth_key=") {
                self.cookie = value.split(';').next().map(str::to_owned);
            }
        }
        let length = length.ok_or("an answer without its length")?;
        while answer.len() < head + length {
            self.more(&mut answer).await?;
        }
        Ok(answer.split_off(head))
    }

    async fn more(&mut self, answer: &mut Vec<u8>) -> Outcome<()> {
        if self.stream.read_buf(answer).await? == 0 {
            return Err("the connection ended before the answer".into());
        }
        Ok(())
    }
}
