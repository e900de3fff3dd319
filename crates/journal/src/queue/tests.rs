use super::*;

fn push(queue: &mut Queue, payload: &[u8]) -> Option<Place> {
    queue.push(&Frames { payloads: &[payload], digests: None, control: None, bytes: 40 + payload.len() })
}

#[test]
fn nobody_overtakes_who_was_turned_away_until_those_before_it_are_gone() {
    let mut queue = Queue::new(4096);
    let first = push(&mut queue, &[7; 1000]).unwrap();
    assert!(
        push(&mut queue, &[7; 1000]).is_none(),
        "more than half a segment, with what it takes beside its frame"
    );
    assert!(push(&mut queue, b"little").is_none(), "there would be room for it");
    queue.refuse(&Error::Closed);
    assert!(matches!(first.get(), Some(Err(Error::Closed))));
    assert!(push(&mut queue, &[7; 1000]).is_some());
    assert_eq!(queue.bytes, 1040 + BESIDE);
}

#[test]
fn one_that_a_panic_loses_on_its_way_is_told_so() {
    let mut queue = Queue::new(1 << 20);
    let place = push(&mut queue, b"lost").unwrap();
    let queued = queue.pop().unwrap();
    let panic = std::panic::AssertUnwindSafe(|| queued.place_by(|_| panic!("on its way")));
    assert!(std::panic::catch_unwind(panic).is_err());
    assert!(matches!(place.get(), Some(Err(Error::Poisoned { .. }))));
}
