//! All that there is at one moment: files, processes, and what may still happen.

use crate::bounds::Bounds;
use crate::consumer::Consumer;
use crate::generation::Generation;
use crate::log::{Log, Reached};

/// A process that writes, and where it believes the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) end: u8,
}

/// Why a worker was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refused {
    AheadOfLog,
    Forked,
    UnknownTerm,
    Purged,
    OtherRecord,
    /// What a crash left beyond the cursor does not fit.
    Content,
}

/// What the worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    Rests,
    Runs,
    IsRefused(Refused),
}

/// What must never be, and was seen in the step that led here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A reader was given what is not durable.
    ServedEarly,
    /// A reader was given another record than the one that comes next.
    Skipped,
    /// A store that runs was refused in its next step.
    RefusedWhileRunning,
    /// A purge took what a cursor stands before.
    PurgedTooFar,
    /// What was rebuilt is not what the log says.
    RebuiltOtherwise,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub(crate) log: Log,
    /// Who writes: one, unless the lock is ignored.
    pub(crate) writers: [Option<Writer>; 2],
    pub(crate) backup: Option<Log>,
    /// Stores, and which one answers.
    pub(crate) generations: [Option<Generation>; 2],
    pub(crate) answers: usize,
    /// What is being built was looked at, and marked, by the process that is there now.
    pub(crate) is_compared: bool,
    pub(crate) work: Work,
    /// The journal's cursor of the store: it holds retention back.
    pub(crate) registered: Reached,
    pub(crate) consumer: Option<Consumer>,
    pub(crate) store_copy: Option<Generation>,
    pub(crate) next_record: u8,
    pub(crate) next_term: u8,
    pub(crate) left: Bounds,
    pub(crate) wrong: Option<Wrong>,
    pub(crate) was: Was,
}

/// What has happened on the way, as far as somebody asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Was {
    pub(crate) restored: bool,
    pub(crate) switched: bool,
    pub(crate) told_gap: bool,
}

impl World {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let first = Generation { is_finished: true, ..Generation::default() };
        Self {
            log: Log::new(),
            writers: [None, None],
            backup: None,
            generations: [Some(first), None],
            answers: 0,
            is_compared: false,
            work: Work::Rests,
            registered: Reached { next: 0, term: 1, last: None },
            consumer: bounds.consumer.then(Consumer::new),
            store_copy: None,
            next_record: 1,
            next_term: 100,
            left: bounds,
            wrong: None,
            was: Was::default(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.writers.iter().any(Option::is_some)
    }

    /// The store that answers.
    pub(crate) fn answering(&self) -> Option<&Generation> {
        self.generations[self.answers].as_ref()
    }

    /// The store that is being built, or was answering before.
    pub(crate) fn other(&self) -> usize {
        1 - self.answers
    }

    /// Everything of the process that owns the log is gone; what it wrote is not.
    pub(crate) fn owner_ends(&mut self) {
        self.writers = [None, None];
        self.is_compared = false;
        self.worker_ends();
    }

    /// The worker is gone, with what its stores had in memory.
    pub(crate) fn worker_ends(&mut self) {
        self.work = Work::Rests;
        self.generations.iter_mut().flatten().for_each(Generation::reopen);
    }
}
