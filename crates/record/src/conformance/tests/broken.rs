//! Logs that break one rule each, on purpose: the suite goes red for it.

use std::sync::Mutex;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use super::InMemory;
use crate::conformance::{Rule, Subject, run};
use crate::{
    Appended, Batch, Bounds, Durability, Lag, Log, LogError, LogId, MemoryLog, Offset, ReadLimit, RecordId,
    Term, TermStart,
};

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    BeginsAtOne,
    SameOffsetInAGroup,
    NextIsItsOwnOffset,
    IdOfAnother,
    TermOfThePast,
    ReceiptForNothing,
    AppendsNothing,
    FlipsABit,
    CutsZeros,
    ServesDuplicatesOnce,
    OneRecordARead,
    MoreThanRecords,
    MoreThanBytes,
    NothingWithinSmallLimits,
    OnlyGroupsBegin,
    WholeGroupFromWithin,
    NextIsTheEnd,
    NextStandsStill,
    ErrorAtTheEnd,
    EmptyBeyond,
    KeepsTheBatch,
    KeepsTheBatchAfterAnError,
    DurableLate,
    DeafWait,
    LateWait,
    EarlyWait,
    WaitFailsInVain,
    DeafWatch,
    NoLag,
    LagOffByOne,
    LagWithoutAge,
    NewIdentity,
    OneIdentity,
    NoTerms,
    TermsFall,
    LosesOneInAHundred,
    SwapsTwo,
    ForgetsTheLast,
    ReopensAsAnother,
    ReopensInAnotherTerm,
    TakesMoreOnceClosed,
    WaitsOnceClosed,
    JumpsOverThePurged,
    EmptyForThePurged,
    JumpsOverDamage,
    JumpsOverHoles,
    DamageForHoles,
    ServesDamage,
    ForkWithoutATerm,
    ForkWithTheOldTerm,
}

/// A log with a flaw.
struct Broken {
    log: MemoryLog,
    flaw: Flaw,
    /// What was the end before the last append.
    before: Mutex<Offset>,
    closed: Mutex<bool>,
    /// It was opened again, or has forked.
    changed: bool,
}

impl Broken {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// A batch as this flaw has it, from the right one.
    fn spoil(&self, from: Offset, batch: &mut Batch) {
        let mut entries: Vec<(Offset, RecordId, Vec<u8>)> =
            batch.iter().map(|entry| (entry.offset, entry.id, entry.payload.to_vec())).collect();
        let mut next = batch.next();
        match self.flaw {
            Flaw::FlipsABit => entries.iter_mut().for_each(|(.., payload)| payload[0] ^= 1),
            Flaw::CutsZeros => entries.iter_mut().for_each(|(.., payload)| {
                while payload.len() > 1 && payload.ends_with(&[0]) {
                    payload.pop();
                }
            }),
            Flaw::ServesDuplicatesOnce => entries.dedup_by(|a, b| a.1 == b.1),
            Flaw::OneRecordARead if entries.len() > 1 => {
                next = entries[1].0;
                entries.truncate(1);
            }
            Flaw::NextIsTheEnd => next = self.log.end(),
            Flaw::NextStandsStill if entries.is_empty() => next = from,
            Flaw::LosesOneInAHundred => entries.retain(|(_, id, _)| id.as_bytes()[0] > 2),
            Flaw::SwapsTwo if entries.len() > 1 => {
                let (first, second) = (entries[0].clone(), entries[1].clone());
                (entries[0].1, entries[0].2) = (second.1, second.2);
                (entries[1].1, entries[1].2) = (first.1, first.2);
            }
            _ => return,
        }
        batch.clear(from);
        entries.iter().for_each(|(offset, id, payload)| batch.push(*offset, id, payload));
        batch.set_next(next);
    }

    /// The beginning of the group at `from`, found by what ends before it.
    fn group_of(&self, from: Offset) -> Offset {
        let mut at = self.log.bounds().unwrap().oldest;
        while let Ok(batch) = self.log.read(at, ReadLimit { records: 1, bytes: 1 }) {
            if batch.is_empty() || batch.next() > from {
                break;
            }
            at = batch.next();
        }
        at
    }

    fn jump(&self, error: LogError, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        let to = match (self.flaw, &error) {
            (Flaw::JumpsOverThePurged, LogError::Gap { oldest, .. }) => *oldest,
            (Flaw::EmptyForThePurged, LogError::Gap { .. }) => self.log.end(),
            (Flaw::JumpsOverDamage, LogError::Damaged { offset, len, .. })
            | (Flaw::JumpsOverHoles, LogError::Hole { offset, len }) => Offset::new(offset.get() + len),
            (Flaw::DamageForHoles, LogError::Hole { offset, len }) => {
                return Err(LogError::Damaged { offset: *offset, len: *len, detail: String::new() });
            }
            _ => return Err(error),
        };
        self.log.read_into(to, limit, batch)
    }
}

impl Log for Broken {
    fn identity(&self) -> LogId {
        match self.flaw {
            Flaw::OneIdentity => LogId::from_bytes([7; 16]),
            Flaw::NewIdentity => MemoryLog::new().identity(),
            Flaw::ReopensAsAnother if self.changed => LogId::from_bytes([8; 16]),
            _ => self.log.identity(),
        }
    }

    fn terms(&self) -> Vec<TermStart> {
        let mut terms = self.log.terms();
        match self.flaw {
            Flaw::NoTerms => terms.clear(),
            Flaw::TermsFall => terms.push(TermStart { term: Term::FIRST, start: Offset::ZERO }),
            Flaw::ReopensInAnotherTerm if self.changed => terms[0].term = Term::new(9),
            Flaw::ForkWithoutATerm => terms.truncate(1),
            _ => {}
        }
        terms
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let bounds = self.log.bounds()?;
        Ok(match self.flaw {
            Flaw::BeginsAtOne if bounds.oldest == Offset::ZERO => Bounds { oldest: Offset::new(1), ..bounds },
            Flaw::DurableLate => Bounds { durable: *self.before.lock().unwrap(), ..bounds },
            _ => bounds,
        })
    }

    fn durability(&self) -> Durability {
        // What is forgotten must have been promised.
        Durability::Synced
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        if *self.closed.lock().unwrap() && !self.is(Flaw::TakesMoreOnceClosed) {
            return Err(LogError::Failed("closed".into(), crate::Kind::Stop));
        }
        *self.before.lock().unwrap() = self.log.end();
        if self.is(Flaw::AppendsNothing) && payloads.is_empty() {
            self.log.append(&[b"nothing"])?;
        }
        let mut receipts = self.log.append(payloads)?;
        let first = receipts.first().copied();
        match self.flaw {
            Flaw::SameOffsetInAGroup => {
                receipts.iter_mut().for_each(|it| it.offset = first.map_or(it.offset, |first| first.offset));
            }
            Flaw::NextIsItsOwnOffset => receipts.iter_mut().for_each(|it| it.next = it.offset),
            Flaw::IdOfAnother => receipts.iter_mut().for_each(|it| it.id = RecordId::of(b"another")),
            Flaw::TermOfThePast => receipts.iter_mut().for_each(|it| it.term = Term::new(0)),
            Flaw::ForkWithTheOldTerm => receipts.iter_mut().for_each(|it| it.term = Term::FIRST),
            Flaw::ReceiptForNothing if receipts.is_empty() => {
                let (offset, next) = (self.log.end(), self.log.end());
                receipts.push(Appended { offset, next, id: RecordId::of(b""), term: Term::FIRST });
            }
            _ => {}
        }
        Ok(receipts)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        let end = self.log.end();
        let (mut at, mut limit) = (from, limit);
        match self.flaw {
            Flaw::MoreThanRecords => limit.records = limit.records.saturating_mul(3),
            Flaw::MoreThanBytes => limit.bytes = limit.bytes.saturating_mul(3),
            Flaw::NothingWithinSmallLimits if limit.records == 0 => {
                batch.clear(from);
                return Ok(());
            }
            Flaw::OnlyGroupsBegin if from < end && self.group_of(from) != from => {
                batch.clear(from);
                return Err(LogError::Beyond { wanted: from, durable: end });
            }
            Flaw::WholeGroupFromWithin if from < end => at = self.group_of(from),
            Flaw::ErrorAtTheEnd if from == end => {
                batch.clear(from);
                return Err(LogError::Beyond { wanted: from, durable: end });
            }
            Flaw::EmptyBeyond if from > end => {
                batch.clear(end);
                return Ok(());
            }
            Flaw::KeepsTheBatch if !batch.is_empty() => return Ok(()),
            Flaw::KeepsTheBatchAfterAnError if from > end => {
                return Err(LogError::Beyond { wanted: from, durable: end });
            }
            Flaw::DurableLate => {
                self.log.read_into(from, limit, batch)?;
                // Somebody looks while the end is still what it was.
                return Ok(());
            }
            _ => {}
        }
        match self.log.read_into(at, limit, batch) {
            Ok(()) => self.spoil(from, batch),
            Err(error) => self.jump(error, limit, batch)?,
        }
        Ok(())
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let closed = *self.closed.lock().unwrap();
        let silence = || MemoryLog::new().wait(Offset::ZERO, timeout);
        match self.flaw {
            Flaw::DeafWait if self.log.end() <= known => {
                silence()?;
            }
            Flaw::LateWait if self.log.end() > known => {
                silence()?;
            }
            Flaw::EarlyWait => return self.bounds(),
            Flaw::WaitFailsInVain => {
                let bounds = self.log.wait(known, timeout)?;
                if bounds.durable <= known {
                    return Err(LogError::Beyond { wanted: known, durable: bounds.durable });
                }
            }
            Flaw::WaitsOnceClosed if closed => {
                silence()?;
            }
            _ => {
                self.log.wait(known, timeout)?;
            }
        }
        self.bounds()
    }

    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        self.is(Flaw::DeafWatch) || self.log.watch(known, waker)
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        let lag = self.log.lag(from)?;
        Ok(match self.flaw {
            Flaw::NoLag => Lag::default(),
            Flaw::LagOffByOne if lag.records > 0 => Lag { records: lag.records - 1, ..lag },
            Flaw::LagWithoutAge => Lag { seconds: 0.0, ..lag },
            _ => lag,
        })
    }
}

impl Subject for Flaw {
    type Log = Broken;

    fn create(&self) -> Broken {
        let (before, closed) = (Mutex::new(Offset::ZERO), Mutex::new(false));
        Broken { log: MemoryLog::new(), flaw: *self, before, closed, changed: false }
    }

    fn reopen(&self, log: Broken) -> Option<Broken> {
        let memory = log.log.reopened();
        if *self == Self::ForgetsTheLast {
            let half = memory.read(Offset::ZERO, ReadLimit { records: 5, bytes: usize::MAX }).unwrap();
            let shorter = MemoryLog::named(memory.identity());
            half.iter().for_each(|entry| drop(shorter.append(&[entry.payload]).unwrap()));
            return Some(Broken { log: shorter, changed: true, ..log });
        }
        Some(Broken { log: memory, changed: true, ..log })
    }

    fn close(&self, log: &Broken) -> bool {
        *log.closed.lock().unwrap() = true;
        match self {
            Self::TakesMoreOnceClosed => log.log.append(&[b"so that nobody waits"]).is_ok(),
            _ => InMemory.close(&log.log),
        }
    }

    fn purge(&self, log: &Broken, keep: Offset) -> bool {
        InMemory.purge(&log.log, keep)
    }

    fn damage(&self, log: Broken, at: Offset) -> Option<Broken> {
        if *self != Self::ServesDamage {
            log.log.damage(at);
        }
        Some(log)
    }

    fn lose(&self, log: Broken, at: Offset) -> Option<Broken> {
        log.log.lose(at);
        Some(log)
    }

    fn fork(&self, log: Broken) -> Option<Broken> {
        let memory = InMemory.fork(log.log)?;
        Some(Broken { log: memory, changed: true, ..log })
    }
}

/// Each flaw, and the rule that it breaks at least.
const TABLE: [(Flaw, Rule); 50] = [
    (Flaw::BeginsAtOne, Rule::StartsEmpty),
    (Flaw::SameOffsetInAGroup, Rule::OffsetsRise),
    (Flaw::NextIsItsOwnOffset, Rule::OffsetsRise),
    (Flaw::IdOfAnother, Rule::Receipts),
    (Flaw::TermOfThePast, Rule::Receipts),
    (Flaw::ReceiptForNothing, Rule::Receipts),
    (Flaw::AppendsNothing, Rule::Receipts),
    (Flaw::FlipsABit, Rule::ExactBytes),
    (Flaw::CutsZeros, Rule::ExactBytes),
    (Flaw::ServesDuplicatesOnce, Rule::ExactBytes),
    (Flaw::OneRecordARead, Rule::WholeGroups),
    (Flaw::MoreThanRecords, Rule::Limits),
    (Flaw::MoreThanBytes, Rule::Limits),
    (Flaw::NothingWithinSmallLimits, Rule::Limits),
    (Flaw::OnlyGroupsBegin, Rule::EveryOffset),
    (Flaw::WholeGroupFromWithin, Rule::EveryOffset),
    (Flaw::NextIsTheEnd, Rule::Next),
    (Flaw::NextStandsStill, Rule::EveryOffset),
    (Flaw::ErrorAtTheEnd, Rule::AtTheEnd),
    (Flaw::EmptyBeyond, Rule::BeyondTheEnd),
    (Flaw::KeepsTheBatch, Rule::ReusedBatch),
    (Flaw::KeepsTheBatchAfterAnError, Rule::ReusedBatch),
    (Flaw::DurableLate, Rule::DurableEnd),
    (Flaw::DeafWait, Rule::WaitWakes),
    (Flaw::LateWait, Rule::WaitWakes),
    (Flaw::EarlyWait, Rule::WaitTimesOut),
    (Flaw::WaitFailsInVain, Rule::WaitTimesOut),
    (Flaw::DeafWatch, Rule::WatchWakes),
    (Flaw::NoLag, Rule::Lag),
    (Flaw::LagOffByOne, Rule::Lag),
    (Flaw::LagWithoutAge, Rule::Lag),
    (Flaw::NewIdentity, Rule::Identity),
    (Flaw::OneIdentity, Rule::Identity),
    (Flaw::NoTerms, Rule::Terms),
    (Flaw::TermsFall, Rule::Terms),
    (Flaw::LosesOneInAHundred, Rule::Concurrent),
    (Flaw::SwapsTwo, Rule::Concurrent),
    (Flaw::ForgetsTheLast, Rule::Reopened),
    (Flaw::ReopensAsAnother, Rule::Reopened),
    (Flaw::ReopensInAnotherTerm, Rule::Reopened),
    (Flaw::TakesMoreOnceClosed, Rule::Closed),
    (Flaw::WaitsOnceClosed, Rule::Closed),
    (Flaw::JumpsOverThePurged, Rule::Purged),
    (Flaw::EmptyForThePurged, Rule::Purged),
    (Flaw::JumpsOverDamage, Rule::Damaged),
    (Flaw::ServesDamage, Rule::Damaged),
    (Flaw::JumpsOverHoles, Rule::Holes),
    (Flaw::DamageForHoles, Rule::Holes),
    (Flaw::ForkWithoutATerm, Rule::Forked),
    (Flaw::ForkWithTheOldTerm, Rule::Forked),
];

#[test]
fn without_a_flaw_every_rule_is_kept() {
    let report = run(&Flaw::None);
    assert_eq!((report.broken, report.skipped), (vec![], vec![]));
}

#[test]
fn each_flaw_is_found_by_the_rule_that_it_breaks() {
    let reports: Vec<_> = thread::scope(|scope| {
        let asked = TABLE.map(|(flaw, _)| scope.spawn(move || run(&flaw)));
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    for ((flaw, rule), report) in TABLE.into_iter().zip(reports) {
        assert!(report.broken.iter().any(|(broken, _)| *broken == rule), "{flaw:?}: {report}");
    }
}

#[test]
fn every_rule_has_a_flaw_that_breaks_it() {
    for rule in Rule::ALL {
        assert!(TABLE.iter().any(|(_, broken)| *broken == rule), "{rule:?}");
    }
}
