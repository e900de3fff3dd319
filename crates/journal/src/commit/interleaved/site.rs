//! A journal on a disk that is a place where others go on, and what is checked of both at each of its calls.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_record::{Appended, Offset};

use super::book::{Asked, Book};
use super::explore::Seen;
use crate::clock::Clock;
use crate::commit::memory::{Call, Memory};
use crate::error::Error;
use crate::options::{AppendOptions, Options, SyncPolicy};
use crate::segment::{self, HEADER_LEN};
use crate::sync::scheduled::{draw, switch};
use crate::sync::thread::{self, JoinHandle};
use crate::watermark::Watermark;
use crate::{Disk, Journal};

const DIR: &str = "/log";

/// What a call of the disk does instead of what it is asked for, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Breaks,
    Fills,
    Panics,
}

impl Fault {
    /// Whether such a call can go wrong so.
    fn is_meant(self, call: Call, path: &Path) -> bool {
        match self {
            // What has its space already cannot fill up: the watermark, a header.
            Self::Fills => call == Call::Allocate || call == Call::Write && base_of(path).is_some(),
            Self::Breaks => changes(call),
            Self::Panics => changes(call) || call == Call::Open,
        }
    }

    fn strike(self, seen: &Seen) -> io::Result<()> {
        match self {
            Self::Breaks => {
                seen.count("broken");
                Err(io::Error::other("on purpose"))
            }
            Self::Fills => {
                seen.count("full");
                Err(io::ErrorKind::StorageFull.into())
            }
            Self::Panics => {
                seen.count("panicked");
                // Without the hook, which would take it for the end of the schedule.
                resume_unwind(Box::new(OnPurpose))
            }
        }
    }
}

/// What a disk panics with.
struct OnPurpose;

fn changes(call: Call) -> bool {
    !matches!(call, Call::Open | Call::Read)
}

/// A clock that stands still: waiting is measured otherwise.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now_micros(&self) -> i64 {
        1_000_000
    }
}

/// A journal of one schedule, and all that was asked of it.
pub(super) struct Site {
    pub(super) journal: Journal,
    pub(super) seen: Seen,
    options: Options,
    /// Always goes well.
    disk: Memory,
    book: Mutex<Book>,
    is_closed: Arc<AtomicBool>,
    /// A close did not work: what was accepted may be lost.
    is_torn: AtomicBool,
    /// Nothing goes wrong any more.
    is_calm: Arc<AtomicBool>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.journal.fmt(f)
    }
}

pub(super) fn open(disk: Memory, options: Options) -> Journal {
    Journal::open_on(Arc::new(disk), Arc::new(Still), Path::new(DIR), options).unwrap()
}

/// Small segments, so that a few records roll.
pub(super) fn options(sync: SyncPolicy) -> Options {
    Options { sync, segment_bytes: 8 << 10, ..Options::default() }
}

impl Site {
    /// A new journal. One of the first `calls` calls that `fault` is for goes wrong, if there are so many.
    pub(super) fn new(options: Options, fault: Option<(Fault, u64)>, seen: &Seen) -> Arc<Self> {
        let disk = if draw(2) == 0 { Memory::new() } else { Memory::plain() };
        let journal = open(disk.clone(), options);
        let (is_closed, is_calm) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let fault = fault.map(|(fault, calls)| (fault, AtomicU64::new(draw(calls))));
        let (beneath, watermark) = (disk.beneath(), Arc::clone(&journal.core.watermark));
        let (counted, closed, calm) = (seen.clone(), Arc::clone(&is_closed), Arc::clone(&is_calm));
        disk.rule(move |call, path| {
            switch();
            assert!(!closed.load(SeqCst) || !changes(call), "{call:?} of {} after the close", path.display());
            check_watermark(&beneath, &watermark);
            match &fault {
                Some((fault, left)) if fault.is_meant(call, path) && !calm.load(SeqCst) => {
                    if left.fetch_sub(1, SeqCst) == 0 { fault.strike(&counted) } else { Ok(()) }
                }
                _ => Ok(()),
            }
        });
        let (disk, book) = (disk.beneath(), Mutex::default());
        Arc::new(Self {
            journal,
            seen: seen.clone(),
            options,
            disk,
            book,
            is_closed,
            is_torn: AtomicBool::new(false),
            is_calm,
        })
    }

    /// What was asked for. Never held while others may go on.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a question before it is asked.
    pub(super) fn asks(&self, asked: Asked) -> usize {
        let mut book = self.book();
        book.0.push(asked);
        book.0.len() - 1
    }

    /// Notes an answer at the moment it is given, and looks whether it is true.
    pub(super) fn answered(&self, number: usize, came: Result<Vec<Appended>, Error>, durable: bool) {
        let durable = durable || self.options.sync == SyncPolicy::Always;
        if let Ok(receipts) = &came
            && durable
        {
            let end = receipts.iter().map(|receipt| receipt.next).max().unwrap_or(Offset::ZERO);
            assert_durable(&self.disk, end, "I1: an answer");
        }
        self.seen.count(match &came {
            Ok(_) => "acknowledged",
            Err(Error::Full { .. }) => "told full",
            Err(Error::Poisoned { .. } | Error::Io { .. }) => "told poisoned",
            Err(Error::Closed) => "told closed",
            Err(Error::Conflict { .. }) => "told of a conflict",
            Err(other) => panic!("nobody asked for this: {other}"),
        });
        let image = {
            let mut book = self.book();
            book.0[number].answer(came, durable);
            self.image(false).map(|image| (image, book.clone()))
        };
        if let Some((image, book)) = image {
            self.seen.count("cut");
            book.check(&records(&open(image, self.options)), false);
        }
    }

    /// Now and then: what a power cut at this moment would leave.
    fn image(&self, always: bool) -> Option<Memory> {
        match draw(if always { 2 } else { 16 }) {
            0 => Some(self.disk.image(|| false)),
            1 => Some(self.disk.image(|| draw(2) == 0)),
            _ => None,
        }
    }

    /// Appends a batch, with what `how` asks for.
    pub(super) fn append(
        &self,
        payloads: Vec<Vec<u8>>,
        how: &AppendOptions<'_>,
    ) -> Result<Vec<Appended>, Error> {
        let asked = Asked { keyed: how.key.is_some(), expected: how.next, ..Asked::new(payloads.clone()) };
        let number = self.asks(asked);
        let came = if payloads.len() == 1 && *how == AppendOptions::default() {
            self.journal.append(&payloads[0]).map(|appended| vec![appended])
        } else {
            self.journal.append_with(&payloads, how)
        };
        self.answered(number, came.clone(), how.durable);
        came
    }

    /// Appends one record, or several at once, of which there is no other.
    pub(super) fn plainly(&self, who: u64, what: u64, len: usize) -> Result<Vec<Appended>, Error> {
        let payloads = (0..1 + what % 2).map(|part| payload(who, what, part, len)).collect();
        self.append(payloads, &AppendOptions::default())
    }

    /// Makes everything durable, and looks whether it is.
    pub(super) fn sync(&self) -> Result<(), Error> {
        // What is placed and not answered may be taken back.
        let accepted = self.book().accepted();
        let synced = self.journal.sync();
        if let Ok(durable) = &synced {
            assert_durable(&self.disk, *durable, "P4: a sync");
            assert!(accepted <= *durable, "P4: a sync left {accepted} behind: {durable}");
        }
        synced.map(drop)
    }

    /// Closes the journal; nothing more may happen on the disk once that has returned.
    pub(super) fn close(&self) -> Result<(), Error> {
        let closed = self.journal.clone().close();
        self.is_closed.store(true, SeqCst);
        self.is_torn.fetch_or(closed.is_err(), SeqCst);
        closed
    }

    /// The end of a schedule: the journal still there reads back, and so does what a power cut leaves.
    pub(super) fn end(self: Arc<Self>) {
        self.is_calm.store(true, SeqCst);
        let book = self.book().clone();
        // What has gone wrong on the way may be told only here.
        let is_whole = self.journal.core.commit.stopped().is_none() && self.sync().is_ok();
        let read = records(&self.journal);
        // What was read of a journal that broke may be more than what is known to be durable, and never less.
        book.check(&read, is_whole);
        let closed = self.close();
        assert!(closed.is_ok() || !is_whole, "{closed:?}");
        if let Some(image) = self.image(true) {
            let again = open(image, Options { sync: SyncPolicy::Always, ..self.options });
            assert!(again.report().damage.is_none(), "{:?}", again.report());
            let found = records(&again);
            book.check(&found, !self.is_torn.load(SeqCst));
            assert!(found.starts_with(&read), "what was read is not there any more");
            again.append("the log goes on").unwrap();
            again.close().unwrap();
        }
    }
}

/// A payload that tells itself from all others.
pub(super) fn payload(who: u64, what: u64, part: u64, len: usize) -> Vec<u8> {
    let mut payload = format!("{who}.{what}.{part}.").into_bytes();
    payload.resize(payload.len().max(len), b'.');
    payload
}

/// Everything that can be read of a journal, in its order.
pub(super) fn records(journal: &Journal) -> Vec<(Offset, Vec<u8>)> {
    let batch = journal.latest(1 << 20).unwrap();
    batch.iter().map(|record| (record.offset, record.payload.to_vec())).collect()
}

/// A thread of a schedule. What the disk panics with under it ends it, and is no failure.
pub(super) fn apart(act: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(act))
            && !panic.is::<OnPurpose>()
        {
            resume_unwind(panic);
        }
    })
}

/// Waits for threads, all of which are begun before.
pub(super) fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    let threads: Vec<_> = threads.into_iter().collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// I3: what the watermark says is durable.
fn check_watermark(disk: &Memory, watermark: &Watermark) {
    // Nobody goes on between the look at the watermark and the look at the disk.
    assert_durable(disk, watermark.get(), "I3: the watermark");
}

/// Where the segment of this name begins.
fn base_of(path: &Path) -> Option<Offset> {
    path.file_name().and_then(|name| name.to_str()).and_then(segment::base_of)
}

/// All bytes of the log below `end` are what a power cut leaves.
pub(super) fn assert_durable(disk: &Memory, end: Offset, who: &str) {
    let mut bases: Vec<u64> = Vec::new();
    disk.each(|path, _, _| bases.extend(base_of(path).map(Offset::get)));
    bases.sort_unstable();
    disk.each(|path, now, durable| {
        let Some(base) = base_of(path).map(Offset::get).filter(|base| *base < end.get()) else { return };
        let next = bases.iter().copied().find(|other| *other > base).unwrap_or(u64::MAX);
        let len = (HEADER_LEN + end.get().min(next) - base) as usize;
        let durable = durable.unwrap_or_else(|| panic!("{who} of {end}: the name of {base} is not durable"));
        assert!(now.len() >= len, "{who} of {end}: segment {base} ends before it");
        assert!(
            durable.get(..len) == Some(&now[..len]),
            "{who} of {end}: segment {base} is not durable to there"
        );
    });
}

impl Site {
    /// Whether all below `end` is durable now.
    pub(super) fn assert_durable(&self, end: Offset, who: &str) {
        assert_durable(&self.disk, end, who);
    }

    /// The disk by itself, where all goes well.
    pub(super) fn disk(&self) -> Memory {
        self.disk.clone()
    }

    /// The names on the disk.
    pub(super) fn names(&self) -> Vec<String> {
        self.disk.list(&PathBuf::from(DIR)).unwrap().into_iter().map(|listed| listed.name).collect()
    }
}
