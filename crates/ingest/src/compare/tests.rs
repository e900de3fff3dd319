use std::sync::Arc;

use annals_record::{MemoryLog, RecordId, Stance};

use super::*;
use crate::Projector;
use crate::scene::{assertion, epoch, log_of, named, vote};

fn log() -> MemoryLog {
    let claim = RecordId::of(&assertion("a", 0));
    let claims = (0..20).map(|n| assertion("a", n % 15));
    log_of(claims.chain([vote(claim, "ann", 1, Stance::For, 1), epoch("e", "1"), vec![9], vec![200]]))
}

/// Fills a store from one log and compares it with another.
fn check(filled_from: &MemoryLog, compared_with: &MemoryLog) -> Result<Compared, Error> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(HybridStore::open(dir.path()).unwrap());
    Projector::new(Arc::new(filled_from.clone()), Arc::clone(&store)).unwrap().step().unwrap();
    let mut heard = Vec::new();
    let compared = compare(compared_with, &store, &mut |done, total| heard.push((done, total)))?;
    assert_eq!(heard.last(), Some(&(store.snapshot().unwrap().as_of(), compared.as_of)));
    let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
    assert!(walk.is_sound(), "{walk:?}");
    Ok(compared)
}

#[test]
fn a_store_is_what_its_log_says_also_when_the_log_has_gone_on() {
    let log = log();
    let compared = check(&log, &log).unwrap();
    assert!(compared.is_same(), "{compared:?}");
    assert_eq!((compared.records, compared.duplicates), (24, 5));

    let longer = self::log();
    longer.append(&[&assertion("b", 1)]).unwrap();
    assert!(check(&log, &longer).unwrap().is_same());
}

#[test]
fn a_store_of_another_log_is_refused_not_compared() {
    let other = named(*b"a second log....");
    other.append(&[&assertion("a", 0)]).unwrap();
    assert!(matches!(check(&log(), &other), Err(Error::Refused { .. })));
}

#[test]
fn a_log_without_its_beginning_is_compared_from_where_it_begins_with_what_the_store_says_of_before() {
    let log = log();
    let places: Vec<Offset> =
        log.read(Offset::ZERO, ReadLimit::default()).unwrap().iter().map(|e| e.offset).collect();
    for (i, place) in places.iter().enumerate() {
        let purged = self::log();
        purged.purge(*place);
        let compared = check(&log, &purged).unwrap();
        assert!(compared.is_same(), "from {i}: {compared:?}");
        assert_eq!((compared.from, compared.records), (*place, (places.len() - i) as u64));
    }
}

#[test]
fn what_differs_behind_the_place_where_a_log_begins_is_found() {
    let with =
        |third| log_of([assertion("a", 1), assertion("a", 2), assertion("a", third), assertion("a", 5)]);
    let second = with(3).read(Offset::ZERO, ReadLimit::default()).unwrap().iter().nth(1).unwrap().offset;
    let purged = with(4);
    purged.purge(second);
    let compared = check(&with(3), &purged).unwrap();
    assert!(!compared.is_same() && compared.from == second);
    assert_eq!(compared.damaged[0].key, format!("H:{}", RecordId::of(&assertion("a", 4))));
    let shorter = log_of([assertion("a", 1), assertion("a", 2), assertion("a", 3)]);
    shorter.purge(second);
    assert!(matches!(check(&with(3), &shorter), Err(Error::Refused { .. })), "the store is ahead of it");
}

#[test]
fn a_store_that_differs_from_its_log_says_where() {
    // The same length, the same last record, another record in between.
    let first = log_of([assertion("a", 1), assertion("a", 2), assertion("a", 3)]);
    let second = log_of([assertion("a", 1), assertion("a", 4), assertion("a", 3)]);
    let compared = check(&first, &second).unwrap();
    assert!(!compared.is_same());
    assert_eq!(compared.damaged.len(), 1);
    assert_eq!(compared.damaged[0].key, format!("H:{}", RecordId::of(&assertion("a", 4))));
}
