//! What a running watchpost is asked of VXG's cameras.

use serde_json::{Map, Value, json};
use watchpost::actors::{
    messages::{
        AddEventType, AddedEventType, CreateEvent, EventType, ListEventTypes, SetEventType, TriggerEvent, Triggered,
        VendorEvent,
    },
    transport::Method,
    vendors::vxg::Vxg,
};

use super::{Client, ClientError, Remote, remote::PATIENCE};

/// The members of a body that are there.
fn body<const N: usize>(members: [(&str, Value); N]) -> Value {
    let there = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(there.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn meta(tags: &[(String, String)]) -> Value {
    Value::Object(tags.iter().map(|(name, data)| (name.clone(), data.clone().into())).collect::<Map<_, _>>())
}

impl Remote<Vxg> for ListEventTypes {
    type Output = Vec<EventType>;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let mut types = Vec::new();
        let path = ["vxg", self.connection.as_str(), "cameras", &self.item, "types"];
        let told = client.list(&path, &[], |item| {
            types.push(client.read(&item)?);
            Ok(true)
        });
        told.await?;
        Ok(types)
    }
}

impl Remote<Vxg> for AddEventType {
    type Output = AddedEventType;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let body = body([("name", json!(self.name)), ("notify", json!(self.notify))]);
        let path = ["vxg", self.connection.as_str(), "cameras", &self.item, "types"];
        client.act(Method::Post, &path, &body, PATIENCE).await
    }
}

impl Remote<Vxg> for SetEventType {
    type Output = EventType;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let period = self.period.map(|period| humantime::format_duration(period).to_string());
        let body = body([
            ("notify", json!(self.notify)),
            ("record", json!(self.record)),
            ("snapshot", json!(self.snapshot)),
            ("period", json!(period)),
        ]);
        let path = ["vxg", self.connection.as_str(), "cameras", &self.item, "types", &self.name];
        client.act(Method::Put, &path, &body, PATIENCE).await
    }
}

impl Remote<Vxg> for CreateEvent {
    type Output = VendorEvent;
    const MAKES: bool = true;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let time = self.time.map(|time| time.to_string());
        let body = body([("name", json!(self.name)), ("time", json!(time)), ("meta", meta(&self.meta))]);
        let path = ["vxg", self.connection.as_str(), "cameras", &self.item, "events"];
        client.act(Method::Post, &path, &body, PATIENCE).await
    }
}

impl Remote<Vxg> for TriggerEvent {
    type Output = Triggered;
    const MAKES: bool = true;

    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError> {
        let wait = self.wait.map(|wait| humantime::format_duration(wait).to_string());
        let body = body([("meta", meta(&self.meta)), ("wait", json!(wait))]);
        let path = [
            "vxg",
            self.connection.as_str(),
            "cameras",
            self.item.as_deref().unwrap_or_default(),
            "trigger",
            &self.name,
        ];
        client.act(Method::Post, &path, &body, PATIENCE.saturating_add(self.wait.unwrap_or_default())).await
    }
}
