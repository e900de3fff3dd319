//! Beside a process that has the data: the journal can be followed, and the status asked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value as Json, json};

use super::{Data, claims};

#[test]
fn a_tail_follows_an_import_record_by_record() {
    let data = Data::of("{\"subject\":\"first\",\"predicate\":\"p\",\"object\":1}\n");
    let tail = data.start("tail -f -c 501 --json");
    data.import(claims(500)).ends(0);
    let run = super::Run::from(tail.wait_with_output().unwrap()).ends(0);
    assert_eq!(run.lines(), data.json("tail").lines());
    assert_eq!(run.lines().len(), 501);
}

#[test]
fn a_tail_from_the_end_shows_only_what_comes() {
    let data = Data::of(&claims(5));
    let mut tail = data.start("tail -f --from end -c 1 --json");
    // It begins where the journal ends when it looks, so something has to come until it has looked.
    let mut object = 100;
    while tail.try_wait().unwrap().is_none() {
        data.run(&format!("append --subject late --predicate p --int {object}")).ends(0);
        object += 1;
    }
    let run = super::Run::from(tail.wait_with_output().unwrap()).ends(0);
    assert_eq!(run.report()["subject"], "late");
}

#[test]
fn a_tail_begins_where_a_record_begins_and_nowhere_else() {
    let data = Data::of(&claims(20));
    let all = data.json("tail").lines();
    let offset = |at: usize| all[at]["offset"].as_u64().unwrap();
    for at in [0, 1, 19] {
        assert_eq!(data.json(&format!("tail --from {}", offset(at))).ends(0).lines(), all[at..]);
    }
    assert_eq!(data.json(&format!("tail --from {} -c 2", offset(3))).ends(0).lines(), all[3..5]);
    let end = data.json("status").report()["journal"]["next"].as_u64().unwrap();
    assert_eq!(data.json(&format!("tail --from {end}")).ends(0).out, "");
    for within in [1, offset(7) + 8, offset(19) + 1] {
        let run = data.json(&format!("tail --from {within}")).ends(2);
        assert!(run.error()["message"].as_str().unwrap().contains("no record begins at offset"), "{run:?}");
    }
    let near = data.run(&format!("tail --from {}", offset(7) + 8)).err;
    assert!(near.contains(&offset(7).to_string()) && near.contains(&offset(8).to_string()), "{near}");
    let beyond = data.json(&format!("tail --from {}", end + 8)).ends(2);
    assert!(beyond.error()["message"].as_str().unwrap().contains("beyond the end"), "{beyond:?}");
}

#[test]
fn a_status_beside_an_owner_names_it_and_says_what_it_said() {
    let data = Data::of(&claims(3));
    let mut owner = data.start("import - --batch 1");
    owner
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"{\"subject\":\"x\",\"predicate\":\"p\",\"object\":1}\n")
        .unwrap();
    data.wait_for_records(4);
    let report = data.json("status").ends(0).report();
    assert_eq!(report["owner"], format!("process {} (annals)", owner.id()));
    assert_eq!(report["journal"]["records"], 4);
    let human = data.run("status").ends(0).out;
    assert!(human.contains(&format!("process {}", owner.id())), "{human}");
    // Within its rhythm the owner says that it has applied the fourth.
    let applied = |report: &Json| report["store"]["assertions"] == 4;
    while !applied(&data.json("status").ends(0).report()) {}
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    assert!(data.json("status").ends(0).report()["owner"].is_null());
}

#[test]
fn a_quiet_pipe_is_appended_before_the_batch_is_full() {
    let data = Data::of(&claims(1));
    let mut import = data.start("import - --batch 1000");
    import.stdin.as_mut().unwrap().write_all(claims(3).as_bytes()).unwrap();
    // Ends only if the two new records are durable while the import waits for more.
    data.wait_for_records(3);
    assert!(import.try_wait().unwrap().is_none());
    drop(import.stdin.take());
    assert!(import.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_enough_ends_a_list_quietly() {
    let lines: String = (0..20_000)
        .map(|i| {
            format!("{{\"subject\":\"a subject with a long name {i}\",\"predicate\":\"p\",\"object\":{i}}}\n")
        })
        .collect();
    let data = Data::new();
    let input = data.with_file("a.jsonl", lines);
    data.run(&format!("import {}", input.display())).ends(0);
    for line in ["subjects", "tail", "export", "subjects --json"] {
        let mut command = data.command(line.split(' '));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let run = super::Run::from(child.wait_with_output().unwrap()).ends(0);
        assert!(!first.is_empty() && run.err.is_empty(), "{line}: {run:?}");
    }
}

#[test]
fn a_status_beside_an_owner_that_is_behind_says_when_it_will_have_caught_up() {
    let data = Data::of(&claims(100));
    let owner = data.start("import -");
    let said = || fs::read(data.path().join("status.json")).unwrap();
    let words = || serde_json::from_slice::<Json>(&said()).unwrap();
    while words()["owner"] != format!("process {} (annals)", owner.id()) {}
    // It has nothing new to say, so what it said last may as well be what an owner says that is behind.
    let mut words = words();
    let end = words["cursor"].as_u64().unwrap();
    let offset = data.json("tail").lines()[40]["offset"].as_u64().unwrap();
    words["cursor"] = offset.into();
    let status = |applied: u64, appended: u64| {
        let mut words = words.clone();
        words["pace"] = json!({"applied_bytes_per_second": applied, "appended_bytes_per_second": appended});
        fs::write(data.path().join("status.json"), serde_json::to_vec(&words).unwrap()).unwrap();
        (data.json("status").ends(0).report()["lag"].clone(), data.run("status").ends(0).out)
    };
    let (lag, text) = status(end - offset + 1_000, 1_000);
    assert_eq!([&lag["records"], &lag["bytes"]], [60, end - offset]);
    assert!(lag["seconds"].as_f64().unwrap() > 0.0, "{lag}");
    assert_eq!(lag["catch_up_seconds"], 1.0);
    assert!(text.contains("60 records") && text.contains("in about 1.00 s"), "{text}");
    let (lag, text) = status(1_000, 1_000);
    assert!(lag["catch_up_seconds"].is_null(), "{lag}");
    assert!(text.contains("gains nothing on the appends"), "{text}");
    drop(owner.wait_with_output());
}
