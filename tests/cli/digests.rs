//! Digests through the command line: equal for equal records, and the family is named where one byte is not.

use std::fs;
use std::io::Write;

use serde_json::{Value as Json, json};

use super::{Data, Run, claims, objects, piped};

const VOTES: [(&str, i64); 2] = [("ada", 1), ("eve", -1)];

/// A few records of every kind, the votes on the first assertion.
fn every_kind(order: impl Fn(&mut Vec<String>)) -> Data {
    let data = Data::new();
    data.import(claims(12)).ends(0);
    let id = data.json("tail").lines()[0]["id"].as_str().unwrap().to_owned();
    let mut lines: Vec<String> = claims(12).lines().map(str::to_owned).collect();
    lines.extend(VOTES.map(|(voter, stance)| {
        json!({"type": "vote", "assertion": id, "voter": voter, "stance": stance}).to_string()
    }));
    lines.push(json!({"type": "epoch", "name": "trixie"}).to_string());
    order(&mut lines);
    let data = Data::new();
    data.import(lines.join("\n")).ends(0);
    data
}

fn digest(data: &Data) -> Json {
    data.json("digest").ends(0).report()
}

#[test]
fn two_directories_with_the_same_records_have_the_same_digests_in_any_order() {
    let data = every_kind(|_| {});
    let here = digest(&data);
    assert_eq!(here["digest"], data.json("verify").ends(0).report()["index"]["digest"]);
    let families = here["families"].as_object().unwrap();
    let counts: Vec<_> =
        ["assertions", "votes", "epochs", "subjects"].map(|name| families[name]["count"].clone()).into();
    assert_eq!(counts, [12, 2, 1, 7]);
    let status = data.json("status").report();
    assert_eq!(
        (&here["as_of"], &here["log"], &here["term"], &here["projection"], &here["generation"]),
        (&status["cursor"], &status["journal"]["uuid"], &json!(1), &json!(2), &json!("gen-000001"))
    );
    assert!(here["owner"].is_null() && here["same"].is_null());

    let other = every_kind(|lines| lines.reverse());
    let there = digest(&other);
    assert_eq!(there["families"], here["families"]);
    assert_eq!(there["digest"], here["digest"]);
    assert_ne!(there["log"], here["log"]);
    let file = data.with_file("there.json", there.to_string());
    let expected = format!("digest --expect @{}", file.display());
    let compared = data.json(&expected).ends(0).report();
    assert_eq!((&compared["same"], &compared["differing"]), (&json!(true), &json!([])));
    data.run(&format!("digest --expect {}", there["digest"].as_str().unwrap().to_uppercase())).ends(0);

    // One more record of one kind, and its families are named: no other.
    let epoch = "{\"type\":\"epoch\",\"name\":\"sid\"}";
    piped(data.command(["append"]), epoch).ends(0);
    let run = data.json(&expected).ends(4);
    assert_eq!((&run.report()["same"], &run.report()["differing"]), (&json!(false), &json!(["epochs"])));
    assert_eq!(run.error()["message"], "the digests differ in epochs");
    data.json(&format!("{expected} --family votes")).ends(0);
    let run = data.json(&format!("{expected} --family epochs")).ends(4);
    assert_eq!(run.report()["families"].as_object().unwrap().len(), 1);
    data.run("append --subject s --predicate p --int 99").ends(0);
    let run = data.run(&expected).ends(4);
    assert!(run.err.contains("differ in assertions, epochs, subjects"), "{run:?}");
    assert!(
        run.out
            .lines()
            .all(|line| line.contains("differs") != line.starts_with("votes") || line.starts_with("all"))
    );
}

#[test]
fn of_one_log_at_two_offsets_the_offsets_are_named_first() {
    let data = Data::of(&claims(3));
    let before = digest(&data);
    let file = data.with_file("before.json", before.to_string());
    data.import(claims(4)).ends(0);
    let error = data.json(&format!("digest --expect @{}", file.display())).ends(4).error();
    let message = error["message"].as_str().unwrap();
    let place = message.find(before["as_of"].to_string().as_str()).unwrap();
    assert!(
        message.starts_with("they are as of different offsets") && place < message.find("differ in").unwrap()
    );
}

#[test]
fn what_is_expected_is_read_with_care() {
    let data = Data::of(&claims(3));
    let here = digest(&data);
    let votes = here["families"]["votes"]["digest"].as_str().unwrap();
    let all = here["digest"].as_str().unwrap();
    data.run(&format!("digest --expect {votes} --family votes")).ends(0);
    let run = data.json(&format!("digest --expect {votes}")).ends(4);
    assert_eq!((&run.report()["same"], &run.report()["differing"]), (&json!(false), &json!([])));
    let run = data.json(&format!("digest --expect {all} --family votes")).ends(4);
    assert_eq!(run.report()["differing"], json!(["votes"]));
    for wrong in ["digest --expect 1234", "digest --family people", &format!("digest --expect {all}0")] {
        data.run(wrong).ends(2);
    }
    data.run(&format!("digest --expect @{}", data.file("missing").display())).ends(1);
    let odd = data.with_file("odd.json", "{\"digest\":1}");
    data.run(&format!("digest --expect @{}", odd.display())).ends(2);
    let line = data.with_file("line", format!("{all}\n"));
    data.run(&format!("digest --expect @{}", line.display())).ends(0);
    let piped = piped(data.command(["digest", "--expect", "@-"]), here.to_string());
    piped.ends(0);
    // Another projection says nothing about this one, equal or not.
    let mut other = here.clone();
    other["projection"] = json!(1);
    let other = data.with_file("other.json", other.to_string());
    let run = data.json(&format!("digest --expect @{}", other.display())).ends(4);
    assert!(run.error()["message"].as_str().unwrap().contains("projection"), "{run:?}");
}

#[test]
fn beside_an_owner_the_digest_is_what_it_said_last() {
    let data = Data::of(&claims(20));
    let before = digest(&data);
    let mut owner = data.start("import -");
    writeln!(owner.stdin.as_mut().unwrap(), "{{\"subject\":\"x\",\"predicate\":\"p\",\"object\":1}}")
        .unwrap();
    data.wait_for_records(21);
    let holder = format!("process {} (annals)", owner.id());
    // The owner says within a second how far it is.
    let mut tries = 0;
    let beside = loop {
        let run: Run = data.json("digest");
        let said = (run.code == 0).then(|| run.report()).filter(|said| said["as_of"] != before["as_of"]);
        if let Some(said) = said {
            break said;
        }
        tries += 1;
        assert!(tries < 2000, "{run:?}");
    };
    assert_eq!(beside["owner"], holder);
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    let after = digest(&data);
    assert_eq!((&after["digest"], &after["as_of"]), (&beside["digest"], &beside["as_of"]));
    assert_ne!(after["digest"], before["digest"]);
}

#[test]
fn one_byte_changed_in_one_entry_of_a_subject_is_found_and_named() {
    let data = Data::of(&claims(300));
    data.run("rebuild").ends(0);
    let id = data.json("subject s3 --limit 9").lines()[8]["id"].as_str().unwrap().to_owned();
    data.run(&format!("get {id}")).ends(0);
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()).collect();
    let index = data.path().join("store/gen-000002/index.redb");
    let sound = fs::read(&index).unwrap();
    // Pages that are no longer used hold it as well: a change in one of these changes nothing.
    let places: Vec<usize> = (0..sound.len() - 32).filter(|at| sound[*at..].starts_with(&bytes)).collect();
    let mut found = 0;
    for place in places {
        // Anywhere in the entry: the id, and the offset before it.
        for byte in [place, place + 31, place - 8] {
            let mut damaged = sound.clone();
            damaged[byte] ^= 1;
            fs::write(&index, damaged).unwrap();
            let run = data.json("verify --index");
            let report = run.report();
            assert_eq!((&report["records"], &report["damaged"]), (&Json::Null, &Json::Null));
            if run.code == 0 {
                assert_eq!(report["ok"], true);
                continue;
            }
            found += 1;
            let run = run.ends(4);
            let index = &report["index"];
            let keys = index["damaged"].as_array().unwrap();
            assert!(keys.iter().any(|key| key["key"] == "S:s3"), "{report}");
            let families = index["families"].as_object().unwrap();
            let wrong: Vec<_> = families.iter().filter(|(_, sums)| sums["same"] == false).collect();
            assert_eq!(wrong.len(), 1, "{report}");
            assert_eq!(wrong[0].0, "subjects");
            if byte >= place {
                assert_ne!(wrong[0].1["store"], wrong[0].1["stored"]);
                assert_eq!(wrong[0].1["log"], wrong[0].1["stored"]);
            }
            let message = run.error()["message"].as_str().unwrap().to_owned();
            assert!(message.ends_with(": subjects"), "{message}");
            data.json("verify --journal").ends(0);
        }
    }
    assert!(found >= 3, "{found}");
    let run = data.run("rebuild --accept").ends(0);
    assert!(!run.out.is_empty());
    let report = data.json("verify --index").ends(0).report();
    assert_eq!(report["index"]["families"]["subjects"]["same"], true);
}

#[test]
fn a_part_that_is_not_asked_for_is_null() {
    let data = Data::of(&claims(3));
    let journal = data.json("verify --journal").ends(0).report();
    assert_eq!((&journal["records"], &journal["index"]), (&json!(3), &Json::Null));
    let both = data.json("verify --index --journal").ends(0).report();
    assert!(both["index"]["ok"] == true && both["records"] == 3);
    let shown = data.run("verify --journal").ends(0);
    assert!(shown.out.contains("journal") && !shown.out.contains("store"), "{shown:?}");
    let shown = data.run("verify --index").ends(0);
    assert!(!shown.out.contains("verify,") && shown.out.contains("store"), "{shown:?}");
    assert!(objects(&data.json("digest").err).len() <= 1);
}
