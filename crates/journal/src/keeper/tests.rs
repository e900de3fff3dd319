//! What tests of the group commit want to know of its thread.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::SystemClock;
use crate::commit::memory::{Call, Memory};
use crate::journal::Journal;
use crate::options::Options;

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
