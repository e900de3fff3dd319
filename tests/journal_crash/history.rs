//! A life of a journal, drawn from a seed, and the ledger of what it was promised.
//!
//!   draw a group -> append -> ledger: kept, refused or uncertain -> crash or fault -> reopen -> settle
//!
//! H1: every record that was acknowledged is there, at its offset, with its bytes, in order.
//! H2: nothing else is there, but maybe the one group whose append failed without a word on its fate: whole, and last.
//! H3: what was there once stays there: settling adds such a group to what is kept.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annals_journal::{Disk, Error, Journal, Options, Reader};
use annals_record::{Kind, Log, LogError, LogId, Offset, ReadLimit, RecordId, Term, TermStart};
use annals_testkit::{ManualClock, SimDisk, payload};
use fastrand::Rng;

/// Where the journal lies on its disk.
pub const DIR: &str = "/data";

/// How a life is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many calls it makes at most.
    pub calls: usize,
    /// Small, so that a short life rolls often.
    pub options: Options,
}

/// An empty disk; every other one has a way past its cache, which the others do without.
pub fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new();
    if seed % 2 == 1 { disk.past_cache() } else { disk }
}

impl Plan {
    pub fn any(rng: &mut Rng) -> Self {
        let segment_bytes = [6 << 10, 8 << 10, 16 << 10][rng.usize(..3)];
        Self {
            calls: rng.usize(1..40),
            options: Options { segment_bytes, max_batch_bytes: 64 << 10, ..Options::default() },
        }
    }
}

/// A record that was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub offset: Offset,
    pub payload: Vec<u8>,
    /// Which group it is of, counted from the first.
    pub group: usize,
}

/// What a journal was told to keep.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub kept: Vec<Kept>,
    uncertain: Option<Vec<Vec<u8>>>,
    log: Option<LogId>,
    terms: Vec<TermStart>,
    groups: usize,
}

pub fn open(disk: &Arc<dyn Disk>, options: Options) -> Result<Journal, Error> {
    Journal::open_on(Arc::clone(disk), Arc::new(ManualClock::at(1_000_000)), Path::new(DIR), options)
}

pub fn open_reader(disk: &Arc<dyn Disk>) -> Result<Reader, Error> {
    Reader::open_on(Arc::clone(disk), Arc::new(ManualClock::at(1_000_000)), Path::new(DIR))
}

/// Lives until the plan is done or a call fails. Errors that promise that nothing happened are lived with.
pub fn live(disk: &Arc<dyn Disk>, rng: &mut Rng, plan: Plan, ledger: &mut Ledger) -> Result<(), LogError> {
    let mut journal = open(disk, plan.options)?;
    ledger.settle(&journal, rng)?;
    let mut reader = open_reader(disk)?;
    for _ in 0..plan.calls {
        match rng.u32(..40) {
            0 => {
                journal.close()?;
                journal = open(disk, plan.options)?;
                ledger.settle(&journal, rng)?;
            }
            1 => {
                drop(journal);
                journal = open(disk, plan.options)?;
                ledger.settle(&journal, rng)?;
            }
            2 => reader = open_reader(disk)?,
            3..6 => ledger.follow(&reader, rng)?,
            _ => match ledger.append(&journal, rng) {
                Err(error) if error.kind() != Kind::Stop => {}
                appended => appended?,
            },
        }
    }
    ledger.settle(&journal, rng)?;
    ledger.follow(&reader, rng)?;
    if rng.bool() {
        journal.close()?;
    }
    Ok(())
}

/// Appends small records, each saying which thread's and which one it is, until one is refused.
pub fn append_until_refused(journal: &Journal, thread: usize) -> (Vec<(Offset, Vec<u8>)>, Error) {
    let mut kept = Vec::new();
    for i in 0..5_000 {
        let payload = format!("thread {thread}, record {i}").into_bytes();
        match journal.append(&payload) {
            Ok(appended) => kept.push((appended.offset, payload)),
            Err(error) => return (kept, error),
        }
    }
    panic!("never refused")
}

/// Appends records of some ten KiB until one is refused; what was acknowledged, and where.
pub fn append_large_until_refused(journal: &Journal, thread: usize) -> Vec<(Offset, Vec<u8>)> {
    let mut kept = Vec::new();
    loop {
        let payload =
            format!("thread {thread}, record {} ", kept.len()).repeat(500 + thread * 300).into_bytes();
        match journal.append(&payload) {
            Ok(appended) => kept.push((appended.offset, payload)),
            Err(_) => return kept,
        }
    }
}

/// One record, a few, or now and then more than a segment holds.
fn group(rng: &mut Rng) -> Vec<Vec<u8>> {
    let records = match rng.u32(..20) {
        0..12 => 1,
        12..19 => rng.usize(2..8),
        _ => rng.usize(20..80),
    };
    (0..records).map(|_| payload(rng)).collect()
}

impl Ledger {
    /// Draws a group, appends it, and notes what was promised about it.
    pub fn append(&mut self, journal: &Journal, rng: &mut Rng) -> Result<(), Error> {
        self.append_these(journal, group(rng))
    }

    /// Appends these records as one group.
    pub fn append_these(&mut self, journal: &Journal, group: Vec<Vec<u8>>) -> Result<(), Error> {
        let appended = match &group[..] {
            [payload] => journal.append(payload).map(|appended| vec![appended]),
            _ => journal.append_batch(&group),
        };
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => {
                if error.kind() == Kind::Stop {
                    assert!(self.uncertain.is_none(), "two groups of unknown fate in one life: {error}");
                    self.uncertain = Some(group);
                }
                return Err(error);
            }
        };
        assert_eq!(appended.len(), group.len());
        for (appended, payload) in appended.into_iter().zip(group) {
            assert_eq!(appended.id, RecordId::of(&payload));
            assert!(
                self.kept.last().is_none_or(|last| last.offset < appended.offset),
                "an offset given twice"
            );
            assert!(appended.offset < appended.next);
            self.kept.push(Kept { offset: appended.offset, payload, group: self.groups });
        }
        self.groups += 1;
        self.log.get_or_insert(journal.identity());
        Ok(())
    }

    /// Compares the whole log with what was promised, and holds it to what it shows from now on.
    pub fn settle(&mut self, journal: &Journal, rng: &mut Rng) -> Result<(), LogError> {
        let found = read_all(journal, rng)?;
        assert_eq!(*self.log.get_or_insert(journal.identity()), journal.identity(), "another log");
        let terms = journal.terms();
        assert!(terms.starts_with(&self.terms), "H3: terms {terms:?}, known {:?}", self.terms);
        self.terms = terms;
        self.check_prefix(&found, self.kept.len());
        let more = &found[self.kept.len()..];
        let uncertain = self.uncertain.take().unwrap_or_default();
        if !more.is_empty() {
            let more: Vec<&Vec<u8>> = more.iter().map(|(_, payload)| payload).collect();
            assert_eq!(
                more,
                uncertain.iter().collect::<Vec<_>>(),
                "H2: neither kept nor the one of unknown fate"
            );
            let group = self.groups;
            self.groups += 1;
            self.kept.extend(found.into_iter().skip(self.kept.len()).map(|(offset, payload)| Kept {
                offset,
                payload,
                group,
            }));
        }
        assert_eq!(journal.status().records, self.kept.len() as u64);
        assert!(journal.report().damage.is_none(), "damage where there is none: {:?}", journal.report());
        Ok(())
    }

    /// What a reader of another process sees while the writer lives: everything that was acknowledged.
    fn follow(&self, reader: &Reader, rng: &mut Rng) -> Result<(), LogError> {
        let found = read_all(reader, rng)?;
        self.check_prefix(&found, self.kept.len());
        assert_eq!(found.len(), self.kept.len(), "H2: a reader sees more than was acknowledged");
        Ok(())
    }

    /// What a reader sees of a journal that crashed: a prefix of what was promised, or all of it and whole groups more.
    pub fn look_back(&self, reader: &Reader, rng: &mut Rng) {
        let found = read_all(reader, rng).unwrap();
        self.check_prefix(&found, found.len().min(self.kept.len()));
        let more = found.iter().skip(self.kept.len()).map(|(_, payload)| payload).collect::<Vec<_>>();
        let uncertain = self.uncertain.iter().flatten().collect::<Vec<_>>();
        assert!(more.is_empty() || more == uncertain, "H2: a reader sees what nobody wrote");
    }

    /// The newest term that a journal has shown.
    pub fn newest_term(&self) -> Option<Term> {
        self.terms.last().map(|newest| newest.term)
    }

    fn check_prefix(&self, found: &[(Offset, Vec<u8>)], len: usize) {
        assert!(found.len() >= len, "H1: {} of {len} acknowledged records are gone", len - found.len());
        for (i, (kept, (offset, payload))) in self.kept[..len].iter().zip(found).enumerate() {
            assert_eq!(kept.offset, *offset, "H1: record {i} moved");
            assert!(kept.payload == *payload, "H1: record {i} at {offset} has other bytes");
        }
    }
}

/// What a log holds, and the ranges of it that cannot be served.
type Found = (Vec<(Offset, Vec<u8>)>, Vec<Range<u64>>);

/// Everything that can be read, in pieces of any size.
fn read_all(log: &impl Log, rng: &mut Rng) -> Result<Vec<(Offset, Vec<u8>)>, LogError> {
    let (found, damaged) = read_around(log, rng)?;
    assert!(damaged.is_empty(), "damage where there is none: {damaged:?}");
    Ok(found)
}

/// Everything that can be read, and the ranges that cannot.
pub fn read_around(log: &impl Log, rng: &mut Rng) -> Result<Found, LogError> {
    let bounds = log.bounds()?;
    let (mut at, mut found, mut damaged) = (bounds.oldest, Vec::new(), Vec::new());
    while at < bounds.durable {
        let limit = ReadLimit { records: rng.usize(1..20), bytes: rng.usize(1..20_000) };
        let next = match log.read(at, limit) {
            Ok(batch) => {
                for entry in batch.iter() {
                    assert_eq!(entry.id, RecordId::of(entry.payload));
                    found.push((entry.offset, entry.payload.to_vec()));
                }
                batch.next()
            }
            Err(LogError::Damaged { offset, len, .. }) => {
                damaged.push(offset.get()..offset.get() + len);
                Offset::new(offset.get() + len)
            }
            Err(error) => return Err(error),
        };
        assert!(at < next, "reading stands still at {at}");
        at = next;
    }
    Ok((found, damaged))
}
