//! The connection that all lanes of a sink share: made when it is needed, and made anew when it was lost.
//!
//! A lane that cannot have it is told why, and for how long not to ask. Nothing is kept for later in here: what is not acknowledged is still
//! in the journal.

use std::{rc::Rc, time::Duration};

use async_nats::{ConnectOptions, ServerAddr};
use tokio::{
    select,
    sync::Mutex,
    time::{Instant, sleep, timeout},
};
use watchpost_actors::settings::Secret;

use super::{
    NatsError,
    link::{Ear, Link},
    stream::{self, Room},
    trouble::{Trouble, lost, of_connect, unauthorized},
};
use crate::{
    config::{NatsLogin, NatsSink},
    sinks::{backoff::Backoff, outlet::Failure, standing::Herald},
};

/// Between two tries to connect, whoever asks for it.
const PAUSE: Duration = Duration::from_secs(1);
/// After a login that was refused; it doubles from there,
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// up to this.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(900);
/// How often a server that is silent is asked whether it is there. It is given up after the third time.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How often the stream is looked at, for what somebody has changed there while no event came.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// What waits to be sent at most, in messages. Each lane has one under way.
const WAITING: usize = 256;

/// The connection to a server, now or soon.
pub(super) struct Session {
    settings: NatsSink,
    options: Box<dyn Fn() -> ConnectOptions>,
    place: Mutex<Place>,
    /// Whose turn it is to look at the stream.
    looking: Mutex<()>,
    herald: Rc<Herald>,
}

#[derive(Default)]
struct Place {
    link: Option<Rc<Link>>,
    /// Not before this, and why.
    shut: Option<(Instant, Trouble)>,
    /// The pause after the last refusal, while logins are refused.
    refused: Option<Duration>,
}

impl Session {
    pub(super) fn new(sink: &str, settings: &NatsSink) -> Result<Self, NatsError> {
        Ok(Self {
            options: options(sink, settings)?,
            settings: settings.clone(),
            place: Mutex::default(),
            looking: Mutex::default(),
            herald: Herald::new(sink, settings.url.as_str()),
        })
    }

    /// Who tells how it stands.
    pub(super) fn herald(&self) -> &Herald {
        &self.herald
    }

    /// Keeps the connection, and looks at the stream now and then, whether there are events or not: so it is known when they could not go. For ever.
    pub(super) async fn keep(&self) {
        let mut backoff = Backoff::new();
        loop {
            let pause = match self.link().await {
                Ok(link) => {
                    backoff = Backoff::new();
                    self.herald.up();
                    select! {
                        () = link.lost() => {
                            let why = if link.unauthorized() { unauthorized() } else { Trouble::Later(lost()) };
                            self.failed(&why, None);
                            continue;
                        }
                        () = sleep(LOOK_EVERY) => {}
                    }
                    if link.holds() {
                        // Its limits may have been changed.
                        match self.look(&link).await {
                            Ok(room) => link.knows(room),
                            Err(_) => link.knows_no_stream(),
                        }
                    }
                    continue;
                }
                Err(Failure::Again { after, .. }) => backoff.pause(after),
                Err(_) => backoff.pause(None),
            };
            self.herald.tries_after(pause);
            sleep(pause).await;
        }
    }

    fn failed(&self, trouble: &Trouble, pause: Option<Duration>) {
        self.herald.failed(trouble.why(), matches!(trouble, Trouble::Unauthorized(_)), pause);
    }

    /// Looks at the stream, and tells what is wrong with it.
    async fn look(&self, link: &Link) -> Result<Room, Trouble> {
        match stream::ensure(link, &self.settings).await {
            Ok((room, differences)) => {
                self.herald.remark("stream", differences);
                self.herald.up();
                Ok(room)
            }
            Err(trouble) => {
                self.failed(&trouble, None);
                Err(trouble)
            }
        }
    }

    pub(super) fn settings(&self) -> &NatsSink {
        &self.settings
    }

    /// The connection, with the stream behind it.
    ///
    /// # Errors
    /// [`Failure::Again`] where there is none now.
    pub(super) async fn link(&self) -> Result<Rc<Link>, Failure> {
        let link = self.connection().await?;
        if !link.knows_stream() {
            let _turn = self.looking.lock().await;
            if !link.knows_stream() {
                link.knows(self.look(&link).await?);
            }
        }
        Ok(link)
    }

    /// The connection, whatever there is behind it.
    ///
    /// # Errors
    /// [`Failure::Again`] where there is none now, with the time before which there will be none.
    pub(super) async fn connection(&self) -> Result<Rc<Link>, Failure> {
        let mut place = self.place.lock().await;
        let now = Instant::now();
        match place.link.take() {
            Some(link) if link.holds() => place.link = Some(link),
            Some(link) if link.unauthorized() => place.shut_out(unauthorized()),
            // As soon as the last connection is long enough ago.
            Some(_) => {
                let until = place.shut.take().map_or(now, |(until, _)| until);
                place.shut = Some((until, Trouble::Later(lost())));
            }
            None => {}
        }
        if place.link.is_none() {
            if let Some((until, trouble)) = place.shut.as_ref().filter(|(until, _)| *until > now) {
                return Err(trouble.clone().into_failure(Some(*until - now)));
            }
            // Set before the try: who gives it up in its midst is no reason to try more often.
            place.shut = Some((now + PAUSE, Trouble::Later("the connection is being made".to_owned())));
            match self.connect().await {
                Ok(link) => (place.link, place.refused) = (Some(Rc::new(link)), None),
                Err(trouble) => {
                    place.shut_out(trouble.clone());
                    let after = place.shut.as_ref().map(|(until, _)| until.saturating_duration_since(Instant::now()));
                    self.failed(&trouble, after);
                    return Err(trouble.into_failure(after));
                }
            }
        }
        place.link.clone().ok_or_else(|| Trouble::Later(lost()).into())
    }

    /// Makes a connection, as any try does.
    ///
    /// # Errors
    /// [`Trouble`] where that does not work.
    pub(super) async fn connect(&self) -> Result<Link, Trouble> {
        let server = ServerAddr::from_url(self.settings.url.clone());
        let server = server.map_err(|error| Trouble::Later(error.to_string()))?;
        let ear = Ear::new();
        let hears = ear.clone();
        let options = (self.options)().event_callback(move |event| {
            hears.hear(&event);
            std::future::ready(())
        });
        match timeout(self.settings.timeout, options.connect(server)).await {
            Ok(Ok(client)) => Ok(Link::new(client, &ear, &self.settings)),
            Ok(Err(error)) => Err(of_connect(&error)),
            Err(_) => {
                let waited = humantime::format_duration(self.settings.timeout);
                Err(Trouble::Later(format!("the server did not answer within {waited}")))
            }
        }
    }
}

impl Place {
    /// Nobody tries for a while.
    fn shut_out(&mut self, trouble: Trouble) {
        let pause = match &trouble {
            Trouble::Unauthorized(_) => {
                let pause = self.refused.map_or(REFUSED_PAUSE, |pause| (pause * 2).min(LONGEST_REFUSED_PAUSE));
                *self.refused.insert(pause)
            }
            _ => PAUSE,
        };
        let trouble = match trouble {
            Trouble::Unauthorized(why) => {
                let pause = humantime::format_duration(pause);
                Trouble::Unauthorized(format!("{why}; it is tried again every {pause} or more seldom"))
            }
            other => other,
        };
        self.shut = Some((Instant::now() + pause, trouble));
    }
}

/// How connections are made.
fn options(sink: &str, settings: &NatsSink) -> Result<Box<dyn Fn() -> ConnectOptions>, NatsError> {
    let mut tls = (*settings.tls.client_config_as(settings.identity.as_ref())?).clone();
    // That is for HTTP.
    tls.alpn_protocols.clear();
    let (name, timeout, tls_required) = (format!("watchpost {sink}"), settings.timeout, settings.tls_required);
    let login = settings.login.clone();
    log_in(ConnectOptions::new(), &login)?;
    Ok(Box::new(move || {
        let options = ConnectOptions::new()
            .name(&name)
            .connection_timeout(timeout)
            .request_timeout(Some(timeout))
            .ping_interval(PING_EVERY)
            .client_capacity(WAITING)
            .tls_client_config(tls.clone())
            .require_tls(tls_required)
            // A lost connection is made anew by the session, which knows when not to.
            .max_reconnects(1)
            .ignore_discovered_servers();
        // That it works was seen above.
        log_in(options, &login).unwrap_or_default()
    }))
}

fn log_in(options: ConnectOptions, login: &NatsLogin) -> Result<ConnectOptions, NatsError> {
    let text = |secret: &Secret| secret.expose().to_owned();
    Ok(match login {
        NatsLogin::Nobody => options,
        NatsLogin::User { username, password } => options.user_and_password(username.clone(), text(password)),
        NatsLogin::Token(token) => options.token(text(token)),
        NatsLogin::Credentials(credentials) => {
            // The client finds no end in a last line without one, and of a secret a line break at the end is left out.
            let whole = format!("{}\n", credentials.expose());
            options.credentials(&whole).map_err(|_| NatsError::Credentials)?
        }
    })
}
