use super::*;

/// A block's worth of it, for the sizes of one block are those of all.
fn small(history: History, foreign: bool) -> Measured {
    measured::measure(history, foreign, 4_096, 256).unwrap()
}

#[test]
fn a_block_of_each_history_comes_again_and_is_as_small_as_is_meant() {
    for history in [History::Gps, History::Sensor, History::Know] {
        for foreign in [false, true] {
            let row = small(history, foreign);
            assert_eq!(row.facts, 4_096);
            let ratio = row.json / row.delta.bytes;
            assert!(ratio >= history.goal(foreign), "{row:?}");
            assert!(row.delta.bytes < row.zstd.bytes, "{row:?}");
        }
    }
}

#[test]
fn a_history_is_drawn_the_same_way_each_time() {
    let lines = || -> Vec<String> {
        let drawn = History::Crm.draw(50).unwrap().into_iter();
        drawn.map(|drawn| format!("{:?} {:?}", drawn.fact, drawn.follows)).collect()
    };
    assert_eq!(lines(), lines());
    let gps = History::Gps.draw(1).unwrap().remove(0).fact;
    assert_eq!((&*gps.store, gps.valid_time.is_some()), ("technician_positions", true));
}

#[test]
fn a_row_says_what_was_missed() {
    let form = measured::Form { bytes: 20.0, ..Default::default() };
    let row = Measured {
        history: History::Gps,
        foreign: false,
        facts: 1,
        json: 400.0,
        compact_delta: None,
        zstd: form,
        delta: form,
    };
    assert!(table(&[row]).contains("| 20.0 | 40 missed |"));
}
