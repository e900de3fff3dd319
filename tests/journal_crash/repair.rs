//! Diagnosis and repair: the right word for each trouble, no byte changed by looking, and no more done than an open does.

use std::path::Path;
use std::sync::Arc;

use annals_journal::repair::{Diagnosis, Remedy, RepairReport, Trouble, diagnose, repair};
use annals_journal::{Disk, Error, Options};
use annals_testkit::{ManualClock, SimDisk, Survival, Survives};
use fastrand::Rng;

use super::damage::{SEGMENT_HEADER, base, groups, killed, segments, stopped};
use super::history::{self, DIR, Ledger, Plan};
use super::wreck::{files, rolling};
use super::{Case, cases};

fn lively() -> Plan {
    Plan { calls: 30, options: rolling() }
}

fn look(disk: &SimDisk) -> Diagnosis {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let before = files(disk);
    let diagnosis = diagnose(&shared, Path::new(DIR)).unwrap();
    assert!(files(disk) == before, "a look changed a byte");
    diagnosis
}

fn mend(disk: &SimDisk) -> Result<RepairReport, Error> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    repair(&shared, Arc::new(ManualClock::at(2_000_000)), Path::new(DIR), rolling())
}

fn troubles(diagnosis: &Diagnosis) -> Vec<Trouble> {
    diagnosis.findings.iter().map(|finding| finding.what).collect()
}

#[test]
fn a_journal_that_was_closed_is_clean_and_one_that_was_killed_is_unclean_and_whole() {
    for seed in 0..cases(20) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let survival = if seed % 2 == 0 { Survival::EVERYTHING } else { Survival::NOTHING };
        let (disk, mut ledger) = stopped(rng, lively(), survival);
        let found = look(&disk);
        let mut seen = troubles(&found);
        seen.retain(|what| *what != Trouble::Leftover);
        assert_eq!(seen, [Trouble::Unclean], "{found:?}");
        assert!(!found.needs_salvage());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let rewritten = mend(&disk).unwrap();
        let unclean = found.findings.iter().find(|finding| finding.what == Trouble::Unclean).unwrap();
        assert_eq!(rewritten.open.rewritten_bytes, unclean.len, "a look foretells what an open does");
        assert!(look(&disk).is_clean() && rewritten.left.is_empty());
        ledger.settle(&history::open(&shared, rolling()).unwrap(), rng).unwrap();
    }
}

/// A journal that was cut off while it wrote a group, so that something of it is left.
pub fn torn(seed: u64) -> Option<(SimDisk, Ledger, Rng)> {
    let mut rng = Rng::with_seed(seed);
    let options = Options { segment_bytes: 64 << 10, ..rolling() };
    let (image, mut ledger) = killed(&mut rng, Plan { options, ..lively() });
    let shared: Arc<dyn Disk> = Arc::new(image.clone());
    let journal = history::open(&shared, options).unwrap();
    ledger.append(&journal, &mut rng).unwrap();
    image.cut_power_after(image.steps() + 1);
    let _ = ledger.append_these(&journal, (0..5).map(|byte| vec![byte; 400]).collect());
    let survival = Survival { sectors: Survives::Some, ..Survival::EVERYTHING };
    let disk = image.crash(survival, &mut rng);
    look(&disk)
        .findings
        .iter()
        .any(|finding| finding.what == Trouble::TornTail)
        .then_some((disk, ledger, rng))
}

#[test]
fn a_torn_tail_is_foretold_and_cut_as_an_open_cuts_it_and_its_bytes_are_kept() {
    let mut seen = 0;
    for seed in 0..cases(150) {
        let _case = Case::new(format!("seed {seed}"));
        let Some((disk, mut ledger, mut rng)) = torn(seed) else { continue };
        let found = look(&disk);
        let tail = found.findings.iter().find(|finding| finding.what == Trouble::TornTail).unwrap();
        assert_eq!(tail.what.remedy(), Remedy::Repair);
        let pos = SEGMENT_HEADER + tail.offset.get() - base(&tail.path);
        let bytes = disk.read_file(&tail.path).unwrap()[pos as usize..][..tail.len as usize].to_vec();
        let report = mend(&disk).unwrap();
        let cut = report.open.torn.unwrap();
        assert_eq!((cut.offset, cut.bytes), (tail.offset, tail.len));
        assert_eq!(disk.read_file(&cut.quarantine).unwrap(), bytes);
        assert!(look(&disk).is_clean());
        let shared: Arc<dyn Disk> = Arc::new(disk.crash(Survival::NOTHING, &mut rng));
        ledger.settle(&history::open(&shared, rolling()).unwrap(), &mut rng).unwrap();
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn a_repair_cut_at_any_step_loses_nothing_and_can_be_begun_again() {
    let mut cuts = 0;
    for (disk, ledger, _) in (0..cases(150)).filter_map(torn).take(4) {
        for steps in 0.. {
            let _case = Case::new(format!("cut after {steps} steps"));
            let rng = &mut Rng::with_seed(steps);
            let mut ledger = ledger.clone();
            let disk = disk.crash(Survival::EVERYTHING, rng);
            disk.cut_power_after(disk.steps() + steps);
            let repaired = mend(&disk);
            if !disk.is_off() {
                repaired.unwrap();
                break;
            }
            cuts += 1;
            let image = disk.crash(Survival::any(rng), rng);
            mend(&image).unwrap();
            assert!(look(&image).is_clean());
            let shared: Arc<dyn Disk> = Arc::new(image.crash(Survival::NOTHING, rng));
            ledger.settle(&history::open(&shared, rolling()).unwrap(), rng).unwrap();
        }
    }
    assert!(cuts > 40, "{cuts}");
}

#[test]
fn a_lost_watermark_is_found_again() {
    for seed in 0..cases(20) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let (disk, mut ledger) = killed(rng, lively());
        let path = Path::new(DIR).join("watermark");
        if rng.bool() {
            disk.remove_file(&path).unwrap();
        } else {
            disk.write_file(&path, &[0x5a; 8192]).unwrap();
        }
        assert!(troubles(&look(&disk)).contains(&Trouble::LostWatermark));
        mend(&disk).unwrap();
        assert!(look(&disk).is_clean());
        let shared: Arc<dyn Disk> = Arc::new(disk.crash(Survival::NOTHING, rng));
        ledger.settle(&history::open(&shared, rolling()).unwrap(), rng).unwrap();
        history::open_reader(&shared).unwrap();
    }
}

#[test]
fn damage_is_named_by_where_it_stands_and_not_repaired_but_left_to_salvage() {
    let (mut newest, mut sealed) = (0, 0);
    for seed in 0..cases(60) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let options = Options { segment_bytes: 16 << 10, ..rolling() };
        let (disk, ledger) = killed(rng, Plan { options, ..lively() });
        let group = rng.choice(groups(&ledger.kept)).unwrap();
        let segments = segments(&disk);
        let path = segments.iter().rfind(|path| base(path) <= group.start).unwrap();
        let at = rng.u64(group.clone());
        disk.flip(path, (SEGMENT_HEADER + at - base(path)) as usize, rng.u8(..8)).unwrap();
        let found = look(&disk);
        let what = if path == segments.last().unwrap() { Trouble::Damage } else { Trouble::SealedDamage };
        let finding = found.findings.iter().find(|finding| finding.what == what).unwrap();
        assert_eq!((finding.offset.get(), &finding.path), (group.start, path), "{found:?}");
        assert_eq!(finding.what.remedy(), Remedy::Salvage);
        let before = disk.read_file(path).unwrap();
        let repaired = mend(&disk);
        if what == Trouble::Damage {
            assert!(matches!(repaired, Err(Error::Damaged(_))), "{repaired:?}");
            assert_eq!(disk.read_file(path).unwrap(), before);
            newest += 1;
        } else {
            assert_eq!(repaired.unwrap().left.len(), 1);
            sealed += 1;
        }
    }
    assert!(newest > 5 && sealed > 5, "{newest} {sealed}");
}
