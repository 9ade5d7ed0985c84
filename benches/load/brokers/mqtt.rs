//! mosquitto. Somebody listens at it (QoS 0), as in any house that has a broker, and hears what is published, whoever does: so the floor publishes the same messages, and is
//! heard out as well.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;
use rumqttc::{AsyncClient, Broker, Event, EventLoop, MqttOptions, Packet, PublishOptions, PublishResult, QoS};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::server::{Program, Server};
use super::store::{SINK, by_connection, deliver};
use super::{Case, Run, runtime};
use crate::Outcome;
use crate::words::PATIENCE;

/// Events of a connection that are sent before the first is acknowledged, as the sink does it;
const BATCH: usize = 64;
/// of all connections together;
const ROOM: usize = 256;
/// and what the client library may have under way.
const IN_FLIGHT: u16 = 512;

#[derive(Debug)]
struct Message {
    topic: String,
    body: Bytes,
}

/// The sink, then a bare client with what was heard of the sink.
pub(super) fn run(program: &Program, case: Case, events: usize) -> Outcome<Run> {
    let broker = Server::start(program, config)?;
    let listener = Listener::start(broker.port)?;
    let settings =
        format!("[[sink]]\nname = \"{SINK}\"\nkind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\n", broker.port);
    let sink = runtime()?.block_on(deliver(case, events, &settings))?;
    let lanes = by_connection(listener.hear(events)?, case, events, id)?;
    drop(broker);

    let broker = Server::start(program, config)?;
    let listener = Listener::start(broker.port)?;
    let floor = runtime()?.block_on(publish(broker.port, &lanes))?;
    by_connection(listener.hear(events)?, case, events, id)?;
    Ok(Run { sink, floors: vec![floor] })
}

/// Debian's defaults, but that nothing is dropped when the listener is slow.
fn config(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n\
         max_queued_messages 0\nlog_dest stderr\nlog_type error\nuser root\n"
    )
}

fn id(message: &Message) -> Outcome<String> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
    }
    let Line { id } = serde_json::from_slice(&message.body)
        .map_err(|error| format!("a message at {} is no event: {error}", message.topic))?;
    Ok(id)
}

fn client(name: &str, port: u16) -> Outcome<(AsyncClient, EventLoop)> {
    let mut options = MqttOptions::new(name, Broker::tcp("127.0.0.1", port));
    options.set_clean_start(true).set_outgoing_inflight_upper_limit(IN_FLIGHT);
    options.set_socket_connector(move |_, _| async move {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    Ok(AsyncClient::builder(options).unbounded().try_build()?)
}

/// Publishes what each connection has, as the sink does: a batch of each connection, whose acknowledgements are waited for, then the next.
async fn publish(port: u16, lanes: &[Vec<Message>]) -> Outcome<Duration> {
    let began = Instant::now();
    let (client, mut events) = client("floor", port)?;
    let room = Semaphore::new(ROOM);
    let lane = async |messages: &[Message]| -> Outcome<()> {
        for batch in messages.chunks(BATCH) {
            let _room = room.acquire_many(u32::try_from(batch.len())?).await?;
            let mut sent = Vec::with_capacity(batch.len());
            for Message { topic, body } in batch {
                sent.push(client.try_publish_tracked(topic, body.clone(), PublishOptions::at_least_once())?);
            }
            for notice in sent {
                match notice.wait_async().await? {
                    PublishResult::Qos1(_) => {}
                    other => return Err(format!("the broker has answered {other:?}").into()),
                }
            }
        }
        Ok(())
    };
    let lanes = lanes.iter().map(|messages| lane(messages)).collect::<FuturesUnordered<_>>();
    let lost = async {
        loop {
            if let Err(error) = events.poll().await {
                break error;
            }
        }
    };
    tokio::select! {
        done = lanes.try_collect::<()>() => done?,
        error = lost => return Err(error.into()),
    }
    Ok(began.elapsed())
}

enum Heard {
    Subscribed,
    Message(Message),
    Lost(String),
}

/// Somebody who listens, on a thread of its own until the broker has ended.
struct Listener(Receiver<Heard>);

impl Listener {
    /// Comes back when the broker knows that it listens.
    fn start(port: u16) -> Outcome<Self> {
        let (say, heard) = mpsc::channel();
        thread::spawn(move || {
            let listened = runtime().and_then(|runtime| runtime.block_on(listen(port, &say)));
            if let Err(error) = listened {
                // Whoever wanted to know may be gone.
                let _ = say.send(Heard::Lost(error.to_string()));
            }
        });
        let listener = Self(heard);
        match listener.0.recv_timeout(PATIENCE)? {
            Heard::Subscribed => Ok(listener),
            Heard::Message(message) => Err(format!("{} was published before anything else", message.topic).into()),
            Heard::Lost(why) => Err(why.into()),
        }
    }

    /// So many messages, which must come soon.
    fn hear(&self, count: usize) -> Outcome<Vec<Message>> {
        let next = |_| match self.0.recv_timeout(PATIENCE)? {
            Heard::Message(message) => Ok(message),
            Heard::Subscribed => Err("the broker has said twice that somebody listens".into()),
            Heard::Lost(why) => Err(why.into()),
        };
        (0..count).map(next).collect()
    }
}

async fn listen(port: u16, say: &Sender<Heard>) -> Outcome<()> {
    let (client, mut events) = client("listener", port)?;
    client.try_subscribe("watchpost/+/+/events/+", QoS::AtMostOnce)?;
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => say.send(Heard::Subscribed)?,
            Event::Incoming(Packet::Publish(message)) => {
                let topic = std::str::from_utf8(&message.topic)?.to_owned();
                say.send(Heard::Message(Message { topic, body: message.payload.clone() }))?;
            }
            _ => {}
        }
    }
}
