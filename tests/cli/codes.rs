//! Every exit code but 4 and 130, provoked: what it is, what is said, and that nothing was touched.

use std::fs;
use std::process::{Command, Stdio};

use super::lines::TWINS;
use super::{Data, Run, annals, claims, contents, piped};

/// Every command that asks for data and makes none.
const ASKING: [&str; 16] = [
    "get 0123456789abcdef",
    "subject s",
    "query --subject s",
    "projections",
    "projections enable agent",
    "votes 0123456789abcdef",
    "epochs",
    "subjects",
    "tail",
    "status",
    "verify",
    "heal",
    "rebuild",
    "rebuild --rollback",
    "generations",
    "export",
];

/// The command fails with this code; the error in JSON has it too, and says these words.
fn check(data: &Data, line: &str, code: i32, words: &str) {
    let run = data.json(line).ends(code);
    let error = run.error();
    assert_eq!(error["code"], code, "{line}: {run:?}");
    assert!(error["message"].as_str().unwrap().contains(words), "{line}: {run:?}");
    assert_eq!(run.out, "", "{line}: {run:?}");
    let run = data.run(line).ends(code);
    assert!(run.err.starts_with("error: ") && run.err.contains(words), "{line}: {run:?}");
}

#[test]
fn a_command_that_does_what_it_should_ends_with_0() {
    let data = Data::of(&claims(3));
    for line in [
        "subject s1",
        "epochs",
        "subjects",
        "tail",
        "status",
        "verify",
        "heal",
        "heal --yes",
        "rebuild",
        "generations",
        "export",
        "help",
        "--version",
    ] {
        data.run(line).ends(0);
    }
}

#[test]
fn an_input_that_cannot_be_read_ends_with_1_and_makes_no_directory() {
    let data = Data::new();
    let xz = data.with_file("a.jsonl", b"\xfd7zXZ\0\0\0\0\0");
    for (file, words) in [
        (data.file("missing.jsonl"), "cannot open"),
        (data.room.path().join("."), "cannot"),
        (xz, "compressed with xz"),
    ] {
        check(&data, &format!("import --format jsonl {}", file.display()), 1, words);
    }
    assert!(!data.path().exists());
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2_and_makes_no_directory() {
    let data = Data::new();
    let unknown = data.with_file("facts.txt", "");
    for line in [
        "frobnicate",
        "get",
        "get 1234567",
        "get 123456789x",
        "tail --from -1",
        "import a b",
        "import a --batch 0",
        "import a --dry-run --acks b",
        "append --subject s",
        "append --subject s --predicate p --int much",
        "append --subject s --predicate p --object o --confidence 7",
        "votes 0123456789abcdef --limit many",
        "rebuild --throttle fast",
        "rebuild --throttle 0",
        "rebuild --rollback --keep-old",
        &format!("import {}", unknown.display()),
        &format!("import {0} --format jsonl --rejects {0}", unknown.display()),
    ] {
        let run = data.run(line).ends(2);
        assert!(run.err.starts_with("error: "), "{line}: {run:?}");
        let run = data.json(line).ends(2);
        assert_eq!(run.error()["code"], 2, "{line}: {run:?}");
        assert_eq!(run.err.lines().count(), 1, "{line}: {run:?}");
    }
    assert!(!data.path().exists());
}

#[test]
fn without_a_data_directory_a_command_is_a_usage_error_and_the_environment_may_name_one() {
    let run: Run = annals(["status"]).output().unwrap().into();
    assert!(run.ends(2).err.contains("ANNALS_DATA"));
    let run: Run = annals(["status", "--json"]).env("ANNALS_DATA", "").output().unwrap().into();
    assert_eq!(run.ends(2).error()["name"], "usage");
    let data = Data::of(&claims(1));
    let other = Data::of(&claims(2));
    let status = |command: &mut Command| Run::from(command.output().unwrap()).ends(0).report();
    let report = status(annals(["status", "--json"]).env("ANNALS_DATA", data.path()));
    assert_eq!((&report["data"]["from"], &report["journal"]["records"]), (&"ANNALS_DATA".into(), &1.into()));
    let report = status(other.command(["status", "--json"]).env("ANNALS_DATA", data.path()));
    assert_eq!((&report["data"]["from"], &report["journal"]["records"]), (&"--data".into(), &2.into()));
    let report = status(annals(["--json", "status", "--data"]).arg(other.path()));
    assert_eq!(report["data"]["dir"], other.path().display().to_string());
}

#[test]
fn a_rejected_line_ends_with_3_and_the_rest_goes_through() {
    let data = Data::new();
    let run = data.import(format!("{}nonsense\n", claims(2))).ends(3);
    assert_eq!(run.report()["appended"], 2);
    assert_eq!(run.error()["name"], "rejected");
    let run = piped(data.command(["append", "--json"]), "{\"subject\":1}").ends(3);
    assert_eq!(run.error()["code"], 3);
}

#[test]
fn a_record_that_is_not_there_or_not_the_only_one_ends_with_5() {
    let data = Data::of(TWINS);
    check(&data, "get 0123456789abcdef", 5, "0123456789abcdef");
    check(&data, "votes 0123456789abcdef", 5, "0123456789abcdef");
    check(&data, "subject nobody", 5, "nobody");
    check(&data, "get 657201f8", 5, "657201f8");
    check(&data, "rebuild --rollback", 5, "no generation is kept");
    check(&data, "generations --remove gen-000009", 5, "gen-000009");
    let error = data.json("votes 657201f8").ends(5).error();
    let candidates = error["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2);
    for candidate in candidates {
        let found = data.json(&format!("get {}", &candidate.as_str().unwrap()[..12])).ends(0).report();
        assert_eq!(found["id"], *candidate);
    }
}

#[test]
fn a_directory_that_is_missing_empty_or_not_ours_ends_with_10_and_stays_as_it_is() {
    let data = Data::new();
    for line in ASKING {
        check(&data, line, 10, "data");
    }
    assert!(!data.path().exists());
    fs::create_dir(data.path()).unwrap();
    for line in ASKING {
        check(&data, line, 10, "data");
    }
    assert_eq!(contents(&data.path()), []);
    fs::write(data.path().join("letter.txt"), "dear").unwrap();
    let before = contents(&data.path());
    let input = data.with_file("a.jsonl", claims(1));
    let import = format!("import {}", input.display());
    let dry = format!("{import} --dry-run");
    for line in ASKING.into_iter().chain([import.as_str(), &dry, "append --subject s --predicate p --int 1"])
    {
        check(&data, line, 10, "letter.txt");
    }
    assert_eq!(contents(&data.path()), before);
    fs::remove_dir_all(data.path()).unwrap();
    fs::write(data.path(), "a file").unwrap();
    check(&data, &import, 10, "no directory");
}

#[test]
fn data_that_another_process_has_ends_with_11_and_names_it() {
    let data = Data::of(&claims(1));
    let mut owner = data.start("import -");
    std::io::Write::write_all(
        owner.stdin.as_mut().unwrap(),
        b"{\"subject\":\"x\",\"predicate\":\"p\",\"object\":1}\n",
    )
    .unwrap();
    data.wait_for_records(2);
    let holder = format!("process {}", owner.id());
    for line in [
        "get 0123456789abcdef",
        "subject s1",
        "epochs",
        "subjects",
        "verify",
        "rebuild",
        "rebuild --rollback",
        "generations --remove gen-000001",
        "import -",
    ] {
        check(&data, line, 11, &holder);
    }
    check(&data, "append --subject s --predicate p --int 1", 11, &holder);
    // What needs no lock goes on.
    for line in ["tail", "status", "generations", "export"] {
        data.run(line).ends(0);
    }
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    data.run("subjects").ends(0);
}

#[test]
fn a_newer_format_ends_with_12_and_stays_as_it_is() {
    let data = Data::of(&claims(1));
    fs::write(data.path().join("annals.json"), "{\"annals\":2}\n").unwrap();
    let before = contents(&data.path());
    for line in ASKING.into_iter().chain(["append --subject s --predicate p --int 1"]) {
        check(&data, line, 12, "newer");
    }
    assert_eq!(contents(&data.path()), before);
}

#[test]
fn a_store_of_another_log_ends_with_13_and_a_rebuild_mends_it() {
    let (data, other) = (Data::of(&claims(2)), Data::of(&claims(2)));
    fs::remove_dir_all(data.path().join("store")).unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(other.path().join("store")).arg(data.path()).status().unwrap();
    assert!(copied.success());
    for line in ["subjects", "append --subject s --predicate p --int 1"] {
        check(&data, line, 13, "log");
    }
    data.json("verify").ends(4);
    data.json("rebuild").ends(0);
    data.json("verify").ends(0);
    data.run("subjects").ends(0);
}

#[test]
fn a_full_disk_under_an_output_ends_with_14() {
    let data = Data::of(&claims(2));
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for line in ["export", "subjects", "tail", "status --json"] {
        let run: Run = data.command(line.split(' ')).stdout(full()).output().unwrap().into();
        assert!(run.ends(14).err.contains("No space left"), "{line}");
    }
    let input =
        data.with_file("more.jsonl", "{\"subject\":\"x\",\"predicate\":\"p\",\"object\":1}\nnonsense\n");
    for flag in ["--acks", "--rejects"] {
        let run = data.json(&format!("import {} {flag} /dev/full", input.display())).ends(14);
        let report = run.report();
        assert_eq!(report["complete"], false, "{run:?}");
        assert_eq!(run.error()["name"], "disk_full");
    }
    // What was appended before the receipt failed is there, once.
    assert_eq!(data.json("status").report()["journal"]["records"], 3);
}
