//! What every example needs beside the engine: a system to connect to, and an end.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use watchpost::actors::ConnectionConfig;
use watchpost::simulator::{milestone, simplisafe};

/// A configuration for a simulated XProtect system at `{url}`. A literal password would be refused, so it stands in the environment.
const MILESTONE: &str = r#"
    [[connection]]
    name = "hq"
    vendor = "milestone"
    url = "{url}"
    username = "watchpost"
    password = { env = "SECRET" }
    subscribe = [ { modifier = "include", resource_types = ["*"], sources = ["*"], events = ["*"] } ]
"#;

/// The same for a simulated user of SimpliSafe.
const SIMPLISAFE: &str = r#"
    [[connection]]
    name = "home"
    vendor = "simplisafe"
    refresh_token = { env = "SECRET" }
    auth_url = "{url}"
    api_url = "{url}"
    socket_url = "{socket}"
"#;

/// What an example is connected to; a simulated system lives as long as this.
#[allow(dead_code, reason = "not every example breaks something")]
pub(crate) enum Site {
    Real,
    Milestone(milestone::Simulator),
    SimpliSafe(simplisafe::Simulator),
}

/// The connections of `--config FILE`; without one, a connection to a simulated system in this process: XProtect, or that of `--vendor`.
pub(crate) fn connections() -> Result<(Vec<ConnectionConfig>, Site), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["--vendor", "milestone"] => {
            let simulator =
                milestone::Simulator::start(milestone::Options { rate: 20.0, ..milestone::Options::default() })?;
            let connections = read(&MILESTONE.replace("{url}", &simulator.url()), "watchpost")?;
            Ok((connections, Site::Milestone(simulator)))
        }
        ["--vendor", "simplisafe"] => {
            let simulator =
                simplisafe::Simulator::start(simplisafe::Options { rate: 2.0, ..simplisafe::Options::default() })?;
            let text = SIMPLISAFE.replace("{url}", &simulator.url()).replace("{socket}", &simulator.socket_url());
            let connections = read(&text, &simulator.refresh_token())?;
            Ok((connections, Site::SimpliSafe(simulator)))
        }
        ["--config", file] => Ok((watchpost::config::load(Path::new(file))?.connections, Site::Real)),
        _ => Err("give no arguments, or --vendor milestone|simplisafe, or --config FILE".into()),
    }
}

fn read(text: &str, secret: &str) -> Result<Vec<ConnectionConfig>, Box<dyn Error>> {
    let surroundings = watchpost::config::Surroundings::new("", |_| Some(secret.into()));
    Ok(watchpost::config::parse(text, "the simulated system", &surroundings)?.connections)
}

/// Waits for Ctrl-C; where `WATCHPOST_EXAMPLE_FOR` is set (`3s`), no longer than that.
pub(crate) async fn until_the_end() -> Result<(), Box<dyn Error>> {
    let time = std::env::var("WATCHPOST_EXAMPLE_FOR").ok().map(|text| humantime::parse_duration(&text)).transpose()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = tokio::time::sleep(time.unwrap_or(Duration::MAX)) => {}
    }
    Ok(())
}
