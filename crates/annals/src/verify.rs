//! Everything checked: the journal, the store against itself, the store against the journal.

use std::path::Path;

use annals_journal::{Journal, Verification};
use annals_record::{Log, Offset};
use annals_storage::{Compared, Generations, HybridStore, Walk};

use crate::annals::open_journal;
use crate::error::Error;
use crate::options::Options;

/// What is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The journal's bytes.
    Journal,
    /// The store's keys.
    Store,
    /// The journal's records in the store, in bytes of journal.
    Comparison,
}

/// What is to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyParts {
    /// Every byte of the journal.
    pub journal: bool,
    /// The store, against itself and against the journal.
    pub index: bool,
}

impl Default for VerifyParts {
    /// Everything.
    fn default() -> Self {
        Self { journal: true, index: true }
    }
}

/// What a check found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The journal, if it was to be checked.
    pub journal: Option<Verification>,
    /// The store, if it was to be checked.
    pub index: Option<Index>,
}

/// What a check of the store found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Index {
    /// It was read whole and compared.
    Checked {
        /// The store against itself.
        walk: Box<Walk>,
        /// The store against the log; or why the log could not be read to its end.
        compared: Result<Box<Compared>, String>,
    },
    /// It cannot be used; why, and what to do.
    Unusable(String),
}

impl Verified {
    /// Whether everything that was checked is as it should be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.journal.as_ref().is_none_or(Verification::is_ok) && self.index.as_ref().is_none_or(Index::is_ok)
    }
}

impl Index {
    /// Whether the store is sound and what the log says, and nothing of the log was passed that does not verify.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        match self {
            Self::Checked { walk, compared } => {
                walk.is_sound()
                    && compared
                        .as_ref()
                        .is_ok_and(|compared| compared.is_same() && compared.passed.is_empty())
            }
            Self::Unusable(_) => false,
        }
    }
}

/// Checks a data directory that no process has open, also when its store cannot be used.
///
/// # Errors
/// As [`crate::Annals::verify`] and [`crate::Annals::open_existing`], but a store that cannot be used is no error.
pub fn verify_at(
    dir: &Path,
    parts: VerifyParts,
    progress: &mut dyn FnMut(Step, u64, u64),
) -> Result<Verified, Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let generations = Generations::new(directory.store());
    let store = match generations.current() {
        Ok(Some(generation)) => HybridStore::open_existing_with(generations.path(generation), options.store),
        Ok(None) => Err(annals_storage::Error::Missing { path: directory.store() }),
        Err(error) => Err(error),
    };
    let store = store.map_err(|error| error.to_string());
    let verified = verify(&journal, store.as_ref().map_err(Clone::clone), parts, progress);
    drop(store);
    journal.close().or_else(|error| match error {
        annals_journal::Error::Closed => Ok(()),
        other => Err(other),
    })?;
    verified
}

pub(crate) fn verify(
    journal: &Journal,
    store: Result<&HybridStore, String>,
    parts: VerifyParts,
    progress: &mut dyn FnMut(Step, u64, u64),
) -> Result<Verified, Error> {
    let mut verified = Verified { journal: None, index: None };
    if parts.journal {
        verified.journal = Some(journal.verify(&mut |done, all| progress(Step::Journal, done, all))?);
    }
    if parts.index {
        verified.index = Some(match store {
            Err(reason) => Index::Unusable(reason),
            Ok(store) => check(journal, store, progress)?,
        });
    }
    Ok(verified)
}

/// Checks a store against itself and against the journal.
fn check(
    journal: &Journal,
    store: &HybridStore,
    progress: &mut dyn FnMut(Step, u64, u64),
) -> Result<Index, Error> {
    let walk = store.snapshot()?.walk(&mut |done, all| progress(Step::Store, done, all))?;
    let oldest = journal.bounds()?.oldest.get();
    let mut done = |at: Offset, end: Offset| {
        progress(Step::Comparison, at.get().saturating_sub(oldest), end.get().saturating_sub(oldest));
    };
    let compared =
        annals_ingest::compare(journal, store, &mut done).map(Box::new).map_err(|error| error.to_string());
    Ok(Index::Checked { walk: Box::new(walk), compared })
}
