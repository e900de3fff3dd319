//! What tests of the group commit want to know of its thread.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::SystemClock;
use crate::commit::memory::{Call, Memory};
use crate::journal::Journal;
use crate::options::{Options, SyncPolicy};
use crate::stage::Lead;

impl Keeper {
    /// From here on no thread can be started.
    pub(crate) fn refuse_threads(&self) {
        lock(&self.state).spawn = Spawn(|_| Err(io::ErrorKind::WouldBlock.into()));
    }

    pub(crate) fn is_alive(&self) -> bool {
        lock(&self.state).thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

#[test]
fn a_file_that_is_made_ahead_keeps_its_name_when_it_is_asked_for_again() {
    let (disk, made) = (Memory::new(), Arc::new(AtomicU64::new(0)));
    let (clock, dir) = (Arc::new(SystemClock), Path::new("/log"));
    let journal = Journal::open_on(Arc::new(disk.clone()), clock, dir, Options::default()).unwrap();
    let counted = Arc::clone(&made);
    disk.rule(move |call, path| {
        let next = call == Call::Open && path.to_string_lossy().ends_with("next.wal.tmp");
        counted.fetch_add(u64::from(next), Ordering::SeqCst);
        Ok(())
    });
    prepare(&journal.core.commit);
    prepare(&journal.core.commit);
    assert_eq!(made.load(Ordering::SeqCst), 1, "a second one takes the name from the first");
}

#[test]
fn a_sync_that_is_due_while_the_keeper_is_called_to_lead_waits_for_nobody() {
    // Nothing is asked of the journal's own thread: this test's is the keeper.
    let options = Options { sync: SyncPolicy::OnDemand, ..Options::default() };
    let disk = Arc::new(Memory::new());
    let journal = Journal::open_on(disk, Arc::new(SystemClock), Path::new("/log"), options).unwrap();
    journal.append("accepted").unwrap();
    let commit = Arc::clone(&journal.core.commit);
    // Two were released by the last sync, so a group that one is in is not filled.
    commit.lock().fill.expect(2, 0, Instant::now(), Duration::ZERO);
    commit.lock().lead = Lead::Called;
    let (done, is_done) = std::sync::mpsc::channel();
    let keeper = Arc::clone(&commit);
    thread::spawn(move || {
        // The two jobs in the order in which they may come.
        work(&keeper, &Job::Sync, &mut None);
        work(&keeper, &Job::Lead, &mut None);
        done.send(()).unwrap();
    });
    if is_done.recv_timeout(Duration::from_secs(20)).is_err() {
        // It would wait for what will not end.
        std::mem::forget(journal);
        panic!("it waits for itself");
    }
    assert_eq!(journal.durable(), commit.accepted());
    journal.close().unwrap();
}

#[test]
fn an_interval_may_be_as_long_as_one_likes() {
    let options = Options { sync: SyncPolicy::Interval(Duration::MAX), ..Options::default() };
    let disk = Arc::new(Memory::new());
    let journal = Journal::open_on(disk, Arc::new(SystemClock), Path::new("/log"), options).unwrap();
    let appended = journal.append("accepted").unwrap();
    assert!(journal.durable() <= appended.offset);
    journal.close().unwrap();
}
