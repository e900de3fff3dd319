//! Sessions as files, and into any store of sessions.
//!
//! ```text
//!   {root}/{session}/{segment}.jsonl          the log, an entry a line, with a checksum each or without
//!   {root}/{session}/{segment}.trace.jsonl    the trace beside it
//! ```
//!
//! The store of these files, [`FsStore`](annals_sessions::FsStore), finishes deletions when it is opened and keeps a list
//! beside the sessions. This reading does neither.
//!
//! Who a log is, its ids say: what stands in the target is left as it is, and what follows it is appended.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use annals_record::Kind;
use annals_sessions::{
    DamagedLine, Fault, LogEntry, Reading, SegmentId, SessionId, Store, StoreError, TraceEntry, read_lines,
};

use super::receipt::{Format, Loss, Note, Receipt};
use super::root::{Entry, Root};
use super::{Foreign, Found, Place, Placed, Taken};
use crate::error::Error;

/// So many entries are appended at once.
const AT_ONCE: usize = 100;

/// A segment's log, and the trace beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Its session.
    pub session: SessionId,
    /// Its id.
    pub segment: SegmentId,
    /// Its entries that can be read, in order.
    pub entries: Vec<LogEntry>,
    /// What can be read of the trace.
    pub trace: Vec<TraceEntry>,
}

/// The two files of a segment.
#[derive(Debug, Default)]
struct Files {
    log: Option<Entry>,
    trace: Option<Entry>,
}

/// The logs below a root, by session and segment: as they were made.
#[derive(Debug)]
pub struct Logs {
    root: Root,
    segments: VecDeque<((SessionId, SegmentId), Files)>,
    found: VecDeque<Found<Log>>,
    receipt: Receipt,
    total_bytes: u64,
}

/// Opens the sessions below `root`.
///
/// # Errors
/// [`Error::Foreign`] if there is none; [`Error::Io`] if it cannot be opened.
pub fn open(root: impl AsRef<Path>) -> Result<Logs, Error> {
    let root = Root::open(root.as_ref())?;
    let listing = root.list(1)?;
    let mut receipt = Receipt::new(Format::FsStore);
    let (mut segments, mut total_bytes) = (BTreeMap::<_, Files>::new(), 0);
    for entry in listing.files {
        let Some((ids, is_trace)) = ids(&entry) else {
            receipt.note(Note::OtherFile, &entry.path, 0);
            continue;
        };
        total_bytes += entry.bytes;
        let files = segments.entry(ids).or_default();
        *(if is_trace { &mut files.trace } else { &mut files.log }) = Some(entry);
    }
    if segments.is_empty() && listing.losses.is_empty() {
        let reason = "it has no `{session}/{segment}.jsonl`".to_owned();
        return Err(Error::Foreign { path: root.path().to_owned(), reason });
    }
    let mut found = VecDeque::new();
    for loss in listing.losses {
        receipt.lose(&loss);
        found.push_back(Found::Lost(loss));
    }
    Ok(Logs { root, segments: segments.into_iter().collect(), found, receipt, total_bytes })
}

/// Whose file it is, and whether it is a trace.
fn ids(entry: &Entry) -> Option<((SessionId, SegmentId), bool)> {
    let (session, name) = entry.path.to_str()?.split_once('/')?;
    let name = name.strip_suffix(".jsonl")?;
    let (segment, is_trace) = match name.strip_suffix(".trace") {
        Some(segment) => (segment, true),
        None => (name, false),
    };
    let ids: (SessionId, SegmentId) = (session.parse().ok()?, segment.parse().ok()?);
    // Other spellings of an id are other names.
    (ids.0.to_string() == session && ids.1.to_string() == segment).then_some((ids, is_trace))
}

impl Logs {
    fn segment(&mut self, (session, segment): (SessionId, SegmentId), files: Files) {
        let trace = files.trace.map(|entry| (Arc::clone(&entry.path), self.lines::<TraceEntry>(&entry)));
        let trace = trace.map(|(path, lines)| (path, lines.unwrap_or_default()));
        let Some(log) = files.log else {
            if let Some((file, lines)) = trace {
                let items = Some(lines.entries.len() as u64);
                self.lose(Loss {
                    file,
                    offset: 0,
                    bytes: 0,
                    items,
                    reason: "a trace without its log".to_owned(),
                });
            }
            return;
        };
        let Some(lines) = self.lines::<LogEntry>(&log) else { return };
        let trace = trace.map(|(_, lines)| lines.entries).unwrap_or_default();
        self.receipt.items += (lines.entries.len() + trace.len()) as u64;
        let place = Place { file: log.path, offset: 0, bytes: log.bytes, index: 0 };
        let item = Log { session, segment, entries: lines.entries, trace };
        self.found.push_back(Found::Item(Placed { place, item }));
    }

    /// The lines of a file; what is none is told. None if it cannot be read.
    fn lines<T: serde::de::DeserializeOwned>(&mut self, entry: &Entry) -> Option<Reading<T>> {
        let read = self.root.file(&entry.path).and_then(|file| {
            let mut counted = Counted { file, bytes: 0 };
            let lines = read_lines(&entry.path, &mut counted)?;
            Ok((lines, counted.bytes))
        });
        let (lines, bytes) = match read {
            Ok(read) => read,
            Err(error) => {
                self.receipt.bytes += entry.bytes;
                self.receipt.lost_bytes += entry.bytes;
                let reason = format!("the file cannot be read: {error}");
                let (file, bytes) = (Arc::clone(&entry.path), entry.bytes);
                self.lose(Loss { file, offset: 0, bytes, items: None, reason });
                return None;
            }
        };
        self.receipt.files += 1;
        self.receipt.bytes += bytes;
        self.receipt.kept_bytes += bytes;
        for DamagedLine { line, byte, len, what, reason, .. } in &lines.damaged {
            let items = Some(u64::from(*what == Fault::Damaged));
            let reason = format!("line {line}: {reason}");
            self.receipt.kept_bytes = self.receipt.kept_bytes.saturating_sub(*len);
            self.receipt.lost_bytes += len;
            self.lose(Loss { file: Arc::clone(&entry.path), offset: *byte, bytes: *len, items, reason });
        }
        Some(lines)
    }

    fn lose(&mut self, loss: Loss) {
        self.receipt.lose(&loss);
        self.found.push_back(Found::Lost(loss));
    }
}

impl Iterator for Logs {
    type Item = Found<Log>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Some(found);
            }
            let (ids, files) = self.segments.pop_front()?;
            self.segment(ids, files);
        }
    }
}

impl Foreign for Logs {
    type Taken = Log;

    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

/// A file, and how much of it was read.
struct Counted<R> {
    file: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let some = self.file.read(into)?;
        self.bytes += some as u64;
        Ok(some)
    }
}

/// Every log of a store of ours, for [`into_sessions`] of another one: so files are made of a journal again. What is damaged
/// there is told as lost; so is a log that cannot be read at all.
///
/// # Errors
/// [`Error::Sessions`] if the store cannot list them.
pub fn logs_of(store: &dyn Store) -> Result<impl Iterator<Item = Found<Log>> + '_, Error> {
    let mut all = Vec::new();
    for session in store.list_sessions()?.into_iter().rev() {
        all.extend(store.list_segments(session)?.into_iter().rev().map(|segment| (session, segment)));
    }
    Ok(all.into_iter().flat_map(move |(session, segment)| {
        found_in(store, session, segment).unwrap_or_else(|error| {
            let Place { file, .. } = place_of(session, segment);
            let reason = format!("it cannot be read: {error}");
            vec![Found::Lost(Loss { file, offset: 0, bytes: 0, items: None, reason })]
        })
    }))
}

fn found_in(
    store: &dyn Store,
    session: SessionId,
    segment: SegmentId,
) -> Result<Vec<Found<Log>>, StoreError> {
    let log = store.read(session, segment)?;
    let trace = match store.read_trace(session, segment) {
        Err(StoreError::Unsupported(_)) => Reading::default(),
        trace => trace?,
    };
    let lost = |line: DamagedLine| {
        Found::Lost(Loss {
            file: Arc::from(line.path),
            offset: line.byte,
            bytes: line.len,
            items: Some(u64::from(line.what == Fault::Damaged)),
            reason: line.reason,
        })
    };
    let mut found: Vec<Found<Log>> = log.damaged.into_iter().chain(trace.damaged).map(lost).collect();
    let item = Log { session, segment, entries: log.entries, trace: trace.entries };
    found.push(Found::Item(Placed { place: place_of(session, segment), item }));
    Ok(found)
}

fn place_of(session: SessionId, segment: SegmentId) -> Place {
    let file = Arc::from(Path::new(&format!("{session}/{segment}.jsonl")));
    Place { file, offset: 0, bytes: 0, index: 0 }
}

/// Puts logs into a store. What stands there already is left as it is: of a log that goes on, what follows is appended; one
/// that says something else there is refused, and told as a loss. `watch` sees everything that is found, as for
/// [`super::into_queue`]; entries are counted, those of traces too.
///
/// # Errors
/// [`Error::Sessions`] if the store cannot be read or written; what was appended stays.
pub fn into_sessions(
    logs: impl Iterator<Item = Found<Log>>,
    store: &dyn Store,
    mut watch: impl FnMut(&Found<Log>, Taken) -> bool,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    for found in logs {
        let mut told = None;
        if let Found::Item(Placed { place, item }) = &found {
            let mut put = Put { appended: 0, duplicates: 0 };
            let refusal = put.log(item, store);
            taken.appended += put.appended;
            match refusal {
                Ok(()) => taken.duplicates += put.duplicates,
                Err(error) if error.kind() != Kind::Fix => return Err(error.into()),
                Err(error) => {
                    let reason = match error {
                        StoreError::Unsupported(what) => what.to_owned(),
                        error => error.to_string(),
                    };
                    let refused = (item.entries.len() + item.trace.len()) as u64 - put.appended;
                    taken.refused += refused;
                    let file = Arc::clone(&place.file);
                    told =
                        Some(Found::Lost(Loss { file, offset: 0, bytes: 0, items: Some(refused), reason }));
                }
            }
        }
        if !watch(told.as_ref().unwrap_or(&found), taken) {
            break;
        }
    }
    Ok(taken)
}

/// What a log that says something else is refused with.
const OTHER: StoreError =
    StoreError::Unsupported("a segment of this id stands there already, and says something else");

/// What became of one log's entries.
struct Put {
    appended: u64,
    duplicates: u64,
}

impl Put {
    fn log(&mut self, log: &Log, store: &dyn Store) -> Result<(), StoreError> {
        let Log { session, segment, entries, trace } = log;
        let stands = if store.exists(*session, *segment)? {
            let there = store.read(*session, *segment)?;
            let same = there.entries.len().min(entries.len());
            if !there.is_whole() || there.entries[..same] != entries[..same] {
                return Err(OTHER);
            }
            self.duplicates += same as u64;
            same
        } else {
            let first = &entries[..entries.len().min(AT_ONCE)];
            store.create_segment(*session, *segment, first)?;
            self.appended += first.len() as u64;
            first.len()
        };
        for part in entries[stands..].chunks(AT_ONCE) {
            store.append_many(*session, *segment, part)?;
            self.appended += part.len() as u64;
        }
        let noted = store.read_trace(*session, *segment)?.entries;
        let same = noted.len().min(trace.len());
        if noted[..same] != trace[..same] {
            return Err(OTHER);
        }
        self.duplicates += same as u64;
        for entry in &trace[same..] {
            store.append_trace(*session, *segment, entry)?;
            self.appended += 1;
        }
        store.sync(*session, *segment)
    }
}
