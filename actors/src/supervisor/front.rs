//! The front: what an embedder may ask. None of it holds up a connection.

use std::collections::BTreeMap;
use std::iter;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Row, Supervisor};
use crate::beside::Means;
use crate::commands::{Command, Perform};
use crate::connection::{Control, Launcher};
use crate::lookup::{OwnedDirectories, ResolveNames};
use crate::media::Fetch;
use crate::messages::{
    AddConnection, AddError, AddSubscription, AddedSubscription, CommandError, ConnectionInfo, ConnectionPage,
    FetchMedia, FetchedMedia, GetConnection, GetState, ListConnections, MediaError, NamedItem, PageConnections,
    PanicConnection, QueryStates, RemoveConnection, RemoveSubscription, Resolve, RestartConnection, Standing, StopAll,
    SubscriptionError, UnknownConnection, Unwatch, Watch,
};
use crate::model::ids::ConnectionName;
use crate::model::state::State;
use crate::vendors::{NameKey, Vendor, WithVendor};
use crate::watch::{BeginWatch, EndWatch, WatchId};

impl Supervisor {
    fn info(&self, name: &ConnectionName, row: &Row) -> ConnectionInfo {
        ConnectionInfo {
            name: name.clone(),
            title: row.config.vendor.title(),
            vendor: row.config.vendor.name(),
            status: self.ground.states.status(name.as_str()).unwrap_or_default(),
            restarts: row.restarts,
            tries: row.earlier_tries + row.tries,
            last_error: row.last_error.clone(),
            states: self.ground.states.count(name.as_str()),
        }
    }

    /// The connections there are, by name.
    fn rows(&self, from: Bound<&str>) -> impl Iterator<Item = (&ConnectionName, &Row)> {
        let (mut here, mut left) = (behind(&self.table, from).peekable(), behind(&self.left, from).peekable());
        iter::from_fn(move || match (here.peek(), left.peek()) {
            (Some(one), Some(other)) if other.0 < one.0 => left.next(),
            (None, Some(_)) => left.next(),
            _ => here.next(),
        })
    }
}

fn behind<'a>(
    rows: &'a BTreeMap<ConnectionName, Box<Row>>,
    from: Bound<&str>,
) -> impl Iterator<Item = (&'a ConnectionName, &'a Row)> + use<'a> {
    rows.range::<str, _>((from, Bound::Unbounded)).map(|(name, row)| (name, &**row))
}

impl Handler<ListConnections> for Supervisor {
    type Result = MessageResult<ListConnections>;

    fn handle(&mut self, _: ListConnections, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rows(Bound::Unbounded).map(|(name, row)| self.info(name, row)).collect())
    }
}

impl Handler<PageConnections> for Supervisor {
    type Result = MessageResult<PageConnections>;

    fn handle(&mut self, ask: PageConnections, _: &mut Self::Context) -> Self::Result {
        let PageConnections { after, state, limit } = ask;
        let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let states = self.ground.states.clone();
        let is_wanted = |name: &ConnectionName| {
            state.is_none_or(|state| states.status(name.as_str()).unwrap_or_default().state == state)
        };
        let mut wanted = self.rows(from).filter(|(name, _)| is_wanted(name)).fuse();
        let connections = wanted.by_ref().take(limit).map(|(name, row)| self.info(name, row)).collect();
        let has_more = wanted.next().is_some();
        MessageResult(ConnectionPage { connections, has_more, total: self.table.len() + self.left.len() })
    }
}

impl Handler<GetConnection> for Supervisor {
    type Result = Option<ConnectionInfo>;

    fn handle(&mut self, GetConnection(name): GetConnection, _: &mut Self::Context) -> Self::Result {
        let row = self.table.get(&name).or_else(|| self.left.get(&name));
        row.map(|row| self.info(&name, row))
    }
}

impl Handler<AddConnection> for Supervisor {
    type Result = Result<(), AddError>;

    fn handle(&mut self, AddConnection(config): AddConnection, ctx: &mut Self::Context) -> Self::Result {
        self.add(config, None, ctx)
    }
}

impl Handler<RemoveConnection> for Supervisor {
    type Result = ResponseFuture<Result<(), UnknownConnection>>;

    fn handle(&mut self, RemoveConnection(name): RemoveConnection, _: &mut Self::Context) -> Self::Result {
        let children = self.table.iter().filter(|(_, row)| row.parent.as_ref() == Some(&name));
        let children: Vec<_> = children.map(|(name, _)| name.clone()).collect();
        let Some(wait) = self.leave(&name) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(name))));
        };
        let waits: Vec<_> = children.iter().filter_map(|child| self.leave(child)).chain([wait]).collect();
        Box::pin(async move {
            for wait in waits {
                // An error would mean that the engine itself is gone, and the connection with it.
                drop(wait.await);
            }
            Ok(())
        })
    }
}

impl Handler<RestartConnection> for Supervisor {
    type Result = Result<(), UnknownConnection>;

    fn handle(&mut self, RestartConnection(name): RestartConnection, ctx: &mut Self::Context) -> Self::Result {
        self.order(&name, Control::Restart, ctx)
    }
}

impl Handler<PanicConnection> for Supervisor {
    type Result = Result<(), UnknownConnection>;

    fn handle(&mut self, PanicConnection(name): PanicConnection, ctx: &mut Self::Context) -> Self::Result {
        self.order(&name, Control::Panic, ctx)
    }
}

impl Handler<GetState> for Supervisor {
    type Result = Option<State>;

    fn handle(&mut self, ask: GetState, _: &mut Self::Context) -> Self::Result {
        self.ground.states.get(ask.connection.as_str(), &ask.item, &ask.group)
    }
}

impl Handler<QueryStates> for Supervisor {
    type Result = ResponseFuture<Vec<State>>;

    fn handle(&mut self, QueryStates { filter, limit }: QueryStates, _: &mut Self::Context) -> Self::Result {
        let states = self.ground.states.clone();
        // Every state is looked at: not here, where a connection may be waiting to be started again.
        let query = actix_rt::task::spawn_blocking(move || {
            let mut found = states.query(&filter);
            found.sort_by(|a, b| (&a.connection, &a.item.id, a.group()).cmp(&(&b.connection, &b.item.id, b.group())));
            found.truncate(limit);
            found
        });
        Box::pin(async move { query.await.unwrap_or_default() })
    }
}

impl Handler<Watch> for Supervisor {
    type Result = MessageResult<Watch>;

    fn handle(&mut self, Watch { subject, filter, recipient }: Watch, _: &mut Self::Context) -> Self::Result {
        self.watches += 1;
        let id = WatchId(self.watches);
        let parts = Arc::new(AtomicUsize::new(self.ground.shards.len()));
        let begin = BeginWatch { id, subject, filter: Arc::new(filter), recipient, parts, cut: Arc::default() };
        for shard in &self.ground.shards {
            shard.tracker.do_send(begin.clone());
        }
        MessageResult(id)
    }
}

impl Handler<Unwatch> for Supervisor {
    type Result = ();

    fn handle(&mut self, Unwatch(id): Unwatch, _: &mut Self::Context) {
        for shard in &self.ground.shards {
            shard.tracker.do_send(EndWatch(id));
        }
    }
}

impl Handler<Resolve> for Supervisor {
    type Result = ResponseFuture<Result<Vec<NamedItem>, UnknownConnection>>;

    fn handle(&mut self, Resolve { connection, items }: Resolve, _: &mut Self::Context) -> Self::Result {
        let Some(row) = self.table.get(&connection) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(connection))));
        };
        let keys = items.into_iter().map(|item| NameKey::Item(item.into())).collect();
        let ask = row.lookup.send(ResolveNames(keys));
        Box::pin(async move { Ok(ask.await.map(|learned| learned.items).unwrap_or_default()) })
    }
}

impl Supervisor {
    /// What is needed to do something beside a connection, and the arbiter to do it on.
    fn means<V: Vendor>(&self, row: &Row, config: &V::Config) -> Option<(Means<V>, Addr<Launcher>)> {
        let known = self.accounts.get(&row.account)?.downcast_ref::<OwnedDirectories<V>>()?;
        let shard = self.ground.shards.get(row.shard)?;
        let (account, tls) = (known.share().account, Arc::clone(&row.tls));
        Some((Means { account, tls, brake: self.brake::<V>(config) }, shard.launcher.clone()))
    }
}

/// Sends a fetch to the connection's arbiter.
struct BeginFetch<'a> {
    supervisor: &'a Supervisor,
    row: &'a Row,
    ask: FetchMedia,
}

impl WithVendor for BeginFetch<'_> {
    type Output = ResponseFuture<Result<FetchedMedia, MediaError>>;

    fn with<V: Vendor>(self, config: &V::Config) -> Self::Output {
        let Self { supervisor, row, ask } = self;
        let Some((means, launcher)) = supervisor.means::<V>(row, config) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(ask.connection).into())));
        };
        let fetch = launcher.send(Fetch::<V> { ask, config: config.clone(), means });
        Box::pin(async move { fetch.await.unwrap_or(Err(MediaError::Stopping)) })
    }
}

impl Handler<FetchMedia> for Supervisor {
    type Result = ResponseFuture<Result<FetchedMedia, MediaError>>;

    fn handle(&mut self, ask: FetchMedia, _: &mut Self::Context) -> Self::Result {
        let Some(row) = self.table.get(&ask.connection) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(ask.connection).into())));
        };
        row.config.vendor.with(BeginFetch { supervisor: self, row, ask })
    }
}

/// Sends a command to the connection's arbiter.
struct BeginCommand<'a, C> {
    supervisor: &'a Supervisor,
    row: &'a Row,
    ask: C,
}

impl<C: Command> WithVendor for BeginCommand<'_, C> {
    type Output = ResponseFuture<Result<C::Output, CommandError>>;

    fn with<V: Vendor>(self, config: &V::Config) -> Self::Output {
        let Self { supervisor, row, ask } = self;
        let Some((means, launcher)) = supervisor.means::<V>(row, config) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(ask.connection().clone()).into())));
        };
        let (config, common) = (config.clone(), row.config.common.clone());
        let performed = launcher.send(Perform::<V, C> { ask, config, common, means });
        Box::pin(async move { performed.await.unwrap_or(Err(CommandError::Stopping)) })
    }
}

impl<C: Command> Handler<C> for Supervisor {
    type Result = ResponseFuture<Result<C::Output, CommandError>>;

    fn handle(&mut self, ask: C, _: &mut Self::Context) -> Self::Result {
        let Some(row) = self.table.get(ask.connection()) else {
            return Box::pin(std::future::ready(Err(UnknownConnection(ask.connection().clone()).into())));
        };
        row.config.vendor.with(BeginCommand { supervisor: self, row, ask })
    }
}

impl Supervisor {
    /// The row of a connection to which subscriptions can be added.
    fn subscriber(&self, connection: &ConnectionName) -> Result<&Row, SubscriptionError> {
        let row = self.table.get(connection).filter(|row| row.leaving.is_none());
        let row = row.ok_or_else(|| UnknownConnection(connection.clone()))?;
        if !row.config.vendor.takes_wishes() {
            let (connection, vendor) = (connection.clone(), row.config.vendor.name());
            return Err(SubscriptionError::NotThisVendor { connection, vendor });
        }
        Ok(row)
    }
}

impl Handler<AddSubscription> for Supervisor {
    type Result = ResponseFuture<Result<AddedSubscription, SubscriptionError>>;

    fn handle(&mut self, ask: AddSubscription, _: &mut Self::Context) -> Self::Result {
        let AddSubscription { connection, filters } = ask;
        let checked = self.subscriber(&connection).and_then(|row| {
            row.config.vendor.check_filters(&filters).map_err(SubscriptionError::Invalid)?;
            Ok(row.wanted.add(filters))
        });
        Box::pin(async move { checked?.await.unwrap_or(Err(SubscriptionError::Stopping)) })
    }
}

impl Handler<RemoveSubscription> for Supervisor {
    type Result = ResponseFuture<Result<Standing, SubscriptionError>>;

    fn handle(&mut self, ask: RemoveSubscription, _: &mut Self::Context) -> Self::Result {
        let RemoveSubscription { connection, id } = ask;
        let removing = self
            .subscriber(&connection)
            .and_then(|row| row.wanted.remove(id).ok_or(SubscriptionError::UnknownSubscription { connection, id }));
        Box::pin(async move { removing?.await.map_err(|_| SubscriptionError::Stopping) })
    }
}

impl Handler<StopAll> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopAll, _: &mut Self::Context) -> Self::Result {
        let (done, wait) = oneshot::channel();
        self.stopping.get_or_insert_with(Vec::new).push(done);
        let names: Vec<_> = self.table.keys().cloned().collect();
        if names.is_empty() {
            for waiting in self.stopping.iter_mut().flat_map(|waiting| waiting.drain(..)) {
                let _ = waiting.send(());
            }
        }
        for name in names {
            drop(self.leave(&name));
        }
        Box::pin(async move {
            // An error would mean that the supervisor is gone; then everything has stopped.
            drop(wait.await);
        })
    }
}
