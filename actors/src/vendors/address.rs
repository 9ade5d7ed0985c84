//! Addresses below a server's, and what a message may show of one.

use url::Url;

/// A path under an address, whether or not that ends with a slash.
pub(super) fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let root = base.path().trim_end_matches('/');
    url.set_path(&format!("{root}/{path}"));
    url
}

/// Scheme, host and port: all of an address that a message may show.
pub(super) fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}
