//! Tells how a sink stands with its broker, when that changes.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::{Rc, Weak},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{task::spawn_local, time::sleep};

use super::{LinkState, Standing};
#[cfg(feature = "nats")]
use crate::sinks::telemetry::Remarked;
use crate::sinks::{
    delivery::Delivery,
    telemetry::{DocumentsRefused, LinkAway, LinkMeasured, LinkUp},
};

/// Documents that are refused one after the other are told together.
const TOGETHER: Duration = Duration::from_secs(2);
/// Reasons for which documents are refused that are told apart.
const MOST_REASONS: usize = 8;
/// The reason of those that have none of these.
const OTHERS: &str = "for other reasons";

/// Tells how one sink stands with its broker. It lives on the sink's own thread.
pub(in crate::sinks) struct Herald {
    sink: String,
    broker: String,
    standing: RefCell<Standing>,
    /// By what they are about.
    remarks: RefCell<BTreeMap<&'static str, Vec<String>>>,
    refused: RefCell<Refused>,
    is_telling: Cell<bool>,
    /// Where it is remembered, in a running system.
    delivery: OnceCell<Delivery>,
    myself: Weak<Self>,
}

/// Documents that are not at the broker, as it does not take them.
#[derive(Default)]
struct Refused {
    /// Of each key, for which reason.
    keys: HashMap<String, usize>,
    reasons: Vec<Reason>,
}

struct Reason {
    why: String,
    /// One of the keys.
    example: String,
    is_told: bool,
}

impl Refused {
    fn add(&mut self, key: &str, why: &str) {
        let known = self.reasons.iter().position(|reason| reason.why == why);
        let at = known.unwrap_or_else(|| {
            let is_full = self.reasons.len() >= MOST_REASONS;
            if !is_full {
                let why = if self.reasons.len() + 1 == MOST_REASONS { OTHERS } else { why };
                self.reasons.push(Reason { why: why.to_owned(), example: key.to_owned(), is_told: false });
            }
            self.reasons.len() - 1
        });
        self.keys.insert(key.to_owned(), at);
    }

    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.reasons.len()];
        self.keys.values().for_each(|at| counts[*at] += 1);
        counts
    }

    fn remarks(&self) -> Vec<String> {
        let counted = self.counts().into_iter().zip(&self.reasons).filter(|(count, _)| *count > 0);
        let text = |(count, Reason { why, example, .. }): (usize, &Reason)| {
            let (noun, verb) =
                if count == 1 { ("state or description", "is") } else { ("states or descriptions", "are") };
            format!("{count} {noun} {verb} not at the broker ({example}, say): {why}")
        };
        counted.map(text).collect()
    }
}

impl Herald {
    /// For a sink that begins. `broker`: its address.
    pub(in crate::sinks) fn new(sink: &str, broker: impl Into<String>) -> Rc<Self> {
        let (sink, broker) = (sink.to_owned(), broker.into());
        Rc::new_cyclic(|myself| Self {
            sink,
            broker,
            standing: RefCell::default(),
            remarks: RefCell::default(),
            refused: RefCell::default(),
            is_telling: Cell::new(false),
            delivery: OnceCell::new(),
            myself: myself.clone(),
        })
    }

    /// From now on it is remembered there.
    pub(in crate::sinks) fn report_to(&self, delivery: &Delivery) {
        // Only one ever is named.
        let _ = self.delivery.set(delivery.clone());
        self.tell();
    }

    /// The broker has admitted us.
    pub(in crate::sinks) fn up(&self) {
        {
            let mut standing = self.standing.borrow_mut();
            let link = &mut standing.link;
            if link.state == LinkState::Up {
                return;
            }
            LinkUp { sink: &self.sink, broker: &self.broker, was_away: link.state.is_away() }.emit();
            (link.state, link.since) = (LinkState::Up, Timestamp::now());
            (link.why, link.tries, link.next_try) = (None, 0, None);
        }
        // Everything is put up anew.
        *self.refused.borrow_mut() = Refused::default();
        self.tell();
    }

    /// It could not be reached, refuses us, does not take events, or was lost. `pause`: how long until another try, if that is known.
    pub(in crate::sinks) fn failed(&self, why: &str, is_refusal: bool, pause: Option<Duration>) {
        {
            let mut standing = self.standing.borrow_mut();
            let link = &mut standing.link;
            let state = if is_refusal { LinkState::Halted } else { LinkState::Down };
            let is_news = link.state != state;
            if is_news {
                (link.state, link.since) = (state, Timestamp::now());
            }
            link.tries += 1;
            link.next_try = pause.and_then(in_so_long);
            link.why = Some(why.to_owned());
            LinkAway { sink: &self.sink, broker: &self.broker, why, is_refusal, is_news }.emit();
        }
        self.tell();
    }

    /// It is tried again after this.
    #[cfg(feature = "nats")]
    pub(in crate::sinks) fn tries_after(&self, pause: Duration) {
        self.standing.borrow_mut().link.next_try = in_so_long(pause);
        self.tell();
    }

    /// Everything that is not as it should be with one thing at the broker; nothing any more where there is none.
    #[cfg(feature = "nats")]
    pub(in crate::sinks) fn remark(&self, of: &'static str, remarks: Vec<String>) {
        let before = self.remarks.borrow_mut().insert(of, remarks.clone()).unwrap_or_default();
        if before == remarks {
            return;
        }
        for remark in remarks.iter().filter(|remark| !before.contains(remark)) {
            Remarked { sink: &self.sink, broker: &self.broker, remark }.emit();
        }
        self.tell();
    }

    /// What became of a document: `refused` says why the broker does not take it.
    pub(in crate::sinks) fn settled(&self, key: &str, refused: Option<&str>) {
        let is_news = match refused {
            Some(why) => {
                self.refused.borrow_mut().add(key, why);
                true
            }
            None => self.refused.borrow_mut().keys.remove(key).is_some(),
        };
        if is_news && !self.is_telling.replace(true) {
            let myself = self.myself.clone();
            spawn_local(async move {
                sleep(TOGETHER).await;
                if let Some(herald) = myself.upgrade() {
                    herald.tell_refused();
                }
            });
        }
    }

    fn tell_refused(&self) {
        self.is_telling.set(false);
        {
            let mut refused = self.refused.borrow_mut();
            let counts = refused.counts();
            for (reason, documents) in refused.reasons.iter_mut().zip(counts).filter(|(reason, _)| !reason.is_told) {
                reason.is_told = true;
                let Reason { why, example, .. } = &*reason;
                DocumentsRefused { sink: &self.sink, documents, example, why }.emit();
            }
        }
        self.tell();
    }

    /// The sink has ended.
    pub(in crate::sinks) fn end(&self) {
        LinkMeasured { sink: &self.sink, is_up: false }.emit();
        if let Some(delivery) = self.delivery.get() {
            // For people to see; what is left is forgotten with the next start.
            let _ = delivery.stands(&self.sink, None);
        }
    }

    fn tell(&self) {
        let mut standing = self.standing.borrow().clone();
        LinkMeasured { sink: &self.sink, is_up: standing.link.state == LinkState::Up }.emit();
        let Some(delivery) = self.delivery.get() else { return };
        standing.remarks = self.remarks.borrow().values().flatten().cloned().collect();
        standing.remarks.extend(self.refused.borrow().remarks());
        // For people to see; the sink goes on without.
        let _ = delivery.stands(&self.sink, Some(&standing));
    }
}

fn in_so_long(pause: Duration) -> Option<Timestamp> {
    Timestamp::now().checked_add(pause).ok()
}
