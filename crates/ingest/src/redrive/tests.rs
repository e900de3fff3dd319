use std::sync::Arc;

use annals_record::{EncodingMismatch, MemoryLog, RecordId};

use super::*;
use crate::scene::assertion;
use crate::{Progress, Projector};

/// An older build: it reads no assertion.
fn older(entry: Entry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    let decoded = change(entry)?;
    match decoded.effect {
        Effect::Assertion { .. } => {
            Ok(Change { effect: Effect::DeadLetter { reason: "of a later version".to_owned() }, ..decoded })
        }
        _ => Ok(decoded),
    }
}

/// A store that an older build has filled, with ten assertions, one record that nobody reads, and one of an application.
fn parked() -> (tempfile::TempDir, MemoryLog, HybridStore) {
    let log = MemoryLog::with((0..10).map(|n| assertion("a", n)).chain([vec![9; 8], vec![200]]));
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(HybridStore::open(dir.path()).unwrap());
    let projector = Projector::new(Arc::new(log.clone()), Arc::clone(&store)).unwrap();
    let mut projector = projector.with_decode(older);
    while projector.step().unwrap() != Progress::Idle {}
    drop(projector);
    (dir, log, Arc::into_inner(store).unwrap())
}

fn letters(store: &HybridStore) -> Vec<Offset> {
    let letters = store.snapshot().unwrap().dead_letters(None, usize::MAX).unwrap();
    letters.iter().map(|letter| letter.offset).collect()
}

#[test]
fn w6_what_this_build_reads_is_applied_where_it_came_and_the_rest_stays() {
    let (_dir, log, store) = parked();
    assert_eq!(letters(&store).len(), 11);
    let looked = redrive(&log, &store, Which::All, false, &mut |_| true).unwrap();
    let expected = Redrive {
        redriven: Redriven { applied: 10, parked: 1, ..Redriven::default() },
        ..Redrive::default()
    };
    assert_eq!((&looked, letters(&store).len()), (&expected, 11), "it only looked");
    let mut heard = 0;
    let done = redrive(&log, &store, Which::All, true, &mut |done| {
        heard = done;
        true
    });
    assert_eq!((done.unwrap(), heard), (expected, 11));
    assert_eq!(letters(&store).len(), 1);
    assert!(crate::compare(&log, &store, &mut |_, _| {}).unwrap().is_same());
}

#[test]
fn those_that_are_named_are_read_again_also_when_they_were_given_up_and_no_others() {
    let (_dir, log, store) = parked();
    let at = letters(&store);
    store.discard(&at[2..3]).unwrap();
    let some = [at[4], at[2], Offset::new(1), at[4]];
    let done = redrive(&log, &store, Which::At(&some), true, &mut |_| true).unwrap();
    assert_eq!(done.redriven, Redriven { applied: 2, unknown: 1, ..Redriven::default() });
    assert_eq!(letters(&store).len(), 9);
}

#[test]
fn what_could_be_applied_by_now_is_a_finding_until_it_is_and_what_was_given_up_is_none() {
    let (_dir, log, store) = parked();
    let compared = crate::compare(&log, &store, &mut |_, _| {}).unwrap();
    assert_eq!((compared.is_same(), compared.damaged_total), (false, 10));
    assert!(compared.damaged[0].detail.contains("redrive"), "{:?}", compared.damaged[0]);
    store.discard(&letters(&store)).unwrap();
    let compared = crate::compare(&log, &store, &mut |_, _| {}).unwrap();
    assert!(compared.is_same(), "{compared:?}");
}

#[test]
fn a_record_that_the_log_cannot_give_keeps_its_letter() {
    let (_dir, log, store) = parked();
    let at = letters(&store);
    log.damage(at[3]);
    let done = redrive(&log, &store, Which::All, true, &mut |_| true).unwrap();
    assert_eq!((done.redriven.applied, done.unread_total, done.unread[0].offset), (9, 1, at[3]));
    assert_eq!(letters(&store), [at[3], at[10]]);
    log.mend(at[3]);
    redrive(&log, &store, Which::All, true, &mut |_| true).unwrap();
    assert_eq!(letters(&store), [at[10]]);
    let letter = store.snapshot().unwrap().dead_letter(at[10]).unwrap().unwrap().0;
    assert_eq!(record_of(&log, &letter).unwrap(), [9; 8]);
    let other = DeadLetter { id: RecordId::of(b"another"), ..letter };
    assert!(record_of(&log, &other).unwrap_err().contains("another record"));
}
