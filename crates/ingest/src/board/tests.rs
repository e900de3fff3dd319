use std::thread;
use std::time::Instant;

use annals_record::{Kind, LogId, Term};

use super::*;

fn at(offset: u64) -> Option<Cursor> {
    Some(Cursor::start(LogId::from_bytes([1; 16]), Term::FIRST, Offset::new(offset)))
}

/// Longer than any test waits unless a wake-up is lost.
const LONG: Duration = Duration::from_secs(60);

/// What a waiter for offset 10 gets when `happens` on the board, whether it waits already or comes later.
fn check(happens: impl Fn(&Board) + Sync) -> Result<(), Error> {
    let board = Board::new();
    assert!(board.begin());
    let start = Instant::now();
    let waited = thread::scope(|scope| {
        let waiter = scope.spawn(|| board.wait_for(Offset::new(10), LONG));
        happens(&board);
        waiter.join().unwrap()
    });
    // Whoever looks only when the time is up finds the same, a minute late.
    assert!(start.elapsed() < LONG, "the wake-up was lost");
    assert_eq!(board.wait_for(Offset::new(10), LONG).is_ok(), waited.is_ok());
    waited
}

#[test]
fn w4_whoever_waits_wakes_when_the_offset_is_reached() {
    check(|board| {
        (0..=10).for_each(|offset| board.post(|status| status.cursor = at(offset)));
    })
    .unwrap();
}

#[test]
fn w4_whoever_waits_wakes_when_the_worker_ends() {
    let stopped = check(|board| board.end(State::Stopped, None));
    assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    let failed = check(|board| board.end(State::Failed, Some(Arc::new(Error::Panicked))));
    assert!(matches!(&failed, Err(Error::Failed(error)) if matches!(**error, Error::Panicked)), "{failed:?}");
    assert_eq!(failed.unwrap_err().kind(), Kind::Stop);
}

#[test]
fn w4_whoever_waits_wakes_when_the_time_is_up() {
    let board = Board::new();
    board.post(|status| status.cursor = at(4));
    let late = board.wait_for(Offset::new(10), Duration::ZERO).unwrap_err();
    assert!(matches!(late, Error::Timeout { cursor, .. } if cursor == Offset::new(4)), "{late}");
    assert_eq!(late.kind(), Kind::Retry);
}

#[test]
fn the_beginning_counts_as_reached_only_once_the_worker_has_looked() {
    let board = Board::new();
    assert!(matches!(board.wait_for(Offset::ZERO, Duration::ZERO), Err(Error::Timeout { .. })));
    board.post(|status| status.cursor = at(0));
    board.wait_for(Offset::ZERO, Duration::ZERO).unwrap();
}

#[test]
fn there_is_one_worker_at_a_time() {
    let board = Board::new();
    assert!(board.begin());
    assert!(!board.begin());
    board.end(State::Stopped, None);
    assert!(board.begin());
}

#[test]
fn a_pause_ends_at_once_when_the_worker_should_stop() {
    let board = Board::new();
    assert!(!board.sleep(Duration::ZERO));
    thread::scope(|scope| {
        let pause = scope.spawn(|| board.sleep(LONG));
        board.ask_to_stop();
        assert!(pause.join().unwrap());
    });
    assert!(board.should_stop());
}
