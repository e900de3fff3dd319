//! `annals heal`: what one side has lost comes back from the other, and what neither has is named.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Data, contents};

/// Twenty claims, told apart by a needle each, in tables of the store; and their ids.
fn data() -> (Data, Vec<String>) {
    let lines: String = (0..20)
        .map(|i| format!("{{\"subject\":\"s{}\",\"predicate\":\"p\",\"object\":\"needle {i:02}\"}}\n", i % 3))
        .collect();
    let data = Data::of(&lines);
    // A rebuilt store has everything in its tables.
    data.json("rebuild").ends(0);
    let ids = data.json("tail").lines().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    (data, ids)
}

fn damage_journal(data: &Data, claim: usize) {
    for (path, mut bytes) in contents(&data.path().join("journal")) {
        let needle = format!("needle {claim:02}");
        let places: Vec<usize> =
            bytes.windows(9).enumerate().filter(|(_, w)| *w == needle.as_bytes()).map(|(at, _)| at).collect();
        places.iter().for_each(|at| bytes[at + 7] ^= 0xff);
        fs::write(path, bytes).unwrap();
    }
}

fn damage_store(data: &Data, id: &str) {
    let store = data.path().join("store");
    let generation = fs::read_to_string(store.join("CURRENT")).unwrap();
    let database = fjall::Database::builder(store.join(generation.trim()).join("content")).open().unwrap();
    let content = database.keyspace("content", fjall::KeyspaceCreateOptions::default).unwrap();
    let id: annals::RecordId = id.parse().unwrap();
    let key = [b"H:", &id.as_bytes()[..]].concat();
    let mut value = content.get(&key).unwrap().unwrap().to_vec();
    value[20] ^= 1;
    content.insert(key, value).unwrap();
    database.persist(fjall::PersistMode::SyncAll).unwrap();
}

/// Takes a subject's row out of the index.
fn damage_index(data: &Data, subject: &str) {
    let store = data.path().join("store");
    let generation = fs::read_to_string(store.join("CURRENT")).unwrap();
    let index = contents(&store.join(generation.trim()));
    let (path, _) = index.iter().find(|(path, _)| path.extension().is_some_and(|is| is == "redb")).unwrap();
    let database = redb::Database::open(path).unwrap();
    let writing = database.begin_write().unwrap();
    let rows: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("subjects");
    assert!(writing.open_table(rows).unwrap().remove(subject.as_bytes()).unwrap().is_some());
    writing.commit().unwrap();
}

fn digest(data: &Data) -> Json {
    data.json("verify").ends(0).report()["index"]["digest"].clone()
}

#[test]
fn it_says_what_would_come_from_where_and_with_yes_it_comes() {
    let (data, ids) = data();
    let (before, exported) = (digest(&data), data.run("export").out);
    damage_journal(&data, 7);
    damage_store(&data, &ids[11]);
    let verified = data.json("verify").ends(4);
    assert!(verified.error()["help"].as_str().unwrap().contains("annals heal"), "{verified:?}");

    let run = data.json("heal").ends(4);
    assert!(run.error()["help"].as_str().unwrap().contains("--yes"), "{run:?}");
    let said = run.report();
    let counts = |said: &Json| {
        let mended = said["journal"]["mended"].as_array().unwrap().len();
        (mended, said["store"]["healed_total"].clone(), said["sound"].clone(), said["applied"].clone())
    };
    assert_eq!(counts(&said), (1, json!(1), json!(true), json!(false)));
    assert_eq!(said["store"]["healed"][0]["key"], format!("H:{}", ids[11]));
    assert_eq!(said["journal"]["mended"][0]["how"], "refilled");
    data.json("verify").ends(4);
    let human = data.run("heal").ends(4);
    assert!(human.out.contains("can be restored: 1 place") && human.err.contains("--yes"), "{human:?}");

    let done = data.json("heal --yes").ends(0).report();
    assert_eq!(counts(&done), (1, json!(1), json!(true), json!(true)));
    assert_eq!((digest(&data), data.run("export").ends(0).out), (before, exported));
    let nothing = data.run("heal").ends(0);
    assert!(nothing.out.contains("there is nothing to heal"), "{nothing:?}");
}

#[test]
fn what_neither_side_has_is_named_as_lost_and_stays_as_it_is() {
    let (data, ids) = data();
    for claim in [7, 9] {
        damage_journal(&data, claim);
    }
    damage_store(&data, &ids[7]);
    let journal = contents(&data.path().join("journal"));
    for line in ["heal", "heal --yes", "heal --yes"] {
        let run = data.json(line).ends(4);
        let said = run.report();
        let lost = said["journal"]["lost"].as_array().unwrap();
        assert_eq!(
            (lost.len(), &said["journal"]["whole"], &said["sound"]),
            (1, &json!(false), &json!(false))
        );
        let damaged = said["store"]["damaged"].to_string();
        assert!(damaged.contains(&ids[7]) && !damaged.contains(&ids[9]), "{damaged}");
        assert!(run.error()["help"].as_str().unwrap().contains("annals log salvage"), "{run:?}");
    }
    let human = data.run("heal --yes").ends(4);
    assert!(human.out.contains("lost: offset"), "{human:?}");
    data.json(&format!("get {}", ids[7])).ends(4);
    data.json(&format!("get {}", ids[9])).ends(0);
    // Of the segment, one byte is another one than before: that of the other record.
    let wal = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        let mut files = files;
        files.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "wal"));
        files.remove(0).1
    };
    let (before, after) = (wal(journal), wal(contents(&data.path().join("journal"))));
    assert!(before.iter().zip(&after).filter(|(a, b)| a != b).count() >= 1);
    let needle = |bytes: &[u8], needle: &[u8]| bytes.windows(9).filter(|window| *window == needle).count();
    assert_eq!((needle(&before, b"needle 09"), needle(&after, b"needle 09")), (0, 1));
    assert_eq!(needle(&after, b"needle 07"), 0);
}

#[test]
fn damage_of_the_index_is_left_to_a_rebuild() {
    let (data, ids) = data();
    let before = digest(&data);
    damage_index(&data, "s1");
    damage_store(&data, &ids[11]);
    for line in ["heal", "heal --yes"] {
        let run = data.json(line).ends(4);
        let said = run.report();
        assert_eq!((&said["store"]["healed_total"], &said["sound"]), (&json!(1), &json!(false)), "{line}");
        let damaged = said["store"]["damaged"].as_array().unwrap();
        assert!(!damaged.is_empty() && damaged.iter().any(|key| key["key"] == "S:s1"), "{said}");
        assert!(run.error()["help"].as_str().unwrap().contains("annals rebuild --accept"), "{run:?}");
    }
    data.json("rebuild --accept").ends(0);
    assert_eq!(digest(&data), before);
    data.json("heal").ends(0);
}

#[test]
fn without_a_store_what_only_it_could_restore_is_lost() {
    let (data, _) = data();
    fs::remove_dir_all(data.path().join("store")).unwrap();
    // By itself that is no damage: the next open makes it.
    let said = data.json("heal --yes").ends(0).report();
    assert!(said["store"]["error"].as_str().unwrap().contains("store"), "{said}");
    damage_journal(&data, 3);
    let run = data.json("heal --yes").ends(4);
    let said = run.report();
    assert!(said["store"]["error"].is_string(), "{said}");
    assert_eq!(said["journal"]["lost"].as_array().unwrap().len(), 1);
    assert!(run.error()["help"].as_str().unwrap().contains("annals rebuild"), "{run:?}");
}
