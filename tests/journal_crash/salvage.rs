//! Salvage: what was damaged is made whole or listed as lost, and the journal goes on.
//!
//! V4: cut off at any step, a salvage leaves the old damage or is finished by the next open.

use std::ops::Range;
use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;

use annals_journal::repair::{Trouble, diagnose};
use annals_journal::{Consent, Disk, Error, Keep, NoRefill};
use annals_record::Log;
use annals_testkit::{SimDisk, Survival};
use fastrand::Rng;

use super::damage::{FRAME_HEADER, SEGMENT_HEADER, base, groups, segments, watermark};
use super::history::{self, DIR, Kept, Ledger};
use super::wreck::{
    Store, apply, files, go_on, hit_group, lived, place, plan, read, rolling, salvage, scribble,
    scribble_group,
};
use super::{Case, cases, repair};

#[test]
fn a_flipped_bit_anywhere_is_turned_back_and_nothing_is_lost() {
    let (mut headers, mut flipped) = (0, 0);
    for seed in 0..cases(30) {
        let (mut rng, image, ledger) = lived(seed);
        for _ in 0..6 {
            let disk = image.crash(Survival::EVERYTHING, &mut rng);
            let segments = segments(&disk);
            let segment = &segments[rng.usize(..segments.len())];
            let bytes = disk.read_file(segment).unwrap();
            let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            let (byte, bit) = (rng.usize(..=written), rng.u8(..8));
            let _case = Case::new(format!("seed {seed}, {}, byte {byte}, bit {bit}", segment.display()));
            disk.flip(segment, byte, bit).unwrap();
            let report = salvage(&disk, &ledger, &[], &NoRefill, rolling(), &mut rng);
            assert_eq!(report.lost, []);
            assert_eq!(report.mended.len(), 1);
            let mended = disk.read_file(segment).unwrap();
            assert!(mended[..=written] == bytes[..=written], "mended to something else");
            headers += u64::from((byte as u64) < SEGMENT_HEADER);
            flipped += 1;
        }
    }
    assert!(headers > 0 && flipped > headers);
}

#[test]
fn what_cannot_be_made_whole_is_a_hole_of_its_groups_and_no_more() {
    let mut lost = 0;
    for seed in 0..cases(80) {
        let (mut rng, disk, ledger) = lived(seed);
        let all = groups(&ledger.kept);
        let count = if rng.bool() { 1 } else { rng.usize(2..5) };
        // Two hit groups may be neighbours, or in different segments.
        let hit: Vec<Range<u64>> = (0..count).map(|_| all[rng.usize(..all.len())].clone()).collect();
        let what: Vec<_> = hit.iter().map(|group| hit_group(&disk, group, &mut rng)).collect();
        let _case = Case::new(format!("seed {seed}, {what:?} of {hit:?}"));
        let report = salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng);
        lost += report.lost.len();
        // Everything of a group can be hit twice and be whole again; a hole that is empty says nothing.
        assert!(report.lost.iter().all(|hole| hole.len > 0 && hole.kept.is_some()));
    }
    assert!(lost > 40, "{lost}");
}

#[test]
fn a_store_refills_payloads_and_then_nothing_is_lost() {
    let mut mended = 0;
    for seed in 0..cases(60) {
        let (mut rng, disk, ledger) = lived(seed);
        let before = disk.crash(Survival::EVERYTHING, &mut rng);
        let count = rng.usize(1..5);
        for _ in 0..count {
            let kept: Vec<&Kept> = ledger.kept.iter().filter(|kept| !kept.payload.is_empty()).collect();
            let kept = kept[rng.usize(..kept.len())];
            let (segment, pos) = place(&disk, kept.offset.get());
            // The length and the checksum, or not; and the payload.
            let header = if rng.bool() { pos..pos } else { pos..pos + 8 };
            scribble(&disk, &segment, header, &mut rng);
            let payload = pos + FRAME_HEADER as u64..pos + (FRAME_HEADER + kept.payload.len()) as u64;
            scribble(&disk, &segment, payload, &mut rng);
        }
        let _case = Case::new(format!("seed {seed}"));
        let report = salvage(&disk, &ledger, &[], &Store(Some(&ledger)), rolling(), &mut rng);
        assert_eq!(report.lost, []);
        for path in segments(&before) {
            let (whole, mended) = (before.read_file(&path).unwrap(), disk.read_file(&path).unwrap());
            let written = whole.iter().rposition(|byte| *byte != 0).unwrap();
            assert!(mended[..=written] == whole[..=written], "{} is another", path.display());
        }
        mended += report.mended.len();
    }
    assert!(mended > 60);
}

#[test]
fn headers_and_seals_follow_from_their_neighbours() {
    let mut done = [0; 2];
    for seed in 0..cases(40) {
        let (mut rng, disk, ledger) = lived(seed);
        let segments = segments(&disk);
        if segments.len() < 3 {
            continue;
        }
        let seal = rng.bool();
        let segment = rng.usize(..segments.len() - usize::from(seal));
        let path = &segments[segment];
        let _case = Case::new(format!("seed {seed}, {}, seal {seal}", path.display()));
        let len = disk.read_file(path).unwrap().len() as u64;
        // A newest segment that holds nothing yet has nothing to prove its header.
        if !seal && segment + 1 == segments.len() && ledger.kept.last().unwrap().offset.get() < base(path) {
            continue;
        }
        scribble(&disk, path, if seal { len - 100..len } else { 0..200 }, &mut rng);
        let report = salvage(&disk, &ledger, &[], &NoRefill, rolling(), &mut rng);
        assert_eq!((report.lost.len(), report.mended.len()), (0, 1));
        done[usize::from(seal)] += 1;
    }
    assert!(done[0] > 5 && done[1] > 5, "{done:?}");
}

#[test]
fn segments_that_are_missing_are_holes_whichever_they_are() {
    let (mut newest, mut only) = (0, 0);
    for seed in 0..cases(60) {
        let (mut rng, disk, ledger) = lived(seed);
        let segments = segments(&disk);
        let from = rng.usize(..segments.len());
        let to = rng.usize(from + 1..=segments.len());
        let _case = Case::new(format!("seed {seed}, segments {from}..{to} of {}", segments.len()));
        for path in &segments[from..to] {
            disk.remove_file(path).unwrap();
        }
        let end = segments.get(to).map_or(u64::MAX, |next| base(next));
        let hit = base(&segments[from])..end;
        if to - from == segments.len() {
            // Without a word of the watermark there was nothing.
            only += 1;
        }
        newest += u64::from(to == segments.len());
        let report = salvage(&disk, &ledger, from_ref(&hit), &Store(Some(&ledger)), rolling(), &mut rng);
        assert_eq!(report.lost.len(), 1);
        assert_eq!(report.lost[0].kept, None);
    }
    assert!(newest > 5 && only > 0, "{newest} {only}");
}

#[test]
fn a_lost_header_without_neighbours_takes_its_segment_with_it() {
    for seed in 0..cases(30) {
        let (mut rng, disk, ledger) = lived(seed);
        let segments = segments(&disk);
        if segments.len() < 3 {
            continue;
        }
        // The seal before it is gone, too.
        let at = rng.usize(1..segments.len());
        let len = disk.read_file(&segments[at - 1]).unwrap().len() as u64;
        scribble(&disk, &segments[at - 1], len - 100..len, &mut rng);
        scribble(&disk, &segments[at], 0..200, &mut rng);
        let end = segments.get(at + 1).map_or(u64::MAX, |next| base(next));
        let hit = base(&segments[at])..end;
        let _case = Case::new(format!("seed {seed}, {hit:?}"));
        let report = salvage(&disk, &ledger, from_ref(&hit), &Store(Some(&ledger)), rolling(), &mut rng);
        assert!(report.lost.iter().any(|hole| hole.offset.get() == hit.start && hole.kept.is_some()));
    }
}

#[test]
fn the_last_group_below_the_watermark_is_a_hole_up_to_it() {
    let (disk, mut rng) = (SimDisk::new(), Rng::with_seed(7));
    let mut ledger = Ledger::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = history::open(&shared, rolling()).unwrap();
    for words in ["first", "and the last words"] {
        ledger.append_these(&journal, vec![words.into()]).unwrap();
    }
    let durable = journal.durable().get();
    let image = disk.crash(Survival::EVERYTHING, &mut rng);
    let hit = groups(&ledger.kept)[1].clone();
    let (segment, pos) = place(&image, hit.start);
    scribble(&image, &segment, pos..pos + (hit.end - hit.start), &mut rng);
    let report = salvage(&image, &ledger, from_ref(&hit), &NoRefill, rolling(), &mut rng);
    assert_eq!(report.lost.len(), 1);
    assert_eq!((report.lost[0].offset.get(), report.lost[0].end().get()), (hit.start, durable));
}

#[test]
fn a_salvage_cut_at_any_step_leaves_the_old_damage_or_is_finished_by_the_next_open() {
    let (mut cuts, mut damaged, mut finished) = (0, 0, 0);
    for seed in 0..cases(12) {
        let (mut rng, damaged_disk, ledger) = lived(seed);
        let all = groups(&ledger.kept);
        let segments = segments(&damaged_disk);
        let mut hit = vec![all[rng.usize(..all.len())].clone()];
        match rng.u32(..4) {
            // The newest segment.
            0 => {
                hit[0] = base(segments.last().unwrap())..u64::MAX;
                damaged_disk.remove_file(segments.last().unwrap()).unwrap();
            }
            // In the newest segment, where the journal would be written to.
            1 => {
                hit = vec![all.last().unwrap().clone()];
                let (segment, pos) = place(&damaged_disk, hit[0].start);
                scribble(&damaged_disk, &segment, pos..pos + hit[0].end - hit[0].start, &mut rng);
            }
            _ => _ = hit_group(&damaged_disk, &hit[0], &mut rng),
        }
        let store = Store(rng.bool().then_some(&ledger));
        for steps in 0.. {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps, {hit:?}"));
            let rng = &mut Rng::with_seed(seed ^ steps << 32);
            let disk = damaged_disk.crash(Survival::EVERYTHING, rng);
            let consent = plan(&disk, &store).unwrap();
            disk.cut_power_after(disk.steps() + steps);
            let applied = apply(&disk, rolling(), &store, &consent);
            if !disk.is_off() {
                applied.unwrap();
                break;
            }
            cuts += 1;
            let image = disk.crash(Survival::any(rng), rng);
            let shared: Arc<dyn Disk> = Arc::new(image.clone());
            let journal = history::open(&shared, rolling());
            if let Ok(journal) = &journal {
                let served = read(journal, rng);
                let gone = [&served.damaged[..], &served.holes].concat();
                let refused = journal.report().damage.as_ref();
                let refused = refused.map(|damage| damage.offset.get()..damage.offset.get() + damage.len);
                served.check(&ledger, &[gone, refused.clone().into_iter().collect()].concat(), &hit);
                assert!(
                    served.damaged.is_empty() || served.holes.is_empty(),
                    "V4: half a salvage: {served:?}"
                );
                let old = refused.is_some() || !served.damaged.is_empty();
                damaged += u64::from(old);
                finished += u64::from(!old);
            } else {
                assert!(matches!(journal, Err(Error::Damaged(_))), "{journal:?}");
            }
            drop(journal);
            let consent = plan(&image, &store).unwrap();
            if !consent.is_empty() {
                apply(&image, rolling(), &store, &consent).unwrap();
            }
            go_on(&image, &ledger, &hit, rolling(), rng);
        }
    }
    assert!(cuts > 100 && damaged > 20 && finished > 20, "{cuts} {damaged} {finished}");
}

#[test]
fn damage_beside_a_hole_is_damage_until_it_is_salvaged_too() {
    for seed in 0..cases(20) {
        let (mut rng, disk, ledger) = lived(seed);
        let _case = Case::new(format!("seed {seed}"));
        let all = groups(&ledger.kept);
        let at = rng.usize(1..all.len());
        let mut hit = vec![all[at].clone()];
        scribble_group(&disk, &all[at], &mut rng);
        salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng);
        // The group before it.
        hit.push(all[at - 1].clone());
        scribble_group(&disk, &all[at - 1], &mut rng);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let reader = history::open_reader(&shared).unwrap();
        let served = read(&reader, &mut rng);
        assert_eq!((served.damaged.len(), served.holes.len()), (1, 1), "{served:?}");
        assert_eq!(served.damaged[0].start, all[at - 1].start);
        let verified = reader.verify(&mut |_, _| {}).unwrap();
        assert!(!verified.is_ok() && verified.holes.len() == 1);
        let report = salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng);
        assert_eq!(report.lost.len(), 1);
    }
}

#[test]
fn a_list_of_holes_that_does_not_verify_stops_writing_and_is_made_anew() {
    for seed in 0..cases(20) {
        let (mut rng, disk, ledger) = lived(seed);
        let _case = Case::new(format!("seed {seed}"));
        let all = groups(&ledger.kept);
        let hit = [all[rng.usize(..all.len())].clone()];
        scribble_group(&disk, &hit[0], &mut rng);
        let lost = salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng).lost;
        let list = Path::new(DIR).join(".holes.json");
        let byte = rng.usize(..disk.read_file(&list).unwrap().len());
        disk.flip(&list, byte, rng.u8(..8)).unwrap();

        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let found = diagnose(&shared, Path::new(DIR)).unwrap().findings;
        assert!(found.iter().any(|finding| finding.what == Trouble::LostHoles), "{found:?}");
        let journal = history::open(&shared, rolling()).unwrap();
        assert!(matches!(journal.append("more"), Err(Error::Damaged(_))));
        let served = read(&journal, &mut rng);
        assert_eq!((served.damaged.len(), served.holes.len()), (1, 0), "not a word of what was lost");
        assert!(!journal.verify(&mut |_, _| {}).unwrap().is_ok());
        drop(journal);
        let again = salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng).lost;
        assert_eq!((again[0].offset, again[0].len), (lost[0].offset, lost[0].len));
    }
}

#[test]
fn without_room_to_keep_what_is_lost_nothing_is_changed() {
    let (mut rng, disk, ledger) = lived(3);
    let all = groups(&ledger.kept);
    let hit = [all[all.len() / 2].clone()];
    scribble_group(&disk, &hit[0], &mut rng);
    let before = files(&disk);
    let consent = plan(&disk, &NoRefill).unwrap();
    disk.set_capacity(Some(disk.used()));
    let refused = apply(&disk, rolling(), &NoRefill, &consent);
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    assert!(disk.fired() > 0);
    let mut after = files(&disk);
    after.retain(|path, _| !path.ends_with("LOCK"));
    assert!(after.iter().all(|(path, bytes)| before.get(path) == Some(bytes)), "something was changed");
    disk.set_capacity(None);
    salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng);
}

#[test]
fn no_more_is_given_up_than_the_plan_said() {
    let (mut rng, disk, ledger) = lived(5);
    let all = groups(&ledger.kept);
    scribble_group(&disk, &all[1], &mut rng);
    let consent = plan(&disk, &NoRefill).unwrap();
    scribble_group(&disk, &all[4], &mut rng);
    let before = files(&disk);
    let refused = apply(&disk, rolling(), &NoRefill, &consent);
    assert!(matches!(refused, Err(Error::StalePlan { .. })), "{refused:?}");
    let mut after = files(&disk);
    after.retain(|path, _| !path.ends_with("LOCK"));
    assert!(after.iter().all(|(path, bytes)| before.get(path) == Some(bytes)), "something was changed");
}

#[test]
fn a_newest_segment_of_which_nothing_was_durable_is_missed_for_its_term() {
    let mut seen = 0;
    for (torn, ledger, mut rng) in (0..cases(150)).filter_map(repair::torn).take(3) {
        let before = segments(&torn).len();
        for steps in 0.. {
            let _case = Case::new(format!("cut after {steps} steps"));
            let disk = torn.crash(Survival::EVERYTHING, &mut rng);
            disk.cut_power_after(disk.steps() + steps);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let opened = history::open(&shared, rolling());
            if !disk.is_off() {
                opened.unwrap();
                break;
            }
            drop(opened);
            let disk = disk.crash(Survival::EVERYTHING, &mut rng);
            let segments = segments(&disk);
            let newest = segments.last().unwrap();
            // The cut has begun its term, and nothing else was written in it.
            if segments.len() > before && watermark(&disk) == Some(base(newest)) {
                disk.remove_file(newest).unwrap();
                let report = salvage(&disk, &ledger, &[], &NoRefill, rolling(), &mut rng);
                assert_eq!(report.lost.iter().map(|hole| hole.len).collect::<Vec<_>>(), [0]);
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn what_is_listed_as_lost_is_not_in_the_way_of_retention() {
    let mut purged = 0;
    for seed in 0..cases(20) {
        let (mut rng, disk, ledger) = lived(seed);
        let _case = Case::new(format!("seed {seed}"));
        let files = segments(&disk);
        if files.len() < 5 {
            continue;
        }
        // A whole segment; a seal whose successor is gone, too, so that nothing proves it; a group.
        disk.remove_file(&files[0]).unwrap();
        let len = disk.read_file(&files[1]).unwrap().len() as u64;
        scribble(&disk, &files[1], len - 100..len, &mut rng);
        disk.remove_file(&files[2]).unwrap();
        let hit = [0..base(&files[1]), base(&files[2])..base(&files[3])];
        salvage(&disk, &ledger, &hit, &NoRefill, rolling(), &mut rng);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, rolling()).unwrap();
        let plan = journal.plan(&Keep::Newest).unwrap();
        assert_eq!(plan.blocked, []);
        journal.apply(&plan, Consent::default()).unwrap();
        let served = read(&journal, &mut rng);
        assert_eq!(served.damaged, []);
        let oldest = journal.bounds().unwrap().oldest.get();
        assert!(oldest > base(&files[3]) && served.records.iter().all(|(at, _)| at.get() >= oldest));
        assert!(journal.verify(&mut |_, _| {}).unwrap().is_ok());
        assert!(
            diagnose(&shared, Path::new(DIR))
                .unwrap()
                .findings
                .iter()
                .all(|found| found.what != Trouble::SealedDamage)
        );
        purged += plan.purge.len();
    }
    assert!(purged > 10);
}
