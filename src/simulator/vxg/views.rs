//! What the handle tells of the world, and of what clients did.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, sync_channel},
    time::{Instant, SystemTime},
};

use super::{
    Call, Complaint, Counters, EventRecord, Happening, Origin, Simulator, Truth, VersionRecord, hub::MINUTE, stamp,
    store::Event,
};

impl Simulator {
    /// `http://127.0.0.1:port`, with the path of the options, without a slash at the end; `/api/v2/…` is below it.
    pub fn url(&self) -> String {
        self.lock().url()
    }

    /// The time of the server's clock.
    pub fn now(&self) -> SystemTime {
        stamp::system_time(self.lock().now())
    }

    /// A time as this protocol writes it, `2021-09-23T16:30:00`.
    pub fn text(time: SystemTime) -> String {
        stamp::text(stamp::of(time))
    }

    /// The ids of all cameras.
    pub fn cameras(&self) -> Vec<i64> {
        self.lock().world.cameras.keys().copied().collect()
    }

    /// A camera's access token for `Acc`, with the permission `all`.
    pub fn token(&self, camera: i64) -> Option<String> {
        let core = self.lock();
        Some(core.world.cameras.get(&camera)?.tokens.as_ref()?.all.text.to_string())
    }

    /// A camera's access token for `Acc`, with the permission `watch`.
    pub fn watch_token(&self, camera: i64) -> Option<String> {
        let core = self.lock();
        Some(core.world.cameras.get(&camera)?.tokens.as_ref()?.watch.text.to_string())
    }

    /// The token inside a camera's access token, for a query.
    pub fn inner_token(&self, camera: i64) -> Option<String> {
        let core = self.lock();
        Some(core.world.cameras.get(&camera)?.tokens.as_ref()?.all.inner.to_string())
    }

    /// The group token, for `SI`.
    pub fn group_token(&self) -> String {
        self.lock().world.group.text.to_string()
    }

    /// The licence key, for `LKey`.
    pub fn licence_key(&self) -> String {
        self.lock().world.licence.to_string()
    }

    /// Every secret that opens something now, which no client may show.
    pub fn secrets(&self) -> Vec<String> {
        let core = self.lock();
        let tokens = core.world.cameras.values().filter_map(|camera| camera.tokens.as_ref());
        let tokens = tokens.flat_map(|tokens| [&tokens.all, &tokens.watch]).chain([&core.world.group]);
        let texts = tokens.flat_map(|token| [&token.text, &token.inner]).chain([&core.world.licence]);
        texts.map(|text| text.to_string()).collect()
    }

    /// How every camera is now, by its id.
    pub fn truth(&self) -> BTreeMap<i64, Truth> {
        let core = self.lock();
        let cameras = core.world.cameras.values().map(|camera| {
            let truth = Truth {
                id: camera.id,
                name: camera.name.clone(),
                status: camera.status.clone(),
                grouped: camera.grouped,
            };
            (camera.id, truth)
        });
        cameras.collect()
    }

    /// Every event that is kept, rows that are none and deleted ones too, in the order of arrival.
    pub fn events(&self) -> Vec<EventRecord> {
        self.lock().world.store.all().map(record).collect()
    }

    /// One of them.
    pub fn event(&self, id: i64) -> Option<EventRecord> {
        self.lock().world.store.known(id).map(record)
    }

    /// The ids of all events that the server has accepted and still has, of a camera or of all, in the order of arrival; rows that are none are not
    /// there. What clients must have told when they have caught up, but for what is older than they look back.
    pub fn accepted(&self, camera: Option<i64>) -> Vec<i64> {
        let core = self.lock();
        let meant = core.world.store.all().filter(|event| event.origin != Origin::Row && event.gone.is_none());
        meant.filter(|event| camera.is_none_or(|camera| event.camera == camera)).map(|event| event.id).collect()
    }

    /// How many events lists have now, rows that are none too.
    pub fn listed(&self) -> usize {
        self.lock().world.store.len()
    }

    /// Requests that are kept, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// What a real server would not have liked in requests, or might not have understood, in order; the newest 10,000.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.lock().complaints.iter().cloned().collect()
    }

    /// What was counted until now.
    pub fn counters(&self) -> Counters {
        self.lock().counters.clone()
    }

    /// How many requests came within the last minute, by endpoint, whether or not they are kept.
    pub fn last_minute(&self) -> BTreeMap<&'static str, u64> {
        let core = self.lock();
        let now = Instant::now();
        let mut counts = BTreeMap::new();
        for (_, endpoint) in core.recent.iter().filter(|(at, _)| now - *at <= MINUTE) {
            *counts.entry(*endpoint).or_default() += 1;
        }
        counts
    }

    /// What happens from now on, in words. One who does not keep up misses some; at most `most` wait.
    pub fn happenings(&self, most: usize) -> Receiver<Happening> {
        let (sender, receiver) = sync_channel(most);
        self.lock().listeners.push(sender);
        receiver
    }
}

fn record(event: &Event) -> EventRecord {
    let versions = event.versions.iter().map(|version| VersionRecord {
        meta: version.meta.clone(),
        since: version.since,
        shown: version.shown,
    });
    EventRecord {
        id: event.id,
        camera: event.camera,
        name: event.name.clone(),
        alias: event.alias.clone(),
        time: stamp::system_time(event.time),
        origin: event.origin,
        arrived: event.arrived,
        shown: event.shown,
        first_shown: event.first_shown,
        versions: versions.collect(),
        gone: event.gone,
    }
}
