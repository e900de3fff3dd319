//! The readers of single structures, without a journal around them.
//!
//!   bytes -> frame, header, seal          directory -> what one file beside the segments says
//!
//! For `crates/hostile`, which throws bytes at them by the million. No part of any promise to other crates.

use std::fmt::Debug;
use std::path::Path;

use annals_record::{LogId, Offset, Term};

use crate::backup;
use crate::crc::{LastWord, Stamp};
use crate::cursors;
use crate::disk::Disk;
use crate::error::Error;
use crate::frame::{self, Commit, Frame, Parsed};
use crate::holes::Holes;
use crate::keys::Keys;
use crate::purged::Purged;
use crate::seal::Seal;
use crate::segment::SegmentHeader;
use crate::watermark;

/// What stands at a place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A record of so many bytes.
    Record(usize),
    /// A commit frame: where its group begins, what was durable, when, how many records.
    Commit(u64, u64, i64, u32),
    /// Another control frame, with a body of so many bytes.
    Control(usize),
    /// One that is passed over whatever is in it.
    Skipped,
    /// A frame that says it is a seal.
    Seal,
    /// Zeros.
    Zeros,
    /// A frame that needs so many bytes.
    Short(usize),
    /// Nothing that verifies.
    Bad,
}

/// What stands at the beginning of these bytes, and how long it is; read by itself, and as one frame of a row.
pub struct Frames {
    stamp: Stamp,
    last: LastWord,
}

impl Frames {
    /// Frames of this log and term.
    #[must_use]
    pub fn new(log: LogId, term: Term) -> Self {
        Self { stamp: Stamp::new(&log, term), last: LastWord::default() }
    }

    /// The frame by itself.
    #[must_use]
    pub fn alone(&self, bytes: &[u8], offset: Offset) -> (Found, usize) {
        found(frame::parse_at(bytes, self.stamp, offset))
    }

    /// The frame behind the one that was read last.
    pub fn next(&mut self, bytes: &[u8], offset: Offset) -> (Found, usize) {
        found(frame::parse_next(bytes, self.stamp, offset, &mut self.last))
    }
}

fn found(parsed: Parsed) -> (Found, usize) {
    match parsed {
        Parsed::Frame(frame, whole) => {
            let found = match frame {
                Frame::Record { len } => Found::Record(len),
                Frame::Commit(Commit { batch_start, durable_upto, time_micros, records }) => {
                    Found::Commit(batch_start.get(), durable_upto.get(), time_micros, records)
                }
                Frame::Control(_, len) => Found::Control(len),
                Frame::Skipped => Found::Skipped,
                Frame::Seal => Found::Seal,
            };
            (found, whole)
        }
        Parsed::Zeros => (Found::Zeros, 0),
        Parsed::Short(whole) => (Found::Short(whole), 0),
        Parsed::Bad(_) => (Found::Bad, 0),
    }
}

/// A segment's header, read and written again.
#[must_use]
pub fn header(block: &[u8]) -> Option<Vec<u8>> {
    SegmentHeader::decode(block).ok().map(|header| header.encode())
}

/// A seal that stands at `offset` of the segment with this header, read and written again.
#[must_use]
pub fn seal(bytes: &[u8], block: &[u8], offset: Offset) -> Option<Vec<u8>> {
    let header = SegmentHeader::decode(block).ok()?;
    Seal::decode(bytes, &header, offset).ok().map(|seal| seal.encode(&header))
}

/// The remembered idempotency keys below `end`, read and written again.
#[must_use]
pub fn keys(bytes: &[u8], log: LogId, end: Offset, most: u32) -> Option<Vec<u8>> {
    let mut keys = Keys::new(most);
    keys.decode(bytes, log, end).map(|base| keys.encode(log, base))
}

/// What the watermark in `dir` says.
#[must_use]
pub fn watermark(disk: &dyn Disk, dir: &Path) -> Option<String> {
    watermark::any_mark(disk, dir).ok().flatten().map(|mark| said(&mark))
}

/// Where the named cursors in `dir` stand.
#[must_use]
pub fn cursors(disk: &dyn Disk, dir: &Path) -> Option<String> {
    let registered = cursors::registered(disk, dir).ok()?;
    Some(said(&registered.iter().map(|one| said(&(&one.name, one.found.as_ref().ok()))).collect::<Vec<_>>()))
}

/// How far the log in `dir` was purged; read, written again, and read once more.
///
/// # Errors
/// If what was written cannot be read.
pub fn purged(disk: &dyn Disk, dir: &Path) -> Result<Option<[String; 2]>, Error> {
    let Ok(Some(purged)) = Purged::read(disk, dir) else { return Ok(None) };
    purged.write(disk, dir)?;
    let again = Purged::read(disk, dir)?;
    Ok(Some([said(&Some(purged)), said(&again)]))
}

/// The holes of the log in `dir`; read, written again, and read once more.
///
/// # Errors
/// If what was written cannot be read.
pub fn holes(disk: &dyn Disk, dir: &Path, log: LogId) -> Result<Option<[String; 2]>, Error> {
    let Ok(holes) = Holes::load(disk, dir, log) else { return Ok(None) };
    if holes.damage().is_some() {
        return Ok(None);
    }
    // What a reader asks of a list, wherever it is.
    for hole in holes.list() {
        for at in [hole.offset.get().saturating_sub(1), hole.offset.get(), hole.end().get()] {
            let at = Offset::new(at);
            let bridged = holes.bridge(at);
            assert!(bridged >= at && holes.at(bridged).is_none(), "{bridged} is in a hole");
            let _ = (holes.next(at), holes.beginning(at), holes.within(at, bridged), holes.term());
        }
    }
    holes.replace(disk, dir, log)?;
    Ok(Some([said(&holes.list()), said(&Holes::load(disk, dir, log)?.list())]))
}

/// The backups that the journal in `dir` knows of.
#[must_use]
pub fn backups(disk: &dyn Disk, dir: &Path, log: LogId) -> String {
    said(&backup::receipt::read(disk, dir, log))
}

fn said(what: &dyn Debug) -> String {
    format!("{what:?}")
}
