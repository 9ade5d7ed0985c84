//! nats-server with JetStream and a store of files. What the sink has left in the stream the floors publish again, each to a fresh server with a stream of the same settings.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, consumer, stream};
use async_nats::{ConnectOptions, HeaderMap};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};

use super::server::{Program, Server};
use super::store::{SINK, by_connection, deliver};
use super::{Case, Run, runtime};
use crate::Outcome;
use crate::words::PATIENCE;

/// The stream that the sink makes by default.
const STREAM: &str = "WATCHPOST";
/// Messages of a connection that the pipelined floor has under way, as many as the MQTT sink.
const UNDER_WAY: usize = 64;
/// What the client may have waiting, as in the sink.
const WAITING: usize = 256;
/// Messages read from the stream at a time.
const PAGE: usize = 1_000;

struct Message {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

/// The sink, then two bare clients with what the stream has got of the sink: one that awaits each acknowledgement of a connection, and one that does not.
pub(super) fn run(program: &Program, case: Case, events: usize) -> Outcome<Run> {
    let server = Server::start(program, config)?;
    let settings = format!("[[sink]]\nname = \"{SINK}\"\nkind = \"nats\"\nurl = \"{}\"\n", url(&server));
    let sink = runtime()?.block_on(deliver(case, events, &settings))?;
    let (made, messages) = runtime()?.block_on(read(&server, events))?;
    let lanes = by_connection(messages, case, events, id)?;
    drop(server);

    let mut floors = Vec::new();
    for under_way in [1, UNDER_WAY] {
        let server = Server::start(program, config)?;
        floors.push(runtime()?.block_on(publish(&server, made.clone(), &lanes, under_way))?);
        let (_, messages) = runtime()?.block_on(read(&server, events))?;
        by_connection(messages, case, events, id)?;
    }
    Ok(Run { sink, floors })
}

fn config(port: u16, folder: &Path) -> String {
    format!("listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n", folder.display())
}

fn url(server: &Server) -> String {
    format!("nats://127.0.0.1:{}", server.port)
}

fn id(message: &Message) -> Outcome<String> {
    let id = message.headers.get("Nats-Msg-Id").ok_or("a message of the stream has no id")?;
    Ok(id.as_str().to_owned())
}

async fn jetstream(server: &Server) -> Outcome<Context> {
    let client = ConnectOptions::new().client_capacity(WAITING).connect(url(server)).await?;
    Ok(ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client))
}

/// The stream's settings and all of its messages, of which there must be so many.
async fn read(server: &Server, events: usize) -> Outcome<(stream::Config, Vec<Message>)> {
    let stream = jetstream(server).await?.get_stream(STREAM).await?;
    let info = stream.cached_info();
    if info.state.messages != events as u64 {
        return Err(format!("the stream has {} messages and not {events}", info.state.messages).into());
    }
    let config = consumer::pull::Config { ack_policy: consumer::AckPolicy::None, ..Default::default() };
    let consumer = stream.create_consumer(config).await?;
    let mut messages = Vec::with_capacity(events);
    while messages.len() < events {
        let page = PAGE.min(events - messages.len());
        let mut batch = consumer.batch().max_messages(page).expires(PATIENCE).messages().await?;
        let before = messages.len();
        while let Some(message) = batch.next().await {
            let message = message.map_err(|error| error.to_string())?.message;
            let (subject, headers) = (message.subject.to_string(), message.headers.unwrap_or_default());
            messages.push(Message { subject, headers, payload: message.payload });
        }
        if messages.len() == before {
            return Err(format!("the stream gives {before} messages and no more").into());
        }
    }
    Ok((info.config.clone(), messages))
}

/// Publishes what each connection has, in order, with so many messages of each under way.
async fn publish(server: &Server, made: stream::Config, lanes: &[Vec<Message>], under_way: usize) -> Outcome<Duration> {
    let began = Instant::now();
    let jetstream = jetstream(server).await?;
    jetstream.create_stream(made).await?;
    let lane = async |messages: &[Message]| -> Outcome<()> {
        let mut waiting = VecDeque::with_capacity(under_way);
        for Message { subject, headers, payload } in messages {
            let message = PublishMessage::build().payload(payload.clone()).headers(headers.clone());
            waiting.push_back(jetstream.send_publish(subject.clone(), message).await?);
            if waiting.len() >= under_way
                && let Some(first) = waiting.pop_front()
            {
                first.await?;
            }
        }
        for last in waiting {
            last.await?;
        }
        Ok(())
    };
    lanes.iter().map(|messages| lane(messages)).collect::<FuturesUnordered<_>>().try_collect::<()>().await?;
    Ok(began.elapsed())
}
