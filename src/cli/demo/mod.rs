//! `watchpost demo`: simulated systems, an engine that watches them over real sockets, and a view of both sides.
//!
//! ```text
//! stage (simulators: events, and breaks by a script) ─► sockets ─► engine ─► callback ─► tally ─► view
//! ```
//!
//! - `stage` lets things happen and go wrong, on a thread of its own. `script` says what and when at the XProtect gateway; `cloud` is the Eagle
//!   Eye cloud, where nothing breaks; `house` is a house of SimpliSafe, and `story` what happens there; `yard` is a yard in VXG's cloud, and what happens there.
//! - `tally` is what an embedder would know: it hears events from a callback and reads the states.
//! - `plain` shows it line by line, for a pipe; `live` in place, for a terminal.
//! - `summary` is the end: the simulator's auditor compares what happened with what was told.

mod cloud;
mod house;
mod live;
mod plain;
mod script;
mod stage;
mod story;
mod summary;
mod tally;
mod yard;

use std::{
    fmt,
    io::{self, IsTerminal},
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{
    select,
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;
use watchpost::{
    actors::{
        Engine, EngineConfig, EngineHandle, callbacks::SharedEvent, messages::AddConnection, model::Filter,
        settings::Secret,
    },
    simulator::milestone::{Fault, Options, Simulator, audit::Report},
    sinks::{Desk, delivery::Delivery},
};

use self::{
    cloud::Cloud,
    house::House,
    live::Live,
    plain::Plain,
    script::Timing,
    stage::{Notice, Stage},
    tally::Tally,
    yard::Yard,
};
use super::{
    Exit,
    api::{About, Api},
    descriptors::Descriptors,
    is_reader_gone, milestone,
    signals::Signals,
    terminal,
};

/// The name of the connection.
const CONNECTION: &str = "hq";
/// Events that may wait to be shown.
const QUEUE: usize = 1_024;
/// How often the view is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);
/// How long what is still under way may take in the end: an outage that has just begun, the pauses between tries, and
/// a house that is asked nothing for 20 s after it was armed.
const SETTLE: Duration = Duration::from_secs(25);
/// How long the engine may take to end.
const DEADLINE: Duration = Duration::from_secs(5);

/// Show the engine at work against simulated systems, with connections that break
///
/// A simulated XProtect system, an Eagle Eye cloud, a house of SimpliSafe and a yard in VXG's cloud are started, and the engine watches all of them over real sockets. Every ten seconds or so the
/// XProtect system drops the socket, each time in another way; once in a minute it stays away for longer than it keeps a session. SimpliSafe's cloud goes away once in a
/// minute, and what happens in the house meanwhile is read out of its history. In the yard a camera goes and comes back, and what another one uploads late is found. In the end an auditor compares
/// what happened with what was told: the exit status is 1 if an event was lost in silence or a state is wrong. It remembers every event for that,
/// about 1 KiB each.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost demo
  watchpost demo --for 30s
  watchpost demo --items 2000 --rate 200 --for 1m > demo.log")]
pub(super) struct DemoArgs {
    /// End after so long; a short demo does everything faster. Without it, end at Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    length: Option<Duration>,
    /// Where dashboard and API listen; port 0 takes a free one. Without it, 127.0.0.1:8780, or a free port where that is taken. Where other machines can reach it, a token is made and shown
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How many cameras there are; all other items follow from it
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    items: u32,
    /// How many events happen per second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

/// Connections of a demo, and their other ends at the simulators, with room to spare.
const ENDS: usize = 32;

/// How a demo is shown.
trait View {
    /// An event was told.
    fn event(&mut self, event: &SharedEvent) -> io::Result<()>;
    /// Something happens at a simulator.
    fn notice(&mut self, notice: &Notice) -> io::Result<()>;
    /// Time has passed.
    fn tick(&mut self, tally: &Tally) -> io::Result<()>;
    /// It is over; what comes now is the summary.
    fn end(&mut self, tally: &Tally) -> io::Result<()>;
}

pub(super) async fn run(args: DemoArgs) -> Exit {
    let clients = Descriptors::raise().clients_beside(ENDS, 0);
    match play(args, clients).await {
        Ok(exit) => exit,
        Err(Failure::Terminal(error)) if is_reader_gone(&error) => Exit::Done,
        Err(failure) => {
            terminal::complain(failure);
            Exit::Failed
        }
    }
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot write to standard output: {0}")]
    Terminal(#[from] io::Error),
    #[error("the simulator: {0}")]
    Simulator(#[from] watchpost::simulator::milestone::StartError),
    #[error("the engine: {0}")]
    Engine(#[from] watchpost::actors::StartError),
    #[error("the engine: {0}")]
    Connection(#[from] watchpost::actors::messages::AddError),
    #[error("the engine has ended")]
    Ended(#[from] actix::MailboxError),
    #[error("the simulator's address is none: {0}")]
    Address(String),
    #[error("{0}")]
    Api(String),
}

/// Listens where the user wants it, else where a watchpost usually does, or anywhere.
fn listen(wanted: Option<SocketAddr>, clients: usize) -> Result<Option<Api>, String> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 8780));
    match wanted {
        Some(address) => {
            Api::bind(address, clients).map_err(|error| format!("{error}; choose another address with --listen"))
        }
        None => Api::bind(usual, clients).or_else(|_| Api::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clients)),
    }
}

/// Where the dashboard is.
struct Dashboard {
    address: SocketAddr,
    /// What it asks for, where other machines can reach it.
    token: Option<String>,
}

impl Dashboard {
    fn of(api: &Api) -> Self {
        let address = api.address();
        let is_loopback = address.ip().to_canonical().is_loopback();
        Self { address, token: (!is_loopback).then(|| Uuid::new_v4().simple().to_string()) }
    }
}

impl fmt::Display for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dashboard at http://{}/", self.address)?;
        self.token.as_ref().map_or(Ok(()), |token| write!(f, " with the token {token}"))
    }
}

async fn play(args: DemoArgs, clients: usize) -> Result<Exit, Failure> {
    let signals = Signals::new()?;
    let timing = Timing::new(args.length);
    let items = usize::try_from(args.items).unwrap_or(usize::MAX);
    // Repeats are there to be left out.
    let faults = vec![Fault::Duplicates];
    let options = Options { items, window: timing.window, faults, ..Options::default() };
    let api = listen(args.listen, clients).map_err(Failure::Api)?;
    let simulator = Simulator::start(options.clone())?;
    let cloud = Cloud::start()?;
    let house = House::start(timing)?;
    let yard = Yard::start()?;
    let engine = Engine::start(EngineConfig::default())?;
    let dashboard = api.as_ref().map(Dashboard::of);
    let connections = vec![
        milestone::simulated(CONNECTION, &simulator.url(), &options).map_err(Failure::Address)?,
        cloud.connection().map_err(Failure::Address)?,
        house.connection().map_err(Failure::Address)?,
        yard.connection().map_err(Failure::Address)?,
    ];
    let about = About {
        engine: engine.clone(),
        delivery: Delivery::in_memory(),
        sinks: Vec::new(),
        desk: Desk::default(),
        connections: connections.clone(),
        token: dashboard.as_ref().and_then(|dashboard| dashboard.token.as_deref()).map(Secret::from),
        hosts: Vec::new(),
    };
    let serving = api.map(|api| api.serve(about)).transpose().map_err(Failure::Api)?;
    // The callback is there before the connection, so that it misses nothing.
    let (told, events) = mpsc::channel(QUEUE);
    let callback = engine.on_event_async(Filter::everything(), move |event| {
        let told = told.clone();
        async move {
            // An error means that the demo is over.
            let _ = told.send(event).await;
        }
    });
    for connection in connections {
        engine.send(AddConnection(connection)).await??;
    }

    let tally = Tally::new(engine.clone(), cloud.clone(), house.clone(), yard.clone(), args.length);
    let demo = Demo {
        tally,
        view: view(dashboard.as_ref(), (&simulator, &cloud, &house, &yard))?,
        simulator,
        cloud,
        house,
        yard,
        events,
    };
    let exit = demo.run(signals, args.rate, timing).await;
    callback.remove().await;
    if let Some(serving) = serving {
        serving.stop().await;
    }
    engine.shutdown(DEADLINE).await;
    Ok(exit?)
}

fn view(
    dashboard: Option<&Dashboard>,
    (simulator, cloud, house, yard): (&Simulator, &Cloud, &House, &Yard),
) -> io::Result<Box<dyn View>> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let systems = [
        (CONNECTION, "a simulated XProtect", simulator.url()),
        (cloud::CONNECTION, "an Eagle Eye cloud", cloud.url()),
        (house::CONNECTION, "a SimpliSafe house", house.url()),
        (yard::CONNECTION, "a yard in VXG's cloud", yard.url()),
    ];
    let mut title = vec![match dashboard {
        Some(dashboard) => format!("watchpost demo: {dashboard}"),
        None => "watchpost demo".to_owned(),
    }];
    title.extend(systems.map(|(name, what, url)| format!("  {name:<8}{what:<23}{url}")));
    if io::stdout().is_terminal() && !is_dumb {
        Ok(Box::new(Live::new(title, terminal::colours_are_welcome())))
    } else {
        terminal::print(format!("{}\n", title.join("\n")).as_bytes())?;
        Ok(Box::new(Plain))
    }
}

/// A demo under way.
struct Demo {
    simulator: Simulator,
    cloud: Cloud,
    house: House,
    yard: Yard,
    tally: Tally,
    view: Box<dyn View>,
    events: mpsc::Receiver<SharedEvent>,
}

impl Demo {
    async fn run(mut self, mut signals: Signals, rate: u32, timing: Timing) -> io::Result<Exit> {
        let beside = (self.cloud.clone(), self.house.clone(), self.yard.clone());
        let (stage, mut notices) = Stage::start(self.simulator.clone(), beside, rate, timing)?;
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.tally.is_time_up() {
            select! {
                Some(event) = self.events.recv() => self.take(&event)?,
                Some(notice) = notices.recv() => self.notice(notice)?,
                _ = redraw.tick() => self.view.tick(&self.tally)?,
                () = signals.next() => break,
            }
        }
        signals.now_impatient();
        stage.end();
        let report = self.settle(&mut notices).await?;
        self.view.end(&self.tally)?;
        summary::print(&report, &self.tally, &self.simulator)
    }

    fn take(&mut self, event: &SharedEvent) -> io::Result<()> {
        self.tally.take(event);
        self.view.event(event)
    }

    fn notice(&mut self, notice: Notice) -> io::Result<()> {
        self.view.notice(&notice)?;
        self.tally.notice(notice);
        Ok(())
    }

    /// Nothing more happens; waits until what did has arrived, and audits.
    async fn settle(&mut self, notices: &mut mpsc::Receiver<Notice>) -> io::Result<Report> {
        let until = Instant::now() + SETTLE;
        let mut redraw = interval(REDRAW);
        let mut stage_is_up = true;
        loop {
            select! {
                Some(event) = self.events.recv() => self.take(&event)?,
                notice = notices.recv(), if stage_is_up => match notice {
                    Some(notice) => self.notice(notice)?,
                    None => stage_is_up = false,
                },
                _ = redraw.tick() => {
                    self.view.tick(&self.tally)?;
                    let report = self.tally.audit(&self.simulator);
                    let at_rest = !stage_is_up && self.tally.is_online();
                    if (at_rest && report.is_clean() && self.tally.is_right_beside()) || Instant::now() >= until {
                        return Ok(report);
                    }
                }
            }
        }
    }
}

/// The way an engine is asked for its states, here and in the views.
fn states(engine: &EngineHandle) -> Vec<watchpost::actors::model::State> {
    let mut states = engine.states().query(&Filter::everything());
    states.sort_by(|a, b| (&a.item.name, &a.item.id, a.group()).cmp(&(&b.item.name, &b.item.id, b.group())));
    states
}
