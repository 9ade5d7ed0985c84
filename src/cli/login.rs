//! `watchpost login`: the steps of a login that need a person, once.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use url::Url;
use watchpost::{
    actors::{
        ConnectionConfig,
        settings::{Secret, TlsSettings, closest, mistake::shown},
        transport::request::DEFAULT_CALL_TIMEOUT,
        vendors::{
            VendorSettings,
            een::{
                EenConfig,
                login::{CodeBy, device_note},
            },
            simplisafe::{SimpliSafeConfig, login::token_note},
        },
    },
    config::{Config, Secrets},
};

use super::{
    Exit,
    een::known::{self, Wishes},
    person::{Person as _, Terminal},
    run,
    simplisafe::browser::{self, Wanted},
    storage, terminal,
    vendors::{een_of, simplisafe_of},
};

/// Take the one-time steps of a login that need a person
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost login een
  watchpost login een stores --config /etc/watchpost/site.toml
  watchpost login simplisafe -o simplisafe.token")]
pub(super) struct LoginArgs {
    #[command(subcommand)]
    vendor: Vendor,
}

#[derive(Subcommand)]
enum Vendor {
    Een(EenArgs),
    Simplisafe(SimplisafeArgs),
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

/// Get the refresh token that a connection to SimpliSafe begins with
///
/// Prints the address of SimpliSafe's login page, waits for the address at which the login ends in your browser, or the code in it, and writes the
/// token to the file that the configuration names for it, which is its owner's alone. Nothing else is needed: a token that SimpliSafe gives in its
/// place later is kept in the data folder. With --output no configuration is read.
///
/// A token is for one user. After a change of the password it has to be done again.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost login simplisafe
  watchpost login simplisafe home --config /etc/watchpost/site.toml
  watchpost login simplisafe -o simplisafe.token")]
struct SimplisafeArgs {
    /// The connection, where the configuration has several users at SimpliSafe
    #[arg(conflicts_with = "output")]
    connection: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml", conflicts_with = "output")]
    config: PathBuf,
    /// Write the token to this file, whatever a configuration says
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Log in there instead: at a simulator, say
    #[arg(long, value_name = "URL", value_parser = login_host)]
    auth_url: Option<Url>,
}

fn login_host(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let is_server = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if is_server { Ok(url) } else { Err("write the address of a server, like https://auth.simplisafe.com".to_owned()) }
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
        Vendor::Simplisafe(args) => simplisafe(args).await,
    }
}

async fn een(args: EenArgs) -> Exit {
    let Some(config) = run::load(&args.config) else { return Exit::Usage };
    let same = |one: &EenConfig, other: &EenConfig| device_note(one) == device_note(other);
    let (connection, settings) = match pick(&config, args.connection.as_deref(), "een", een_of, same) {
        Ok(picked) => picked,
        Err(why) => return wrong(why),
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

async fn simplisafe(args: SimplisafeArgs) -> Exit {
    if let Some(file) = &args.output {
        let usual = SimpliSafeConfig::new(Secret::from("")).auth_url;
        let wanted = Wanted {
            file,
            auth_url: args.auth_url.as_ref().unwrap_or(&usual),
            tls: &TlsSettings::default(),
            timeout: DEFAULT_CALL_TIMEOUT,
        };
        if let Err(failure) = browser::log_in(&wanted, &mut Terminal).await {
            return failed(failure);
        }
        let said = format!(
            "The token is in {}. A configuration for it:\n\n{}\nThen: watchpost check --connect",
            file.display(),
            browser::lines(file, args.auth_url.as_ref())
        );
        return terminal::written(Terminal.tell(said));
    }
    // The file need not be there yet.
    let Some(config) = run::load_with(&args.config, Secrets::Unfetched) else {
        terminal::complain("  hint: with -o simplisafe.token no configuration is needed");
        return Exit::Usage;
    };
    let same = |one: &SimpliSafeConfig, other: &SimpliSafeConfig| {
        (&one.token_file, &one.auth_url) == (&other.token_file, &other.auth_url)
    };
    let (connection, settings) = match pick(&config, args.connection.as_deref(), "simplisafe", simplisafe_of, same) {
        Ok(picked) => picked,
        Err(why) => return wrong(why),
    };
    let Some(file) = &settings.token_file else {
        return wrong(format!(
            "connection \"{}\" takes its refresh token from an environment variable: write refresh_token = {{ file = \
             \"simplisafe.token\" }} there, or get a token with -o FILE and put it into the variable",
            connection.name
        ));
    };
    let before = std::fs::read_to_string(file).ok();
    let common = &connection.common;
    let wanted = Wanted {
        file,
        auth_url: args.auth_url.as_ref().unwrap_or(&settings.auth_url),
        tls: &common.tls,
        timeout: common.request_timeout,
    };
    if let Err(failure) = browser::log_in(&wanted, &mut Terminal).await {
        return failed(failure);
    }
    let told = before.map_or(Forgotten::Nothing, |before| forget(&config, settings, before.trim()));
    let next = match told {
        Forgotten::Nothing => "Next: watchpost check --connect",
        Forgotten::InUse => "A watchpost that runs goes on with the old one: start it again.",
    };
    terminal::written(Terminal.tell(format_args!("The token is in {}. {next}", file.display())))
}

/// What has become of the tokens that came after the one before.
enum Forgotten {
    /// None is kept any more.
    Nothing,
    /// The data folder is in use.
    InUse,
}

/// What came after a token that has been replaced is of no use any more, and a secret.
fn forget(config: &Config, settings: &SimpliSafeConfig, before: &str) -> Forgotten {
    if !Path::new(&config.engine.data_dir).is_dir() {
        return Forgotten::Nothing;
    }
    let Ok(storage) = storage::open(&config.engine) else { return Forgotten::InUse };
    let (mut journal, ..) = storage.into_parts();
    let mut settings = settings.clone();
    settings.refresh_token = before.into();
    let notes = [token_note(&settings), VendorSettings::SimpliSafe(Box::new(settings)).refusal_note()];
    for note in notes {
        // A note that stays harms nobody: it belongs to the old token.
        let _ = journal.set_note(&note, None);
    }
    // Nothing was appended.
    let _ = journal.close();
    Forgotten::Nothing
}

fn wrong(why: impl Display) -> Exit {
    terminal::complain(format_args!("error: {why}"));
    Exit::Usage
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}

/// The connection whose user takes the step, among those of one vendor: the only one, the named one, or the first of several that are as good as one.
///
/// # Errors
/// In words, why there is none, or not one.
fn pick<'a, C>(
    config: &'a Config,
    name: Option<&str>,
    vendor: &str,
    of: impl Fn(&'a ConnectionConfig) -> Option<&'a C>,
    same: impl Fn(&C, &C) -> bool,
) -> Result<(&'a ConnectionConfig, &'a C), String> {
    let all = || config.connections.iter().filter_map(|connection| Some((connection, of(connection)?)));
    let names = || all().map(|(connection, _)| connection.name.as_str());
    let Some(name) = name else {
        let Some((first, settings)) = all().next() else {
            return Err(format!("the configuration has no connection of vendor \"{vendor}\""));
        };
        // One user may have several connections; what is kept is for all of them.
        return if all().all(|(_, other)| same(other, settings)) {
            Ok((first, settings))
        } else {
            let names = names().collect::<Vec<_>>().join(", ");
            Err(format!(
                "the configuration has several users of vendor \"{vendor}\": name one of the connections {names}"
            ))
        };
    };
    match config.connections.iter().find(|connection| connection.name.as_str() == name) {
        Some(connection) => of(connection).map(|settings| (connection, settings)).ok_or_else(|| {
            format!("connection \"{name}\" is of vendor \"{}\", not \"{vendor}\"", connection.vendor.name())
        }),
        None => {
            let hint =
                closest(name, names()).map_or(String::new(), |near| format!("\n  hint: did you mean \"{near}\"?"));
            Err(format!("there is no connection \"{}\"{hint}", shown(name)))
        }
    }
}
