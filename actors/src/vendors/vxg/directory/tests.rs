//! Names, learned from lists and from single cameras.

#![allow(clippy::unwrap_used, clippy::panic)]
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::transport::Fault;

fn config(scheme: Scheme) -> VxgConfig {
    let mut config = VxgConfig::new("t0ken".into());
    config.scheme = Some(scheme);
    config.url = Some("https://web.cloud.test".parse().unwrap());
    config
}

fn of_camera(id: i64) -> VxgConfig {
    VxgConfig { cameras: super::super::config::Cameras::Only(vec![id]), ..config(Scheme::Acc) }
}

fn answer(status: u16, body: impl ToString) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.to_string().into(), retry_after: None }
}

fn row(id: i64, name: &str) -> Value {
    json!({"id": id, "name": name, "status": "active", "token": "s3cret"})
}

/// A page of a list of `total` cameras, with these on it.
fn page(ids: impl Iterator<Item = i64>, total: u64) -> RestAnswer {
    let rows: Vec<_> = ids.map(|id| row(id, &format!("Camera {id}"))).collect();
    answer(200, json!({"meta": {"limit": 1000, "total_count": total}, "objects": rows}))
}

struct Play {
    directory: VxgDirectory,
    now: Now,
}

impl Play {
    fn new(config: &VxgConfig) -> Self {
        let now = Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH };
        Self { directory: VxgDirectory::new(config), now }
    }

    fn learn(&mut self, ask: &Ask, answer: RestAnswer) -> Taken<Ask> {
        self.directory.learn(self.now, ask, Ok(answer))
    }

    fn name(&self, id: i64) -> Option<String> {
        let learned = self.directory.known(self.now, &[key(id)]);
        learned.items.first().and_then(|item| item.name.as_deref().map(str::to_owned))
    }

    fn asks(&self, id: i64) -> Vec<Ask> {
        self.directory.asks(self.now, &[key(id), NameKey::Kind { kind: "motion".into(), group: "".into() }])
    }

    fn listed(&self) -> Option<Vec<i64>> {
        self.directory.catalog().map(|catalog| catalog.cameras.iter().map(|camera| camera.id).collect())
    }
}

fn key(id: i64) -> NameKey {
    NameKey::Item(item(id).into())
}

const V3: Ask = Ask::First(ChannelList::V3);
const V5: Ask = Ask::First(ChannelList::V5);

#[test]
fn every_page_of_the_list_is_read_before_it_is_a_catalog() {
    let mut play = Play::new(&config(Scheme::Si));
    assert_eq!(play.directory.prepare(), [V5]);
    let taken = play.learn(&V5, page(1..=1_000, 1_002));
    let next = Ask::Next { list: ChannelList::V5, reading: 1, offset: 1_000 };
    assert_eq!((taken.next, taken.trouble, play.listed()), (vec![next], None, None));
    let taken = play.learn(&next, page(1_001..=1_002, 1_002));
    assert_eq!((taken.next.len(), play.listed().map(|ids| ids.len())), (0, Some(1_002)));
    assert_eq!(play.name(1_002).as_deref(), Some("Camera 1002"));
    let camera = play.directory.catalog().unwrap().cameras[0].clone();
    assert_eq!(camera, Camera { id: 1, name: Some("Camera 1".into()), status: Some("active".to_owned()) });
}

#[test]
fn a_list_that_is_refused_for_the_number_of_its_rows_is_asked_for_with_fewer() {
    let mut play = Play::new(&config(Scheme::Si));
    for rows in [200, 100] {
        let taken = play.learn(&V5, answer(400, json!({"status": 400})));
        assert_eq!((taken.next, taken.trouble), (vec![V5], None));
        assert_eq!(play.directory.size.rows(), rows);
    }
    play.learn(&V5, page(1..=2, 2));
    assert_eq!(play.listed(), Some(vec![1, 2]));
    assert!(play.learn(&V5, answer(400, json!({"status": 400}))).trouble.is_some());
}

#[test]
fn two_readings_at_a_time_do_not_mix_and_each_ends() {
    let mut play = Play::new(&config(Scheme::Si));
    let first = play.learn(&V5, page(1..=10, 20)).next[0];
    let second = play.learn(&V5, page(1..=10, 12)).next[0];
    assert_ne!(first, second);
    play.learn(&first, page(11..=20, 20));
    assert_eq!(play.listed().unwrap().len(), 20);
    play.learn(&second, page(11..=12, 12));
    assert_eq!(play.listed().unwrap().len(), 12);
    assert!(play.directory.readings.is_empty());
}

#[test]
fn a_list_that_never_ends_is_read_to_where_it_brings_nothing_new() {
    let mut play = Play::new(&config(Scheme::Si));
    let endless = || answer(200, json!({"meta": {"limit": 2, "next": "/more"}, "objects": [row(1, "a"), row(2, "b")]}));
    let taken = play.learn(&V5, endless());
    let taken = play.learn(&taken.next[0], endless());
    assert_eq!((taken.next.len(), play.listed()), (0, Some(vec![1, 2])));
    for _ in 0..20 {
        play.learn(&V5, page(1..=2, 9));
    }
    assert!(play.directory.readings.len() <= MOST_READINGS, "readings that were given up stay");
}

#[test]
fn a_list_that_lacks_a_row_is_a_list_and_what_cannot_be_read_is_told() {
    let mut play = Play::new(&config(Scheme::Si));
    let rows =
        json!({"meta": {"next": null}, "objects": [row(1, "Yard"), {"name": "no id"}, 7, {"id": "3", "name": null}]});
    let taken = play.learn(&V5, answer(200, rows));
    assert_eq!(play.listed(), Some(vec![1, 3]));
    assert!(taken.trouble.is_some_and(|why| why.contains("2 rows cannot be read")));
    assert_eq!((play.name(1).as_deref(), play.name(3)), (Some("Yard"), None));
}

#[test]
fn a_licence_key_without_its_own_list_reads_that_of_groups() {
    for status in [403, 404, 405] {
        let mut play = Play::new(&config(Scheme::LKey));
        assert_eq!(play.directory.prepare(), [V3]);
        let taken = play.learn(&V3, answer(status, ""));
        assert_eq!((taken.next, taken.trouble), (vec![V5], None), "{status}");
        play.learn(&V5, page(1..=2, 2));
        assert_eq!((play.listed(), play.directory.prepare()), (Some(vec![1, 2]), vec![V5]));
        assert_eq!(play.directory.forget(&Forget::Everything), [V3], "it may be there by now");
    }
    let mut play = Play::new(&config(Scheme::LKey));
    assert!(play.directory.refuses_grant(&answer(401, "")));
    play.learn(&V3, answer(404, ""));
    assert!(!play.directory.refuses_grant(&answer(401, "")), "it is the list that does not take the key");
    let taken = play.learn(&V5, answer(401, ""));
    assert!(!taken.unauthorized && taken.next.is_empty() && taken.trouble.is_some());
    let mut play = Play::new(&config(Scheme::Si));
    assert_eq!(play.learn(&V5, answer(404, "")).next, [], "a group has one list");
}

#[test]
fn a_list_that_cannot_be_had_leaves_the_one_before_and_is_asked_for_again() {
    let mut play = Play::new(&config(Scheme::Si));
    let fault = || RestError::Failed { at: "GET".to_owned(), fault: Fault::Timeout(Duration::from_secs(1)) };
    assert!(play.directory.learn(play.now, &V5, Err(fault())).trouble.is_some());
    assert_eq!(play.asks(7), [V5], "nothing was told yet");
    for bad in [answer(503, ""), answer(200, "<html>"), answer(200, json!({"objects": null})), answer(401, "")] {
        let taken = play.learn(&V5, bad.clone());
        assert!(taken.trouble.is_some() && taken.unauthorized == (bad.status == 401), "{bad:?}");
        assert_eq!((play.listed(), play.asks(7)), (None, vec![V5]));
    }
    play.learn(&V5, page(1..=2, 2));
    play.learn(&V5, answer(500, ""));
    assert_eq!(play.listed(), Some(vec![1, 2]));
    assert!(play.directory.readings.is_empty());
}

#[test]
fn a_camera_that_the_list_lacks_is_looked_for_at_a_pace_and_at_once_when_told() {
    let mut play = Play::new(&config(Scheme::Si));
    play.learn(&V5, page(1..=2, 2));
    assert_eq!((play.asks(1), play.asks(7)), (vec![], vec![]));
    assert_eq!(play.directory.forget(&Forget::Item(item(7).into())), [V5]);
    assert_eq!(play.asks(7), [V5]);
    play.learn(&V5, page(1..=2, 2));
    play.now.instant += BELIEVED_FOR;
    assert_eq!(play.asks(7), [V5]);
    assert_eq!(
        play.directory.asks(play.now, &[NameKey::Item("cameras/x".into()), NameKey::Item("doors/7".into())]),
        []
    );
}

#[test]
fn a_camera_that_is_renamed_is_told_once_more_and_one_that_is_not_is_not() {
    let mut play = Play::new(&config(Scheme::Si));
    assert_eq!(play.learn(&V5, page(1..=2, 2)).learned.items.len(), 2);
    assert_eq!(play.learn(&V5, page(1..=2, 2)).learned.items.len(), 0);
    let renamed = play.learn(&V5, answer(200, json!({"meta": {}, "objects": [row(1, " Gate "), row(2, "Camera 2")]})));
    assert_eq!(renamed.learned.items.len(), 1);
    assert_eq!(play.name(1).as_deref(), Some("Gate"));
}

#[test]
fn an_access_token_asks_for_its_camera_and_one_that_is_not_shown_its_name_not_again_for_an_hour() {
    let mut play = Play::new(&of_camera(42));
    assert_eq!(play.directory.prepare(), [Ask::Camera(42)]);
    play.learn(&Ask::Camera(42), answer(200, json!({"id": 42, "name": "Yard", "status": "active"})));
    assert_eq!((play.name(42).as_deref(), play.listed()), (Some("Yard"), Some(vec![42])));

    for status in [403, 404] {
        let mut play = Play::new(&of_camera(42));
        assert_eq!(play.asks(42), [Ask::Camera(42)]);
        let taken = play.learn(&Ask::Camera(42), answer(status, ""));
        assert_eq!((taken.trouble, play.listed(), play.asks(42)), (None, Some(vec![42]), vec![]), "{status}");
        play.now.instant += UNNAMED_FOR;
        assert_eq!(play.asks(42), [Ask::Camera(42)]);
        play.learn(&Ask::Camera(42), answer(status, ""));
        assert_eq!(play.directory.forget(&Forget::Item(item(42).into())), [Ask::Camera(42)]);
        assert_eq!(play.asks(42), [Ask::Camera(42)]);
    }
    let mut play = Play::new(&of_camera(42));
    let taken = play.learn(&Ask::Camera(42), answer(500, ""));
    assert!(taken.trouble.is_some_and(|why| why.starts_with("camera 42: ")));
    assert_eq!((play.listed(), play.asks(42)), (None, vec![Ask::Camera(42)]), "it may be told the next time");
}

#[test]
fn an_access_token_that_does_not_tell_its_camera_waits_for_no_list() {
    let play = Play::new(&config(Scheme::Acc));
    assert_eq!((play.directory.prepare(), play.listed()), (vec![], Some(vec![])));
    assert_eq!(play.asks(7), [Ask::Camera(7)], "an event has told it");
}

#[test]
fn calls_are_those_of_the_list_and_of_the_page() {
    let play = Play::new(&config(Scheme::Si));
    let grant = config(Scheme::Si).grant().unwrap();
    for (ask, address) in [
        (V3, "https://web.cloud.test/api/v3/channels/?limit=1000&offset=0"),
        (V5, "https://web.cloud.test/api/v5/channels/?limit=1000&offset=0&meta_not=isstorage"),
        (
            Ask::Next { list: ChannelList::V3, reading: 1, offset: 2_000 },
            "https://web.cloud.test/api/v3/channels/?limit=1000&offset=2000",
        ),
        (Ask::Camera(42), "https://web.cloud.test/api/v2/cameras/42/"),
    ] {
        assert_eq!(play.directory.call(&grant, &ask).url.as_str(), address);
    }
}

#[test]
fn words_of_a_server_are_not_told_where_they_may_hold_a_token_that_is_not_known() {
    let said = || answer(400, json!({"errorDetail": "bad Acc n3wtoken"}));
    let mut config = of_camera(42);
    let plain = Play::new(&config).learn(&Ask::Camera(42), said()).trouble.unwrap();
    assert!(plain.contains("n3wtoken"), "{plain}");
    config.license_key = Some("k3y".into());
    let told = Play::new(&config).learn(&Ask::Camera(42), said()).trouble.unwrap();
    assert!(told.contains("status 400") && !told.contains("n3wtoken"), "{told}");
}
