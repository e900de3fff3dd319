//! What every [`Store`] must do, as a suite that any implementation can run.
//!
//!   [`Subject`]: makes stores, and hurts them if it can -> rules, each on a store of its own -> [`Report`]
//!
//! Three lines are a test:
//!
//! ```
//! use annals_sessions::{FsStore, conformance};
//!
//! // #[test] fn my_store_conforms() {
//! let dir = tempfile::tempdir().unwrap();
//! let made = std::sync::atomic::AtomicUsize::new(0);
//! conformance::check(&|| {
//!     let next = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!     FsStore::new(dir.path().join(next.to_string())).unwrap()
//! });
//! // }
//! ```
//!
//! A closure that makes an empty store is a subject. Whoever implements [`Subject`] lets the suite reopen and damage stores
//! as well; what a subject cannot do, and what its store says that it cannot ([`StoreError::Unsupported`]), is listed in
//! [`Report::skipped`], so that nobody takes it for tested.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{SegmentId, SessionId, Store, StoreError};

mod entries;
mod lists;
mod losses;
mod writers;
mod written;

/// An implementation of [`Store`] under test: makes stores, and does to them what a store cannot do to itself.
pub trait Subject: Sync {
    /// The store.
    type Store: Store + 'static;

    /// A new store, empty.
    fn create(&self) -> Self::Store;

    /// The same store, closed and opened again; none if it cannot.
    fn reopen(&self, store: Self::Store) -> Option<Self::Store> {
        drop(store);
        None
    }

    /// The store after the entry at `index` of a segment was damaged where it is kept; none if it cannot. It may have been
    /// opened again.
    fn damage(
        &self,
        store: Self::Store,
        session: SessionId,
        segment: SegmentId,
        index: usize,
    ) -> Option<Self::Store> {
        let _ = (store, session, segment, index);
        None
    }
}

impl<S: Store + 'static, F: Fn() -> S + Sync> Subject for F {
    type Store = S;

    fn create(&self) -> S {
        self()
    }
}

/// A rule that every store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A new store has no session, and says so without an error.
    StartsEmpty,
    /// Whatever reads or writes a segment that is not there says [`StoreError::NotFound`], and makes none.
    MissingIsNotFound,
    /// What a segment is made with is read back, every kind of entry, and counted.
    Created,
    /// A segment that exists is not made again: [`StoreError::Exists`], and it is as it was.
    NeverTwice,
    /// What is appended is read back in order, and counted.
    InOrder,
    /// A start that is appended to a segment that is not there makes it; no other entry does.
    StartMakes,
    /// A start is written to the session it names only: [`StoreError::OtherSession`], and nothing is written.
    OwnSession,
    /// Large entries, every character, numbers with their bits, and kinds that are not known come back as they were.
    ExactEntries,
    /// What could not be read again is refused, and nothing is written.
    OnlyReadable,
    /// Entries that are appended together come in order and count as so many; none is no error.
    Together,
    /// Under a condition that holds an append is made and counted; under another one it is
    /// [`StoreError::Conflict`] with the true count, and nothing is written.
    Condition,
    /// Of writers who have seen the same count, one passes, every time.
    OnePasses,
    /// Threads that append, to one segment and to their own, lose nothing, and each keeps its order.
    Threads,
    /// Sessions and segments are listed most recently made first.
    ByCreation,
    /// Sessions are listed most recently used first.
    ByUse,
    /// The session of a segment is found, for every segment, and for none that is not there.
    Lookup,
    /// A trace is read back in order, and is no segment, no session and no entry.
    Traces,
    /// A deleted session is gone with its segments, no other is, and it can be told from one that never was.
    Deleted,
    /// Everything is the same after a reopen; appends go on.
    Reopened,
    /// An entry that is damaged costs that entry, is reported with its place, and is [`StoreError::Corrupt`] to who wants
    /// all.
    Damaged,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::StartsEmpty,
        Self::MissingIsNotFound,
        Self::Created,
        Self::NeverTwice,
        Self::InOrder,
        Self::StartMakes,
        Self::OwnSession,
        Self::ExactEntries,
        Self::OnlyReadable,
        Self::Together,
        Self::Condition,
        Self::OnePasses,
        Self::Threads,
        Self::ByCreation,
        Self::ByUse,
        Self::Lookup,
        Self::Traces,
        Self::Deleted,
        Self::Reopened,
        Self::Damaged,
    ];

    fn run<S: Subject>(self, subject: &S) -> Outcome {
        match self {
            Self::StartsEmpty => lists::starts_empty(subject),
            Self::MissingIsNotFound => entries::missing_is_not_found(subject),
            Self::Created => entries::created(subject),
            Self::NeverTwice => entries::never_twice(subject),
            Self::InOrder => entries::in_order(subject),
            Self::StartMakes => entries::start_makes(subject),
            Self::OwnSession => entries::own_session(subject),
            Self::ExactEntries => entries::exact_entries(subject),
            Self::OnlyReadable => entries::only_readable(subject),
            Self::Together => writers::together(subject),
            Self::Condition => writers::condition(subject),
            Self::OnePasses => writers::one_passes(subject),
            Self::Threads => writers::threads(subject),
            Self::ByCreation => lists::by_creation(subject),
            Self::ByUse => lists::by_use(subject),
            Self::Lookup => lists::lookup(subject),
            Self::Traces => lists::traces(subject),
            Self::Deleted => losses::deleted(subject),
            Self::Reopened => losses::reopened(subject),
            Self::Damaged => losses::damaged(subject),
        }
    }
}

/// How a rule was kept.
type Outcome = Result<(), Fault>;

/// Why a rule was not seen to be kept.
enum Fault {
    /// The subject, or the store, does not do what the rule speaks of.
    Skipped,
    /// It was broken.
    Broken(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unsupported(_) => Self::Skipped,
            error => Self::Broken(format!("unexpected error: {error}")),
        }
    }
}

/// Ends a rule as broken unless something holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {{
        let holds: bool = $holds;
        if !holds {
            return Err($crate::conformance::Fault::Broken(format!($($why)+)));
        }
    }};
}
use ensure;

/// What came of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The rules that were kept.
    pub kept: Vec<Rule>,
    /// The rules that the subject cannot be asked for.
    pub skipped: Vec<Rule>,
    /// The rules that were broken, and how.
    pub broken: Vec<(Rule, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, skipped, broken } = self;
        write!(f, "{} rules kept, {} broken, skipped: {skipped:?}", kept.len(), broken.len())?;
        broken.iter().try_for_each(|(rule, how)| write!(f, "\n{rule:?}: {how}"))
    }
}

/// Asks a subject for every rule, each on stores of its own, and says what came of it.
pub fn run<S: Subject>(subject: &S) -> Report {
    let mut report = Report::default();
    for rule in Rule::ALL {
        let run = catch_unwind(AssertUnwindSafe(|| rule.run(subject)));
        match run.unwrap_or_else(|_| Err(Fault::Broken("it panicked".into()))) {
            Ok(()) => report.kept.push(rule),
            Err(Fault::Skipped) => report.skipped.push(rule),
            Err(Fault::Broken(how)) => report.broken.push((rule, how)),
        }
    }
    report
}

/// As [`run`], for a test.
///
/// # Panics
/// If a rule was broken, with all that were.
pub fn check<S: Subject>(subject: &S) -> Report {
    let report = run(subject);
    assert!(report.broken.is_empty(), "{report}");
    report
}

#[cfg(test)]
mod tests;
