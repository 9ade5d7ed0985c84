//! What a connection would follow: the cameras that its token opens, how they do, and whether their event types can be read.

use std::collections::{BTreeSet, VecDeque};

use watchpost::actors::{
    settings::{CommonSettings, TlsSettings, mistake::shown},
    transport::RestClient,
    vendors::{
        Directory as _, Login as _, Now, Vendor as _,
        vxg::{
            Grant, Vxg, VxgConfig,
            config::Cameras,
            directory::{Camera, Catalog},
            rest::{self, CallError, PageSize},
            token::{AccessToken, Scheme},
            wire::EventType,
        },
    },
};

use super::super::{trial, vendors::Findings};

/// Pages of a list that one look reads, should there be very many cameras.
const MOST_ASKED: usize = 100;
/// Cameras that are told one by one.
const MOST_TOLD: usize = 50;

/// Looks at what tokens open, and tries each once.
#[derive(Default)]
pub(in crate::cli) struct Visitor {
    logins: Vec<Known>,
}

/// A token that was tried.
struct Known {
    account: String,
    tls: TlsSettings,
    outcome: Result<Admission, String>,
}

/// A token that is good.
#[derive(Clone)]
struct Admission {
    grant: Grant,
    who: String,
    rest: RestClient,
}

impl Visitor {
    pub(in crate::cli) async fn visit(&mut self, config: &VxgConfig, common: &CommonSettings) -> Findings {
        let mut findings = Findings::default();
        let account = Vxg::account(config);
        let known = self.logins.iter().find(|known| known.account == account && known.tls == common.tls);
        let outcome = match known {
            Some(known) => known.outcome.clone(),
            None => {
                let outcome = log_in(config, common).await;
                self.logins.push(Known { account, tls: common.tls.clone(), outcome: outcome.clone() });
                outcome
            }
        };
        match outcome {
            Ok(admission) => look(&admission, config, common, &mut findings).await,
            Err(why) => findings.fail(why),
        }
        findings
    }
}

async fn log_in(config: &VxgConfig, common: &CommonSettings) -> Result<Admission, String> {
    let tls = common.tls.client_config().map_err(|error| error.to_string())?;
    let rest = RestClient::new(&tls);
    let mut login = Vxg::login(config, common);
    let begun = login.begin(Now::read());
    let tried = trial::log_in(&rest, &mut login, begun, trial::keep_nothing).await;
    let (grant, who) = tried.map_err(|error| error.to_string())?;
    Ok(Admission { grant, who, rest })
}

/// Lists the cameras, says which would be followed and how they do, and reads the event types of one.
async fn look(admission: &Admission, config: &VxgConfig, common: &CommonSettings, findings: &mut Findings) {
    findings.tell("login", admission.who.clone());
    findings.tell("scheme", scheme(admission, config));
    let mut directory = Vxg::directory(config, common);
    let mut asks: VecDeque<_> = directory.prepare().into();
    for _ in 0..MOST_ASKED {
        let Some(ask) = asks.pop_front() else { break };
        let answer = admission.rest.call(&directory.call(&admission.grant, &ask)).await;
        let taken = directory.learn(Now::read(), &ask, answer);
        asks.extend(taken.next);
        if let Some(trouble) = taken.trouble {
            findings.tell("trouble", trouble);
        }
    }
    let one = match directory.catalog() {
        Some(catalog) => cameras(admission, &catalog, config, findings),
        // Events go on without names, and without a list only those of cameras that are named can be tried.
        None => {
            findings.tell("cameras", "cannot be listed: events come without names");
            config.cameras.named().first().copied().or(admission.grant.camera)
        }
    };
    match one {
        Some(camera) => types(admission, camera, findings).await,
        None => findings.tell("events", "their types are those of cameras, of which none is known"),
    }
}

/// The kind of token, and who says so.
fn scheme(admission: &Admission, config: &VxgConfig) -> String {
    let scheme = admission.grant.scheme();
    let what = match scheme {
        Scheme::Acc => "one camera",
        Scheme::Si => "a group of cameras",
        Scheme::LKey => "an account",
    };
    let token = AccessToken::decode(config.token.expose()).ok();
    let told = match (config.scheme, &token) {
        (Some(_), _) => "as configured",
        (None, Some(_)) => "told by the token",
        (None, None) => "assumed, for the token is opaque",
    };
    let access = token.and_then(|token| token.access).filter(|access| !access.eq_ignore_ascii_case("all"));
    let access = access.map_or(String::new(), |access| format!("; access \"{}\"", shown(&access)));
    format!("{scheme}, {what}, {told}{access}")
}

/// Tells of the cameras. One that would be followed.
fn cameras(admission: &Admission, catalog: &Catalog, config: &VxgConfig, findings: &mut Findings) -> Option<i64> {
    let is_followed = |camera: &&Camera| config.cameras.contains(camera.id);
    let followed: Vec<_> = catalog.cameras.iter().filter(is_followed).collect();
    for camera in followed.iter().take(MOST_TOLD) {
        findings.tell("camera", line(camera));
    }
    let more = followed.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        findings.tell("cameras", format!("{more} more"));
    }
    let left_out = catalog.cameras.len() - followed.len();
    if left_out > 0 {
        findings.tell("cameras", format!("{left_out} others are not followed: {}", ids(catalog, config)));
    }
    if admission.grant.scheme() != Scheme::Acc {
        if catalog.cameras.is_empty() {
            findings.fail("the token opens no camera");
        }
        if let Cameras::Only(named) = &config.cameras {
            let there: BTreeSet<_> = catalog.cameras.iter().map(|camera| camera.id).collect();
            for id in named.iter().filter(|id| !there.contains(id)) {
                findings.fail(format!("camera {id} is not among those that the token opens"));
            }
        }
    }
    followed.first().map(|camera| camera.id).or(admission.grant.camera)
}

fn line(camera: &Camera) -> String {
    let name =
        camera.name.as_deref().map_or_else(|| ", no name is told".to_owned(), |name| format!(" \"{}\"", shown(name)));
    let status = match &camera.status {
        None => ", no status is told".to_owned(),
        Some(status) if status.trim().eq_ignore_ascii_case("active") => ": online".to_owned(),
        Some(status) => format!(": offline ({})", shown(status)),
    };
    format!("{}{name}{status}", camera.id)
}

/// The first of the cameras that are not followed.
fn ids(catalog: &Catalog, config: &VxgConfig) -> String {
    let others = catalog.cameras.iter().filter(|camera| !config.cameras.contains(camera.id));
    let mut ids: Vec<_> = others.take(MOST_TOLD + 1).map(|camera| camera.id.to_string()).collect();
    if ids.len() > MOST_TOLD {
        ids.truncate(MOST_TOLD);
        ids.push("…".to_owned());
    }
    ids.join(", ")
}

/// Whether event types can be read, which the commands need, and events come without.
async fn types(admission: &Admission, camera: i64, findings: &mut Findings) {
    let mut size = PageSize::default();
    let read = loop {
        let call = rest::event_types(&admission.grant, camera, size.at(0));
        let read = match admission.rest.call(&call).await {
            Ok(answer) => rest::read_page(&admission.grant, &answer).map(|page| page.read_rows(EventType::read).rows),
            Err(error) => Err((&error).into()),
        };
        if !read.as_ref().is_err_and(|error| size.lessen(error)) {
            break read;
        }
    };
    match read {
        Ok(types) => {
            let names: Vec<_> = types.iter().map(|kind| shown(&kind.name)).collect();
            findings.tell("events", format!("types of camera {camera}: {}", names.join(", ")));
        }
        // Events go on: only the commands need them.
        Err(error @ CallError::Forbidden(_)) => {
            findings
                .tell("events", format!("types of camera {camera} cannot be read, so commands will not work: {error}"));
        }
        Err(error) => findings.fail(format!("the event types of camera {camera} cannot be read: {error}")),
    }
}
