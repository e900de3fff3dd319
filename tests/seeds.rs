//! The table of the five seed systems in `docs/seeds.md`: every line of theirs, in order, each with tests that are there.

use crate::shown::{Tests, document, rows};

const HEAD: &str = "| id | here | shown by |";
/// The systems and how many lines each has.
const SYSTEMS: [(&str, usize); 5] = [("IG", 51), ("ST", 34), ("SS", 31), ("OP", 27), ("FA", 29)];

#[test]
fn every_line_of_every_seed_is_there_and_names_only_tests_that_are_there() {
    let rows = rows(&document("seeds.md"), HEAD);
    let ids: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    let expected: Vec<String> = SYSTEMS
        .iter()
        .flat_map(|(system, lines)| (1..=*lines).map(move |line| format!("{system}-{line:02}")))
        .collect();
    assert_eq!(ids, expected);
    let tests = Tests::all();
    for row in &rows {
        let [id, here, shown] = &row[..] else { panic!("three cells: {row:?}") };
        assert!(!here.is_empty(), "{id}");
        let named = tests.named(id, shown);
        assert!(named > 0 || here.starts_with("differs: "), "{id} is neither shown nor said to differ");
        if let Some(reason) = here.strip_prefix("differs: ") {
            assert!(reason.split(' ').count() >= 4, "{id}: why does it differ?");
        }
    }
}
