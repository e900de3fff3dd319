//! Damage, and stores that are not what their journal says: exit code 4, always with the place.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::{Data, claims, contents, objects};

/// The segment file of a small journal.
fn segment(data: &Data) -> PathBuf {
    let mut found = contents(&data.path().join("journal"));
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "wal"));
    assert_eq!(found.len(), 1);
    found.remove(0).0
}

/// Data of twenty records, each in a batch of its own, with one bit flipped in the payload of the eighth; and the offset
/// of that record.
fn flipped() -> (Data, u64) {
    let lines: String = (0..20)
        .map(|i| format!("{{\"subject\":\"needle {i:02}\",\"predicate\":\"p\",\"object\":{i}}}\n"))
        .collect();
    let data = Data::of(&lines);
    let offset = data.json("tail").lines()[7]["offset"].as_u64().unwrap();
    let path = segment(&data);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"needle 07").unwrap();
    bytes[at + 8] ^= 1;
    fs::write(&path, bytes).unwrap();
    (data, offset)
}

#[test]
fn verify_names_the_damaged_range_and_says_what_to_do() {
    let (data, offset) = flipped();
    let run = data.json("verify").ends(4);
    let report = run.report();
    assert_eq!(report["ok"], false);
    let damaged = report["damaged"].as_array().unwrap();
    assert_eq!((damaged.len(), &damaged[0]["offset"]), (1, &json!(offset)));
    assert!(damaged[0]["len"].as_u64().unwrap() > 0 && damaged[0]["detail"].is_string());
    assert_eq!(run.error()["name"], "damaged");
    let human = data.run("verify").ends(4);
    assert!(human.err.contains("damaged:") && human.err.contains("help:"), "{human:?}");
}

#[test]
fn tail_and_export_go_on_behind_the_damage_and_end_with_4() {
    let (data, offset) = flipped();
    for line in ["tail", "export"] {
        let run = data.json(line).ends(4);
        let shown: Vec<_> = run.lines().iter().map(|record| record["object"].as_u64().unwrap()).collect();
        assert!(!shown.contains(&7) && shown.contains(&6) && shown.contains(&19), "{line}: {shown:?}");
        assert_eq!(objects(&run.err)[0]["damaged"]["offset"], offset, "{line}");
    }
    let from = data.json(&format!("tail --from {offset} -c 3")).ends(4);
    assert_eq!(objects(&from.err)[0]["damaged"]["offset"], offset);
}

#[test]
fn a_damaged_journal_has_a_status_and_takes_no_appends() {
    let (data, offset) = flipped();
    let before = fs::read(segment(&data)).unwrap();
    let report = data.json("status").ends(0).report();
    assert_eq!(report["journal"]["damage"]["offset"], offset);
    assert!(data.run("status").ends(0).out.contains("damage"));
    let run = data.json("append --subject s --predicate p --int 1").ends(4);
    assert_eq!(run.error()["code"], 4);
    let run = data.import(claims(2)).ends(4);
    assert_eq!((&run.report()["appended"], &run.report()["complete"]), (&json!(0), &json!(false)));
    data.json("rebuild").ends(4);
    assert_eq!(fs::read(segment(&data)).unwrap(), before, "nothing was cut");
}

#[test]
fn a_store_that_is_not_what_the_journal_says_is_found_kept_and_replaced_on_demand() {
    // One log that went two ways, record for record as long and to the same last record: only what was said between
    // differs, and no cursor can tell.
    let data = Data::of(&claims(1));
    let other = Data::new();
    let copy = |from: PathBuf, to: PathBuf| {
        assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    };
    copy(data.path(), other.path());
    let last = "{\"subject\":\"last\",\"predicate\":\"p\",\"object\":1}\n";
    data.import(format!("{{\"subject\":\"this\",\"predicate\":\"p\",\"object\":1}}\n{last}")).ends(0);
    other.import(format!("{{\"subject\":\"that\",\"predicate\":\"p\",\"object\":1}}\n{last}")).ends(0);
    fs::remove_dir_all(data.path().join("store")).unwrap();
    copy(other.path().join("store"), data.path().join("store"));

    assert_eq!(data.json("subject that").ends(0).lines().len(), 1);
    let run = data.json("verify").ends(4);
    let report = run.report();
    assert_eq!(
        (&report["ok"], &report["index"]["ok"], &report["damaged"]),
        (&json!(false), &json!(false), &json!([]))
    );
    assert!(report["index"]["damaged_total"].as_u64().unwrap() > 0, "{report}");
    assert!(run.error()["help"].as_str().unwrap().contains("rebuild"), "{run:?}");

    let run = data.json("rebuild").ends(4);
    assert_eq!((&run.report()["same"], &run.report()["switched"]), (&json!(false), &json!(false)));
    data.json("subject that").ends(0);
    let run = data.json("rebuild --accept").ends(0);
    assert_eq!((&run.report()["same"], &run.report()["switched"]), (&json!(false), &json!(true)));
    data.json("subject that").ends(5);
    data.json("subject this").ends(0);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
}

#[test]
fn a_store_that_was_thrown_away_comes_back() {
    let data = Data::of(&claims(50));
    let digest = data.json("verify").ends(0).report()["index"]["digest"].clone();
    fs::remove_dir_all(data.path().join("store")).unwrap();
    let report = data.json("rebuild").ends(0).report();
    assert_eq!((&report["same"], &report["digest"]), (&json!(null), &digest));
    fs::remove_dir_all(data.path().join("store")).unwrap();
    assert_eq!(data.json("subject s1").ends(0).lines().len(), 7);
    assert_eq!(data.json("verify").ends(0).report()["index"]["digest"], digest);
}
