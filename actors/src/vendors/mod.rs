//! What a vendor is to the engine: pure code behind four small traits.
//!
//! - [`Vendor`] names the four parts and makes them from a connection's settings.
//! - [`Login`] finds the servers and gets a grant (a token, say). One per (server, user), however many connections share it.
//! - [`Directory`] turns the vendor's ids into names and meanings, through REST. One per (server, user) as well.
//! - [`Session`] is one try at one connection, from opening the channel to its loss.
//!
//! None of them opens a socket, reads a clock or spawns anything: each is told what came ([`Input`]) and says what it
//! wants ([`Todo`]). So every protocol rule is tested without a network. The actors of `account`,
//! `lookup` and `connection` do the moving. [`VENDORS`] lists them; a new one is a room
//! here, a line there, and a variant of [`VendorSettings`].

mod address;
mod commands;
mod directory;
pub mod een;
mod entries;
mod entry;
mod login;
mod loose;
mod media;
mod members;
pub mod milestone;
mod session;
pub mod simplisafe;
pub mod vxg;
mod wishes;

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::journal::Checkpoint;
use crate::refusals::Refusals;
use crate::settings::{CommonSettings, Fields, Heartbeat, Secret};
use crate::transport::RestAnswer;

pub use commands::{Answered, BoxedJob, Commands, Job, JobStep};
pub use directory::{Directory, Forget, Learned, LearnedMeaning, NameKey, Taken};
pub use entries::Entries;
pub(crate) use entries::{NotedKind, Words};
pub use entry::{Entry, Gap, Kind, Meanwhile, Noted, Occurrence, Scope, Snapshot, StatusChange};
pub use login::{Login, LoginError, LoginStep};
pub use media::{Judgement, Media, MediaKind};
pub use session::{Action, CallId, Children, Input, Others, Session, SessionEnd, Todo, WantedChild};
pub use wishes::{Filters, Wish, WishNews, Wishes};

/// The two clocks, read once for each step.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For delays and deadlines.
    pub instant: Instant,
    /// For people.
    pub wall: Timestamp,
}

impl Now {
    /// This moment.
    #[must_use]
    pub fn read() -> Self {
        Self { instant: Instant::now(), wall: Timestamp::now() }
    }
}

/// A vendor: its parts, and how they are made.
pub trait Vendor: 'static {
    /// The name in settings and events: `milestone`.
    const NAME: &'static str;
    /// How long a quiet socket is trusted, unless the settings say otherwise.
    const HEARTBEAT: Heartbeat;
    /// Which of two events of one state stands.
    const ORDER: Order = Order::Arrival;

    /// The settings of one connection.
    type Config: Clone + fmt::Debug + Send + 'static;
    /// What a login yields: servers and token.
    type Grant: Clone + Send + Sync + 'static;
    /// See [`Login`].
    type Login: Login<Grant = Self::Grant> + Send + Unpin;
    /// See [`Directory`].
    type Directory: Directory<Grant = Self::Grant> + Send + Unpin;
    /// See [`Session`].
    type Session: Session<Grant = Self::Grant, Catalog = <Self::Directory as Directory>::Catalog>;

    /// Connections with the same key share login and directory. It tells servers and users apart and holds no secret.
    fn account(config: &Self::Config) -> String;
    /// Connections with the same key go through one gate when they log in: it tells servers and users apart, and no more. See
    /// [`Login::is_proven`].
    fn gate(config: &Self::Config) -> String {
        Self::account(config)
    }
    /// Whether a login may use its secret up, and keeps another in its [note](Login::note): then all that have it go through one gate, whatever their TLS
    /// settings are.
    const SPENDS_SECRET: bool = false;
    /// How many logins of a user may begin in a second; any number where nothing is said.
    fn logins_per_second(_: &Self::Config) -> Option<NonZeroU32> {
        None
    }
    /// The secret that the account logs in with. Connections share an account only if they have the same.
    fn secret(config: &Self::Config) -> &Secret;
    /// All that is secret in the settings.
    fn secrets(config: &Self::Config) -> Vec<&Secret> {
        vec![Self::secret(config)]
    }
    /// What people call what the connection leads to, where the vendor told: the name of an account, say.
    fn title(_: &Self::Config) -> Option<&str> {
        None
    }
    /// How pictures and recordings are fetched; none where the vendor has no such thing.
    fn media(_: &Self::Config) -> Option<Box<dyn Media<Grant = Self::Grant>>> {
        None
    }
    /// How the vendor does what it is asked to do; none where it can be asked nothing of the kind.
    fn commands(_: &Self::Config, _: &CommonSettings) -> Option<Box<dyn Commands<Grant = Self::Grant>>> {
        None
    }
    /// Whether subscriptions can be added and removed while a session lives.
    const TAKES_WISHES: bool = false;
    /// What a subscription that is to be added lacks to bring anything, in words.
    ///
    /// # Errors
    /// If it would bring nothing.
    fn check_filters(_: &Filters) -> Result<(), String> {
        Ok(())
    }
    /// The service, by whatever tells it from another, if it blocks the address of who asks too often: see [`transport::brake`](crate::transport::brake).
    fn service(_: &Self::Config) -> Option<String> {
        None
    }
    /// Whether an answer, or a refused handshake, of which the headers are not known, says that this machine's address is blocked.
    fn is_blocked(_: &RestAnswer) -> bool {
        false
    }
    /// How long the vendor keeps a lost session; zero if it does not.
    fn resume_window(config: &Self::Config) -> Duration;
    /// A login that has not begun.
    fn login(config: &Self::Config, common: &CommonSettings) -> Self::Login;
    /// An empty directory.
    fn directory(config: &Self::Config, common: &CommonSettings) -> Self::Directory;
    /// A session that has not begun, which goes on from `resume`.
    fn session(config: &Self::Config, common: &CommonSettings, resume: Resume) -> Self::Session;
}

/// Which of two events of one state stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one that came last: the vendor sends them in order.
    #[default]
    Arrival,
    /// The one with the later time: the vendor's events overtake each other. One that comes late is an event all the same, and sets no state. Of two
    /// from the same moment the one that came last stands.
    Time,
}

/// From where a session goes on.
#[derive(Debug, Default)]
pub struct Resume {
    /// What was last stored.
    pub checkpoint: Option<Checkpoint>,
    /// When the last message of the session before this one was received, if nothing was missing then; after a restart, when something of
    /// it was last stored.
    pub heard: Option<Timestamp>,
}

/// The settings that only one vendor has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum VendorSettings {
    /// Milestone XProtect.
    Milestone(milestone::MilestoneConfig),
    /// Eagle Eye Networks.
    Een(Box<een::EenConfig>),
    /// SimpliSafe.
    SimpliSafe(Box<simplisafe::SimpliSafeConfig>),
    /// VXG Cloud VMS.
    Vxg(Box<vxg::VxgConfig>),
}

/// What the settings of a connection need to know of its vendor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// The name that settings and events use: `milestone`.
    pub name: &'static str,
    /// How long a quiet socket is trusted unless set.
    pub heartbeat: Heartbeat,
    /// Reads the vendor's own keys. `None` where one that is needed is missing or wrong; that has then been reported.
    pub read: fn(&mut dyn Fields) -> Option<VendorSettings>,
}

/// Every vendor there is.
pub const VENDORS: &[Listed] = &[
    Listed {
        name: milestone::Milestone::NAME,
        heartbeat: milestone::Milestone::HEARTBEAT,
        read: |fields| milestone::config::read(fields).map(VendorSettings::Milestone),
    },
    Listed {
        name: een::Een::NAME,
        heartbeat: een::Een::HEARTBEAT,
        read: |fields| een::config::read(fields).map(|config| VendorSettings::Een(Box::new(config))),
    },
    Listed {
        name: simplisafe::SimpliSafe::NAME,
        heartbeat: simplisafe::SimpliSafe::HEARTBEAT,
        read: |fields| simplisafe::config::read(fields).map(|config| VendorSettings::SimpliSafe(Box::new(config))),
    },
    Listed {
        name: vxg::Vxg::NAME,
        heartbeat: vxg::Vxg::HEARTBEAT,
        read: |fields| vxg::config::read(fields).map(|config| VendorSettings::Vxg(Box::new(config))),
    },
];

/// Does something with the settings of whichever vendor it is.
pub(crate) trait WithVendor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn with<V: Vendor>(self, config: &V::Config) -> Self::Output;
}

impl VendorSettings {
    /// The vendor's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        struct Name;
        impl WithVendor for Name {
            type Output = &'static str;
            fn with<V: Vendor>(self, _: &V::Config) -> &'static str {
                V::NAME
            }
        }
        self.with(Name)
    }

    /// The journal's note that keeps why the last login was refused, so that the next start does not try the same secret again. Who has mended the
    /// cause without changing the secret forgets the note.
    #[must_use]
    pub fn refusal_note(&self) -> String {
        struct Note;
        impl WithVendor for Note {
            type Output = String;
            fn with<V: Vendor>(self, config: &V::Config) -> String {
                Refusals::key(&V::gate(config))
            }
        }
        self.with(Note)
    }

    /// All that is secret in these settings.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        struct All;
        impl WithVendor for All {
            type Output = Vec<Secret>;
            fn with<V: Vendor>(self, config: &V::Config) -> Vec<Secret> {
                V::secrets(config).into_iter().cloned().collect()
            }
        }
        self.with(All)
    }

    /// Whether a login may use its secret up and keep another in the journal's notes: then nobody else may log in with the same settings at the same time.
    #[must_use]
    pub fn spends_secret(&self) -> bool {
        struct Spends;
        impl WithVendor for Spends {
            type Output = bool;
            fn with<V: Vendor>(self, _: &V::Config) -> bool {
                V::SPENDS_SECRET
            }
        }
        self.with(Spends)
    }

    /// Whether there are pictures and recordings to fetch.
    #[must_use]
    pub fn has_media(&self) -> bool {
        self.media_links("{}").is_some()
    }

    /// The links to pictures and recordings in an event's data; `None` where the vendor has no such thing. [`FetchMedia`](crate::messages::FetchMedia)
    /// fetches what is behind one.
    #[must_use]
    pub fn media_links(&self, data: &str) -> Option<Vec<(MediaKind, String)>> {
        struct Links<'a>(&'a str);
        impl WithVendor for Links<'_> {
            type Output = Option<Vec<(MediaKind, String)>>;
            fn with<V: Vendor>(self, config: &V::Config) -> Self::Output {
                V::media(config).map(|media| media.links(self.0))
            }
        }
        self.with(Links(data))
    }

    pub(crate) fn takes_wishes(&self) -> bool {
        struct Takes;
        impl WithVendor for Takes {
            type Output = bool;
            fn with<V: Vendor>(self, _: &V::Config) -> bool {
                V::TAKES_WISHES
            }
        }
        self.with(Takes)
    }

    pub(crate) fn check_filters(&self, filters: &Filters) -> Result<(), String> {
        struct Check<'a>(&'a Filters);
        impl WithVendor for Check<'_> {
            type Output = Result<(), String>;
            fn with<V: Vendor>(self, _: &V::Config) -> Self::Output {
                V::check_filters(self.0)
            }
        }
        self.with(Check(filters))
    }

    pub(crate) fn title(&self) -> Option<String> {
        struct Title;
        impl WithVendor for Title {
            type Output = Option<String>;
            fn with<V: Vendor>(self, config: &V::Config) -> Option<String> {
                V::title(config).map(str::to_owned)
            }
        }
        self.with(Title)
    }

    pub(crate) fn with<W: WithVendor>(&self, visitor: W) -> W::Output {
        match self {
            Self::Milestone(config) => visitor.with::<milestone::Milestone>(config),
            Self::Een(config) => visitor.with::<een::Een>(config),
            Self::SimpliSafe(config) => visitor.with::<simplisafe::SimpliSafe>(config),
            Self::Vxg(config) => visitor.with::<vxg::Vxg>(config),
        }
    }
}
