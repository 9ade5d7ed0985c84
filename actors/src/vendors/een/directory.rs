//! The devices of an account with their names, from `GET /g/device/list`.
//!
//! There is one question, and its answer names everything. Event types need no directory: their table is in [`codes`](super::codes). A list is
//! asked for before subscribing, when a session wants it anew, and when an event is about a device that the last list lacks, then at most every
//! five minutes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use super::devices::{Device, DeviceList};
use super::grant::Grant;
use super::rest;
use crate::model::event::Item;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::{Directory, Forget, Learned, NameKey, Now, Taken};

/// How long it is believed that what a list lacks is not there, and that the list may not be had.
const BELIEVED_FOR: Duration = Duration::from_secs(300);

/// The one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// All cameras and bridges of the account.
    Devices,
}

/// The devices of the account.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// As they were last listed.
    pub devices: DeviceList,
    /// It grows when devices come, go or change, but not with their status words.
    pub serial: u64,
}

/// What is known of one account.
#[derive(Debug, Default)]
pub struct EenDirectory {
    catalog: Option<Arc<Catalog>>,
    items: HashMap<ByteString, Arc<Item>>,
    /// Not before this for the sake of single names.
    not_before: Option<Instant>,
}

impl EenDirectory {
    /// Takes a list in, and tells what names it changes.
    fn take(&mut self, devices: DeviceList) -> Vec<Arc<Item>> {
        let mut old = std::mem::take(&mut self.items);
        let has_holes = devices.unreadable > 0;
        let mut changed = Vec::new();
        for device in &devices.devices {
            let id = ByteString::from(device.item());
            let name = device.name.as_deref();
            let item = match old.remove(&id).filter(|item| item.name.as_deref() == name) {
                Some(item) => item,
                None => {
                    let item = Arc::new(Item { id: Arc::from(&*id), name: name.map(Arc::from) });
                    changed.push(Arc::clone(&item));
                    item
                }
            };
            self.items.insert(id, item);
        }
        if has_holes {
            // A row that cannot be read may be that of any device which the others lack: its name stays.
            self.items.extend(old);
        }
        let before = self.catalog.as_deref();
        let same = before.is_some_and(|before| {
            let (before, now) = (&before.devices.devices, &devices.devices);
            before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_same(before, now))
        });
        let serial = before.map_or(0, |before| before.serial) + u64::from(!same);
        self.catalog = Some(Arc::new(Catalog { devices, serial }));
        changed
    }
}

/// Whether nothing but the status word differs: that is news for the socket to tell.
fn is_same(one: &Device, other: &Device) -> bool {
    let Device { esn, account, name, kind, linked, service, is_shared, word: _ } = one;
    let (links, linked_to) = (&other.linked, linked);
    (esn, account, name, kind) == (&other.esn, &other.account, &other.name, &other.kind)
        && (service, is_shared, linked_to) == (&other.service, &other.is_shared, links)
}

impl Directory for EenDirectory {
    type Grant = Grant;
    type Catalog = Catalog;
    type Ask = Ask;

    fn prepare(&self) -> Vec<Ask> {
        vec![Ask::Devices]
    }

    fn catalog(&self) -> Option<Arc<Catalog>> {
        self.catalog.clone()
    }

    fn known(&self, _: Now, keys: &[NameKey]) -> Learned {
        Learned::of_items(keys, &self.items)
    }

    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Ask> {
        let is_missing = |key: &NameKey| matches!(key, NameKey::Item(id) if !self.items.contains_key(id));
        let may_ask = self.not_before.is_none_or(|at| at <= now.instant);
        if may_ask && keys.iter().any(is_missing) { vec![Ask::Devices] } else { vec![] }
    }

    fn call(&self, grant: &Grant, Ask::Devices: &Ask) -> RestCall {
        rest::list_devices(grant)
    }

    fn learn(&mut self, now: Now, Ask::Devices: &Ask, answer: Result<RestAnswer, RestError>) -> Taken<Ask> {
        let mut taken = Taken::default();
        let error = match answer.map(|answer| rest::read_devices(&answer)) {
            Ok(Ok(devices)) => {
                if let Some(skipped) = devices.skipped.first() {
                    let (count, row, why) = (devices.skipped.len(), skipped.row, &skipped.why);
                    taken.trouble = Some(format!("{count} rows of the device list cannot be used: row {row}, {why}"));
                }
                taken.learned.items = self.take(devices);
                self.not_before = Some(now.instant + BELIEVED_FOR);
                return taken;
            }
            Ok(Err(error)) => error,
            Err(error) => {
                taken.trouble = Some(format!("the device list: {error}"));
                return taken;
            }
        };
        taken.unauthorized = error.wants_login();
        if !error.wants_login() && !error.is_retryable() {
            self.not_before = Some(now.instant + BELIEVED_FOR);
        }
        taken.trouble = Some(format!("the device list: {error}"));
        taken
    }

    fn refuses_grant(&self, answer: &RestAnswer) -> bool {
        rest::succeeded(answer).is_err_and(|error| error.wants_login())
    }

    fn forget(&mut self, _: &Forget) -> Vec<Ask> {
        self.not_before = None;
        self.prepare()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::transport::Fault;
    use crate::vendors::een::accounts::User;

    fn answer(status: u16, body: &str) -> Result<RestAnswer, RestError> {
        Ok(RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None })
    }

    /// A camera and a bridge; the camera with this name and word.
    fn list(name: &str, word: u32) -> String {
        format!(
            r#"[["00004207","1000f60d","{name}","camera",[["1002d096","ATTD"]],"ATTD","",[],"g","s",{word}],
                ["00004207","1002d096","Kitchen Bridge","bridge",[["1000f60d","ATTD"]],"ATTD","",[],"g","s",1179649]]"#
        )
    }

    fn item(id: &str) -> NameKey {
        NameKey::Item(id.to_owned().into())
    }

    fn listed() -> EenDirectory {
        let mut directory = EenDirectory::default();
        let taken = directory.learn(Now::read(), &Ask::Devices, answer(200, &list("Kitchen", 1_441_847)));
        assert_eq!((taken.trouble, taken.learned.items.len()), (None, 2));
        directory
    }

    #[test]
    fn one_list_names_cameras_and_bridges() {
        let directory = listed();
        let known =
            directory.known(Now::read(), &[item("cameras/1000f60d"), item("bridges/1002d096"), item("cameras/x")]);
        let names: Vec<_> = known.items.iter().map(|item| (&*item.id, item.name.as_deref())).collect();
        assert_eq!(names, [("cameras/1000f60d", Some("Kitchen")), ("bridges/1002d096", Some("Kitchen Bridge"))]);
        assert_eq!(directory.catalog().unwrap().devices.wanted().count(), 2);
    }

    #[test]
    fn the_serial_grows_with_devices_and_names_and_not_with_status_words() {
        let mut directory = listed();
        let mut serials = vec![directory.catalog().unwrap().serial];
        let mut news = Vec::new();
        for body in [list("Kitchen", 1), list("Hall", 1), list("Hall", 2), "[]".to_owned()] {
            let taken = directory.learn(Now::read(), &Ask::Devices, answer(200, &body));
            news.push(taken.learned.items.len());
            serials.push(directory.catalog().unwrap().serial);
        }
        assert_eq!((serials, news), (vec![1, 1, 2, 2, 3], vec![0, 1, 0, 0]), "only what is new is told");
        assert!(directory.known(Now::read(), &[item("cameras/1000f60d")]).is_empty());
    }

    #[test]
    fn what_a_list_lacks_is_not_asked_for_with_every_event() {
        let directory = EenDirectory::default();
        let now = Now::read();
        assert_eq!(directory.asks(now, &[item("cameras/1")]), [Ask::Devices]);
        let mut directory = listed();
        assert_eq!(directory.asks(now, &[item("cameras/1000f60d")]), []);
        assert_eq!(directory.asks(now, &[item("cameras/1")]), []);
        let later = Now { instant: now.instant + 2 * BELIEVED_FOR, ..now };
        assert_eq!(directory.asks(later, &[item("cameras/1")]), [Ask::Devices]);
        assert_eq!(directory.asks(later, &[item("cameras/1000f60d")]), []);
        let kind = NameKey::Kind { kind: "EMES".into(), group: "".into() };
        assert_eq!(directory.asks(later, &[kind]), [], "the table knows those");
        assert_eq!(directory.forget(&Forget::Everything), [Ask::Devices]);
        assert_eq!(directory.asks(now, &[item("cameras/1")]), [Ask::Devices]);
    }

    #[test]
    fn every_failure_is_told_and_keeps_what_is_known() {
        for (status, body, unauthorized, believed, words) in [
            (401, "", true, false, "not known any more (401)"),
            (412, "", true, false, "not known any more (412)"),
            (301, "", true, false, "moved the account"),
            (403, "", false, true, "may not"),
            (404, "", false, true, "(404)"),
            (402, "", false, true, "suspended"),
            (429, "", false, false, "(429)"),
            (503, "", false, false, "(503)"),
            (200, "<html>", false, false, "no JSON"),
            (200, "{}", false, false, "an object"),
        ] {
            let now = Now::read();
            let mut empty = EenDirectory::default();
            let taken = empty.learn(now, &Ask::Devices, answer(status, body));
            let trouble = taken.trouble.unwrap();
            assert!(trouble.contains(words), "{status}: {trouble}");
            assert_eq!((taken.unauthorized, taken.learned.is_empty()), (unauthorized, true), "{status}");
            assert_eq!(empty.asks(now, &[item("cameras/1")]).is_empty(), believed, "{status}");
            assert!(empty.catalog().is_none(), "an empty list would end every subscription");

            let mut directory = listed();
            directory.learn(now, &Ask::Devices, answer(status, body));
            assert_eq!(directory.catalog().unwrap().devices.devices.len(), 2);
        }
        let fault = RestError::Failed { at: "GET x".into(), fault: Fault::Timeout(Duration::from_secs(1)) };
        let taken = listed().learn(Now::read(), &Ask::Devices, Err(fault));
        assert!(taken.trouble.unwrap().contains("no complete answer"));
    }

    #[test]
    fn a_row_of_no_use_harms_no_other_and_is_told() {
        let mut directory = EenDirectory::default();
        let body = r#"[7,["00004207","1000f60d","Kitchen","camera"],["00004207",null]]"#;
        let taken = directory.learn(Now::read(), &Ask::Devices, answer(200, body));
        assert_eq!(taken.learned.items.len(), 1);
        assert!(taken.trouble.unwrap().starts_with("2 rows of the device list cannot be used: row 0"));
    }

    #[test]
    fn a_device_keeps_its_name_while_a_row_that_cannot_be_read_may_be_its_own() {
        let mut directory = listed();
        let body = r#"[7,["00004207","1002d096","Kitchen Bridge","bridge"]]"#;
        for (body, knows) in [(body, true), (&body.replace("7,[", "["), false)] {
            directory.learn(Now::read(), &Ask::Devices, answer(200, body));
            assert_eq!(!directory.known(Now::read(), &[item("cameras/1000f60d")]).is_empty(), knows, "{body}");
        }
    }

    #[test]
    fn the_call_goes_to_the_accounts_host() {
        let grant = Grant {
            rest: "https://c001.een.test/".parse().unwrap(),
            socket: "wss://c001.een.test/".parse().unwrap(),
            auth_key: "k".to_owned().into(),
            api_key: None,
            account: "00004207".parse().unwrap(),
            user: User::read(br#"{"owner_account_id":"00004206"}"#).unwrap(),
        };
        let call = EenDirectory::default().call(&grant, &Ask::Devices);
        assert_eq!(call.shown(), "GET https://c001.een.test/g/device/list");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_forget_without_a_list(status in 0_u16..600, body in ".{0,200}") {
            let mut directory = listed();
            let taken = directory.learn(Now::read(), &Ask::Devices, answer(status, &body));
            let is_list = (200..300).contains(&status) && serde_json::from_str::<Vec<serde_json::Value>>(&body).is_ok();
            prop_assert_eq!(directory.catalog().unwrap().devices.devices.len() == 2, !is_list);
            prop_assert!(is_list || taken.trouble.is_some());
        }
    }
}
