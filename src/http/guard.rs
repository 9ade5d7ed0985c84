//! Who may ask.
//!
//! A page of somebody else, open in the browser of somebody who can reach this address, must learn nothing here and do nothing: no CORS header is ever
//! sent, a request that says that it comes from another origin is refused, and without a token the `Host` must be an address,
//! `localhost` or one of `hosts` in [engine], for any other name could be anybody's who points it here (DNS rebinding). What a proxy says
//! of the host it was asked for is not believed: a page can say that as well.

use std::net::IpAddr;

use actix_web::{
    HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, Uri, Version,
        header::{self, HeaderName, HeaderValue},
        uri::Authority,
    },
    middleware::Next,
    web,
};
use ring::{hmac, rand::SystemRandom};
use watchpost_actors::settings::Secret;

use super::{
    dashboard,
    problem::{Answer, Problem},
};

/// Whether a path asks for no token: what is there says nothing of what is watched.
pub(super) fn is_open(path: &str) -> bool {
    path == "/healthz" || dashboard::is_at(path)
}

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
    /// Names that are this machine's, in lower case.
    hosts: Vec<String>,
    /// Where it listens.
    port: u16,
}

impl Guard {
    /// Lets everybody in who shows the token; without one, everybody who asks by an address, as `localhost`, or by one of these names.
    pub(super) fn new(token: Option<&Secret>, hosts: &[String], port: u16) -> Self {
        let known = token.map(|token| {
            // Without randomness the key is a constant; what is compared is a hash all the same.
            let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, b"watchpost"));
            let tag = hmac::sign(&key, token.expose().as_bytes());
            (key, tag)
        });
        Self { token: known, hosts: hosts.to_vec(), port }
    }

    fn admit(&self, request: &HttpRequest) -> Answer<()> {
        let host = host_of(request)?;
        let host = host.as_ref();
        if self.token.is_none() && !host.is_none_or(|host| self.is_own(host)) {
            let what = "without a token, watchpost is asked by an address or as `localhost` alone, not by any name";
            return Err(Problem::misdirected(format!("{what}: add this one to `hosts` in [engine], or set `token`")));
        }
        if self.is_foreign(request, host) {
            return Err(Problem::foreign("pages of other sites may not ask here"));
        }
        match &self.token {
            Some((key, tag)) if !is_open(request.path()) => admit_with(key, tag, request),
            _ => Ok(()),
        }
    }

    /// Whether this name can only be meant for this machine, or is none.
    fn is_own(&self, authority: &Authority) -> bool {
        let name = name_of(authority);
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        is_address || name == "localhost" || name.ends_with(".localhost") || self.hosts.contains(&name)
    }

    /// Whether a browser says that a page of another origin asks.
    fn is_foreign(&self, request: &HttpRequest, host: Option<&Authority>) -> bool {
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        // `none` is a person who typed the address.
        if !matches!(site, None | Some(b"same-origin" | b"none")) && !is_navigation(request) {
            return true;
        }
        let mut origins = request.headers().get_all(header::ORIGIN);
        let Some(origin) = origins.next() else { return false };
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        let Some((origin, scheme)) = origin.as_ref().and_then(|uri| Some((uri.authority()?, uri.scheme_str()?))) else {
            return true;
        };
        let usual = if scheme == "https" { 443 } else { 80 };
        let place = |authority: &Authority| (name_of(authority), authority.port_u16().unwrap_or(usual));
        let is_same = host.is_some_and(|host| place(host) == place(origin));
        // A proxy may ask by another name than the browser asked the proxy. What else has that name, at another port, is somebody else.
        let (name, port) = place(origin);
        let is_same = is_same || ((port == usual || port == self.port) && self.hosts.contains(&name));
        !is_same || origins.next().is_some()
    }
}

/// Looks for the one token.
fn admit_with(key: &hmac::Key, tag: &hmac::Tag, request: &HttpRequest) -> Answer<()> {
    let mut given = request.headers().get_all(header::AUTHORIZATION);
    let Some(first) = given.next() else {
        return Err(Problem::unauthorized("send the token of [engine] as `Authorization: Bearer …`"));
    };
    if given.next().is_some() {
        return Err(Problem::unauthorized("there is more than one `Authorization`"));
    }
    let scheme_and_token = first.as_bytes().split_at_checked(7);
    match scheme_and_token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer ")) {
        Some((_, token)) if hmac::verify(key, token.trim_ascii(), tag.as_ref()).is_ok() => Ok(()),
        Some(_) => Err(Problem::unauthorized("this is not the token of [engine]")),
        None => Err(Problem::unauthorized("send the token of [engine] as `Authorization: Bearer …`, and nothing else")),
    }
}

/// The host that is asked for: that of the target, where it has one, else that of the header. None in HTTP/1.0, where none need be said; no
/// browser speaks that.
fn host_of(request: &HttpRequest) -> Answer<Option<Authority>> {
    let bad = |detail: &str| Problem::wrong("Host", detail);
    let said = match (request.uri().authority(), request.headers().get(header::HOST)) {
        (Some(target), _) => Some(target.clone()),
        (None, Some(host)) => Some(Authority::try_from(host.as_bytes()).map_err(|_| bad("this is no host"))?),
        (None, None) if request.version() <= Version::HTTP_10 => None,
        (None, None) => return Err(bad("HTTP/1.1 needs it")),
    };
    if let Some(host) = &said {
        let name = name_of(host);
        let is_broken = name.starts_with('[') && name.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
        // Whatever follows the name is a port; one that is none, `Authority` tells as if it were not there.
        let has_text = host.as_str().strip_prefix(host.host()).is_some_and(|rest| rest.len() > 1);
        if host.as_str().contains('@') || name.is_empty() || is_broken || has_text != host.port_u16().is_some() {
            return Err(bad("this is no host; write a name or an address, and a port"));
        }
    }
    Ok(said)
}

/// In lower case, without the dot at the end that a full name may have.
fn name_of(authority: &Authority) -> String {
    let name = authority.host();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether somebody has followed a link to the page.
fn is_navigation(request: &HttpRequest) -> bool {
    let mode = request.headers().get("sec-fetch-mode").map(HeaderValue::as_bytes);
    mode == Some(b"navigate") && matches!(*request.method(), Method::GET | Method::HEAD)
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
        Err(problem) => Ok(request.into_response(problem.error_response())),
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
    #![allow(clippy::unwrap_used)]
    use actix_web::test::TestRequest;

    use super::*;

    fn guard(token: Option<&str>) -> Guard {
        Guard::new(token.map(Secret::from).as_ref(), &["watch.example.com".to_owned()], 8780)
    }

    /// What a request with these headers is answered with.
    fn asked(guard: &Guard, headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = TestRequest::with_uri("/api/v1/connections");
        for header in headers {
            request = request.append_header(*header);
        }
        guard.admit(&request.to_http_request()).err().map(|problem| problem.status_code().as_u16())
    }

    #[test]
    fn a_name_that_anybody_could_point_here_is_not_ours() {
        let guard = guard(None);
        for own in [
            "127.0.0.1:8780",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8780",
            "[::1]",
            "192.168.1.4",
            "a.localhost",
            "localhost.:80",
            "watch.example.com",
            "Watch.Example.Com.:443",
        ] {
            assert_eq!(asked(&guard, &[("Host", own)]), None, "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8780",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xwatch.example.com",
        ] {
            assert_eq!(asked(&guard, &[("Host", other)]), Some(421), "{other}");
            assert_eq!(
                asked(&guard, &[("Host", other), ("X-Forwarded-Host", "localhost"), ("Forwarded", "host=localhost")]),
                Some(421),
                "{other}: what a proxy says is not believed"
            );
        }
        for none in ["", "user@localhost", "[evil]:1", "localhost:port", "localhost:99999", "a b", "localhost/x", ":80"]
        {
            assert_eq!(asked(&guard, &[("Host", none)]), Some(400), "{none}");
        }
        assert_eq!(asked(&guard, &[]), Some(400), "without any");
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let guard = guard(None);
        let host = ("Host", "localhost:8780");
        for origin in ["http://localhost:8780", "http://LOCALHOST:8780", "https://watch.example.com"] {
            assert_eq!(asked(&guard, &[host, ("Origin", origin)]), None, "{origin}");
        }
        for origin in
            ["null", "", "http://localhost:3000", "http://localhost", "http://evil.example", "localhost:8780", "é"]
        {
            assert_eq!(asked(&guard, &[host, ("Origin", origin)]), Some(403), "{origin}");
        }
        let twice = [host, ("Origin", "http://localhost:8780"), ("Origin", "http://evil.example")];
        assert_eq!(asked(&guard, &twice), Some(403));
        assert_eq!(asked(&guard, &[("Host", "localhost:80"), ("Origin", "http://localhost")]), None, "the usual port");
        for (site, answer) in
            [("same-origin", None), ("none", None), ("cross-site", Some(403)), ("same-site", Some(403))]
        {
            assert_eq!(asked(&guard, &[host, ("Sec-Fetch-Site", site)]), answer, "{site}");
        }
        let link = [host, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")];
        assert_eq!(asked(&guard, &link), None, "a link leads here");
    }

    #[test]
    fn a_name_of_ours_is_ours_at_its_usual_ports_and_at_that_of_the_listener_alone() {
        let guard = guard(None);
        let host = ("Host", "127.0.0.1:8780");
        for origin in [
            "https://watch.example.com",
            "https://Watch.Example.com:443",
            "http://watch.example.com",
            "http://watch.example.com:8780",
        ] {
            assert_eq!(asked(&guard, &[host, ("Origin", origin)]), None, "{origin}");
        }
        for origin in ["http://watch.example.com:3000", "https://watch.example.com:80", "http://watch.example.com:443"]
        {
            assert_eq!(asked(&guard, &[host, ("Origin", origin)]), Some(403), "{origin}");
        }
        let other = [("Host", "watch.example.com:8443"), ("Origin", "https://watch.example.com:8443")];
        assert_eq!(asked(&guard, &other), None, "a proxy at another port that passes on the host it was asked for");
    }

    #[test]
    fn an_origin_that_is_ours_does_not_help_where_the_browser_says_another_site() {
        let guard = guard(None);
        let ours = [("Host", "localhost:8780"), ("Origin", "http://localhost:8780")];
        for (site, answer) in
            [("same-origin", None), ("same-site", Some(403)), ("cross-site", Some(403)), ("", Some(403))]
        {
            assert_eq!(asked(&guard, &[ours[0], ours[1], ("Sec-Fetch-Site", site)]), answer, "{site}");
        }
    }

    #[test]
    fn nothing_but_the_token_opens_and_any_name_is_fine_with_it() {
        let guard = guard(Some("t0ken é"));
        let host = ("Host", "anything.example");
        let long = format!("Bearer {}", "x".repeat(100_000));
        for wrong in ["", "Bearer", "Bearer ", "Bearer t0ken", "Basic t0ken é", "t0ken é", "Bearer  t0ken é x", &long]
        {
            assert_eq!(asked(&guard, &[host, ("Authorization", wrong)]), Some(401), "{wrong:.40}");
        }
        for right in ["Bearer t0ken é", "bearer t0ken é ", "BEARER  t0ken é"] {
            assert_eq!(asked(&guard, &[host, ("Authorization", right)]), None, "{right}");
        }
        let right = ("Authorization", "Bearer t0ken é");
        assert_eq!(asked(&guard, &[host, right, right]), Some(401), "twice");
        assert_eq!(asked(&guard, &[host]), Some(401), "without any");
        assert_eq!(asked(&guard, &[host, right, ("Origin", "http://evil.example")]), Some(403));
    }
}
