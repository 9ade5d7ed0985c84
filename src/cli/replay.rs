//! `watchpost replay`.

use std::{
    collections::HashSet,
    fmt::Display,
    io::{self, IsTerminal, Write},
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use clap::Args;
use jiff::Timestamp;
use tokio::{select, time::sleep};
use watchpost::{
    actors::journal::{JournalHandle, Writer},
    config::{Config, Secrets, SinkConfig, SinkKind},
    journal::DataDir,
    sinks::{
        self, Replayed,
        delivery::{Delivery, Replay},
        letters,
        report::ReplayReport,
    },
};

use super::{
    Exit,
    client::{Client, ClientError, Place, Source, Target, deliveries},
    data, run,
    signals::Signals,
    terminal,
};

/// How often progress is told where it cannot be written over.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How often it is shown on a terminal.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// How often a running watchpost is asked how far it has come.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// What becomes of a replay that is not done.
const GOES_ON: &str = "the same command, or the next `watchpost run`, goes on with it";

/// Deliver past events to one sink again
///
/// What the journal still holds of the time named, and the sink's filter wants, is delivered once more, with the same ids. A watchpost that runs is
/// asked to do it, with --url or --config, and this waits for it; one that does not listen must be stopped first. When this is interrupted, the replay stays stored: the
/// running watchpost does it to the end, and otherwise the same command, or the next `watchpost run`, goes on with it.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost replay --sink alerts --since 1h
  watchpost replay --sink alerts --since 2026-06-11T08:00:00Z --until 2026-06-11T09:00:00Z
  watchpost replay --sink alerts              (go on with one that was interrupted)
  watchpost replay --sink alerts --cancel     (forget it)
  watchpost replay --sink alerts --since 1h --url http://127.0.0.1:8780      (while it runs)")]
pub(super) struct ReplayArgs {
    /// The sink
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// Events stored from then on: so long ago (1h), or a time (2026-06-11T08:00:00Z)
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Events stored before then; now, unless set
    #[arg(long, value_name = "WHEN", requires = "since")]
    until: Option<Moment>,
    /// Forget the replays of this sink that have not ended
    #[arg(long, conflicts_with = "since")]
    cancel: bool,
    #[command(flatten)]
    place: Place,
}

/// Which stretch of the journal is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    since: Timestamp,
    /// All that is stored, if it is not set: whatever the clock says.
    until: Option<Timestamp>,
}

/// A moment, as people name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Ago(Duration),
    At(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = humantime::parse_duration(text).map(Self::Ago);
        ago.or_else(|_| text.parse().map(Self::At)).map_err(|_| {
            "write how long ago, like 1h or 2days, or a time with its zone, like 2026-06-11T08:00:00Z".to_owned()
        })
    }
}

impl Moment {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        }
    }
}

pub(super) async fn run(args: ReplayArgs) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    let config = match args.place.source() {
        Ok(Source::Straight(config)) => config,
        Ok(Source::Running(target)) => {
            return select! {
                outcome = of_running(&args, target) => outcome.unwrap_or_else(|error| error.tell()),
                () = signals.next() => failed("interrupted: the running watchpost goes on with what it has begun"),
            };
        }
        Err(error) => return error.tell(),
    };
    straight(args, &config, signals).await
}

/// With the data folder of a configuration.
async fn straight(args: ReplayArgs, config: &Path, mut signals: Signals) -> Exit {
    // To forget a replay nothing is delivered.
    let secrets = if args.cancel { Secrets::Unfetched } else { Secrets::OfSinks };
    let Some(config) = run::load_with(config, secrets) else { return Exit::Usage };
    if args.cancel {
        return cancel(&args.sink, &config);
    }
    let Some(sink) = config.sinks.iter().find(|sink| sink.name == args.sink) else {
        data::knows_sink(&args.sink, &config, []);
        return Exit::Usage;
    };
    let now = Timestamp::now();
    let asked = args.since.map(|since| Asked { since: since.at(now), until: args.until.map(|until| until.at(now)) });
    if asked.is_some_and(|Asked { since, until }| until.is_some_and(|until| until <= since)) {
        terminal::complain("error: --until is not after --since");
        return Exit::Usage;
    }
    let (taken, delivery) = match take_delivery(&config) {
        Ok(taken) => taken,
        Err(exit) => return exit,
    };
    let opened =
        data::journal(&config.engine, &taken, &delivery).and_then(|journal| Writer::start(journal).map_err(in_words));
    let journal = match opened {
        Ok(writer) => writer.handle(),
        Err(why) => return failed(why),
    };
    let deliver = async |job: &Replay, progress: &mut dyn FnMut(u64)| {
        sinks::replay(sink, &journal, &delivery, job, progress).await
    };
    let exit = select! {
        exit = work(sink, asked, &journal, &delivery, deliver) => exit,
        () = signals.next() => failed(format_args!("interrupted: {GOES_ON}")),
    };
    match journal.close().await {
        Ok(()) => exit,
        Err(error) => failed(error),
    }
}

/// Has a running watchpost do it, and waits until it has.
async fn of_running(args: &ReplayArgs, target: Target) -> Result<Exit, ClientError> {
    let (Some(since), false) = (args.since, args.cancel) else {
        return Err(ClientError::Usage(
            "a running watchpost goes on with its replays by itself: say from when with --since\n  hint: \
             `watchpost sinks` tells how far they have come; to forget one, stop the watchpost, and --cancel it with --config"
                .to_owned(),
        ));
    };
    let now = Timestamp::now();
    let [since, until] = [Some(since), args.until].map(|moment| moment.map(|moment| moment.at(now).to_string()));
    let client = Client::new(target)?;
    let begun = deliveries::replay(&client, &args.sink, &since.unwrap_or_default(), until.as_deref()).await?;
    let ids: HashSet<_> = begun.iter().map(|replay| replay.id).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    let length = |replay: &ReplayReport| number(&replay.until).saturating_sub(number(&replay.from));
    let mut progress = Progress::of(begun.iter().map(length).sum());
    let mut delivered = 0;
    loop {
        let open = deliveries::replays(&client, &args.sink, &ids).await?;
        if open.is_empty() {
            break;
        }
        delivered = delivered.max(open.iter().map(|replay| replay.events).sum());
        progress.tell(delivered);
        sleep(ASK_EVERY).await;
    }
    progress.end();
    let refused = deliveries::refused(&client, &args.sink, &begun).await?;
    if refused > 0 {
        return Ok(tell_refused(refused as u64));
    }
    let text = match begun.len() {
        0 => format!(
            "nothing to deliver again to \"{}\": there is nothing of that time, or a replay of it is under way\n",
            args.sink
        ),
        _ => format!("delivered again to \"{}\"\n", args.sink),
    };
    Ok(terminal::written(terminal::print(text.as_bytes())))
}

fn tell_refused(events: u64) -> Exit {
    failed(format_args!("{} refused: dead letters now, see watchpost dead-letters list", counted(events)))
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}

/// The data folder and the store of deliveries in it, or says why not.
fn take_delivery(config: &Config) -> Result<(DataDir, Delivery), Exit> {
    let folder = &config.engine.data_dir;
    data::take_delivery(folder)?.ok_or_else(|| failed(format_args!("nothing is stored in {} yet", folder.display())))
}

/// Forgets the replays to a sink, which need not be in the configuration any more.
fn cancel(sink: &str, config: &Config) -> Exit {
    let (_taken, delivery) = match take_delivery(config) {
        Ok(taken) => taken,
        Err(exit) => return exit,
    };
    let replays = match delivery.replays(None) {
        Ok(replays) => replays,
        Err(error) => return failed(error),
    };
    if !data::knows_sink(sink, config, replays.iter().map(|replay| replay.sink.as_str())) {
        return Exit::Usage;
    }
    let (mut of_sink, mut count) = (replays.iter().filter(|replay| replay.sink == sink), 0);
    let cancelled = of_sink.try_for_each(|replay| delivery.end_replay(replay.id).map(|()| count += 1));
    match (cancelled, count) {
        (Ok(()), 0) => terminal::written(terminal::print(b"there is no replay to cancel\n")),
        (Ok(()), 1) => terminal::written(terminal::print(format!("cancelled 1 replay to \"{sink}\"\n").as_bytes())),
        (Ok(()), _) => {
            terminal::written(terminal::print(format!("cancelled {count} replays to \"{sink}\"\n").as_bytes()))
        }
        (Err(error), _) => failed(error),
    }
}

/// Does the jobs that there are, to their end.
async fn work(
    sink: &SinkConfig,
    asked: Option<Asked>,
    journal: &JournalHandle,
    delivery: &Delivery,
    deliver: impl AsyncFn(&Replay, &mut dyn FnMut(u64)) -> Result<Replayed, String>,
) -> Exit {
    let jobs = match plan(&sink.name, asked, journal, delivery).await {
        Ok(jobs) => jobs,
        Err(why) => return failed(why),
    };
    if jobs.is_empty() && asked.is_none() {
        terminal::complain(format_args!(
            "error: no replay to \"{}\" was interrupted: say from when with --since",
            sink.name
        ));
        return Exit::Usage;
    }
    let (mut all, mut refused) = (0, 0);
    for job in &jobs {
        let mut progress = Progress::new(job);
        let delivered = deliver(job, &mut |events| progress.tell(events)).await;
        progress.end();
        match delivered.and_then(|replayed| delivery.end_replay(job.id).map(|()| replayed).map_err(in_words)) {
            Ok(replayed) => (all, refused) = (all + replayed.delivered, refused + replayed.refused),
            Err(why) => return failed(format_args!("{why}\nthe replay is not done: {GOES_ON}")),
        }
    }
    let done = format!("{} delivered again to \"{}\"", counted(all), sink.name);
    if refused > 0 {
        terminal::complain(done);
        return tell_refused(refused);
    }
    if matches!(sink.kind, SinkKind::Stdout) {
        terminal::complain(done);
        return Exit::Done;
    }
    terminal::written(terminal::print(format!("{done}\n").as_bytes()))
}

/// The replays that have not ended, and new ones for what was asked for beyond them.
async fn plan(
    sink: &str,
    asked: Option<Asked>,
    journal: &JournalHandle,
    delivery: &Delivery,
) -> Result<Vec<Replay>, String> {
    let open = delivery.replays(Some(sink)).map_err(in_words)?;
    for replay in &open {
        let (asked, done) = (format!("{:.0}", replay.created), counted(replay.events));
        terminal::complain(format_args!("going on with the replay of {asked}, which has delivered {done}"));
    }
    if let Some(Asked { since, until }) = asked {
        let asked = letters::stretch(journal, since, until).await.map_err(in_words)?;
        letters::begin_replays(delivery, sink, asked).map_err(in_words)?;
    }
    delivery.replays(Some(sink)).map_err(in_words)
}

fn counted(events: u64) -> String {
    format!("{events} event{}", if events == 1 { "" } else { "s" })
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

/// Tells on standard error how far a replay has come.
struct Progress {
    /// The events of the stretch, wanted or not.
    most: u64,
    on_terminal: bool,
    told: Instant,
    shown: bool,
}

impl Progress {
    fn new(job: &Replay) -> Self {
        Self::of(job.until.0.saturating_sub(job.position.0))
    }

    fn of(most: u64) -> Self {
        Self { most, on_terminal: io::stderr().is_terminal(), told: Instant::now(), shown: false }
    }

    fn tell(&mut self, events: u64) {
        let every = if self.on_terminal { SHOW_EVERY } else { TELL_EVERY };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        self.shown = true;
        let line = format!("{} delivered, {} in that time", counted(events), self.most);
        if self.on_terminal {
            // Who does not see it cannot be told.
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
        } else {
            terminal::complain(line);
        }
    }

    fn end(&self) {
        if self.on_terminal && self.shown {
            let _ = writeln!(io::stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::cell::RefCell;

    use watchpost::actors::{journal::Memory, model::Sequence};

    use super::*;
    use crate::cli::testing::{append, config};

    const ALL: Asked = Asked { since: Timestamp::UNIX_EPOCH, until: None };

    struct Stage {
        sink: SinkConfig,
        journal: JournalHandle,
        delivery: Delivery,
        first: Sequence,
    }

    impl Stage {
        /// Ten events are stored.
        async fn new() -> Self {
            let sink = config("[[sink]]\nname = 'f'\nkind = 'file'\npath = 'x'\n").sinks.remove(0);
            let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
            let first = journal.append(append("hq", 10)).await.unwrap().first;
            Self { sink, journal, delivery: Delivery::in_memory(), first }
        }

        /// Runs with a sink that takes `most` events of each job, and answers what it was given.
        async fn run(&self, asked: Option<Asked>, most: u64) -> (Exit, Vec<(u64, u64)>) {
            let given = RefCell::new(Vec::new());
            let deliver = async |job: &Replay, progress: &mut dyn FnMut(u64)| {
                let wanted = job.position..job.until;
                given.borrow_mut().push((wanted.start.0 - self.first.0, wanted.end.0 - self.first.0));
                let taken = most.min(wanted.end.0 - wanted.start.0);
                progress(taken);
                self.delivery.replayed(job.id, job.position.plus(taken), taken).unwrap();
                let done = job.position.plus(taken) == wanted.end;
                if done {
                    Ok(Replayed { delivered: taken, refused: 0 })
                } else {
                    Err("503 Service Unavailable".to_owned())
                }
            };
            let exit = work(&self.sink, asked, &self.journal, &self.delivery, deliver).await;
            (exit, given.into_inner())
        }
    }

    #[actix_rt::test]
    async fn what_is_stored_is_delivered_again_and_the_job_is_forgotten() {
        let stage = Stage::new().await;
        assert_eq!(stage.run(Some(ALL), u64::MAX).await, (Exit::Done, vec![(0, 10)]));
        assert_eq!(stage.delivery.replays(None).unwrap(), []);
        // The same again is another replay.
        assert_eq!(stage.run(Some(ALL), u64::MAX).await, (Exit::Done, vec![(0, 10)]));
    }

    #[actix_rt::test]
    async fn the_same_command_goes_on_with_what_was_not_done_and_begins_nothing_twice() {
        let stage = Stage::new().await;
        assert_eq!(stage.run(Some(ALL), 4).await, (Exit::Failed, vec![(0, 10)]));
        assert_eq!(stage.run(Some(ALL), 4).await, (Exit::Failed, vec![(4, 10)]));
        // What came meanwhile was asked for too.
        stage.journal.append(append("hq", 2)).await.unwrap();
        assert_eq!(stage.run(Some(ALL), u64::MAX).await, (Exit::Done, vec![(8, 10), (10, 12)]));
        assert_eq!(stage.delivery.replays(None).unwrap(), []);
    }

    #[actix_rt::test]
    async fn without_a_time_it_goes_on_or_says_what_is_missing() {
        let stage = Stage::new().await;
        assert_eq!(stage.run(None, u64::MAX).await, (Exit::Usage, vec![]));
        stage.delivery.add_replay("f", stage.first.plus(3), stage.first.plus(5)).unwrap();
        stage.delivery.add_replay("other", stage.first, stage.first.plus(5)).unwrap();
        assert_eq!(stage.run(None, u64::MAX).await, (Exit::Done, vec![(3, 5)]));
        assert_eq!(stage.delivery.replays(None).unwrap().len(), 1, "that of another sink stays");
    }

    #[actix_rt::test]
    async fn a_time_without_events_is_done_at_once() {
        let stage = Stage::new().await;
        let later = Asked { since: Timestamp::MAX, until: None };
        assert_eq!(stage.run(Some(later), u64::MAX).await, (Exit::Done, vec![]));
        let earlier = Asked { since: Timestamp::UNIX_EPOCH, until: Some(Timestamp::constant(1, 0)) };
        assert_eq!(stage.run(Some(earlier), u64::MAX).await, (Exit::Done, vec![]));
    }

    #[test]
    fn a_moment_is_an_age_or_a_time_with_a_zone() {
        let now = Timestamp::constant(10_000, 0);
        assert_eq!("1h".parse::<Moment>().unwrap().at(now), Timestamp::constant(6_400, 0));
        assert_eq!("1970-01-01T00:00:05Z".parse::<Moment>().unwrap().at(now), Timestamp::constant(5, 0));
        assert_eq!("99999999years".parse::<Moment>().unwrap().at(now), Timestamp::MIN);
        for wrong in ["", "yesterday", "1", "2026-06-11", "2026-06-11T08:00:00"] {
            let error = wrong.parse::<Moment>().unwrap_err();
            assert!(error.contains("1h") && error.contains("Z"), "{error}");
        }
    }
}
