//! Every byte of a log flipped, every length of its files cut, in turn.
//!
//!   a log of 1 MiB in 16 segments, killed -> one bit | one cut -> opened anew: the segment that was hit is read and dumped
//!                                                              -> where it is written to: opened for writing, too
//!
//! EB1: every record is served as it was appended, or lies in a range that is told.
//! EB2: what is told reaches no further than the group that was hit, or the segment, where header or length was.
//! EB3: a change that no reading tells lies in bytes that mean nothing, or made the watermark lag; then an open for writing
//!      serves everything.
//! EB4: without a watermark the last group alone passes for a torn tail: the residual that docs/durability.md names.
//!
//! No reading of one segment depends on the frames of another, so only the one that was hit is read each time, with the
//! headers and seals of all; the whole log is read, verified and opened for writing for every `whole`th change.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::bare::Found;
use annals_journal::dump::{SegmentFile, Stretch};
use annals_journal::{Disk, Error, Journal, Reader};
use annals_record::{Log, LogError, Offset, ReadLimit};
use annals_testkit::{ManualClock, SimDisk, Survival};
use fastrand::Rng;

use crate::forge::{self, Place};
use crate::life::{self, DIR, Life};

/// The length of a segment of the log.
const SEGMENT: u64 = 64 << 10;
/// A copy of the disk is used for so many changes: it keeps a list of its calls.
const REUSED: usize = 64;
const WATERMARK: &str = "watermark";

/// A change of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One bit of one byte.
    Flip(usize, u8),
    /// The file's length.
    Cut(usize),
}

/// What came of the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bits that were flipped.
    pub flips: u64,
    /// Lengths that were cut.
    pub cuts: u64,
    /// Changes that were told as damage.
    pub told: u64,
    /// Changes of bytes that mean nothing: zeros behind the log, an older slot. Everything was served.
    pub meaningless: u64,
    /// Changes that made the watermark lag: readers see less until the next writer, who lost nothing.
    pub lagging: u64,
    /// Changes that looked like a torn tail, for want of a watermark.
    pub residual: u64,
    /// How often the whole log was read, verified and opened for writing.
    pub whole: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.flips += other.flips;
        self.cuts += other.cuts;
        self.told += other.told;
        self.meaningless += other.meaningless;
        self.lagging += other.lagging;
        self.residual += other.residual;
        self.whole += other.whole;
    }
}

/// A log to be hurt.
pub struct Subject {
    life: Life,
    image: SimDisk,
    /// The segments' bases, rising, with where each ends.
    segments: Vec<(PathBuf, Range<u64>)>,
    /// The groups, each from its first frame to the end of its commit frame.
    groups: Vec<Range<u64>>,
    /// For each file, where in it frames begin.
    frames: Vec<Vec<usize>>,
}

impl Subject {
    /// A log of `bytes` bytes, or a little more.
    ///
    /// # Errors
    /// None on a disk without faults.
    pub fn new(bytes: u64, seed: u64) -> Result<Self, Error> {
        let life = Life::of_bytes(bytes, SEGMENT, seed)?;
        let mut paths: Vec<&PathBuf> =
            life.files.iter().map(|(path, _)| path).filter(|path| life::base(path).is_some()).collect();
        paths.sort();
        let bases: Vec<u64> = paths.iter().filter_map(|path| life::base(path)).collect();
        let ends = bases.iter().skip(1).copied().chain([life.durable]);
        let segments: Vec<_> =
            paths.into_iter().cloned().zip(bases.iter().zip(ends).map(|(base, end)| *base..end)).collect();
        let (mut all, mut frames) = (Vec::new(), Vec::new());
        for (path, bytes) in &life.files {
            let (groups, starts) = groups(path, bytes);
            all.extend(groups);
            frames.push(starts);
        }
        let image = life.disk();
        Ok(Self { life, image, segments, groups: all, frames })
    }

    /// The files whose bytes are changed, with their lengths.
    pub fn files(&self) -> impl Iterator<Item = (usize, usize)> {
        self.life.files.iter().map(|(_, bytes)| bytes.len()).enumerate()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.files().map(|(_, len)| len).sum()
    }

    /// Which bits of a byte are flipped: all of a header's fields, a frame's header, a slot; else one.
    fn bits(&self, file: usize, at: usize, rng: &mut Rng) -> Range<u8> {
        let one = rng.u8(..8);
        let frames = &self.frames[file];
        let frame = frames.partition_point(|start| *start <= at).checked_sub(1).map(|before| frames[before]);
        let head = match frame {
            Some(start) => at - start < forge::FRAME,
            None => at % 4096 < 128,
        };
        if head { 0..8 } else { one..one + 1 }
    }

    /// All changes of a range of a file's bytes: flips where they stand, and a cut before each.
    pub fn changes(&self, file: usize, range: Range<usize>, seed: u64) -> Vec<Change> {
        let mut rng = Rng::with_seed(seed ^ (file as u64) << 32);
        let mut changes = Vec::new();
        for at in range {
            changes.extend(self.bits(file, at, &mut rng).map(|bit| Change::Flip(at, bit)));
            changes.push(Change::Cut(at));
        }
        changes
    }

    /// Makes these changes of one file one after the other, each undone before the next.
    pub fn hurt(&self, file: usize, changes: &[Change], whole: usize) -> Tally {
        let (path, bytes) = &self.life.files[file];
        let mut tally = Tally::default();
        for (i, chunk) in changes.chunks(REUSED).enumerate() {
            let disk = fork(&self.image);
            for (j, change) in chunk.iter().enumerate() {
                match *change {
                    Change::Flip(at, bit) => {
                        tally.flips += 1;
                        let _ = disk.flip(path, at, bit);
                    }
                    Change::Cut(len) => {
                        tally.cuts += 1;
                        let _ = disk.truncate(path, len);
                    }
                }
                let every = (i * REUSED + j).is_multiple_of(whole);
                self.check(&disk, path, *change, every, &mut tally);
                match *change {
                    Change::Flip(at, bit) => drop(disk.flip(path, at, bit)),
                    Change::Cut(_) => drop(disk.write_file(path, bytes)),
                }
            }
        }
        tally
    }

    fn check(&self, disk: &SimDisk, path: &Path, change: Change, whole: bool, tally: &mut Tally) {
        let hit = self.hit(path, change);
        let segment = self.segments.iter().position(|(of, _)| of == path);
        let opened = Reader::open_on(shared(disk), clock(), Path::new(DIR));
        let reader = match opened {
            Ok(reader) => reader,
            // Without a watermark a reader says so; the next writer finds the end again.
            Err(Error::Damaged(_)) if path.ends_with(WATERMARK) => {
                self.writes(disk, &hit, 0..self.life.durable);
                tally.told += 1;
                return;
            }
            Err(error) => unreachable!("EB1: {change:?} of {}: {error}", path.display()),
        };
        let bounds = reader.bounds();
        let Ok(bounds) = bounds else {
            assert!(path.ends_with(WATERMARK), "EB1: {change:?} of {}: {bounds:?}", path.display());
            self.writes(disk, &hit, 0..self.life.durable);
            tally.told += 1;
            return;
        };
        let durable = bounds.durable.get();
        assert!(durable <= self.life.durable, "I3: the watermark leads: {change:?}");
        let range = match (segment, whole) {
            (Some(segment), false) => self.segments[segment].1.clone(),
            _ => 0..durable,
        };
        let mut told = self.served(&reader, range, &hit, change);
        if let Some(segment) = segment {
            told |= self.dumped(disk, segment, change);
        }
        if whole {
            tally.whole += 1;
            let verified = reader.verify(&mut |_, _| {});
            let found = verified.is_ok_and(|verified| !verified.damaged.is_empty());
            assert!(
                found || !told || hit.is_empty(),
                "I7: verify says nothing of {change:?} of {}",
                path.display()
            );
            told |= found;
        }
        let lags = durable < self.life.durable;
        let last = segment.is_none_or(|segment| segment + 1 == self.segments.len());
        if whole || lags || last {
            let from =
                if whole || lags { 0 } else { self.segments.last().map_or(0, |(_, range)| range.start) };
            self.writes(disk, &hit, from..self.life.durable);
        }
        match (told, lags) {
            (true, _) => tally.told += 1,
            (false, true) => tally.lagging += 1,
            (false, false) => tally.meaningless += 1,
        }
        let silent = !told && !hit.is_empty();
        assert!(!silent, "EB3: nothing is said of {change:?} of {}", path.display());
    }

    /// The range of the log that a change may take away.
    fn hit(&self, path: &Path, change: Change) -> Range<u64> {
        let Some((_, range)) = self.segments.iter().find(|(of, _)| of == path) else { return 0..0 };
        let at = match change {
            Change::Flip(at, _) | Change::Cut(at) => at as u64,
        };
        let Some(offset) = at.checked_sub(forge::HEADER as u64).map(|at| range.start + at) else {
            return range.clone();
        };
        let group = self.groups.iter().find(|group| group.contains(&offset) && range.contains(&group.start));
        match (change, group) {
            (Change::Cut(_), Some(group)) => group.start..range.end,
            (Change::Cut(_), None) => offset.min(range.end)..range.end,
            (Change::Flip(..), Some(group)) => group.clone(),
            // A seal, or what was never written: no record lies there.
            (Change::Flip(..), None) => offset.min(range.end)..range.end,
        }
    }

    /// EB1 and EB2, for a range of the log; whether anything was told.
    fn served(&self, log: &impl Log, range: Range<u64>, hit: &Range<u64>, change: Change) -> bool {
        let from = self.life.kept.partition_point(|(offset, _)| *offset < range.start);
        let until = self.life.kept.partition_point(|(offset, _)| *offset < range.end);
        let mut kept = self.life.kept[from..until].iter().peekable();
        let (mut at, mut told) = (range.start, false);
        while at < range.end {
            let next = match log.read(Offset::new(at), ReadLimit { records: 10_000, bytes: 1 << 20 }) {
                Ok(batch) => {
                    for entry in batch.iter().filter(|entry| entry.offset.get() < range.end) {
                        let Some((offset, payload)) = kept.next() else {
                            unreachable!("EB1: {change:?}: the record at {} was never appended", entry.offset)
                        };
                        assert_eq!(*offset, entry.offset.get(), "EB1: {change:?}: gone in silence");
                        assert!(
                            payload == entry.payload,
                            "EB1: {change:?}: the record at {offset} is another"
                        );
                    }
                    batch.next().get()
                }
                Err(LogError::Damaged { offset, len, .. }) => {
                    let end = offset.get() + len;
                    while let Some((gone, _)) = kept.next_if(|(offset, _)| *offset < end) {
                        assert!(
                            hit.contains(gone),
                            "EB2: {change:?}: the record at {gone} is gone, {hit:?} was hit"
                        );
                    }
                    told = true;
                    end
                }
                Err(error) => unreachable!("EB1: {change:?}: {error}"),
            };
            assert!(next > at, "{change:?}: reading stands still at {at}");
            at = next;
        }
        assert!(kept.next().is_none(), "EB1: {change:?}: records at the end are gone in silence");
        told
    }

    /// Whether a dump of the segment names something. It checks what reading does not: every BLAKE3, every sum of a seal.
    fn dumped(&self, disk: &SimDisk, segment: usize, change: Change) -> bool {
        let (path, range) = &self.segments[segment];
        let file = match SegmentFile::open(disk, path) {
            Ok(file) => file,
            Err(Error::NotAJournal { .. } | Error::NewerFormat { .. }) => return true,
            Err(error) => unreachable!("{change:?}: {error}"),
        };
        let mut told = file.flaw().is_some();
        let mut end = range.start;
        let Ok(mut frames) = file.frames() else { return true };
        while let Ok(Some(stretch)) = frames.next_stretch() {
            match stretch {
                Stretch::Frame(sound) => {
                    told |= sound.flaw.is_some();
                    end = sound.offset.get() + sound.len;
                }
                Stretch::Broken(broken) => {
                    // Behind the durable end nothing is damage.
                    told |= broken.offset.get() < range.end;
                    end = broken.offset.get() + broken.len;
                }
                _ => {}
            }
        }
        told | (end < range.end)
    }

    /// Opens for writing: what is durable is served, or refused with its place; nothing of it is cut.
    fn writes(&self, disk: &SimDisk, hit: &Range<u64>, range: Range<u64>) {
        let disk = fork(disk);
        let journal = match Journal::open_on(shared(&disk), clock(), Path::new(DIR), life::options(SEGMENT)) {
            Ok(journal) => journal,
            Err(error) => unreachable!("EB3: {error}"),
        };
        let report = journal.report();
        if let Some(torn) = &report.torn {
            assert!(
                torn.offset.get() >= self.life.durable,
                "I2: acknowledged bytes were cut at {}",
                torn.offset
            );
        }
        match &report.damage {
            Some(damage) => assert!(!hit.is_empty(), "EB3: {damage:?}"),
            None => assert!(journal.durable().get() >= self.life.durable, "EB3: the end is lost"),
        }
        let end = journal.durable().get().min(range.end);
        let refused = report.damage.as_ref().map_or(0..0, |damage| end..damage.offset.get() + damage.len);
        let lost = range.end.saturating_sub(end);
        assert!(lost == 0 || refused.contains(&(range.end - 1)), "EB1: the end is lost: {refused:?}");
        self.served(&journal, range.start..end.max(range.start), hit, Change::Cut(usize::MAX));
    }

    /// Flips every byte of the newest segment while the watermark says nothing, and counts what passes for a torn tail.
    ///
    /// # Errors
    /// None on a disk without faults.
    pub fn without_watermark(&self, step: usize, seed: u64) -> Result<Tally, Error> {
        let Some((path, range)) = self.segments.last() else { return Ok(Tally::default()) };
        let written = forge::HEADER + (range.end - range.start) as usize;
        let last = self.groups.iter().map(|group| group.end).max().unwrap_or(0);
        let last = self.groups.iter().find(|group| group.end == last).cloned().unwrap_or(0..0);
        let (mut rng, mut tally) = (Rng::with_seed(seed), Tally::default());
        for at in (forge::HEADER..written).step_by(step) {
            let disk = fork(&self.image);
            let _ = disk.write_file(Path::new(DIR).join(WATERMARK), &[0; 8192]);
            let _ = disk.flip(path, at, rng.u8(..8));
            tally.flips += 1;
            let offset = range.start + (at - forge::HEADER) as u64;
            let journal = Journal::open_on(shared(&disk), clock(), Path::new(DIR), life::options(SEGMENT))?;
            let report = journal.report();
            match (&report.damage, &report.torn) {
                (Some(damage), None) => {
                    assert!(damage.offset.get() <= offset, "EB4: {damage:?}, hit at {offset}");
                    tally.told += 1;
                }
                (None, Some(torn)) => {
                    assert!(last.contains(&offset), "EB4: {offset} was cut, the last group is {last:?}");
                    assert_eq!(torn.offset.get(), last.start, "EB4: more than the last group was cut");
                    tally.residual += 1;
                }
                found => unreachable!("EB4: {found:?}, hit at {offset}"),
            }
        }
        Ok(tally)
    }
}

/// The groups of a segment, and where in its file its frames begin, by the forge's reading of it.
fn groups(path: &Path, bytes: &[u8]) -> (Vec<Range<u64>>, Vec<usize>) {
    let (mut groups, mut starts) = (Vec::new(), Vec::new());
    let (Some(base), Some(place)) = (life::base(path), Place::of_header(bytes)) else {
        return (groups, starts);
    };
    let (mut at, mut start) = (base, base);
    let mut rest = &bytes[forge::HEADER..];
    loop {
        let (found, whole) = forge::expected(rest, Place { offset: at, ..place });
        if whole == 0 {
            return (groups, starts);
        }
        starts.push(bytes.len() - rest.len());
        if found == Found::Seal {
            return (groups, starts);
        }
        (at, rest) = (at + whole as u64, &rest[whole..]);
        if matches!(found, Found::Commit(..)) {
            groups.push(start..at);
            start = at;
        }
    }
}

fn fork(disk: &SimDisk) -> SimDisk {
    disk.crash(Survival::EVERYTHING, &mut Rng::with_seed(0))
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(2_000_000))
}
