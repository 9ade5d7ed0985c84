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
    pub(super) gateways: Option<Vec<String>>,
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
