use std::collections::BTreeMap;

use super::*;

#[test]
fn a_number_draws_the_same_again() {
    for number in 0..100 {
        assert_eq!(Scenario::draw(number), Scenario::draw(number));
    }
    assert_ne!(Scenario::draw(1), Scenario::draw(2));
}

#[test]
fn every_command_fault_and_number_of_lives_is_drawn() {
    let (mut commands, mut faults, mut lives) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for scenario in (0..1000).map(Scenario::draw) {
        *lives.entry(scenario.lives.len()).or_insert(0) += 1;
        for life in &scenario.lives {
            assert!(!life.steps.is_empty());
            for step in &life.steps {
                *commands.entry(step.name()).or_insert(0) += 1;
            }
            if let Some(fault) = life.fault {
                *faults.entry(fault.name()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(lives.len(), 4, "{lives:?}");
    assert_eq!(commands.len(), 14, "{commands:?}");
    assert_eq!(faults.len(), 7, "{faults:?}");
    assert!(commands.values().chain(faults.values()).all(|count| *count > 5), "{commands:?} {faults:?}");
}
