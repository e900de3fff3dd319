//! A consumer with a named cursor, in a process of its own.

use crate::log::Reached;

/// What a consumer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    Rests,
    Reads,
    /// Its cursor does not fit, or what it wants is gone: it was told.
    IsRefused,
}

/// A consumer, and where its cursor stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {
    pub(crate) doing: Doing,
    /// What it has read, from the log's beginning.
    pub(crate) read: Vec<u8>,
    /// Its named cursor; none once somebody has removed it.
    pub(crate) named: Option<Reached>,
    /// How much of what it read the named cursor stands for.
    pub(crate) committed: u8,
}

impl Consumer {
    pub(crate) fn new() -> Self {
        let named = Some(Reached { next: 0, term: 1, last: None });
        Self { doing: Doing::Rests, read: Vec::new(), named, committed: 0 }
    }

    /// Its process ends.
    pub(crate) fn ends(&mut self) {
        self.read.truncate(self.committed.into());
        if self.doing == Doing::Reads {
            self.doing = Doing::Rests;
        }
    }
}
