//! The status word of a device: which of its forms counts, and what of it is an event.

use std::fmt::Write as _;

use super::answers::{Received, Teller, Took};
use super::device::Device;
use crate::model::event::Origin;
use crate::model::ids::EventId;
use crate::vendors::een::codes::States;
use crate::vendors::een::status::{Form, Reading, StatusWord, Told};
use crate::vendors::een::wire::Answer;
use crate::vendors::{Entries, Kind, Noted, Occurrence};

/// A status word, and how it was sent.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) form: Form,
    pub(super) json: &'a str,
    pub(super) word: StatusWord,
}

impl Teller {
    /// The word to go by: the extended one, once the device has sent one. The slower legacy one would take its changes back.
    pub(super) fn word<'a>(&self, device: &mut Device, answers: &[Answer<'a>]) -> Option<Word<'a>> {
        let is_better = |form: Form, than: Form| form.is_extended() && !than.is_extended();
        let mut best: Option<Word<'a>> = None;
        for answer in answers {
            let Answer::Status { form, json } = *answer else { continue };
            // What is no word changes nothing, as one that is not valid.
            let Ok(word) = StatusWord::read(form, json) else { continue };
            let fits = device.form.is_none_or(|kept| kept == form || is_better(form, kept));
            if fits && best.is_none_or(|best| is_better(form, best.form)) {
                best = Some(Word { form, json, word });
            }
        }
        let best = best.filter(|_| self.states == States::Words)?;
        device.form = Some(best.form);
        Some(best)
    }

    /// `{"<esn>":{"<resource>":<word>}}`, as it came, without what else was in the frame.
    fn write_data(&mut self, esn: &str, word: Option<Word<'_>>) {
        self.data.clear();
        // Texts into memory cannot fail to be written.
        let _ = match word {
            Some(Word { form, json, .. }) => write!(self.data, "{{\"{esn}\":{{\"{form}\":{json}}}}}"),
            None => write!(self.data, "{{\"{esn}\":{{}}}}"),
        };
    }

    /// Tells what a word changes.
    #[expect(clippy::too_many_arguments, reason = "the device, what came of it, and where to")]
    pub(super) fn tell_word(
        &mut self,
        device: &mut Device,
        esn: &str,
        word: Word<'_>,
        origin: Origin,
        at: &Received,
        into: &mut Entries,
        took: &mut Took,
    ) {
        let Some(rule) = device.kind.rule() else { return };
        let before = device.reading;
        let change = Reading::of(word.word, rule).unlike(&before);
        if change.is_empty() {
            return;
        }
        device.reading = before.then(change);
        took.is_urgent = true;
        let was_known =
            |told: &Told| before.values().any(|one| std::mem::discriminant(&one) == std::mem::discriminant(told));
        self.write_data(esn, Some(word));
        let minted = EventId::mint();
        let mut is_first = true;
        for told in change.values().filter(was_known) {
            let meaning = told.meaning();
            self.id.clear();
            self.id.push_str(minted.as_str());
            if !std::mem::take(&mut is_first) {
                self.id.push('#');
                self.id.push_str(meaning.state.as_ref().map_or(told.vendor_group(), |state| &state.group));
            }
            let kind = Kind::Known(meaning);
            let Self { id, item, data, .. } = self;
            into.occur(Occurrence { id, origin, item, kind, time: at.text(), data });
        }
        if !change.values().all(|told| was_known(&told)) {
            self.retell_states(device, esn, Some(word), at, into);
        }
    }

    pub(super) fn note_reading(
        &mut self,
        device: &Device,
        esn: &str,
        word: Option<Word<'_>>,
        at: &Received,
        into: &mut Entries,
    ) -> Vec<Noted> {
        if self.states == States::Codes {
            return Vec::new();
        }
        self.write_data(esn, word);
        let values = device.reading.values();
        values.map(|told| self.note("", told.meaning(), at.text(), &self.data, into)).collect()
    }
}
