//! `annals projections`: what is enabled is filled, listed from beside, taken away and built anew.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Data, claims, contents};

/// The line of one projection.
fn line(data: &Data, name: &str) -> Json {
    let lines = data.json("projections").ends(0).lines();
    lines.into_iter().find(|line| line["projection"] == name).unwrap()
}

#[test]
fn what_is_enabled_is_filled_kept_up_and_taken_away() {
    let data = Data::of(&claims(30));
    let names: Vec<Json> =
        data.json("projections").ends(0).lines().iter().map(|line| line["projection"].clone()).collect();
    assert_eq!(names, ["agent", "epoch", "object", "predicate", "source"]);
    assert_eq!(line(&data, "predicate")["state"], "off");

    let enabled = data.json("projections enable predicate source").ends(0).lines();
    assert_eq!(enabled.len(), 2);
    let end = data.json("status").report()["journal"]["durable"].clone();
    let mut expected = json!({
        "projection": "predicate", "built_in": true, "state": "answers", "version": 1, "answers": 1, "cursor": end,
        "lag": {"records": 0, "bytes": 0, "seconds": 0.0}, "entries": 30, "undecoded": 0, "passed": 0,
    });
    expected["bytes"] = enabled[0]["bytes"].clone();
    assert!(expected["bytes"].as_u64().unwrap() > 4096);
    assert_eq!(enabled[0], expected);
    assert_eq!((&enabled[1]["projection"], &enabled[1]["entries"]), (&json!("source"), &json!(0)));
    assert_eq!(line(&data, "predicate")["entries"], 30, "also from beside, once it was closed in order");
    data.json("projections enable predicate").ends(0);

    // Whatever has the data fills it.
    data.import("{\"subject\":\"new\",\"predicate\":\"q\",\"object\":1}\n").ends(0);
    data.json("subject new").ends(0);
    data.json("query --predicate q").ends(0);
    assert_eq!(line(&data, "predicate")["entries"], 31);

    let before = contents(&data.path().join("projections"));
    let asked = data.json("projections disable predicate source").ends(0).report();
    assert_eq!((&asked["disabled"], &asked["done"]), (&json!(["predicate", "source"]), &json!(false)));
    assert_eq!(contents(&data.path().join("projections")), before, "it only said so");
    assert!(data.run("projections disable source").ends(0).err.contains("--yes does it"));
    assert_eq!(data.json("projections disable predicate source --yes").ends(0).report()["done"], true);
    assert_eq!(line(&data, "predicate")["state"], "off");
    let cursors = data.command(["log", "cursors", "--json"]).output().unwrap();
    assert!(!String::from_utf8(cursors.stdout).unwrap().contains("projection."));
    data.json("query --predicate q").ends(5);
}

#[test]
fn a_name_of_which_there_is_none_ends_with_5_and_nothing_is_done() {
    let data = Data::of(&claims(3));
    for line in [
        "projections enable nothing",
        "projections enable agent nothing",
        "projections enable ../store",
        "projections disable agent --yes",
        "projections disable nothing",
        "projections rebuild agent",
    ] {
        let error = data.json(line).ends(5).error();
        let name = line.split(' ').find(|word| ["nothing", "../store", "agent"].contains(word)).unwrap();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(name) || message.contains("nothing"), "{line}: {error}");
        assert!(!data.path().join("projections").exists(), "{line}");
    }
    for line in ["projections enable", "projections disable", "projections rebuild", "projections other"] {
        data.run(line).ends(2);
    }
}

#[test]
fn beside_another_process_they_are_listed_and_not_changed() {
    let data = Data::of(&claims(30));
    data.json("projections enable agent").ends(0);
    let mut import = data.start("import - --batch 1");
    std::io::Write::write_all(import.stdin.as_mut().unwrap(), claims(33).as_bytes()).unwrap();
    data.wait_for_records(33);
    let listed = line(&data, "agent");
    assert_eq!((&listed["state"], &listed["entries"]), (&json!("answers"), &Json::Null));
    assert!(listed["cursor"].is_u64() && listed["lag"].is_object(), "{listed}");
    for line in ["projections enable source", "projections disable agent --yes", "projections rebuild agent"]
    {
        data.json(line).ends(11);
    }
    drop(import.stdin.take());
    assert!(import.wait().unwrap().success());
}

#[test]
fn one_that_cannot_be_read_is_named_keeps_nobody_from_anything_and_is_built_anew() {
    let data = Data::of(&claims(30));
    data.json("projections enable predicate").ends(0);
    let file = data.path().join("projections/predicate/v000001.redb");
    fs::write(&file, "rot").unwrap();
    assert_eq!(data.json("subject s1").ends(0).lines().len(), 5);
    let error = data.json("query --predicate p").ends(5).error();
    assert!(error["message"].as_str().unwrap().contains("predicate does not answer: "), "{error}");
    assert_eq!(data.json("query --predicate p --subject s1").ends(0).lines().len(), 5);
    assert_eq!(data.json("query --predicate p --scan").ends(0).lines().len(), 30);
    let error = data.json("projections enable predicate").ends(1).error();
    assert!(error["help"].as_str().unwrap().contains("annals projections rebuild predicate"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"rot");
    assert_eq!(data.json("projections rebuild predicate").ends(0).report()["entries"], 30);
    assert_eq!(data.json("query --predicate p").ends(0).lines().len(), 30);
}

#[test]
fn one_of_another_journal_is_refused() {
    let (data, other) = (Data::of(&claims(30)), Data::of(&claims(40)));
    for data in [&data, &other] {
        data.json("projections enable predicate").ends(0);
    }
    let file = |data: &Data| data.path().join("projections/predicate/v000001.redb");
    fs::copy(file(&other), file(&data)).unwrap();
    let error = data.json("query --predicate p").ends(5).error();
    assert!(error["message"].as_str().unwrap().contains("it follows log"), "{error}");
    let error = data.json("projections enable predicate").ends(13).error();
    assert!(error["help"].as_str().unwrap().contains("annals projections rebuild predicate"), "{error}");
    assert_eq!(error.get("refusal"), None);
    data.json("projections rebuild predicate").ends(0);
    assert_eq!(data.json("query --predicate p").ends(0).lines().len(), 30);
}

#[test]
fn people_read_how_each_stands() {
    let data = Data::of(&claims(1));
    let out = data.run("projections enable object predicate").ends(0).out;
    let lines: Vec<_> = out.lines().collect();
    assert!(
        lines[0].starts_with("object       answers, version 1, at offset ") && lines[0].contains("0 entries")
    );
    assert!(lines[1].contains("up to date, 1 entry, "), "{out}");
    let out = data.run("projections").ends(0).out;
    assert_eq!(out.lines().next(), Some("agent        off"));
    assert!(data.run("projections disable object").ends(0).out.starts_with("would be taken away: object, "));
}
