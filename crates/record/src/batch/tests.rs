use super::*;

fn pushed() -> Batch {
    let mut batch = Batch::default();
    for (offset, payload) in [(0, "a"), (48, "bc"), (96, "")] {
        let id = RecordId::of(payload.as_bytes());
        batch.push(Offset::new(offset), &id, payload.as_bytes());
    }
    batch.set_next(Offset::new(136));
    batch
}

#[test]
fn what_is_pushed_comes_back() {
    let batch = pushed();
    let found: Vec<_> = batch.iter().map(|entry| (entry.offset.get(), entry.id, entry.payload)).collect();
    let expected = [(0, "a"), (48, "bc"), (96, "")];
    assert_eq!(found, expected.map(|(at, text)| (at, RecordId::of(text.as_bytes()), text.as_bytes())));
    assert_eq!((batch.len(), batch.next()), (3, Offset::new(136)));
}

#[test]
fn a_batch_ends_where_it_is_cut() {
    let batch = pushed().until(Offset::new(96));
    assert_eq!((batch.len(), batch.next()), (2, Offset::new(96)));
    let batch = batch.until(Offset::new(500));
    assert_eq!((batch.len(), batch.next()), (2, Offset::new(96)));
}

#[test]
fn memory_is_used_again_and_records_are_not() {
    let mut batch = pushed();
    let memory = batch.bytes.as_ptr();
    batch.clear(Offset::new(7));
    assert_eq!((batch.iter().len(), batch.next()), (0, Offset::new(7)));
    batch.push(Offset::new(8), &RecordId::of(b"x"), b"x");
    assert_eq!((batch.iter().next().unwrap().payload, batch.bytes.as_ptr()), (&b"x"[..], memory));
    let (bytes, places) = batch.take_parts();
    assert!(places.is_empty() && !bytes.is_empty() && batch.is_empty());
}

#[test]
#[should_panic(expected = "L2")]
fn a_payload_outside_the_buffer_is_a_bug() {
    let place = Place { offset: Offset::ZERO, start: 32, len: 9 };
    let _ = Batch::new(vec![0; 40], vec![place], Offset::new(8));
}

#[test]
#[should_panic(expected = "L2")]
fn offsets_rise() {
    let place = Place { offset: Offset::new(8), start: 32, len: 0 };
    let _ = Batch::new(vec![0; 32], vec![place, place], Offset::new(16));
}
