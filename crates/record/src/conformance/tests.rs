mod broken;

use super::*;
use crate::{MemoryLog, Offset};

/// The log in memory, with all that can be done to it.
struct InMemory;

impl Subject for InMemory {
    type Log = MemoryLog;

    fn create(&self) -> MemoryLog {
        MemoryLog::new()
    }

    fn reopen(&self, log: MemoryLog) -> Option<MemoryLog> {
        Some(log.reopened())
    }

    fn close(&self, log: &MemoryLog) -> bool {
        log.close();
        true
    }

    fn purge(&self, log: &MemoryLog, keep: Offset) -> bool {
        log.purge(keep);
        true
    }

    fn damage(&self, log: MemoryLog, at: Offset) -> Option<MemoryLog> {
        log.damage(at);
        Some(log)
    }

    fn lose(&self, log: MemoryLog, at: Offset) -> Option<MemoryLog> {
        log.lose(at);
        Some(log)
    }

    fn fork(&self, log: MemoryLog) -> Option<MemoryLog> {
        let end = log.read(Offset::ZERO, crate::ReadLimit { records: 5, bytes: usize::MAX }).unwrap().next();
        log.fork(end);
        Some(log)
    }
}

#[test]
fn the_log_in_memory_keeps_every_rule() {
    let report = check(&InMemory);
    assert_eq!((report.kept.as_slice(), report.skipped.len()), (Rule::ALL.as_slice(), 0));
}

#[test]
fn a_log_of_which_nothing_is_known_is_asked_for_what_can_be_asked() {
    let report = check(&MemoryLog::new);
    let skipped = [Rule::Reopened, Rule::Closed, Rule::Purged, Rule::Damaged, Rule::Holes, Rule::Forked];
    assert_eq!(report.skipped, skipped);
}
