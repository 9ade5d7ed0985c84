//! Where secrets may be sent: the hosts that follow from the settings, and what a redirect may lead to.

use url::{Host, Url};

use crate::transport::request::RestAnswer;
use crate::vendors::address::{place, under};
use crate::vendors::een::accounts::Subdomain;
use crate::vendors::een::config::EenConfig;

/// The domain that a login host is one of many hosts of: `eagleeyenetworks.com` of `login.eagleeyenetworks.com`. None where the rest of the name
/// could be everybody's (`co.uk`), and none of an address in digits.
///
/// There is no list of such domains here, so a short name under a country's is taken for one. The cost is that such a host must name `api_url`.
pub(crate) fn domain(url: &Url) -> Option<&str> {
    let Some(Host::Domain(host)) = url.host() else { return None };
    let host = host.trim_end_matches('.');
    let labels = host.split('.').count();
    let domain = if labels > 2 { host.split_once('.')?.1 } else { host };
    let (name, top) = domain.rsplit_once('.')?;
    let is_everybodys = !name.contains('.') && top.len() == 2 && name.len() <= 3;
    (!is_everybodys).then_some(domain)
}

/// The address of the host with this first label beside the login host, which keeps scheme, port and path; the login host itself where there is
/// no label, or no domain to put it before.
pub(crate) fn branded(login: &Url, subdomain: Option<&Subdomain>) -> Url {
    let mut url = under(login, "");
    if let (Some(subdomain), Some(domain)) = (subdomain, domain(login)) {
        // A label before a domain is a host; where it were none, the login host remains.
        let _ = url.set_host(Some(&format!("{subdomain}.{domain}")));
    }
    url
}

/// The WebSocket's address on the same host.
pub(crate) fn socket_of(rest: &Url) -> Url {
    let mut url = rest.clone();
    let scheme = if rest.scheme() == "http" { "ws" } else { "wss" };
    // Both schemes have hosts and the same default ports, so this cannot fail.
    let _ = url.set_scheme(scheme);
    url
}

/// Whether the answer says that what was asked for is elsewhere now.
pub(crate) fn is_redirect(answer: &RestAnswer) -> bool {
    matches!(answer.status, 301 | 302 | 307 | 308)
}

/// Where the answer to a call to `from` leads.
///
/// # Errors
/// In words, where it leads, if the call's secrets must not go there: only to https within the login host's domain, and to the hosts in the
/// settings, without TLS only where the settings say so themselves.
pub(crate) fn redirected(config: &EenConfig, from: &Url, answer: &RestAnswer) -> Result<Url, String> {
    let status = answer.status;
    let Some(to) = answer.header("location").and_then(|text| from.join(text).ok()) else {
        return Err(format!("{} answered with status {status} and no address to go to", place(from)));
    };
    if leads_home(config, &to) && (to.scheme() == "https" || from.scheme() == "http") {
        return Ok(to);
    }
    // A path may hold anything, a token too.
    Err(format!(
        "{} answered with status {status}, which leads to {}: no secret is sent there. If it is Eagle Eye's, set auth_url \
         and api_url to it",
        place(from),
        place(&to)
    ))
}

fn leads_home(config: &EenConfig, to: &Url) -> bool {
    let Some(host) = to.host_str() else { return false };
    if !to.username().is_empty() || to.password().is_some() {
        return false;
    }
    let mut configured = [Some(&config.auth_url), config.api_url.as_ref()].into_iter().flatten();
    match to.scheme() {
        "https" => {
            let below = |domain| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            configured.any(|url| url.host_str() == Some(host)) || domain(&config.auth_url).is_some_and(below)
        }
        "http" => configured.any(|url| url.scheme() == "http" && url.host_str() == Some(host)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn config(auth_url: &str) -> EenConfig {
        let mut config = EenConfig::new("ops@example.com", "p".into());
        config.auth_url = url(auth_url);
        config
    }

    #[test]
    fn the_branded_host_stands_beside_the_login_host() {
        let c001 = Subdomain::new("c001");
        for (login, expected) in [
            ("https://login.eagleeyenetworks.com/", "https://c001.eagleeyenetworks.com/"),
            ("https://brand.eagleeyenetworks.com", "https://c001.eagleeyenetworks.com/"),
            ("https://eagleeyenetworks.com", "https://c001.eagleeyenetworks.com/"),
            ("https://login.een.test:8443/proxy", "https://c001.een.test:8443/proxy/"),
            // Nothing may come before these.
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"),
            ("http://[::1]:9000/", "http://[::1]:9000/"),
            ("http://localhost:9000", "http://localhost:9000/"),
            ("https://een.co.uk", "https://een.co.uk/"),
        ] {
            assert_eq!(branded(&url(login), c001.as_ref()).as_str(), expected, "{login}");
            assert_eq!(branded(&url(login), None), under(&url(login), ""), "{login}");
        }
        assert_eq!(socket_of(&url("https://c001.een.test:8443/x/")).as_str(), "wss://c001.een.test:8443/x/");
        assert_eq!(socket_of(&url("https://c001.een.test/")).as_str(), "wss://c001.een.test/");
        assert_eq!(socket_of(&url("http://127.0.0.1:1/")).as_str(), "ws://127.0.0.1:1/");
    }

    #[test]
    fn a_secret_follows_only_to_where_the_settings_lead() {
        let cases = [
            ("https://login.eagleeyenetworks.com", "https://login2.eagleeyenetworks.com/g/aaa/authenticate", true),
            ("https://login.eagleeyenetworks.com", "https://eagleeyenetworks.com/g", true),
            ("https://login.eagleeyenetworks.com", "https://c001.eagleeyenetworks.com:444/g", true),
            ("https://login.eagleeyenetworks.com", "/g/aaa/other", true),
            ("https://login.eagleeyenetworks.com", "http://login.eagleeyenetworks.com/g", false),
            ("https://login.eagleeyenetworks.com", "https://evileagleeyenetworks.com/g", false),
            ("https://login.eagleeyenetworks.com", "https://eagleeyenetworks.com.evil.test/g", false),
            ("https://login.eagleeyenetworks.com", "https://evil.test/?.eagleeyenetworks.com", false),
            ("https://login.eagleeyenetworks.com", "//evil.test/g", false),
            ("https://login.eagleeyenetworks.com", "https://user@c001.eagleeyenetworks.com/g", false),
            ("https://login.eagleeyenetworks.com", "ftp://login.eagleeyenetworks.com/g", false),
            ("https://login.eagleeyenetworks.com", "data:x", false),
            ("https://login.een.co.uk", "https://c001.een.co.uk", true),
            ("https://een.co.uk", "https://other.co.uk", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9001/g", true),
            ("http://127.0.0.1:9000", "http://127.0.0.2:9000/g", false),
            ("http://127.0.0.1:9000", "https://c001.eagleeyenetworks.com/g", false),
            ("http://localhost:9000", "https://localhost/g", true),
            ("https://10.0.0.1", "https://20.0.0.1", false),
        ];
        for (auth_url, location, allowed) in cases {
            let headers = vec![("Location".to_owned(), location.to_owned())];
            let answer = RestAnswer { status: 301, headers, body: "".into(), retry_after: None };
            let config = config(auth_url);
            let to = redirected(&config, &under(&config.auth_url, "g/aaa/authenticate"), &answer);
            assert_eq!(to.is_ok(), allowed, "{auth_url} -> {location}: {to:?}");
        }
        let mut config = config("https://login.eagleeyenetworks.com");
        config.api_url = Some(url("https://proxy.test"));
        let to = |url: &str| vec![("location".to_owned(), url.to_owned())];
        let headers = to("https://proxy.test/g/device/list");
        let answer = RestAnswer { status: 308, headers, body: "".into(), retry_after: None };
        assert!(redirected(&config, &config.auth_url, &answer).is_ok());
        config.api_url = Some(url("http://login.eagleeyenetworks.com"));
        let answer = RestAnswer { headers: to("http://login.eagleeyenetworks.com/g"), ..answer };
        let downgraded = redirected(&config, &config.auth_url, &answer);
        assert!(downgraded.is_err(), "what was sent with TLS stays with TLS");
    }

    #[test]
    fn a_refused_redirect_says_where_it_led_and_no_more() {
        let config = config("https://login.eagleeyenetworks.com");
        let answer = |headers| RestAnswer { status: 302, headers, body: "".into(), retry_after: None };
        let to = vec![("location".to_owned(), "https://evil.test:1/token-1234?A=5678".to_owned())];
        let why = redirected(&config, &config.auth_url, &answer(to)).unwrap_err();
        assert!(why.contains("302") && why.contains("https://evil.test:1:"), "{why}");
        assert!(!why.contains("1234") && !why.contains("5678"), "{why}");
        let why = redirected(&config, &config.auth_url, &answer(vec![])).unwrap_err();
        assert!(why.contains("no address"), "{why}");
    }
}
