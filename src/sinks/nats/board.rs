//! The key-value bucket with the present states.
//!
//! | key | value |
//! |---|---|
//! | `<connection>` | how the connection is doing |
//! | `<connection>.<item>.<group>` | a state of an item |

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{
    context::PublishError,
    kv::{Entry, Operation, PutError, Store},
    stream::{Config, DiscardPolicy, StorageType},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    select,
    sync::{Notify, watch},
    time::sleep,
};
use watchpost_actors::model::{ConnectionName, ConnectionState};

use super::{
    link::Link,
    session::Session,
    stream,
    trouble::{Trouble, chain, lost, of_publish},
};
use crate::{
    config::NatsSink,
    sinks::{
        backoff::Backoff,
        level,
        mirror::{About, Board, Document, Heard, Place, by_group, state_json},
        outlet::Failure,
    },
};

/// What was heard and is not looked at yet, at most; the rest waits at the server.
const MOST_HEARD: usize = 256;
/// A bucket that is emptied again and again is looked at less and less often, up to so many times the first pause.
const SELDOM: u32 = 32;
/// The longest key; it is part of a subject.
const LONGEST_KEY: usize = 3_000;

/// The bucket of a sink.
pub(super) struct Buckets {
    name: String,
    replicas: usize,
    session: Rc<Session>,
    /// The number of the present session; 0 before the first.
    number: watch::Sender<u64>,
    present: RefCell<Option<(Rc<Link>, Store)>>,
    /// What was there when the session began or was put there since, and is not asked for yet; with the numbers that the server gave it.
    heard: RefCell<VecDeque<(u64, Heard)>>,
    more: Notify,
    room: Notify,
    /// What we have put in this session, and the number that the server gave it.
    put: RefCell<HashMap<String, u64>>,
    look_every: Duration,
    /// How often in a row the bucket was emptied, as a factor of that.
    seldom: Cell<u32>,
    /// The bucket is not there any more.
    gone: Notify,
}

impl Buckets {
    pub(super) fn new(session: Rc<Session>) -> Self {
        let NatsSink { bucket, limits, look_every, .. } = session.settings();
        Self {
            name: bucket.clone(),
            replicas: usize::from(limits.replicas),
            look_every: *look_every,
            seldom: Cell::new(1),
            session,
            number: watch::Sender::default(),
            present: RefCell::default(),
            heard: RefCell::default(),
            more: Notify::new(),
            room: Notify::new(),
            put: RefCell::default(),
            gone: Notify::new(),
        }
    }

    /// Opens the bucket, and opens it anew whenever the connection or the bucket is lost. For ever.
    pub(super) async fn keep(&self, sink: &str) {
        let mut backoff = Backoff::new();
        loop {
            let after = match self.session.connection().await {
                Ok(link) => match self.hold(sink, &link).await {
                    Ok(()) => {
                        backoff = Backoff::new();
                        None
                    }
                    Err(trouble) => {
                        let why = format!("present states are not kept up: {}", trouble.why());
                        self.session.herald().remark("bucket", vec![why]);
                        None
                    }
                },
                // Who keeps the connection tells it.
                Err(Failure::Again { after, .. }) => after,
                Err(_) => None,
            };
            sleep(backoff.pause(after)).await;
        }
    }

    /// Opens the bucket over a connection; comes back when either is lost, or the bucket is another or emptied.
    async fn hold(&self, sink: &str, link: &Rc<Link>) -> Result<(), Trouble> {
        let store = open(link, &self.name, self.replicas).await?;
        self.heard.borrow_mut().clear();
        self.put.borrow_mut().clear();
        *self.present.borrow_mut() = Some((Rc::clone(link), store.clone()));
        self.session.herald().remark("bucket", Vec::new());
        self.number.send_modify(|number| *number += 1);
        let ended = select! {
            watched = self.watch(link, &store) => watched,
            () = link.lost() => Ok(()),
            () = self.gone.notified() => Ok(()),
            () = self.emptied(sink, link) => Ok(()),
        };
        // The connection is closed when nobody holds it any more.
        *self.present.borrow_mut() = None;
        ended
    }

    /// Finds what is there, and hears what is put there. For ever, but for trouble.
    async fn watch(&self, link: &Link, store: &Store) -> Result<(), Trouble> {
        let unreadable = |why: String| Trouble::Later(format!("the bucket {} cannot be read: {why}", self.name));
        let subject = format!("$JS.API.CONSUMER.CREATE.KV_{}", self.name);
        let entries = link.within(&subject, store.watch_with_history(">")).await?;
        let mut entries = entries.map_err(|error| unreadable(chain(&error)))?;
        while let Some(entry) = link.within(&subject, entries.next()).await? {
            let Entry { key, value, revision, operation, .. } = entry.map_err(|error| unreadable(chain(&error)))?;
            let body = if operation == Operation::Put { value } else { Bytes::new() };
            while self.heard.borrow().len() >= MOST_HEARD {
                self.room.notified().await;
            }
            self.heard.borrow_mut().push_back((revision, Heard { key, body }));
            self.more.notify_one();
        }
        Err(unreadable("the server tells nothing more of it".to_owned()))
    }

    /// Comes back when the bucket is not the one any more that it was, or holds less than was put there: nobody tells that.
    async fn emptied(&self, sink: &str, link: &Link) {
        let mut made = None;
        loop {
            // What is put there meanwhile may or may not be counted.
            let put = u64::try_from(self.put.borrow().len()).unwrap_or(u64::MAX);
            match stream::find(link, &stream_of(&self.name)).await {
                Ok(Some(info)) if *made.get_or_insert(info.created) == info.created && info.state.messages >= put => {
                    if put > 0 {
                        self.seldom.set(1);
                    }
                }
                // It is seen elsewhere if the connection is lost.
                Err(_) => {}
                Ok(found) => {
                    let what = if found.is_some() { "emptied" } else { "deleted" };
                    tracing::warn!(
                        sink,
                        bucket = self.name,
                        "The bucket with present states was {what}; everything is put there anew."
                    );
                    self.seldom.set((self.seldom.get() * 2).min(SELDOM));
                    return;
                }
            }
            sleep(self.look_every * self.seldom.get()).await;
        }
    }

    /// What this session works with.
    fn of(&self, session: u64) -> Result<(Rc<Link>, Store), Failure> {
        let present = self.present.borrow();
        present.clone().filter(|_| *self.number.borrow() == session).ok_or_else(|| Trouble::Later(lost()).into())
    }

    /// What has become of a value or a removal.
    fn judge<E: std::error::Error + 'static>(
        &self,
        link: &Link,
        outcome: Result<Result<(), E>, Trouble>,
    ) -> Result<(), Failure> {
        let Err(error) = outcome? else { return Ok(()) };
        let reasons = std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
        let publish = reasons.into_iter().find_map(|error| error.downcast_ref::<PublishError>());
        let trouble = publish.map_or_else(
            || Trouble::Later(format!("the bucket {} did not take it: {}", self.name, chain(&error))),
            |error| of_publish(error, &stream_of(&self.name), link.timeout()),
        );
        if matches!(trouble, Trouble::NoStream(_)) {
            self.gone.notify_one();
        }
        Err(trouble.into())
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.name)
    }
}

/// Finds the bucket, or makes it.
async fn open(link: &Link, name: &str, replicas: usize) -> Result<Store, Trouble> {
    let stream = stream_of(name);
    if stream::find(link, &stream).await?.is_none() {
        stream::make(link, bucket(name, replicas)).await?;
    }
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let store = link.within(&subject, link.jetstream.get_key_value(name)).await?;
    store.map_err(|error| Trouble::Later(format!("the bucket {name} cannot be used: {}", chain(&error))))
}

/// The stream in which a bucket lies.
pub(super) fn stream_of(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// A bucket as a stream (NATS architecture, ADR-8). Made by hand: the client's own way asks for the account first, and does not understand what
/// servers before 2.10 answer.
fn bucket(name: &str, replicas: usize) -> Config {
    Config {
        name: stream_of(name),
        description: Some("Present states, by watchpost".to_owned()),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_messages: -1,
        max_bytes: -1,
        max_consumers: -1,
        max_message_size: -1,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: Duration::from_secs(120),
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    }
}

/// The key of a connection.
fn key_of(connection: &ConnectionName) -> String {
    level::encode(connection.as_str())
}

impl Board for Buckets {
    fn documents(&self, about: About<'_>) -> Vec<Document> {
        match about {
            About::Program => Vec::new(),
            About::Connection(connection) => {
                let body = json!({
                    "connection": connection.name.as_str(),
                    "vendor": connection.vendor,
                    "title": connection.title,
                    "state": connection.state,
                });
                vec![Document { key: key_of(&connection.name), body: body.to_string().into() }]
            }
            About::Missing(name) => {
                let body = json!({"connection": name.as_str(), "state": ConnectionState::Connecting});
                vec![Document { key: key_of(name), body: body.to_string().into() }]
            }
            About::Item(connection, states) => by_group(states)
                .into_iter()
                .map(|(group, state)| {
                    let (item, group) = (level::encode(&state.item.id), level::encode(group));
                    Document { key: format!("{}.{item}.{group}", key_of(&connection.name)), body: state_json(state) }
                })
                .collect(),
        }
    }

    fn place(&self, key: &str) -> Option<Place> {
        let levels = key.split('.').map(level::decode).collect::<Option<Vec<_>>>()?;
        let connection = levels.first()?.parse::<ConnectionName>().ok()?;
        match &levels[..] {
            [_] => Some(Place::Connection(connection)),
            [_, item, _] => Some(Place::Item(connection, Arc::from(&**item))),
            _ => None,
        }
    }

    async fn session(&self, after: u64) -> u64 {
        let mut number = self.number.subscribe();
        match number.wait_for(|number| *number > after).await {
            Ok(number) => *number,
            // The sender is this very board's.
            Err(_) => std::future::pending().await,
        }
    }

    async fn heard(&self, session: u64) -> Heard {
        loop {
            let heard = if *self.number.borrow() == session { self.heard.borrow_mut().pop_front() } else { None };
            let Some((revision, heard)) = heard else {
                self.more.notified().await;
                continue;
            };
            self.room.notify_one();
            let mut put = self.put.borrow_mut();
            // What was there before we put something else, or is what we put.
            if put.get(&heard.key).is_some_and(|ours| revision <= *ours) {
                continue;
            }
            if heard.body.is_empty() {
                put.remove(&heard.key);
            }
            return heard;
        }
    }

    fn heard_after(&self) -> Duration {
        // Nothing is said of the program here that would have to wait for it.
        Duration::ZERO
    }

    async fn put(&self, session: u64, document: &Document) -> Result<(), Failure> {
        let (link, store) = self.of(session)?;
        let Document { key, body } = document;
        if key.len() > LONGEST_KEY {
            let why = format!("its key would have {} bytes, more than the {LONGEST_KEY} that servers take", key.len());
            return Err(Trouble::Refused(why).into());
        }
        let put = async {
            let revision = store.put(key, body.clone()).await?;
            self.put.borrow_mut().insert(key.clone(), revision);
            Ok::<_, PutError>(())
        };
        self.judge(&link, link.within(&self.subject(key), put).await)
    }

    async fn remove(&self, session: u64, key: &str) -> Result<(), Failure> {
        let (link, store) = self.of(session)?;
        self.judge(&link, link.within(&self.subject(key), store.purge(key)).await)
    }

    fn settled(&self, key: &str, refused: Option<&str>) {
        self.session.herald().settled(key, refused);
    }
}
