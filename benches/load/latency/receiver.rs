//! A webhook's receiver that does the least that is HTTP: reads the clock when a request is whole, answers 204, and looks whose events they are.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use super::moment;
use super::tally::{Delays, Expected, Tally};
use super::webhook::Sites;
use crate::Outcome;
use crate::words::{Word, say};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    time: &'a str,
    connection: &'a str,
    origin: &'a str,
}

/// Takes all events, and tells how long they took.
pub(crate) fn run(expected: Expected) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, listen(expected))
}

async fn listen(expected: Expected) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&Word::Listening { url: format!("http://{}/", listener.local_addr()?) })?;
    let tally = Rc::new(RefCell::new(Tally::new(&expected)?));
    let (news, mut all) = mpsc::unbounded_channel();
    spawn_local(accept(listener, tally, news));
    let delays = all.recv().await.ok_or("nobody listens any more")??;
    say(&Word::Delays(delays))?;
    // The engine has some last words, which are answered until whoever has started us ends us.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    Ok(())
}

async fn accept(listener: TcpListener, tally: Rc<RefCell<Tally>>, news: News) {
    loop {
        let accepted = listener.accept().await;
        let (tally, news) = (Rc::clone(&tally), news.clone());
        spawn_local(async move {
            let served = match accepted {
                Ok((stream, _)) => serve(stream, &tally, &news).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = served {
                // The first word counts, and after it nobody listens.
                let _ = news.send(Err(error.to_string()));
            }
        });
    }
}

type News = mpsc::UnboundedSender<Result<Delays, String>>;

async fn serve(mut stream: TcpStream, tally: &RefCell<Tally>, news: &News) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(64 << 10);
    while stream.read_buf(&mut buffer).await? > 0 {
        let arrived = moment::now();
        while let Some((head, length)) = request(&buffer)? {
            stream.write_all(ANSWER).await?;
            take(&buffer[head..length], &mut tally.borrow_mut(), arrived)?;
            buffer.advance(length);
            if let Some(delays) = tally.borrow().done() {
                // One word is enough, and after it nobody listens.
                let _ = news.send(Ok(delays));
            }
        }
    }
    Ok(())
}

/// Where the body of the first request begins and ends, if all of it is there.
fn request(bytes: &[u8]) -> Outcome<Option<(usize, usize)>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = head + length.ok_or("a request does not tell its length")?;
    Ok((bytes.len() >= length).then_some((head, length)))
}

fn take(body: &[u8], tally: &mut Tally, arrived: i128) -> Outcome<()> {
    let events: Vec<Event<'_>> =
        if body.first() == Some(&b'[') { serde_json::from_slice(body)? } else { vec![serde_json::from_slice(body)?] };
    // What the engine itself has to say no site has sent.
    for Event { id, time, connection, .. } in events.into_iter().filter(|event| event.origin == "live") {
        tally.take(Sites::number(connection)?, id, time, arrived)?;
    }
    Ok(())
}
