//! Pictures and recordings of SimpliSafe's cameras: where the access token may go to fetch them, and what the answers mean.
//!
//! simplipy shows the token to whatever address it is given. Here it goes to `simplisafe.com` and the names below it, with TLS, and to the server that the
//! settings name as `api_url`; nothing is fetched from elsewhere, unless SimpliSafe itself leads there, and then without the token.
//!
//! A recording's link comes with the event, while it is still being recorded: until it is ready the answer is 404 (simplipy tries again on 401, 404, 409 and
//! 5xx).

use url::{Host, Url};

use super::SimpliSafeConfig;
use super::grant::Grant;
use super::rest::{self, problem};
use super::wire::{Event, Link};
use crate::transport::request::{Method, RestAnswer, RestCall};
use crate::vendors::{Judgement, Media, MediaKind};

/// The width of pictures, in pixels, where no other is asked for.
pub const WIDTH: u32 = 720;

/// The hosts that the token is for: this one, and all below it.
const DOMAIN: &str = "simplisafe.com";

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct SimpliSafeMedia {
    api: Url,
}

impl SimpliSafeMedia {
    /// The rules of a connection.
    #[must_use]
    pub fn new(config: &SimpliSafeConfig) -> Self {
        Self { api: config.api_url.clone() }
    }

    /// Whether the token may be shown at this address.
    #[must_use]
    pub fn is_trusted(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let is_vendors = match url.host() {
            Some(Host::Domain(name)) => {
                name.strip_suffix(DOMAIN).is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            _ => false,
        };
        (url.scheme() == "https" && is_vendors) || url.origin() == self.api.origin()
    }
}

impl Media for SimpliSafeMedia {
    type Grant = Grant;

    fn links(&self, data: &str) -> Vec<(MediaKind, String)> {
        let Ok(event) = Event::read(data) else { return Vec::new() };
        let Some(media) = event.media() else { return Vec::new() };
        let links = [
            (MediaKind::Clip, media.clip),
            (MediaKind::Image, media.image),
            (MediaKind::Hls, media.hls),
            (MediaKind::Flv, media.flv),
        ];
        links.into_iter().filter_map(|(kind, link)| Some((kind, link?.0.into_owned()))).collect()
    }

    fn address(&self, link: &str, width: Option<u32>) -> Result<Url, String> {
        let address = Link(link.trim().into()).address(Some(width.unwrap_or(WIDTH)));
        let url = Url::parse(&address).map_err(|error| format!("is no address: {error}"))?;
        if self.is_trusted(&url) {
            return Ok(url);
        }
        let host = url.host_str().unwrap_or_default();
        Err(match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                "has a user name or a password in it, which SimpliSafe's never have".to_owned()
            }
            "http" => format!("leads to {host} without TLS (http): the access token would be read on the way"),
            "https" => format!("leads to {host:?}, which is not SimpliSafe's: the access token goes to {DOMAIN} alone"),
            other => format!("begins with {other}:, not with https:"),
        })
    }

    fn call(&self, grant: &Grant, url: &Url) -> Option<RestCall> {
        self.is_trusted(url).then(|| grant.sign(RestCall::new(Method::Get, url.clone())))
    }

    fn judge(&self, answer: &RestAnswer) -> Judgement {
        let status = answer.status;
        let word = || problem(&answer.body).map_or(String::new(), |word| format!(", {word}"));
        match status {
            200 => Judgement::Ready,
            401 => Judgement::Unauthorized,
            202 | 404 => Judgement::NotNow(format!("it is not ready, or not there any more ({status})")),
            408 | 409 | 425 | 429 | 500..=599 => {
                Judgement::NotNow(format!("SimpliSafe cannot give it now ({status}{})", word()))
            }
            403 if rest::is_blocked(answer) => Judgement::Never(
                "SimpliSafe refused it without a word why (403): it may block this machine's address".to_owned(),
            ),
            410 => Judgement::Never("SimpliSafe does not have it any more (410)".to_owned()),
            _ => Judgement::Never(format!("SimpliSafe refused it ({status}{})", word())),
        }
    }
}

#[cfg(test)]
mod tests;
