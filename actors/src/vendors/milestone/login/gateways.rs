//! The gateways of one system, as everybody with one login sees them.
//!
//! What one connection finds out helps the others: a gateway that is away is passed over by all of them, and look-ups and commands go where the
//! connections are. The one in use stays in use until it is found away; that the first is back again is no reason to leave.
//!
//! Nobody is moved by this: each connection asks when it has to open a socket. A session is resumed where it was, if that gateway is not known to be
//! away: whether another one knows it is not documented.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

/// For how long it is believed that a gateway is away. As long as a session is kept by default: later there is nothing left to resume there.
const AWAY_FOR: Duration = Duration::from_secs(30);

/// The gateways of one system; never none.
#[derive(Debug)]
pub struct Gateways(Mutex<Table>);

#[derive(Debug)]
struct Table {
    known: Vec<Known>,
    /// One of the known ones.
    using: Url,
    /// Since when all were found away, one after the other.
    all_away: Option<Instant>,
    /// Discovery is to be asked anew, though the token is good.
    ask_anew: bool,
}

#[derive(Debug)]
struct Known {
    url: Url,
    away_until: Option<Instant>,
}

impl Known {
    fn new(url: Url) -> Self {
        Self { url, away_until: None }
    }

    fn is_away(&self, now: Instant) -> bool {
        self.away_until.is_some_and(|until| now < until)
    }
}

impl Gateways {
    /// One gateway, which is in use.
    #[must_use]
    pub fn one(url: Url) -> Arc<Self> {
        let known = vec![Known::new(url.clone())];
        Arc::new(Self(Mutex::new(Table { known, using: url, all_away: None, ask_anew: false })))
    }

    /// These gateways, of which the first is in use; `None` where there is none.
    #[must_use]
    pub fn of(urls: &[Url]) -> Option<Arc<Self>> {
        let gateways = Self::one(urls.first()?.clone());
        gateways.told(urls);
        Some(gateways)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here is ever half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one in use.
    #[must_use]
    pub fn using(&self) -> Url {
        self.table().using.clone()
    }

    /// All that there are, in their order.
    #[must_use]
    pub fn all(&self) -> Vec<Url> {
        self.table().known.iter().map(|known| known.url.clone()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table().known.len()
    }

    /// Which to turn to now, of those that were not `tried`: the one where a session is to be resumed, the one in use, those behind it in the order
    /// told. Those that are known to be away come last: one of them may be back.
    #[must_use]
    pub fn next(&self, now: Instant, home: Option<&str>, tried: &[Url]) -> Option<Url> {
        let table = self.table();
        let untried = |known: &&Known| !tried.contains(&known.url);
        let ring: Vec<_> = table.ring().filter(untried).collect();
        let is_home = |known: &&&Known| Some(mark(&known.url).as_str()) == home;
        let here = ring.iter().filter(is_home).chain(&ring);
        here.clone().find(|known| !known.is_away(now)).or_else(|| here.clone().next()).map(|known| known.url.clone())
    }

    /// This one does not do its work. If it was in use, the next one is, that is not known to be away.
    pub fn away(&self, now: Instant, url: &Url) {
        let mut table = self.table();
        for known in table.known.iter_mut().filter(|known| known.url == *url) {
            known.away_until = Some(now + AWAY_FOR);
        }
        let next = table.ring().find(|known| !known.is_away(now)).map(|known| known.url.clone());
        if let Some(next) = next.filter(|_| table.using == *url) {
            table.using = next;
        }
    }

    /// This one does its work. It is in use from now on if the one that was is away.
    pub fn answers(&self, now: Instant, url: &Url) {
        let mut table = self.table();
        table.all_away = None;
        let mut using_away = false;
        let Table { known, using, .. } = &mut *table;
        for known in known.iter_mut() {
            if known.url == *url {
                known.away_until = None;
            }
            using_away |= known.url == *using && known.is_away(now);
        }
        if using_away {
            table.using = url.clone();
        }
    }

    /// All of them were tried, and none does its work.
    pub fn all_away(&self, now: Instant) {
        self.table().all_away.get_or_insert(now);
    }

    /// Whether discovery is to be asked anew, which is so each time that all have been away for `pause`: there may be others by now. True for the first
    /// who asks; the others have the answer from it.
    #[must_use]
    pub fn are_to_be_told_anew(&self, now: Instant, pause: Duration) -> bool {
        let mut table = self.table();
        let is_due = table.all_away.is_some_and(|since| since + pause <= now);
        if is_due {
            table.all_away = Some(now);
            table.ask_anew = true;
        }
        is_due
    }

    /// Whether a login is asked for only for the sake of discovery. Once asked, it is not any more.
    pub(super) fn is_for_discovery_alone(&self) -> bool {
        std::mem::take(&mut self.table().ask_anew)
    }

    /// There are these now. What is known of those that stay is kept, the one in use if it is among them.
    pub(super) fn told(&self, urls: &[Url]) {
        let Some(first) = urls.first() else { return };
        let mut table = self.table();
        let mut before = std::mem::take(&mut table.known);
        let known = |url: &Url| match before.iter().position(|known| known.url == *url) {
            Some(place) => before.swap_remove(place),
            None => Known::new(url.clone()),
        };
        table.known = urls.iter().map(known).collect();
        if !urls.contains(&table.using) {
            table.using = first.clone();
        }
    }

    /// A login has found this one at work: it is in use.
    pub(super) fn use_this(&self, now: Instant, url: &Url) {
        self.answers(now, url);
        let mut table = self.table();
        if table.known.iter().all(|known| known.url != *url) {
            table.known.push(Known::new(url.clone()));
        }
        table.using = url.clone();
    }
}

impl Table {
    /// All of them, from the one in use on.
    fn ring(&self) -> impl Iterator<Item = &Known> {
        let place = self.known.iter().position(|known| known.url == self.using).unwrap_or_default();
        self.known.iter().cycle().skip(place).take(self.known.len())
    }
}

/// By what a gateway is known in a checkpoint, which need not tell where it is.
#[must_use]
pub fn mark(url: &Url) -> String {
    format!("{:032x}", crate::model::ids::fingerprint(url.as_str()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn url(name: &str) -> Url {
        format!("https://{name}/API/").parse().unwrap()
    }

    fn three() -> (Arc<Gateways>, Instant) {
        let gateways = Gateways::of(&[url("a"), url("b"), url("c")]).unwrap();
        (gateways, Instant::now())
    }

    /// The hosts in the order in which they are tried.
    fn order(gateways: &Gateways, now: Instant, home: Option<&Url>) -> String {
        let (home, mut tried) = (home.map(mark), Vec::new());
        while let Some(next) = gateways.next(now, home.as_deref(), &tried) {
            tried.push(next);
        }
        tried.iter().filter_map(Url::host_str).collect()
    }

    #[test]
    fn each_is_tried_once_from_the_one_in_use_on_and_those_that_are_away_last() {
        let (gateways, now) = three();
        assert_eq!(order(&gateways, now, None), "abc");
        gateways.away(now, &url("a"));
        assert_eq!((order(&gateways, now, None).as_str(), gateways.using()), ("bca", url("b")));
        gateways.away(now, &url("c"));
        assert_eq!(order(&gateways, now, None), "bca");
        gateways.away(now, &url("b"));
        assert_eq!(order(&gateways, now, None).len(), 3, "each is tried nevertheless");
    }

    #[test]
    fn a_session_is_resumed_where_it_was_unless_that_is_known_to_be_away() {
        let (gateways, now) = three();
        assert_eq!(order(&gateways, now, Some(&url("c"))), "cab");
        gateways.away(now, &url("c"));
        assert_eq!(order(&gateways, now, Some(&url("c"))), "abc");
        assert_eq!(order(&gateways, now + AWAY_FOR, Some(&url("c"))), "cab", "that is believed for a while");
        assert_eq!(order(&gateways, now, Some(&url("elsewhere"))), "abc");
    }

    #[test]
    fn the_one_in_use_stays_until_it_is_away_though_the_first_is_back() {
        let (gateways, now) = three();
        gateways.away(now, &url("a"));
        gateways.answers(now + SECOND, &url("b"));
        gateways.answers(now + SECOND * 2, &url("a"));
        assert_eq!(gateways.using(), url("b"));
        gateways.told(&[url("a"), url("b")]);
        assert_eq!(gateways.using(), url("b"), "nor does discovery change it");
        gateways.told(&[url("d")]);
        assert_eq!(gateways.using(), url("d"), "unless it is not there any more");
    }

    #[test]
    fn one_that_answers_is_in_use_where_all_were_away() {
        let (gateways, now) = three();
        for gateway in ["a", "b", "c"] {
            gateways.away(now, &url(gateway));
        }
        gateways.answers(now + SECOND, &url("b"));
        assert_eq!(gateways.using(), url("b"));
    }

    #[test]
    fn discovery_is_asked_anew_by_one_after_each_pause_in_which_all_are_away() {
        let (gateways, now) = three();
        assert!(!gateways.are_to_be_told_anew(now + SECOND * 600, SECOND), "nothing is away");
        gateways.all_away(now);
        gateways.all_away(now + SECOND * 9);
        assert!(!gateways.are_to_be_told_anew(now + SECOND * 9, SECOND * 10) && !gateways.is_for_discovery_alone());
        assert!(gateways.are_to_be_told_anew(now + SECOND * 10, SECOND * 10));
        assert!(!gateways.are_to_be_told_anew(now + SECOND * 10, SECOND * 10), "once for all");
        assert!(gateways.is_for_discovery_alone() && !gateways.is_for_discovery_alone());
        assert!(gateways.are_to_be_told_anew(now + SECOND * 20, SECOND * 10));
        gateways.answers(now + SECOND * 21, &url("b"));
        assert!(!gateways.are_to_be_told_anew(now + SECOND * 60, SECOND * 10));
    }
}
