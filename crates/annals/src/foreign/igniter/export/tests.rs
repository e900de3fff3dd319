use annals_streams::FactId;
use uuid::Uuid;

use super::*;
use crate::foreign::{Found, igniter};

fn facts() -> Vec<Fact> {
    let names = ["gps", "a/b", "..", &"é".repeat(300), "100%"];
    let mut facts: Vec<Fact> = (0..200_u32)
        .map(|n| {
            let store = names[n as usize % names.len()];
            let mut fact =
                Fact::new(store, format!("key {n}"), format!(r#"{{"n": {n}.50}}"#), f64::from(n) + 0.125);
            fact.id = FactId::Foreign(Uuid::from_u128(n.into()));
            fact.valid_time = (n % 3 == 0).then_some(0.1);
            fact.derivation = (n % 4 == 0).then(|| "[1, 2]".to_owned());
            fact
        })
        .collect();
    facts.sort_by_key(|fact| directory(&fact.store));
    facts
}

#[test]
fn facts_that_were_written_are_read_as_the_same_facts() {
    let room = tempfile::tempdir().unwrap();
    let root = room.path().join("store");
    let log = LogId::from_bytes([7; 16]);
    let mut writer = Writer::create(&root).unwrap();
    facts().iter().for_each(|fact| writer.write(fact, log, Offset::ZERO).unwrap());
    writer.finish().unwrap();
    let read: Vec<Fact> = igniter::open(&root)
        .unwrap()
        .map(|found| match found {
            Found::Item(placed) => placed.item,
            Found::Lost(loss) => panic!("{loss}"),
        })
        .collect();
    assert_eq!(read, facts());
    assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "no name leads elsewhere");
    assert!(Writer::create(&root).unwrap_err().to_string().contains("something is there"));
}

#[test]
fn more_stores_than_files_may_be_open_are_written_all_the_same() {
    let room = tempfile::tempdir().unwrap();
    let log = LogId::from_bytes([7; 16]);
    let mut writer = Writer::create(room.path()).unwrap();
    for round in 0..3 {
        for store in 0..100 {
            let fact = Fact::new(format!("store {store}"), "key", round.to_string(), 1.0);
            writer.write(&fact, log, Offset::new(round * 100 + store)).unwrap();
        }
    }
    let bad = Fact::new("s", "k", "1", f64::INFINITY);
    assert!(writer.write(&bad, log, Offset::ZERO).is_err());
    writer.finish().unwrap();
    let found: Vec<Found<Fact>> = igniter::open(room.path()).unwrap().collect();
    assert_eq!(found.len(), 300);
    assert!(found.iter().all(|found| matches!(found, Found::Item(_))));
}
