//! A data directory as an earlier build left it: it opens, verifies, rebuilds and exports as it did then.
//!
//! `tests/fixtures/format-2.tar.zst` is the directory (journal and store), `format-2.jsonl` what it exports,
//! `format-2.digest` its digest. They are never made again for this format. For the next one:
//!
//!   ANNALS_MAKE_FIXTURE=format-3 cargo test -p annals-cli --test all fixture

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use annals::{Annals, JournalOptions, Options, Record};
use serde_json::Value as Json;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/record/src/payload/golden.jsonl");

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_annals")).arg("--data").arg(data).args(arguments).output().unwrap()
}

/// The report of a command that succeeds on `data`.
fn json(data: &Path, command: &str) -> Json {
    let output = run(data, &[command, "--json"]);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `export` writes; it says that the two records without a JSON form are left out.
fn export(data: &Path) -> String {
    let output = run(data, &["export"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 records left out"), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every kind of record, in small segments, one of them cut; duplicates, a dead letter, an application's record.
fn make(data: &Path) {
    let options = Options {
        journal: JournalOptions { segment_bytes: 8 << 10, ..JournalOptions::default() },
        ..Options::default()
    };
    let golden: Vec<Record> = fs::read_to_string(GOLDEN)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["json"].to_string())
        .map(|json| Record::from_json(&json).unwrap().record)
        .collect();
    let annals = Annals::open_with(data, options).unwrap();
    for pair in golden.chunks(2) {
        annals.append_batch(pair).unwrap();
    }
    annals.append(&golden[3]).unwrap();
    annals.journal().append([9; 24]).unwrap();
    let end = annals.journal().durable();
    annals.close().unwrap();
    let mut segments: Vec<PathBuf> =
        fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
    segments.sort();
    let last = segments.last().unwrap();
    let mut bytes = fs::read(last).unwrap();
    bytes.extend_from_slice(b"the beginning of a group that was never finished");
    fs::write(last, bytes).unwrap();
    let annals = Annals::open_with(data, options).unwrap();
    assert_eq!(annals.journal().report().torn.as_ref().map(|torn| torn.offset), Some(end));
    let mut application = vec![0; 32];
    application[0] = 200;
    annals.journal().append(application).unwrap();
    for record in &golden[..5] {
        annals.append(record).unwrap();
    }
    annals.catch_up().unwrap();
    annals.close().unwrap();
}

fn save(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    make(&data);
    fs::write(fixture(&format!("{name}.jsonl")), export(&data)).unwrap();
    let digest = json(&data, "rebuild")["digest"].as_str().unwrap().to_owned();
    fs::write(fixture(&format!("{name}.digest")), digest + "\n").unwrap();
    let file = File::create_new(fixture(&format!("{name}.tar.zst"))).unwrap();
    let mut archive = tar::Builder::new(zstd::Encoder::new(file, 19).unwrap());
    archive.append_dir_all("data", &data).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
}

#[test]
fn a_data_directory_of_the_released_format_opens_verifies_rebuilds_and_exports() {
    if let Ok(name) = std::env::var("ANNALS_MAKE_FIXTURE") {
        save(&name);
    }
    let dir = tempfile::tempdir().unwrap();
    let archive = File::open(fixture("format-2.tar.zst")).unwrap();
    tar::Archive::new(zstd::Decoder::new(archive).unwrap()).unpack(dir.path()).unwrap();
    let data = dir.path().join("data");
    let exported = fs::read_to_string(fixture("format-2.jsonl")).unwrap();
    let digest = fs::read_to_string(fixture("format-2.digest")).unwrap();

    assert_eq!(export(&data), exported, "beside an owner, from the log alone");
    let status = json(&data, "status");
    assert!(status["journal"]["segments"].as_u64().unwrap() > 3);
    assert_eq!(
        (&status["journal"]["term"], &status["store"]["dead_letters"]),
        (&Json::from(2), &Json::from(1))
    );
    // Its store was built by the rules of then. A store is derived: it is made again by those of now.
    let rebuilt = json(&data, "rebuild");
    assert_eq!((&rebuilt["same"], rebuilt["digest"].as_str()), (&Json::Null, Some(digest.trim())));
    assert_eq!(json(&data, "verify")["ok"], true);
    let rebuilt = json(&data, "rebuild");
    assert_eq!((&rebuilt["same"], rebuilt["digest"].as_str()), (&Json::Bool(true), Some(digest.trim())));

    // Without the store the journal gives it all again.
    fs::remove_dir_all(data.join("store")).unwrap();
    assert_eq!(json(&data, "rebuild")["digest"].as_str(), Some(digest.trim()));
    assert_eq!(export(&data), exported);
}
