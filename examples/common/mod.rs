//! What every example needs beside the engine: a system to connect to, and an end.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use watchpost::actors::ConnectionConfig;
use watchpost::simulator::milestone::{Options, Simulator};

/// A configuration for a simulated system at `{url}`. A literal password would be refused, so it stands in the environment.
const SIMULATED: &str = r#"
    [[connection]]
    name = "hq"
    vendor = "milestone"
    url = "{url}"
    username = "watchpost"
    password = { env = "PASSWORD" }
    subscribe = [ { modifier = "include", resource_types = ["*"], sources = ["*"], events = ["*"] } ]
"#;

/// The connections of `--config FILE`; without one, a connection to a simulated XProtect system in this process, which lives as long as its handle.
pub(crate) fn connections() -> Result<(Vec<ConnectionConfig>, Option<Simulator>), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let simulator = Simulator::start(Options { rate: 20.0, ..Options::default() })?;
            let surroundings = watchpost::config::Surroundings::new("", |_| Some("watchpost".into()));
            let text = SIMULATED.replace("{url}", &simulator.url());
            let config = watchpost::config::parse(&text, "the simulated system", &surroundings)?;
            Ok((config.connections, Some(simulator)))
        }
        ["--config", file] => Ok((watchpost::config::load(Path::new(file))?.connections, None)),
        _ => Err("give no arguments, or --config FILE".into()),
    }
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
