//! One login at a broker, and what can be known of the right to publish there: `watchpost check --connect`.

use super::{
    Topics, connect_settings,
    session::{ConnectError, PublishError, Session},
    tls,
};
use crate::config::MqttSink;

/// Logs in, publishes what changes nothing (an empty retained message where there is none), and leaves again. Answers in words what was found.
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
    let topic = format!("{}-check", Topics::new(&settings.prefix).program());
    let published = match session.publish(&topic, Vec::new().into(), true) {
        Ok(ticket) => ticket.acknowledged().await,
        Err(error) => Err(error),
    };
    session.leave().await;
    match published {
        Ok(()) => Ok(format!("{address} admits us, and takes messages")),
        Err(PublishError::NotAllowed(_)) => Err(format!(
            "the broker at {address} admits us, but does not let us publish to {topic}: give this user the right to publish to {}/#",
            settings.prefix
        )),
        Err(error) => Err(format!("the broker at {address} admits us, but does not take a message: {error}")),
    }
}
