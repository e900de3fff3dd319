//! The journal keeps every rule of a log, also for those who read it from another handle.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use annals_record::conformance::{self, Rule, Subject};
use annals_record::{Lag, LogId, TermStart};

use super::*;
use crate::{Consent, Keep, NoRefill, RealDisk, salvage};

/// Journals, each in a directory of its own.
#[derive(Default)]
struct Journals(Mutex<HashMap<LogId, tempfile::TempDir>>);

impl Journals {
    fn dir(&self, journal: &Journal) -> PathBuf {
        self.0.lock().unwrap()[&journal.identity()].path().to_owned()
    }
}

/// Overwrites what stands in the frame of the record at `at`: nothing of it is made whole again.
fn scribble(dir: &Path, at: Offset) {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bases = names.filter_map(|name| segment::base_of(&name));
    let base = bases.filter(|base| *base <= at).max().unwrap();
    let mut file = OpenOptions::new().write(true).open(dir.join(segment::file_name(base))).unwrap();
    file.seek(SeekFrom::Start(4096 + at.get() - base.get() + 4)).unwrap();
    file.write_all(&[0xa5; 44]).unwrap();
}

impl Subject for Journals {
    type Log = Journal;

    fn create(&self) -> Journal {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        self.0.lock().unwrap().insert(journal.identity(), dir);
        journal
    }

    fn reopen(&self, log: Journal) -> Option<Journal> {
        let dir = self.dir(&log);
        log.close().unwrap();
        Some(open(&dir))
    }

    fn close(&self, log: &Journal) -> bool {
        log.clone().close().unwrap();
        true
    }

    fn purge(&self, log: &Journal, keep: Offset) -> bool {
        let behind = log.status().segments.iter().filter(|segment| segment.end > keep).count();
        let plan = log.plan(&Keep::Segments(behind as u64)).unwrap();
        !log.apply(&plan, Consent::default()).unwrap().is_empty()
    }

    fn damage(&self, log: Journal, at: Offset) -> Option<Journal> {
        let dir = self.dir(&log);
        log.close().unwrap();
        scribble(&dir, at);
        Some(open(&dir))
    }

    fn lose(&self, log: Journal, at: Offset) -> Option<Journal> {
        let dir = self.dir(&log);
        self.damage(log, at)?.close().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let plan = salvage::plan(&disk, &dir, &NoRefill).unwrap();
        let report = salvage::apply(&disk, Arc::new(SystemClock), &dir, SMALL, &NoRefill, &plan).unwrap();
        assert_eq!(report.lost.len(), 1);
        Some(open(&dir))
    }

    fn fork(&self, log: Journal) -> Option<Journal> {
        let some = log.read(Offset::ZERO, ReadLimit { records: 5, bytes: usize::MAX }).unwrap();
        self.lose(log, some.next())
    }
}

#[test]
fn the_journal_keeps_every_rule_of_a_log() {
    let report = conformance::check(&Journals::default());
    assert_eq!(report.kept, Rule::ALL, "{report}");
}

/// A journal that is written by one handle and read by another, as by another process.
struct Beside {
    journal: Journal,
    reader: Reader,
}

impl Log for Beside {
    fn identity(&self) -> LogId {
        self.reader.identity()
    }

    fn terms(&self) -> Vec<TermStart> {
        self.reader.terms()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        self.reader.bounds()
    }

    fn durability(&self) -> Durability {
        self.reader.durability()
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        Log::append(&self.journal, payloads)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        self.reader.read_into(from, limit, batch)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        self.reader.wait(known, timeout)
    }

    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        self.reader.watch(known, waker)
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        self.reader.lag(from)
    }
}

/// Journals read beside their writer. A reader does not learn that the writer has closed.
#[derive(Default)]
struct ReadBeside(Journals);

impl ReadBeside {
    fn beside(&self, journal: Journal) -> Beside {
        let reader = Reader::open(self.0.dir(&journal)).unwrap();
        Beside { journal, reader }
    }
}

impl Subject for ReadBeside {
    type Log = Beside;

    fn create(&self) -> Beside {
        self.beside(self.0.create())
    }

    fn reopen(&self, log: Beside) -> Option<Beside> {
        self.0.reopen(log.journal).map(|journal| self.beside(journal))
    }

    fn purge(&self, log: &Beside, keep: Offset) -> bool {
        self.0.purge(&log.journal, keep)
    }

    fn damage(&self, log: Beside, at: Offset) -> Option<Beside> {
        self.0.damage(log.journal, at).map(|journal| self.beside(journal))
    }

    fn lose(&self, log: Beside, at: Offset) -> Option<Beside> {
        self.0.lose(log.journal, at).map(|journal| self.beside(journal))
    }

    fn fork(&self, log: Beside) -> Option<Beside> {
        self.0.fork(log.journal).map(|journal| self.beside(journal))
    }
}

#[test]
fn a_reader_beside_the_journal_keeps_every_rule_but_that_it_hears_of_a_close() {
    let report = conformance::check(&ReadBeside::default());
    assert_eq!(report.skipped, [Rule::WatchWakes, Rule::Closed], "{report}");
}
