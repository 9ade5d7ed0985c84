//! What a running watchpost is asked to fetch.

use std::{path::Path, time::Duration};

use serde::Serialize;
use watchpost::actors::{
    media::Progress,
    messages::FetchedMedia,
    transport::download::{DownloadError, Limits, Part},
};

use super::{Client, ClientError, Target};

/// A picture or recording, as it is asked for.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Wanted<'a> {
    /// With whose login, where that is not clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) connection: Option<&'a str>,
    /// The link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) url: Option<&'a String>,
    /// Or an event that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) event: Option<&'a String>,
    /// What of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) kind: Option<&'static str>,
    /// How wide a picture is to be, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) width: Option<u32>,
    /// For how long to ask again.
    pub(in crate::cli) patience: String,
    /// The most that is taken.
    pub(in crate::cli) max_bytes: u64,
}

/// Has it fetched, and writes it to a file, which appears when all of it has come.
pub(in crate::cli) async fn fetch(
    target: Target,
    wanted: &Wanted<'_>,
    patience: Duration,
    file: &Path,
    progress: Progress<'_>,
) -> Result<FetchedMedia, ClientError> {
    let client = Client::new(target)?;
    let unwritten = |error: &dyn std::fmt::Display| ClientError::Lost(error.to_string());
    // Before anything is asked that could not be made use of.
    let mut part = Part::beside(file).await.map_err(|error| unwritten(&error))?;
    // The running one has all of it before it answers.
    let limits = Limits { max_bytes: wanted.max_bytes, ..Limits::default() };
    let opened = client.fetch(&["media"], wanted, patience.saturating_add(limits.whole)).await?;
    let content_type = opened.head().header("content-type").map(str::to_owned);
    let saved = opened.save(&mut part, &limits, progress).await;
    let bytes = saved.map_err(|error| match error {
        DownloadError::Call(error) => ClientError::of_call(client.target(), error),
        error => unwritten(&error),
    })?;
    part.keep().await.map_err(|error| unwritten(&error))?;
    Ok(FetchedMedia { bytes, content_type })
}
