//! What a running watchpost is asked of Milestone's systems.

use serde_json::json;
use watchpost::actors::{
    messages::{ListSystemEventTypes, SystemEventType, TriggerEvent, Triggered},
    transport::Method,
    vendors::milestone::Milestone,
};

use super::{Client, ClientError, Remote, remote::PATIENCE};

impl Remote<Milestone> for ListSystemEventTypes {
    type Output = Vec<SystemEventType>;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let mut types = Vec::new();
        let path = ["milestone", self.connection.as_str(), "types"];
        let told = client.slow_list(&path, PATIENCE, |item| {
            types.push(client.read(&item)?);
            Ok(true)
        });
        told.await?;
        Ok(types)
    }
}

impl Remote<Milestone> for TriggerEvent {
    type Output = Triggered;
    const MAKES: bool = true;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let body = self.item.as_ref().map_or_else(|| json!({}), |source| json!({ "source": source }));
        let path = ["milestone", self.connection.as_str(), "trigger", &self.name];
        client.act(Method::Post, &path, &body, PATIENCE).await
    }
}
