//! Commands: what a vendor is asked to do, by its [rules](Commands) and with its login's grant.
//!
//! A [command](Command) goes from the front to the connection's arbiter, and is done there beside whatever the connection does: it may be online or not.
//! [`command_alone`] does the same without an engine, for a program that ends with it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use uuid::Uuid;

use crate::account::Granted;
use crate::beside::{Admission, Alone, Means, authorized};
use crate::connection::Launcher;
use crate::engine::ConnectionConfig;
use crate::gate::AuthorizeError;
use crate::journal::JournalHandle;
use crate::messages::{
    AddEventType, AddedEventType, CommandError, CreateEvent, EventType, ListEventTypes, ListSystemEventTypes,
    SetEventType, SystemEventType, TriggerEvent, Triggered, VendorEvent,
};
use crate::model::ids::ConnectionName;
use crate::settings::CommonSettings;
use crate::telemetry::{CommandDone, CommandTroubled};
use crate::transport::{Brake, RestClient, RestError, brake};
use crate::vendors::{Answered, BoxedJob, Commands, Job, JobStep, Now, Vendor, WithVendor};

/// Calls that are under way at the same time on one arbiter, for all commands there. Others wait.
pub(crate) const AT_ONCE: usize = 8;
/// Steps that one command may take, should a vendor's code go round in circles.
const MOST_STEPS: usize = 100_000;

/// A message that a vendor answers.
pub trait Command: Message<Result = Result<Self::Output, CommandError>> + Clone + Send + 'static {
    /// What comes of it.
    type Output: Send + 'static;
    /// What people call it.
    const NAME: &'static str;

    /// With whose login.
    fn connection(&self) -> &ConnectionName;
    /// The steps to it; `None` if the vendor has no such thing. `unique` is like nothing else.
    fn job<G>(&self, commands: &dyn Commands<Grant = G>, unique: &str) -> Option<BoxedJob<G, Self::Output>>;
}

/// Says which rule of a vendor's answers a message.
macro_rules! commands {
    ($($message:ty => $output:ty, $name:literal, |$ask:ident, $commands:ident, $unique:pat_param| $job:expr;)+) => {$(
        impl Command for $message {
            type Output = $output;
            const NAME: &'static str = $name;

            fn connection(&self) -> &ConnectionName {
                &self.connection
            }

            fn job<G>(&self, $commands: &dyn Commands<Grant = G>, $unique: &str) -> Option<BoxedJob<G, $output>> {
                let $ask = self;
                $job
            }
        }
    )+};
}

commands! {
    ListEventTypes => Vec<EventType>, "list-event-types", |ask, commands, _| commands.list_event_types(ask);
    ListSystemEventTypes => Vec<SystemEventType>, "list-system-event-types", |ask, commands, _| {
        commands.list_system_event_types(ask)
    };
    AddEventType => AddedEventType, "add-event-type", |ask, commands, _| commands.add_event_type(ask);
    SetEventType => EventType, "set-event-type", |ask, commands, _| commands.set_event_type(ask);
    CreateEvent => VendorEvent, "create-event", |ask, commands, unique| commands.create_event(ask, unique);
    TriggerEvent => Triggered, "trigger-event", |ask, commands, unique| commands.trigger_event(ask, unique);
}

/// Do this on your arbiter.
pub(crate) struct Perform<V: Vendor, C> {
    pub(crate) ask: C,
    pub(crate) config: V::Config,
    pub(crate) common: CommonSettings,
    pub(crate) means: Means<V>,
}

impl<V: Vendor, C: Command> Message for Perform<V, C> {
    type Result = Result<C::Output, CommandError>;
}

impl<V: Vendor, C: Command> Handler<Perform<V, C>> for Launcher {
    type Result = ResponseFuture<Result<C::Output, CommandError>>;

    fn handle(&mut self, perform: Perform<V, C>, _: &mut Self::Context) -> Self::Result {
        let Perform { ask, config, common, means } = perform;
        let (places, rest) = (self.commanding(), self.rest(&means.tls));
        Box::pin(async move {
            let mut job = job_of::<V, C>(&ask, &config, &common)?;
            let ground = Ground { rest, brake: means.brake.as_deref(), places: &places };
            let authorize = async |refused| authorized(&means.account, refused).await;
            perform_told(&ground, authorize, &ask, &mut *job).await
        })
    }
}

fn job_of<V: Vendor, C: Command>(
    ask: &C,
    config: &V::Config,
    common: &CommonSettings,
) -> Result<BoxedJob<V::Grant, C::Output>, CommandError> {
    let unique = Uuid::now_v7().to_string();
    let job = V::commands(config, common).and_then(|commands| ask.job(&*commands, &unique));
    job.ok_or_else(|| CommandError::NotThisVendor { connection: ask.connection().clone(), vendor: V::NAME })
}

/// Does what is asked without an engine: logs in as the connection would, and keeps in the journal what that has it keep. To be used under an actix
/// system. Where the vendor's login uses up what the one before has kept, only by the owner of the journal.
///
/// When `stop` is over it gives up, but not in the middle of a login, which would lose what that has to keep.
///
/// # Errors
/// [`CommandError`].
pub async fn command_alone<C: Command>(
    connection: &ConnectionConfig,
    journal: &JournalHandle,
    ask: &C,
    stop: impl Future<Output = ()>,
) -> Result<C::Output, CommandError> {
    connection.vendor.with(CommandAlone { connection, journal, ask, stop: Box::pin(stop) }).await
}

struct CommandAlone<'a, C> {
    connection: &'a ConnectionConfig,
    journal: &'a JournalHandle,
    ask: &'a C,
    stop: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a, C: Command> WithVendor for CommandAlone<'a, C> {
    type Output = Pin<Box<dyn Future<Output = Result<C::Output, CommandError>> + 'a>>;

    fn with<V: Vendor>(self, config: &V::Config) -> Self::Output {
        let config = config.clone();
        Box::pin(self.run::<V>(config))
    }
}

impl<C: Command> CommandAlone<'_, C> {
    async fn run<V: Vendor>(self, config: V::Config) -> Result<C::Output, CommandError> {
        let Self { connection, journal, ask, stop } = self;
        let mut job = job_of::<V, C>(ask, &config, &connection.common)?;
        let alone = Alone::<V>::new(&config, &connection.common, journal.clone())
            .map_err(|error| CommandError::Login { why: error.to_string(), again: false })?;
        let places = Semaphore::new(1);
        let Means { tls, brake, .. } = &alone.means;
        let ground = Ground { rest: RestClient::new(tls), brake: brake.as_deref(), places: &places };
        let authorize = async |refused| alone.authorize(refused).await;
        let performed = perform_told(&ground, authorize, ask, &mut *job);
        alone.until(performed, stop).await.unwrap_or(Err(CommandError::Stopped))
    }
}

/// What a command stands on.
struct Ground<'a> {
    rest: RestClient,
    brake: Option<&'a Brake>,
    places: &'a Semaphore,
}

/// Does what is asked, and tells how that went.
async fn perform_told<G, C: Command>(
    ground: &Ground<'_>,
    authorize: impl AsyncFnMut(Option<u64>) -> Result<Granted<G>, AuthorizeError>,
    ask: &C,
    job: &mut dyn Job<Grant = G, Output = C::Output>,
) -> Result<C::Output, CommandError> {
    let connection = ask.connection();
    let outcome = perform(ground, authorize, job, |trouble| {
        CommandTroubled { connection, command: C::NAME, trouble }.emit();
    })
    .await
    .map_err(|error| unsure(error, job.doubt()));
    let result = outcome.as_ref().map(|_| ()).map_err(|error| error as &dyn std::fmt::Display);
    CommandDone { connection, command: C::NAME, result }.emit();
    outcome
}

/// While it is in doubt whether something was done, an error does not say that it was not.
fn unsure(error: CommandError, doubt: Option<String>) -> CommandError {
    let Some(doubt) = doubt else { return error };
    match error {
        CommandError::Login { .. }
        | CommandError::NoPermission(_)
        | CommandError::Unavailable(_)
        | CommandError::Refused(_)
        | CommandError::UnknownItem { .. }
        | CommandError::UnsupportedType { .. }
        | CommandError::UnknownType { .. } => CommandError::Unsure(format!("{error}; {doubt}")),
        error => error,
    }
}

async fn perform<G, T>(
    ground: &Ground<'_>,
    authorize: impl AsyncFnMut(Option<u64>) -> Result<Granted<G>, AuthorizeError>,
    job: &mut dyn Job<Grant = G, Output = T>,
    mut tell: impl FnMut(&str),
) -> Result<T, CommandError> {
    job.check()?;
    let mut admission = Admission::new(authorize);
    for _ in 0..MOST_STEPS {
        // The one in hand as long as it is good: a command may outlast it.
        let granted = admission.grant().await?;
        match job.next(Now::read(), &granted.grant) {
            JobStep::Call(call) => {
                let answer = {
                    // An error would mean that the semaphore is closed, and nobody closes it.
                    let _place = ground.places.acquire().await.ok();
                    brake::call(ground.brake, &call, ground.rest.call(&call)).await
                };
                if let Err(RestError::Braked(braked)) = answer {
                    return Err(CommandError::Unavailable(braked.to_string()));
                }
                if job.answer(Now::read(), &granted.grant, answer) == Answered::Unauthorized {
                    admission.refuse(&granted).map_err(CommandError::NoPermission)?;
                }
            }
            JobStep::Wait(pause) => sleep(pause.max(Duration::from_millis(1))).await,
            JobStep::Done(outcome) => {
                job.troubles().iter().for_each(|trouble| tell(trouble));
                return outcome;
            }
        }
        job.troubles().iter().for_each(|trouble| tell(trouble));
    }
    Err(CommandError::Unsure(format!("given up after {MOST_STEPS} steps")))
}
