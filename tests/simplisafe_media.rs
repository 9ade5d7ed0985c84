//! `FetchMedia`: the engine, and a simulated SimpliSafe cloud that counts who showed which token where.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;
use watchpost::{
    actors::{
        ConnectionConfig, Engine, EngineConfig, EngineHandle,
        messages::{FetchMedia, FetchedMedia, ListConnections, MediaError},
        model::ConnectionState,
        settings::{CommonSettings, Heartbeat, Secret},
        vendors::{
            MediaKind, VendorSettings,
            milestone::{MilestoneConfig, config::FilterRow},
            simplisafe::SimpliSafeConfig,
        },
    },
    simulator::simplisafe::{Fault, FaultKind, Options, Refusal, Simulator},
};

const DEADLINE: Duration = Duration::from_secs(40);

struct Rig {
    simulator: Simulator,
    engine: EngineHandle,
    settings: VendorSettings,
    folder: TempDir,
}

fn settings(simulator: &Simulator) -> VendorSettings {
    let mut config = SimpliSafeConfig::new(Secret::from(simulator.refresh_token()));
    config.auth_url = simulator.url().parse().unwrap();
    config.api_url = simulator.url().parse().unwrap();
    config.socket_url = simulator.socket_url().parse().unwrap();
    VendorSettings::SimpliSafe(Box::new(config))
}

impl Rig {
    fn start(faults: Vec<Fault>) -> Self {
        let simulator = Simulator::start(Options { faults, ..Options::default() }).unwrap();
        let settings = settings(&simulator);
        let connection = |name: &str, vendor| ConnectionConfig {
            name: name.parse().unwrap(),
            common: CommonSettings::new(Heartbeat::UNHURRIED),
            vendor,
        };
        let other =
            MilestoneConfig::new("http://127.0.0.1:9".parse().unwrap(), "u", "p".into(), Vec::<FilterRow>::new());
        let connections =
            vec![connection("home", settings.clone()), connection("hq", VendorSettings::Milestone(other))];
        let engine = Engine::start(EngineConfig { connections, ..EngineConfig::default() }).unwrap();
        Self { simulator, engine, settings, folder: tempfile::tempdir().unwrap() }
    }

    /// Lets a camera see something, and answers the link to what it saw.
    fn motion(&self, kind: MediaKind) -> String {
        let sid = self.simulator.systems()[0];
        let camera = self.simulator.cameras(sid)[0].clone();
        let event = self.simulator.camera_motion(sid, &camera).unwrap();
        let record = self.simulator.events(sid).into_iter().find(|record| record.id == event).unwrap();
        let links = self.settings.media_links(&record.row.to_string()).unwrap();
        links.into_iter().find(|(known, _)| *known == kind).unwrap().1
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clip.mp4")
    }

    async fn fetch(&self, connection: &str, url: &str) -> Result<FetchedMedia, MediaError> {
        let mut ask = FetchMedia::new(connection.parse().unwrap(), url, self.file());
        ask.patience = Duration::from_secs(20);
        tokio::time::timeout(DEADLINE, self.engine.send(ask)).await.expect("it does not end").unwrap()
    }

    async fn wait_for(&self, state: ConnectionState) {
        let until = std::time::Instant::now() + DEADLINE;
        loop {
            let listed = self.engine.send(ListConnections).await.unwrap();
            if listed.iter().any(|known| known.name.as_str() == "home" && known.status.state == state) {
                return;
            }
            assert!(std::time::Instant::now() < until, "never {state:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// No token has been shown but where it may be, and nothing of a fetch is left but the file.
    fn assert_clean(&self, files: usize) {
        let counters = self.simulator.counters();
        assert_eq!(counters.tokens_abroad, 0);
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), files);
    }

    /// Calls for media: with which token, and what was answered.
    fn calls(&self) -> Vec<(Option<String>, u16)> {
        let calls = self.simulator.calls().into_iter().filter(|call| call.endpoint == "media");
        calls.map(|call| (call.bearer.map(|token| token.to_string()), call.status)).collect()
    }
}

#[actix_rt::test]
async fn a_clip_that_is_not_ready_arrives_when_it_is_and_a_picture_in_the_width_asked_for() {
    let rig = Rig::start(vec![Fault::MediaPending(2)]);
    rig.wait_for(ConnectionState::Online).await;
    let fetched = rig.fetch("home", &rig.motion(MediaKind::Clip)).await.unwrap();
    assert_eq!((fetched.bytes, fetched.content_type.as_deref()), (300_000, Some("video/mp4")));
    assert_eq!(&fs::read(rig.file()).unwrap()[4..12], b"ftypmp42");
    assert_eq!(fs::metadata(rig.file()).unwrap().len(), 300_000);
    assert_eq!(rig.calls().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [404, 404, 200]);

    rig.simulator.clear(FaultKind::MediaPending);
    let fetched = rig.fetch("home", &rig.motion(MediaKind::Image)).await.unwrap();
    assert_eq!(fetched.content_type.as_deref(), Some("image/jpeg"));
    let asked = rig.simulator.calls();
    assert!(asked.iter().rfind(|call| call.endpoint == "media").unwrap().path.ends_with("&width=720"));
    rig.assert_clean(1);
}

#[actix_rt::test]
async fn it_works_while_the_connection_is_not_online() {
    let rig = Rig::start(vec![Fault::RefuseUpgrade(Refusal { status: 503, count: None })]);
    let fetched = rig.fetch("home", &rig.motion(MediaKind::Clip)).await.unwrap();
    assert_eq!(fetched.bytes, 300_000);
    assert_eq!(rig.simulator.counters().sockets_opened, 0);
    rig.assert_clean(1);
}

#[actix_rt::test]
async fn an_expired_token_is_replaced_once_and_shared() {
    let rig = Rig::start(vec![]);
    rig.wait_for(ConnectionState::Online).await;
    let before = rig.simulator.counters().refreshes;
    rig.simulator.expire_tokens();
    let link = rig.motion(MediaKind::Clip);
    let (one, two) = tokio::join!(rig.fetch("home", &link), rig.fetch("home", &link));
    assert_eq!((one.unwrap().bytes, two.unwrap().bytes), (300_000, 300_000));
    assert_eq!(rig.simulator.counters().refreshes, before + 1, "one login for both");
    rig.assert_clean(1);
}

#[actix_rt::test]
async fn a_link_to_another_host_is_refused_without_a_request() {
    let rig = Rig::start(vec![Fault::ForeignMedia]);
    rig.wait_for(ConnectionState::Online).await;
    let error = rig.fetch("home", &rig.motion(MediaKind::Clip)).await.unwrap_err();
    assert!(matches!(error, MediaError::Address(_)) && !error.is_retryable(), "{error:?}");
    assert_eq!(rig.calls(), []);
    rig.assert_clean(0);
}

#[actix_rt::test]
async fn a_redirect_without_tls_to_another_host_is_not_followed() {
    let rig = Rig::start(vec![Fault::MediaRedirect]);
    rig.wait_for(ConnectionState::Online).await;
    let error = rig.fetch("home", &rig.motion(MediaKind::Clip)).await.unwrap_err();
    assert!(matches!(&error, MediaError::Refused(why) if why.contains("not followed")), "{error:?}");
    assert_eq!(rig.calls().len(), 1);
    rig.assert_clean(0);
}

#[actix_rt::test]
async fn a_clip_that_is_cut_off_is_asked_for_again() {
    let rig = Rig::start(vec![Fault::MediaCut]);
    rig.wait_for(ConnectionState::Online).await;
    let link = rig.motion(MediaKind::Clip);
    let mend = async {
        while rig.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        rig.simulator.clear(FaultKind::MediaCut);
    };
    let (fetched, ()) = tokio::join!(rig.fetch("home", &link), mend);
    assert_eq!(fetched.unwrap().bytes, 300_000);
    assert!(rig.calls().len() >= 2);
    rig.assert_clean(1);
}

#[actix_rt::test]
async fn who_has_nothing_to_fetch_and_who_is_not_there_is_told() {
    let rig = Rig::start(vec![]);
    let link = rig.motion(MediaKind::Clip);
    let error = rig.fetch("hq", &link).await.unwrap_err();
    assert!(matches!(&error, MediaError::NotThisVendor { vendor: "milestone", .. }), "{error:?}");
    let error = rig.fetch("house", &link).await.unwrap_err();
    assert!(matches!(&error, MediaError::Unknown(_)) && error.to_string().contains("house"), "{error:?}");
    rig.assert_clean(0);
}
