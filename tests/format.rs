//! `docs/format.md` and `docs/payload.md` are exact: `tests/reader.py`, written from them alone, reads what we write.
//!
//!   library -> data directory -> reader.py            -> the same lines,
//!                             -> the library's reader -> and the same damage
//!
//! Needs `python3`. Where there is none, `ANNALS_WITHOUT_PYTHON=1` leaves these tests out.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use annals::{
    Annals, JournalOptions, LogError, Offset, Options, Record, RecordId, SegmentStatus, log_reader,
};
use annals_journal::{Consent, Disk, Keep, NoRefill, RealDisk, SystemClock, salvage};
use annals_record::Log;
use serde_json::{Value as Json, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Segments begin their frames behind a header of this length.
const HEADER: u64 = 4096;
const SMALL: u64 = 16 << 10;

/// The output of reader.py. None if there is no Python and that was allowed.
fn reader(data: &Path, arguments: &[&str]) -> Option<Output> {
    let script = Path::new(ROOT).join("tests/reader.py");
    match Command::new("python3").arg(script).arg(data).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            assert!(
                std::env::var("ANNALS_WITHOUT_PYTHON").is_ok_and(|value| value == "1"),
                "there is no python3 here: install Python 3.8 or later, or set ANNALS_WITHOUT_PYTHON=1 to go without"
            );
            None
        }
        Err(error) => panic!("python3 does not start: {error}"),
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn open(data: &Path, segment_bytes: u64) -> Annals {
    let journal = JournalOptions { segment_bytes, ..JournalOptions::default() };
    Annals::open_with(data, Options { journal, ..Options::default() }).unwrap()
}

/// Records of every kind, with every field and every value; also those of which only the log's own form is certain.
fn records() -> Vec<Record> {
    let goldens = fs::read_to_string(Path::new(ROOT).join("crates/record/src/payload/golden.jsonl")).unwrap();
    let goldens = goldens.lines().map(|line| {
        // Cut out, not parsed: digits must stay as they stand.
        let (_, line) = line.split_once("\"json\":").unwrap();
        line.rsplit_once(",\"payload\":").unwrap().0
    });
    let corners = [
        r#"{"subject":"s","predicate":"p","object":{"float":1e300},"sources":["b","a"],"polarity":"deny"}"#,
        r#"{"subject":"s","predicate":"p","object":{"float":-0.0},"confidence":0.1,"authored_at":"-0044-03-15T01:02:03Z"}"#,
        r#"{"subject":"s","predicate":"p","object":{"time":"-9999"},"authored_at":"1969-12-31T23:59:59.000001Z"}"#,
        r#"{"subject":"s","predicate":"p","object":{"time":"1900-03-01"},"authored_at":"2024-05-03T10:00:00.5Z"}"#,
        r#"{"subject":"s","predicate":"p","object":{"time":"9999-12-31T23:59:59.999Z"},"confidence":0.000001}"#,
        r#"{"subject":"s","predicate":"p","object":-0.0000000000001,"valid":{}}"#,
    ];
    goldens.chain(corners).map(|line| Record::from_json(line).unwrap().record).collect()
}

/// A data directory with several sealed segments, records alone and in batches, and records of the application. The
/// offsets of its first batch, behind the first record.
fn write(data: &Path) -> Vec<u64> {
    let annals = open(data, SMALL);
    let (records, mut batches) = (records(), Vec::new());
    for (i, record) in records.iter().enumerate() {
        annals.append(record).unwrap();
        if i % 10 == 0 {
            batches.push(annals.append_batch(&records[i..records.len().min(i + 4)]).unwrap());
            annals.journal().append([200, 1, 2, i as u8]).unwrap();
            annals.journal().append([3, 0, 0, 0, 0, 0, 0, 0, i as u8]).unwrap();
        }
    }
    annals.close().unwrap();
    batches[0].iter().map(|appended| appended.offset.get()).collect()
}

/// Bytes of no meaning behind the end, as a crash may leave them: the next open cuts there and begins a term.
fn tear(data: &Path) {
    let last = segments(data).pop().unwrap();
    OpenOptions::new().append(true).open(last.path).unwrap().write_all(&[0xA5; 1000]).unwrap();
    let annals = open(data, SMALL);
    assert!(annals.journal().report().torn.is_some(), "nothing was cut");
    annals.append(&records()[0]).unwrap();
    annals.close().unwrap();
}

/// A segment long enough for a table of several entries in its seal, with payloads of several BLAKE3 chunks.
fn lengthen(data: &Path) {
    let annals = open(data, 4 * 65_536);
    let before = annals.journal().status().segments.len();
    for i in 0.. {
        let line = json!({"subject": "long", "predicate": "p", "object": "é".repeat(5_000 + i)}).to_string();
        annals.append(&Record::from_json(&line).unwrap().record).unwrap();
        if annals.journal().status().segments.len() > before + 1 {
            break;
        }
    }
    annals.close().unwrap();
}

fn segments(data: &Path) -> Vec<SegmentStatus> {
    log_reader(data).unwrap().status().unwrap().segments
}

/// The line of a record that is no assertion, vote or epoch.
fn other(id: RecordId, offset: Offset, payload: &[u8]) -> String {
    let number = payload[0];
    let (kind, reason) =
        if number < 128 { ("undecodable", r#","reason":"a reserved type""#) } else { ("application", "") };
    let digits: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"{{"id":"{id}","offset":{offset},"type":"{kind}","number":{number}{reason},"payload":"{digits}"}}"#
    )
}

/// What the library reads, around damage, in the form of reader.py; and where its full check finds damage.
fn library(data: &Path) -> (String, Vec<u64>) {
    let log = log_reader(data).unwrap();
    let (mut lines, mut tail) = (String::new(), log.tail(log.bounds().unwrap().oldest));
    loop {
        let batch = match tail.next_batch(Duration::ZERO) {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) => {
                tail = log.tail(Offset::new(offset.get() + len));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        for entry in batch.iter() {
            lines += &Record::decode(entry.payload).map_or_else(
                |_| other(entry.id, entry.offset, entry.payload),
                |record| record.to_json_at(Some(entry.id), Some(entry.offset)),
            );
            lines.push('\n');
        }
    }
    let damaged = log.verify(&mut |_, _| {}).unwrap().damaged;
    (lines, damaged.iter().map(|damage| damage.offset.get()).collect())
}

#[test]
fn a_reader_written_from_the_documents_reads_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    write(&data);
    tear(&data);
    lengthen(&data);

    let Some(output) = reader(&data, &[]) else { return };
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    let (lines, damaged) = library(&data);
    assert_eq!(damaged, Vec::<u64>::new());
    for (read, written) in text(&output.stdout).lines().zip(lines.lines()) {
        assert_eq!(read, written);
    }
    assert_eq!(text(&output.stdout).lines().count(), lines.lines().count());

    let summary: Json = serde_json::from_slice(&reader(&data, &["--check"]).unwrap().stdout).unwrap();
    let segments = segments(&data);
    let sealed = segments.iter().filter(|segment| segment.sealed).count();
    assert!(
        sealed >= 4 && segments.iter().any(|segment| segment.end.get() - segment.base.get() > 3 * 65_536)
    );
    assert_eq!(
        (&summary["records"], &summary["seals"], &summary["cuts"], &summary["undecodable"]),
        (
            &json!(lines.lines().count()),
            &json!(sealed),
            &json!(1),
            &json!(lines.matches("a reserved type").count())
        )
    );
}

/// Overwrites bytes of a file with bytes of no meaning.
fn scribble(path: &Path, place: u64, len: usize) {
    let mut bytes = fs::read(path).unwrap();
    for (i, byte) in bytes[place as usize..place as usize + len].iter_mut().enumerate() {
        *byte ^= 0x55 + i as u8 % 7;
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_salvaged_log_is_read_around_its_holes() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let batch = write(&data);
    write(&data);
    write(&data);
    let salvage = |holes: usize| {
        let (disk, journal): (Arc<dyn Disk>, _) = (Arc::new(RealDisk), data.join("journal"));
        let plan = salvage::plan(&disk, &journal, &NoRefill).unwrap();
        let options = JournalOptions { segment_bytes: SMALL, ..JournalOptions::default() };
        let clock = Arc::new(SystemClock);
        let done = salvage::apply(&disk, clock, &journal, options, &NoRefill, &plan).unwrap();
        assert_eq!(done.lost.len(), holes, "{plan:?}");
        open(&data, SMALL).append(&records()[0]).unwrap();

        let (lines, damaged) = library(&data);
        assert_eq!(damaged, Vec::<u64>::new());
        let Some(output) = reader(&data, &[]) else { return };
        assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
        assert!(text(&output.stdout) == lines, "not the same records");
        let summary: Json = serde_json::from_slice(&reader(&data, &["--check"]).unwrap().stdout).unwrap();
        let listed = log_reader(&data).unwrap().status().unwrap().holes.len();
        assert_eq!(summary["holes"], json!(listed));
        assert!(summary["salvages"].as_u64() > Some(0));
    };
    // A group in a finished segment, one in the newest, where its seal comes behind it, and something made whole.
    let first = &segments(&data)[0];
    scribble(&first.path, HEADER + batch[0], 60);
    scribble(&first.path, HEADER + 8, 10);
    let last = segments(&data).pop().unwrap();
    scribble(&last.path, HEADER, 90);
    salvage(2);
    // A segment in the middle, the newest one, and a header with the seal before it.
    let all = segments(&data);
    fs::remove_file(&all[1].path).unwrap();
    fs::remove_file(&all.last().unwrap().path).unwrap();
    salvage(2);
    let mut all = segments(&data);
    all.retain(|segment| segment.file_bytes > 0);
    scribble(&all[1].path, all[1].file_bytes - 100, 100);
    scribble(&all[2].path, 0, 100);
    salvage(2);
}

#[test]
fn a_purged_log_is_read_from_where_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    write(&data);
    tear(&data);
    let (all, _) = library(&data);
    let annals = open(&data, SMALL);
    annals.journal().remove_cursor(annals::STORE_CURSOR).unwrap();
    let plan = annals.journal().plan(&Keep::Segments(3)).unwrap();
    annals.journal().apply(&plan, Consent::default()).unwrap();
    annals.close().unwrap();
    let (lines, damaged) = library(&data);
    assert!(all.ends_with(&lines) && lines.len() < all.len() && damaged.is_empty());
    let Some(output) = reader(&data, &[]) else { return };
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    assert_eq!(text(&output.stdout), lines);

    // What was kept is missed, what was purged is not, and a record of purges that does not verify is none.
    let first = segments(&data).remove(0);
    let kept = fs::read(&first.path).unwrap();
    fs::remove_file(&first.path).unwrap();
    let missing = |offset: u64| {
        let output = reader(&data, &[]).unwrap();
        let (lines, damaged) = library(&data);
        assert_eq!((output.status.code(), &damaged[..]), (Some(4), &[offset][..]));
        assert!(text(&output.stderr).contains(&format!("offset {offset}: damaged")));
        assert_eq!(text(&output.stdout), lines);
    };
    missing(first.base.get());
    fs::write(&first.path, kept).unwrap();
    let record = data.join("journal/.purged.json");
    let mut bytes = fs::read(&record).unwrap();
    bytes[30] ^= 1;
    fs::write(&record, bytes).unwrap();
    missing(0);
}

/// Flips a bit of the byte at `place` of a file, in a copy of `data`; both readers name `offset` and read the rest alike.
fn check(data: &Path, file: &Path, place: u64, offset: u64) {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &Path| {
        let to = dir.path().join(from.strip_prefix(data).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        to
    };
    copy(&data.join("annals.json"));
    copy(&data.join("journal/watermark"));
    let copies: Vec<PathBuf> = segments(data).iter().map(|segment| copy(&segment.path)).collect();
    let damaged = copies.iter().find(|path| path.file_name() == file.file_name()).unwrap();
    let mut bytes = fs::read(damaged).unwrap();
    bytes[place as usize] ^= 0x10;
    fs::write(damaged, bytes).unwrap();

    let Some(output) = reader(dir.path(), &[]) else { return };
    assert_eq!(output.status.code(), Some(4), "byte {place} of {}", file.display());
    let named: Vec<&str> =
        text(&output.stderr).lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(named, [format!("offset {offset}")]);
    let (lines, found) = library(dir.path());
    assert_eq!(found, [offset]);
    assert!(text(&output.stdout) == lines, "byte {place} of {}: not the same records", file.display());
}

#[test]
fn a_flipped_byte_is_damage_and_its_offset_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let batch = write(&data);
    let segments = segments(&data);
    let (first, sealed, last) = (&segments[0], &segments[1], segments.last().unwrap());
    assert!(sealed.sealed && !last.sealed);
    let seal = sealed.file_bytes - 160; // its frame, with a table of one entry

    check(&data, &sealed.path, HEADER + 56, sealed.base.get()); // in a record
    check(&data, &last.path, HEADER + 10, last.base.get()); // in a record's hash
    check(&data, &last.path, HEADER + 3, last.base.get()); // in a record's length
    check(&data, &first.path, HEADER + batch[2] + 44, batch[0]); // in a record of a batch: none of it is served
    check(&data, &first.path, HEADER + batch[0] - 14, 0); // in the time of the commit frame before
    check(&data, &sealed.path, 40, sealed.base.get()); // in a header
    check(&data, &sealed.path, seal + 60, sealed.base.get() + seal - HEADER); // in a seal
}
