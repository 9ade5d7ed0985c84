//! One login at a broker, and what can be known of the right to publish there: `watchpost check --connect`.

use super::{
    Topics, connect_settings, discovery,
    session::{ConnectError, PublishError, Session},
    tls,
};
use crate::config::MqttSink;

/// Logs in, publishes what changes nothing (an empty retained message where there is none: below our prefix, and below that of Home Assistant if it is
/// told of items), and leaves again. Answers in words what was found.
///
/// A broker that speaks MQTT 5 tells by its acknowledgement whether publishing is allowed.
///
/// # Errors
/// In words, what is wrong.
pub(in crate::sinks) async fn check(sink: &str, settings: &MqttSink) -> Result<String, String> {
    let tls = tls(settings).map_err(|error| error.to_string())?;
    let mut connect = connect_settings(sink, settings, tls);
    // The session of a watchpost that runs is not to be taken over.
    connect.client_id.push_str("-check");
    let address = format!("{}:{}", connect.host, connect.port);
    let session = Session::connect(&connect).await.map_err(|error| match error {
        ConnectError::Refused(why) => format!("the broker at {address}: {why}"),
        ConnectError::Unreachable(why) => format!("the broker at {address} cannot be reached: {why}"),
    })?;
    let topics = Topics::new(&settings.prefix);
    let of_home_assistant =
        discovery(settings, &topics).map(|discovery| (discovery.trial(), &settings.discovery_prefix));
    let mut outcome = Ok(());
    for (topic, prefix) in
        [(format!("{}-check", topics.program()), &settings.prefix)].into_iter().chain(of_home_assistant)
    {
        let published = match session.publish(&topic, Vec::new().into(), true) {
            Ok(ticket) => ticket.acknowledged().await,
            Err(error) => Err(error),
        };
        outcome = published.map_err(|error| match error {
            PublishError::NotAllowed(_) => format!(
                "the broker at {address} admits us, but does not let us publish to {topic}: give this user the right to publish to {prefix}/#"
            ),
            error => format!("the broker at {address} admits us, but does not take a message at {topic}: {error}"),
        });
        if outcome.is_err() {
            break;
        }
    }
    session.leave().await;
    let also = if settings.home_assistant { ", and descriptions for Home Assistant" } else { "" };
    outcome.map(|()| format!("{address} admits us, and takes messages{also}"))
}
