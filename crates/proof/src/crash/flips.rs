//! Damage to a crash image: a bit that flips, a sector that is lost, or comes from elsewhere, two records that change places.
//!
//!   image -> recovered whole: what is there without damage -> hit -> opened: every acknowledged record as it was, or told
//!
//! D1: what was acknowledged is served as it was, or lies in a range that is told, or falls into the window that
//! `docs/durability.md` names: nothing says that it was durable, neither the watermark nor a group behind it.
//! D2: a bit that is wrong in a finished segment or in a header is told even where no record is lost by it.
//! D3: where damage is told nothing is cut.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::{Depth, Disk, Error, Journal, VerifyOptions};
use annals_record::{Log, LogError, Offset, ReadLimit};
use annals_testkit::{SimDisk, Survival};
use fastrand::Rng;

use super::image::Images;
use super::life::{DIR, open};
use super::promise::{Kept, Promise, hold};

/// Bytes before a segment's first frame, and of a frame's header: see `docs/format.md`.
pub(crate) const SEGMENT_HEADER: u64 = 4096;
const FRAME_HEADER: u64 = 40;
const SECTOR: usize = 512;

/// What was done to which bytes.
struct Hit {
    path: PathBuf,
    /// The bytes that are different now.
    bytes: Vec<usize>,
    what: &'static str,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.bytes.first().unwrap_or(&0), self.bytes.last().unwrap_or(&0));
        write!(f, "{} {} bytes, {first} to {last}, of {}", self.what, self.bytes.len(), self.path.display())
    }
}

pub(crate) fn hit(images: &mut Images<'_>, image: &SimDisk, promise: &Promise) -> Result<(), String> {
    let pristine = image.copy();
    let shared: Arc<dyn Disk> = Arc::new(pristine.clone());
    let journal = open(&shared, images.plan.options).map_err(|error| format!("does not open: {error}"))?;
    let mut whole = promise.clone();
    whole.settle(&journal, images.rng)?;
    let remain = segments(&pristine);
    pristine.cut_power_after(0);
    drop(journal);
    for _ in 0..images.rng.u32(1..4) {
        let damaged = image.crash(Survival::EVERYTHING, images.rng);
        let Some(hit) = damage(&damaged, &whole, images.rng) else { continue };
        images.counts.flips += 1;
        check(images, image, &damaged, promise, (&whole, &remain), &hit)
            .map_err(|what| format!("{hit}: {what}"))?;
    }
    Ok(())
}

/// Hits a file; none if that would change nothing.
fn damage(disk: &SimDisk, whole: &Promise, rng: &mut Rng) -> Option<Hit> {
    let segments = segments(disk);
    let newest = segments.last()?.clone();
    let path = match rng.u32(..10) {
        0..5 => newest,
        5..8 => segments[rng.usize(..segments.len())].clone(),
        8 => Path::new(DIR).join("watermark"),
        _ => {
            let dirs = [PathBuf::from(DIR), Path::new(DIR).join("cursors")];
            let files: Vec<PathBuf> =
                dirs.iter().flat_map(|dir| disk.files(dir).unwrap_or_default()).collect();
            files[rng.usize(..files.len())].clone()
        }
    };
    let before = disk.read_file(&path).ok()?;
    let written = before.iter().rposition(|byte| *byte != 0)? + 1;
    let mut after = before.clone();
    let what = match rng.u32(..10) {
        0..7 => {
            after[rng.usize(..written)] ^= 1 << rng.u32(..8);
            "flipped"
        }
        7 => {
            let first = rng.usize(..written) / SECTOR * SECTOR;
            let end = (first + SECTOR).min(after.len());
            after[first..end].fill(0);
            "zeroed"
        }
        8 => {
            let (to, from) = (rng.usize(..written) / SECTOR * SECTOR, rng.usize(..written) / SECTOR * SECTOR);
            let len = SECTOR.min(after.len() - to).min(after.len() - from);
            after.copy_within(from..from + len, to);
            "misdirected"
        }
        _ => {
            swap(&mut after, base(&path)?, &whole.kept, rng)?;
            "swapped"
        }
    };
    let bytes: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    disk.write_file(&path, &after).ok()?;
    (!bytes.is_empty()).then_some(Hit { path, bytes, what })
}

/// Two records of the same length in one segment change places.
fn swap(bytes: &mut [u8], base: u64, kept: &[Kept], rng: &mut Rng) -> Option<()> {
    let within = |kept: &&Kept| {
        let at = kept.offset.get();
        at >= base && place(base, at) + whole_len(kept) <= bytes.len()
    };
    let here: Vec<&Kept> = kept.iter().filter(within).collect();
    let one = *here.get(rng.usize(..here.len().max(1)))?;
    let same: Vec<&&Kept> = here
        .iter()
        .filter(|other| other.payload.len() == one.payload.len() && other.offset != one.offset)
        .collect();
    let other = **same.get(rng.usize(..same.len().max(1)))?;
    let (first, second) = (one.offset.min(other.offset), one.offset.max(other.offset));
    let (first, second, len) = (place(base, first.get()), place(base, second.get()), whole_len(one));
    let (before, behind) = bytes.split_at_mut(second);
    before[first..first + len].swap_with_slice(&mut behind[..len]);
    Some(())
}

fn check(
    images: &mut Images<'_>,
    image: &SimDisk,
    damaged: &SimDisk,
    promise: &Promise,
    (whole, remain): (&Promise, &[PathBuf]),
    hit: &Hit,
) -> Result<(), String> {
    let watermark = watermark(damaged);
    let before: Vec<(PathBuf, Vec<u8>)> = segments(damaged)
        .into_iter()
        .filter_map(|path| Some((path.clone(), damaged.read_file(&path).ok()?)))
        .collect();
    let shared: Arc<dyn Disk> = Arc::new(damaged.clone());
    let journal = match open(&shared, images.plan.options) {
        Ok(journal) => journal,
        Err(error) => {
            hold!(is_told(&error), "refused with {error}");
            images.counts.flips_told += 1;
            return Ok(());
        }
    };
    let mut told = read(&journal, whole, promise, images.rng)?;
    let report = journal.report().clone();
    if let Some(damage) = &report.damage {
        // Where nothing is written any more, what lies behind is told with it: how far it went may not be known.
        told.damaged.push(damage.offset.get()..u64::MAX);
        for (path, bytes) in &before {
            let now = damaged.read_file(path).unwrap_or_default();
            hold!(now == *bytes, "D3: {} was changed although damage was told", path.display());
        }
    }
    let certain = &promise.kept[..promise.certain.min(promise.kept.len())];
    let mut residual = false;
    for (at, kept) in certain.iter().enumerate() {
        let offset = kept.offset.get();
        if told.served[at]
            || kept.offset < told.oldest
            || told.damaged.iter().any(|range| range.contains(&offset))
        {
            continue;
        }
        // Where only zeros are left of it, even the tail is no torn one.
        let from = report.torn.as_ref().map_or(told.end, |torn| torn.offset).get();
        hold!(
            from <= offset,
            "D1: the record at {offset} is gone in silence, the log ends at {from}: {:?}",
            told.damaged
        );
        hold!(
            watermark.is_none_or(|watermark| watermark <= from),
            "I2: cut at {from}, {watermark:?} was durable"
        );
        let vouched = vouched(image, from, promise, hit)?;
        hold!(vouched <= from, "I2: cut at {from}, a group says that all below {vouched} was durable");
        residual = true;
    }
    let lost_purge = told.oldest < whole.oldest
        && told
            .damaged
            .iter()
            // What a purge had not removed yet is there, and what the ones before it have is told.
            .any(|range| {
                range.contains(&told.oldest.get()) && range.end >= whole.oldest.min(promise.oldest).get()
            });
    hold!(
        lost_purge
            || told.oldest == whole.oldest
            || told.oldest == promise.oldest
            || promise.purging.contains(&told.oldest),
        "the log begins at {}",
        told.oldest
    );
    for (name, place) in super::promise::CURSORS.iter().zip(&whole.cursors) {
        if let Ok(cursor) = journal.cursor(name) {
            let most = place.told.iter().copied().chain([place.certain]).flatten().max();
            hold!(
                Some(cursor.position()) <= most,
                "C1: cursor {name} is ahead, {most:?}: {}",
                cursor.position()
            );
        }
    }
    if residual {
        let last = certain.last().map_or(0, |last| last.append);
        let from = report.torn.as_ref().map_or(told.end, |torn| torn.offset);
        let one = certain.iter().filter(|kept| kept.offset >= from).all(|kept| kept.append == last);
        let counts = &mut images.counts;
        *match (hit.what, one) {
            ("flipped", true) => &mut counts.flips_in_named_residual,
            ("flipped", false) => &mut counts.flips_in_named_residual_of_a_policy,
            _ => &mut counts.sectors_in_named_residual,
        } += 1;
        hold!(
            one || hit.what != "flipped" || images.plan.options.sync != annals_journal::SyncPolicy::Always,
            "more than the last group is lost in silence from {from} on"
        );
    } else if report.damage.is_some() || !told.damaged.is_empty() || !verified(&journal)? {
        images.counts.flips_told += 1;
    } else {
        hold!(!must_be_told(image, promise, remain, hit), "D2: not a word about it");
        images.counts.flips_harmless += 1;
    }
    if report.damage.is_none() && hits_seal(image, whole, hit) {
        let quick = VerifyOptions { depth: Depth::Quick, ..VerifyOptions::default() };
        let verified =
            journal.verify_with(quick, &mut |_, _| {}).map_err(|error| format!("verify: {error}"))?;
        hold!(!verified.is_ok(), "D2: a quick check says nothing of a seal that was hit");
    }
    damaged.cut_power_after(0);
    Ok(())
}

/// Whether the seal of a finished segment was hit, as its trailer says where that is.
fn hits_seal(image: &SimDisk, whole: &Promise, hit: &Hit) -> bool {
    let newest = segments(image).last() == Some(&hit.path);
    if newest || base(&hit.path).is_none_or(|base| base < whole.oldest.get()) {
        return false;
    }
    let bytes = image.read_file(&hit.path).unwrap_or_default();
    let Some((_, trailer)) = bytes.split_last_chunk::<16>() else { return false };
    let len = u64::from_le_bytes(trailer[..8].try_into().unwrap_or_default()) as usize;
    trailer.ends_with(b"annalsSL") && hit.bytes.iter().any(|at| at + len >= bytes.len())
}

/// Whether an open may answer so to bytes that do not verify.
fn is_told(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged(_) | Error::Sidecar { .. } | Error::NotAJournal { .. } | Error::NewerFormat { .. }
    )
}

fn verified(journal: &Journal) -> Result<bool, String> {
    journal
        .verify(&mut |_, _| {})
        .map(|verified| verified.is_ok())
        .map_err(|error| format!("verify: {error}"))
}

/// What a damaged log serves.
struct Told {
    /// Of each record whether it is there.
    served: Vec<bool>,
    damaged: Vec<Range<u64>>,
    oldest: Offset,
    end: Offset,
}

/// Reads a log, and holds every record to what was written. What was accepted and not durable, and cut where nothing was hit, may
/// be there all the same: damage may make a torn tail whole.
fn read(log: &impl Log, whole: &Promise, promise: &Promise, rng: &mut Rng) -> Result<Told, String> {
    let bounds = log.bounds().map_err(|error| error.to_string())?;
    let mut told = Told {
        served: vec![false; whole.kept.len()],
        damaged: Vec::new(),
        oldest: bounds.oldest,
        end: bounds.durable,
    };
    let records = if rng.bool() { 3 } else { usize::MAX };
    let (mut at, mut number) = (bounds.oldest, 0);
    while at < bounds.durable {
        let next = match log.read(at, ReadLimit { records, bytes: 64 << 10 }) {
            Ok(batch) => {
                for entry in batch.iter() {
                    while whole.kept.get(number).is_some_and(|kept| kept.offset < entry.offset) {
                        number += 1;
                    }
                    let accepted = || promise.kept.iter().find(|kept| kept.offset == entry.offset);
                    let known = whole.kept.get(number).filter(|kept| kept.offset == entry.offset);
                    let kept = known.or_else(accepted);
                    hold!(kept.is_some(), "D1: a record at {} that nobody wrote", entry.offset);
                    hold!(
                        kept.is_some_and(|kept| *kept.payload == *entry.payload && kept.id == entry.id),
                        "D1: the record at {} has other bytes",
                        entry.offset
                    );
                    if known.is_some() {
                        told.served[number] = true;
                    }
                }
                batch.next()
            }
            Err(LogError::Damaged { offset, len, .. }) => {
                told.damaged.push(offset.get()..offset.get() + len);
                Offset::new(offset.get() + len)
            }
            Err(error) => return Err(format!("reading from {at}: {error}")),
        };
        hold!(at < next, "reading stands still at {at}");
        at = next;
    }
    Ok(told)
}

/// Whether this damage may not go without a word. `remain` are the segments that an open leaves there if nothing was hit: the
/// others are purged, or were never born.
fn must_be_told(image: &SimDisk, promise: &Promise, remain: &[PathBuf], hit: &Hit) -> bool {
    let Some(base) = base(&hit.path).filter(|_| remain.contains(&hit.path)) else { return false };
    let segments = segments(image);
    let newest = segments.last() == Some(&hit.path);
    if !newest || hit.bytes.iter().any(|at| (*at as u64) < SEGMENT_HEADER) {
        return true;
    }
    let frames = promise.kept[..promise.certain.min(promise.kept.len())]
        .iter()
        .filter(|kept| kept.offset.get() >= base);
    let ranges: Vec<Range<usize>> = frames
        .map(|kept| place(base, kept.offset.get())..place(base, kept.offset.get()) + whole_len(kept))
        .collect();
    hit.bytes.iter().any(|at| ranges.iter().any(|range| range.contains(at)))
}

/// Up to where the groups behind `from` say that the log was durable, read from the image before it was hit, as
/// `docs/format.md` draws frames.
fn vouched(image: &SimDisk, from: u64, promise: &Promise, hit: &Hit) -> Result<u64, String> {
    let promise_end = promise.certain.min(promise.kept.len());
    let end = promise.kept[..promise_end].last().map_or(from, |last| last.offset.get());
    let segments = segments(image);
    let Some(path) = segments.iter().rfind(|path| base(path).is_some_and(|base| base <= from)) else {
        return Ok(0);
    };
    let bytes = image.read_file(path).map_err(|error| error.to_string())?;
    let base = base(path).unwrap_or(0);
    let (mut at, mut vouched, mut behind_first) = (from, 0, false);
    // As far as what was acknowledged goes: through the commit frame of the last of it.
    loop {
        let pos = place(base, at);
        let Some(frame) = bytes.get(pos..pos + FRAME_HEADER as usize) else { return Ok(vouched) };
        let word = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]);
        if word == 1 << 31 {
            let upto = u64::from_le_bytes(frame[16..24].try_into().unwrap_or_default());
            // A group does not vouch for itself, nor does one that was hit.
            let is_hit = *path == hit.path
                && hit.bytes.iter().any(|byte| (pos..pos + FRAME_HEADER as usize).contains(byte));
            if behind_first && !is_hit {
                vouched = vouched.max(upto);
            }
            behind_first = true;
            if at > end {
                return Ok(vouched);
            }
        }
        if word == 0 {
            return Ok(vouched);
        }
        at += (FRAME_HEADER + u64::from(word & ((1 << 28) - 1))).next_multiple_of(8);
    }
}

fn whole_len(kept: &Kept) -> usize {
    (FRAME_HEADER as usize + kept.payload.len()).next_multiple_of(8)
}

fn place(base: u64, offset: u64) -> usize {
    (SEGMENT_HEADER + offset - base) as usize
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut files = disk.files(DIR).unwrap_or_default();
    files.retain(|path| base(path).is_some());
    files
}

/// Where the log goes on in this segment, by its name.
fn base(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    u64::from_str_radix(stem, 16).ok()
}

/// The newest watermark of the file, read as `docs/format.md` says; none if no slot looks like one.
fn watermark(disk: &SimDisk) -> Option<u64> {
    let bytes = disk.read_file(Path::new(DIR).join("watermark")).ok()?;
    let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let verifies = |slot: &usize| {
        bytes.get(*slot..*slot + 64).is_some_and(|bytes| {
            let crc = u32::from_le_bytes(bytes[60..].try_into().unwrap_or_default());
            bytes.starts_with(b"annalsWM") && crc32c::crc32c(&bytes[..60]) == crc
        })
    };
    let newest = [0, 4096].into_iter().filter(verifies).max_by_key(|slot| long(slot + 40))?;
    long(newest + 32)
}
