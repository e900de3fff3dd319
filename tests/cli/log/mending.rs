//! `salvage` and `repair`: what is shown is what is done, and the log goes on.

use annals_journal::{Log as _, Offset, Reader};
use serde_json::{Value as Json, json};

use super::super::Data;
use super::*;

/// Appends a record and reads all there is; the number of records.
fn goes_on(log: &Log) -> usize {
    let journal = Journal::open(log.dir()).unwrap();
    journal.append("after").unwrap();
    journal.close().unwrap();
    let reader = Reader::open(log.dir()).unwrap();
    let mut tail = reader.tail(reader.bounds().unwrap().oldest);
    let mut records = 0;
    loop {
        match tail.next_batch(std::time::Duration::ZERO) {
            Ok(Some(batch)) => records += batch.len(),
            Ok(None) => return records,
            Err(annals_journal::LogError::Hole { offset, len }) => {
                tail.skip_to(Offset::new(offset.get() + len));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn one_flipped_bit_is_made_whole_and_nothing_is_lost() {
    for record in [5, 12] {
        let log = Log::damaged(|log| log.flip(record));
        let shown = log.json("salvage").ends(4).report();
        assert_eq!((shown["mended"].as_array().unwrap().len(), &shown["lost"]), (1, &json!([])), "{shown}");
        assert_eq!((&shown["applied"], &shown["store"]), (&json!(false), &json!("none")));
        let done = log.json("salvage --apply").ends(0).report();
        assert_eq!((&done["applied"], &done["mended"]), (&json!(true), &shown["mended"]));
        log.json("verify").ends(0);
        let receipt = log.json("receipts").ends(0).report();
        assert_eq!((&receipt["type"], &receipt["kind"]), (&json!("quarantined"), &json!("mended")));
        assert!(fs::exists(receipt["file"].as_str().unwrap()).unwrap());
        assert_eq!(goes_on(&log), 15);
        assert!(log.run("salvage").ends(0).out.contains("nothing to salvage"));
    }
}

#[test]
fn what_is_lost_is_shown_before_and_listed_after() {
    for (damage, left) in [(Log::lose_segment as fn(&Log, usize), 10), (Log::cut, 12)] {
        let log = Log::new();
        damage(&log, 1);
        let shown = log.json("salvage").ends(4).report();
        let lost = &shown["lost"][0];
        let text = log.run("salvage").ends(4);
        assert!(text.out.contains(&format!("offset {} to", lost["offset"])), "{text:?}");
        assert!(text.err.contains("--apply"), "{text:?}");
        let done = log.json("salvage --apply").ends(0).report();
        assert_eq!((&done["lost"], &done["term"]), (&shown["lost"], &json!(2)));
        let info = log.json("info").ends(0).report();
        assert_eq!((&info["state"], &info["term"]), (&json!("sound"), &json!(2)));
        assert_eq!((&info["holes"][0]["offset"], &info["holes"][0]["len"]), (&lost["offset"], &lost["len"]));
        assert!(log.run("info").ends(0).out.contains("but for 1 hole"));
        assert_eq!(log.json("verify").ends(0).report()["holes"][0]["offset"], lost["offset"]);
        let segments = log.json("segments").ends(0).lines();
        assert_eq!((&segments[1]["lost"], &segments[1]["flaw"]), (&json!(true), &Json::Null));
        assert_eq!(goes_on(&log), left + 1);
    }
}

#[test]
fn the_store_refills_what_is_damaged_in_the_journal() {
    let data = Data::of(&claims(6));
    let export = data.run("export").ends(0).out;
    let path = segments(&data.path().join("journal")).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    // Two bits of one payload: no checksum gives them back.
    bytes[4096 + 60] ^= 1;
    bytes[4096 + 90] ^= 4;
    fs::write(&path, bytes).unwrap();
    let alone = data.json("log salvage").ends(4).report();
    assert_eq!(alone["lost"].as_array().unwrap().len(), 1, "{alone}");
    let done = data.json("log salvage --apply").ends(0).report();
    assert_eq!(
        (&done["lost"], &done["mended"][0]["how"], &done["store"]),
        (&json!([]), &json!("refilled"), &json!("asked"))
    );
    assert_eq!(data.run("export").ends(0).out, export);
    data.json("verify").ends(0);
}

#[test]
fn a_store_that_cannot_be_opened_is_named_and_the_salvage_goes_on_without_it() {
    let data = Data::of(&claims(6));
    let path = segments(&data.path().join("journal")).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 + 60] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::write(data.path().join("store/CURRENT"), "nonsense").unwrap();
    let run = data.json("log salvage --apply").ends(0);
    assert!(run.err.contains("\"warning\"") && run.err.contains("CURRENT"), "{run:?}");
    assert_eq!(run.report()["mended"][0]["how"], "flipped");
    data.json("log verify").ends(0);
}

#[test]
fn a_repair_shows_what_an_open_would_do_and_does_it() {
    let log = Log::damaged(Log::tear);
    let shown = log.json("repair").ends(0).report();
    assert_eq!((&shown["applied"], &shown["findings"][0]["what"]), (&json!(false), &json!("torn-tail")));
    let run = log.json("repair --apply").ends(0);
    assert!(run.err.contains("\"recovered\""), "{run:?}");
    let done = run.report();
    assert_eq!(
        (&done["state"], &done["findings"][0]["what"], &done["left"]),
        (&json!("sound"), &json!("torn-tail"), &json!([]))
    );
    assert_eq!(log.json("receipts").ends(0).report()["kind"], "torn");
    assert_eq!(goes_on(&log), 15);

    let log = Log::damaged(|log| log.lose("watermark"));
    assert!(log.run("repair").ends(4).out.contains("lost-watermark"));
    assert!(log.run("repair --apply").ends(0).out.starts_with("sound"));
    assert!(log.dir().join("watermark").exists());
    assert_eq!(goes_on(&log), 15);
}

#[test]
fn a_repair_leaves_damage_to_a_salvage() {
    let log = Log::damaged(|log| log.flip(5));
    log.tear();
    let run = log.json("repair --apply").ends(4);
    let report = run.report();
    assert_eq!((&report["state"], &report["left"][0]["what"]), (&json!("damaged"), &json!("sealed-damage")));
    assert!(run.error()["help"].as_str().unwrap().contains("salvage"), "{run:?}");
}
