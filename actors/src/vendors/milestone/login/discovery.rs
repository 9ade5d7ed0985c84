//! What discovery tells: `GET {url}/api/.well-known/uris`, which needs no login.

use serde::Deserialize;
use url::Url;

/// What discovery tells.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Uris {
    #[serde(rename = "ProductVersion")]
    pub(super) version: Option<String>,
    #[serde(rename = "IdentityProvider")]
    pub(super) identity_provider: Option<String>,
    #[serde(rename = "ApiGateways", default)]
    gateways: Option<Vec<String>>,
}

/// More gateways than a login has calls for are not looked at.
const MOST: usize = 10;

impl Uris {
    /// The gateways told, from the `start`-th on, and the one at the configured address behind them: it is the way out where the others are known
    /// only inside the site.
    pub(super) fn gateways(&self, configured: &Url, here: &Url, start: usize) -> Vec<Url> {
        let told = self.gateways.iter().flatten().filter_map(|text| advertised(configured, text));
        let mut gateways: Vec<Url> = Vec::new();
        for url in told {
            if gateways.len() < MOST && !gateways.contains(&url) {
                gateways.push(url);
            }
        }
        if let Some(start) = start.checked_rem(gateways.len()) {
            gateways.rotate_left(start);
        }
        if gateways.iter().all(|url| url.origin() != here.origin()) {
            gateways.push(here.clone());
        }
        gateways
    }
}

/// An advertised address, with a slash at the end. Who was told to use https does not send a password without, whatever
/// the server advertises.
pub(super) fn advertised(configured: &Url, text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok().filter(Url::has_host)?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && configured.scheme() == "http");
    if safe { under(&url, "") } else { None }
}

/// A path under an address, whether or not that ends with a slash.
pub(super) fn under(base: &Url, path: &str) -> Option<Url> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    base.join(path).ok()
}
