//! The list of a journal's segments: from names and headers alone, in constant time for each.
//!
//!   offset -> binary search by base -> segment -> byte in its file
//!
//! R2: a segment below the place to which the log was purged is not served, whether its file is gone yet or not; one
//! that is missing at or above it is damage.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{LogId, Offset, Term, TermStart};

use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::purged::{self, Purged};
use crate::seal::{self, Seal, Sealed};
use crate::segment::{self, HEADER_LEN, HeaderError, SegmentHeader};
use crate::watermark;

/// One segment, or the place where one is missing.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    /// The base; for the first segment of a purged log the end of the last group that was purged: from there on nothing
    /// is missing.
    pub(crate) held_from: Offset,
    /// The next segment's base; none for the last one, which may be active.
    pub(crate) next: Option<Offset>,
    /// The header, or why there is none: then the whole range is damaged.
    pub(crate) header: Result<SegmentHeader, String>,
    /// What its seal says, if it has one that verifies.
    pub(crate) seal: Option<Sealed>,
    /// Why the file looks like nobody's, if it does.
    foreign: Option<String>,
    /// What is wrong with a segment that can be read all the same.
    pub(crate) flaw: Option<String>,
    pub(crate) path: PathBuf,
}

impl Segment {
    fn is_whole(&self) -> bool {
        self.header.is_ok() && self.flaw.is_none()
    }

    /// The segment that is written to.
    pub(crate) fn active(header: SegmentHeader, path: PathBuf) -> Self {
        Self {
            base: header.base,
            held_from: header.base,
            next: None,
            header: Ok(header),
            seal: None,
            foreign: None,
            flaw: None,
            path,
        }
    }
}

/// Where a log's first segment is expected, and how it begins as far as that is known.
#[derive(Debug, Default)]
struct Beginning {
    base: Offset,
    held_from: Offset,
    chain: Option<[u8; 32]>,
    records_before: Option<u64>,
    /// Why it is not known how far the log was purged.
    lost: Option<String>,
}

impl Beginning {
    fn lost(reason: String) -> Self {
        Self { lost: Some(reason), ..Self::default() }
    }
}

impl From<&Purged> for Beginning {
    fn from(purged: &Purged) -> Self {
        Self {
            base: purged.oldest,
            held_from: purged.records_end,
            chain: Some(purged.chain),
            records_before: Some(purged.records_before),
            lost: None,
        }
    }
}

/// Reads the segments of `dir`, in order. What is in `known` and has an end is not read again.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, known: &[Arc<Segment>]) -> Result<Vec<Arc<Segment>>, Error> {
    let mut tried = None;
    loop {
        let mut bases = purged::bases(disk, dir)?;
        // Read after the list: a purge writes down how far it goes before it removes a file, so what the list lacks is
        // covered here.
        let purged = match Purged::read(disk, dir) {
            Err(Error::Sidecar { path, reason }) => {
                Err(format!("{} does not verify: {reason}", path.display()))
            }
            read => Ok(read?),
        };
        let oldest = purged.as_ref().ok().and_then(Option::as_ref).map(|purged| purged.oldest);
        let beginning = match &purged {
            Ok(Some(purged)) => Beginning::from(purged),
            Ok(None) => Beginning::default(),
            Err(reason) => Beginning::lost(reason.clone()),
        };
        let all = bases.clone();
        bases.retain(|base| *base >= beginning.base);
        if let (Some(purged_to), true) = (oldest, bases.is_empty()) {
            // All that was listed may have been purged since, behind a segment that was born since: what the next list
            // lacks, with the same purge behind it, is lost.
            if tried < Some(oldest) {
                tried = Some(oldest);
                continue;
            }
            let oldest = purged_to;
            let durable = watermark::any_mark(disk, dir).ok().flatten().map_or(oldest, |mark| mark.durable);
            let detail = format!("every segment is missing; the log was purged up to {oldest} only");
            let len = durable.get().saturating_sub(oldest.get());
            return Err(Error::Damaged(Damage { offset: oldest, len, detail }));
        }
        match assemble(disk, dir, known, &bases, &beginning) {
            // Another process has purged on since the list was read.
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && tried < Some(oldest) =>
            {
                tried = Some(oldest);
            }
            Ok(segments) => {
                let log = identity(disk, dir, &segments);
                return match &purged {
                    Ok(Some(purged)) if log.is_some_and(|log| log != purged.log) => {
                        let reason = format!("{} belongs to log {}", purged::FILE_NAME, purged.log);
                        assemble(disk, dir, known, &all, &Beginning::lost(reason))
                    }
                    _ => Ok(segments),
                };
            }
            Err(error) => return Err(error),
        }
    }
}

fn assemble(
    disk: &dyn Disk,
    dir: &Path,
    known: &[Arc<Segment>],
    bases: &[Offset],
    beginning: &Beginning,
) -> Result<Vec<Arc<Segment>>, Error> {
    let mut loaded: Vec<Arc<Segment>> = Vec::with_capacity(bases.len());
    for (i, base) in bases.iter().enumerate() {
        let next = bases.get(i + 1).copied();
        loaded.push(match known.binary_search_by_key(base, |segment| segment.base) {
            // What is damaged may have been mended since.
            Ok(at) if known[at].next.is_some() && known[at].next == next && known[at].is_whole() => {
                Arc::clone(&known[at])
            }
            _ => Arc::new(load_one(disk, dir, *base, next)?),
        });
    }
    let log = identity(disk, dir, &loaded);
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(loaded.len());
    for segment in loaded {
        join(&mut segments, segment, dir, log, beginning);
    }
    if let Some(first) = segments.first_mut()
        && first.held_from != beginning.held_from
        && first.base == beginning.base
    {
        Arc::make_mut(first).held_from = beginning.held_from;
    }
    // One file among ours that looks like nobody's has a damaged header; if all do, they are not ours.
    let ours = segments.iter().any(|segment| segment.header.is_ok())
        || matches!(watermark::any_mark(disk, dir), Ok(Some(_)));
    match segments.iter().find_map(|segment| segment.foreign.as_ref().map(|reason| (segment, reason))) {
        Some((segment, reason)) if !ours => {
            Err(Error::NotAJournal { path: segment.path.clone(), reason: reason.clone() })
        }
        _ => Ok(segments),
    }
}

/// Which log this is: the one the watermark names, if a segment is of it, else the one that most segments are of. A
/// single segment of another log that was put among ours does not decide.
fn identity(disk: &dyn Disk, dir: &Path, segments: &[Arc<Segment>]) -> Option<LogId> {
    let mut counts: BTreeMap<LogId, usize> = BTreeMap::new();
    for header in segments.iter().filter_map(|segment| segment.header.as_ref().ok()) {
        *counts.entry(header.log).or_default() += 1;
    }
    match watermark::any_mark(disk, dir) {
        Ok(Some(mark)) if counts.contains_key(&mark.log) => Some(mark.log),
        _ => counts.into_iter().max_by_key(|(_, count)| *count).map(|(log, _)| log),
    }
}

/// Appends a segment to those before it; what does not fit becomes a flaw, what is missing a segment of its own.
fn join(
    segments: &mut Vec<Arc<Segment>>,
    loaded: Arc<Segment>,
    dir: &Path,
    log: Option<LogId>,
    beginning: &Beginning,
) {
    let (expected, mut chain) = match segments.last() {
        None => (beginning.base, beginning.chain),
        Some(last) => {
            (last.seal.map_or(loaded.base, |seal| seal.next_base), last.seal.map(|seal| seal.chain))
        }
    };
    if expected < loaded.base {
        let reason = match &beginning.lost {
            Some(lost) if segments.is_empty() => format!("the segment is missing, or was purged: {lost}"),
            _ => "the segment is missing".to_owned(),
        };
        let missing = Segment {
            base: expected,
            held_from: expected,
            next: Some(loaded.base),
            header: Err(reason),
            foreign: None,
            seal: None,
            flaw: None,
            path: dir.join(segment::file_name(expected)),
        };
        if let Some(last) = segments.last_mut() {
            Arc::make_mut(last).next = Some(expected);
        }
        segments.push(Arc::new(missing));
        chain = None;
    }
    let stray = match &loaded.header {
        Ok(header) if log.is_some_and(|log| log != header.log) => {
            Some(format!("it belongs to log {}", header.log))
        }
        Ok(header) if chain.is_some_and(|chain| chain != header.chain) => {
            Some("it does not continue the segment before it".to_owned())
        }
        Ok(_) if expected > loaded.base => Some(format!("the segment before it ends at {expected}")),
        Ok(header)
            if segments.is_empty()
                && beginning.records_before.is_some_and(|before| before != header.records_before) =>
        {
            Some(format!("{} records stand before it, not as many as were purged", header.records_before))
        }
        _ => None,
    };
    match stray {
        None => segments.push(loaded),
        Some(reason) => {
            segments.push(Arc::new(Segment { header: Err(reason), seal: None, ..(*loaded).clone() }));
        }
    }
}

fn load_one(disk: &dyn Disk, dir: &Path, base: Offset, next: Option<Offset>) -> Result<Segment, Error> {
    let path = dir.join(segment::file_name(base));
    let failed = |error| Error::io("read", &path, error);
    let file = disk.open(&path, Mode::Read).map_err(|error| Error::io("open", &path, error))?;
    let mut block = vec![0; HEADER_LEN as usize];
    let read = disk::read_full(&*file, &mut block, 0).map_err(failed)?;
    let mut foreign = None;
    let header = match SegmentHeader::decode(&block[..read]) {
        Ok(header) if header.base == base => Ok(header),
        Ok(header) => Err(format!("it was renamed: its header says {:016x}", header.base.get())),
        Err(HeaderError::Damaged(reason)) => Err(reason),
        Err(HeaderError::Foreign(reason)) => {
            foreign = Some(reason.clone());
            Err(format!("it has no header of ours: {reason}"))
        }
        Err(HeaderError::Newer(found)) => {
            return Err(Error::NewerFormat { path, found, known: segment::FORMAT });
        }
    };
    let (mut seal, mut flaw) = (None, None);
    if let (Ok(header), Some(next)) = (&header, next) {
        match read_seal(&*file, header).map_err(failed)? {
            Ok(found) if found.next_base() <= next => seal = Some(found.sealed()),
            Ok(found) => {
                flaw =
                    Some(format!("the seal ends at {}, the next segment begins before", found.next_base()));
            }
            Err(reason) => flaw = Some(reason),
        }
    }
    Ok(Segment { base, held_from: base, next, header, seal, foreign, flaw, path })
}

/// The seal at the end of a sealed segment's file, or why there is none.
pub(crate) fn read_seal(file: &dyn DiskFile, header: &SegmentHeader) -> io::Result<Result<Seal, String>> {
    let len = file.len()?;
    let mut trailer = [0; seal::TRAILER];
    let at = len.saturating_sub(seal::TRAILER as u64);
    let read = disk::read_full(file, &mut trailer, at)?;
    let Some(frame_len) = seal::announced(&trailer[..read]) else {
        return Ok(Err("the file does not end with a seal".to_owned()));
    };
    let Some(start) =
        len.checked_sub(frame_len).filter(|start| *start >= HEADER_LEN && frame_len <= seal::MAX_LEN)
    else {
        return Ok(Err(format!("the trailer announces a seal of {frame_len} bytes")));
    };
    let mut bytes = vec![0; frame_len as usize];
    let read = disk::read_full(file, &mut bytes, start)?;
    Ok(Seal::decode(&bytes[..read], header, header.offset(segment::FilePos(start))))
}

/// The segment in which `offset` lies; where only what holds no record was purged, the first one, whose base is then
/// behind `offset`.
pub(crate) fn find(segments: &[Arc<Segment>], offset: Offset) -> Option<&Arc<Segment>> {
    match segments.partition_point(|segment| segment.base <= offset) {
        0 => segments.first().filter(|first| first.held_from <= offset),
        behind => segments.get(behind - 1),
    }
}

/// Forgets the segments below `oldest`, which were purged; their last group ended at `records_end`.
pub(crate) fn begin_at(segments: &mut Vec<Arc<Segment>>, oldest: Offset, records_end: Offset) {
    segments.retain(|segment| segment.base >= oldest);
    if let Some(first) = segments.first_mut() {
        Arc::make_mut(first).held_from = records_end;
    }
}

/// The newest term.
pub(crate) fn newest_term(segments: &[Arc<Segment>]) -> Term {
    let newest = segments.iter().rev().find_map(|segment| segment.header.as_ref().ok());
    newest.map_or(Term::FIRST, |header| header.term)
}

/// Each term and where it began, oldest first.
pub(crate) fn terms(segments: &[Arc<Segment>]) -> Vec<TermStart> {
    let mut terms: Vec<TermStart> = Vec::new();
    for header in segments.iter().filter_map(|segment| segment.header.as_ref().ok()) {
        if terms.last().is_none_or(|last| last.term < header.term) {
            terms.push(TermStart { term: header.term, start: header.term_start });
        }
    }
    if terms.is_empty() {
        terms.push(TermStart { term: Term::FIRST, start: Offset::ZERO });
    }
    terms
}
