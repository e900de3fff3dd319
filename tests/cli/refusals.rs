//! A store that is not the one that belongs to its journal is refused: by its own name, with what mends it, and with
//! nothing changed. Each way to come there is gone here, through the command line.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use annals::{HybridStore, KvStore, Sink};
use serde_json::json;

use super::{Data, claims, contents};

/// Puts a copy of a directory or a file where nothing or something else is.
fn put(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let _ = fs::remove_dir_all(&to);
    let copied = Command::new("cp").arg("-r").arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(copied.unwrap().success());
}

/// A directory of this one's data, copied beside it.
fn kept(data: &Data, part: &str) -> PathBuf {
    let copy = data.file(&format!("kept {part}").replace('/', "-"));
    put(data.path().join(part), &copy);
    copy
}

/// Everything in the data directory but what any open writes: the lock files and the owner's last word, which say who had
/// it, and the watermark, which tells a clean stop from others. The engines of the store keep house in their files as well:
/// of these, what they hold.
fn state(data: &Data) -> (Vec<(PathBuf, Vec<u8>)>, Vec<String>) {
    let mut found = contents(&data.path());
    found.retain(|(path, _)| {
        let name = path.file_name().unwrap().to_str().unwrap().to_lowercase();
        let is_engine = path.components().any(|part| part.as_os_str() == "content") || name == "index.redb";
        !is_engine && !name.ends_with("lock") && !["status.json", "watermark"].contains(&name.as_str())
    });
    assert!(found.len() >= 4, "{found:?}");
    let mut held = Vec::new();
    for entry in fs::read_dir(data.path().join("store")).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            held.push(holds(data, &entry.path()));
        }
    }
    (found, held)
}

/// What a generation holds, asked of a copy.
fn holds(data: &Data, generation: &Path) -> String {
    let copy = data.file("copy");
    put(generation, &copy);
    match HybridStore::open_existing(&copy) {
        Ok(store) => {
            let (cursor, reach) = (store.cursor().unwrap(), store.reach().unwrap());
            let (counts, digests) = (store.counts().unwrap(), store.digests().unwrap());
            format!("{cursor:?} {:?} {reach:?} {counts:?} {digests:?}", store.durable_cursor().unwrap())
        }
        Err(error) => error.to_string(),
    }
}

/// Questions and appends are refused by this name, with these repairs and words; the files stay as they were.
fn check(data: &Data, name: &str, repairs: &[&str], words: &str) {
    let before = state(data);
    for line in ["subjects", "append --subject s --predicate p --int 1", "digest"] {
        let error = data.json(line).ends(13).error();
        assert_eq!(
            (&error["name"], &error["refusal"]),
            (&json!("other_log"), &json!(name)),
            "{line}: {error}"
        );
        assert_eq!(error["repairs"], json!(repairs), "{line}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{line}: {error}");
        let run = data.run(line).ends(13);
        let help = run.err.lines().last().unwrap();
        let first = match repairs[0] {
            "rebuild" => "help: `annals rebuild` makes",
            "restore" => "help: put the journal back",
            "rewind" => "help: `annals rewind --yes` goes on",
            _ => "help: put the directory that belongs here back",
        };
        assert!(help.starts_with(first), "{run:?}");
        assert_eq!(help.contains("rebuild"), repairs.contains(&"rebuild"), "{run:?}");
        assert_eq!(run.out, "");
    }
    let after = state(data);
    let changed: Vec<_> =
        before.0.iter().filter(|file| !after.0.contains(file)).map(|(path, _)| path).collect();
    assert_eq!((changed, after.0.len()), (vec![], before.0.len()));
    assert_eq!(after.1, before.1);
}

/// A rebuild mends it: the journal is the truth.
fn rebuilt(data: &Data) {
    data.json("rebuild --accept").ends(0);
    data.json("verify").ends(0);
    data.json("subjects").ends(0);
}

fn tear(data: &Data) {
    let mut found = contents(&data.path().join("journal"));
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "wal"));
    let mut file = OpenOptions::new().append(true).open(&found.last().unwrap().0).unwrap();
    file.write_all(b"the beginning of a group that was never finished").unwrap();
}

const MIXED: &[&str] = &["right_directory", "rebuild"];

#[test]
fn the_store_of_another_log() {
    let (data, other) = (Data::of(&claims(2)), Data::of(&claims(2)));
    put(other.path().join("store"), data.path().join("store"));
    check(&data, "foreign_log", MIXED, "belongs to log");
    rebuilt(&data);
}

#[test]
fn a_log_that_ends_before_the_store() {
    let data = Data::of(&claims(2));
    let older = kept(&data, "journal");
    data.import(claims(4)).ends(0);
    put(older, data.path().join("journal"));
    check(&data, "ahead_of_log", &["restore", "rebuild"], "but the log ends at");
    rebuilt(&data);
}

#[test]
fn a_log_that_was_cut_and_went_on() {
    let data = Data::of(&claims(2));
    let older = kept(&data, "journal");
    data.import(claims(4)).ends(0);
    put(older, data.path().join("journal"));
    tear(&data);
    data.json("log repair --apply").ends(0);
    check(&data, "forked", &["rebuild", "restore"], "the log's future has forked");
    rebuilt(&data);
}

#[test]
fn a_log_that_was_put_back_to_before_a_cut() {
    let data = Data::of(&claims(2));
    let older = kept(&data, "journal");
    tear(&data);
    data.import(claims(4)).ends(0);
    assert_eq!(data.json("status").ends(0).report()["journal"]["term"], 2);
    put(older, data.path().join("journal"));
    check(&data, "unknown_term", &["rebuild", "restore"], "which this log has not reached");
    rebuilt(&data);
}

#[test]
fn a_log_whose_last_record_is_another_one() {
    let data = Data::of(&claims(2));
    let older = kept(&data, "journal");
    let line = |object: u32| format!("{{\"subject\":\"s\",\"predicate\":\"p\",\"object\":{object}}}\n");
    data.import(line(111)).ends(0);
    let store = kept(&data, "store");
    put(older, data.path().join("journal"));
    fs::remove_dir_all(data.path().join("store")).unwrap();
    data.import(line(222)).ends(0);
    put(store, data.path().join("store"));
    check(&data, "other_record", &["rebuild"], "is not the one that was applied last");
    rebuilt(&data);
}

#[test]
fn content_of_another_log() {
    let (data, other) = (Data::of(&claims(2)), Data::of(&claims(2)));
    put(other.path().join("store/gen-000001/content"), data.path().join("store/gen-000001/content"));
    check(&data, "swapped", MIXED, "is put together of two: its content follows log");
    rebuilt(&data);
}

#[test]
fn content_of_another_store_of_the_same_log() {
    let data = Data::of(&claims(4));
    fs::remove_dir_all(data.path().join("store/gen-000001/content")).unwrap();
    check(&data, "content_behind", MIXED, "but its content ends at");
    rebuilt(&data);
}

#[test]
fn an_older_copy_of_the_store_which_may_be_taken_as_it_is() {
    let data = Data::of(&claims(20));
    let store = kept(&data, "store");
    let then = data.json("digest").ends(0).report();
    data.import(claims(50)).ends(0);
    let now = data.json("digest").ends(0).report();
    put(&store, data.path().join("store"));
    check(&data, "older_store", &["rewind", "rebuild"], "an older copy of it was put in its place");
    let status = data.json("status").ends(0);
    assert!(status.err.contains("\"refusal\":\"older_store\""), "{status:?}");

    let looked = data.json("rewind").ends(0).report();
    let (from, to) = (&now["as_of"], &then["as_of"]);
    let report = |done: bool| json!({"from": from, "to": to, "records": 30, "done": done});
    assert_eq!(looked, report(false));
    let human = data.run("rewind").ends(0);
    assert!(human.out.contains("30 records") && human.err.contains("--yes"), "{human:?}");
    data.json("subjects").ends(13);

    assert_eq!(data.json("rewind --yes").ends(0).report(), report(true));
    assert_eq!(data.json("subject s1").ends(0).lines().len(), 7);
    assert_eq!(data.json("digest").ends(0).report()["digest"], now["digest"]);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    // The consent was for this once.
    put(&store, data.path().join("store"));
    data.json("subjects").ends(13);
    rebuilt(&data);
    assert_eq!(data.json("digest").ends(0).report()["digest"], now["digest"]);
    let none = data.json("rewind --yes").ends(0).report();
    assert_eq!((&none["from"], &none["records"]), (&none["to"], &json!(0)));
}

#[test]
fn what_says_nothing_of_a_store_refuses_nothing() {
    for said in [None, Some("nonsense".repeat(40)), Some(String::new())] {
        let data = Data::of(&claims(2));
        let store = kept(&data, "store");
        data.import(claims(4)).ends(0);
        put(&store, data.path().join("store"));
        let seen = data.path().join("store.seen");
        match &said {
            None => fs::remove_file(&seen).unwrap(),
            Some(text) => fs::write(&seen, text).unwrap(),
        }
        assert_eq!(data.json("subject s3").ends(0).lines().len(), 1, "{said:?}");
        assert_eq!(fs::read(&seen).unwrap().len(), 96, "it is written again");
        put(&store, data.path().join("store"));
        data.json("subjects").ends(13);
    }
}

#[test]
fn a_lost_index_is_no_older_store() {
    let data = Data::of(&claims(9));
    fs::remove_file(data.path().join("store/gen-000001/index.redb")).unwrap();
    data.json("subjects").ends(0);
    data.json("verify").ends(0);
}

#[test]
fn a_log_whose_beginning_is_gone() {
    let data = Data::of(&claims(2));
    let store = kept(&data, "store");
    for count in [3, 4, 5] {
        data.run("log seal").ends(0);
        data.import(claims(count)).ends(0);
    }
    data.run("log cursors --remove store").ends(0);
    data.json("log purge --keep-newest --yes").ends(0);
    data.json("subjects").ends(0);
    put(store, data.path().join("store"));
    fs::remove_file(data.path().join("store.seen")).unwrap();
    check(&data, "purged", &["restore"], "but the log begins at");
    // A rebuild reads from the beginning too.
    let error = data.json("rebuild --accept").ends(13).error();
    assert_eq!((&error["refusal"], &error["repairs"]), (&json!("purged"), &json!(["restore"])));
    fs::remove_dir_all(data.path().join("store")).unwrap();
    assert_eq!(data.json("subjects").ends(13).error()["refusal"], "purged");
    // Neither is an older store that no rewind mends.
    assert_eq!(data.json("rewind --yes").ends(13).error()["refusal"], "purged");
}
