//! A stream keeps every rule of a log, also one that is closed after each call.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Mutex;

use annals_journal::{Consent, Journal, Keep, LogId, NoRefill, salvage};
use annals_record::conformance::{self, Rule, Subject};

use super::*;
use crate::partitioned::Partitioned;

/// Streams, each in a root of its own, and another stream that takes the only place after each question.
struct Roots {
    roots: Mutex<HashMap<LogId, (tempfile::TempDir, Streams)>>,
    options: Options,
}

impl Roots {
    fn new(open_streams: usize) -> Self {
        let defaults = Settings { segment_bytes: 8 << 10, ..Settings::default() };
        Self { roots: Mutex::default(), options: Options { open_streams, defaults, ..Options::default() } }
    }

    fn open(&self, dir: tempfile::TempDir) -> Stream {
        let streams = Streams::open_with(dir.path(), self.options.clone()).unwrap();
        let stream = streams.stream("Subject/1").unwrap();
        self.roots.lock().unwrap().insert(stream.identity(), (dir, streams));
        stream
    }

    fn closed(&self, stream: &Stream) -> tempfile::TempDir {
        let (dir, streams) = self.roots.lock().unwrap().remove(&stream.identity()).unwrap();
        streams.close().unwrap();
        dir
    }

    fn scribbled(&self, stream: &Stream, at: Offset) -> tempfile::TempDir {
        let dir = self.closed(stream);
        let segments = tree(dir.path()).into_iter().filter(|path| path.ends_with(".wal"));
        let base_of =
            |path: &String| u64::from_str_radix(&path[path.len() - 20..path.len() - 4], 16).unwrap();
        let segment = segments.filter(|path| base_of(path) <= at.get()).max_by_key(base_of).unwrap();
        let mut file = OpenOptions::new().write(true).open(dir.path().join(&segment)).unwrap();
        file.seek(SeekFrom::Start(4096 + at.get() - base_of(&segment) + 4)).unwrap();
        file.write_all(&[0xa5; 44]).unwrap();
        dir
    }
}

impl Subject for Roots {
    type Log = Stream;

    fn create(&self) -> Stream {
        self.open(tempfile::tempdir().unwrap())
    }

    fn reopen(&self, log: Stream) -> Option<Stream> {
        Some(self.open(self.closed(&log)))
    }

    fn close(&self, log: &Stream) -> bool {
        let streams = self.roots.lock().unwrap()[&log.identity()].1.clone();
        streams.close().unwrap();
        true
    }

    fn purge(&self, log: &Stream, keep: Offset) -> bool {
        let purged = log.with_journal(|journal: &Journal| {
            let behind = journal.status().segments.iter().filter(|segment| segment.end > keep).count();
            let plan = journal.plan(&Keep::Segments(behind as u64))?;
            journal.apply(&plan, Consent::default())
        });
        !purged.unwrap().is_empty()
    }

    fn damage(&self, log: Stream, at: Offset) -> Option<Stream> {
        let dir = self.scribbled(&log, at);
        Some(self.open(dir))
    }

    fn lose(&self, log: Stream, at: Offset) -> Option<Stream> {
        let dir = self.scribbled(&log, at);
        let of = dir.path().join("wal/store=%53ubject%2f1");
        let disk: Arc<dyn Disk> = Arc::new(Partitioned::new(Arc::new(RealDisk), of.clone(), Bucket::Day));
        let options = self.options.defaults.journal(64 << 10);
        Journal::open_on(Arc::clone(&disk), Arc::new(SystemClock), &of, options).unwrap().close().unwrap();
        let plan = salvage::plan(&disk, &of, &NoRefill).unwrap();
        let report = salvage::apply(&disk, Arc::new(SystemClock), &of, options, &NoRefill, &plan).unwrap();
        assert_eq!(report.lost.len(), 1);
        Some(self.open(dir))
    }

    fn fork(&self, log: Stream) -> Option<Stream> {
        let some =
            log.read(Offset::ZERO, annals_journal::ReadLimit { records: 5, bytes: usize::MAX }).unwrap();
        self.lose(log, some.next())
    }
}

#[test]
fn a_stream_keeps_every_rule_of_a_log() {
    let report = conformance::check(&Roots::new(128));
    let missing: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !report.kept.contains(rule)).collect();
    // What a task waits on is the journal, and that may be closed: a stream is waited on by a thread.
    assert_eq!(missing, [&Rule::WatchWakes], "{report}");
}
