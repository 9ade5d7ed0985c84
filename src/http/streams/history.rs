//! What a stream reads of the journal: from memory where it is there, else in turns with all others who read.

use actix_web::{rt, web};
use tokio::{select, sync::oneshot};
use watchpost_actors::{
    journal::{Ask, JournalError, LaneInfo, Page},
    model::Sequence,
};

use crate::http::site::Site;

/// Events that are read at a time.
const PAGE: usize = 256;

/// A page of the journal.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) page: Page,
    /// It was not in memory any more: few others will ever read it.
    pub(super) old: bool,
    /// Whose events were dropped, where the page does not begin with what was asked for.
    pub(super) lanes: Vec<LaneInfo>,
}

/// A client's way to the journal.
pub(super) struct History {
    site: web::Data<Site>,
    /// A page that was asked for and has not come yet.
    asked: Option<oneshot::Receiver<Past>>,
}

impl History {
    pub(super) fn new(site: web::Data<Site>) -> Self {
        Self { site, asked: None }
    }

    /// The page from an event on; `None` where it cannot be read. It may be given up and asked for again: it keeps its turn.
    pub(super) async fn page(&mut self, from: Sequence) -> Option<Past> {
        if self.asked.is_none() {
            let ask = Ask { from, limit: PAGE, of: None };
            let recent = self.site.engine.journal().recent(&ask);
            if let Some(page) = recent.filter(|page| page.oldest <= from) {
                return Some(Past { page, old: false, lanes: Vec::new() });
            }
            self.asked = Some(in_turn(self.site.clone(), ask));
        }
        let past = self.asked.as_mut()?.await;
        self.asked = None;
        past.ok()
    }
}

/// Reads beside the client. One that takes nothing is not asked what it waits for, and could not give back a turn that it has got.
fn in_turn(site: web::Data<Site>, ask: Ask) -> oneshot::Receiver<Past> {
    let (mut answer, answered) = oneshot::channel();
    rt::spawn(async move {
        let turn = select! {
            turn = site.turns.to_stream() => turn,
            () = answer.closed() => None,
        };
        let Some(_turn) = turn else { return };
        // If it cannot be read now, the client comes again in a moment with the id that it has.
        if let Ok(past) = read(&site, ask).await {
            // It may have gone meanwhile.
            let _ = answer.send(past);
        }
    });
    answered
}

async fn read(site: &Site, ask: Ask) -> Result<Past, JournalError> {
    let (journal, from) = (site.engine.journal(), ask.from);
    let page = journal.read(ask).await?;
    let lanes = if page.oldest > from { journal.lanes().await? } else { Vec::new() };
    Ok(Past { page, old: true, lanes })
}
