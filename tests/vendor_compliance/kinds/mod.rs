//! The vendors. A further one is a row here, one more `impl` of [`Kind`], and a line in `promises`.

mod een;
mod milestone;
mod simplisafe;
mod vxg;

use std::time::Duration;

use watchpost::actors::settings::Heartbeat;
use watchpost::actors::vendors::VendorSettings;

pub(crate) use een::Een;
pub(crate) use milestone::Milestone;
pub(crate) use simplisafe::SimpliSafe;
pub(crate) use vxg::Vxg;

/// A vendor's simulator, with what every vendor must survive. Whatever it does it does at once, and to the one connection that there is.
///
/// A vendor's **channel** is how it tells events: a socket, or, where there is none, the calls by which it is asked.
pub(crate) trait Kind: Sized + Send + Sync + 'static {
    /// As settings and events call it.
    const VENDOR: &str;
    /// How long a quiet socket is trusted, unless the settings say otherwise.
    const HEARTBEAT: Heartbeat;
    /// How many requests a login costs that is refused.
    const REFUSED_LOGIN: u64 = 1;
    /// So many of the events that happen while nobody listens are told to who comes back.
    const HELD: usize = usize::MAX;
    /// Every break is a gap: what happened and was undone meanwhile is not held.
    const BREAKS_ARE_GAPS: bool = false;
    /// A commit holds no more events: a batch, and what was read in one go with the last of it.
    const AT_ONCE: usize = 2 * 4_096;
    /// A flood is a gap even where all of it comes: nobody can tell whether that was all.
    const FLOODS_ARE_GAPS: bool = false;
    /// So many events, each so long after the one before it, are all told, or held, whenever the engine ends and starts among them.
    const FLOW: (usize, Duration) = (5_000, Duration::ZERO);
    /// What is told in the order in which it has happened.
    const IN_ORDER: InOrder;
    /// How exact the times are that it tells, those of its events or that of its clock.
    const EXACT_TO: Duration = Duration::from_millis(1);
    /// A gap may begin so much later than the first thing that is missing in it.
    const GAPS_BEGIN_LATE: Duration = Duration::ZERO;
    /// For so long after a first beginning what happens is told from what had happened before by our clock alone, which is not that of a recording.
    const FIRST_ANSWERS: Duration = Duration::ZERO;
    /// Of so many events while nobody listens some are lost, once the vendor [forgets](Self::forget).
    const TOO_MANY: usize;
    /// How its channel breaks.
    const BREAKS: &[Break<Self>];

    /// A healthy system with nothing in its past, and with secrets that occur nowhere else.
    fn start() -> Self;

    /// The settings of a connection to it, with the right secret and with short times.
    fn settings(&self) -> VendorSettings;

    /// Everything that must never be seen in a log or an event: the beginnings of what is made anew with each login, too.
    fn secrets(&self) -> Vec<String>;

    /// Something happens. Says the id that it must be told with, behind the connection's name; never the same twice.
    fn happen(&self) -> String;

    /// Something happens of which neither the shared vocabulary nor the vendor's table knows the type. Says how its id begins, and the type that it must be
    /// told with.
    fn happen_unknown(&self) -> (String, String);

    /// Begins or ends to refuse logins for good, as for a wrong secret.
    fn refuse_logins(&self, refuse: bool);

    /// How many logins were tried.
    fn logins(&self) -> u64;

    /// Is away from now on: the channel breaks, and cannot be had again until it is back.
    fn go_away(&self);

    /// Is back.
    fn come_back(&self);

    /// While it is away: does no longer hold all of what happened.
    fn forget(&self) {}

    /// Its channel says nothing more, and does not end, as if a cable were cut.
    fn go_silent(&self);

    /// The next channel can be heard again.
    fn end_silence(&self) {}

    /// How long that can go unnoticed with the settings of a trial, and on a machine that is busy.
    fn noticed_within() -> Duration;

    /// Says something once that cannot be read, as text.
    fn say_garbage(&self) {
        self.talk_garbage(true);
    }

    /// Begins or ends to say what cannot be read, again and again, between what can be.
    fn talk_garbage(&self, garbage: bool);

    /// Takes so long for every answer to a call, or no longer.
    fn answer_slowly(&self, wait: Option<Duration>);
}

/// What is told in the order in which it has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InOrder {
    /// All of it.
    All,
    /// What came while somebody listened.
    Live,
    /// Nothing for sure: its events overtake each other on their way.
    Nothing,
}

/// A way in which a channel breaks.
pub(crate) struct Break<K> {
    pub(crate) name: &'static str,
    /// Breaks it. It can be had again at once, or after [`end`](Self::end).
    pub(crate) begin: fn(&K),
    /// Ends what keeps it from being had again.
    pub(crate) end: fn(&K),
}
