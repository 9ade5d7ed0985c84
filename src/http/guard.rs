//! Who may ask.
//!
//! A page of somebody else, open in the browser of somebody who can reach this address, must learn nothing here and do nothing: no CORS header is ever
//! sent, a request that says that it comes from another origin is refused, and without a token the `Host` must be an address or
//! `localhost`, for a name could be anybody's who points it here (DNS rebinding).

use std::net::IpAddr;

use actix_web::{
    HttpMessage, HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use ring::{hmac, rand::SystemRandom};
use watchpost_actors::settings::Secret;

use super::problem::{Answer, Problem};

/// What everybody may see: it says nothing of what is watched.
const OPEN: [&str; 1] = ["/healthz"];

/// Sent with every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Knows the token, in a form in which comparing takes the same time whatever is compared.
pub(super) struct Guard {
    token: Option<(hmac::Key, hmac::Tag)>,
}

impl Guard {
    /// Lets everybody in who shows the token, or everybody if there is none.
    pub(super) fn new(token: Option<&Secret>) -> Self {
        let known = token.map(|token| {
            // Without randomness the key is a constant; what is compared is a hash all the same.
            let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, b"watchpost"));
            let tag = hmac::sign(&key, token.expose().as_bytes());
            (key, tag)
        });
        Self { token: known }
    }

    fn admit(&self, request: &HttpRequest) -> Answer<()> {
        let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = request.connection_info().host().to_owned();
        if self.token.is_none() && !is_own(&host) {
            let what = "without a token, watchpost is asked by an address or as `localhost` alone, not by a name";
            return Err(Problem::misdirected(format!("{what}: set `token` in [engine] to allow names")));
        }
        let is_foreign = match (text(header::ORIGIN), text(HeaderName::from_static("sec-fetch-site"))) {
            (Some(origin), _) => origin.split_once("://").map(|(_, host)| host) != Some(&host),
            (None, Some(site)) => site == "cross-site" && !is_navigation(request),
            (None, None) => false,
        };
        if is_foreign {
            return Err(Problem::foreign("pages of other sites may not ask here"));
        }
        let Some((key, tag)) = &self.token else { return Ok(()) };
        if OPEN.contains(&request.path()) {
            return Ok(());
        }
        let given = text(header::AUTHORIZATION).and_then(|text| text.split_once(' '));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match given {
            Some((_, token)) if hmac::verify(key, token.trim().as_bytes(), tag.as_ref()).is_ok() => Ok(()),
            Some(_) => Err(Problem::unauthorized("this is not the token of [engine]")),
            None => Err(Problem::unauthorized("send the token of [engine] as `Authorization: Bearer …`")),
        }
    }
}

/// Whether somebody has followed a link to the page.
fn is_navigation(request: &HttpRequest) -> bool {
    let mode = request.headers().get("sec-fetch-mode").map(HeaderValue::as_bytes);
    mode == Some(b"navigate") && request.method() == actix_web::http::Method::GET
}

/// Whether this name can only be meant for this machine, or is none.
fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

/// Turns away who may not ask.
pub(super) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let admitted = match request.app_data::<web::Data<Guard>>() {
        Some(guard) => guard.admit(request.request()),
        None => Err(Problem::internal("no guard is on duty")),
    };
    match admitted {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(problem) => {
            drop(request.extensions());
            Ok(request.into_response(problem.error_response()))
        }
    }
}

/// Adds what keeps browsers from doing more with an answer than is meant.
pub(super) async fn harden(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_could_point_here_is_not_ours() {
        for own in
            ["127.0.0.1:8780", "localhost", "LOCALHOST:1", "[::1]:8780", "192.168.1.4", "a.localhost", "localhost.:80"]
        {
            assert!(is_own(own), "{own}");
        }
        for other in
            ["evil.example", "evil.example:8780", "localhost.evil.example", "127.0.0.1.evil.example", "", "[evil]:1"]
        {
            assert!(!is_own(other), "{other}");
        }
    }
}
