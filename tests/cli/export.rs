//! Export and import: the same ids, the same answers, the same digest.

use std::fs;

use super::lines::every_kind;
use super::{Data, Run, claims, objects};

/// What the data says, whatever the place of it in its journal.
fn answers(data: &Data) -> Vec<String> {
    let mut answers = Vec::new();
    for line in ["subjects", "epochs", "subject Everest", "subject s3"] {
        for mut record in data.json(line).lines() {
            for place in ["offset", "first"] {
                record.as_object_mut().unwrap().remove(place);
            }
            answers.push(record.to_string());
        }
    }
    answers.push(data.json("verify").ends(0).report()["index"]["digest"].to_string());
    answers
}

#[test]
fn what_is_exported_and_imported_is_the_same_knowledge() {
    let data = Data::of(&(every_kind() + &claims(300)));
    let exported = data.run("export").ends(0);
    let records = objects(&exported.out);
    assert_eq!(records.len(), 324);
    assert_eq!(records, data.json("tail").lines());
    let copy = Data::of(&exported.out);
    assert_eq!(answers(&copy), answers(&data));
    assert_eq!(copy.run("export").out, exported.out);
    // Importing it where it stands already changes no answer.
    let before = answers(&data);
    assert_eq!(data.import(&exported.out).ends(0).report()["duplicates"], 324);
    assert_eq!(answers(&data), before);
}

#[test]
fn what_stands_in_the_journal_twice_is_exported_once_where_it_stands_first() {
    let data = Data::of(&claims(2));
    let first = data.json("tail").lines();
    append(&data, &payloads(&claims(2)));
    assert_eq!(data.json("tail").lines().len(), 4);
    let run = data.json("export").ends(0);
    assert_eq!(objects(&run.out), first);
    assert_eq!(objects(&run.err)[0]["duplicates"], 2);
    // However it reached the log, a subject lists it once.
    assert_eq!(data.json("subject s1").lines(), data.json("subject s1 --limit 1").lines());
    assert_eq!(data.json("verify").ends(0).report()["records"], 4);
}

#[test]
fn what_has_no_json_form_is_counted_left_out_and_ends_with_3() {
    let data = Data::of(&claims(2));
    append(&data, &[b"\xc8 mine".to_vec(), b"\x03 reserved".to_vec(), b"\0 broken".to_vec()]);
    let run = data.json("export").ends(3);
    assert_eq!(objects(&run.out).len(), 2);
    let said = &objects(&run.err)[0];
    assert_eq!([&said["exported"], &said["application"], &said["undecodable"]], [2, 1, 2]);
    let tail = data.json("tail").ends(0).lines();
    assert_eq!(tail[2]["type"], "application");
    assert_eq!((&tail[2]["number"], &tail[2]["payload"]), (&200.into(), &"c8206d696e65".into()));
    assert_eq!((&tail[3]["type"], &tail[3]["number"]), (&"undecodable".into(), &3.into()));
    assert!(tail[4]["reason"].is_string());
    assert!(data.run("tail").ends(0).out.contains("application type 200"));
    data.run("subjects").ends(0);
    let store = data.json("status").report()["store"].clone();
    assert_eq!([&store["assertions"], &store["dead_letters"], &store["application"]], [2, 2, 1]);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    assert_eq!(data.json("rebuild").ends(0).report()["same"], true);
}

#[test]
fn an_import_of_the_export_of_nothing_is_nothing() {
    let data = Data::of("");
    let run = data.run("export").ends(0);
    assert_eq!(run.out, "");
    assert_eq!(data.json("tail").out, "");
    let run: Run = data.json("subjects");
    assert_eq!(run.ends(0).out, "");
}

/// Appends payloads as an application that uses the journal itself does.
fn append(data: &Data, payloads: &[Vec<u8>]) {
    let journal = annals_journal::Journal::open(data.path().join("journal")).unwrap();
    journal.append_batch(payloads).unwrap();
    journal.close().unwrap();
    assert!(fs::metadata(data.path().join("annals.json")).is_ok());
}

/// The payloads of lines of JSON.
fn payloads(lines: &str) -> Vec<Vec<u8>> {
    lines.lines().map(|line| annals::Record::from_json(line).unwrap().payload).collect()
}
