//! What a caller may choose.

use crate::backpressure::Backpressure;

/// Settings of the whole pipeline; each part checks its own.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a directory that is missing or empty becomes a data directory. Default: true.
    pub create: bool,
    /// The journal's settings.
    pub journal: annals_journal::Options,
    /// The store's settings.
    pub store: annals_storage::Options,
    /// The worker's settings.
    pub ingest: annals_ingest::Options,
    /// What an append does while the store is too far behind the journal. Default: it goes on.
    pub backpressure: Backpressure,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            journal: annals_journal::Options::default(),
            store: annals_storage::Options::default(),
            ingest: annals_ingest::Options::default(),
            backpressure: Backpressure::None,
        }
    }
}
