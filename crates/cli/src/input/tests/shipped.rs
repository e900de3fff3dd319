//! The shipped set is what its README says, and its votes are on assertions that it has.

use super::*;

use std::collections::HashSet;

use annals::Vote;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data");

/// The README has a row for this count.
fn check(readme: &str, count: usize, what: &str) {
    let row = format!("| {what} | {count} |");
    assert!(readme.contains(&row), "README.md has no row {row:?}");
}

#[test]
fn every_vote_of_the_shipped_set_is_on_an_assertion_of_it() {
    let path = format!("{DATA}/unihan-readings.jsonl.zst");
    let (mut assertions, mut votes, mut epochs) = (HashSet::new(), Vec::new(), 0);
    let mut subjects = HashSet::new();
    for item in Input::open(Path::new(&path), options(None)).unwrap() {
        let accepted = item.unwrap().outcome.unwrap();
        match record(&accepted) {
            Record::Assertion(assertion) => {
                subjects.insert(assertion.subject);
                assert!(assertions.insert(accepted.id), "the same assertion twice");
            }
            Record::Vote(vote) => votes.push(vote),
            Record::Epoch(_) => epochs += 1,
        }
    }
    let astray: Vec<&Vote> = votes.iter().filter(|vote| !assertions.contains(&vote.assertion)).collect();
    assert!(
        astray.is_empty(),
        "{} votes on no assertion, as of an older encoding: run the recipe",
        astray.len()
    );

    let readme = fs::read_to_string(format!("{DATA}/README.md")).unwrap();
    check(&readme, subjects.len(), "subjects");
    check(&readme, assertions.len(), "assertions");
    check(&readme, votes.len(), "votes");
    check(&readme, epochs, "epochs");
}
