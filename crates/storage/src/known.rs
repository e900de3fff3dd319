//! Subjects that are known to have an assertion, so that most are not looked up again and again.

use std::collections::HashSet;

use foldhash::quality::RandomState;

/// How many are remembered: some tens of megabytes. Then it begins anew.
const MOST: usize = 1 << 18;

/// Some of the subjects there are. A subject that is in here is in the store; one that is not may be as well.
#[derive(Default)]
pub(crate) struct KnownSubjects(HashSet<Box<str>, RandomState>);

impl KnownSubjects {
    /// Whether a subject is known to be there.
    pub(crate) fn contains(&self, subject: &str) -> bool {
        self.0.contains(subject)
    }

    /// Remembers one that is there.
    pub(crate) fn add(&mut self, subject: &str) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(subject.into());
    }

    /// Forgets everything.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}
