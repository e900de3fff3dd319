use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, IoSlice, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::{ReadWriteFlags, pwritev2};

use super::survival::{OfFile, OfNames};
use super::*;

/// What a disk has, as texts by name.
type Texts = BTreeMap<String, String>;

/// Does something on a new mount, and says what a cut leaves of it, at worst and at best.
fn left(does: impl FnOnce(&Path, &Power)) -> (Texts, Texts) {
    let dir = tempfile::tempdir().unwrap();
    let power = Arc::new(Power::new(&Kept::Dir(BTreeMap::new(), 0o755), None));
    let mounted = Mounted::new(Arc::clone(&power), dir.path()).unwrap();
    does(dir.path(), &power);
    power.cut_now();
    mounted.end().unwrap();
    let texts = |kept: Kept| match kept {
        Kept::Dir(names, _) => names.into_iter().filter_map(|(name, kept)| {
            let Kept::File(image, _) = kept else { return None };
            Some((name.into_string().unwrap(), String::from_utf8(image.read(0, image.len())).unwrap()))
        }),
        Kept::File(..) => panic!("the root is a directory"),
    };
    let tree = power.lock().tree.clone();
    let survive = |files, names| texts(tree.clone().survive(&mut Survival::only(files, names))).collect();
    (survive(OfFile::Nothing, OfNames::Nothing), survive(OfFile::All, OfNames::All))
}

fn texts(texts: &[(&str, &str)]) -> Texts {
    texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Whether nothing can be mounted here. Aloud; and in CI it is a failure, but where somebody has said otherwise.
fn no_fuse() -> bool {
    let there = Path::new("/dev/fuse").exists() && rustix::process::geteuid().is_root();
    let set = |name: &str| std::env::var_os(name).is_some();
    assert!(there || !set("CI") || set("ANNALS_PROOF_WITHOUT_FUSE"), "nothing can be mounted here");
    if !there {
        crate::run::tell("WARNING: NOT TRIED: nobody but root, where there is /dev/fuse, can mount");
    }
    !there
}

fn sync_dir(dir: &Path) {
    File::open(dir).unwrap().sync_all().unwrap();
}

#[test]
fn what_was_synced_is_left_and_what_was_not_may_go() {
    if no_fuse() {
        return;
    }
    let (worst, best) = left(|dir, _| {
        let mut file = File::create(dir.join("file")).unwrap();
        file.write_all(b"kept ").unwrap();
        file.sync_data().unwrap();
        sync_dir(dir);
        file.write_all(b"more").unwrap();
        assert_eq!(fs::read(dir.join("file")).unwrap(), b"kept more");
        let nameless = File::create(dir.join("nameless")).unwrap();
        nameless.write_all_at(b"synced", 0).unwrap();
        nameless.sync_all().unwrap();
    });
    assert_eq!(worst, texts(&[("file", "kept ")]));
    assert_eq!(best, texts(&[("file", "kept more"), ("nameless", "synced")]));
}

#[test]
fn a_write_that_brings_its_sync_along_is_kept_and_keeps_nothing_else() {
    if no_fuse() {
        return;
    }
    let (worst, _) = left(|dir, _| {
        let file = File::create(dir.join("file")).unwrap();
        file.write_all_at(&[b'.'; 3 << 20], 0).unwrap();
        file.sync_all().unwrap();
        sync_dir(dir);
        file.write_all_at(b"never", 100).unwrap();
        // More than the kernel hands over in one piece.
        let long = vec![b'x'; 2 << 20];
        let written = pwritev2(&file, &[IoSlice::new(&long)], 1 << 20, ReadWriteFlags::DSYNC).unwrap();
        assert_eq!(written, long.len());
    });
    let file = worst["file"].as_bytes();
    assert!(file[1 << 20..].iter().all(|byte| *byte == b'x'));
    assert!(file[..1 << 20].iter().all(|byte| *byte == b'.'));
}

#[test]
fn files_opened_to_be_synchronous_or_direct_are_what_they_are_opened_to_be() {
    if no_fuse() {
        return;
    }
    let (worst, _) = left(|dir, _| {
        let flags = |flags: rustix::fs::OFlags| flags.bits() as i32;
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        let synced = options.clone().custom_flags(flags(rustix::fs::OFlags::DSYNC)).open(dir.join("synced"));
        synced.unwrap().write_all(b"here").unwrap();
        let direct = options.custom_flags(flags(rustix::fs::OFlags::DIRECT)).open(dir.join("direct"));
        assert_eq!(direct.unwrap().write_at(&[b'x'; 0], 0).unwrap(), 0);
        sync_dir(dir);
    });
    assert_eq!(worst, texts(&[("synced", "here"), ("direct", "")]));
}

#[test]
fn a_sync_that_fails_loses_what_it_was_to_keep() {
    if no_fuse() {
        return;
    }
    let (worst, best) = left(|dir, power| {
        let file = File::create(dir.join("file")).unwrap();
        file.write_all_at(b"old", 0).unwrap();
        file.sync_all().unwrap();
        sync_dir(dir);
        power.trouble(Some(Fault::Fails { call: Call::Sync, after: 0, times: 1 }));
        file.write_all_at(b"new", 0).unwrap();
        assert_eq!(file.sync_all().unwrap_err().raw_os_error(), Some(5));
        file.sync_all().unwrap();
        assert_eq!(power.trouble(None), 1);
        assert_eq!(fs::read(dir.join("file")).unwrap(), b"new", "as a page cache has it");
    });
    assert_eq!((&worst, &best), (&texts(&[("file", "old")]), &texts(&[("file", "old")])));
}

#[test]
fn a_full_disk_says_so_at_once_or_when_it_is_synced() {
    if no_fuse() {
        return;
    }
    left(|dir, power| {
        power.trouble(Some(Fault::Full { bytes: 10 }));
        let file = File::create(dir.join("file")).unwrap();
        file.write_all_at(&[1; 10], 0).unwrap();
        assert_eq!(file.write_all_at(&[1; 10], 10).unwrap_err().kind(), ErrorKind::StorageFull);
        file.write_all_at(&[2; 10], 0).unwrap();
        assert_eq!(power.trouble(Some(Fault::FullAtSync { bytes: 10 })), 1);
        file.sync_all().unwrap();
        file.write_all_at(&[1; 10], 10).unwrap();
        assert_eq!(file.sync_all().unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(power.trouble(None), 1);
    });
}

#[test]
fn names_are_as_processes_expect_them() {
    if no_fuse() {
        return;
    }
    let (worst, best) = left(|dir, _| {
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("a/b/file"), "text").unwrap();
        assert_eq!(fs::rename(dir.join("a"), dir.join("a/b/c")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(fs::remove_dir(dir.join("a")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::hard_link(dir.join("a/b/file"), dir.join("linked")).unwrap();
        fs::rename(dir.join("a/b/file"), dir.join("moved")).unwrap();
        assert_eq!(fs::read_dir(dir).unwrap().count(), 3);
        sync_dir(dir);
        fs::remove_dir_all(dir.join("a")).unwrap();
        let open = File::open(dir.join("moved")).unwrap();
        fs::remove_file(dir.join("moved")).unwrap();
        let mut text = [0; 4];
        open.read_exact_at(&mut text, 0).unwrap();
        assert_eq!(&text, b"text", "an open file outlives its name");
        open.try_lock().unwrap();
    });
    assert_eq!(worst, texts(&[("linked", ""), ("moved", "")]));
    assert_eq!(best, texts(&[("linked", "text")]));
}

#[test]
fn nothing_returns_and_nothing_changes_once_the_power_has_gone() {
    if no_fuse() {
        return;
    }
    let (_, best) = left(|dir, power| {
        power.cut(Cut::Change(1));
        let mut child = Command::new("sh")
            .args(["-c", "echo one > \"$0/one\"; echo two > \"$0/two\"; echo three > \"$0/three\""])
            .arg(dir)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        assert!(power.wait(Duration::from_secs(60)));
        assert_eq!(power.changes(), 1);
        std::thread::park_timeout(Duration::from_millis(50));
        assert_eq!(child.try_wait().unwrap(), None, "it waits for ever");
        child.kill().unwrap();
        while child.try_wait().unwrap().is_none() {
            power.let_go();
        }
    });
    assert_eq!(best, texts(&[("one", "")]));
}

#[test]
fn a_mount_is_gone_after_a_panic() {
    if no_fuse() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let power = Arc::new(Power::new(&Kept::Dir(BTreeMap::new(), 0o755), None));
    let at = dir.path().to_owned();
    let panicked = std::thread::spawn(move || {
        let _mounted = Mounted::new(power, &at).unwrap();
        fs::write(at.join("file"), "text").unwrap();
        panic!("told to");
    });
    assert!(panicked.join().is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(dir.path().to_str().unwrap()));
}
