//! The devices that are followed: who was asked, who has answered, and what is known of each.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use jiff::Timestamp;

use super::answers::{Received, Teller, Took};
use super::device::{Again, Device, Pace, Spread, Standing, is_refused, make_unknown, refusals};
use crate::vendors::een::EenConfig;
use crate::vendors::een::checkpoint::{EenCheckpoint, Row};
use crate::vendors::een::devices::{DeviceKind, DeviceList};
use crate::vendors::een::status::Reading;
use crate::vendors::een::wire::{AccountId, Esn, FourCc, Frame, RefusalCode, Resource, subscribe};
use crate::vendors::{Entries, Now};

/// Entities in one request: some 100 KiB. No limit is documented.
pub(super) const ENTITIES: NonZeroUsize = NonZeroUsize::new(1_000).expect("it is not 0");

/// All that are followed.
#[derive(Debug)]
pub(super) struct Devices {
    table: HashMap<Esn, Device, RandomState>,
    /// Not followed any more; their states have still to be made unknown.
    gone: Vec<(Esn, DeviceKind)>,
    /// How many have not answered yet.
    awaited: usize,
    resources: Vec<Resource>,
    codes: Vec<FourCc>,
    /// Codes of events that come under an account's id.
    account_codes: Vec<FourCc>,
    /// How those that could not answer are asked again.
    again: Pace,
    /// When the first of those that could not answer is to be asked again, or sooner.
    next_asking: Option<Instant>,
    /// Somebody may be away: else nobody is looked up for that, frame by frame.
    are_away: bool,
    teller: Teller,
}

/// What another list asks for.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// To be subscribed to.
    pub(super) ask: Vec<Esn>,
    /// Not to be followed any more.
    pub(super) drop: Vec<Esn>,
}

impl Devices {
    /// Those that were followed before.
    pub(super) fn new(config: &EenConfig, mark: EenCheckpoint) -> Self {
        let EenCheckpoint { codes: before, devices, .. } = mark;
        let resources = config.resources.clone();
        let codes = if resources.contains(&Resource::Event) { config.events.clone() } else { Vec::new() };
        // All who are known were asked for these; where nobody is, for any.
        let asked_before = if devices.is_empty() {
            codes.clone()
        } else {
            before.into_iter().filter(|code| codes.contains(code)).collect()
        };
        Self {
            are_away: devices.values().any(|device| device.away.is_some()),
            table: devices.into_iter().map(|(esn, device)| (esn, Device::remembered(device))).collect(),
            gone: Vec::new(),
            awaited: 0,
            account_codes: codes.iter().filter(|code| code.as_str().starts_with("AE")).copied().collect(),
            again: Pace { most: config.relist_every, spread: Spread::default() },
            next_asking: None,
            teller: Teller::new(&resources, asked_before),
            resources,
            codes,
        }
    }

    /// They are those of an account with this share.
    pub(super) fn spread(&mut self, spread: Spread) {
        self.again.spread = spread;
    }

    /// How many have not answered yet.
    pub(super) fn awaited(&self) -> usize {
        self.awaited
    }

    /// Whether an account's own events are asked for.
    pub(super) fn asks_of_accounts(&self) -> bool {
        !self.account_codes.is_empty()
    }

    /// Whether there is none to be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether there is one that a list must have told of.
    pub(super) fn has_listed(&self) -> bool {
        self.table.values().any(|device| device.kind != DeviceKind::Other)
    }

    /// Follows what is in the list, and `account`, whose events are those of users and devices as such, where such codes are asked for.
    /// What is there already and was refused is asked again. Without a list that can be believed all stay; so do those that may be in a row of it
    /// which cannot be read.
    pub(super) fn list(&mut self, list: Option<&DeviceList>, account: Option<&AccountId>) -> Listed {
        let anything = self.resources.iter().any(|one| *one != Resource::Event) || !self.codes.is_empty();
        let account = account.filter(|_| !self.account_codes.is_empty()).cloned().map(Esn::from);
        let in_list = list.into_iter().flat_map(|list| &list.devices);
        let wanted = in_list
            .clone()
            .filter(|device| anything && device.is_wanted())
            .map(|device| (device.esn.clone(), device.kind));
        let wanted: HashMap<_, _, RandomState> =
            account.map(|account| (account, DeviceKind::Other)).into_iter().chain(wanted).collect();
        let has_holes = list.is_none_or(|list| list.unreadable > 0);
        let seen: HashSet<&Esn> = in_list.filter(|_| has_holes).map(|device| &device.esn).collect();
        let mut listed = Listed::default();
        let Self { table, gone, awaited, .. } = self;
        table.retain(|esn, device| {
            let stays = match wanted.get(esn) {
                Some(kind) => *kind == device.kind,
                None => has_holes && device.kind != DeviceKind::Other && !seen.contains(esn),
            };
            if !stays {
                *awaited -= usize::from(device.standing == Standing::Awaited);
                if device.lit {
                    gone.push((esn.clone(), device.kind));
                }
                if !wanted.contains_key(esn) {
                    listed.drop.push(esn.clone());
                }
            }
            stays
        });
        for (esn, kind) in &wanted {
            if !table.contains_key(esn) {
                table.insert(esn.clone(), Device::new(*kind));
                listed.ask.push(esn.clone());
            }
        }
        let refused = table.iter().filter(|(_, device)| device.standing == Standing::Refused);
        listed.ask.extend(refused.map(|(esn, _)| esn.clone()));
        listed
    }

    /// These are asked, whatever they have said before.
    pub(super) fn await_answers_of(&mut self, esns: &[Esn], now: Now) {
        for esn in esns {
            if let Some(device) = self.table.get_mut(esn) {
                self.awaited += usize::from(device.standing != Standing::Awaited);
                device.standing = Standing::Awaited;
                (device.asked, device.first, device.again, device.denied) = (Some(now), None, None, false);
            }
        }
    }

    /// All there are: on a new socket they are asked again.
    pub(super) fn all(&self) -> Vec<Esn> {
        self.table.keys().cloned().collect()
    }

    /// When the first of those that could not answer is to be asked again, or sooner.
    pub(super) fn next_asking(&self) -> Option<Instant> {
        self.next_asking
    }

    /// Those that could not answer, and are to be asked again now. Who was asked again already in vain has states no more.
    pub(super) fn ask_again(&mut self, now: Instant, entries: &mut Entries) -> Vec<Esn> {
        let mut ask = Vec::new();
        if self.next_asking.is_none_or(|at| now < at) {
            return ask;
        }
        self.next_asking = None;
        for (esn, device) in &mut self.table {
            let Some(mut again) = device.again else { continue };
            if again.at <= now {
                if again.tries > 0 {
                    device.forget_states(esn.as_str(), entries);
                }
                again = Again::after(now, again.tries + 1, self.again);
                device.again = Some(again);
                ask.push(esn.clone());
            }
            self.next_asking = Some(self.next_asking.map_or(again.at, |at| at.min(again.at)));
        }
        ask
    }

    /// Notes whom a frame denies access to, and says whether there is one.
    pub(super) fn note_denied(&mut self, frame: &Frame<'_>) -> bool {
        let is_refusing = frame.refusal.is_some() || frame.has_refusals();
        let mut any = false;
        for entity in frame.entities().filter(|_| is_refusing) {
            if let Some(device) = self.table.get_mut(entity.esn) {
                device.denied = refusals(frame, entity).any(|code| code == RefusalCode::AccessDenied);
                any |= device.denied;
            }
        }
        any
    }

    /// Whether access is denied to every single one.
    pub(super) fn are_all_denied(&self) -> bool {
        !self.table.is_empty() && self.table.values().all(|device| device.denied)
    }

    /// Whether anything has come of anyone on this socket.
    pub(super) fn has_answered(&self) -> bool {
        self.table.values().any(|device| !matches!(device.standing, Standing::Awaited | Standing::Silent))
    }

    /// Since when those have not been followed that a frame brings back; `None` if there are none.
    pub(super) fn away_since(&self, frame: &Frame<'_>) -> Option<Timestamp> {
        if !self.are_away {
            return None;
        }
        let back = frame.entities().filter(|entity| !is_refused(frame, *entity));
        back.filter_map(|entity| self.table.get(entity.esn)?.away).min()
    }

    /// Whoever is not followed now has something to miss from here on.
    pub(super) fn leave_all(&mut self, from: Timestamp) {
        for device in self.table.values_mut().filter(|device| device.standing != Standing::Answered) {
            device.leave(from);
        }
        self.are_away = self.table.values().any(|device| device.away.is_some());
    }

    /// All that follow or are awaited.
    pub(super) fn followed(&self) -> Vec<Esn> {
        let followed = self.table.iter().filter(|(_, device)| device.standing != Standing::Refused);
        followed.map(|(esn, _)| esn.clone()).collect()
    }

    /// The requests that subscribe to these.
    pub(super) fn requests(&self, esns: Vec<Esn>) -> Vec<String> {
        let is_account = |esn: &Esn| self.table.get(esn).is_some_and(|device| device.kind == DeviceKind::Other);
        let (accounts, devices): (Vec<_>, Vec<_>) = esns.into_iter().partition(is_account);
        let of_devices = subscribe(&devices, &self.resources, &self.codes, ENTITIES);
        let of_accounts = subscribe(&accounts, &[Resource::Event], &self.account_codes, ENTITIES);
        of_devices.chain(of_accounts).collect()
    }

    /// Whether a refusal is meant for some of them alone: it names them.
    pub(super) fn are_named(&self, frame: &Frame<'_>) -> bool {
        frame.entities().any(|entity| self.table.contains_key(entity.esn))
    }

    /// Notes who has answered in a frame that is held back.
    pub(super) fn hold(&mut self, frame: &Frame<'_>) -> Took {
        let mut took = Took::default();
        for entity in frame.entities() {
            let Some(device) = self.table.get_mut(entity.esn) else { continue };
            took.is_ours = true;
            if !is_refused(frame, entity) {
                took.has_data = true;
                // The gap that is open takes its own in.
                let away = device.away.take();
                took.away_since = took.away_since.into_iter().chain(away).min();
            }
            if device.standing == Standing::Awaited {
                device.standing = Standing::Held;
                self.awaited -= 1;
            }
        }
        took
    }

    /// Makes entries of what a frame tells. Who is refused in it was followed until then.
    pub(super) fn take(
        &mut self,
        now: Instant,
        received: &Received,
        followed_until: Timestamp,
        frame: &Frame<'_>,
        entries: &mut Entries,
    ) -> Took {
        let mut took = Took::default();
        let Self { table, awaited, again, next_asking, are_away, teller, .. } = self;
        for entity in frame.entities() {
            // Who was not asked has nothing to tell: a device that was dropped a moment ago, say.
            let Some(device) = table.get_mut(entity.esn) else { continue };
            took.is_ours = true;
            *awaited -= usize::from(device.standing == Standing::Awaited);
            if is_refused(frame, entity) {
                took.is_urgent = true;
                if refusals(frame, entity).all(RefusalCode::may_pass) {
                    device.put_off(now, *again, entity.esn, entries);
                    *next_asking = (*next_asking).into_iter().chain(device.again.map(|again| again.at)).min();
                } else {
                    // For a user who may not see it, or a device that is being erased, this is how it should be: nothing to be logged.
                    (device.standing, device.again) = (Standing::Refused, None);
                    device.forget_states(entity.esn, entries);
                }
                device.leave(followed_until);
                *are_away = true;
                continue;
            }
            took.has_data = true;
            if device.standing == Standing::Answered {
                teller.tell(device, entity, received, entries, &mut took);
            } else {
                teller.tell_first(device, entity, received, entries, &mut took);
            }
        }
        took
    }

    /// Makes the states unknown of those that are not followed any more.
    pub(super) fn tell_gone(&mut self, entries: &mut Entries) {
        for (esn, kind) in self.gone.drain(..) {
            make_unknown(kind, esn.as_str(), entries);
        }
    }

    /// Nothing is expected any more of those that have not answered for so long; they are asked again. Tells when it is time for the next ones.
    pub(super) fn give_up(&mut self, now: Instant, patience: Duration, entries: &mut Entries) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for (esn, device) in &mut self.table {
            if device.standing == Standing::Awaited {
                if let Some(until) = device.asked.map(|asked| asked.instant + patience).filter(|until| now < *until) {
                    next = next.into_iter().chain([until]).min();
                    continue;
                }
                self.awaited -= 1;
                let again = Again::after(now, 0, self.again);
                (device.standing, device.again) = (Standing::Silent, Some(again));
                self.next_asking = Some(self.next_asking.map_or(again.at, |at| at.min(again.at)));
                device.forget_states(esn.as_str(), entries);
            }
        }
        self.settle();
        next
    }

    /// Whoever answers has answered: from now on a code of which nothing is known has not happened.
    pub(super) fn settle(&mut self) {
        if self.awaited > 0 || self.teller.asked_before() == self.codes {
            return;
        }
        self.teller.set_asked_before(&self.codes);
        for device in self.table.values_mut().filter(|device| !device.has_answered) {
            // Of the codes that are new nothing is known.
            device.known = false;
            device.newest.clear();
        }
    }

    /// The codes that everyone known was asked for.
    pub(super) fn asked_before(&self) -> &[FourCc] {
        self.teller.asked_before()
    }

    /// For the checkpoint: who is not followed, though it was.
    pub(super) fn away(&self) -> impl Iterator<Item = (&Esn, Timestamp)> + Clone {
        let known = self.table.iter().filter(|(_, device)| device.known);
        known.filter_map(|(esn, device)| Some((esn, device.away?)))
    }

    /// For the checkpoint.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> + Clone {
        let row = |esn, kind| Row { esn, kind, reading: Reading::default(), newest: &[] };
        let gone = self.gone.iter().map(move |(esn, kind)| row(esn, *kind));
        let known = self.table.iter().filter(|(_, device)| device.known);
        let known = known.map(|(esn, Device { kind, reading, newest, .. })| Row {
            esn,
            kind: *kind,
            reading: *reading,
            newest,
        });
        gone.chain(known)
    }
}
