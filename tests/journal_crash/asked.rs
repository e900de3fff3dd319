//! What appends may ask for, and a power cut in the middle of it: policies, idempotency keys, checkpoints.
//!
//! P1: what a sync has covered is there. What was accepted after it is there as a prefix, in whole appends, or not at all.
//! P2: an append with a key is made once, however often it is tried again, and answered with the same place.
//! P3: a checkpoint that was acknowledged is found again.

use std::sync::Arc;

use annals_journal::{AppendOptions, Checkpoint, Disk, Journal, Options, SyncPolicy};
use annals_record::{Appended, Log, Offset};
use annals_testkit::{Survival, payload};
use fastrand::Rng;

use super::history;
use super::{Case, cases};

fn options(sync: SyncPolicy) -> Options {
    Options {
        segment_bytes: 8 << 10,
        max_batch_bytes: 64 << 10,
        sync,
        remember_keys: 40,
        ..Options::default()
    }
}

/// Every record of a journal, and where it stands.
fn all(journal: &Journal, rng: &mut Rng) -> Vec<(Offset, Vec<u8>)> {
    let (found, damaged) = history::read_around(journal, rng).unwrap();
    assert!(damaged.is_empty(), "damage where there is none: {damaged:?}");
    found
}

#[test]
fn under_a_policy_that_may_lose_a_power_cut_leaves_what_was_synced_and_a_prefix_of_the_rest() {
    let (mut lost, mut kept_unsynced, mut cut_off) = (0, 0, 0);
    for seed in 0..cases(300) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let policy = if rng.bool() { SyncPolicy::OnDemand } else { SyncPolicy::Every(rng.u32(2..9)) };
        let disk = history::disk(seed);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, options(policy)).unwrap();
        disk.cut_power_after(disk.steps() + rng.u64(..120));
        // Appends in the order they were accepted; how many of their records are durable for certain.
        let (mut appends, mut durable): (Vec<Vec<Vec<u8>>>, usize) = (Vec::new(), 0);
        for _ in 0..rng.usize(1..60) {
            let group: Vec<Vec<u8>> = (0..rng.usize(1..4)).map(|_| payload(rng)).collect();
            let asks = rng.u32(..12) == 0;
            let how = AppendOptions { durable: asks, ..AppendOptions::default() };
            match journal.append_with(&group, &how) {
                Ok(appended) => {
                    appends.push(group);
                    let last = appended.last().map(|appended| appended.next);
                    assert!(!asks || last.is_some_and(|last| last <= journal.durable()));
                }
                Err(_) => {
                    // Accepted, and then not durable after all: nobody knows.
                    appends.push(group);
                    break;
                }
            }
            if rng.u32(..10) == 0 && journal.sync().is_err() {
                break;
            }
            if journal.durable() >= journal.durability().accepted {
                durable = appends.len();
            }
        }
        cut_off += u64::from(disk.is_off());
        let image = disk.crash(Survival::any(rng), rng);
        drop(journal);
        let shared: Arc<dyn Disk> = Arc::new(image);
        let journal = history::open(&shared, options(policy)).unwrap();
        let found: Vec<Vec<u8>> = all(&journal, rng).into_iter().map(|(_, payload)| payload).collect();
        let prefixes = (durable..=appends.len()).map(|count| appends[..count].concat());
        let fitting = prefixes.into_iter().position(|prefix| prefix == found);
        let more = fitting.unwrap_or_else(|| {
            panic!("P1: {} records of {} appends, {durable} of them durable", found.len(), appends.len())
        });
        lost += u64::from(durable + more < appends.len());
        kept_unsynced += u64::from(more > 0);
    }
    assert!(
        lost > 20 && kept_unsynced > 20 && cut_off > 50,
        "{lost} lost, {kept_unsynced} kept, {cut_off} cut"
    );
}

#[test]
fn an_append_with_a_key_is_made_once_whatever_power_cuts_come_between() {
    let (mut answered, mut made_again) = (0, 0);
    for seed in 0..cases(200) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let policy = if rng.bool() { SyncPolicy::Always } else { SyncPolicy::OnDemand };
        let mut disk = history::disk(seed);
        let groups: Vec<Vec<Vec<u8>>> =
            (0..30).map(|_| (0..rng.usize(1..3)).map(|_| payload(rng)).collect()).collect();
        let mut receipts: Vec<Option<Vec<Appended>>> = vec![None; groups.len()];
        for life in 0..6 {
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let Ok(journal) = history::open(&shared, options(policy)) else {
                disk = disk.crash(Survival::any(rng), rng);
                continue;
            };
            if life < 5 {
                disk.cut_power_after(disk.steps() + rng.u64(..90));
            }
            for (i, group) in groups.iter().enumerate() {
                let key = format!("key {i}");
                let ask = AppendOptions { durable: true, next: None, key: Some(key.as_bytes()) };
                let Ok(appended) = journal.append_with(group, &ask) else { break };
                match &receipts[i] {
                    Some(known) => {
                        answered += 1;
                        assert_eq!(
                            known.iter().map(|r| r.offset).collect::<Vec<_>>(),
                            appended.iter().map(|r| r.offset).collect::<Vec<_>>(),
                            "P2: key {i} moved"
                        );
                    }
                    None => made_again += u64::from(life > 0),
                }
                receipts[i] = Some(appended);
            }
            if life == 5 {
                let found = all(&journal, rng);
                let expected: usize = groups.iter().map(Vec::len).sum();
                assert_eq!(found.len(), expected, "P2: a record twice, or none");
                for (group, receipts) in groups.iter().zip(&receipts) {
                    for (payload, receipt) in group.iter().zip(receipts.iter().flatten()) {
                        assert!(
                            found.contains(&(receipt.offset, payload.clone())),
                            "P2: not where it was said"
                        );
                    }
                }
            }
            disk = disk.crash(Survival::any(rng), rng);
        }
    }
    assert!(answered > 500 && made_again > 500, "{answered} answered, {made_again} made");
}

#[test]
fn a_key_that_may_still_be_lost_does_not_take_the_place_of_one_that_is_durable() {
    let (mut lost, rng) = (0, &mut Rng::with_seed(1));
    let options = Options { remember_keys: 1, ..options(SyncPolicy::OnDemand) };
    let disk = history::disk(0);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = history::open(&shared, options).unwrap();
    let keyed = |journal: &Journal, key: &str| {
        let how = AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() };
        journal.append_with(&[key.as_bytes()], &how).unwrap()[0].offset
    };
    let first = keyed(&journal, "durable");
    journal.sync().unwrap();
    keyed(&journal, "accepted");
    disk.keep_copies(disk.steps()..disk.steps() + 100);
    journal.seal().unwrap();
    for (step, disk) in disk.take_copies() {
        let _case = Case::new(format!("cut before step {step}"));
        let image: Arc<dyn Disk> = Arc::new(disk.crash(Survival::NOTHING, rng));
        let recovered = history::open(&image, options).unwrap();
        if all(&recovered, rng).len() == 1 {
            assert_eq!(keyed(&recovered, "durable"), first, "P2: made again");
            lost += 1;
        }
    }
    assert!(lost > 0);
}

#[test]
fn a_checkpoint_that_was_acknowledged_is_found_after_any_power_cut() {
    let mut found_later = 0;
    for seed in 0..cases(200) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let disk = history::disk(seed);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, options(SyncPolicy::Always)).unwrap();
        disk.cut_power_after(disk.steps() + rng.u64(..150));
        let (mut latest, mut tried): (Option<Checkpoint>, Option<Vec<u8>>) = (None, None);
        for i in 0..rng.usize(1..50) {
            if rng.u32(..6) == 0 {
                let body = format!("checkpoint {i}").into_bytes();
                tried = Some(body.clone());
                match journal.checkpoint(&body, rng.bool()) {
                    Ok(checkpoint) => (latest, tried) = (Some(checkpoint), None),
                    Err(_) => break,
                }
            } else if journal.append(payload(rng)).is_err() {
                break;
            }
        }
        let image = disk.crash(Survival::any(rng), rng);
        drop(journal);
        let shared: Arc<dyn Disk> = Arc::new(image);
        let journal = history::open(&shared, options(SyncPolicy::Always)).unwrap();
        let found = journal.latest_checkpoint().unwrap();
        let is_last_try = found.is_some() && found.as_ref().map(|found| &found.body) == tried.as_ref();
        assert!(found == latest || is_last_try, "P3: {found:?}, acknowledged {latest:?}");
        found_later += u64::from(found.is_some_and(|found| found.offset < journal.bounds().unwrap().durable));
    }
    assert!(found_later > 50, "{found_later} found");
}

#[test]
fn a_sync_that_a_write_brings_along_does_not_pass_for_one_of_what_was_written_before() {
    for seed in 0..cases(8) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let disk = history::disk(1 | seed);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let large = Options { sync: SyncPolicy::OnDemand, ..Options::default() };
        let journal = history::open(&shared, large).unwrap();
        let begin = journal.durability().written;
        // So much is written before anybody asks for a sync, and so little that nobody syncs it unasked.
        let mut payloads: Vec<_> = (0..20).map(|i| vec![i; 100 << 10]).collect();
        for payload in &payloads {
            journal.append(payload).unwrap();
        }
        let began = std::time::Instant::now();
        while journal.durability().written == begin {
            assert!(began.elapsed().as_secs() < 60, "nothing is ever written");
            std::thread::yield_now();
        }
        assert_eq!(journal.durable(), begin);
        payloads.push(b"asks".to_vec());
        let how = AppendOptions { durable: true, ..AppendOptions::default() };
        let last = journal.append_with(&payloads[payloads.len() - 1..], &how).unwrap();
        assert!(journal.durable() > last[0].offset);
        let image: Arc<dyn Disk> = Arc::new(disk.crash(Survival::NOTHING, rng));
        let recovered = history::open(&image, large).unwrap();
        let found: Vec<Vec<u8>> = all(&recovered, rng).into_iter().map(|(_, payload)| payload).collect();
        assert!(found == payloads, "{} of {} records", found.len(), payloads.len());
    }
}
