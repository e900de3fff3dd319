//! Appends of tasks that find no room in a segment: placed by the roll, whether somebody polls them or not.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use annals_record::{Appended, Offset};

use super::*;
use crate::appending::Appending;

/// A journal whose disk holds a group up, and what it held up.
fn held_up(segment_bytes: u64) -> (tempfile::TempDir, Arc<Gate>, Journal, Receiver<Result<Appended, Error>>) {
    let (dir, gate, journal) = open(Options { segment_bytes, ..Options::default() });
    gate.arm();
    let one = journal.clone();
    let first = apart(move || one.append("held up"));
    gate.wait_until_reached();
    (dir, gate, journal, first)
}

fn payload(number: usize, len: usize) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(len, 7);
    payload
}

fn poll<P: AsRef<[u8]> + Unpin>(appending: &mut Appending<P>) -> Poll<Result<Appended, Error>> {
    Pin::new(appending).poll(&mut Context::from_waker(Waker::noop()))
}

fn is_queued(journal: &Journal) -> bool {
    journal.core.commit.lock().queue.next().is_some()
}

fn is_quiet(journal: &Journal) -> bool {
    let stage = journal.core.commit.lock();
    stage.lead == Lead::Idle && stage.load.is_empty() && stage.queue.next().is_none()
}

#[test]
fn what_finds_no_room_is_placed_in_order_whether_somebody_polls_or_not() {
    let (_dir, gate, journal, first) = held_up(1 << 20);
    // More than the first segment holds, and half of the second one.
    let mut flying: Vec<_> = (0..1300).map(|number| journal.append_async(payload(number, 1000))).collect();
    assert!(is_queued(&journal));
    // Some were polled and wait, some are not wanted any more.
    assert!(flying.iter_mut().step_by(3).all(|appending| poll(appending).is_pending()));
    drop(flying.remove(150));
    gate.let_go();
    in_time(&first).unwrap();
    spin_until(|| is_quiet(&journal));
    let mut last = Offset::ZERO;
    for appending in &mut flying {
        let Poll::Ready(Ok(appended)) = poll(appending) else { panic!("nobody had to be polled") };
        assert!(last <= appended.offset && appended.next <= journal.durable());
        last = appended.next;
    }
    let found = journal.latest(1300).unwrap();
    let expected: Vec<_> = (0..1300).map(|number| payload(number, 1000)).collect();
    assert!(found.iter().map(|record| record.payload).eq(&expected));
    assert!(found.iter().all(|record| record.id == annals_record::RecordId::of(record.payload)));
    // And a task is woken.
    let late = journal.append_async("behind");
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(late).unwrap();
    journal.close().unwrap();
}

#[test]
fn what_is_queued_when_the_journal_closes_is_told_so() {
    let (dir, gate, journal, first) = held_up(64 << 10);
    let mut flying: Vec<_> = (0..200).map(|number| journal.append_async(payload(number, 1000))).collect();
    assert!(is_queued(&journal));
    let closing = journal.clone();
    let closed = apart(move || closing.close());
    spin_until(|| journal.core.commit.stopped().is_some());
    gate.let_go();
    in_time(&first).unwrap();
    in_time(&closed).unwrap();
    let (mut kept, mut refused) = (0, 0);
    for appending in &mut flying {
        match poll(appending) {
            Poll::Ready(Ok(_)) => kept += 1,
            Poll::Ready(Err(Error::Closed)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    drop((flying, journal));
    assert!(kept > 0 && refused > 0, "{kept} {refused}");
    let journal = Journal::open(dir.path().join("log")).unwrap();
    assert_eq!(journal.latest(1000).unwrap().len(), kept + 1, "what was refused is not there");
}

#[test]
fn what_is_too_much_to_be_queued_is_placed_when_it_is_polled() {
    let (_dir, gate, journal, first) = held_up(64 << 10);
    // Some go with the next group, some into the queue.
    let mut flying: Vec<_> = (0..200).map(|number| journal.append_async(payload(number, 1000))).collect();
    assert!(is_queued(&journal));
    // Nobody overtakes who was turned away, however little room it needs.
    flying.push(journal.append_async(payload(200, 8)));
    gate.let_go();
    in_time(&first).unwrap();
    spin_until(|| is_quiet(&journal));
    let before = journal.latest(1000).unwrap().len();
    assert!((32..200).contains(&before), "{before}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    drop(flying.remove(199));
    for appending in flying {
        runtime.block_on(appending).unwrap();
    }
    let found = journal.latest(1000).unwrap();
    let mut expected: Vec<_> = (0..199).map(|number| payload(number, 1000)).collect();
    expected.push(payload(200, 8));
    assert!(
        found.iter().skip(1).map(|record| record.payload).eq(&expected),
        "all but the one nobody asked for"
    );
    journal.close().unwrap();
}
