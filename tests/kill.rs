//! `kill -9` at random moments of imports and appends, while another process tails, on one directory that lives through
//! it all.
//!
//!   import chunk i -> killed -> append -> killed -> import chunk i+1 -> ...
//!   -> every receipt is there, in order, nothing is invented, and the store equals a rebuilt one
//!
//! `ANNALS_KILLS` says how often (default 200); `ANNALS_KILL_SEED` makes the moments the same again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

const ANNALS: &str = env!("CARGO_BIN_EXE_annals");
/// More than an import gets through before it is killed.
const LINES: usize = 4000;

fn annals(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(ANNALS);
    command.arg("--data").arg(data).args(arguments).stdin(Stdio::null());
    command
}

/// The output of a command that succeeds, as JSON lines.
fn json(data: &Path, arguments: &[&str]) -> Vec<Json> {
    let output = annals(data, arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Lines that no other chunk has: claims, and votes on the claims before them.
fn write_chunk(path: &Path, chunk: usize) {
    let lines: String = (0..LINES)
        .map(|i| {
            format!(
                "{{\"subject\":\"s{}\",\"predicate\":\"p\",\"object\":{},\"agent\":\"chunk {chunk}\"}}\n",
                i % 97,
                i
            )
        })
        .collect();
    fs::write(path, lines).unwrap();
}

/// Kills a process and waits for its end; true if it was still running.
fn kill(child: &mut Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

#[allow(clippy::disallowed_methods, reason = "the moment of the kill is what is random here")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// A small generator, so that a seed gives the same moments again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What was acknowledged: the id at each offset.
#[derive(Default)]
struct Receipts(BTreeMap<u64, String>);

impl Receipts {
    fn add(&mut self, id: &str, offset: &str) {
        let before = self.0.insert(offset.parse().unwrap(), id.to_owned());
        assert_eq!(before, None, "offset {offset} was acknowledged twice");
    }
}

/// Imports a chunk and kills the import after a while; true if it was still running, and whether it had receipts.
fn kill_import(
    dir: &Path,
    data: &Path,
    chunk: usize,
    after_ms: u64,
    receipts: &mut Receipts,
) -> (bool, bool) {
    let (input, acks) = (dir.join("chunk.jsonl"), dir.join("acks"));
    write_chunk(&input, chunk);
    let _ = fs::remove_file(&acks);
    let mut import = annals(data, &["import", "--batch", "20", "--acks"])
        .arg(&acks)
        .arg(&input)
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("import.err")).unwrap())
        .spawn()
        .unwrap();
    wait(Duration::from_millis(after_ms));
    let running = kill(&mut import);
    let lines = fs::read_to_string(&acks).unwrap_or_default();
    // A line without its end was being written: the record may be there or not.
    for line in lines.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let [_, id, offset] = line.trim_end().split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        receipts.add(id, offset);
    }
    (running, !lines.is_empty())
}

/// Appends one record and kills the process after a while; what it had printed by then is a receipt.
fn kill_append(dir: &Path, data: &Path, number: usize, after_ms: u64, receipts: &mut Receipts) {
    let printed = dir.join("append.out");
    let mut append = annals(data, &["append", "--subject", "alone", "--predicate", "p", "--int"])
        .arg(number.to_string())
        .stdout(File::create(&printed).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(Duration::from_millis(after_ms));
    kill(&mut append);
    if let Some((id, offset)) =
        fs::read_to_string(&printed).unwrap().strip_suffix('\n').and_then(|l| l.split_once(' '))
    {
        receipts.add(id, offset);
    }
}

/// Imports and appends, one after the other, each killed; returns the receipts and how many imports the kill hit.
fn kill_all(dir: &Path, data: &Path, kills: usize, random: &mut Random) -> (BTreeMap<u64, String>, usize) {
    let mut receipts = Receipts::default();
    let mut hit = 0;
    // As long as an import takes to its first receipts; adapted, so that most kills fall between first and last.
    let mut horizon_ms = 400;
    for number in 0..kills {
        let after_ms = random.below(horizon_ms);
        let (running, acknowledged) = kill_import(dir, data, number, after_ms, &mut receipts);
        hit += usize::from(running);
        horizon_ms = match (running, acknowledged) {
            (false, _) => (horizon_ms * 3 / 4).max(20),
            (true, true) => (horizon_ms - horizon_ms / 20).max(20),
            (true, false) => (horizon_ms + 40).min(3000),
        };
        kill_append(dir, data, number, random.below(100), &mut receipts);
    }
    (receipts.0, hit)
}

#[test]
fn what_an_import_has_acknowledged_survives_every_kill() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let kills = std::env::var("ANNALS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200);
    let seed = std::env::var("ANNALS_KILL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()) * 0x9e37_79b9 + 1);
    eprintln!("ANNALS_KILLS={kills} ANNALS_KILL_SEED={seed}");
    assert!(
        annals(&data, &["append", "--subject", "first", "--predicate", "p", "--object", "x"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let tailed = dir.path().join("tailed.jsonl");
    let mut tail = annals(&data, &["tail", "--from", "0", "-f", "--json"])
        .stdout(File::create(&tailed).unwrap())
        .spawn()
        .unwrap();

    let (receipts, hit) = kill_all(dir.path(), &data, kills, &mut Random(seed));
    assert!(hit * 2 > kills, "most kills find the import running: {hit} of {kills}");
    assert!(receipts.len() > kills, "there is something to lose: {} receipts", receipts.len());

    // The next to open decides about the last group: it may be durable without having been acknowledged.
    assert_eq!(json(&data, &["verify"])[0]["ok"], true);
    // Everything acknowledged is there, at its place.
    let journal: Vec<Json> = json(&data, &["tail", "--from", "0"]);
    let by_offset: HashMap<u64, &str> =
        journal.iter().map(|r| (r["offset"].as_u64().unwrap(), r["id"].as_str().unwrap())).collect();
    for (offset, id) in &receipts {
        assert_eq!(by_offset.get(offset), Some(&id.as_str()), "the receipt at {offset}");
    }
    // Nothing is invented: every record is one of the lines, whole, and chunks come in their order, lines in theirs.
    let mut last = (0, None);
    let (alone, imported): (Vec<&Json>, Vec<&Json>) =
        journal.iter().skip(1).partition(|record| record["subject"] == "alone");
    let numbers: Vec<u64> = alone.iter().map(|record| record["object"].as_u64().unwrap()).collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b) && numbers.iter().all(|number| *number < kills as u64),
        "{numbers:?}"
    );
    for record in imported {
        let chunk: usize = record["agent"].as_str().unwrap().strip_prefix("chunk ").unwrap().parse().unwrap();
        let line = record["object"].as_u64().unwrap() as usize;
        assert_eq!(record["subject"], format!("s{}", line % 97));
        let expected = if last.0 == chunk { last.1.map_or(0, |line| line + 1) } else { 0 };
        assert!(chunk >= last.0 && chunk < kills, "chunk {chunk} after {}", last.0);
        assert_eq!(line, expected, "chunk {chunk} continues where it was");
        last = (chunk, Some(line));
    }
    // The process that tailed through all of it saw the same, in the same order.
    wait(Duration::from_millis(200));
    assert!(kill(&mut tail), "the tail lives through the deaths of its writers");
    let tailed = fs::read_to_string(&tailed).unwrap();
    let seen: Vec<Json> = tailed
        .split_inclusive('\n')
        .filter(|l| l.ends_with('\n'))
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(seen.len() > receipts.len() / 2, "the tail saw {} of {} records", seen.len(), journal.len());
    assert_eq!(seen, journal[..seen.len()]);

    assert_eq!(json(&data, &["verify"])[0]["ok"], true);
    let rebuilt = json(&data, &["rebuild"]);
    assert_eq!(
        (&rebuilt[0]["same"], &rebuilt[0]["records"]),
        (&Json::Bool(true), &Json::from(journal.len()))
    );
}
