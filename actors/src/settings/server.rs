//! The address of a server: what may stand behind its host, and what can be read on the way to it.

use std::net::Ipv4Addr;

use url::{Host, Url};

use super::{Fields, Mistake};

/// How a server of REST calls is addressed: in the clear, and not.
pub const HTTP: [&str; 2] = ["http", "https"];
/// How a server of sockets is addressed: in the clear, and not.
pub const WEBSOCKET: [&str; 2] = ["ws", "wss"];

impl<'f> dyn Fields + 'f {
    /// The address of a server: [without a query](#method.without_query) and without a path that watchpost
    /// `adds_itself`. [What is sent there in the clear](#method.warn_of_clear_text) is warned about.
    pub fn server(
        &mut self,
        key: &'static str,
        schemes: [&'static str; 2],
        at_risk: &str,
        adds_itself: impl FnOnce(&str) -> bool,
    ) -> Option<Url> {
        let url = self.url(key, &schemes)?;
        let server = format!("{}://{}", schemes[1], url.host_str().unwrap_or("host"));
        let url = self.without_query(key, url, &server)?;
        if adds_itself(url.path()) {
            let mistake = Mistake::new("the address ends with a path that watchpost adds itself");
            self.error(key, mistake.hint(only(&server)));
            return None;
        }
        self.warn_of_clear_text(key, &url, schemes, at_risk);
        Some(url)
    }

    /// The address, unless there is a `?` or `#` part in it; `server` is what to write then. It is not shown: people paste
    /// addresses with a token behind the `?`.
    pub fn without_query(&mut self, key: &'static str, url: Url, server: &str) -> Option<Url> {
        if url.query().is_none() && url.fragment().is_none() {
            return Some(url);
        }
        let mistake = Mistake::new("the address of a server has no `?` or `#` part").concealed();
        self.error(key, mistake.hint(only(server)));
        None
    }

    /// Warns where the first of the schemes is used, over which all is sent in the clear, and the server is not on this very
    /// machine. `at_risk` is what can be read on the way: `the password`.
    pub fn warn_of_clear_text(&mut self, key: &'static str, url: &Url, schemes: [&'static str; 2], at_risk: &str) {
        let [clear, secure] = schemes;
        if url.scheme() == clear && !is_loopback(url) {
            let mistake = Mistake::new(format!("{clear} carries {at_risk} in the clear"));
            self.warn(key, mistake.hint(format!("write {secure}:// if the server has it")));
        }
    }
}

fn only(server: &str) -> String {
    format!("write only the server: \"{server}\"")
}

/// Whether an address leads to this very machine, so that nobody on the way can read what is sent there.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // The address parser takes numbers for addresses only where the scheme is one of the web's.
        Some(Host::Domain(name)) => name == "localhost" || name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}
