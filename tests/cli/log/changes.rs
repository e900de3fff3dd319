//! What changes nothing, what is refused, and by whom: reading subcommands, a running writer, command lines without sense.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use super::super::Data;
use super::*;

#[test]
fn a_subcommand_that_reads_changes_no_byte_sound_or_damaged() {
    let damages: [fn(&Log); 9] = [
        |_| {},
        |log| log.flip(5),
        |log| log.flip(12),
        Log::tear,
        |log| log.lose_segment(1),
        |log| log.lose_segment(3),
        |log| log.cut(1),
        |log| log.lose("watermark"),
        |log| log.lose(".purged.json"),
    ];
    for (i, damage) in damages.into_iter().enumerate() {
        let log = Log::new();
        if i == damages.len() - 1 {
            log.json("purge --keep-newest --yes").ends(1);
        }
        damage(&log);
        let before = contents(&log.dir());
        for line in READING {
            let run = log.json(line);
            assert!([0, 4, 5].contains(&run.code), "damage {i}, {line}: {run:?}");
            log.run(line).ends(run.code);
            assert!(contents(&log.dir()) == before, "damage {i}: {line} has changed something");
        }
    }
}

#[test]
fn a_look_for_a_salvage_leaves_the_store_alone_unless_asked() {
    let data = Data::of(&claims(6));
    let journal = data.path().join("journal");
    let path = &segments(&journal)[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[4096 + 60] ^= 1;
    fs::write(path, bytes).unwrap();
    let before = contents(&data.path());
    let report = data.json("log salvage").ends(4).report();
    assert_eq!((&report["store"], &report["wanted"]), (&"left alone".into(), &1.into()));
    assert!(contents(&data.path()) == before);
    assert_eq!(data.json("log salvage --ask-store").ends(4).report()["mended"][0]["how"], "refilled");
}

#[test]
fn beside_a_writer_what_reads_answers_and_what_writes_names_it() {
    let data = Data::of(&claims(3));
    let mut owner = data.start("import -");
    owner
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"{\"subject\":\"x\",\"predicate\":\"p\",\"object\":1}\n")
        .unwrap();
    data.wait_for_records(4);
    let holder = format!("process {}", owner.id());
    for line in READING {
        data.json(&format!("log {line}")).ends(0);
    }
    let report = data.json("log info").ends(0).report();
    assert!(report["in_use_by"].as_str().unwrap().starts_with(&holder), "{report}");
    assert_eq!((&report["state"], &report["records"]), (&"sound".into(), &4.into()));
    let before = contents(&data.path().join("journal"));
    // A salvage with nothing to do has no need of the lock.
    for line in WRITING.into_iter().filter(|line| *line != "salvage --apply") {
        let run = data.json(&format!("log {line}")).ends(11);
        assert!(run.error()["message"].as_str().unwrap().contains(&holder), "{line}: {run:?}");
        assert_eq!(run.out, "", "{line}");
    }
    assert!(contents(&data.path().join("journal")) == before);
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    assert!(data.json("log info").ends(0).report()["in_use_by"].is_null());
    data.run("log seal").ends(0);
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2_and_changes_nothing() {
    let log = Log::new();
    let before = contents(&log.dir());
    for line in [
        "frobnicate",
        "dump",
        "dump nothing",
        "dump 2000",
        "verify --subset 0/3",
        "verify --subset 4/3",
        "plan",
        "plan --keep-age 30",
        "plan --keep-age 1d --keep-newest",
        "plan --keep-from 8 --keep-newest",
        "plan --keep-bytes much",
        "plan --keep-segments 0",
        "purge --yes",
        "purge --keep-newest",
        "checkpoint --seal",
        "cursors --rewind reader",
        "cursors --to 8",
        "cursors --remove a --rewind b --to 0",
        "receipts --since yesterday",
        "salvage --ask-store --no-store",
    ] {
        let run = log.json(line).ends(2);
        assert_eq!(run.error()["name"], "usage", "{line}: {run:?}");
        assert!(log.run(line).ends(2).err.starts_with("error: "), "{line}");
    }
    assert!(contents(&log.dir()) == before);
    let run: Run = annals(["log", "info"]).output().unwrap().into();
    assert!(run.ends(2).err.contains("--data DIR"));
    let mut both = annals(["--data", "elsewhere", "log", "info"]);
    let run: Run = both.arg(log.dir()).output().unwrap().into();
    assert!(run.ends(2).err.contains("both"));
}

#[test]
fn what_is_missing_empty_or_not_ours_ends_with_10_and_stays_as_it_is() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("log");
    for line in READING.into_iter().chain(WRITING) {
        let run = run_on(&dir, &format!("{line} --json")).ends(10);
        assert_eq!(run.error()["name"], "no_data", "{line}: {run:?}");
    }
    assert!(!dir.exists());
    fs::create_dir(&dir).unwrap();
    for name in [None, Some("letter.txt"), Some("0000000000000000.wal"), Some("000001.wal")] {
        if let Some(name) = name {
            fs::write(dir.join(name), "dear").unwrap();
        }
        let before = contents(&dir);
        for line in READING.into_iter().chain(WRITING) {
            run_on(&dir, line).ends(10);
        }
        assert!(contents(&dir) == before, "{name:?}");
    }
}

#[test]
fn a_newer_format_ends_with_12() {
    let data = Data::of(&claims(1));
    fs::write(data.path().join("annals.json"), "{\"annals\":2}\n").unwrap();
    for line in READING.into_iter().chain(WRITING) {
        data.json(&format!("log {line}")).ends(12);
    }
}

#[test]
fn a_data_directory_and_its_journal_are_the_same_log_however_named() {
    let data = Data::of(&claims(3));
    let journal = data.path().join("journal");
    let expected = data.json("log info").ends(0).report()["log"].clone();
    let link = data.file("link");
    symlink(data.path(), &link).unwrap();
    for dir in [data.path(), journal.clone(), link] {
        assert_eq!(run_on(&dir, "info --json").ends(0).report()["log"], expected, "{}", dir.display());
    }
    let mut command = annals(["log", "info", "--json"]);
    let run: Run = command.env("ANNALS_DATA", &journal).output().unwrap().into();
    assert_eq!(run.ends(0).report()["log"], expected);
    // A copy that has lost its marker is a data directory still.
    fs::remove_file(data.path().join("annals.json")).unwrap();
    assert_eq!(run_on(&data.path(), "info --json").ends(0).report()["log"], expected);
}
