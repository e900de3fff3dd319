use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A number that says it is a megabyte.
struct Heavy(u64);

impl Weighed for Heavy {
    fn weight(&self) -> usize {
        1 << 20
    }
}

const LONG: Duration = Duration::from_secs(60);

/// Everything a feed gives, and how it ends.
fn drain(feed: &Feed<Heavy>) -> (Vec<u64>, Result<(), Failure>) {
    let mut taken = Vec::new();
    loop {
        match feed.take(LONG) {
            Fed::Items(items) => taken.extend(items.into_iter().map(|heavy| heavy.0)),
            Fed::Nothing => {}
            Fed::End(ended) => return (taken, ended),
        }
    }
}

fn failure() -> InputError {
    InputError::Read { name: "x".to_owned(), line: 1, source: io::ErrorKind::TimedOut.into() }
}

#[test]
fn everything_comes_in_its_order_and_then_the_end() {
    let feed = Feed::start(|| Ok((0..1_000).map(|number| Ok(Heavy(number)))));
    let (taken, ended) = drain(&feed);
    assert_eq!(taken, (0..1_000).collect::<Vec<_>>());
    assert_eq!(ended, Ok(()));
}

#[test]
fn what_was_read_before_a_failure_comes_before_it() {
    let feed = Feed::start(|| Ok([Ok(Heavy(1)), Ok(Heavy(2)), Err(failure())].into_iter()));
    let (taken, ended) = drain(&feed);
    assert_eq!(taken, [1, 2]);
    assert!(ended.is_err());
}

#[test]
fn an_input_that_cannot_be_opened_and_a_reader_that_panics_end_the_feed() {
    let feed = Feed::start(|| Err::<std::vec::IntoIter<_>, _>(failure()));
    assert!(drain(&feed).1.is_err());
    let feed: Feed<Heavy> = Feed::start(|| Ok(std::iter::from_fn(|| panic!("on purpose"))));
    let (_, ended) = drain(&feed);
    assert!(ended.unwrap_err().message.contains("panicked"));
}

#[test]
fn no_more_is_read_ahead_than_the_bound_and_one() {
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let feed = Feed::start(move || {
        Ok((0..100).map(move |number| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(Heavy(number))
        }))
    });
    // The queue is full before the first is taken, however fast the reader is: 8 of 1 MiB, and one in its hand.
    let mut taken = 0;
    loop {
        match feed.take(LONG) {
            Fed::Items(items) => {
                assert!(items.len() <= 8, "{}", items.len());
                taken += items.len();
                assert!(read.load(Ordering::SeqCst) <= taken + 9);
            }
            Fed::Nothing => {}
            Fed::End(ended) => break ended.unwrap(),
        }
    }
    assert_eq!(taken, 100);
}

#[test]
fn a_quiet_input_gives_nothing_instead_of_waiting_for_ever() {
    let (open, closed) = std::sync::mpsc::channel::<()>();
    let feed: Feed<Heavy> = Feed::start(move || {
        // Ends when the test does.
        let _ = closed.recv();
        Ok(std::iter::empty())
    });
    assert!(matches!(feed.take(Duration::from_millis(1)), Fed::Nothing));
    drop(open);
}
