//! What a running watchpost is asked of its sinks, dead letters and replays.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use watchpost::{
    actors::transport::Method,
    sinks::{
        letters::LetterReport,
        report::{ReplayReport, Report},
    },
};

use super::{
    Client, ClientError, Target,
    http::{Page, Query},
};

/// Every sink.
pub(in crate::cli) async fn sinks(target: Target) -> Result<Vec<Report>, ClientError> {
    let client = Client::new(target)?;
    reports(&client).await
}

async fn reports(client: &Client) -> Result<Vec<Report>, ClientError> {
    let mut reports = Vec::new();
    let told = client.list(&["sinks"], &[], |item| {
        reports.push(client.read(&item)?);
        Ok(true)
    });
    told.await?;
    Ok(reports)
}

/// Which dead letters are wanted.
pub(in crate::cli) fn letter_query(sink: Option<&str>, ids: &[i64]) -> Query {
    let mut query: Query = sink.map(|sink| ("sink", sink.to_owned())).into_iter().collect();
    query.extend(ids.iter().map(|id| ("id", id.to_string())));
    query
}

/// Has dead letters delivered once more (`retry`), or removed (`drop`): the first of those behind `after`.
pub(in crate::cli) async fn act_on_letters(
    client: &Client,
    action: &'static str,
    sink: Option<&str>,
    ids: &[i64],
    after: Option<String>,
) -> Result<Page, ClientError> {
    let mut body = serde_json::Map::new();
    if let Some(sink) = sink {
        body.insert("sink".to_owned(), sink.into());
    }
    if ids.is_empty() {
        body.insert("all".to_owned(), true.into());
    } else {
        body.insert("ids".to_owned(), ids.into());
    }
    if let Some(after) = after {
        body.insert("after".to_owned(), after.into());
    }
    // One that has just begun when its time is over takes half a minute more.
    client.act(Method::Post, &["dead-letters", action], &Value::Object(body), Duration::from_secs(60)).await
}

/// Has a stretch of the journal delivered again to a sink; answers with the replays that were begun for it, which may be none.
pub(in crate::cli) async fn replay(
    client: &Client,
    sink: &str,
    since: &str,
    until: Option<&str>,
) -> Result<Vec<ReplayReport>, ClientError> {
    let body = json!({"since": since, "until": until});
    let page: Page = client.act(Method::Post, &["sinks", sink, "replays"], &body, Duration::ZERO).await?;
    page.items.iter().map(|item| client.read(item)).collect()
}

/// How many events of these replays the receiver has refused since they were asked for: dead letters now.
pub(in crate::cli) async fn refused(
    client: &Client,
    sink: &str,
    replays: &[ReplayReport],
) -> Result<usize, ClientError> {
    let number = |text: &str| text.parse::<u64>().ok();
    let stretches: Vec<_> = replays.iter().map(|it| (number(&it.from)..number(&it.until), it.created)).collect();
    // An event that was refused as it came, too, in the same while, is one event.
    let mut events = HashSet::new();
    let query = letter_query(Some(sink), &[]);
    let told = client.list(&["dead-letters"], &query, |item| {
        let letter: LetterReport = client.read(&item)?;
        let sequence = number(&letter.sequence);
        if stretches.iter().any(|(of, since)| of.contains(&sequence) && letter.first >= *since) {
            events.insert(sequence);
        }
        Ok(true)
    });
    told.await?;
    Ok(events.len())
}

/// How far those of a sink's replays have come that have not ended.
pub(in crate::cli) async fn replays(
    client: &Client,
    sink: &str,
    ids: &HashSet<i64>,
) -> Result<Vec<ReplayReport>, ClientError> {
    let report = reports(client).await?.into_iter().find(|report| report.name == sink);
    let replays = report.map(|report| report.replays).unwrap_or_default();
    Ok(replays.into_iter().filter(|replay| ids.contains(&replay.id)).collect())
}
