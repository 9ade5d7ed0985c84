//! What happens to the store and is worth a log line and a counter.

use std::path::Path;

use metrics::counter;
use tracing::error;

/// The file was damaged.
pub(super) struct StoreLaidAside<'a> {
    pub(super) path: &'a Path,
    pub(super) aside: &'a Path,
    pub(super) why: &'a str,
}

impl StoreLaidAside<'_> {
    pub(super) fn emit(self) {
        let (path, aside, why) = (self.path.display(), self.aside.display(), self.why);
        error!(
            %path, %aside, why,
            "The store of deliveries is damaged. It was laid aside and a new one is begun: how far sinks had come, and what they refused, is not \
             known any more."
        );
        counter!("watchpost_sink_stores_laid_aside_total").increment(1);
    }
}
