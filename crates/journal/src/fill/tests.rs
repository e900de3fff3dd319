use super::*;

/// A moment that lies so far back.
fn ago(passed: Duration) -> Instant {
    Instant::now().checked_sub(passed).expect("the clock has run for five minutes")
}

/// Syncs of `took`, after each of which all of 32 have come once `back` has passed.
fn with(fill: &mut Fill, took: Duration, back: Duration, rounds: u32) {
    for _ in 0..rounds {
        fill.expect(32, 0, ago(back), took);
        (0..32).for_each(|_| fill.comes());
    }
    fill.expect(32, 0, Instant::now(), took);
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(5);

#[test]
fn those_who_come_again_within_a_sync_go_in_one_group() {
    let mut fill = Fill::new();
    with(&mut fill, LONG, SHORT, 8);
    assert!(!fill.is_filled(31));
    assert!(fill.is_filled(32));
    assert_eq!(fill.wait_until(31, Instant::now()), Some(fill.until));
    assert_eq!(fill.wait_until(32, Instant::now()), None);
    assert_eq!(fill.wait_until(31, fill.until), None);
}

#[test]
fn those_who_come_again_more_slowly_than_a_sync_go_in_halves_until_they_are_faster() {
    let mut fill = Fill::new();
    with(&mut fill, SHORT, LONG, MEAN_OF);
    assert!(!fill.is_filled(15));
    assert!(fill.is_filled(16), "half of them while the other half is written");
    // In halves as many have come as were released by the last sync.
    fill.expect(16, 16, Instant::now(), SHORT);
    assert!(fill.is_filled(16));
    with(&mut fill, LONG, Duration::ZERO, 2 * MEAN_OF);
    assert!(!fill.is_filled(31), "and together again");
}

#[test]
fn one_time_that_was_long_decides_nothing() {
    let mut fill = Fill::new();
    with(&mut fill, LONG, SHORT, 4 * MEAN_OF);
    with(&mut fill, LONG, 60 * LONG, 1);
    assert!(!fill.is_filled(31));
}

#[test]
fn few_are_not_halved() {
    let mut fill = Fill::new();
    for _ in 0..8 {
        fill.expect(15, 0, ago(LONG), SHORT);
        (0..15).for_each(|_| fill.comes());
    }
    assert!(!fill.halves);
    fill.halves = true;
    fill.expect(8, 7, Instant::now(), SHORT);
    assert!(!fill.is_filled(14), "nor if they were more before");
}

#[test]
fn waits_in_vain_are_repeated_more_and_more_rarely_until_one_is_not() {
    let mut fill = Fill::new();
    let waits = |fill: &mut Fill| {
        fill.expect(4, 0, Instant::now(), LONG);
        fill.wait_until(3, Instant::now()).is_some()
    };
    assert!(waits(&mut fill));
    for skipped in [2, 4, 8, 16, 32, 64, 64] {
        fill.waits();
        fill.goes(3);
        for _ in 1..skipped {
            assert!(!waits(&mut fill));
        }
        assert!(waits(&mut fill), "after {skipped}");
    }
    fill.waits();
    fill.goes(4);
    assert!(waits(&mut fill), "one that paid is followed by the next");
    fill.waits();
    fill.goes(3);
    assert_eq!(fill.skip, 64);
    fill.goes(3);
    assert_eq!(fill.skip, 64, "who did not wait has learnt nothing");
}
