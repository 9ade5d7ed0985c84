//! What an answer means, or that there is none.

use std::time::Duration;

use url::Url;
use watchpost_actors::{
    settings::Secret,
    transport::{Fault, RestAnswer, RestError},
};

use crate::{config::WebhookSink, sinks::outlet::Failure};

/// The longest that a receiver is left alone because it asked for it.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// How much of an answer's body is told, in characters.
const TOLD: usize = 200;

/// A word of a secret with fewer characters is no secret by itself: `Bearer`.
const SECRET_WORD: usize = 8;

/// Judges the answers of one receiver.
pub(super) struct Judge {
    url: Url,
    /// What a receiver may repeat and nobody may read.
    secrets: Vec<Secret>,
}

impl Judge {
    pub(super) fn new(settings: &WebhookSink) -> Self {
        let secrets = settings.headers.iter().map(|(_, secret)| secret.clone()).collect();
        Self { url: settings.url.clone(), secrets }
    }

    /// Whether the answer acknowledges; else what is to be done.
    pub(super) fn answer(&self, answer: &RestAnswer) -> Result<(), Failure> {
        let status = answer.status;
        let refused = |at_once| Err(Failure::Refused { why: self.told(answer), at_once });
        match status {
            200..=299 => Ok(()),
            // To follow it would show the signature, and the secrets in headers, to somebody else.
            300..=399 => Err(Failure::Refused { why: self.redirect(answer), at_once: false }),
            413 => refused(true),
            408 | 425 | 429 => Err(self.again(answer)),
            400..=499 => refused(false),
            _ => Err(self.again(answer)),
        }
    }

    fn again(&self, answer: &RestAnswer) -> Failure {
        Failure::Again { why: self.told(answer), after: answer.retry_after.map(|after| after.min(LONGEST_AFTER)) }
    }

    fn redirect(&self, answer: &RestAnswer) -> String {
        let target = answer.header("location").and_then(|location| self.url.join(location).ok());
        let target = target.as_ref().and_then(|url| Some((url.scheme(), url.host_str()?, url.port())));
        let target = match target {
            Some((scheme, host, Some(port))) => format!("{scheme}://{host}:{port}"),
            Some((scheme, host, None)) => format!("{scheme}://{host}"),
            None => "an address that cannot be read".to_owned(),
        };
        let status = answer.status;
        format!(
            "the receiver answered {status}, a redirect to {target}; none is followed: set `url` to the final address"
        )
    }

    fn told(&self, answer: &RestAnswer) -> String {
        let (status, words) = (answer.status, self.excerpt(&answer.body));
        if words.is_empty() {
            format!("the receiver answered {status}")
        } else {
            format!("the receiver answered {status}: {words}")
        }
    }

    /// The beginning of the body on one line, without what nobody may read.
    fn excerpt(&self, body: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for secret in &self.secrets {
            let whole = secret.expose().trim();
            let words = whole.split_whitespace().filter(|word| word.chars().count() >= SECRET_WORD);
            for hidden in std::iter::once(whole).chain(words).filter(|hidden| !hidden.is_empty()) {
                text = text.replace(hidden, "[secret]");
            }
        }
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        line.chars().take(TOLD).collect()
    }
}

/// What is to be done where no answer came.
pub(super) fn unanswered(error: RestError) -> Failure {
    match error {
        RestError::Failed { fault: Fault::Unsendable(why), .. } => Failure::Refused { why, at_once: true },
        // Without the address, whose path may be as good as a password.
        RestError::Failed { fault, .. } => Failure::Again { why: fault.to_string(), after: None },
        error @ (RestError::BodyTooLarge { .. } | RestError::Braked(_)) => {
            Failure::Again { why: error.to_string(), after: None }
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use bytes::Bytes;

    use super::{super::tests::settings, *};

    fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> RestAnswer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RestAnswer { status, headers, body: body.into(), retry_after: None }
    }

    fn judge(answer: &RestAnswer) -> Result<(), Failure> {
        Judge::new(&settings("url = 'https://hooks.example.com/a/b?k=hidden'")).answer(answer)
    }

    fn told(answer: &RestAnswer) -> String {
        match judge(answer) {
            Err(Failure::Refused { why, .. } | Failure::Again { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_status_means_what_it_should() {
        for status in 100..=999 {
            let expected = match status {
                200..=299 => "ok",
                413 => "at once",
                408 | 425 | 429 | 500..=999 | 100..=199 => "again",
                _ => "refused",
            };
            let found = match judge(&answer(status, &[], "")) {
                Ok(()) => "ok",
                Err(Failure::Again { after: None, .. }) => "again",
                Err(Failure::Refused { at_once: false, .. }) => "refused",
                Err(Failure::Refused { at_once: true, .. }) => "at once",
                Err(other) => panic!("{status}: {other:?}"),
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn a_receiver_is_left_alone_as_it_asks_but_for_an_hour_at_most() {
        let seconds = Duration::from_secs;
        for (status, asked, expected) in [
            (429, Some(seconds(7)), Some(seconds(7))),
            (503, Some(seconds(0)), Some(seconds(0))),
            (500, Some(seconds(3_600)), Some(seconds(3_600))),
            (503, Some(seconds(3_601)), Some(seconds(3_600))),
            (429, Some(Duration::MAX), Some(seconds(3_600))),
            (429, None, None),
        ] {
            let mut answer = answer(status, &[], "");
            answer.retry_after = asked;
            let Err(Failure::Again { after, .. }) = judge(&answer) else { panic!("{status}") };
            assert_eq!(after, expected, "{status} {asked:?}");
        }
    }

    #[test]
    fn a_redirect_is_told_by_its_host_and_not_by_what_follows() {
        for (location, host) in [
            ("https://other.example.org/x?k=hidden", "https://other.example.org;"),
            ("//other.example.org:8443/hidden", "https://other.example.org:8443;"),
            ("/hidden", "https://hooks.example.com;"),
            ("http://[hidden", "an address that cannot be read;"),
        ] {
            let why = told(&answer(302, &[("location", location)], "hidden"));
            assert!(why.contains("302") && why.contains(host) && why.contains("set `url`"), "{why}");
            assert!(!why.contains("hidden"), "{why}");
        }
        assert!(told(&answer(304, &[], "")).contains("an address that cannot be read"));
    }

    #[test]
    fn the_beginning_of_the_body_is_told_on_one_line() {
        assert_eq!(told(&answer(404, &[], "")), "the receiver answered 404");
        assert_eq!(told(&answer(400, &[], " a\r\n\tb\u{1b}[31m c\0")), "the receiver answered 400: a b [31m c");
        assert_eq!(
            told(&answer(500, &[], "é".repeat(50_000))),
            format!("the receiver answered 500: {}", "é".repeat(200))
        );
        assert_eq!(told(&answer(400, &[], &b"\xff\xfe"[..])), "the receiver answered 400: \u{fffd}\u{fffd}");
    }

    #[test]
    fn what_a_receiver_repeats_of_a_secret_is_not_told() {
        let settings =
            settings("url = 'https://x'\nheaders = { Authorization = { env = 'BEARER' }, X-Key = { env = 'KEY' } }");
        let body = "You sent Bearer s3cret-token-1 (s3cret-token-1), key=p4ss.";
        let Err(Failure::Refused { why, .. }) = Judge::new(&settings).answer(&answer(401, &[], body)) else { panic!() };
        assert_eq!(why, "the receiver answered 401: You sent [secret] ([secret]), key=[secret].");
    }

    #[test]
    fn no_answer_is_a_reason_to_try_again_without_the_address() {
        let at = "POST https://hooks.example.com/hidden".to_owned();
        for fault in [
            Fault::Timeout(Duration::from_secs(10)),
            Fault::Connect("refused".to_owned()),
            Fault::Lost("reset".to_owned()),
            Fault::Tls { detail: "unknown".to_owned(), lasting: true },
            Fault::Protocol("garbage".to_owned()),
        ] {
            let why = fault.to_string();
            let failure = unanswered(RestError::Failed { at: at.clone(), fault });
            assert_eq!(failure, Failure::Again { why, after: None });
        }
        let unsendable = RestError::Failed { at, fault: Fault::Unsendable("a header".to_owned()) };
        assert_eq!(unanswered(unsendable), Failure::Refused { why: "a header".to_owned(), at_once: true });
    }
}
