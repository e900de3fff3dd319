//! Files that somebody else has put where ours are: never followed, never waited for, never written to.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ANNALS, Data, Run, claims, contents};

const APPEND: &str = "append --subject new --predicate p --int 1";

/// Data with a file of every kind: segments, a cursor, a projection, notes, a store that was folded and one before it.
fn furnished() -> Data {
    let data = Data::of(&claims(40));
    for line in [
        "projections enable predicate",
        "rebuild --keep-old",
        "log seal",
        "append --subject s --predicate p --int 7",
        "log checkpoint --body here",
        "cursors pause projection.predicate",
    ] {
        data.run(line).ends(0);
    }
    data
}

/// The files under a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    contents(dir).into_iter().map(|(path, _)| path).collect()
}

/// Runs a command that must come to an end, whatever it says.
fn ends(data: &Path, line: &str, what: &str) -> Run {
    let mut command = Command::new("timeout");
    let run = command.args(["300", ANNALS, "--data"]).arg(data).args(line.split(' ')).output().unwrap();
    let run = Run::from(run);
    assert!((0..100).contains(&run.code), "{line} with {what}: {run:?}");
    run
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &name);
        } else {
            fs::copy(&path, &name).unwrap();
        }
    }
}

/// Puts something in the place of each file in turn, and has commands meet it.
fn with_each_file(put: impl Fn(&Path, &Path), lines: &[&str], check: impl Fn(&Path, &str)) -> usize {
    let source = furnished();
    let mut refused = 0;
    for place in files(&source.path()) {
        let place = place.strip_prefix(source.path()).unwrap().to_owned();
        let what = place.display().to_string();
        let room = tempfile::tempdir().unwrap();
        let (data, outside) = (room.path().join("data"), room.path().join("outside"));
        copy(&source.path(), &data);
        put(&data.join(&place), &outside);
        for line in lines {
            refused += usize::from(ends(&data, line, &what).code != 0);
        }
        check(&outside, &what);
    }
    refused
}

#[test]
fn nothing_is_written_through_a_symbolic_link_wherever_it_stands() {
    let source = furnished();
    let victims = contents(&source.path()).len();
    let put = |place: &Path, outside: &Path| {
        fs::rename(place, outside).unwrap();
        fs::set_permissions(outside, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(outside.with_extension("before"), fs::read(outside).unwrap()).unwrap();
        symlink(outside, place).unwrap();
    };
    let unchanged = |outside: &Path, what: &str| {
        let before = fs::read(outside.with_extension("before")).unwrap();
        assert!(fs::read(outside).unwrap() == before, "{what} was written to through a link");
    };
    let refused = with_each_file(put, &[APPEND, "verify"], unchanged);
    assert!(victims > 15 && refused > 15, "{victims} files, {refused} refusals");
}

#[test]
fn nothing_is_written_to_a_file_that_has_a_second_name() {
    let put = |place: &Path, outside: &Path| {
        fs::write(outside.with_extension("before"), fs::read(place).unwrap()).unwrap();
        fs::hard_link(place, outside).unwrap();
    };
    let unchanged = |outside: &Path, what: &str| {
        let before = fs::read(outside.with_extension("before")).unwrap();
        assert!(fs::read(outside).unwrap() == before, "{what} was written to under its second name");
    };
    assert!(with_each_file(put, &[APPEND], unchanged) > 5);
}

#[test]
fn nobody_waits_for_a_fifo_wherever_it_stands() {
    let put = |place: &Path, _: &Path| {
        fs::remove_file(place).unwrap();
        assert!(Command::new("mkfifo").arg(place).status().unwrap().success());
    };
    let lines = ["status", "verify", "log info", "log dump @0", "cursors", "projections", APPEND, "rebuild"];
    assert!(with_each_file(put, &lines, |_, _| {}) > 20);
}

#[test]
fn files_of_somebody_else_stay_as_they_are_to_the_byte() {
    let data = furnished();
    let strange = std::ffi::OsStr::from_bytes(b"caf\xe9 \x1b[31m");
    let mut places: Vec<PathBuf> = Vec::new();
    let within =
        ["", "journal", "journal/cursors", "store", "projections", "projections/predicate", "paused"];
    for dir in within.map(|dir| data.path().join(dir)) {
        assert!(dir.is_dir(), "{}", dir.display());
        // A text beside the segments is a reason to refuse the whole journal: below.
        let names = ["notes.txt", "0000000000000000.wal.bak", "UPPER", "..."];
        places.extend(names.iter().filter(|_| !dir.ends_with("journal")).map(|name| dir.join(name)));
        places.push(dir.join(strange));
        fs::create_dir(dir.join("a directory of mine")).unwrap();
        places.push(dir.join("a directory of mine/0000000000000000.wal"));
    }
    for place in &places {
        fs::write(place, place.as_os_str().as_bytes()).unwrap();
    }
    let backup = data.file("backup");
    for line in [
        "cursors resume projection.predicate",
        "status",
        APPEND,
        "log info",
        "log repair --yes",
        "log seal",
        "log cursors --remove store",
        "log purge --keep-segments 1 --yes",
        "rebuild",
        "verify",
        "projections rebuild predicate",
        &format!("backup {}", backup.display()),
    ] {
        let run = ends(&data.path(), line, "files of somebody else");
        let controls = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
        assert!(!controls(&run.out) && !controls(&run.err), "{line}: {run:?}");
    }
    data.run("verify --journal").ends(0);
    for place in &places {
        assert_eq!(fs::read(place).unwrap(), place.as_os_str().as_bytes(), "{}", place.display());
    }
    let beside = data.path().join("journal/notes \u{1b}[31m.txt");
    fs::write(&beside, "mine").unwrap();
    let refused = data.run(APPEND).ends(10);
    assert!(refused.err.contains("notes") && !refused.err.contains('\u{1b}'), "{refused:?}");
    assert_eq!(fs::read(&beside).unwrap(), b"mine");
}

#[test]
fn what_is_made_is_its_owners_alone() {
    let data = furnished();
    let backup = data.file("backup");
    data.run(&format!("backup {}", backup.display())).ends(0);
    let restored = data.file("restored");
    let from = backup.display().to_string();
    Run::from(super::annals(["restore", &from, "--to", &restored.display().to_string()]).output().unwrap())
        .ends(0);
    let mut looked = 0;
    for root in [data.path(), backup, restored] {
        let mut dirs = vec![root];
        while let Some(dir) = dirs.pop() {
            assert_eq!(mode(&dir), 0o700, "{}", dir.display());
            // What fjall makes it makes as the umask says, in directories that nobody else enters.
            let engine = dir.components().any(|part| part.as_os_str() == "content");
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.extend((path.file_name().unwrap() != "content").then_some(path));
                } else if !engine {
                    assert_eq!(mode(&path), 0o600, "{}", path.display());
                    looked += 1;
                }
            }
        }
    }
    assert!(looked > 30, "{looked} files");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_name_that_leads_elsewhere_is_none_for_any_command() {
    let data = furnished();
    let before = data.room.path().join("data");
    let outside = data.with_file("victim", "untouched");
    let long = "a".repeat(65);
    let names = [
        "../victim",
        "..",
        ".",
        "",
        "a/b",
        "/etc/passwd",
        "UPPER",
        "ümlaut",
        "a b",
        "a\n",
        "\u{1b}[31m",
        &long,
    ];
    let commands: [&[&str]; 9] = [
        &["cursors", "pause"],
        &["cursors", "resume"],
        &["cursors", "forget", "--yes"],
        &["cursors", "seek", "--yes", "--to", "0"],
        &["projections", "enable"],
        &["projections", "disable", "--yes"],
        &["projections", "rebuild"],
        &["log", "cursors", "--to", "0", "--rewind"],
        &["log", "cursors", "--remove"],
    ];
    let there = contents(&before).len();
    for command in commands {
        for name in names {
            let run: Run = data.command(command.iter().chain(&[name])).output().unwrap().into();
            assert!((1..100).contains(&run.code), "{command:?} {name:?}: {run:?}");
            let shown = run.err.chars().all(|c| !c.is_control() || c == '\n');
            assert!(shown, "{command:?} {name:?}: {run:?}");
        }
    }
    assert_eq!(contents(&before).len(), there);
    assert_eq!(fs::read(outside).unwrap(), b"untouched");
}

#[test]
fn a_file_of_eight_gibibytes_where_a_small_one_is_expected_takes_no_memory() {
    let source = furnished();
    let mut looked = 0;
    for place in files(&source.path()) {
        let place = place.strip_prefix(source.path()).unwrap().to_owned();
        // A log may be long, and the engines' files are their own.
        let name = place.to_string_lossy();
        if name.ends_with(".wal") || name.ends_with(".redb") || name.contains("/content/") {
            continue;
        }
        let room = tempfile::tempdir().unwrap();
        let data = room.path().join("data");
        copy(&source.path(), &data);
        let file = fs::OpenOptions::new().write(true).open(data.join(&place)).unwrap();
        file.set_len(8 << 30).unwrap();
        for line in ["status", "verify", "log info", "cursors", APPEND] {
            let mut command = Command::new("timeout");
            command.args(["300", "prlimit", "--as=2000000000", ANNALS, "--data"]).arg(&data);
            let run = Run::from(command.args(line.split(' ')).output().unwrap());
            assert!((0..100).contains(&run.code), "{line} with {name}: {run:?}");
        }
        looked += 1;
    }
    assert!(looked > 10, "{looked} files");
}

#[test]
fn a_process_that_may_open_few_files_refuses_and_loses_nothing() {
    let data = furnished();
    let before = data.json("log verify").ends(0).report()["records"].as_u64().unwrap();
    let (mut taken, mut refused) = (0, 0);
    for files in (4..48).step_by(2) {
        let limit = format!("--nofile={files}");
        let line = format!("append --subject few --predicate p --int {files}");
        let mut command = Command::new("timeout");
        command.args(["300", "prlimit", &limit, ANNALS, "--data"]).arg(data.path()).args(line.split(' '));
        let run = Run::from(command.output().unwrap());
        assert!((0..100).contains(&run.code) || run.code == 127, "{files} files: {run:?}");
        assert!(run.code != 124, "{files} files: it says so instead of waiting for ever");
        if run.code == 0 { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
    let after = data.json("verify").ends(0).report()["records"].as_u64().unwrap();
    assert!((before + taken..=before + taken + refused).contains(&after), "{before} + {taken}: {after}");
}

#[test]
fn no_name_of_a_file_or_directory_moves_the_cursor() {
    let source = furnished();
    let evil = "\u{1b}[31m\u{9b}2J\u{202e}dir\n\t";
    let data = source.file(evil);
    copy(&source.path(), &data);
    let at = |name: &str| source.file(&format!("{evil}{name}")).display().to_string();
    let (backup, missing) = (at("backup"), at("missing"));
    fs::write(data.join("journal/cursors").join(evil), b"mine").unwrap();
    fs::write(source.file(&format!("{evil}.jsonl")), "{\"subject\":\"\u{1b}[2J\n\"x\n").unwrap();
    let input = source.file(&format!("{evil}.jsonl")).display().to_string();
    let commands: Vec<Vec<&str>> = [
        "status",
        "verify",
        "rebuild",
        "log info",
        "log segments",
        "log verify",
        "log cursors",
        "log receipts",
        "log checkpoint",
        "log dump @0",
        "log repair",
        "log plan --keep-newest",
        "cursors",
        "projections",
        "generations",
        "digest",
        "dead-letters list",
        "rewind",
        "heal",
        "subjects",
        "tail --from 1",
    ]
    .iter()
    .map(|line| line.split(' ').collect())
    .chain([
        vec!["backup", &*backup],
        vec!["backup", &*backup, "--list"],
        vec!["backup", &*backup, "--verify"],
        vec!["restore", &*missing],
        vec!["restore", &*backup, "--to", &*missing],
        vec!["import", &*missing],
        vec!["import", &*input],
        vec!["log", "dump", &*missing],
        vec!["log", "info", &*input],
        vec!["get", evil],
        vec!["subject", evil],
        vec!["votes", evil],
        vec!["query", "--predicate", evil],
        vec!["log", "checkpoint", "--body", evil],
        vec!["projections", "enable", evil],
        vec![evil],
        vec!["status", evil],
    ])
    .collect();
    let mut named = 0;
    for command in commands {
        let run: Run = super::annals(["--data"]).arg(&data).args(&command).output().unwrap().into();
        assert!((0..100).contains(&run.code), "{command:?}: {run:?}");
        for text in [&run.out, &run.err] {
            let moves = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text.chars().any(moves), "{command:?}: {run:?}");
            named += usize::from(text.contains("\\u{1b}"));
        }
    }
    assert!(named > 10, "{named} outputs name it");
}
