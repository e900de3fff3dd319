use super::*;
use crate::fuse::survival::{OfFile, OfNames};

fn names(tree: &Tree, ways: OfNames) -> Vec<String> {
    let mut survival = Survival::only(OfFile::All, ways);
    let Kept::Dir(names, _) = tree.clone().survive(&mut survival) else { panic!("the root is a directory") };
    names.into_keys().map(|name| name.into_string().unwrap()).collect()
}

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

#[test]
fn a_name_is_kept_by_the_sync_of_its_directory_alone() {
    let mut tree = Tree::default();
    let file = tree.create(ROOT, name("file"), false, 0o600).unwrap();
    tree.file(file).unwrap().sync();
    assert_eq!(names(&tree, OfNames::Nothing), [""; 0], "T3");
    assert_eq!(names(&tree, OfNames::All), ["file"]);
    tree.sync_dir(ROOT).unwrap();
    assert_eq!(names(&tree, OfNames::Nothing), ["file"], "T1");
    tree.remove(ROOT, name("file"), false).unwrap();
    assert_eq!(names(&tree, OfNames::Nothing), ["file"]);
    tree.sync_dir(ROOT).unwrap();
    assert_eq!(names(&tree, OfNames::All), [""; 0], "T1");
}

#[test]
fn a_rename_happens_or_does_not() {
    let mut tree = Tree::default();
    tree.create(ROOT, name("a"), false, 0o600).unwrap();
    tree.sync_dir(ROOT).unwrap();
    tree.rename((ROOT, name("a")), (ROOT, name("b")), true).unwrap();
    assert_eq!(names(&tree, OfNames::Nothing), ["a"]);
    assert_eq!(names(&tree, OfNames::All), ["b"]);
}

#[test]
fn a_rename_from_one_directory_to_another_is_kept_by_the_sync_of_either() {
    for synced in [false, true] {
        let mut tree = Tree::default();
        let dir = tree.create(ROOT, name("dir"), true, 0o700).unwrap();
        tree.sync_dir(ROOT).unwrap();
        tree.create(ROOT, name("a"), false, 0o600).unwrap();
        tree.rename((ROOT, name("a")), (dir, name("b")), true).unwrap();
        tree.sync_dir(if synced { dir } else { ROOT }).unwrap();
        let kept = tree.survive(&mut Survival::only(OfFile::Nothing, OfNames::Nothing));
        let Kept::Dir(root, _) = kept else { panic!() };
        let Kept::Dir(dir, _) = &root[name("dir")] else { panic!() };
        assert_eq!((root.len(), dir.len()), (1, 1), "T2: synced the target: {synced}");
    }
}

#[test]
fn a_directory_without_its_name_takes_all_in_it_along() {
    let mut tree = Tree::default();
    let dir = tree.create(ROOT, name("dir"), true, 0o700).unwrap();
    tree.create(dir, name("file"), false, 0o600).unwrap();
    tree.sync_dir(dir).unwrap();
    assert_eq!(names(&tree, OfNames::Nothing), [""; 0]);
}
