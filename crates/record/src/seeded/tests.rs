use std::collections::BTreeSet;

use super::*;

#[test]
fn every_bug_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!((names.len(), Bug::ALL.len()), (22, 22));
}

#[test]
#[cfg(not(annals_bugs))]
fn an_ordinary_build_has_none() {
    assert!(const { !is_on(Bug::AckBeforeSync) && !is_on_once_in(1, Bug::SkipSync) });
}
