//! A store whose making was cut off.

use super::*;

#[test]
fn a_store_whose_making_was_cut_off_is_made_anew() {
    for version in [None, Some(&b""[..]), Some(&[0; 4])] {
        let scene = everything();
        let content = scene.dir.path().join("store").join(CONTENT_DIR);
        fs::create_dir_all(content.join("keyspaces")).unwrap();
        fs::write(content.join("lock"), "").unwrap();
        fs::write(content.join("0.jnl"), [0; 4096]).unwrap();
        if let Some(version) = version {
            fs::write(content.join("version"), version).unwrap();
        }
        let store = scene.filled();
        assert!(store.cursor().unwrap().is_some(), "{version:?}");
        store.close().unwrap();
        assert_eq!(contents(&scene.open()), contents(&everything().filled()), "{version:?}");
    }
}

#[test]
fn a_store_that_was_made_is_never_taken_away() {
    let scene = everything();
    scene.filled().close().unwrap();
    let content = scene.dir.path().join("store").join(CONTENT_DIR);
    let version = fs::read(content.join("version")).unwrap();
    fs::write(content.join("version"), "").unwrap();
    assert!(HybridStore::open(scene.dir.path().join("store")).is_err());
    fs::write(content.join("version"), version).unwrap();
    assert_eq!(contents(&scene.open()), contents(&everything().filled()));
}
