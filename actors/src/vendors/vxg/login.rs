//! A token that the server takes.
//!
//! ```text
//! token ─► GET api/v2/storage/events/?start=now&limit=1 ─► 200: grant
//!             401 ─► licence key ─► GET api/v3/channels/{id}/ ─► the camera's present tokens, one after the other ─► the same
//! ```
//! There is nothing to log in to: the token is good or not. Whether it is, one call for the events of this moment tells, which is also the call that all depends on.
//! VXG's authentication page says that the token of a camera may change at any time, and names no way to renew it; VXG's Python samples read it out of the camera's
//! row, which a licence key opens. What was read so is used until it is refused in its turn, and is lost with the process: then it begins with the
//! settings' token again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::config::VxgConfig;
use super::grant::Grant;
use super::rest::{self, CallError, ChannelList, EventOrder, EventsQuery};
use super::token::{AccessToken, Credential, Scheme};
use super::wire::Asked;
use crate::settings::Secret;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::address::place;
use crate::vendors::{Login, LoginError, LoginStep, Now};

/// How long a server that wants fewer requests is left alone, where it does not say.
const SLOW_DOWN: Duration = Duration::from_secs(30);

/// The login with one token.
#[derive(Debug)]
pub struct VxgLogin {
    config: VxgConfig,
    timeout: Duration,
    /// In the place of the settings' token, which was refused.
    present: Option<SecretString>,
    /// Tokens that are still to be tried, the next one last.
    untried: Vec<SecretString>,
    /// Those that were refused in this login.
    refused: Vec<SecretString>,
    /// The licence key was shown in this login.
    asked: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Begin,
    /// Events were asked for.
    Events(Shown),
    /// A list of cameras was, for the list of events wants to be told which ones.
    List(Shown, ChannelList),
    /// The camera's tokens were.
    Tokens(Grant),
}

/// A token on trial.
#[derive(Debug)]
struct Shown {
    grant: Grant,
    token: SecretString,
    /// A camera was named.
    named: bool,
}

impl VxgLogin {
    /// A login that has not begun, each of whose calls may take `timeout`.
    #[must_use]
    pub fn new(config: VxgConfig, timeout: Duration) -> Self {
        let (untried, refused) = (Vec::new(), Vec::new());
        Self { config, timeout, present: None, untried, refused, asked: false, stage: Stage::Begin }
    }

    fn call(&self, mut call: RestCall) -> LoginStep<Grant> {
        call.timeout = self.timeout;
        LoginStep::Call(call)
    }

    /// Shows a token.
    fn show(&mut self, now: Now, token: SecretString) -> LoginStep<Grant> {
        let mut grant = match self.config.grant() {
            Ok(grant) => grant,
            Err(why) => return refuse(why.to_string()),
        };
        if self.present.is_some() || self.asked {
            // Only that of a camera is read anew.
            grant.credential = Credential::new(Scheme::Acc, token.expose_secret());
            let told = AccessToken::decode(token.expose_secret()).ok().and_then(|token| token.base_url());
            if let Some(base) = told.filter(|_| self.config.url.is_none()) {
                grant.base = base;
            }
        }
        let camera = grant.camera;
        self.events(now, Shown { grant, token, named: camera.is_some() }, camera)
    }

    /// Asks for the events of this moment: those of a camera, or of all that the token opens.
    fn events(&mut self, now: Now, shown: Shown, camera: Option<i64>) -> LoginStep<Grant> {
        // Hardly anything happens within a second that begins now: a row that the server cannot tell is no trouble of the token's.
        let start = Timestamp::from_second(now.wall.as_second()).unwrap_or(now.wall);
        let query = EventsQuery {
            start: Some(start),
            end: start.checked_add(SignedDuration::from_secs(1)).ok(),
            order: EventOrder::Newest,
            page: Asked { limit: 1, offset: 0 },
            cameras: camera.as_slice(),
            include_meta: false,
            ..EventsQuery::default()
        };
        let call = rest::events(&shown.grant, &query);
        self.stage = Stage::Events(shown);
        self.call(call)
    }

    fn judge(&mut self, now: Now, shown: Shown, answer: Result<(), CallError>) -> LoginStep<Grant> {
        let base = &shown.grant.base;
        let error = match answer {
            Ok(()) => return self.granted(shown),
            Err(error) => error,
        };
        match error {
            CallError::Unauthorized(detail) => self.unauthorized(now, shown, detail.as_deref()),
            CallError::Forbidden(detail) => refuse(format!(
                "{} does not let this token read events (403{}){}: use one with access \"all\"",
                place(base),
                words(detail.as_deref()),
                access(&shown)
            )),
            CallError::NotFound(detail) => refuse(format!(
                "there are no events of VXG's at {base} (404{}): is `url` right, and the camera still there?",
                words(detail.as_deref())
            )),
            // The token was looked at before the rest of the call.
            CallError::Bad { status: 400, .. } if shown.grant.scheme() != Scheme::Acc && !shown.named => {
                self.list(now, shown, None)
            }
            CallError::Bad { status, detail } => refuse(format!(
                "{} does not understand what it is asked ({status}{}): is `url` that of a VXG server? If so, report it",
                place(base),
                words(detail.as_deref())
            )),
            CallError::Busy { not_before } => LoginStep::Failed(LoginError::TooMany {
                why: format!("{} wants fewer requests (429)", place(base)),
                not_before: not_before.or(Some(SLOW_DOWN)),
            }),
            CallError::Passing { why, not_before } => {
                LoginStep::Failed(LoginError::busy(format!("{}: {why}", place(base)), not_before))
            }
        }
    }

    /// Some servers may want to be told whose events: then the list of cameras tells as well whether the token is good.
    fn list(&mut self, now: Now, mut shown: Shown, after: Option<ChannelList>) -> LoginStep<Grant> {
        let list = match after {
            Some(ChannelList::V3) => Some(ChannelList::V5),
            Some(ChannelList::V5) => None,
            None => ChannelList::of(shown.grant.scheme()),
        };
        let Some(list) = list else {
            // Not at first: one of several may be gone, and the token be good.
            if let Some(first) = self.config.cameras.named().first().copied() {
                shown.named = true;
                return self.events(now, shown, Some(first));
            }
            return refuse(format!(
                "{} gives neither events without their cameras nor a list of these: name them in `cameras`",
                place(&shown.grant.base)
            ));
        };
        let call = rest::channels(&shown.grant, list, Asked { limit: 1, offset: 0 });
        self.stage = Stage::List(shown, list);
        self.call(call)
    }

    fn granted(&mut self, shown: Shown) -> LoginStep<Grant> {
        let Shown { grant, token, .. } = shown;
        let at = place(&grant.base);
        let camera = grant.camera.map_or_else(|| "one camera".to_owned(), |camera| format!("camera {camera}"));
        let who = match grant.scheme() {
            Scheme::Acc if self.asked || self.present.is_some() => {
                format!("{camera} at {at}, by the token that the licence key tells")
            }
            Scheme::Acc => format!("{camera} at {at}"),
            Scheme::Si => format!("a group of cameras at {at}"),
            Scheme::LKey => format!("the account of a licence key at {at}"),
        };
        if self.asked {
            self.present = Some(token);
        }
        LoginStep::Granted { grant, lifetime: None, who }
    }

    fn unauthorized(&mut self, now: Now, shown: Shown, detail: Option<&str>) -> LoginStep<Grant> {
        let Shown { grant, token, .. } = shown;
        self.refused.push(token);
        if let Some(next) = self.untried.pop() {
            return self.show(now, next);
        }
        let key = self.config.license_key.as_ref().filter(|_| grant.scheme() == Scheme::Acc && !self.asked);
        if let (Some(key), Some(camera)) = (key, grant.camera) {
            let base = self.config.grant().map_or_else(|_| grant.base.clone(), |grant| grant.base);
            let owner = Grant { base, credential: Credential::new(Scheme::LKey, key.expose()), camera: None };
            let call = rest::channel(&owner, camera);
            (self.stage, self.asked) = (Stage::Tokens(owner), true);
            return self.call(call);
        }
        refuse(self.why_unauthorized(now, &grant, detail))
    }

    /// Why a token may be refused, and what to do about it.
    fn why_unauthorized(&self, now: Now, grant: &Grant, detail: Option<&str>) -> String {
        let said = format!("{} does not take the token (401{})", place(&grant.base), words(detail));
        if self.asked {
            return format!("{said}, nor those of the camera that the licence key tells: is `url` right?");
        }
        let read = AccessToken::decode(self.config.token.expose()).ok();
        let own = read.as_ref().map(AccessToken::scheme);
        let scheme = grant.scheme();
        if let Some(own) = own.filter(|own| *own != scheme) {
            return format!("{said} as {scheme}, and it looks like one of scheme {own}: leave `scheme` out");
        }
        if own.is_none() && self.config.scheme.is_none() {
            return format!("{said}: it was taken for a licence key, so set `scheme` if it is something else");
        }
        let ended = read.as_ref().and_then(AccessToken::lifetime).map(|life| life.until());
        let ended = ended.filter(|until| *until < now.wall);
        let ended = ended.map_or(String::new(), |until| {
            format!(", which says of itself that it ended on {}", until.strftime("%Y-%m-%d"))
        });
        let remedy = match scheme {
            Scheme::Acc => {
                "put the camera's present one in its place, or give `license_key`, with which watchpost reads it"
            }
            Scheme::Si => "put the group's present one in its place",
            Scheme::LKey => "look up the licence key in VXG's dashboard",
        };
        format!("{said}{ended}: {remedy}")
    }

    /// The camera's present tokens, that with the most rights first.
    fn tokens(&mut self, now: Now, owner: &Grant, answer: &RestAnswer) -> LoginStep<Grant> {
        let at = place(&owner.base);
        let tokens = match rest::read_channel(owner, answer) {
            Ok(channel) => channel.access_tokens,
            Err(error @ (CallError::Busy { .. } | CallError::Passing { .. })) => {
                let why = format!("{at} does not take the token, and the present one cannot be read now: {error}");
                let busy = error.not_before();
                return LoginStep::Failed(match error {
                    CallError::Busy { .. } => LoginError::TooMany { why, not_before: busy.or(Some(SLOW_DOWN)) },
                    _ => LoginError::busy(why, busy),
                });
            }
            Err(error) => {
                let what = match error {
                    CallError::Unauthorized(_) => "nor is the licence key accepted: correct `license_key`",
                    CallError::NotFound(_) => "and the licence key's account does not have this camera any more",
                    _ => "and the licence key does not open its present one",
                };
                return refuse(format!("{at} does not take the token (401), {what} ({error})"));
            }
        };
        self.untried =
            [tokens.watch, tokens.all].into_iter().flatten().filter(|token| !self.was_refused(token)).collect();
        match self.untried.pop() {
            Some(token) => self.show(now, token),
            None => refuse(format!(
                "{at} does not take the token (401), and the licence key tells no other one of the camera: make one in VXG's \
                 dashboard"
            )),
        }
    }

    fn was_refused(&self, token: &SecretString) -> bool {
        self.refused.iter().any(|refused| refused.expose_secret() == token.expose_secret())
    }
}

impl Login for VxgLogin {
    type Grant = Grant;

    fn secret(&self) -> &Secret {
        &self.config.token
    }

    fn begin(&mut self, now: Now) -> LoginStep<Grant> {
        self.untried.clear();
        self.refused.clear();
        self.asked = false;
        let token = self.present.clone().unwrap_or_else(|| SecretString::from(self.config.token.expose()));
        self.show(now, token)
    }

    fn answer(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return LoginStep::Failed(LoginError::unavailable(error.to_string())),
        };
        match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => LoginStep::Failed(LoginError::unavailable("an answer that nobody has asked for")),
            Stage::Events(shown) => {
                let judged = rest::read_page(&shown.grant, &answer).map(drop);
                self.judge(now, shown, judged)
            }
            Stage::List(shown, list) => match rest::read_page(&shown.grant, &answer).map(drop) {
                Err(CallError::Forbidden(_) | CallError::NotFound(_) | CallError::Bad { .. }) => {
                    self.list(now, shown, Some(list))
                }
                // A licence key may not be good for a group's list.
                Err(CallError::Unauthorized(_)) if ChannelList::of(shown.grant.scheme()) != Some(list) => {
                    self.list(now, shown, Some(list))
                }
                judged => self.judge(now, shown, judged),
            },
            Stage::Tokens(owner) => self.tokens(now, &owner, &answer),
        }
    }
}

fn refuse(why: String) -> LoginStep<Grant> {
    LoginStep::Failed(LoginError::Refused(why))
}

fn words(detail: Option<&str>) -> String {
    detail.map_or(String::new(), |detail| format!(": {detail}"))
}

/// What the token itself says that it is good for, if that is less than all.
fn access(shown: &Shown) -> String {
    let read = AccessToken::decode(shown.token.expose_secret()).ok();
    let access = read.and_then(|read| read.access).filter(|access| !access.eq_ignore_ascii_case("all"));
    access
        .map_or(String::new(), |access| format!(", and it has access \"{}\"", crate::settings::mistake::shown(&access)))
}

#[cfg(test)]
mod tests;
