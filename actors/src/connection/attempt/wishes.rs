//! What the engine wants of the session besides its settings, and what the session wants to be stored before it goes on.

use super::Attempt;
use crate::connection::report::Report;
use crate::telemetry::OddityMet;
use crate::vendors::{Now, Session, Vendor, WishNews};

impl<V: Vendor> Attempt<'_, V> {
    pub(super) fn wished(&mut self, now: Now, report: &mut Report) {
        self.session.wished(now, self.hearing.wishes(), &mut self.todo);
        self.act_all(now, report);
    }

    /// Passes on what the session tells. A refusal that nobody waits for is for the log.
    pub(super) fn tell(&self, news: WishNews) {
        if let Some(error) = self.hearing.tell(news) {
            let what = format!("a subscription that was added is not in force: {error}");
            OddityMet { connection: &self.setup.name, what: &what }.emit();
        }
    }

    /// A batch is stored, and with it perhaps what the session wants to be.
    pub(super) fn keep(&mut self, report: &mut Report) {
        if self.keeping.stored() {
            self.kept(report);
        }
    }

    pub(super) fn kept(&mut self, report: &mut Report) {
        let now = Now::read();
        self.session.kept(now, &mut self.todo);
        self.act_all(now, report);
    }
}
