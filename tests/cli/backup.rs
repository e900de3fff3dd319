//! Backing up and restoring, as an operator does it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::{ANNALS, Data, Run, annals, claims, contents};

/// Runs the binary without a data directory of its own.
fn bare(line: &str) -> Run {
    annals(line.split(' ')).output().unwrap().into()
}

fn backup(data: &Data) -> Json {
    data.json(&format!("backup {}", data.file("backup").display())).ends(0).report()
}

/// Restores the backup beside the data.
fn restore(data: &Data, to: &str) -> Run {
    let (from, to) = (data.file("backup"), data.file(to));
    bare(&format!("restore {} --to {} --json", from.display(), to.display()))
}

/// A command on the data directory of this name beside the data.
fn at(data: &Data, name: &str, line: &str) -> Run {
    bare(&format!("{line} --json --data {}", data.file(name).display()))
}

/// The directory restored as `name` is sound and holds what the data holds.
fn same(data: &Data, name: &str) {
    assert_eq!(at(data, name, "verify").ends(0).report()["ok"], true);
    let (here, there) = (data.json("digest").ends(0).report(), at(data, name, "digest").ends(0).report());
    assert_eq!(here["digest"], there["digest"]);
    assert_eq!(here["families"], there["families"]);
    assert_eq!(data.json("export").ends(0).out, at(data, name, "export").ends(0).out);
}

fn segments(data: &Data) -> Vec<PathBuf> {
    let files = contents(&data.file("backup")).into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|extension| extension == "wal")).collect()
}

#[test]
fn what_is_restored_is_sound_and_the_same() {
    let data = Data::of(&claims(30));
    let report = backup(&data);
    let status = data.json("status").report();
    assert_eq!((&report["records"], &report["durable"]), (&json!(30), &status["journal"]["durable"]));
    assert_eq!((&report["former"], &report["copied_segments"]), (&Json::Null, &json!(1)));
    let restored = restore(&data, "restored").ends(0).report();
    assert_eq!(restored["rebuilt"]["digest"], data.json("digest").report()["digest"]);
    assert!(restored["term"].as_u64() > report["term"].as_u64());
    same(&data, "restored");
    // It goes on, and has a backup of its own.
    at(&data, "restored", "append --subject later --predicate p --int 1").ends(0);
    let onward = at(&data, "restored", &format!("backup {}", data.file("backup").display())).ends(0).report();
    assert_eq!((&onward["records"], &onward["sequence"]), (&json!(31), &json!(2)));
    let people =
        bare(&format!("restore {} --to {}", data.file("backup").display(), data.file("p").display())).ends(0);
    assert!(people.out.contains("31 records") && people.out.contains("goes on"), "{people:?}");
}

#[test]
fn only_what_is_new_is_copied() {
    let data = Data::of(&claims(10));
    data.run("log seal").ends(0);
    backup(&data);
    let first = fs::metadata(&segments(&data)[0]).unwrap().modified().unwrap();
    data.import("{\"subject\":\"new\",\"predicate\":\"p\",\"object\":1}\n").ends(0);
    let report = backup(&data);
    assert_eq!((&report["kept_segments"], &report["copied_segments"]), (&json!(1), &json!(1)));
    assert_eq!(fs::metadata(&segments(&data)[0]).unwrap().modified().unwrap(), first, "it was left alone");
    let again = backup(&data);
    assert_eq!((&again["copied_segments"], &again["copied_bytes"]), (&json!(0), &json!(0)));
    restore(&data, "restored").ends(0);
    same(&data, "restored");
}

#[test]
fn a_backup_beside_its_owner_holds_what_was_acknowledged() {
    let data = Data::of(&claims(5));
    let mut owner = data.start("import - --batch 1");
    owner.stdin.as_mut().unwrap().write_all(claims(200).replace(":\"s", ":\"t").as_bytes()).unwrap();
    data.wait_for_records(205);
    let report = backup(&data);
    assert_eq!(report["records"], 205);
    assert!(report["owner"].as_str().unwrap().contains(&format!("process {}", owner.id())), "{report}");
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    restore(&data, "restored").ends(0);
    same(&data, "restored");
}

#[test]
fn what_was_acknowledged_before_a_kill_is_backed_up() {
    let data = Data::of(&claims(5));
    let mut owner = data.start("import - --batch 1");
    owner.stdin.as_mut().unwrap().write_all(claims(50).replace(":\"s", ":\"t").as_bytes()).unwrap();
    data.wait_for_records(55);
    owner.kill().unwrap();
    owner.wait().unwrap();
    // What the watermark lags behind is found by the open that a backup makes of data that nobody has.
    let report = backup(&data);
    assert_eq!((&report["records"], &report["owner"]), (&json!(55), &Json::Null));
}

#[test]
fn a_directory_of_something_else_is_left_as_it_is() {
    let data = Data::of(&claims(3));
    let letters = data.file("letters");
    fs::create_dir_all(letters.join("old")).unwrap();
    for (dir, says) in [
        (letters.clone(), "it holds"),
        (data.path(), "within the data directory"),
        (data.path().join("b"), "within"),
    ] {
        let run = data.json(&format!("backup {}", dir.display())).ends(10);
        assert!(run.error()["message"].as_str().unwrap().contains(says), "{run:?}");
    }
    let file = data.with_file("file", "a letter");
    data.run(&format!("backup {}", file.display())).ends(10);
    assert_eq!(fs::read_dir(&letters).unwrap().count(), 1);
    assert!(!data.path().join("b").exists());
    for line in ["backup DIR --verify", "backup DIR --list", "restore DIR --to TARGET"] {
        let target = data.file("target");
        let line = line
            .replace("DIR", &letters.display().to_string())
            .replace("TARGET", &target.display().to_string());
        bare(&line).ends(10);
        bare(&line.replace("letters", "nowhere")).ends(10);
        assert!(!target.exists());
    }
    // No data, no backup.
    let none = Data::new();
    none.run(&format!("backup {}", none.file("backup").display())).ends(10);
    assert!(!none.file("backup").exists());
    bare("backup somewhere").ends(2);
}

#[test]
fn another_log_and_another_past_are_refused() {
    let data = Data::of(&claims(3));
    backup(&data);
    restore(&data, "fork").ends(0);
    data.import(claims(9)).ends(0);
    backup(&data);
    let before = contents(&data.file("backup"));
    let line = format!("backup {}", data.file("backup").display());
    let behind = at(&data, "fork", &line).ends(13);
    assert!(
        behind.error()["message"].as_str().unwrap().contains("does not belong to this log"),
        "{behind:?}"
    );
    let foreign = Data::of(&claims(3));
    let refused = foreign.json(&line).ends(13);
    assert!(refused.error()["message"].as_str().unwrap().contains("it is of log"), "{refused:?}");
    assert_eq!(without_lock(before), without_lock(contents(&data.file("backup"))));
    // A cursor that comes from the other future is refused: the store of the one does not answer for the other.
    at(&data, "fork", "append --subject other --predicate p --int 1").ends(0);
    fs::remove_dir_all(data.file("fork").join("store")).unwrap();
    fs::remove_file(data.file("fork").join("store.seen")).ok();
    copy_dir(&data.path().join("store"), &data.file("fork").join("store"));
    let error = at(&data, "fork", "subjects").ends(13).error();
    assert_eq!(error["refusal"], "forked", "{error}");
}

/// Files but for the lock, whose text says who held it last.
fn without_lock(files: Vec<(PathBuf, Vec<u8>)>) -> Vec<(PathBuf, Vec<u8>)> {
    files.into_iter().filter(|(path, _)| !path.ends_with("LOCK")).collect()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (path, bytes) in contents(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn one_flipped_bit_of_a_backup_is_found_and_never_restored() {
    let data = Data::of(&claims(10));
    data.run("log seal").ends(0);
    backup(&data);
    let dir = data.file("backup");
    let sound = bare(&format!("backup {} --verify --json", dir.display())).ends(0).report();
    assert_eq!((&sound["ok"], &sound["files"]), (&json!(true), &json!([])));
    let segment = &segments(&data)[0];
    let whole = fs::read(segment).unwrap();
    let mut bytes = whole.clone();
    bytes[4500] ^= 1;
    fs::write(segment, bytes).unwrap();
    let found = bare(&format!("backup {} --verify --json", dir.display())).ends(4);
    assert_eq!(found.report()["files"][0]["file"], "segments/0000000000000000.wal");
    assert!(bare(&format!("backup {} --verify", dir.display())).ends(4).out.contains("damaged"));
    let error = restore(&data, "restored").ends(4).error();
    assert!(error["message"].as_str().unwrap().contains("0000000000000000.wal"), "{error}");
    assert!(!data.file("restored").exists(), "nothing is left of it");
    // As the help says: removed, it is copied anew.
    fs::remove_file(segment).unwrap();
    assert_eq!(backup(&data)["copied_segments"], 1);
    assert_eq!(fs::read(segment).unwrap(), whole);
    restore(&data, "restored").ends(0);
    same(&data, "restored");
}

#[test]
fn damage_in_the_journal_is_refused_and_with_consent_written_down() {
    let data = Data::of(&claims(10));
    data.run("log seal").ends(0);
    data.import("{\"subject\":\"new\",\"predicate\":\"p\",\"object\":1}\n").ends(0);
    let segment = data.path().join("journal/0000000000000000.wal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4500] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let line = format!("backup {}", data.file("backup").display());
    data.json(&line).ends(4);
    bare(&format!("{line} --list")).ends(10);
    let run = data.json(&format!("{line} --accept-damage")).ends(0);
    assert_eq!(run.report()["damaged"].as_array().unwrap().len(), 1);
    assert!(run.err.contains("\"warning\""), "{run:?}");
    restore(&data, "restored").ends(4);
}

#[test]
fn a_restore_goes_where_nothing_is() {
    let data = Data::of(&claims(3));
    backup(&data);
    let before = contents(&data.path());
    let from = data.file("backup");
    let run = data.json(&format!("restore {}", from.display())).ends(1);
    assert!(run.error()["message"].as_str().unwrap().contains("is not empty"), "{run:?}");
    assert_eq!(contents(&data.path()), before);
    let run = data.json(&format!("restore {} --to {}", from.display(), data.file("x").display())).ends(2);
    assert!(run.error()["message"].as_str().unwrap().contains("both name"), "{run:?}");
    // An empty directory will do, and the store may wait.
    fs::create_dir(data.file("empty")).unwrap();
    let line =
        format!("restore {} --to {} --no-rebuild --json", from.display(), data.file("empty").display());
    assert_eq!(bare(&line).ends(0).report()["rebuilt"], Json::Null);
    assert!(!data.file("empty").join("store").exists());
    // Whoever asks first has it built.
    assert_eq!(at(&data, "empty", "subjects").ends(0).lines().len(), 3);
    same(&data, "empty");
}

#[test]
fn what_a_cut_off_restore_has_left_is_no_data_and_is_taken_away() {
    let data = Data::of(&claims(3));
    backup(&data);
    restore(&data, "restored").ends(0);
    let dir = data.file("restored");
    // As it stands before the marker gets its name.
    fs::rename(dir.join("annals.json"), dir.join("annals.restoring")).unwrap();
    for name in ["store", "status.json", "store.seen"] {
        let path = dir.join(name);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
    let error = at(&data, "restored", "append --subject s --predicate p --int 1").ends(10).error();
    assert!(error["message"].as_str().unwrap().contains("annals restore"), "{error}");
    restore(&data, "restored").ends(0);
    same(&data, "restored");
    // Something else beside it stays.
    fs::rename(dir.join("annals.json"), dir.join("annals.restoring")).unwrap();
    restore(&data, "restored").ends(1);
    assert!(dir.join("store").exists());
}

#[test]
fn a_list_says_what_the_backup_holds() {
    let data = Data::of(&claims(10));
    data.run("log seal").ends(0);
    backup(&data);
    let run = bare(&format!("backup {} --list --json", data.file("backup").display())).ends(0);
    let lines = run.lines();
    assert_eq!((&lines[0]["base"], &lines[0]["sealed"]), (&json!(0), &json!(true)));
    assert_eq!(lines[1]["sealed"], false);
    assert_eq!(lines[2]["place"], "cursors/store.cursor");
    assert!(run.err.contains("\"backup\""), "{run:?}");
    assert!(bare(&format!("backup {} --list", data.file("backup").display())).ends(0).out.contains("whole"));
}

#[test]
fn a_full_disk_ends_with_14_and_leaves_the_backup_before_it() {
    let data = Data::of(&claims(3));
    backup(&data);
    data.import(claims(60)).ends(0);
    let before = without_lock(contents(&data.file("backup")));
    // No file may grow beyond 4 KiB: the writes that would are refused, as those to a full disk are.
    for line in ["backup \"$2\" --data \"$3\"", "restore \"$2\" --to \"$4\""] {
        let script = format!("trap '' XFSZ; ulimit -f 8; exec \"$1\" {line}");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, "sh", ANNALS])
            .arg(data.file("backup"))
            .arg(data.path())
            .arg(data.file("to"));
        let run = Run::from(command.output().unwrap()).ends(14);
        assert!(run.err.contains("no room left"), "{run:?}");
    }
    assert!(!data.file("to").exists());
    assert_eq!(without_lock(contents(&data.file("backup"))), before);
    assert_eq!(backup(&data)["records"], 60);
    restore(&data, "restored").ends(0);
    same(&data, "restored");
}

#[test]
fn a_plan_says_which_backup_holds_what_would_go() {
    let data = Data::of(&claims(10));
    data.run("log seal").ends(0);
    data.run("log cursors --remove store").ends(0);
    let plan = || data.json("log plan --keep-segments 1").ends(0).report();
    assert_eq!(plan()["backups"], json!([]));
    assert!(data.run("log plan --keep-segments 1").out.contains("none that is known of"));
    let durable = backup(&data)["durable"].clone();
    let known = &plan()["backups"][0];
    assert_eq!((&known["covers"], &known["durable"]), (&json!(true), &durable));
    assert_eq!(known["dir"], data.file("backup").display().to_string());
    assert!(data.run("log plan --keep-segments 1").out.contains("held all of it"));
    // Purged, it comes back.
    let export = data.json("export").out;
    data.run("log purge --keep-segments 1 --yes").ends(0);
    data.import("{\"subject\":\"new\",\"predicate\":\"p\",\"object\":1}\n").ends(0);
    backup(&data);
    restore(&data, "restored").ends(0);
    assert!(at(&data, "restored", "export").ends(0).out.starts_with(&export));
    assert_eq!(data.json("digest").report()["digest"], at(&data, "restored", "digest").report()["digest"]);
}

#[test]
fn two_at_once_are_told_of_each_other() {
    let data = Data::of(&claims(3));
    backup(&data);
    let lock = fs::OpenOptions::new().write(true).open(data.file("backup").join("LOCK")).unwrap();
    lock.lock().unwrap();
    for line in [
        format!("backup {}", data.file("backup").display()),
        format!("backup {} --verify", data.file("backup").display()),
        format!("restore {} --to {}", data.file("backup").display(), data.file("to").display()),
    ] {
        let mut command = data.command(line.split(' '));
        if line.starts_with("restore") {
            command = annals(line.split(' '));
        }
        let run = Run::from(command.stdin(Stdio::null()).output().unwrap()).ends(11);
        assert!(run.err.contains("in use by"), "{run:?}");
    }
    assert!(!data.file("to").exists());
}
