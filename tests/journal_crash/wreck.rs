//! A journal that was damaged, and what it is held to once it is salvaged.
//!
//! V1: what is not in a hole is served, once, in order, as it was written; nothing is damaged any more.
//! V2: a hole covers no more than was hit, and its bytes are in quarantine.
//! V3: a diagnosis and a plan change no byte.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::repair::diagnose;
use annals_journal::salvage::{self, SalvagePlan, SalvageReport};
use annals_journal::{Disk, Error, Options, Refill};
use annals_record::{Log, LogError, Offset, ReadLimit, RecordId};
use annals_testkit::{ManualClock, SimDisk, Survival};
use fastrand::Rng;

use super::damage::{FRAME_HEADER, SEGMENT_HEADER, base, killed, segments};
use super::history::{self, DIR, Kept, Ledger, Plan};

/// Every file of the disk.
pub fn files(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let dirs = [PathBuf::from(DIR), Path::new(DIR).join("quarantine")];
    let paths = dirs.iter().flat_map(|dir| disk.files(dir).unwrap_or_default());
    paths.map(|path| (path.clone(), disk.read_file(path).unwrap())).collect()
}

/// A store that holds everything that was acknowledged, or nothing.
pub struct Store<'a>(pub Option<&'a Ledger>);

impl Refill for Store<'_> {
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>> {
        let mut kept = self.0?.kept.iter();
        kept.find(|kept| RecordId::of(&kept.payload) == *id).map(|kept| kept.payload.clone())
    }
}

pub fn plan(disk: &SimDisk, refill: &dyn Refill) -> Result<SalvagePlan, Error> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    salvage::plan(&shared, Path::new(DIR), refill)
}

pub fn apply(
    disk: &SimDisk,
    options: Options,
    refill: &dyn Refill,
    plan: &SalvagePlan,
) -> Result<SalvageReport, Error> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    salvage::apply(&shared, Arc::new(ManualClock::at(2_000_000)), Path::new(DIR), options, refill, plan)
}

/// What a log serves, what is damaged in it, and its holes.
#[derive(Debug, Default)]
pub struct Served {
    pub records: Vec<(Offset, Vec<u8>)>,
    pub damaged: Vec<Range<u64>>,
    pub holes: Vec<Range<u64>>,
}

pub fn read(log: &impl Log, rng: &mut Rng) -> Served {
    let bounds = log.bounds().unwrap();
    let (mut at, mut served) = (bounds.oldest, Served::default());
    while at < bounds.durable {
        let limit = ReadLimit { records: rng.usize(1..20), bytes: rng.usize(1..20_000) };
        let next = match log.read(at, limit) {
            Ok(batch) => {
                served.records.extend(batch.iter().map(|entry| (entry.offset, entry.payload.to_vec())));
                batch.next()
            }
            Err(LogError::Damaged { offset, len, .. }) => {
                served.damaged.push(offset.get()..offset.get() + len);
                Offset::new(offset.get() + len)
            }
            Err(LogError::Hole { offset, len }) => {
                served.holes.push(offset.get()..offset.get() + len);
                Offset::new(offset.get() + len)
            }
            Err(error) => panic!("{error}"),
        };
        assert!(at < next, "reading stands still at {at}");
        at = next;
    }
    served
}

impl Served {
    /// Every record is here, or lies in one of these ranges and in what was hit.
    pub fn check(&self, ledger: &Ledger, gone: &[Range<u64>], hit: &[Range<u64>]) {
        let within =
            |ranges: &[Range<u64>], offset: Offset| ranges.iter().any(|range| range.contains(&offset.get()));
        let mut records = self.records.iter().peekable();
        for Kept { offset, payload, .. } in &ledger.kept {
            match records.next_if(|(at, _)| at == offset) {
                Some((_, served)) => assert!(served == payload, "V1: the record at {offset} has other bytes"),
                None => {
                    assert!(within(gone, *offset), "V1: the record at {offset} is gone in silence: {gone:?}");
                    assert!(
                        within(hit, *offset),
                        "V2: the record at {offset} is lost, {hit:?} was hit: {gone:?}"
                    );
                }
            }
        }
        assert_eq!(records.next(), None, "V1: something was invented");
    }
}

/// Salvages a damaged journal and holds it to V1 to V3; returns what was done.
pub fn salvage(
    disk: &SimDisk,
    ledger: &Ledger,
    hit: &[Range<u64>],
    refill: &dyn Refill,
    options: Options,
    rng: &mut Rng,
) -> SalvageReport {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let before = files(disk);
    let diagnosis = diagnose(&shared, Path::new(DIR)).unwrap();
    assert!(diagnosis.needs_salvage(), "{diagnosis:?}");
    let plan = plan(disk, refill).unwrap();
    assert!(!plan.is_empty());
    assert!(files(disk) == before, "V3: a byte changed");

    let known = history::open_reader(&shared).ok().map(|reader| reader.terms().pop().unwrap().term);
    let report = apply(disk, options, refill, &plan).unwrap();
    assert_eq!(report.lost.len(), plan.lost.len());
    for (hole, loss) in report.lost.iter().zip(&plan.lost) {
        assert_eq!((hole.offset, hole.len), (loss.offset, loss.len));
        assert!(Some(hole.term) > known, "a loss begins a new term");
        let Some((file, blake3)) = &hole.kept else { continue };
        let kept = disk.read_file(Path::new(DIR).join("quarantine").join(file)).unwrap();
        assert_eq!(RecordId::of(&kept), *blake3, "V2: what was lost is kept");
    }
    let diagnosis = diagnose(&shared, Path::new(DIR)).unwrap();
    assert!(diagnosis.is_clean(), "{diagnosis:?}");
    assert!(self::plan(disk, refill).unwrap().is_empty(), "nothing is left to salvage");

    go_on(&disk.crash(Survival::NOTHING, rng), ledger, hit, options, rng);
    report
}

/// Opens a salvaged journal, reads it, and appends to it.
pub fn go_on(disk: &SimDisk, ledger: &Ledger, hit: &[Range<u64>], options: Options, rng: &mut Rng) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut ledger = ledger.clone();
    for _ in 0..3 {
        let journal = history::open(&shared, options).unwrap();
        assert_eq!(journal.report().damage, None);
        let served = read(&journal, rng);
        assert_eq!(served.damaged, [], "V1: damaged still");
        served.check(&ledger, &served.holes, hit);
        let verified = journal.verify(&mut |_, _| {}).unwrap();
        assert!(verified.is_ok(), "{:?}, holes {:?}", verified.damaged, verified.holes);
        assert!(served.holes.len() <= verified.holes.len() && journal.status().holes == verified.holes);
        ledger.append(&journal, rng).unwrap();
        let reader = history::open_reader(&shared).unwrap();
        let served = read(&reader, rng);
        assert_eq!(served.damaged, []);
        served.check(&ledger, &served.holes, hit);
        assert!(reader.verify(&mut |_, _| {}).unwrap().is_ok());
    }
}

/// Bytes nobody can guess, over these.
pub fn scribble(disk: &SimDisk, segment: &Path, range: Range<u64>, rng: &mut Rng) {
    let mut bytes = disk.read_file(segment).unwrap();
    for byte in &mut bytes[range.start as usize..range.end as usize] {
        *byte ^= rng.u8(1..);
    }
    disk.write_file(segment, &bytes).unwrap();
}

/// The segment in which a place of the log lies, and the place in its file.
pub fn place(disk: &SimDisk, offset: u64) -> (PathBuf, u64) {
    let segments = segments(disk);
    let path = segments.iter().rfind(|path| base(path) <= offset).unwrap();
    (path.clone(), SEGMENT_HEADER + offset - base(path))
}

/// Small, so that a short life rolls often.
pub fn rolling() -> Options {
    Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() }
}

pub fn lived(seed: u64) -> (Rng, SimDisk, Ledger) {
    let mut rng = Rng::with_seed(seed);
    let (disk, ledger) = killed(&mut rng, Plan { calls: 30, options: rolling() });
    (rng, disk, ledger)
}

/// Where a frame was hit.
pub fn hit_group(disk: &SimDisk, group: &Range<u64>, rng: &mut Rng) -> &'static str {
    let (segment, start) = place(disk, group.start);
    let end = start + (group.end - group.start);
    let (what, range) = match rng.u32(..4) {
        0 => ("payload", start + FRAME_HEADER as u64..start + FRAME_HEADER as u64 + 8),
        1 => ("record header", start..start + 40),
        2 => ("commit frame", end - 40..end),
        _ => ("all of it", start..end),
    };
    scribble(disk, &segment, range, rng);
    what
}

pub fn scribble_group(disk: &SimDisk, group: &Range<u64>, rng: &mut Rng) {
    let (segment, pos) = place(disk, group.start);
    scribble(disk, &segment, pos..pos + group.end - group.start, rng);
}
