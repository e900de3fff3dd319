//! `import --from`: other systems' stores, written here from the description of their formats.

use std::fs;
use std::path::{Path, PathBuf};

use annals::ledger::{Ledger, LedgerOptions, ReplayFrom};
use annals::streams::queue::{Order, Queue, QueueOptions};
use serde_json::Value as Json;

use super::{Data, Run, annals, contents, objects};

/// CRC-32, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn fact_frame(number: u32) -> Vec<u8> {
    let line = format!(
        r#"{{"id":"00000000-0000-4000-8000-0000000000{number:02}","store":"gps","key":"van-{number}","value":{{"n":{number}}},"value_hash":null,"causation":null,"transaction_time":1763600000.5,"valid_time":null,"schema_version":1,"producer":null,"derivation":null}}"#
    );
    let body = line.as_bytes();
    [&(body.len() as u32).to_be_bytes()[..], body, &crc32(body).to_be_bytes()].concat()
}

/// A partitioned store of three facts in two stores.
fn igniter(data: &Data) -> PathBuf {
    let root = data.file("igniter");
    put(
        &root.join("wal/store=gps/date=2026-11-20/segment-000001.wal"),
        &[fact_frame(1), fact_frame(2)].concat(),
    );
    put(&root.join("wal/store=crm/date=flat/segment-000001.wal"), &fact_frame(3));
    put(
        &root.join("wal/store=crm/date=flat/segment-000001.wal.manifest.json"),
        br#"{"segment_id":"crm/flat/000001","fact_count":1}"#,
    );
    root
}

fn stemedb(data: &Data) -> PathBuf {
    let record = |kind: u8| {
        let payload = [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &[kind + 7; 60]].concat();
        let id: annals::RecordId = annals::RecordId::of(&payload);
        [&(payload.len() as u32).to_le_bytes()[..], &[0; 4], id.as_bytes(), &payload].concat()
    };
    let root = data.file("stemedb");
    put(
        &root.join("0000000000000000.wal"),
        &[&b"header of 20 bytes.."[..], &record(0), &record(1), &record(2)].concat(),
    );
    root
}

fn opq(data: &Data) -> PathBuf {
    let frame = |sequence: u32| {
        let mut frame = [
            b"LWF\0".to_vec(),
            vec![0; 64],
            sequence.to_be_bytes().to_vec(),
            vec![10, 0, 0, 3, 2, 2, 0, 0],
            vec![0; 8],
            b"abc".to_vec(),
        ]
        .concat();
        let crc = crc32(&frame);
        frame.extend_from_slice(&[0; 32]);
        frame.extend_from_slice(&crc.to_be_bytes());
        frame
    };
    let header = [
        b"LOPQ\x01\0\0\0".to_vec(),
        1_763_600_000_u64.to_le_bytes().to_vec(),
        vec![1, 0, 0, 0],
        1_763_600_000_i64.to_le_bytes().to_vec(),
    ];
    let root = data.file("opq");
    put(&root.join("segment_1763600000_1.opq"), &[header.concat(), frame(1), frame(2), frame(3)].concat());
    root
}

fn fact(data: &Data) -> PathBuf {
    let atom = |name: &str| [&[119, name.len() as u8][..], name.as_bytes()].concat();
    let entry = |lsn: u8, data: &str, checkpoint: &str| {
        let crc = crc32(&[data.as_bytes(), &u64::from(lsn).to_le_bytes()].concat()).to_le_bytes();
        let term = [
            vec![131, 116, 0, 0, 0, 5],
            [atom("__struct__"), atom("Elixir.Fact.WriteAheadLog.Entry")].concat(),
            [atom("lsn"), vec![97, lsn]].concat(),
            [atom("data"), vec![109, 0, 0, 0, data.len() as u8], data.as_bytes().to_vec()].concat(),
            [atom("crc"), vec![110, 4, 0], crc.to_vec()].concat(),
            [atom("is_checkpoint"), atom(checkpoint)].concat(),
        ];
        let term = term.concat();
        [&(term.len() as u32).to_le_bytes()[..], &term].concat()
    };
    let root = data.file("fact");
    put(
        &root.join("0"),
        &[entry(1, "deposit 10", "false"), entry(2, "balance 10", "true"), entry(3, "withdraw 3", "false")]
            .concat(),
    );
    root
}

/// Sessions as another program writes them, and what they go into.
fn fsstore(data: &Data) -> PathBuf {
    let (session, segment) = ("01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002");
    let lines = format!(
        "{{\"kind\":\"segment_start\",\"ts\":1,\"session_id\":\"{session}\",\"config\":{{}},\"history\":[]}}\n{{\"kind\":\"turn_end\",\"ts\":4,\"turn_count\":1}}\n{{\"kind\":\"invoke\",\"ts\":5,\"trigger\":null}}\n"
    );
    let root = data.file("fsstore");
    put(&root.join(format!("{session}/{segment}.jsonl")), lines.as_bytes());
    root
}

/// The binary without a data directory.
fn into(line: &str) -> Run {
    annals(line.split(' ')).output().unwrap().into()
}

fn numbers(report: &Json, keys: [&str; 4]) -> [u64; 4] {
    keys.map(|key| report[key].as_u64().unwrap_or_else(|| panic!("{key} of {report}")))
}

const COUNTS: [&str; 4] = ["read", "appended", "duplicates", "lost"];

#[test]
fn facts_and_records_go_into_the_data_directory_once_and_their_source_stays_as_it_is() {
    for (from, root) in [("igniter", igniter as fn(&Data) -> PathBuf), ("stemedb", stemedb)] {
        let data = Data::new();
        let root = root(&data);
        let before = contents(&root);
        let line = format!("import --from {from} {}", root.display());
        let dry = data.json(&format!("{line} --dry-run")).ends(0).report();
        assert_eq!(numbers(&dry, COUNTS), [3, 3, 0, 0]);
        assert!(!data.path().exists(), "a dry run makes nothing");
        let first = data.json(&line).ends(0).report();
        assert_eq!(numbers(&first, COUNTS), [3, 3, 0, 0]);
        assert_eq!(
            (&first["first"], &first["complete"], &first["from"]),
            (&Json::from(0), &Json::Bool(true), &Json::from(from))
        );
        let again = data.json(&line).ends(0).report();
        assert_eq!(numbers(&again, COUNTS), [3, 0, 3, 0]);
        assert_eq!(numbers(&data.json(&format!("{line} --dry-run")).ends(0).report(), COUNTS), [3, 0, 3, 0]);
        assert_eq!(again["next"], first["next"]);
        assert_eq!(contents(&root), before);
    }
}

#[test]
fn an_imported_fact_is_an_assertion_that_can_be_asked_for() {
    let data = Data::new();
    let root = igniter(&data);
    let report = data.json(&format!("import --from igniter {}", root.display())).ends(0).report();
    assert_eq!(report["listed"][0]["kind"], "manifest");
    let asked = data.json("subject van-2").ends(0).report();
    assert_eq!((&asked["predicate"], &asked["object"]), (&Json::from("gps"), &Json::from(r#"{"n":2}"#)));
}

#[test]
fn facts_come_out_as_the_frames_that_they_were() {
    let data = Data::new();
    let (root, back) = (igniter(&data), data.file("back"));
    data.json(&format!("import --from igniter {}", root.display())).ends(0);
    data.json(&format!("export --as json-crc32 {}", back.display())).ends(0);
    let written = fs::read(back.join("wal/store=gps/date=flat/segment-000001.wal")).unwrap();
    // The source left the hash out, and nothing else.
    let hash = |n: u32| {
        let fact = annals::streams::Fact::new("s", "k", format!("{{\"n\":{n}}}"), 0.0);
        fact.value_hash().unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let crm: &[u32] = &[3];
    let gps: &[u32] = &[1, 2];
    // Every fact says of itself that it is of the store gps, wherever it lay.
    let expected: Vec<String> = crm
        .iter()
        .chain(gps)
        .map(|n| {
            let frame = fact_frame(*n);
            let line = String::from_utf8(frame[4..frame.len() - 4].to_vec()).unwrap();
            line.replace("\"value_hash\":null", &format!("\"value_hash\":\"{}\"", hash(*n)))
        })
        .collect();
    let mut left = &written[..];
    for line in expected {
        let (len, rest) = left.split_first_chunk::<4>().unwrap();
        let (body, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        assert_eq!(String::from_utf8_lossy(body), line);
        left = &rest[4..];
    }
    assert!(left.is_empty());
    let again = data.json(&format!("import --from igniter {}", back.display())).ends(0).report();
    assert_eq!(numbers(&again, COUNTS), [3, 0, 3, 0]);
    let refused = data.json(&format!("export --as json-crc32 {}", back.display())).ends(1);
    assert!(refused.error()["message"].as_str().unwrap().contains("something is there"));
    data.import(super::claims(2)).ends(0);
    let some = data.json(&format!("export --as json-crc32 {}", data.file("some").display())).ends(3);
    assert_eq!(objects(&some.err)[0]["other"], 2);
}

#[test]
fn what_cannot_be_taken_is_told_with_file_byte_and_reason_and_ends_with_3() {
    let data = Data::new();
    let root = igniter(&data);
    let segment = root.join("wal/store=gps/date=2026-11-20/segment-000001.wal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[30] ^= 1;
    bytes.extend_from_slice(&[0, 0, 1]);
    fs::write(&segment, &bytes).unwrap();
    let line = format!("import --from igniter {}", root.display());
    let run = data.json(&line).ends(3);
    assert_eq!(numbers(&run.report(), COUNTS), [2, 2, 0, 2]);
    let said = objects(&run.err);
    let lost: Vec<_> = said.iter().filter_map(|said| said.get("lost")).collect();
    let len = fact_frame(1).len() as u64;
    assert_eq!((lost[0]["offset"].as_u64(), lost[0]["bytes"].as_u64()), (Some(0), Some(len)));
    assert_eq!((lost[1]["offset"].as_u64(), lost[1]["bytes"].as_u64()), (Some(2 * len), Some(3)));
    assert!(lost[0]["file"].as_str().unwrap().ends_with("segment-000001.wal"));
    assert_eq!(run.error()["name"], "rejected");
    let people = data.run(&line).ends(3);
    assert!(people.err.contains("byte 0, ") && people.err.contains("could not be taken"), "{people:?}");
    assert!(people.out.contains("3 items read") || people.out.contains("2 items read"), "{people:?}");
}

#[test]
fn frames_go_into_a_queue_and_entries_into_a_ledger_once() {
    for (from, root) in [("opq", opq as fn(&Data) -> PathBuf), ("fact", fact)] {
        let data = Data::new();
        let (root, target) = (root(&data), data.file("target"));
        let before = contents(&root);
        let dry = into(&format!("import --from {from} {} --dry-run --json", root.display())).ends(0).report();
        assert_eq!(numbers(&dry, COUNTS), [3, 3, 0, 0]);
        let line = format!("import --from {from} {} --into {} --json", root.display(), target.display());
        assert_eq!(numbers(&into(&line).ends(0).report(), COUNTS), [3, 3, 0, 0]);
        assert_eq!(numbers(&into(&line).ends(0).report(), COUNTS), [3, 0, 3, 0]);
        assert_eq!(contents(&root), before);
        if from == "opq" {
            let queue = Queue::open(&target, QueueOptions::default()).unwrap();
            let drained: Vec<_> = queue.drain(Order::Sequence).map(Result::unwrap).collect();
            assert_eq!(drained.len(), 3);
            assert!(drained.iter().all(|found| found.created_micros == 1_763_600_000_000_000));
        } else {
            let ledger = Ledger::open(&target, LedgerOptions::default()).unwrap();
            assert_eq!(ledger.latest_checkpoint().unwrap().unwrap().body, b"balance 10");
            let mut behind = ledger.replay(ReplayFrom::Checkpoint).unwrap();
            assert_eq!(behind.next().unwrap().unwrap().iter().next().unwrap().payload, b"withdraw 3");
        }
    }
}

#[test]
fn sessions_go_into_a_journal_and_come_out_as_files() {
    let data = Data::new();
    let (root, target, back) = (fsstore(&data), data.file("sessions"), data.file("back"));
    let before = contents(&root);
    let line = format!("import --from fsstore {} --into {} --json", root.display(), target.display());
    assert_eq!(numbers(&into(&line).ends(0).report(), COUNTS), [3, 3, 0, 0]);
    assert_eq!(numbers(&into(&line).ends(0).report(), COUNTS), [3, 0, 3, 0]);
    let export = format!("sessions export {} --data {} --json", back.display(), target.display());
    for (appended, duplicates) in [(3, 0), (0, 3)] {
        let report = into(&export).ends(0).report();
        assert_eq!(
            (&report["appended"], &report["duplicates"]),
            (&Json::from(appended), &Json::from(duplicates))
        );
    }
    let dry = into(&format!("import --from fsstore {} --dry-run --json", back.display())).ends(0).report();
    assert_eq!(numbers(&dry, COUNTS), [3, 3, 0, 0]);
    assert_eq!(contents(&root), before);
    // Another log under the same id is left out, and told.
    let log = fs::read_dir(&root).unwrap().next().unwrap().unwrap().path();
    let log = fs::read_dir(log).unwrap().next().unwrap().unwrap().path();
    fs::write(&log, fs::read_to_string(&log).unwrap().replace("\"ts\":4", "\"ts\":7")).unwrap();
    let run = into(&line).ends(3);
    assert_eq!((&run.report()["refused"], &run.report()["appended"]), (&Json::from(3), &Json::from(0)));
}

#[test]
fn where_it_goes_is_said_once_and_never_guessed() {
    let data = Data::new();
    let (facts, frames) = (igniter(&data), opq(&data));
    let refused = |line: String, word: &str| {
        let run = into(&format!("{line} --json"));
        let error = run.ends(2).error();
        assert!(error["message"].as_str().unwrap().contains(word), "{line}: {error}");
    };
    refused(format!("import --from igniter {}", facts.display()), "no data directory");
    refused(format!("import --from igniter {} --into x", facts.display()), "not --into");
    refused(format!("import --from opq {}", frames.display()), "needs to be told where to");
    refused(format!("import --from opq {} --into x --data y", frames.display()), "both name a directory");
    refused(format!("import {} --into x", facts.display()), "--from");
    refused(format!("import --from opq {} --into x --rejects y", frames.display()), "--rejects");
    let other = data.json(&format!("import --from fact {} --dry-run", frames.display()));
    let other = if other.code == 2 {
        into(&format!("import --from fact {} --dry-run --json", frames.display()))
    } else {
        other
    };
    assert!(other.ends(1).error()["message"].as_str().unwrap().contains("no file named"));
}
