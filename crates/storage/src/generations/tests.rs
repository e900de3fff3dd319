use super::*;

fn root() -> (tempfile::TempDir, Generations) {
    let dir = tempfile::tempdir().unwrap();
    let generations = Generations::new(dir.path().join("store"));
    (dir, generations)
}

#[test]
fn a_generation_answers_once_it_is_switched_to() {
    let (_dir, generations) = root();
    assert_eq!(generations.current().unwrap(), None);
    assert_eq!(generations.list().unwrap(), []);
    let first = generations.create_next().unwrap();
    assert_eq!(generations.current().unwrap(), None);
    generations.switch(first).unwrap();
    let second = generations.create_next().unwrap();
    assert_eq!(generations.current().unwrap(), Some(first));
    generations.switch(second).unwrap();
    assert_eq!(generations.current().unwrap(), Some(second));
    assert_eq!(generations.list().unwrap(), [first, second]);
    assert_eq!(fs::read_to_string(generations.root.join(POINTER)).unwrap(), "gen-000002\n");
    assert!(generations.path(second).ends_with("gen-000002"));
    generations.switch(first).unwrap();
    assert_eq!(generations.current().unwrap(), Some(first));
}

#[test]
fn g2_what_answers_and_what_is_open_stays_and_what_is_taken_away_is_no_generation() {
    let (_dir, generations) = root();
    let made: Vec<_> = (0..3).map(|_| generations.create_next().unwrap()).collect();
    generations.switch(made[1]).unwrap();
    assert!(matches!(generations.remove(made[1]), Err(Error::Pointer { .. })));
    let open = crate::HybridStore::open(generations.path(made[2])).unwrap();
    assert!(matches!(generations.remove(made[2]), Err(Error::Locked { .. })));
    assert!(generations.path(made[2]).join("index.redb").exists(), "it is whole");
    open.close().unwrap();
    generations.remove(made[2]).unwrap();
    generations.remove(made[2]).unwrap();
    assert_eq!(generations.list().unwrap(), made[..2]);
    // A removal that was cut off: the number is free, and what is left goes.
    fs::rename(generations.path(made[0]), generations.root.join("gen-000001.gone")).unwrap();
    assert_eq!(generations.list().unwrap(), made[1..2]);
    assert_eq!((generations.remove_gone().unwrap(), generations.remove_gone().unwrap()), (1, 0));
    assert_eq!(generations.names().unwrap().len(), 2, "the pointer and what it names");
}

#[test]
fn a_mark_says_what_was_written_last_and_none_is_none() {
    let (_dir, generations) = root();
    let first = generations.create_next().unwrap();
    assert_eq!(generations.marked(first, Mark::Finished).unwrap(), None);
    generations.mark(first, Mark::Finished, b"one").unwrap();
    generations.mark(first, Mark::Finished, b"two").unwrap();
    generations.mark(first, Mark::Begun, b"three").unwrap();
    assert_eq!(generations.marked(first, Mark::Finished).unwrap().unwrap(), b"two");
    assert_eq!(fs::read(generations.path(first).join("finished.json")).unwrap(), b"two");
    fs::write(generations.path(first).join("rebuild.json"), vec![b' '; 100_000]).unwrap();
    assert_eq!(generations.marked(first, Mark::Begun).unwrap().unwrap().len(), 64 << 10);
}

#[test]
fn g1_a_pointer_that_was_not_finished_changes_nothing() {
    let (_dir, generations) = root();
    let first = generations.create_next().unwrap();
    generations.switch(first).unwrap();
    fs::write(generations.root.join(POINTER_ASIDE), "gen-0000").unwrap();
    assert_eq!(generations.current().unwrap(), Some(first));
    let second = generations.create_next().unwrap();
    generations.switch(second).unwrap();
    assert_eq!(generations.current().unwrap(), Some(second));
    assert!(!generations.root.join(POINTER_ASIDE).exists());
}

#[test]
fn a_pointer_that_names_nothing_is_an_error_not_an_empty_store() {
    let (_dir, generations) = root();
    let first = generations.create_next().unwrap();
    for text in
        ["", "gen-000002", "gen-1", "gen-000000", "../../etc", "gen-000001\n\n", "gen-99999999999999999999"]
    {
        fs::write(generations.root.join(POINTER), text).unwrap();
        assert!(matches!(generations.current(), Err(Error::Pointer { .. })), "{text}");
    }
    fs::write(generations.root.join(POINTER), "gen-000001\n").unwrap();
    assert_eq!(generations.current().unwrap(), Some(first));
    assert!(matches!(generations.switch(Generation(9)), Err(Error::Missing { .. })));
    assert_eq!(generations.current().unwrap(), Some(first));
}
