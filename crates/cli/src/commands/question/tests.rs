use super::*;

/// What is shown of the numbers below `all`, of which every `step`-th is asked for.
fn check(all: u64, step: u64, limit: Option<u64>, after: Option<u64>) -> Vec<u64> {
    let mut shown = Vec::new();
    let page = |after: Option<&u64>, wanted: usize| {
        let first = after.map_or(0, |after| after + 1);
        Ok::<_, StoreError>((first..all).take(wanted).collect())
    };
    let pages = Pages { limit, after };
    pages
        .each(
            page,
            |number| *number,
            |number| {
                let wanted = number % step == 0;
                shown.extend(wanted.then_some(number));
                Ok(wanted)
            },
        )
        .unwrap();
    shown
}

#[test]
fn without_a_limit_everything_is_listed() {
    for all in [0, 1, 255, 256, 257, 1_000] {
        assert_eq!(check(all, 1, None, None), (0..all).collect::<Vec<_>>(), "{all}");
    }
}

#[test]
fn a_limit_counts_what_is_shown_not_what_is_read() {
    assert_eq!(check(1_000, 100, Some(3), None), [0, 100, 200]);
    assert_eq!(check(1_000, 1, Some(0), None), [0; 0]);
    assert_eq!(check(1_000, 1, Some(300), None).len(), 300);
}

#[test]
fn a_list_goes_on_after_the_answer_that_is_named() {
    assert_eq!(check(10, 1, Some(2), Some(6)), [7, 8]);
    assert_eq!(check(10, 1, None, Some(9)), [0; 0]);
}
