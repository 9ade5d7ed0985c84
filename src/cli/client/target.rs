//! Which watchpost is asked, and with what token.

use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use url::Url;
use watchpost::{
    actors::settings::{Secret, mistake::shown},
    config::{self, EngineSettings, Listen, Secrets},
};

use super::ClientError;
use crate::cli::run;

/// Where a watchpost listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:8780";
/// The configuration that is looked for in the working folder.
const USUAL_CONFIG: &str = "watchpost.toml";
/// Where another address than that is given once for all commands.
const URL_VARIABLE: &str = "WATCHPOST_URL";
/// Where the token is given.
const TOKEN_VARIABLE: &str = "WATCHPOST_TOKEN";
/// How long who listens on this machine, or near it, takes to be reached.
const REACHED_WITHIN: Duration = Duration::from_secs(2);
/// More than this is no token.
const LONGEST_TOKEN: u64 = 64 << 10;

/// Which watchpost is asked, where there is nothing but to ask one.
#[derive(Args)]
pub(super) struct Running {
    /// Ask the watchpost that listens there, with the token of WATCHPOST_TOKEN [default: WATCHPOST_URL, else what watchpost.toml says if there is
    /// one, else http://127.0.0.1:8780]
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<Url>,
    /// Ask the watchpost of this configuration: it says the address, and the token
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file with the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Whether a running watchpost is asked, or the configuration used straight.
#[derive(Args)]
pub(in crate::cli) struct Place {
    /// Ask the watchpost that runs there, with the token of WATCHPOST_TOKEN
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<Url>,
    /// Ask the watchpost that runs with this configuration; where none does, use its data folder and its credentials [default: WATCHPOST_URL is asked, else
    /// watchpost.toml if there is one, else http://127.0.0.1:8780 is asked]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file with the token
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    token_file: Option<PathBuf>,
}

/// Where answers come from.
pub(in crate::cli) enum Source {
    /// From a running watchpost.
    Running(Target),
    /// From what this configuration names.
    Straight(PathBuf),
}

/// A running watchpost.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Target {
    base: Url,
    token: Option<Secret>,
    /// The configuration that told the address.
    config: Option<PathBuf>,
}

impl Running {
    pub(super) fn target(&self) -> Result<Target, ClientError> {
        let target = match Named::find(self.url.as_ref(), self.config.as_deref())? {
            Named::At(target) => target,
            Named::By(config) => Target::of_config(&config)?,
        };
        target.with_token_file(self.token_file.as_deref())
    }
}

impl Source {
    /// The watchpost that runs with a configuration, if one does and can be asked; else the configuration.
    fn of_config(file: &Path) -> Result<Self, ClientError> {
        // What is wrong with it is said by whoever uses it.
        if let Ok(read) = config::load_with(file, Secrets::Unfetched)
            && let Listen::At(address) = read.engine.listen
            && is_held(&read.engine.data_dir)
            // A command may own the folder, too: that one does not listen.
            && TcpStream::connect_timeout(&reachable(address), REACHED_WITHIN).is_ok()
        {
            return Target::of_config(file).map(Self::Running);
        }
        Ok(Self::Straight(file.to_owned()))
    }
}

/// Whether a running watchpost has this data folder.
#[cfg(feature = "sqlite")]
fn is_held(folder: &Path) -> bool {
    matches!(watchpost::journal::DataDir::holder(folder), Ok(Some(_)))
}

/// Without storage nobody has a folder.
#[cfg(not(feature = "sqlite"))]
fn is_held(_: &Path) -> bool {
    false
}

impl Place {
    pub(in crate::cli) fn source(&self) -> Result<Source, ClientError> {
        match Named::find(self.url.as_ref(), self.config.as_deref())? {
            Named::At(target) => target.with_token_file(self.token_file.as_deref()).map(Source::Running),
            Named::By(config) => Source::of_config(&config),
        }
    }
}

/// What is meant by the arguments and, where they do not say, by the surroundings.
enum Named {
    /// An address.
    At(Target),
    /// A configuration.
    By(PathBuf),
}

impl Named {
    fn find(url: Option<&Url>, config: Option<&Path>) -> Result<Self, ClientError> {
        let address = match (url, config) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(config)) => return Ok(Self::By(config.to_owned())),
            (None, None) => url_of_environment()?,
        };
        match address {
            Some(url) => Target::at(url),
            None if Path::new(USUAL_CONFIG).exists() => return Ok(Self::By(USUAL_CONFIG.into())),
            None => Target::usual(),
        }
        .map(Self::At)
    }
}

fn url_of_environment() -> Result<Option<Url>, ClientError> {
    let Some(text) = std::env::var_os(URL_VARIABLE).filter(|text| !text.is_empty()) else { return Ok(None) };
    let text = text.to_string_lossy();
    let wrong = |why| ClientError::Usage(format!("{URL_VARIABLE} is \"{}\", which is no address: {why}", shown(&text)));
    text.parse().map(Some).map_err(wrong)
}

impl Target {
    fn at(base: Url) -> Result<Self, ClientError> {
        let wrong = |why: &str| Err(ClientError::Usage(format!("the address {} {why}", shown(base.as_str()))));
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return wrong("must begin with http:// or https://, like http://127.0.0.1:8780");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(ClientError::Usage(format!(
                "the address must not contain a user name or password: give the token in {TOKEN_VARIABLE}"
            )));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return wrong("must end with its path: write http://127.0.0.1:8780");
        }
        let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::from);
        Ok(Self { base, token, config: None })
    }

    fn usual() -> Result<Self, ClientError> {
        Self::at(USUAL.parse().map_err(|error: url::ParseError| ClientError::Usage(error.to_string()))?)
    }

    fn of_config(config: &Path) -> Result<Self, ClientError> {
        let read = run::load_with(config, Secrets::OfEngine).ok_or(ClientError::Said)?;
        Self::of_engine(&read.engine, config)
    }

    /// The watchpost that runs with these settings.
    pub(in crate::cli) fn of_engine(engine: &EngineSettings, config: &Path) -> Result<Self, ClientError> {
        let Listen::At(address) = engine.listen else {
            let file = config.display();
            return Err(ClientError::Usage(format!(
                "{file} says `listen = \"off\"`, so the watchpost of this configuration cannot be asked\n  hint: \
                 let it listen (127.0.0.1:8780 unless set), or name another watchpost with --url"
            )));
        };
        let base = format!("http://{}", reachable(address));
        let base = base.parse().map_err(|error| ClientError::Usage(format!("{base}: {error}")))?;
        let mut target = Self::at(base)?;
        target.token = engine.token.clone();
        target.config = Some(config.to_owned());
        Ok(target)
    }

    fn with_token_file(mut self, file: Option<&Path>) -> Result<Self, ClientError> {
        if let Some(file) = file {
            self.token = Some(read_token(file).map_err(ClientError::Usage)?);
        }
        Ok(self)
    }

    /// The address of something, segment by segment.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(super) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// As people see it.
    pub(in crate::cli) fn shown(&self) -> String {
        shown(self.base.as_str().trim_end_matches('/'))
    }

    /// It wants a token, or another one.
    pub(super) fn token_error(&self) -> ClientError {
        let wanted = match self.token {
            Some(_) => "does not take this token (401)",
            None => "asks for a token (401)",
        };
        let hint = match &self.config {
            Some(config) => format!(
                "it runs with another `token` in [engine] than {} names now; give the one that it runs with with --token-file",
                config.display()
            ),
            None => format!("it is the `token` of its [engine]: give it in {TOKEN_VARIABLE} or with --token-file"),
        };
        ClientError::Token { at: self.shown(), wanted, hint }
    }
}

/// Where somebody on this machine reaches who listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // What listens at [::] may not listen at 127.0.0.1.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn read_token(file: &Path) -> Result<Secret, String> {
    let name = file.display();
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_TOKEN + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read the token in {name}: {error}"))?;
    let token = text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
    if token.is_empty() {
        return Err(format!("{name} is empty: there is no token in it"));
    }
    if token.len() as u64 > LONGEST_TOKEN || token.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!("what is in {name} is no token: one line is expected"));
    }
    Ok(token.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(base: &str) -> Result<Target, ClientError> {
        Target::at(base.parse().unwrap())
    }

    #[test]
    fn an_address_may_have_a_path_and_ids_are_one_segment_of_it() {
        for (base, expected) in [
            ("http://127.0.0.1:8780", "http://127.0.0.1:8780/api/v1/items/stores%2F42/cameras%2F7?a=b+c%26"),
            ("https://example.com/vms/", "https://example.com/vms/api/v1/items/stores%2F42/cameras%2F7?a=b+c%26"),
        ] {
            let url = target(base).unwrap().url(&["items", "stores/42", "cameras/7"], &[("a", "b c&".to_owned())]);
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn an_address_that_could_not_be_meant_is_refused_with_what_to_write() {
        for (base, words) in [
            ("ftp://x", "http://"),
            ("data:x", "http://"),
            ("http://user:secret@x", "WATCHPOST_TOKEN"),
            ("http://x/?token=1", "must end with its path"),
        ] {
            let error = target(base).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{base}: {error}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_on_this_machine() {
        for (listen, expected) in [
            ("0.0.0.0:8780", "127.0.0.1:8780"),
            ("[::]:1", "[::1]:1"),
            ("192.168.1.4:80", "192.168.1.4:80"),
            ("127.0.0.2:80", "127.0.0.2:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
