//! A look at a server before anything is sent there.

use super::{
    board::stream_of,
    link::Link,
    session::Session,
    stream::{self, check, differences, ours},
    trouble::Trouble,
};
use crate::{config::NatsSink, sinks::trial::Trial};

/// Connects, and looks whether the stream and the bucket are there and fit. Nothing is made.
pub(in crate::sinks) async fn look(sink: &str, settings: &NatsSink) -> Trial {
    let mut trial = Trial::default();
    let session = match Session::new(sink, settings) {
        Ok(session) => session,
        Err(error) => {
            trial.fail(error.to_string());
            return trial;
        }
    };
    match session.connect().await {
        Ok(link) => {
            let server = link.server();
            let name = if server.server_name.is_empty() { &server.server_id } else { &server.server_name };
            trial.tell("server", format!("{name}, nats-server {}", server.version));
            if let Err(trouble) = look_at_stream(&link, settings, &mut trial).await {
                trial.fail(trouble.why());
            } else if let Err(trouble) = look_at_bucket(&link, &settings.bucket, &mut trial).await {
                trial.fail(trouble.why());
            }
        }
        Err(trouble) => trial.fail(trouble.why()),
    }
    trial
}

async fn look_at_stream(link: &Link, settings: &NatsSink, trial: &mut Trial) -> Result<(), Trouble> {
    let (name, ours) = (&settings.stream, ours(settings));
    let Some(info) = stream::find(link, name).await? else {
        trial.tell("stream", format!("{name} is not there; it is made at the start, with the subjects {ours}"));
        return Ok(());
    };
    check(&info.config, settings)?;
    let messages = info.state.messages;
    trial.tell(
        "stream",
        format!("{name} takes {ours}, and has {messages} message{}", if messages == 1 { "" } else { "s" }),
    );
    for difference in differences(&info.config, settings) {
        trial.tell("limits", format!("{difference}; a stream that is there keeps its own"));
    }
    Ok(())
}

async fn look_at_bucket(link: &Link, name: &str, trial: &mut Trial) -> Result<(), Trouble> {
    let stream = stream_of(name);
    trial.tell(
        "bucket",
        match stream::find(link, &stream).await? {
            None => format!("{name} is not there; it is made at the start"),
            Some(info) if info.config.max_messages_per_subject < 1 => {
                return Err(Trouble::Later(format!(
                    "the stream {stream} is no key-value bucket: name another `bucket`"
                )));
            }
            Some(_) => format!("{name} is there"),
        },
    );
    Ok(())
}
