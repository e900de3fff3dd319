use super::*;

const LOG: LogId = LogId::from_bytes([7; 16]);

fn id(i: u64) -> RecordId {
    RecordId::of(&i.to_le_bytes())
}

fn filled(most: u32, count: u64) -> Keys {
    let mut keys = Keys::new(most);
    (0..count).for_each(|i| keys.add(id(i), id(1000 + i), Offset::new(i * 8), None));
    keys
}

fn knows(keys: &Keys, i: u64) -> bool {
    let key = Key { id: id(i), content: id(1000 + i), body: Vec::new() };
    keys.known(&key).unwrap().is_some()
}

#[test]
fn the_newest_are_remembered() {
    let keys = filled(10, 25);
    for i in 0..25 {
        assert_eq!(knows(&keys, i), i >= 15, "key {i}");
    }
    assert_eq!(keys.oldest(), Some(Offset::new(15 * 8)));
    assert!(filled(0, 5).oldest().is_none());
}

#[test]
fn a_key_does_not_answer_for_other_payloads() {
    let keys = filled(10, 3);
    let key = Key { id: id(2), content: id(9), body: Vec::new() };
    assert!(matches!(keys.known(&key), Err(Error::KeyReused { first }) if first == Offset::new(16)));
}

#[test]
fn what_was_not_kept_is_forgotten() {
    let mut keys = filled(10, 8);
    keys.forget_from(Offset::new(5 * 8));
    assert!(knows(&keys, 4) && !knows(&keys, 5) && !knows(&keys, 7));
}

#[test]
fn the_file_reads_back_and_nothing_else_does() {
    let keys = filled(10, 25);
    let bytes = keys.encode(LOG, Offset::new(4096));
    let mut back = Keys::new(10);
    assert_eq!(back.decode(&bytes, LOG, Offset::new(4096)), Some(Offset::new(4096)));
    assert_eq!(back.encode(LOG, Offset::new(4096)), bytes);
    let mut below = Keys::new(10);
    below.decode(&bytes, LOG, Offset::new(20 * 8));
    assert!(knows(&below, 19) && !knows(&below, 20), "what may be lost is not believed");
    assert_eq!(Keys::new(10).decode(&bytes, LogId::from_bytes([8; 16]), Offset::new(4096)), None);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        assert_eq!(Keys::new(10).decode(&flipped, LOG, Offset::new(4096)), None, "byte {at}");
        assert_eq!(Keys::new(10).decode(&bytes[..at], LOG, Offset::new(4096)), None, "cut at {at}");
    }
}

#[test]
fn a_key_frame_gives_key_and_content() {
    let ids = [id(1), id(2)];
    let key = Key::new(b"order-17", ids.into_iter()).unwrap();
    assert_eq!(Key::decode(&key.body), Some((RecordId::of(b"order-17"), key.content)));
    assert_ne!(key.content, Key::new(b"order-17", [id(2), id(1)].into_iter()).unwrap().content);
    assert!(Key::new(b"", ids.into_iter()).is_err());
    assert!(Key::new(&[1; 256], ids.into_iter()).is_err());
    assert_eq!(Key::decode(b"short"), None);
}

#[test]
fn a_key_on_its_way_pushes_nothing_out_until_its_append_is_kept() {
    let mut keys = filled(2, 2);
    let on_its_way = |keys: &mut Keys, i: u64| {
        keys.add(id(i), id(1000 + i), Offset::new(i * 8), Some(Arc::default()));
    };
    on_its_way(&mut keys, 2);
    on_its_way(&mut keys, 3);
    keys.forget_from(Offset::new(16));
    assert!(knows(&keys, 0) && knows(&keys, 1), "both appends have failed");
    on_its_way(&mut keys, 4);
    on_its_way(&mut keys, 5);
    assert!(knows(&keys, 0) && knows(&keys, 5));
    keys.settled(Offset::new(40));
    assert!(!knows(&keys, 0) && knows(&keys, 1) && knows(&keys, 4), "one of the two was kept");
    keys.settled(Offset::new(48));
    assert!(!knows(&keys, 1) && knows(&keys, 4) && knows(&keys, 5));
}
