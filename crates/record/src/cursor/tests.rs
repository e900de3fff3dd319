use super::*;

const LOG: LogId = LogId::from_bytes([7; 16]);

/// Checks a cursor at `next` in `term` against a log that holds 100..500, term 2 since 0 and term 3 since 300.
fn check(term: u64, next: u64) -> Result<(), CursorRefusal> {
    let cursor = Cursor { log: LOG, term: Term::new(term), next: Offset::new(next), last: None };
    let terms = [
        TermStart { term: Term::new(2), start: Offset::new(0) },
        TermStart { term: Term::new(3), start: Offset::new(300) },
    ];
    cursor.check(LOG, &terms, Bounds { oldest: Offset::new(100), durable: Offset::new(500) })
}

#[test]
fn a_rebuild_is_offered_wherever_the_log_has_its_beginning_and_nowhere_else() {
    let log = LogId::from_bytes([8; 16]);
    let (term, at) = (Term::FIRST, Offset::ZERO);
    let refusals = [
        CursorRefusal::ForeignLog { cursor: LOG, log },
        CursorRefusal::AheadOfLog { cursor: at, durable: at },
        CursorRefusal::Forked { cursor: at, term, end: at },
        CursorRefusal::UnknownTerm { term, newest: term },
        CursorRefusal::OtherRecord { offset: at },
        CursorRefusal::Purged { cursor: at, oldest: at },
    ];
    let rebuilt = refusals.map(|refusal| refusal.repairs().contains(&Repair::Rebuild));
    assert_eq!(rebuilt, [true, true, true, true, true, false]);
    let mut names = refusals.map(|refusal| refusal.name()).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), refusals.len());
}

#[test]
fn a_cursor_within_its_term_is_good() {
    assert_eq!(check(2, 100), Ok(()));
    assert_eq!(check(2, 300), Ok(()));
    assert_eq!(check(3, 500), Ok(()));
}

#[test]
fn each_misfit_has_its_own_refusal() {
    let cursor = Cursor::start(LogId::from_bytes([8; 16]), Term::FIRST, Offset::ZERO);
    let bounds = Bounds { oldest: Offset::ZERO, durable: Offset::ZERO };
    assert!(matches!(cursor.check(LOG, &[], bounds), Err(CursorRefusal::ForeignLog { .. })));
    assert!(matches!(check(2, 301), Err(CursorRefusal::Forked { .. })));
    assert!(matches!(check(3, 501), Err(CursorRefusal::AheadOfLog { .. })));
    assert!(matches!(check(4, 400), Err(CursorRefusal::UnknownTerm { .. })));
    assert!(matches!(check(2, 99), Err(CursorRefusal::Purged { .. })));
}
