//! The settings of one connection to VXG Cloud VMS.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use url::Url;

use super::grant::Grant;
use super::token::{AccessToken, Credential, Scheme};
use crate::settings::ids::{Chosen, IdWords};
use crate::settings::server::HTTP;
use crate::settings::{At, Fields, Mistake, Secret, is_loopback};
use crate::vendors::address::under;

/// The settings of one connection to VXG Cloud VMS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VxgConfig {
    /// The access token of a camera, the token of a group of cameras, or a licence key.
    pub token: Secret,
    /// Which of these it is; unless set, the token tells.
    pub scheme: Option<Scheme>,
    /// Where to call; unless set, the token tells. A licence key does not.
    pub url: Option<Url>,
    /// Whose events and states.
    pub cameras: Cameras,
    /// With it the token of a camera is read anew when the one in hand is refused: VXG's authentication page says that it may change at any time.
    pub license_key: Option<Secret>,
    /// How often to ask for events: 5 s unless set.
    pub poll_every: Duration,
    /// How often to ask for events of a server that is slow or wants fewer requests, at the least: 30 s unless set.
    pub poll_most: Duration,
    /// How often to ask which cameras are online: 30 s unless set.
    pub status_every: Duration,
    /// How far behind the newest event each poll begins: 2 min unless set.
    pub overlap: Duration,
    /// How late an event may be listed and still be found: 1 h unless set.
    pub sweep: Duration,
    /// How often to look for events that were listed late: 10 min unless set.
    pub sweep_every: Duration,
}

/// Which of the cameras that a token opens a connection follows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Cameras {
    /// All of them.
    #[default]
    All,
    /// Those with these ids (`camid`), in the order in which they were written.
    Only(Vec<i64>),
}

impl From<Chosen<i64>> for Cameras {
    fn from(chosen: Chosen<i64>) -> Self {
        match chosen {
            Chosen::All => Self::All,
            Chosen::Only(ids) => Self::Only(ids),
        }
    }
}

impl Cameras {
    /// The ids that are named; none if all are followed.
    #[must_use]
    pub fn named(&self) -> &[i64] {
        match self {
            Self::All => &[],
            Self::Only(ids) => ids,
        }
    }

    /// Whether the camera with this id is followed.
    #[must_use]
    pub fn contains(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
        }
    }
}

/// Why settings lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pathless {
    /// There is no token: secrets were not fetched.
    #[error("there is no token")]
    NoToken,
    /// Neither settings nor token say where to call.
    #[error("the token does not say where to call: set `url`")]
    NoServer,
}

impl VxgConfig {
    /// The default of `poll_every`.
    pub const POLL_EVERY: Duration = Duration::from_secs(5);
    /// The least of what is asked for again and again, at a server elsewhere. VXG names no limit; its own services ask twice a second at most, and its web
    /// client every ten seconds. A server on this machine may be asked as often as one likes.
    pub const POLL_AT_LEAST: Duration = Duration::from_secs(1);
    /// The default of `poll_most`.
    pub const POLL_MOST: Duration = Duration::from_secs(30);
    /// The default of `status_every`.
    pub const STATUS_EVERY: Duration = Duration::from_secs(30);
    /// The default of `overlap`.
    pub const OVERLAP: Duration = Duration::from_secs(120);
    /// The default of `sweep`.
    pub const SWEEP: Duration = Duration::from_secs(3_600);
    /// The default of `sweep_every`.
    pub const SWEEP_EVERY: Duration = Duration::from_secs(600);

    /// Settings for all cameras of a token, with the default of everything that has one.
    #[must_use]
    pub fn new(token: Secret) -> Self {
        Self {
            token,
            scheme: None,
            url: None,
            cameras: Cameras::All,
            license_key: None,
            poll_every: Self::POLL_EVERY,
            poll_most: Self::POLL_MOST,
            status_every: Self::STATUS_EVERY,
            overlap: Self::OVERLAP,
            sweep: Self::SWEEP,
            sweep_every: Self::SWEEP_EVERY,
        }
    }

    /// What these settings lead to, before any server was asked.
    ///
    /// # Errors
    /// [`Pathless`].
    pub fn grant(&self) -> Result<Grant, Pathless> {
        let token = self.token.expose();
        if token.trim().is_empty() {
            return Err(Pathless::NoToken);
        }
        let read = AccessToken::decode(token).ok();
        let scheme = self.scheme.unwrap_or_else(|| read.as_ref().map_or(Scheme::LKey, AccessToken::scheme));
        let told = || read.as_ref().and_then(AccessToken::base_url);
        let base = self.url.clone().or_else(told).ok_or(Pathless::NoServer)?;
        let camera = (scheme == Scheme::Acc).then(|| read.as_ref()?.camera).flatten();
        let camera = camera.or_else(|| self.only_camera().filter(|_| scheme == Scheme::Acc));
        Ok(Grant { base: under(&base, ""), credential: Credential::new(scheme, token), camera })
    }

    fn only_camera(&self) -> Option<i64> {
        match self.cameras.named() {
            [id] => Some(*id),
            _ => None,
        }
    }

    /// What connections share a login by, and whose logins wait for each other: server, scheme and token. Where the token does not tell its camera,
    /// the camera too.
    #[must_use]
    pub fn account(&self) -> String {
        let key = self.license_key.as_ref();
        let key = key.map_or(String::new(), |key| format!(", licence key {}", fingerprint(key.expose())));
        let token = fingerprint(self.token.expose());
        match self.grant() {
            Ok(grant) => {
                let camera = grant.camera.map_or(String::new(), |camera| format!(" of camera {camera}"));
                format!("vxg {} token {token}{camera} at {}{key}", grant.scheme(), grant.base)
            }
            Err(_) => format!("vxg token {token}{key}"),
        }
    }
}

/// By what people tell one token from another without seeing it: the first digits of its SHA-256. The token is long and random, so nothing leads back
/// from them.
fn fingerprint(token: &str) -> String {
    let token: String = token.split_ascii_whitespace().collect();
    let hash = digest(&SHA256, token.as_bytes());
    hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The tokens that VXG's pages show have less than 500 characters; what is longer than this is a file of something else.
const LONGEST_TOKEN: usize = 16 << 10;
const SCHEMES: [(&str, Scheme); 3] = [("Acc", Scheme::Acc), ("SI", Scheme::Si), ("LKey", Scheme::LKey)];

const CAMERAS: IdWords =
    IdWords { key: "cameras", one: "camera", example: "237863", shown: "those that the token opens" };

/// Reads the keys of a VXG connection.
pub fn read(fields: &mut dyn Fields) -> Option<VxgConfig> {
    fields.require("token", r#"token = { env = "VXG_TOKEN" }"#);

    let token = token(fields, "token", "token");
    let scheme = fields.choice("scheme", &SCHEMES);
    let url = fields.server("url", HTTP, "the token", is_of_calls);
    let named = fields.all_or_ids(CAMERAS).map(Cameras::from);
    let license_key = token_beside(fields);
    let paces = Paces::read(fields);

    let mut config = VxgConfig::new(token?);
    config.scheme = scheme;
    config.license_key = license_key;
    // What was written wrong has been told already, and what would follow from it need not be.
    let is_sound = ["scheme", "url", "cameras"]
        .into_iter()
        .zip([scheme.is_some(), url.is_some(), named.is_some()])
        .all(|(key, is_read)| is_read || !fields.contains(key));
    config.url = url;
    config.cameras = named.unwrap_or_default();
    if is_sound {
        agree(fields, &config);
    }
    paces.keep(fields, &mut config);
    Some(config)
}

/// A token alone: files end with a line break, and what an editor or a shell left around it is no part of it. Base64 may go over several lines.
fn token(fields: &mut dyn Fields, key: &'static str, name: &str) -> Option<Secret> {
    let read = fields.secret(key)?;
    let token = read.expose().trim();
    let is_opaque = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    // What nobody needs now is not fetched, and empty; what is fetched is not.
    let is_token = is_opaque || read.expose().is_empty() || AccessToken::decode(token).is_ok();
    if is_token && token.len() <= LONGEST_TOKEN {
        return Some(token.into());
    }
    let before = token.split_ascii_whitespace().next().and_then(Scheme::of);
    let mistake = match before {
        _ if token.is_empty() => Mistake::new(format!("the {name} is empty")),
        _ if token.len() > LONGEST_TOKEN => Mistake::new(format!("this is too long to be a {name}")),
        Some(scheme) => Mistake::new(format!("\"{scheme}\" and a blank stand before the {name}")),
        None => Mistake::new(format!("a {name} has neither blanks nor line breaks in it")),
    };
    let hint = match before {
        Some(scheme) if key == "token" => format!("leave them out, and add scheme = \"{scheme}\""),
        _ => "copy it as a whole, and nothing else, from VXG's dashboard".to_owned(),
    };
    fields.error(key, mistake.concealed().hint(hint));
    None
}

/// The licence key beside a token. One that is not fetched is as good as none.
fn token_beside(fields: &mut dyn Fields) -> Option<Secret> {
    token(fields, "license_key", "licence key").filter(|key| !key.expose().is_empty())
}

/// Whether a path has that of VXG's API in it.
fn is_of_calls(path: &str) -> bool {
    path.split('/').any(|part| part == "api")
}

/// Says where token, scheme, server and cameras do not agree with each other.
fn agree(fields: &mut dyn Fields, config: &VxgConfig) {
    let token = config.token.expose();
    if token.is_empty() {
        return;
    }
    let read = AccessToken::decode(token).ok();
    if read.is_none() && config.scheme.is_none() {
        let mistake = Mistake::new("this is no access token (base64 of JSON), so it is taken for a licence key");
        fields.warn("token", mistake.concealed().hint("write scheme = \"LKey\" if it is one"));
    }
    let Ok(grant) = config.grant() else {
        const HINT: &str = "add url = \"https://web.<installation>.cloud-vms.com\", the address of VXG's dashboard";
        fields.error("url", Mistake::new("required here, for the token does not tell its server").hint(HINT));
        return;
    };
    let camera = read.as_ref().and_then(|read| read.camera);
    if let (Some(camera), Some(scheme @ (Scheme::Si | Scheme::LKey))) = (camera, config.scheme) {
        let mistake =
            Mistake::new(format!("the token is that of one camera, {camera}: shown as {} it may be refused", scheme));
        fields.warn("scheme", mistake.hint("leave it out, and the token tells"));
    }
    if grant.scheme() == Scheme::Acc {
        one_camera(fields, config, camera);
    }
    if config.license_key.is_none() {
        return;
    }
    let useless = match (grant.scheme(), grant.camera) {
        (Scheme::Acc, Some(_)) => return,
        (Scheme::Acc, None) => "of a token that does not tell its camera none can be read anew: name it in `cameras`",
        _ => "it has no use here: only the token of a single camera can be read anew with it",
    };
    fields.warn("license_key", Mistake::new(useless));
}

const SEVERAL: &str = "several cameras need the token of a group (SI) or a licence key (LKey), or a connection each";

/// An access token opens one camera, which it names.
fn one_camera(fields: &mut dyn Fields, config: &VxgConfig, camera: Option<i64>) {
    let Cameras::Only(ids) = &config.cameras else {
        if fields.contains("cameras") {
            fields.warn("cameras", Mistake::new("an access token opens one camera alone").hint(SEVERAL));
        }
        return;
    };
    let write = |camera| format!("write cameras = [{camera}], or leave it out");
    match (&ids[..], camera) {
        ([id], Some(camera)) if *id != camera => {
            let mistake = Mistake::new(format!("the token opens camera {camera} alone"));
            fields.error(At::Item("cameras", 0), mistake.hint(write(camera)));
        }
        ([_, _, ..], _) => {
            let hint = camera.map_or_else(|| SEVERAL.to_owned(), |camera| format!("{}; {SEVERAL}", write(camera)));
            fields.error("cameras", Mistake::new("an access token opens one camera alone").hint(hint));
        }
        _ => {}
    }
}

/// How often and how far back is asked; none where the key is absent or wrong.
struct Paces {
    poll_every: Option<Duration>,
    poll_most: Option<Duration>,
    status_every: Option<Duration>,
    overlap: Option<Duration>,
    sweep: Option<Duration>,
    sweep_every: Option<Duration>,
}

impl Paces {
    fn read(fields: &mut dyn Fields) -> Self {
        Self {
            poll_every: fields.duration("poll_every", 100 * MILLISECOND..=DAY),
            poll_most: fields.duration("poll_most", 100 * MILLISECOND..=DAY),
            status_every: fields.duration("status_every", 100 * MILLISECOND..=DAY),
            overlap: fields.duration("overlap", SECOND..=DAY),
            sweep: fields.duration("sweep", SECOND..=7 * DAY),
            sweep_every: fields.duration("sweep_every", 100 * MILLISECOND..=7 * DAY),
        }
    }

    /// Puts them into the settings, and says which do not go together. What is not written gives way to what is.
    fn keep(self, fields: &mut dyn Fields, config: &mut VxgConfig) {
        // Where a token that was not fetched leads is not known.
        let is_elsewhere = config.grant().is_ok_and(|grant| !is_loopback(&grant.base));
        for (key, every) in [
            ("poll_every", self.poll_every),
            ("poll_most", self.poll_most),
            ("status_every", self.status_every),
            ("sweep_every", self.sweep_every),
        ] {
            let Some(every) = every.filter(|every| is_elsewhere && *every < VxgConfig::POLL_AT_LEAST) else { continue };
            let mistake = Mistake::new(format!("{} is too often for a server elsewhere", text(every)));
            fields.error(key, mistake.hint(format!("write \"{}\" or more", text(VxgConfig::POLL_AT_LEAST))));
        }
        config.poll_every = self.poll_every.unwrap_or(config.poll_every);
        config.poll_most = self.poll_most.unwrap_or(config.poll_most.max(config.poll_every));
        config.status_every = self.status_every.unwrap_or(config.status_every);
        config.sweep = self.sweep.unwrap_or(config.sweep.max(self.overlap.unwrap_or_default()));
        config.overlap = self.overlap.unwrap_or(config.overlap.min(config.sweep));
        config.sweep_every = self.sweep_every.unwrap_or(config.sweep_every.min(config.sweep));
        let pairs = [
            ("poll_most", self.poll_most, config.poll_most < config.poll_every, "poll_every", config.poll_every),
            ("sweep", self.sweep, config.sweep < config.overlap, "overlap", config.overlap),
        ];
        for (key, written, is_less, least, bound) in pairs {
            if let Some(written) = written.filter(|_| is_less) {
                let mistake = Mistake::new(format!("{} is shorter than {least} ({})", text(written), text(bound)));
                fields.error(key, mistake.hint(format!("write \"{}\" or more", text(bound))));
            }
        }
        if config.sweep_every > config.sweep {
            let [every, sweep] = [config.sweep_every, config.sweep].map(text);
            let mistake =
                Mistake::new(format!("{every} is longer than sweep ({sweep}): no sweep would reach the one before it"));
            fields.error("sweep_every", mistake.hint(format!("write \"{sweep}\" or less")));
        }
    }
}

fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests;
