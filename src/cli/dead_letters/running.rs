//! Dead letters of a running watchpost.

use std::io;

use serde::de::DeserializeOwned;
use watchpost::sinks::letters::{LetterReport, Removed, Retried};

use super::{Action, Dropping, Listing, Which, retry::Retrying};
use crate::cli::{
    Exit,
    client::{Client, ClientError, Target, deliveries},
    terminal,
};

/// Asks it, and shows what comes.
pub(super) async fn run(action: &Action, which: &Which, target: Target) -> Exit {
    let done = match action {
        Action::List(_) => list(which, target).await,
        Action::Drop(_) => {
            let mut dropping = Dropping::new(which);
            match each(which, target, "drop", |removed: Removed| dropping.add(&removed)).await {
                Ok(()) => Ok(dropping.end()),
                Err(error) => Err(error),
            }
        }
        Action::Retry(_) => {
            let mut retrying = Retrying::new(which);
            match each(which, target, "retry", |retried: Retried| retrying.add(&retried)).await {
                Ok(()) => Ok(retrying.end()),
                Err(error) => Err(error),
            }
        }
    };
    done.unwrap_or_else(|stopped| match stopped {
        Stopped::Asking(error) => error.tell(),
        Stopped::Writing(error) => terminal::written(Err(error)),
    })
}

/// Why it did not come to its end.
enum Stopped {
    Asking(ClientError),
    Writing(io::Error),
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Self {
        Self::Asking(error)
    }
}

async fn list(which: &Which, target: Target) -> Result<Exit, Stopped> {
    let client = Client::new(target)?;
    let mut listing = Listing::new(which);
    let mut written = Ok(());
    let query = deliveries::letter_query(which.sink.as_deref(), &which.id);
    let told = client.list(&["dead-letters"], &query, |item| {
        let letter: LetterReport = client.read(&item)?;
        written = listing.add(&letter);
        Ok(written.is_ok())
    });
    told.await?;
    written.map_err(Stopped::Writing)?;
    Ok(listing.end())
}

/// Has something done with each, as many as fit into one answer at a time.
async fn each<T: DeserializeOwned>(
    which: &Which,
    target: Target,
    action: &'static str,
    mut show: impl FnMut(T) -> io::Result<()>,
) -> Result<(), Stopped> {
    let client = Client::new(target)?;
    let mut after = None;
    loop {
        let done = deliveries::act_on_letters(&client, action, which.sink.as_deref(), &which.id, after).await?;
        for item in &done.items {
            show(client.read(item).map_err(Stopped::Asking)?).map_err(Stopped::Writing)?;
        }
        match done.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
