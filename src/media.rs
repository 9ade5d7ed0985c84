//! From an event to the link of its picture or recording.

use watchpost_actors::{
    ConnectionConfig,
    journal::{Ask, JournalError, JournalHandle},
    model::{ConnectionName, Sequence},
    settings::mistake::shown,
    vendors::MediaKind,
};

/// Events that are read from the journal at once.
const PAGE: usize = 2_000;

/// The data of an event that the journal still holds.
///
/// # Errors
/// [`JournalError`] when it cannot be read.
pub async fn data(
    journal: &JournalHandle,
    connection: &ConnectionName,
    id: &str,
) -> Result<Option<String>, JournalError> {
    let mut from = Sequence(0);
    while from < journal.next() {
        let page = journal.read(Ask { from, limit: PAGE, of: Some(connection.clone()) }).await?;
        let events = page.commits.iter().flat_map(|commit| commit.iter());
        let data = events.map(|stored| stored.event).find(|event| event.id == id).map(|event| event.data.to_owned());
        if data.is_some() {
            return Ok(data);
        }
        if page.end <= from {
            break;
        }
        from = page.end;
    }
    Ok(None)
}

/// The link in an event's data that leads to what is wanted of it.
///
/// # Errors
/// In words, what the event has instead; `name` is how each kind is asked for.
pub fn link(
    connection: &ConnectionConfig,
    id: &str,
    data: &str,
    wanted: MediaKind,
    name: impl Fn(MediaKind) -> String,
) -> Result<String, String> {
    let links = connection.vendor.media_links(data).unwrap_or_default();
    if let Some((_, link)) = links.iter().find(|(kind, _)| *kind == wanted) {
        return Ok(link.clone());
    }
    let kinds: Vec<_> = links.iter().map(|(kind, _)| name(*kind)).collect();
    let has = match kinds.as_slice() {
        [] => "it has no pictures or recordings".to_owned(),
        kinds => format!("it has {}", kinds.join(", ")),
    };
    Err(format!("event {} has no {wanted}: {has}", shown(id)))
}
