use super::*;

/// A history to which two chunks were handed in, of ten lines each.
fn history() -> History {
    let mut history = History::default();
    history.hand_in(10);
    history.hand_in(10);
    history
}

/// The record of a line, at this place.
fn at(offset: u64, chunk: u32, line: u32) -> Placed {
    Placed { offset, id: format!("id of {chunk}.{line}"), tag: Tag { chunk, line } }
}

/// Three records of one chunk and one of another between them.
fn four() -> Vec<Placed> {
    vec![at(0, 0, 0), at(8, 0, 1), at(16, 1, 0), at(24, 0, 2)]
}

fn grown() -> History {
    let mut history = history();
    assert_eq!(history.grow(0, &four()), Ok(4));
    history
}

/// What an account that knows four records says of a journal that holds these.
fn refused(oldest: u64, listed: &[Placed]) -> String {
    grown().grow(oldest, listed).unwrap_err()
}

#[test]
fn a_journal_grows_at_its_end_and_is_purged_at_its_beginning() {
    let mut history = grown();
    let mut listed = four();
    listed.push(at(32, 1, 1));
    assert_eq!(history.grow(0, &listed), Ok(1));
    assert_eq!(history.grow(16, &listed[2..]), Ok(0));
    assert_eq!((history.len(), history.oldest()), (5, 16));
    assert_eq!(history.acknowledged(&at(0, 0, 0)), Ok(()), "purged, and acknowledged all the same");
    assert!(history.grow(8, &listed[1..]).unwrap_err().contains("begins at 8"));
}

#[test]
fn a_record_that_is_missing_is_noticed_wherever_it_stood() {
    for missing in 0..4 {
        let mut listed = four();
        listed.remove(missing);
        assert!(refused(0, &listed).contains("was there"), "{missing}");
    }
    assert!(refused(0, &[]).contains("was there"));
}

#[test]
fn records_that_have_changed_places_or_ids_are_noticed() {
    for (one, other) in [(0, 1), (1, 2), (0, 3)] {
        let mut listed = four();
        listed.swap(one, other);
        assert!(refused(0, &listed).contains("was there"));
        // Also if the places stay and the records change.
        let (before, behind) = (listed[one].offset, listed[other].offset);
        (listed[one].offset, listed[other].offset) = (behind, before);
        assert!(refused(0, &listed).contains("was there"));
    }
    let mut listed = four();
    listed[2].id = "another".to_owned();
    assert!(refused(0, &listed).contains("was there"));
}

#[test]
fn what_is_invented_left_out_or_there_twice_is_noticed() {
    let refused = |placed: Placed| refused(0, &[four(), vec![placed]].concat());
    assert!(refused(at(32, 2, 0)).contains("never handed in"));
    assert!(refused(at(32, 0, 4)).contains("line 3"), "a line was left out");
    assert!(refused(at(32, 0, 2)).contains("twice"));
    assert!(refused(at(24, 0, 3)).contains("behind"));
    let mut full = history();
    let all: Vec<Placed> = (0..10).map(|line| at(u64::from(line), 0, line)).collect();
    assert_eq!(full.grow(0, &all), Ok(10));
    assert!(full.grow(0, &[all, vec![at(32, 0, 10)]].concat()).unwrap_err().contains("of 10"));
}

#[test]
fn a_receipt_is_of_a_record_that_is_there_at_its_place_with_its_id() {
    let history = grown();
    assert_eq!(history.acknowledged(&at(8, 0, 1)), Ok(()));
    assert!(history.acknowledged(&at(8, 0, 3)).is_err(), "no such record");
    assert!(history.acknowledged(&at(16, 0, 1)).is_err(), "elsewhere");
    let other = Placed { id: "another".to_owned(), ..at(8, 0, 1) };
    assert!(history.acknowledged(&other).is_err());
}

#[test]
fn a_follower_sees_every_record_in_order_from_where_it_begins() {
    let history = grown();
    let seen = four();
    for begin in 0..4 {
        for end in begin..=4 {
            assert_eq!(history.followed(None, &seen[begin..end]), Ok(()));
        }
    }
    assert_eq!(history.followed(Some(8), &seen[1..]), Ok(()));
    assert!(history.followed(Some(8), &seen[2..]).is_err(), "its beginning is left out");
    assert!(history.followed(None, &[at(0, 0, 0), at(16, 1, 0)]).is_err(), "a jump");
    assert!(history.followed(None, &[at(8, 0, 1), at(0, 0, 0)]).is_err(), "back");
    assert!(history.followed(None, &[at(0, 0, 0), at(0, 0, 0)]).is_err(), "twice");
    assert!(history.followed(None, &[at(24, 0, 2), at(32, 0, 3)]).is_err(), "more than there is");
}

#[test]
fn a_gap_is_where_a_follower_stood_and_ends_where_the_journal_began() {
    let mut history = grown();
    history.grow(16, &four()[2..]).unwrap();
    assert_eq!(history.gap(Some(0), 8, 16), Ok(()));
    assert_eq!(history.gap(None, 0, 16), Ok(()));
    assert!(history.gap(Some(0), 0, 16).is_err(), "it had seen that");
    assert!(history.gap(Some(0), 16, 24).is_err(), "more than was purged");
    assert!(history.gap(Some(0), 10, 16).is_err(), "behind the next record: that one is passed over");
    assert!(history.gap(Some(0), 8, 8).is_err(), "no gap");
}
