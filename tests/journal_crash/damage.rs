//! Bits that flip and files that vanish below the watermark: found, named, and never cut.
//!
//! D1: every acknowledged record is served as it was, or lies in a range that is reported as damaged.
//! D2: what is reported goes no further than the group, or for a header the segment, that was hit.
//! D3: nothing is cut: every byte of the log is on the disk as before.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::{Disk, Error, Options};
use annals_testkit::{SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, DIR, Kept, Ledger, Plan};
use super::{Case, cases};

/// Bytes before a segment's first frame, and the length of a frame's header: see `docs/format.md`.
pub const SEGMENT_HEADER: u64 = 4096;
pub const FRAME_HEADER: usize = 40;

/// The disk of a journal that lived, as it was when its process was killed: everything is there, and the watermark
/// covers all that was acknowledged.
pub fn killed(rng: &mut Rng, plan: Plan) -> (SimDisk, Ledger) {
    stopped(rng, plan, Survival::EVERYTHING)
}

/// The same, as it is when not all of what was not synced survives: the watermark may lag.
pub fn stopped(rng: &mut Rng, plan: Plan, survival: Survival) -> (SimDisk, Ledger) {
    let (disk, mut ledger) = (SimDisk::new(), Ledger::default());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    history::live(&shared, rng, plan, &mut ledger).unwrap();
    let journal = history::open(&shared, plan.options).unwrap();
    for _ in 0..rng.usize(1..10) {
        ledger.append(&journal, rng).unwrap();
    }
    let image = disk.crash(survival, rng);
    (image, ledger)
}

pub fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut files = disk.files(DIR).unwrap();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
    files
}

pub fn base(segment: &Path) -> u64 {
    u64::from_str_radix(segment.file_stem().unwrap().to_str().unwrap(), 16).unwrap()
}

/// The records with the group each is of, as ranges of the log: from the first frame to the end of the commit frame.
pub fn groups(kept: &[Kept]) -> Vec<Range<u64>> {
    let mut groups: Vec<Range<u64>> = Vec::new();
    let mut last = None;
    for record in kept {
        let start = record.offset.get();
        let end =
            start + (FRAME_HEADER + record.payload.len()).next_multiple_of(8) as u64 + FRAME_HEADER as u64;
        match groups.last_mut() {
            Some(group) if last == Some(record.group) => group.end = end,
            _ => groups.push(start..end),
        }
        last = Some(record.group);
    }
    groups
}

/// What was hit: a range of the log, and whether the journal can still be written to.
struct Hit {
    range: Range<u64>,
    active: bool,
}

/// Opens a damaged journal and holds it to D1 and D2, whichever way it says so. Returns whether anything was reported.
fn check(disk: &SimDisk, ledger: &Ledger, hit: &Hit, plan: Plan, rng: &mut Rng) -> bool {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = match history::open(&shared, plan.options) {
        Ok(journal) => journal,
        // Without any header that verifies there is no log to serve.
        Err(Error::Damaged(_)) if ledger.kept.iter().all(|kept| hit.range.contains(&kept.offset.get())) => {
            return true;
        }
        Err(error) => panic!("a journal with damage in {:?} does not open for reading: {error}", hit.range),
    };
    let (found, mut damaged) = history::read_around(&journal, rng).unwrap();
    let verified = journal.verify(&mut |_, _| {}).unwrap();
    assert!(damaged.is_empty() || !verified.damaged.is_empty(), "verify missed {damaged:?}");
    let refused = journal.report().damage.as_ref();
    damaged.extend(refused.map(|damage| damage.offset.get()..damage.offset.get() + damage.len));
    let mut found = found.into_iter().peekable();
    for Kept { offset, payload, .. } in &ledger.kept {
        if let Some((_, served)) = found.next_if(|(at, _)| at == offset) {
            assert!(served == *payload, "D1: the record at {offset} has other bytes");
            continue;
        }
        let gone = |range: &Range<u64>| range.contains(&offset.get());
        assert!(damaged.iter().any(gone), "D1: the record at {offset} is gone in silence: {damaged:?}");
        assert!(gone(&hit.range), "D2: the record at {offset} is gone, {:?} was hit: {damaged:?}", hit.range);
    }
    assert_eq!(found.next(), None, "something was invented");
    let appended = journal.append("more");
    if refused.is_some() {
        assert!(hit.active, "damage in a sealed segment stops writing");
        assert!(matches!(appended, Err(Error::Damaged(_))), "{appended:?}");
    } else {
        appended.unwrap();
    }
    !damaged.is_empty() || !verified.damaged.is_empty()
}

/// What is hit by a change of the byte at `pos` of a segment.
fn hit(segments: &[PathBuf], segment: usize, pos: u64, ledger: &Ledger) -> Hit {
    let base = base(&segments[segment]);
    let next = segments.get(segment + 1).map_or(u64::MAX, |next| self::base(next));
    let active = segment + 1 == segments.len();
    if pos < SEGMENT_HEADER {
        return Hit { range: base..next, active };
    }
    let at = base + (pos - SEGMENT_HEADER);
    let range = groups(&ledger.kept).into_iter().find(|group| group.contains(&at)).unwrap_or(at..at);
    Hit { range, active }
}

#[test]
fn a_flipped_bit_is_reported_and_hides_no_more_than_its_group() {
    let (mut reported, mut in_groups) = (0, 0);
    for seed in 0..cases(60) {
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan::any(rng);
        let (image, ledger) = killed(rng, plan);
        for _ in 0..20 {
            let disk = image.crash(Survival::EVERYTHING, rng);
            let segments = segments(&disk);
            let segment = rng.usize(..segments.len());
            let bytes = disk.read_file(&segments[segment]).unwrap();
            let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            let (byte, bit) = (rng.usize(..=written), rng.u8(..8));
            let _case =
                Case::new(format!("seed {seed}, {}, byte {byte}, bit {bit}", segments[segment].display()));
            disk.flip(&segments[segment], byte, bit).unwrap();
            let before = disk.read_file(&segments[segment]).unwrap();
            let hit = hit(&segments, segment, byte as u64, &ledger);
            let loud = check(&disk, &ledger, &hit, plan, rng);
            reported += u64::from(loud);
            in_groups += u64::from(!hit.range.is_empty());
            assert!(loud || hit.range.is_empty(), "D1: not a word about {:?}", hit.range);
            let after = disk.read_file(&segments[segment]).unwrap();
            assert!(after.starts_with(&before[..=written]), "D3: damaged bytes were changed");
        }
    }
    assert!(reported >= in_groups && in_groups > 0);
}

#[test]
fn a_flipped_bit_of_the_watermark_or_behind_the_log_loses_nothing() {
    for seed in 0..cases(60) {
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan::any(rng);
        let (image, mut ledger) = killed(rng, plan);
        let (path, bytes) = if rng.bool() {
            (Path::new(DIR).join("watermark"), 0..8192)
        } else {
            let active = segments(&image).pop().unwrap();
            let bytes = image.read_file(&active).unwrap();
            let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 8;
            (active, written..bytes.len())
        };
        if bytes.is_empty() {
            continue;
        }
        let (byte, bit) = (rng.usize(bytes), rng.u8(..8));
        let _case = Case::new(format!("seed {seed}, {}, byte {byte}, bit {bit}", path.display()));
        image.flip(&path, byte, bit).unwrap();
        let shared: Arc<dyn Disk> = Arc::new(image.clone());
        history::live(&shared, rng, plan, &mut ledger).unwrap();
    }
}

#[test]
fn a_flipped_bit_before_a_torn_tail_is_not_cut_with_it() {
    let (mut torn, mut damaged) = (0, 0);
    for seed in 0..cases(600) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan {
            calls: 10,
            options: Options { segment_bytes: 16 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let (image, mut ledger) = killed(rng, plan);
        let shared: Arc<dyn Disk> = Arc::new(image.clone());
        let journal = history::open(&shared, plan.options).unwrap();
        ledger.append(&journal, rng).unwrap();
        // The power goes between the write of the last group and its sync, at the latest.
        image.cut_power_after(image.steps() + rng.u64(1..3));
        let acknowledged = ledger.clone();
        let _ = ledger.append(&journal, rng);
        let mut survival = Survival::any(rng);
        survival.names = annals_testkit::Survives::Everything;
        let disk = image.crash(survival, rng);
        let Some(watermark) = watermark(&disk) else { continue };
        let segments = segments(&disk);
        let last = segments.last().unwrap();
        let acked: Vec<_> =
            groups(&acknowledged.kept).into_iter().filter(|group| group.end <= watermark).collect();
        let Some(group) =
            acked.iter().filter(|group| group.start >= base(last)).nth(rng.usize(..acked.len().max(1)))
        else {
            continue;
        };
        let at = rng.u64(group.clone());
        disk.flip(last, (SEGMENT_HEADER + at - base(last)) as usize, rng.u8(..8)).unwrap();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let opened = history::open(&shared, plan.options).unwrap();
        let report = opened.report();
        torn += u64::from(report.torn.is_some());
        damaged += u64::from(report.damage.is_some());
        assert!(report.torn.is_none(), "D3: acknowledged bytes below {watermark} were cut: {report:?}");
        assert!(
            report.damage.as_ref().is_some_and(|damage| damage.offset.get() <= at),
            "{report:?}, flipped {at}"
        );
    }
    assert!(damaged > 0 && torn == 0);
}

#[test]
fn a_flipped_bit_without_a_watermark_is_vouched_for_by_the_groups_behind_it() {
    let mut damaged = 0;
    for seed in 0..cases(60) {
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan {
            calls: 10,
            options: Options { segment_bytes: 16 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let (disk, ledger) = killed(rng, plan);
        disk.write_file(Path::new(DIR).join("watermark"), &[0; 8192]).unwrap();
        let segments = segments(&disk);
        let last = segments.last().unwrap();
        let mut groups = groups(&ledger.kept);
        groups.retain(|group| group.start >= base(last));
        // Nothing vouches for the last one.
        groups.pop();
        let Some(group) = rng.choice(groups) else { continue };
        let at = rng.u64(group.clone());
        let _case = Case::new(format!("seed {seed}, flipped at {at}"));
        disk.flip(last, (SEGMENT_HEADER + at - base(last)) as usize, rng.u8(..8)).unwrap();
        let hit = Hit { range: group, active: true };
        assert!(check(&disk, &ledger, &hit, plan, rng), "not a word");
        damaged += 1;
    }
    assert!(damaged > 0);
}

#[test]
fn records_that_change_places_within_their_batch_do_not_verify() {
    for seed in 0..cases(20) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan {
            calls: 5,
            options: Options { segment_bytes: 16 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let (disk, mut ledger) = killed(rng, plan);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, plan.options).unwrap();
        ledger.append_these(&journal, (0..6_u8).map(|byte| vec![byte; 88]).collect()).unwrap();
        let swapped = ledger.kept.last().unwrap().group;
        ledger.append(&journal, rng).unwrap();
        let disk = disk.crash(Survival::EVERYTHING, rng);
        let batch: Vec<&Kept> = ledger.kept.iter().filter(|kept| kept.group == swapped).collect();
        let segments = segments(&disk);
        let path = segments.iter().rfind(|path| base(path) <= batch[0].offset.get()).unwrap();
        let place = |kept: &Kept| (SEGMENT_HEADER + kept.offset.get() - base(path)) as usize;
        let (one, other) = (place(batch[0]), place(batch[rng.usize(1..6)]));
        let mut bytes = disk.read_file(path).unwrap();
        let (before, after) = bytes.split_at_mut(other);
        before[one..one + FRAME_HEADER + 88].swap_with_slice(&mut after[..FRAME_HEADER + 88]);
        disk.write_file(path, &bytes).unwrap();
        let range =
            groups(&ledger.kept).into_iter().find(|group| group.contains(&batch[0].offset.get())).unwrap();
        let hit = Hit { range, active: Some(path) == segments.last() };
        assert!(check(&disk, &ledger, &hit, plan, rng), "not a word");
    }
}

#[test]
fn a_segment_of_another_journal_is_damage_whichever_it_replaces() {
    let mut replaced = 0;
    for seed in 0..cases(40) {
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan {
            calls: 40,
            options: Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let (disk, ledger) = killed(&mut rng.clone(), plan);
        // The same life in another journal: the same offsets, another identity.
        let (other, _) = killed(&mut rng.clone(), plan);
        let segments = segments(&disk);
        let segment = rng.usize(..segments.len());
        if segments.len() < 3 {
            continue;
        }
        let path = &segments[segment];
        let _case = Case::new(format!("seed {seed}, {}", path.display()));
        disk.write_file(path, &other.read_file(path).unwrap()).unwrap();
        let next = segments.get(segment + 1).map_or(u64::MAX, |next| base(next));
        let hit = Hit { range: base(path)..next, active: segment + 1 == segments.len() };
        assert!(check(&disk, &ledger, &hit, plan, rng), "not a word");
        replaced += 1;
    }
    assert!(replaced > 0);
}

/// The watermark that is on the disk, read as `docs/format.md` says.
pub fn watermark(disk: &SimDisk) -> Option<u64> {
    let bytes = disk.read_file(Path::new(DIR).join("watermark")).ok()?;
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let slots = [0, 4096].into_iter().filter(|slot| bytes[*slot..].starts_with(b"annalsWM"));
    slots.max_by_key(|slot| long(slot + 40)).map(|slot| long(slot + 32))
}

#[test]
fn a_segment_that_is_missing_or_cut_is_damage_and_never_a_shorter_log() {
    for seed in 0..cases(60) {
        let rng = &mut Rng::with_seed(seed);
        let plan = Plan {
            calls: 30,
            options: Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let (disk, ledger) = killed(rng, plan);
        let segments = segments(&disk);
        let segment = rng.usize(..segments.len());
        let (path, active) = (&segments[segment], segment + 1 == segments.len());
        let from = if rng.bool() {
            disk.remove_file(path).unwrap();
            base(path)
        } else {
            // At a boundary of groups: what is left looks like a whole log.
            let range = base(path)..segments.get(segment + 1).map_or(u64::MAX, |next| base(next));
            let starts = groups(&ledger.kept).into_iter().map(|group| group.start);
            let Some(at) = starts.rev().find(|start| *start > range.start && *start < range.end) else {
                continue;
            };
            disk.truncate(path, (SEGMENT_HEADER + at - base(path)) as usize).unwrap();
            at
        };
        let _case = Case::new(format!("seed {seed}, {} from {from}", path.display()));
        if segments.len() == 1 && disk.files(DIR).unwrap().iter().all(|file| file != path) {
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            assert!(
                history::open(&shared, plan.options).is_err(),
                "a new journal in the place of a lost one"
            );
            continue;
        }
        let next = segments.get(segment + 1).map_or(u64::MAX, |next| base(next));
        // With the newest segment gone, the one before it is where writing would go on.
        let hit = Hit { range: from..next, active };
        assert!(check(&disk, &ledger, &hit, plan, rng), "not a word");
    }
}

#[test]
fn a_flipped_bit_in_the_last_group_is_damage_once_the_journal_has_settled() {
    let (disk, mut rng) = (SimDisk::new(), Rng::with_seed(7));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = history::open(&shared, Options::default()).unwrap();
    journal.append("the last words").unwrap();
    // Without this the watermark may lag, and the group would pass for a torn tail: docs/durability.md names the window.
    journal.settle().unwrap();
    let image = disk.crash(Survival::NOTHING, &mut rng);
    let [segment] = &segments(&image)[..] else { panic!("one segment") };
    image.flip(segment, SEGMENT_HEADER as usize + FRAME_HEADER, 3).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(image);
    let report = history::open(&shared, Options::default()).unwrap().report().clone();
    assert!(report.damage.is_some() && report.torn.is_none(), "{report:?}");
}
