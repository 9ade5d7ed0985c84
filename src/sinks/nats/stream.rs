//! The stream that events go to: found or made, and looked at whether it takes what is sent.

use async_nats::jetstream::{
    ErrorCode,
    context::{CreateStreamErrorKind, GetStreamErrorKind, RequestErrorKind},
    stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType},
};

use super::{
    link::Link,
    trouble::{Trouble, chain, no_jetstream, of_stream},
};
use crate::config::NatsSink;

/// What a stream takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// The largest message in bytes, if there is a limit.
    pub(super) most: Option<usize>,
}

/// Makes sure that the stream is there and takes our subjects. Answers what it takes, and where its limits are others than those of the settings.
///
/// # Errors
/// [`Trouble`] where it does not, or cannot be made.
pub(super) async fn ensure(link: &Link, settings: &NatsSink) -> Result<(Room, Vec<String>), Trouble> {
    let config = match link.stream().await? {
        Some(info) => info.config,
        None => make(link, wanted(settings)).await?,
    };
    check(&config, settings)?;
    let told = |found| format!("stream {}: {found}; a stream that is there keeps its own limits", settings.stream);
    Ok((room(&config), differences(&config, settings).into_iter().map(told).collect()))
}

/// The stream, if there is one of this name.
pub(super) async fn find(link: &Link, name: &str) -> Result<Option<Info>, Trouble> {
    let subject = format!("$JS.API.STREAM.INFO.{name}");
    let error = match link.within(&subject, link.jetstream.get_stream(name)).await? {
        Ok(stream) => return Ok(Some(stream.cached_info().clone())),
        Err(error) => error,
    };
    match error.kind() {
        GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
        GetStreamErrorKind::JetStream(answer) => Err(of_stream(&answer, name)),
        _ if is_unanswered(&error) => Err(Trouble::Later(no_jetstream())),
        _ => Err(Trouble::Later(format!("the stream {name} cannot be looked at: {}", chain(&error)))),
    }
}

/// Whether nobody is there who would answer.
fn is_unanswered(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<async_nats::jetstream::context::RequestError>())
        .any(|error| error.kind() == RequestErrorKind::NoResponders)
}

/// Makes a stream.
pub(super) async fn make(link: &Link, wanted: Config) -> Result<Config, Trouble> {
    let (name, subjects) = (&wanted.name.clone(), wanted.subjects.join(", "));
    let subject = format!("$JS.API.STREAM.CREATE.{name}");
    let error = match link.within(&subject, link.jetstream.create_stream(wanted)).await? {
        Ok(stream) => {
            tracing::info!(stream = name, subjects, "The stream was not there and is made.");
            return Ok(stream.cached_info().config.clone());
        }
        Err(error) => error,
    };
    Err(match error.kind() {
        CreateStreamErrorKind::JetStream(answer) => of_stream(&answer, name),
        CreateStreamErrorKind::JetStreamUnavailable => Trouble::Later(no_jetstream()),
        _ => Trouble::Later(format!("the stream {name} cannot be made: {}", chain(&error))),
    })
}

/// All subjects that events get.
pub(super) fn ours(settings: &NatsSink) -> String {
    format!("{}.>", settings.subject)
}

/// The stream that is made.
fn wanted(settings: &NatsSink) -> Config {
    let limits = &settings.limits;
    Config {
        name: settings.stream.clone(),
        description: Some("Events of watchpost".to_owned()),
        subjects: vec![ours(settings)],
        storage: StorageType::File,
        max_age: limits.max_age,
        max_bytes: limits.max_bytes.map_or(-1, |size| i64::try_from(size.as_u64()).unwrap_or(i64::MAX)),
        num_replicas: usize::from(limits.replicas),
        duplicate_window: limits.duplicates,
        ..Config::default()
    }
}

/// Whether events can go to a stream.
///
/// # Errors
/// In words, why not and what to do.
pub(super) fn check(config: &Config, settings: &NatsSink) -> Result<(), Trouble> {
    let (name, ours) = (&config.name, ours(settings));
    let misfit = |why: String| Err(Trouble::Later(why));
    if config.mirror.is_some() {
        return misfit(format!("the stream {name} is a mirror and takes no messages: name another `stream`"));
    }
    if config.sealed {
        return misfit(format!("the stream {name} is sealed and takes no messages: name another `stream`"));
    }
    if config.no_ack {
        return misfit(format!(
            "the stream {name} acknowledges nothing: nats stream edit {name} --ack, or name another `stream`"
        ));
    }
    if config.retention != RetentionPolicy::Limits {
        // Interest keeps nothing that nobody waits for, and a work queue nothing that somebody has had.
        return misfit(format!(
            "the stream {name} does not keep what is published by its limits alone (its retention is another): name another `stream`"
        ));
    }
    if !config.subjects.iter().any(|subject| covers(subject, &ours)) {
        let has = config.subjects.join(", ");
        return misfit(format!(
            "the stream {name} takes {has} and not {ours}: nats stream edit {name} --subjects '{}', or name another `stream` or `subject`",
            config.subjects.iter().map(String::as_str).chain([&*ours]).collect::<Vec<_>>().join(",")
        ));
    }
    Ok(())
}

/// Where the limits of a stream that is there are not those of the settings, in words.
pub(super) fn differences(config: &Config, settings: &NatsSink) -> Vec<String> {
    let (wanted, mut found) = (wanted(settings), Vec::new());
    let time = humantime::format_duration;
    if config.max_age != wanted.max_age {
        found.push(format!("max_age is {}, not {}", age(config.max_age), age(wanted.max_age)));
    }
    if wanted.max_bytes > 0 && config.max_bytes != wanted.max_bytes {
        found.push(format!("max_bytes is {}, not {}", config.max_bytes, wanted.max_bytes));
    }
    if config.num_replicas != wanted.num_replicas {
        found.push(format!("replicas is {}, not {}", config.num_replicas, wanted.num_replicas));
    }
    if config.duplicate_window < wanted.duplicate_window {
        let (has, wanted) = (time(config.duplicate_window), time(wanted.duplicate_window));
        found.push(format!("duplicates is {has}, less than {wanted}"));
    }
    found
}

fn age(age: std::time::Duration) -> String {
    if age.is_zero() { "unlimited".to_owned() } else { humantime::format_duration(age).to_string() }
}

/// What a stream takes.
pub(super) fn room(config: &Config) -> Room {
    let limit = |bytes: i64| usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    let message = limit(i64::from(config.max_message_size));
    // What is larger than all of it never fits; a stream that drops what is old takes even that, and keeps nothing.
    let whole = limit(config.max_bytes).filter(|_| config.discard == DiscardPolicy::New);
    Room { most: message.into_iter().chain(whole).min() }
}

/// Whether every subject that matches `ours` (levels, and `>` at its end) matches `theirs`, in which any level may be `*`, and the last `>`.
pub(super) fn covers(theirs: &str, ours: &str) -> bool {
    let (mut theirs, mut ours) = (theirs.split('.'), ours.split('.'));
    loop {
        match (theirs.next(), ours.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(level)) if level != ">" => {}
            (Some(their), Some(our)) if their == our => {}
            _ => return false,
        }
    }
}
