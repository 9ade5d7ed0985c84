//! A look at a system for `check --connect`, and the simulator.
//!
//! A look is a login, the lists of the Configuration REST API, and one subscription over the WebSocket.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream};
use serde::{Deserialize, de::IgnoredAny};
use watchpost::actors::{
    settings::{CommonSettings, closest},
    transport::{RestAnswer, RestClient, RestError, TlsSettings, WebSocketClient},
    vendors::{
        Directory, Login, Now, Resume, Vendor,
        milestone::{
            Grant, Milestone, MilestoneConfig,
            config::{EventType, Selection},
            directory::{Ask, Catalog, MilestoneDirectory},
            login::{is_there, probe},
            trouble,
        },
    },
};

#[cfg(feature = "simulator")]
use crate::cli::{Exit, terminal};
use crate::cli::{
    logins::{self, Logins},
    trial::{self, Admitted},
    vendors::Findings,
};
#[cfg(feature = "simulator")]
use watchpost::actors::{
    ConnectionConfig,
    settings::Secret,
    vendors::{
        VendorSettings,
        milestone::config::{FilterRow, Modifier},
    },
};

/// The kinds of items that cameras come with, as the Configuration REST API names its collections.
const KINDS: [&str; 7] =
    ["cameras", "hardware", "recordingServers", "outputs", "inputEvents", "microphones", "speakers"];
/// Lists asked for at a time: a large site takes seconds for each.
const AT_A_TIME: usize = 3;
/// Looks at systems, and logs in once per user and server.
#[derive(Default)]
pub(in crate::cli) struct Visitor {
    logins: Logins<(String, TlsSettings), Admission>,
}

/// A login that went well.
struct Admission {
    grant: Grant,
    rest: RestClient,
    sockets: WebSocketClient,
    /// This is the second login already.
    renewed: bool,
}

impl Admission {
    /// Logs in once more, for the gateway does not take the token. Only once: each login may count towards a lock-out.
    async fn renew(&mut self, config: &MilestoneConfig, common: &CommonSettings) -> Result<(), String> {
        if self.renewed {
            return Err("the gateway refuses the token (status 401), also after another login".to_owned());
        }
        self.renewed = true;
        let (fresh, _) = log_in(config, common).await?;
        *self = Self { renewed: true, ..fresh };
        Ok(())
    }
}

/// A login that can be made once more.
struct Renewable<'a> {
    admission: &'a mut Admission,
    config: &'a MilestoneConfig,
    common: &'a CommonSettings,
}

impl Admitted for Renewable<'_> {
    type Grant = Grant;

    fn sockets(&self) -> &WebSocketClient {
        &self.admission.sockets
    }

    fn grant(&self) -> Arc<Grant> {
        Arc::new(self.admission.grant.clone())
    }

    async fn renew(&mut self) -> Result<(), String> {
        self.admission.renew(self.config, self.common).await
    }
}

impl Visitor {
    pub(in crate::cli) async fn visit(&mut self, config: &MilestoneConfig, common: &CommonSettings) -> Findings {
        let mut findings = Findings::default();
        let terms = (Milestone::account(config), common.tls.clone());
        if let Some(admission) = self.logins.admit(terms, log_in(config, common), &mut findings).await {
            tell_gateways(admission, &mut findings).await;
            look(admission, config, common, &mut findings).await;
            findings.tell("window", window(config));
        }
        findings
    }
}

async fn log_in(config: &MilestoneConfig, common: &CommonSettings) -> Result<(Admission, String), String> {
    let (rest, sockets) = logins::clients(&common.tls)?;
    let mut login = Milestone::login(config, common);
    let begun = login.begin(Now::read());
    let (grant, who) =
        trial::log_in(&rest, &mut login, begun, trial::keep_nothing).await.map_err(|error| error.to_string())?;
    Ok((Admission { grant, rest, sockets, renewed: false }, who))
}

/// Which gateway is in use, and which of the others would not be there if it went away.
async fn tell_gateways(admission: &Admission, findings: &mut Findings) {
    let (all, using) = (admission.grant.gateways.all(), admission.grant.gateway());
    if all.len() < 2 {
        return;
    }
    let others = all.iter().filter(|other| **other != using);
    let answers = stream::iter(others).map(|other| async move {
        match probe(other) {
            Some(call) => (other, is_there(&admission.rest.call(&call).await)),
            None => (other, false),
        }
    });
    let answers: Vec<_> = answers.buffered(AT_A_TIME).collect().await;
    let away = answers.iter().filter(|(_, is_there)| !is_there).map(|(other, _)| format!("; {other} does not answer"));
    findings.tell("gateways", format!("{}, using {using}{}", all.len(), away.collect::<String>()));
}

/// Counts what the user may see, looks for the event types that the subscription names, and tries the subscription out.
async fn look(admission: &mut Admission, config: &MilestoneConfig, common: &CommonSettings, findings: &mut Findings) {
    let mut directory = Milestone::directory(config, common);
    let (types, counts) = loop {
        // The types come first: by then the directory knows how the server spells its root.
        let types = load_types(admission, &mut directory).await;
        let counts = count(admission, &directory).await;
        if !counts.iter().map(|(_, count)| count).chain([&types]).any(|count| matches!(count, Count::TokenRefused(_))) {
            break (types, counts);
        }
        if let Err(why) = admission.renew(config, common).await {
            return findings.fail(why);
        }
    };
    findings.tell("items", counts.iter().map(|(kind, count)| count.shown(kind)).collect::<Vec<_>>().join(", "));
    for (kind, count) in &counts {
        if let Count::Failed(why) = count {
            findings.fail(format!("{kind} could not be counted: {why}"));
        }
    }
    if counts.iter().all(|(_, count)| matches!(count, Count::NotAllowed(_))) {
        findings.fail("the user may see no items at all: give its role rights to them in XProtect's Management Client");
    }
    match (&types, directory.catalog()) {
        (Count::Seen(types), Some(catalog)) => {
            findings.tell("events", format!("{types} event types"));
            check_names(config, &catalog, findings);
        }
        (Count::Seen(_), None) => findings.fail("the list of event types cannot be read"),
        (Count::NotAllowed(why) | Count::TokenRefused(why) | Count::Failed(why), _) => {
            findings.tell("events", format!("event types are not to be had: {why}"));
            if names(config).next().is_some() {
                findings.fail("`subscribe` names event types, and without the list their ids are not known");
            }
        }
    }
    // Where something is wrong already, a subscription would only say it again.
    if findings.failures.is_empty() {
        let session = Milestone::session(config, common, Resume::default());
        let mut admitted = Renewable { admission, config, common };
        match trial::subscribe(session, &mut admitted, directory.catalog(), common.request_timeout).await {
            Ok(()) => findings.tell("channel", "the gateway accepts the subscription"),
            Err(why) => findings.fail(why),
        }
    }
}

async fn count(admission: &Admission, directory: &MilestoneDirectory) -> Vec<(&'static str, Count)> {
    let lists = stream::iter(KINDS).map(|kind| async move {
        let answer = admission.rest.call(&directory.call(&admission.grant, &Ask::List(kind.into()))).await;
        (kind, Count::of(answer))
    });
    lists.buffered(AT_A_TIME).collect().await
}

/// Loads the event types, and answers how many there are.
async fn load_types(admission: &Admission, directory: &mut MilestoneDirectory) -> Count {
    let mut asks = vec![Ask::Types];
    let mut outcome = Count::Failed("no answer".to_owned());
    while let Some(ask) = asks.pop() {
        let answer = admission.rest.call(&directory.call(&admission.grant, &ask)).await;
        outcome = Count::of(answer.clone());
        asks = directory.learn(Now::read(), &ask, answer).next;
    }
    outcome
}

/// What came of counting one kind of items.
enum Count {
    Seen(usize),
    NotAllowed(String),
    TokenRefused(String),
    Failed(String),
}

#[derive(Deserialize)]
struct List {
    array: Vec<IgnoredAny>,
}

impl Count {
    fn of(answer: Result<RestAnswer, RestError>) -> Self {
        match answer {
            Ok(answer) if answer.is_success() => match serde_json::from_slice::<List>(&answer.body) {
                Ok(list) => Self::Seen(list.array.len()),
                Err(error) => Self::Failed(format!("the list cannot be read: {error}")),
            },
            Ok(answer) if answer.status == 401 => Self::TokenRefused(trouble(&answer)),
            // A list of what the user has no right to is refused in one of these ways.
            Ok(answer) if matches!(answer.status, 400 | 402..=405) => Self::NotAllowed(trouble(&answer)),
            Ok(answer) => Self::Failed(trouble(&answer)),
            Err(error) => Self::Failed(error.to_string()),
        }
    }

    fn shown(&self, kind: &str) -> String {
        match self {
            Self::Seen(count) => format!("{kind} {count}"),
            Self::NotAllowed(_) => format!("{kind} not allowed"),
            Self::TokenRefused(_) | Self::Failed(_) => format!("{kind} ?"),
        }
    }
}

/// The event types that the subscription names.
fn names(config: &MilestoneConfig) -> impl Iterator<Item = &str> {
    let lists = config.subscribe.iter().filter_map(|row| match &row.events {
        Selection::Only(types) => Some(types),
        Selection::All => None,
    });
    lists.flatten().filter_map(|event| match event {
        EventType::Name(name) => Some(name.as_str()),
        EventType::Id(_) => None,
    })
}

fn check_names(config: &MilestoneConfig, catalog: &Catalog, findings: &mut Findings) {
    let known: BTreeSet<&str> = catalog.names().collect();
    for name in names(config).filter(|name| catalog.event_types(name).is_empty()) {
        let near = closest(name, known.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
        findings.fail(format!("`subscribe` names the event type \"{name}\", which this system does not have{hint}"));
    }
}

fn window(config: &MilestoneConfig) -> String {
    let window = humantime::format_duration(config.resume_window);
    format!("a lost session is kept for {window}, assumed: the server does not say")
}

/// `watchpost simulate milestone`.
#[cfg(feature = "simulator")]
pub(in crate::cli) async fn simulate(args: watchpost::simulator::milestone::SimulateArgs) -> Exit {
    if args.items == 0 {
        terminal::complain(
            "error: invalid value '0' for '--items <N>': a system without a camera tells nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    crate::cli::simulate::until_ended(watchpost::simulator::milestone::run(args)).await
}

/// The settings of a connection to a simulator, with times to fit its resume window.
#[cfg(feature = "simulator")]
pub(in crate::cli) fn simulated(
    name: &str,
    url: &str,
    options: &watchpost::simulator::milestone::Options,
) -> Result<ConnectionConfig, String> {
    let everything = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::All,
        sources: Selection::All,
        events: Selection::All,
    };
    let url = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let password = Secret::from(options.password.clone());
    let mut vendor = MilestoneConfig::new(url, options.username.clone(), password, vec![everything]);
    vendor.resume_window = options.window;
    let mut common = CommonSettings::new(Milestone::HEARTBEAT);
    // A half-open socket is found early enough to resume.
    common.ping_after = options.window / 10;
    common.dead_after = options.window * 3 / 10;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    Ok(ConnectionConfig { name, common, vendor: VendorSettings::Milestone(vendor) })
}
