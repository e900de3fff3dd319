//! What becomes of those who share a group, or a thread, with a failure.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;
use crate::commit::memory::{Call, Memory};

/// A disk whose next write to a segment finds it full, when it is told so, and a journal on it.
pub(super) fn on_full_disk(options: Options) -> (Arc<AtomicBool>, Journal) {
    let (disk, full) = (Memory::new(), Arc::new(AtomicBool::new(false)));
    let journal = open_on(&disk, options);
    let is_full = Arc::clone(&full);
    disk.rule(move |call, path| {
        let meant = call == Call::Write && path.to_string_lossy().ends_with(".wal");
        if meant && is_full.swap(false, SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    (full, journal)
}

fn open_on(disk: &Memory, options: Options) -> Journal {
    Journal::open_on(Arc::new(disk.clone()), Arc::new(SystemClock), &PathBuf::from("/log"), options).unwrap()
}

const KEPT: AppendOptions<'_> = AppendOptions { durable: true, next: None, key: None };

#[test]
fn a_group_that_finds_the_disk_full_leaves_what_was_accepted_before_durable() {
    let policies =
        [SyncPolicy::OnDemand, SyncPolicy::Every(1000), SyncPolicy::Interval(Duration::from_secs(3600))];
    for sync in policies {
        let (full, journal) = on_full_disk(Options { sync, ..Options::default() });
        // Enough to be written, and not synced.
        let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
        spin_until(|| journal.durability().written >= accepted.next);
        assert!(journal.durable() < accepted.next);
        full.store(true, SeqCst);
        assert!(matches!(journal.append_with(&["b"], &KEPT), Err(Error::Full { .. })));
        assert!(journal.durable() >= accepted.next, "{sync:?}: nobody is left to sync it");
        let stage = journal.core.commit.lock();
        assert!(stage.unsynced == 0 && stage.unsynced_records == 0);
        drop(stage);
        assert!(!full.load(SeqCst), "it was not full");
        journal.append_with(&["b"], &KEPT).unwrap();
        assert_eq!(journal.latest(5).unwrap().len(), 2);
    }
}

#[test]
fn a_sync_that_shares_a_group_with_a_full_disk_has_nothing_of_its_own_in_it() {
    let (full, journal) = on_full_disk(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
    spin_until(|| journal.durability().written >= accepted.next);
    full.store(true, SeqCst);
    // Somebody leads, so that both are in the group that follows.
    let commit = Arc::clone(&journal.core.commit);
    spin_until(|| commit.lock().lead == Lead::Idle);
    commit.lock().lead = Lead::Writing;
    let (one, other) = (journal.clone(), journal.clone());
    let appended = apart(move || one.append_with(&["b"], &KEPT));
    spin_until(|| commit.lock().load.waiting == 1);
    let synced = apart(move || other.sync());
    spin_until(|| commit.lock().load.waiting == 2);
    commit.lead(Leader::Thread);
    assert!(matches!(in_time(&appended), Err(Error::Full { .. })));
    assert!(in_time(&synced).unwrap() >= accepted.next);
}

#[test]
fn a_sync_of_what_was_written_leaves_nothing_to_be_done() {
    let (_full, journal) = on_full_disk(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let commit = Arc::clone(&journal.core.commit);
    let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
    spin_until(|| journal.durability().written >= accepted.next && commit.lock().lead == Lead::Idle);
    assert!(journal.sync().unwrap() >= accepted.next);
    let stage = commit.lock();
    assert!(stage.lead == Lead::Idle && !stage.is_due(WRITE_AT), "{stage:?}");
}

#[test]
fn an_interval_makes_durable_again_and_again() {
    let sync = SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL);
    let journal = open_on(&Memory::new(), Options { sync, ..Options::default() });
    for _ in 0..4 {
        let accepted = journal.append("a").unwrap();
        spin_until(|| journal.durable() >= accepted.next);
    }
    // A group that was durable by itself is no reason to forget what comes after it.
    journal.append_with(&["b"], &KEPT).unwrap();
    let accepted = journal.append("c").unwrap();
    spin_until(|| journal.durable() >= accepted.next);
}

#[test]
fn a_group_that_finds_the_disk_full_was_never_there() {
    let (full, journal) = on_full_disk(Options::default());
    full.store(true, SeqCst);
    assert!(matches!(journal.append_if(Offset::ZERO, &["a"]), Err(Error::Full { .. })));
    assert!(!full.load(SeqCst), "it was not full");
    // An empty segment is not sealed.
    journal.seal().unwrap();
    assert_eq!(journal.status().segments.len(), 1);
    journal.append_if(Offset::ZERO, &["a"]).unwrap();
    let mut stage = journal.core.commit.lock();
    stage.sleepers = 1;
    stage.abandon();
    assert_eq!(stage.sleepers, 0, "who is told that it is over leads nobody");
}

#[test]
fn a_roll_that_finds_the_disk_full_is_tried_again_when_asked_for() {
    let disk = Memory::new();
    let journal = open_on(&disk, Options::default());
    journal.append("a").unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    disk.rule(move |call, _| {
        let full = call == Call::Allocate && is_full.load(SeqCst);
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let other = journal.clone();
    assert!(matches!(in_time(&apart(move || other.seal())), Err(Error::Full { .. })));
    // What fits is appended all the same.
    journal.append("b").unwrap();
    full.store(false, SeqCst);
    journal.seal().unwrap();
    assert_eq!(journal.status().segments.len(), 2);
    assert_eq!(journal.latest(5).unwrap().len(), 2);
}

#[test]
fn what_was_accepted_and_is_lost_with_a_full_disk_is_no_success_of_a_sync() {
    let disk = Memory::new();
    let journal = open_on(&disk, Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let gate = Arc::<Gate>::default();
    gate.arm();
    let (held, full) = (Arc::clone(&gate), AtomicBool::new(true));
    disk.rule(move |call, path| {
        if call == Call::Write && path.to_string_lossy().ends_with(".wal") && full.swap(false, SeqCst) {
            held.pass();
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    let (one, other) = (journal.clone(), journal.clone());
    let appended = apart(move || one.append_with(&["a"], &KEPT));
    gate.wait_until_reached();
    // The group that is written has nothing accepted in it, the one behind it has.
    journal.append("b").unwrap();
    let synced = apart(move || other.sync());
    spin_until(|| journal.core.commit.lock().load.waiting == 1);
    gate.let_go();
    assert!(matches!(in_time(&appended), Err(Error::Poisoned { .. } | Error::Full { .. })));
    assert!(matches!(in_time(&synced), Err(Error::Poisoned { .. })));
}

#[test]
fn a_disk_that_panics_under_the_keeper_leaves_a_keeper() {
    let disk = Memory::new();
    let sync = SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL);
    let journal = open_on(&disk, Options { segment_bytes: 1 << 20, sync, ..Options::default() });
    let panicked = Arc::new(AtomicBool::new(false));
    let fired = Arc::clone(&panicked);
    disk.rule(move |call, path| {
        let meant = call == Call::Open && path.to_string_lossy().ends_with(".tmp");
        assert!(!meant || fired.swap(true, SeqCst), "on purpose");
        Ok(())
    });
    // More than half a segment: the next one is made ahead.
    journal.append_with(&[vec![7; 600 << 10]], &KEPT).unwrap();
    spin_until(|| panicked.load(SeqCst));
    let accepted = journal.append("b").unwrap();
    spin_until(|| journal.durable() >= accepted.next);
    spin_until(|| journal.core.commit.keeper.is_free_to_prepare());
    let other = journal.clone();
    in_time(&apart(move || other.close())).unwrap();
}

#[test]
fn a_disk_that_panics_under_the_keepers_sync_stops_the_journal() {
    let disk = Memory::new();
    let sync = SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL);
    let journal = open_on(&disk, Options { sync, ..Options::default() });
    disk.rule(|call, _| {
        assert!(call != Call::Sync, "on purpose");
        Ok(())
    });
    journal.append("a").unwrap();
    spin_until(|| matches!(journal.core.commit.stopped(), Some(Error::Poisoned { .. })));
    assert!(journal.sync().is_err());
    // Whoever calls the keeper still finds it.
    assert!(journal.core.commit.keeper.is_alive());
    let other = journal.clone();
    assert!(in_time(&apart(move || other.close())).is_err());
}

#[test]
fn a_thread_that_cannot_be_started_is_found_out_before_anything_is_placed() {
    let policies = [SyncPolicy::OnDemand, SyncPolicy::Interval(Duration::from_secs(3600))];
    for sync in policies {
        let disk = Memory::new();
        let journal = open_on(&disk, Options { sync, ..Options::default() });
        let commit = Arc::clone(&journal.core.commit);
        commit.keeper.refuse_threads();
        let before = journal.durability().accepted;
        assert!(matches!(journal.append(vec![7; WRITE_AT]), Err(Error::Io { .. })), "{sync:?}");
        assert_eq!(journal.durability().accepted, before, "{sync:?}: refused, and there all the same");
        // Who waits needs no other thread.
        journal.append_with(&["b"], &KEPT).unwrap();
        journal.close().unwrap();
        let journal = open_on(&disk, Options::default());
        assert_eq!(journal.latest(5).unwrap().len(), 1);
    }
}

#[test]
fn a_roll_that_a_power_cut_ends_is_a_torn_tail_and_no_damage() {
    let disk = Memory::new();
    let sync = SyncPolicy::OnDemand;
    let journal = open_on(&disk, Options { sync, segment_bytes: 16 << 10, ..Options::default() });
    journal.append(vec![7; 2000]).unwrap();
    disk.rule(|call, path| {
        let meant = call == Call::Sync && path.to_string_lossy().ends_with(".wal");
        if meant { Err(io::Error::other("the power goes")) } else { Ok(()) }
    });
    assert!(matches!(journal.seal(), Err(Error::Poisoned { .. })));
    assert!(matches!(journal.core.commit.stopped(), Some(Error::Poisoned { .. })));
    // Any of the sectors that were not synced, in all mixtures but for a few.
    let mut torn = 0;
    for mixture in 0_u32..1 << 7 {
        let mut sector = 0;
        let image = disk.image(|| {
            sector += 1;
            mixture >> (sector % 7) & 1 == 1
        });
        let report = open_on(&image, Options::default()).report().clone();
        assert!(report.damage.is_none(), "mixture {mixture}: {report:?}");
        torn += u32::from(report.torn.is_some());
    }
    assert!(torn > 0, "nothing was cut: the test shows nothing");
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_that_finds_no_thread_has_placed_nothing() {
    let disk = Memory::new();
    let journal = open_on(&disk, Options::default());
    journal.core.commit.keeper.refuse_threads();
    let before = journal.durability().accepted;
    let mut refused = std::pin::pin!(journal.append_async("a"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = refused.as_mut().poll(&mut context);
    assert!(matches!(polled, std::task::Poll::Ready(Err(Error::Io { .. }))), "{polled:?}");
    assert_eq!(journal.durability().accepted, before);
    journal.append("b").unwrap();
    assert_eq!(journal.latest(5).unwrap().len(), 1);
}

#[test]
fn a_key_tried_again_is_answered_with_the_term_of_its_record() {
    let disk = Memory::new();
    let keyed = AppendOptions { key: Some(b"k"), ..AppendOptions::default() };
    let journal = open_on(&disk, Options::default());
    let first = journal.append_with(&["a"], &keyed).unwrap();
    // What follows is torn: the log goes on in a new term.
    journal.append("b").unwrap();
    let image = disk.image(|| false);
    let torn = image.open(&PathBuf::from("/log/0000000000000000.wal"), Mode::Write).unwrap();
    let pos = journal.core.source.segments()[0].header.as_ref().unwrap().file_pos(journal.durable()).0;
    torn.write_at(&[1; 16], pos).unwrap();
    let journal = open_on(&image, Options::default());
    let later = journal.append("c").unwrap();
    assert!(later.term > first[0].term, "no new term: the test shows nothing");
    assert_eq!(journal.append_with(&["a"], &keyed).unwrap(), first);
}

#[test]
fn what_nobody_waits_for_is_held_while_a_leader_waits() {
    let (_full, journal) = on_full_disk(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let commit = Arc::clone(&journal.core.commit);
    // Somebody has been called to lead, and has not come yet.
    commit.lock().lead = Lead::Called;
    let part = vec![7; 1 << 20];
    for _ in 0..8 {
        journal.append(&part).unwrap();
    }
    let other = journal.clone();
    let held = apart(move || other.append(&part).map(drop));
    spin_until(|| {
        let stage = commit.lock();
        stage.sleepers == 1 || stage.load.records == 9
    });
    let gathered = commit.lock().load.records;
    // Whatever came of it: nobody hangs.
    assert!(commit.claim(None));
    commit.lead(Leader::Thread);
    in_time(&held).unwrap();
    assert_eq!(gathered, 8);
}

#[test]
fn p2_a_key_whose_append_fails_pushes_no_older_one_out() {
    let (full, journal) = on_full_disk(Options { remember_keys: 2, ..Options::default() });
    let keyed = |key: &'static str| {
        journal.append_with(&[key], &AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() })
    };
    let first = keyed("one").unwrap();
    keyed("two").unwrap();
    full.store(true, SeqCst);
    assert!(matches!(keyed("three"), Err(Error::Full { .. })));
    assert!(!full.load(SeqCst), "it was not full");
    assert_eq!(keyed("one").unwrap()[0].offset, first[0].offset);
    assert_eq!(journal.records(), 2);
}

#[test]
fn i6_a_sync_that_fails_once_is_not_tried_again() {
    for sync in [SyncPolicy::OnDemand, SyncPolicy::Every(1000)] {
        let (disk, asked) = (Memory::new(), Arc::new(AtomicU64::new(0)));
        let journal = open_on(&disk, Options { sync, ..Options::default() });
        let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
        spin_until(|| journal.durability().written >= accepted.next);
        let syncs = Arc::clone(&asked);
        disk.rule(move |call, path| {
            let is_meant = call == Call::Sync && path.to_string_lossy().ends_with(".wal");
            let is_first = is_meant && syncs.fetch_add(1, SeqCst) == 0;
            if is_first { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        });
        assert!(matches!(journal.append_with(&["b"], &KEPT), Err(Error::Poisoned { .. })), "{sync:?}");
        assert_eq!(asked.load(SeqCst), 1, "{sync:?}: how often it was synced");
        assert!(matches!(journal.sync(), Err(Error::Poisoned { .. })));
        assert!(matches!(journal.append("c"), Err(Error::Poisoned { .. })));
        assert_eq!((asked.load(SeqCst), journal.durable()), (1, Offset::ZERO), "{sync:?}");
    }
}

#[test]
fn i6_a_sync_that_nobody_asked_for_and_that_fails_stops_the_journal() {
    for sync in
        [SyncPolicy::OnDemand, SyncPolicy::Every(1000), SyncPolicy::Interval(Duration::from_secs(3600))]
    {
        let (disk, asked) = (Memory::new(), Arc::new(AtomicU64::new(0)));
        let journal = open_on(&disk, Options { sync, ..Options::default() });
        let syncs = Arc::clone(&asked);
        disk.rule(move |call, path| {
            let is_meant = call == Call::Sync && path.to_string_lossy().ends_with(".wal");
            let is_first = is_meant && syncs.fetch_add(1, SeqCst) == 0;
            if is_first { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        });
        let mut refused = None;
        for _ in 0..24 {
            match journal.append(vec![7; WRITE_AT]) {
                Ok(accepted) => spin_until(|| {
                    let stopped = journal.core.commit.stopped().is_some();
                    stopped || journal.durability().written >= accepted.next
                }),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        assert!(matches!(refused, Some(Error::Poisoned { .. })), "{sync:?}: {refused:?}");
        assert_eq!((asked.load(SeqCst), journal.durable()), (1, Offset::ZERO), "{sync:?}");
        assert!(matches!(journal.sync(), Err(Error::Poisoned { .. })));
        assert_eq!(asked.load(SeqCst), 1, "{sync:?}: how often it was synced");
    }
}
