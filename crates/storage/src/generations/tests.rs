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
fn what_a_rebuild_left_is_taken_away_and_what_answered_before_stays() {
    let (_dir, generations) = root();
    let made: Vec<_> = (0..4).map(|_| generations.create_next().unwrap()).collect();
    generations.switch(made[1]).unwrap();
    fs::write(generations.path(made[2]).join("half"), "written").unwrap();
    assert_eq!(generations.remove_unfinished().unwrap(), made[2..]);
    assert_eq!(generations.list().unwrap(), made[..2]);
    assert!(matches!(generations.remove(made[1]), Err(Error::Pointer { .. })));
    generations.remove(made[0]).unwrap();
    generations.remove(made[0]).unwrap();
    assert_eq!(generations.create_next().unwrap().number(), 3);
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
