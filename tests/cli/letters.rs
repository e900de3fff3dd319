//! Dead letters and damage that is passed, as an operator meets them.

use std::fs;

use annals::{Applied, Cursor, HybridStore, Log, Offset, ReadLimit, Record, Sink};
use annals_storage::{Change, Effect, Subject};
use serde_json::{Value as Json, json};

use super::{Data, claims, contents};

/// Puts a store in its place of which an older version could apply every other record; says where the others stand.
fn older(data: &Data) -> Vec<u64> {
    let reader = annals::log_reader(&data.path()).unwrap();
    let batch = reader.read(Offset::ZERO, ReadLimit::default()).unwrap();
    let end = reader.bounds().unwrap().durable;
    let generation = data.path().join("store/gen-000001");
    fs::remove_dir_all(&generation).unwrap();
    let store = HybridStore::open(&generation).unwrap();
    let mut parked = Vec::new();
    let changes: Vec<_> = batch
        .iter()
        .enumerate()
        .map(|(n, entry)| {
            let effect = match Record::decode(entry.payload).unwrap() {
                Record::Assertion(claim) if n % 2 == 0 => {
                    Effect::Assertion { subject: Subject::new(claim.subject).unwrap() }
                }
                _ => {
                    parked.push(entry.offset.get());
                    Effect::DeadLetter { reason: "of a later \u{1b}[31mversion".to_owned() }
                }
            };
            Change { offset: entry.offset, id: entry.id, payload: entry.payload, effect }
        })
        .collect();
    let last = changes.last().map(|change| Applied { offset: change.offset, id: change.id });
    let term = reader.terms().last().unwrap().term;
    store.apply(&changes, &Cursor { log: reader.identity(), term, next: end, last }).unwrap();
    store.close().unwrap();
    parked
}

fn offsets(lines: &[Json]) -> Vec<u64> {
    lines.iter().map(|line| line["offset"].as_u64().unwrap()).collect()
}

/// Data of twenty claims whose store lacks every other one, where these stand, and the digest that it should have.
fn parked() -> (Data, Vec<u64>, Json) {
    let data = Data::of(&claims(20));
    let digest = data.json("digest").ends(0).report()["digest"].clone();
    let parked = older(&data);
    assert_eq!(parked.len(), 10);
    (data, parked, digest)
}

#[test]
fn they_are_listed_page_by_page_and_shown_with_all_that_is_known() {
    let (data, parked, _) = parked();
    let lines = data.json("dead-letters list").ends(0).lines();
    assert_eq!(offsets(&lines), parked);
    let first = &lines[0];
    assert_eq!((&first["number"], &first["discarded"]), (&json!(0), &json!(false)));
    assert!(first["time"].as_str().unwrap().starts_with("20"), "{first}");
    let page = data.json(&format!("dead-letters list --limit 3 --after {}", parked[4])).ends(0).lines();
    assert_eq!(offsets(&page), parked[5..8]);
    let human = data.run("dead-letters list").ends(0);
    assert_eq!(human.out.lines().count(), 10);
    assert!(
        human.out.contains("of a later \\u{1b}[31mversion") && !human.out.contains('\u{1b}'),
        "{human:?}"
    );

    let id = first["id"].as_str().unwrap();
    let by_id = data.json(&format!("dead-letters show {}", &id[..12])).ends(0).report();
    assert_eq!(by_id, data.json(&format!("dead-letters show {}", parked[0])).ends(0).report());
    assert_eq!(
        (&by_id["now"], &by_id["stored_at"], &by_id["same"]),
        (&json!("assertion"), &Json::Null, &json!([]))
    );
    assert_eq!(by_id["payload"].as_str().unwrap().len() as u64, 2 * by_id["bytes"].as_u64().unwrap());
    let human = data.run(&format!("dead-letters show {}", parked[0])).ends(0).out;
    assert!(human.contains("a redrive tries it again") && human.contains(&parked[0].to_string()), "{human}");
    assert_eq!(data.json("dead-letters show 1").ends(5).error()["name"], "not_found");
    assert_eq!(data.json("dead-letters show ffffffffffffffff").ends(5).error()["name"], "not_found");
}

#[test]
fn what_is_read_again_in_any_order_ends_in_the_digest_of_a_store_that_never_lacked_it() {
    let (data, parked, digest) = parked();
    let verify = data.json("verify --index").ends(4).report();
    let finding = verify["index"]["damaged"][0]["detail"].as_str().unwrap();
    assert!(finding.contains("redrive"), "{finding}");
    let looked = data.json("dead-letters redrive --all --dry-run").ends(0).report();
    assert_eq!((&looked["applied"], &looked["dry_run"]), (&json!(10), &json!(true)));
    assert_eq!(data.json("dead-letters list").lines().len(), 10);

    let some = format!("dead-letters redrive {} {} {}", parked[7], parked[2], parked[7]);
    assert_eq!(data.json(&some).ends(0).report()["applied"], 2);
    data.json(&some).ends(5);
    let rest = data.run("dead-letters redrive --all").ends(0);
    assert!(rest.out.contains("8 dead letters: applied"), "{rest:?}");
    assert_eq!(data.json("digest").report()["digest"], digest);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    assert_eq!(data.json("rebuild").ends(0).report()["same"], true);
    assert!(data.run("dead-letters list").ends(0).err.contains("no dead letters"));
    data.run("dead-letters redrive").ends(2);
}

/// Appends payloads that no version reads.
fn unreadable(data: &Data, payloads: usize) {
    let journal = annals_journal::Journal::open(data.path().join("journal")).unwrap();
    for n in 0..payloads {
        journal.append([[9_u8; 30].as_slice(), &n.to_le_bytes()].concat()).unwrap();
    }
    journal.close().unwrap();
}

#[test]
fn what_nobody_can_read_stays_with_3_until_it_is_given_up_and_a_rebuild_takes_that_over() {
    let data = Data::of(&claims(3));
    unreadable(&data, 3);
    let lines = data.json("dead-letters list").ends(0).lines();
    assert_eq!((lines.len(), &lines[0]["number"]), (3, &json!(9)));
    let at = offsets(&lines);
    let run = data.json("dead-letters redrive --all").ends(3);
    assert_eq!((&run.report()["parked"], &run.error()["name"]), (&json!(3), &json!("rejected")));
    assert_eq!(data.json("export").ends(3).lines().len(), 3);

    let discard = format!("dead-letters discard {} {}", at[0], lines[2]["id"].as_str().unwrap());
    let looked = data.json(&discard).ends(0).report();
    assert_eq!(looked, json!({"discarded": [at[0], at[2]], "done": false}));
    assert!(data.run(&discard).ends(0).err.contains("--yes"));
    assert_eq!(data.json("dead-letters list").lines().len(), 3);
    assert_eq!(data.json(&format!("{discard} --yes")).ends(0).report()["done"], true);
    assert_eq!(data.json(&format!("{discard} --yes")).ends(0).report()["discarded"], json!([]));

    let store = |data: &Data| {
        let store = data.json("status").report()["store"].clone();
        (store["dead_letters"].clone(), store["discarded"].clone())
    };
    assert_eq!(store(&data), (json!(1), json!(2)));
    assert!(data.run("status").out.contains("1, and 2 given up"));
    assert_eq!(offsets(&data.json("dead-letters list --discarded").lines()), [at[0], at[2]]);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    assert_eq!(data.json("rebuild").ends(0).report()["same"], true);
    assert_eq!(store(&data), (json!(1), json!(2)));
    data.json("dead-letters discard 7 --yes").ends(5);
}

#[test]
fn damage_stops_the_store_until_it_is_passed_and_is_named_from_then_on() {
    let data = Data::of(&claims(20));
    let offset = data.json("tail").lines()[7]["offset"].as_u64().unwrap();
    let files = contents(&data.path().join("journal"));
    let (path, mut bytes) =
        files.into_iter().find(|(path, _)| path.extension().is_some_and(|end| end == "wal")).unwrap();
    // Into the payload of the eighth record, behind the frame's head.
    let at = bytes.windows(2).enumerate().filter(|(_, two)| *two == b"s0").nth(1).unwrap().0;
    bytes[at + 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::remove_dir_all(data.path().join("store")).unwrap();

    let error = data.json("subject s3").ends(4).error();
    let message = error["message"].as_str().unwrap();
    for word in [&format!("damaged at offset {offset}"), "segment", "salvage", "pass-damage"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let looked = data.json("pass-damage").ends(0).report();
    assert_eq!((&looked["passed"][0]["offset"], &looked["done"]), (&json!(offset), &json!(false)));
    data.json("subject s3").ends(4);
    let human = data.run("pass-damage").ends(0);
    assert!(human.out.contains("would be passed: 1 range") && human.err.contains("--yes"), "{human:?}");
    let done = data.json("pass-damage --yes").ends(0).report();
    assert_eq!((&done["passed"], &done["done"]), (&looked["passed"], &json!(true)));

    assert_eq!(data.json("subject s3").ends(0).lines().len(), 3);
    assert_eq!(data.json("status").report()["store"]["passed"], looked["passed"]);
    assert!(data.run("status").out.contains("passed"));
    let verify = data.json("verify --index").ends(4);
    assert_eq!(verify.report()["index"]["passed"], looked["passed"]);
    assert!(verify.error()["message"].as_str().unwrap().contains("passed"), "{verify:?}");
    assert_eq!(data.json("pass-damage").ends(0).report()["passed"], json!([]));
    assert!(data.run("pass-damage").ends(0).out.contains("nothing is damaged ahead"));

    // One flipped bit can be made whole. Then the record is missed, until a rebuild brings it.
    data.run(&format!("log salvage --apply --no-store --data {}", data.path().display())).ends(0);
    let verify = data.json("verify").ends(4).report();
    let finding = verify["index"]["damaged"][0]["detail"].as_str().unwrap();
    assert!(finding.contains("has passed that place"), "{finding}");
    let difference = data.json("rebuild").ends(4).report()["difference"].clone();
    assert!(difference.as_str().unwrap().contains("passed damage"), "{difference}");
    data.json("rebuild --accept").ends(0);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    assert_eq!(data.json("status").report()["store"]["passed"], json!([]));
}
