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

/// What a check of everything found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The journal.
    pub journal: Verification,
    /// The store.
    pub index: Index,
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
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.journal.is_ok() && self.index.is_ok()
    }
}

impl Index {
    /// Whether the store is sound and what the log says.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        match self {
            Self::Checked { walk, compared } => {
                walk.is_sound() && compared.as_ref().is_ok_and(|compared| compared.is_same())
            }
            Self::Unusable(_) => false,
        }
    }
}

/// Checks a data directory that no process has open, also when its store cannot be used.
///
/// # Errors
/// As [`crate::Annals::verify`] and [`crate::Annals::open_existing`], but a store that cannot be used is no error.
pub fn verify_at(dir: &Path, progress: &mut dyn FnMut(Step, u64, u64)) -> Result<Verified, Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let generations = Generations::new(directory.store());
    let store = match generations.current() {
        Ok(Some(generation)) => HybridStore::open_existing_with(generations.path(generation), options.store),
        Ok(None) => Err(annals_storage::Error::Missing { path: directory.store() }),
        Err(error) => Err(error),
    };
    let store = store.map_err(|error| error.to_string());
    let verified = verify(&journal, store.as_ref().map_err(Clone::clone), progress);
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
    progress: &mut dyn FnMut(Step, u64, u64),
) -> Result<Verified, Error> {
    let checked = journal.verify(&mut |done, all| progress(Step::Journal, done, all))?;
    let index = match store {
        Err(reason) => Index::Unusable(reason),
        Ok(store) => {
            let walk = store.snapshot()?.walk(&mut |done, all| progress(Step::Store, done, all))?;
            let oldest = journal.bounds()?.oldest.get();
            let mut done = |at: Offset, end: Offset| {
                progress(Step::Comparison, at.get().saturating_sub(oldest), end.get().saturating_sub(oldest));
            };
            let compared = annals_ingest::compare(journal, store, &mut done)
                .map(Box::new)
                .map_err(|error| error.to_string());
            Index::Checked { walk: Box::new(walk), compared }
        }
    };
    Ok(Verified { journal: checked, index })
}
