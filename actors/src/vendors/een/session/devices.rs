//! The devices that are followed: who was asked, who has answered, and what is known of each.

use std::num::NonZeroUsize;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::answers::{Received, Teller, Took};
use crate::vendors::een::EenConfig;
use crate::vendors::een::checkpoint::{EenCheckpoint, Newest, Remembered, Row};
use crate::vendors::een::devices::{DeviceKind, DeviceList};
use crate::vendors::een::status::{Form, Reading};
use crate::vendors::een::wire::{AccountId, Answer, Entity, Esn, FourCc, Frame, Resource, subscribe};
use crate::vendors::{Entries, Entry, Scope, Snapshot};

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
    teller: Teller,
}

/// One that is followed.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: DeviceKind,
    pub(super) standing: Standing,
    /// The resource that its words are taken from.
    pub(super) form: Option<Form>,
    /// It has answered before: what has happened since is missed, and not old.
    pub(super) known: bool,
    /// The states that are stored of it may be other than unknown.
    pub(super) lit: bool,
    pub(super) reading: Reading,
    pub(super) newest: Vec<Newest>,
}

/// How far a device has come on this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is asked, or will be.
    Awaited,
    /// Its first answer is held back.
    Held,
    /// It follows: what comes is live.
    Answered,
    /// It has been asked for so long that nothing is expected any more; should an answer come, it is the first one.
    Silent,
    /// The server does not want to tell of it. It is asked again after the next listing.
    Refused,
}

/// What another list asks for.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// To be subscribed to.
    pub(super) ask: Vec<Esn>,
    /// Not to be followed any more.
    pub(super) drop: Vec<Esn>,
}

impl Device {
    fn new(kind: DeviceKind) -> Self {
        Self {
            kind,
            standing: Standing::Silent,
            form: None,
            known: false,
            lit: false,
            reading: Reading::default(),
            newest: Vec::new(),
        }
    }

    fn remembered(Remembered { kind, reading, newest }: Remembered) -> Self {
        Self { known: true, lit: true, reading, newest, ..Self::new(kind) }
    }

    /// What is known of its states does not hold any more.
    pub(super) fn forget_states(&mut self, esn: &str, entries: &mut Entries) {
        (self.reading, self.form) = (Reading::default(), None);
        self.newest.iter_mut().for_each(|newest| newest.sets = false);
        if std::mem::take(&mut self.lit) {
            make_unknown(self.kind, esn, entries);
        }
    }
}

fn make_unknown(kind: DeviceKind, esn: &str, entries: &mut Entries) {
    let scope = Scope::Item(format!("{}{esn}", prefix(kind)).into());
    entries.enter(Entry::Snapshot(Box::new(Snapshot { scope, states: Vec::new() })));
}

/// Whether a frame says of an entity that nothing more comes of it.
fn is_refused(frame: &Frame<'_>, entity: Entity<'_, '_>) -> bool {
    frame.refusal.is_some() || entity.answers.iter().any(|answer| matches!(answer, Answer::Refused(_)))
}

/// What stands before the ESN in the subject of its events.
pub(super) const fn prefix(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "cameras/",
        DeviceKind::Bridge => "bridges/",
        DeviceKind::Other => "devices/",
    }
}

impl Devices {
    /// Those that were followed before.
    pub(super) fn new(config: &EenConfig, mark: EenCheckpoint) -> Self {
        let EenCheckpoint { codes: before, devices, .. } = mark;
        let resources = config.resources.clone();
        let codes = if resources.contains(&Resource::Event) { config.events.clone() } else { Vec::new() };
        let asked_before = before.into_iter().filter(|code| codes.contains(code)).collect();
        Self {
            table: devices.into_iter().map(|(esn, device)| (esn, Device::remembered(device))).collect(),
            gone: Vec::new(),
            awaited: 0,
            account_codes: codes.iter().filter(|code| code.as_str().starts_with("AE")).copied().collect(),
            teller: Teller::new(&resources, asked_before),
            resources,
            codes,
        }
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

    /// Follows what is in the list, and `account`, whose events are those of users and devices as such, where such codes are asked for.
    /// What is there already and was refused is asked again.
    pub(super) fn list(&mut self, list: &DeviceList, account: Option<&AccountId>) -> Listed {
        let anything = self.resources.iter().any(|one| *one != Resource::Event) || !self.codes.is_empty();
        let account = account.filter(|_| !self.account_codes.is_empty()).cloned().map(Esn::from);
        let wanted = list.wanted().filter(|_| anything).map(|device| (device.esn.clone(), device.kind));
        let wanted: HashMap<_, _, RandomState> =
            account.map(|account| (account, DeviceKind::Other)).into_iter().chain(wanted).collect();
        let mut listed = Listed::default();
        let Self { table, gone, awaited, .. } = self;
        table.retain(|esn, device| {
            let stays = wanted.get(esn) == Some(&device.kind);
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
        self.await_answers_of(&listed.ask);
        listed
    }

    fn await_answers_of(&mut self, esns: &[Esn]) {
        for esn in esns {
            if let Some(device) = self.table.get_mut(esn)
                && device.standing != Standing::Awaited
            {
                device.standing = Standing::Awaited;
                self.awaited += 1;
            }
        }
    }

    /// A new socket: whatever they said on the one before, they are asked again.
    pub(super) fn await_all(&mut self) -> Vec<Esn> {
        let all: Vec<_> = self.table.keys().cloned().collect();
        self.await_answers_of(&all);
        all
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
            took.has_data |= !is_refused(frame, entity);
            if device.standing == Standing::Awaited {
                device.standing = Standing::Held;
                self.awaited -= 1;
            }
        }
        took
    }

    /// Makes entries of what a frame tells.
    pub(super) fn take(&mut self, received: &Received, frame: &Frame<'_>, entries: &mut Entries) -> Took {
        let mut took = Took::default();
        let Self { table, awaited, teller, .. } = self;
        for entity in frame.entities() {
            // Who was not asked has nothing to tell: a device that was dropped a moment ago, say.
            let Some(device) = table.get_mut(entity.esn) else { continue };
            took.is_ours = true;
            *awaited -= usize::from(device.standing == Standing::Awaited);
            if is_refused(frame, entity) {
                // For a user who may not see it, or a device that is being erased, this is how it should be: nothing to be logged.
                device.standing = Standing::Refused;
                device.forget_states(entity.esn, entries);
                took.is_urgent = true;
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

    /// Nothing is expected any more of those that have not answered.
    pub(super) fn give_up(&mut self, entries: &mut Entries) {
        let anew = self.teller.asked_before() != self.codes;
        for (esn, device) in &mut self.table {
            if device.standing != Standing::Awaited {
                continue;
            }
            device.standing = Standing::Silent;
            device.forget_states(esn.as_str(), entries);
            if anew {
                // It was never asked for all of the codes.
                device.known = false;
                device.newest.clear();
            }
        }
        self.awaited = 0;
        self.settle();
    }

    /// Whoever answers has answered: from now on a code of which nothing is known has not happened.
    pub(super) fn settle(&mut self) {
        if self.awaited == 0 {
            self.teller.set_asked_before(&self.codes);
        }
    }

    /// The codes that everyone known was asked for.
    pub(super) fn asked_before(&self) -> &[FourCc] {
        self.teller.asked_before()
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
