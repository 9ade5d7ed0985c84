//! `watchpost login`: the steps of a login that need a person, once.

use std::{
    fmt::Display,
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};
use watchpost::{
    actors::{
        ConnectionConfig,
        settings::{closest, mistake::shown},
        vendors::een::{
            EenConfig,
            login::{CodeBy, device_note},
        },
    },
    config::Config,
};

use super::{
    Exit,
    een::known::{self, Person, Wishes},
    run, storage, terminal,
    vendors::een_of,
};

/// The longest line that is read as an answer, in bytes.
const MOST_TYPED: u64 = 1024;

/// Take the one-time steps of a login that need a person
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost login een
  watchpost login een stores --config /etc/watchpost/site.toml")]
pub(super) struct LoginArgs {
    #[command(subcommand)]
    vendor: Vendor,
}

#[derive(Subcommand)]
enum Vendor {
    Een(EenArgs),
}

/// Make this machine a known one to a user's two-factor authentication at Eagle Eye
///
/// Logs in as the connection would, has a code sent, asks for it, and keeps what Eagle Eye gives for it in the data folder. From then on `run` and
/// `check` log in without a code. A watchpost that runs must be stopped first.
///
/// Eagle Eye locks a user after more than three wrong codes, and only its support can unlock it. So no more than three are tried, in this and in
/// later runs together, until one is right.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost login een
  watchpost login een stores --by email
  watchpost login een --config /etc/watchpost/site.toml")]
struct EenArgs {
    /// The connection, where the configuration has several users at Eagle Eye
    connection: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
    /// How the code is to be sent; unless given, and where there are two ways, you are asked
    #[arg(long, value_enum, value_name = "WAY")]
    by: Option<By>,
    /// Try one more code although three were wrong; first make sure on Eagle Eye's web page that the user is not locked
    #[arg(long)]
    insist: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// A text message
    Sms,
    /// A mail
    Email,
}

impl From<By> for CodeBy {
    fn from(by: By) -> Self {
        match by {
            By::Sms => Self::Sms,
            By::Email => Self::Email,
        }
    }
}

pub(super) async fn run(args: LoginArgs) -> Exit {
    match args.vendor {
        Vendor::Een(args) => een(args).await,
    }
}

async fn een(args: EenArgs) -> Exit {
    let Some(config) = run::load(&args.config) else { return Exit::Usage };
    let (connection, settings) = match pick(&config, args.connection.as_deref()) {
        Ok(picked) => picked,
        Err(why) => {
            terminal::complain(format_args!("error: {why}"));
            return Exit::Usage;
        }
    };
    // Before a code is sent that could not be made use of.
    let (mut journal, ..) = match storage::open(&config.engine) {
        Ok(storage) => storage.into_parts(),
        Err(why) => return failed(why),
    };
    let wishes = Wishes { by: args.by.map(CodeBy::from), insist: args.insist };
    let made = known::make_known(connection, settings, wishes, journal.as_mut(), &mut Terminal).await;
    let closed = journal.close();
    if let Err(failure) = made {
        return failed(failure);
    }
    match closed {
        Ok(()) => Exit::Done,
        Err(error) => failed(error),
    }
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}

/// The connection whose user takes the step.
///
/// # Errors
/// In words, why there is none, or not one.
fn pick<'a>(config: &'a Config, name: Option<&str>) -> Result<(&'a ConnectionConfig, &'a EenConfig), String> {
    let of_een = || config.connections.iter().filter_map(|connection| Some((connection, een_of(connection)?)));
    let names = || of_een().map(|(connection, _)| connection.name.as_str());
    let Some(name) = name else {
        let Some((first, settings)) = of_een().next() else {
            return Err("the configuration has no connection of vendor \"een\"".to_owned());
        };
        // One user may have several connections; what is kept is for all of them.
        return if of_een().all(|(_, other)| device_note(other) == device_note(settings)) {
            Ok((first, settings))
        } else {
            let names = names().collect::<Vec<_>>().join(", ");
            Err(format!("the configuration has several users at Eagle Eye: name one of the connections {names}"))
        };
    };
    match config.connections.iter().find(|connection| connection.name.as_str() == name) {
        Some(connection) => een_of(connection)
            .map(|settings| (connection, settings))
            .ok_or_else(|| format!("connection \"{name}\" is of vendor \"{}\", not \"een\"", connection.vendor.name())),
        None => {
            let hint =
                closest(name, names()).map_or(String::new(), |near| format!("\n  hint: did you mean \"{near}\"?"));
            Err(format!("there is no connection \"{}\"{hint}", shown(name)))
        }
    }
}

/// The person at standard input and output.
struct Terminal;

impl Person for Terminal {
    fn tell(&mut self, text: impl Display) -> io::Result<()> {
        terminal::print(format!("{text}\n").as_bytes())
    }

    async fn ask(&mut self, question: impl Display) -> io::Result<Option<String>> {
        terminal::print(question.to_string().as_bytes())?;
        let read = actix_rt::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().take(MOST_TYPED).read_line(&mut line).map(|read| (read > 0).then_some(line))
        });
        let line = read.await.map_err(io::Error::other)?;
        if !io::stdin().is_terminal() {
            // Nobody has ended the line of the question.
            terminal::print(b"\n")?;
        }
        line
    }
}
