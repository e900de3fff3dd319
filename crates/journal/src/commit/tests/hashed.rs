//! Records of tasks are hashed by whoever leads: each task is told the id of its own, beside threads that know theirs.

use annals_record::RecordId;

use super::*;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Lengths at the edges of a block and of a chunk, and beyond one.
const LENGTHS: [usize; 12] = [0, 1, 63, 64, 65, 128, 700, 960, 1023, 1024, 1025, 5_000];

#[test]
fn tasks_and_threads_of_one_group_are_told_the_ids_and_places_of_their_own_records() {
    let (dir, gate, journal) = open(Options::default());
    gate.arm();
    let one = journal.clone();
    let first = apart(move || one.append("what the next group's first block begins with"));
    gate.wait_until_reached();
    // The next group fills while the first one is on its way.
    let ticket = Arc::clone(&journal.core.commit.lock().ticket);
    let mut expected = Vec::new();
    let (mut tasks, mut threads) = (Vec::new(), Vec::new());
    for i in 0..240_usize {
        let payload: Vec<u8> = (0..LENGTHS[i % LENGTHS.len()]).map(|at| (at * 7 + i * 31) as u8).collect();
        expected.push(payload.clone());
        if i % 40 == 39 {
            let one = journal.clone();
            threads.push(apart(move || (RecordId::of(&payload), one.append(&payload))));
            spin_until(|| journal.core.commit.lock().load.records as usize == expected.len());
        } else {
            tasks.push((RecordId::of(&payload), journal.append_async(payload)));
        }
    }
    // Whoever is not interested any more takes nothing back.
    let tasks: Vec<_> = tasks.into_iter().enumerate().filter(|(i, _)| i % 5 != 0).collect();
    gate.let_go();
    in_time(&first).unwrap();
    let mut receipts = Vec::new();
    for (_, (id, task)) in tasks {
        receipts.push((id, wait(task).unwrap()));
    }
    for thread in threads {
        let (id, appended) = in_time(&thread);
        receipts.push((id, appended.unwrap()));
    }
    assert!(receipts.iter().all(|(id, appended)| appended.id == *id));
    assert_eq!(ticket.id(0), Some(RecordId::of(&expected[0])), "nothing was left to the leader");
    let found = journal.latest(expected.len()).unwrap();
    assert!(found.iter().map(|record| record.payload).eq(&expected));
    for (id, appended) in &receipts {
        assert!(found.iter().any(|record| record.id == *id && record.offset == appended.offset));
    }
    journal.append("behind").unwrap();
    journal.close().unwrap();
    let journal = Journal::open(dir.path().join("log")).unwrap();
    let verified = journal.verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    assert_eq!(verified.records, 242);
}

#[test]
fn a_task_that_waits_for_nobody_is_told_its_id_at_once() {
    for sync in [SyncPolicy::OnDemand, SyncPolicy::Every(3), SyncPolicy::Always] {
        let (_dir, _gate, journal) = open(Options { sync, ..Options::default() });
        for i in 0..5 {
            let appended = wait(journal.append_async([i])).unwrap();
            assert_eq!(appended.id, RecordId::of(&[i]), "{sync:?}");
        }
    }
}

#[test]
fn a_task_that_waits_hashes_what_has_gathered_meanwhile() {
    let (_dir, gate, journal) = open(Options::default());
    gate.arm();
    let one = journal.clone();
    let first = apart(move || one.append("held up"));
    gate.wait_until_reached();
    let payloads: Vec<Vec<u8>> = (0..200_usize).map(|i| vec![i as u8; LENGTHS[i % LENGTHS.len()]]).collect();
    let mut tasks: Vec<_> = payloads.iter().map(|payload| Box::pin(journal.append_async(payload))).collect();
    let unhashed = || journal.core.commit.lock().load.unhashed();
    // Two of twelve lengths are hashed by those who append.
    let before = unhashed();
    assert!(before > 160, "{before}");
    let waits =
        std::pin::Pin::new(&mut tasks[0]).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(waits.is_pending());
    assert!(unhashed() < 64, "as long as they fill the lanes");
    gate.let_go();
    in_time(&first).unwrap();
    for (payload, task) in payloads.iter().zip(tasks) {
        assert_eq!(wait(task).unwrap().id, RecordId::of(payload));
    }
    let verified = journal.verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    assert_eq!(verified.records, 201);
}
