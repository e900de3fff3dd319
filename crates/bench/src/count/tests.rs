use std::collections::BTreeMap;

use serde_json::json;

use super::{compare, text, total};

fn changes(recorded: u64, counted: u64) -> String {
    compare(&BTreeMap::from([("replay", (counted, 3))]), &json!({ "replay": recorded })).1
}

#[test]
fn a_change_beyond_the_tolerance_names_the_path_and_both_counts_and_how_to_accept() {
    assert_eq!(changes(1000, 1030), "");
    assert_eq!(changes(1000, 970), "");
    for counted in [1031, 969] {
        let said = changes(1000, counted);
        for part in ["replay", "1000", &counted.to_string(), "--accept"] {
            assert!(said.contains(part), "{said:?} names {part}");
        }
    }
}

#[test]
fn a_path_that_is_not_on_record_is_a_change() {
    let (_, changed) = compare(&BTreeMap::from([("replay", (5, 3))]), &json!({}));
    assert!(changed.contains("replay: 5"), "{changed:?}");
}

#[test]
fn what_is_recorded_can_be_compared_with() {
    let counted = BTreeMap::from([("append", (7, 3)), ("replay", (9, 3))]);
    let record = serde_json::from_str(&text(&counted)).unwrap();
    assert_eq!(compare(&counted, &record).1, "");
}

#[test]
fn the_total_is_found_wherever_callgrind_puts_it() {
    assert_eq!(total("version: 1\nevents: Ir\nsummary: 123\n\nfn=(1) main\n3 4\n"), Some(123));
    assert_eq!(total("events: Ir\nfn=(1) main\n3 4\ntotals: 456\n"), Some(456));
    assert_eq!(total("events: Ir\n"), None);
}
