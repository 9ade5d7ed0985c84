//! Fetches a secret from where the configuration says it is: `{ env = "X" }` or `{ file = "…" }`.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
};

use watchpost_actors::settings::{At, Fields, Mistake, Secret};

use super::reader::Reader;

/// More than this is no password, token or key.
const LONGEST: u64 = 64 << 10;

/// Fetches the secret that the table describes.
pub(super) fn fetch(reader: &mut Reader<'_, '_>) -> Option<Secret> {
    match (reader.contains("env"), reader.contains("file")) {
        (true, false) => from_variable(reader),
        (false, true) => from_file(reader),
        (both, _) => {
            let what = if both { "both env and file are given" } else { "it is not said where the secret is" };
            let mistake = Mistake::new(what).hint("write { env = \"NAME\" } or { file = \"…\" }");
            (reader as &mut dyn Fields).error(At::Table, mistake);
            None
        }
    }
}

/// Stands for a secret that nobody needs now. None that is fetched is empty.
fn unfetched() -> Secret {
    String::new().into()
}

fn from_variable(reader: &mut Reader<'_, '_>) -> Option<Secret> {
    let name = (reader as &mut dyn Fields).string("env")?;
    let mistake = if !is_variable_name(&name) {
        // Someone may have put the secret itself here.
        Mistake::new("this is no name of an environment variable")
            .hint("write the name alone, of letters, digits and `_`, like env = \"HQ_PASSWORD\"")
            .concealed()
    } else if !reader.fetches_secrets() {
        return Some(unfetched());
    } else {
        match reader.variable(&name).map(|value| value.into_string()) {
            Some(Ok(value)) if !value.is_empty() => return Some(value.into()),
            Some(Ok(_)) => Mistake::new(format!("the environment variable {name} is empty")),
            Some(Err(_)) => Mistake::new(format!("the environment variable {name} is not UTF-8 text")),
            None => Mistake::new(format!("the environment variable {name} is not set"))
                .hint("set it for the user or service that runs watchpost"),
        }
    };
    (reader as &mut dyn Fields).error("env", mistake);
    None
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn from_file(reader: &mut Reader<'_, '_>) -> Option<Secret> {
    let path = reader.path("file")?;
    if !reader.fetches_secrets() {
        return Some(unfetched());
    }
    let fields = reader as &mut dyn Fields;
    match read(&path) {
        Ok((secret, metadata)) => {
            if is_open_to_all(&metadata) {
                warn_of_all(fields, "file", &path);
            }
            Some(secret)
        }
        Err(mistake) => {
            fields.error("file", mistake);
            None
        }
    }
}

/// Warns of a file that is nobody else's business, if it can be read by everybody.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) fn warn_if_open(fields: &mut dyn Fields, key: &'static str, path: &Path) {
    if path.metadata().is_ok_and(|metadata| is_open_to_all(&metadata)) {
        warn_of_all(fields, key, path);
    }
}

fn warn_of_all(fields: &mut dyn Fields, key: &'static str, path: &Path) {
    let mistake = Mistake::new(format!("{} can be read by every user of this machine", path.display()));
    fields.warn(key, mistake.hint(format!("chmod 600 {}", path.display())));
}

fn read(path: &Path) -> Result<(Secret, Metadata), Mistake> {
    let unreadable = |error: io::Error| Mistake::new(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Mistake::new(format!("{} is larger than 64 KiB: is it the right file?", path.display())));
    }
    let text = String::from_utf8(bytes).map_err(|_| Mistake::new(format!("{} is not UTF-8 text", path.display())))?;
    // Editors end a file with a line break; a blank before it may belong to the secret.
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
    if secret.is_empty() {
        return Err(Mistake::new(format!("{} is empty", path.display())));
    }
    Ok((secret.into(), metadata))
}

#[cfg(unix)]
fn is_open_to_all(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.is_file() && metadata.permissions().mode() & 0o004 != 0
}

/// Elsewhere rights are no part of the mode, and are left to the administrator.
#[cfg(not(unix))]
fn is_open_to_all(_: &Metadata) -> bool {
    false
}
