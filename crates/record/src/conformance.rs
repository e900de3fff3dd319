//! What every [`Log`] must do, as a suite that any implementation can run.
//!
//!   [`Subject`]: makes logs, and hurts them if it can -> rules, each on a log of its own -> [`Report`]
//!
//! Three lines are a test:
//!
//! ```
//! use annals_record::{MemoryLog, conformance};
//!
//! // #[test] fn my_log_conforms() {
//! conformance::check(&MemoryLog::new);
//! // }
//! ```
//!
//! A closure that makes an empty log is a subject, and is asked everything that can be asked of a log alone. Whoever
//! implements [`Subject`] lets the suite reopen, close, purge, damage and fork logs as well; what a subject cannot do is
//! listed in [`Report::skipped`], so that nobody takes it for tested.
//!
//! Offsets are opaque here too: the suite compares them and gives them back, and computes with them only where an error
//! says how far reading has to go on.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Log, Offset};

mod appends;
mod handles;
mod losses;
mod reads;
mod waits;
mod written;

/// An implementation of [`Log`] under test: makes logs, and does to them what a log cannot do to itself. What it cannot do
/// it leaves as it is here: the rules that need it are skipped.
pub trait Subject: Sync {
    /// The log.
    type Log: Log + 'static;

    /// A new log, empty, of its own identity.
    fn create(&self) -> Self::Log;

    /// The same log, closed and opened again.
    fn reopen(&self, log: Self::Log) -> Option<Self::Log> {
        drop(log);
        None
    }

    /// Closes the log while others hold it; whether it can.
    fn close(&self, log: &Self::Log) -> bool {
        let _ = log;
        false
    }

    /// Has retention remove what stands before `keep`, an offset of a record, as far as it can, and at least something of
    /// it; whether it can.
    fn purge(&self, log: &Self::Log, keep: Offset) -> bool {
        let _ = (log, keep);
        false
    }

    /// The log after the atomic group with the record at `at` was damaged, where it is kept. It may have been opened again.
    fn damage(&self, log: Self::Log, at: Offset) -> Option<Self::Log> {
        let _ = (log, at);
        None
    }

    /// The log after the atomic group with the record at `at` was lost and listed as lost. It may have been opened again.
    fn lose(&self, log: Self::Log, at: Offset) -> Option<Self::Log> {
        let _ = (log, at);
        None
    }

    /// The log after its future has forked from its past at some place: a new term has begun. It may have been opened again.
    fn fork(&self, log: Self::Log) -> Option<Self::Log> {
        drop(log);
        None
    }
}

impl<L: Log + 'static, F: Fn() -> L + Sync> Subject for F {
    type Log = L;

    fn create(&self) -> L {
        self()
    }
}

/// A rule that every log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A new log begins at offset zero, is empty, and says so without an error.
    StartsEmpty,
    /// Offsets rise from record to record, within a group and from group to group; a record's `next` lies behind it and
    /// not behind the record that follows.
    OffsetsRise,
    /// A receipt names the BLAKE3 of the payload and the newest term; there is one for each payload, and none for none.
    Receipts,
    /// A record is served with the id and the bytes it was appended with, whatever these are, as often as it was appended.
    ExactBytes,
    /// The records of one append are served all or not at all, by one read.
    WholeGroups,
    /// A read stops behind the group that reaches the limit of records, or of bytes, and has one group at least.
    Limits,
    /// Reading from any offset that was handed out (of a record, behind one, where a batch ended) gives all that follows.
    EveryOffset,
    /// Reading on at a batch's `next` leaves nothing out and gives nothing twice; an empty batch is the durable end.
    Next,
    /// Reading from the durable end is no error, and goes on there once there is more.
    AtTheEnd,
    /// A place behind the durable end is [`crate::LogError::Beyond`], never an empty batch.
    BeyondTheEnd,
    /// A batch that is used again holds nothing of what it held; after an error it is empty.
    ReusedBatch,
    /// What is acknowledged is durable and served; nothing at or behind the durable end is (L1).
    DurableEnd,
    /// A wait ends at once if there is something already, and as soon as something is appended.
    WaitWakes,
    /// A wait in vain lasts as long as it may, and is no error.
    WaitTimesOut,
    /// Where a log says that it watches, the waker is woken: at once if there is something, or once there is.
    WatchWakes,
    /// The lag is what lies between a place and the end: records, bytes, and the age of the oldest, which grows.
    Lag,
    /// A log's identity never changes, and no two logs share one.
    Identity,
    /// Terms rise with their places; the first one begins at or before the oldest place.
    Terms,
    /// Threads that append and threads that follow: each follower sees each record once, in order, at its receipt's offset.
    Concurrent,
    /// Identity, terms, durability and, unless that is `Memory`, all records are the same after a reopen; appends go on.
    Reopened,
    /// A closed log takes nothing more, and lets nobody wait.
    Closed,
    /// What retention has removed is [`crate::LogError::Gap`], and never a jump to what is left; that is served.
    Purged,
    /// What does not verify is [`crate::LogError::Damaged`] with its range, and never a jump; reading goes on behind it.
    Damaged,
    /// What is listed as lost is [`crate::LogError::Hole`] with its range, and never a jump; reading goes on behind it.
    Holes,
    /// A fork begins a new term, which receipts carry from then on; the past is served as it was.
    Forked,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::StartsEmpty,
        Self::OffsetsRise,
        Self::Receipts,
        Self::ExactBytes,
        Self::WholeGroups,
        Self::Limits,
        Self::EveryOffset,
        Self::Next,
        Self::AtTheEnd,
        Self::BeyondTheEnd,
        Self::ReusedBatch,
        Self::DurableEnd,
        Self::WaitWakes,
        Self::WaitTimesOut,
        Self::WatchWakes,
        Self::Lag,
        Self::Identity,
        Self::Terms,
        Self::Concurrent,
        Self::Reopened,
        Self::Closed,
        Self::Purged,
        Self::Damaged,
        Self::Holes,
        Self::Forked,
    ];

    fn run<S: Subject>(self, subject: &S) -> Outcome {
        match self {
            Self::StartsEmpty => appends::starts_empty(subject),
            Self::OffsetsRise => appends::offsets_rise(subject),
            Self::Receipts => appends::receipts(subject),
            Self::ExactBytes => appends::exact_bytes(subject),
            Self::WholeGroups => reads::whole_groups(subject),
            Self::Limits => reads::limits(subject),
            Self::EveryOffset => reads::every_offset(subject),
            Self::Next => reads::next(subject),
            Self::AtTheEnd => reads::at_the_end(subject),
            Self::BeyondTheEnd => reads::beyond_the_end(subject),
            Self::ReusedBatch => reads::reused_batch(subject),
            Self::DurableEnd => waits::durable_end(subject),
            Self::WaitWakes => waits::wait_wakes(subject),
            Self::WaitTimesOut => waits::wait_times_out(subject),
            Self::WatchWakes => waits::watch_wakes(subject),
            Self::Lag => handles::lag(subject),
            Self::Identity => handles::identity(subject),
            Self::Terms => handles::terms(subject),
            Self::Concurrent => waits::concurrent(subject),
            Self::Reopened => handles::reopened(subject),
            Self::Closed => handles::closed(subject),
            Self::Purged => losses::purged(subject),
            Self::Damaged => losses::damaged(subject),
            Self::Holes => losses::holes(subject),
            Self::Forked => losses::forked(subject),
        }
    }
}

/// How a rule was kept.
type Outcome = Result<(), Fault>;

/// Why a rule was not seen to be kept.
enum Fault {
    /// The subject, or the log, does not do what the rule speaks of.
    Skipped,
    /// It was broken.
    Broken(String),
}

impl From<crate::LogError> for Fault {
    fn from(error: crate::LogError) -> Self {
        Self::Broken(format!("unexpected error: {error}"))
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

/// Asks a subject for every rule, each on logs of its own, and says what came of it.
pub fn run<S: Subject>(subject: &S) -> Report {
    let mut report = Report::default();
    for rule in Rule::ALL {
        let run = catch_unwind(AssertUnwindSafe(|| rule.run(subject)));
        match run.unwrap_or_else(|panic| Err(Fault::Broken(said(&*panic)))) {
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

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("and said nothing"))
}

#[cfg(test)]
mod tests;
