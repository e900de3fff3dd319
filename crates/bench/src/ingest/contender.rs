//! What is measured: a store that can be filled from the journal, closed, opened again and asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_journal::Reader;
use annals_record::RecordId;

use super::work::Work;
use crate::outcome::Outcome;

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    /// Never: as if the process were killed before it came to it.
    Never,
    /// Once, at the end.
    AtEnd,
    /// Whenever so much time has passed, and at the end.
    Every(Duration),
}

/// A store under test.
pub(crate) trait Contender: Sync {
    /// Its name in tables and in `--json`.
    fn name(&self) -> &'static str;

    /// Whether it takes part in this work.
    fn takes(&self, work: Work) -> bool;

    /// What its figures stand for, in a few words.
    fn promise(&self) -> &'static str;

    /// Opens its store in `dir`, an existing directory, creating it if there is none. Returns once it can be asked and
    /// written to.
    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>>;
}

/// An open store.
pub(crate) trait Store {
    /// Goes on where it stands, and takes at most so many batches of 10,000 records from the journal, or all there are.
    fn pour(&mut self, log: &Arc<Reader>, batches: Option<u64>, syncs: Syncs) -> Outcome<()>;

    /// One snapshot, or whatever it answers from, to be asked by one thread.
    fn answers(&self) -> Outcome<Box<dyn Answers + '_>>;

    /// Closes it in order.
    fn close(self: Box<Self>) -> Outcome<()>;
}

/// A store's answers. What was found is touched, and not kept.
pub(crate) trait Answers {
    /// Whether there is an assertion with this id, whose bytes it then has had in its hands.
    fn get(&mut self, id: &RecordId) -> Outcome<bool>;

    /// How many assertions this subject has, whose ids it then has had in its hands, one by one.
    fn list(&mut self, subject: &str) -> Outcome<usize>;
}

/// Everybody who can take part in this build, ours first, the limit last.
pub(crate) fn all() -> Vec<&'static dyn Contender> {
    let mut all: Vec<&'static dyn Contender> = vec![&super::annals::Annals];
    #[cfg(feature = "rocksdb")]
    all.extend(super::rocksdb::both());
    #[cfg(feature = "peers")]
    all.extend(super::peers::all());
    all.push(&super::limit::Limit);
    all
}

/// The contender of this name.
pub(crate) fn named(name: &str) -> Outcome<&'static dyn Contender> {
    let found = all().into_iter().find(|contender| contender.name() == name);
    let say = || {
        format!("no store is called {name}; peers need the feature `peers`, RocksDB the feature `rocksdb`")
    };
    found.ok_or_else(|| say().into())
}
