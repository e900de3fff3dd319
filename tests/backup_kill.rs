//! `kill -9` at random moments of backups and restores, beside a process that appends, rolls and purges.
//!
//!   this process: append, append, roll, ...
//!   children: backup -> killed -> what is there is the one before or the new one, whole
//!             restore -> killed -> what is there is no data, or all of it
//!
//! `ANNALS_KILLS` says how often (default 30); `ANNALS_KILL_SEED` makes the moments the same again.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annals::journal::backup::{self, Manifest};
use annals::journal::{Consent, Error as JournalError, Keep};
use annals::{Annals, Assertion, JournalOptions, Offset, Options, Record, STORE_CURSOR, Value};

const ANNALS: &str = env!("CARGO_BIN_EXE_annals");
/// How much is appended before the first backup.
const SEEDED: u64 = 400;
/// Segments that are not purged even if they are backed up.
const KEPT: u64 = 4;

fn options() -> Options {
    let journal =
        JournalOptions { segment_bytes: 32 << 10, max_batch_bytes: 16 << 10, ..JournalOptions::default() };
    Options { journal, ..Options::default() }
}

fn append(annals: &Annals, number: u64) {
    let claim = Assertion::new(format!("subject {}", number % 7), "says", Value::Int(number as i64));
    annals.append(&Record::Assertion(claim)).unwrap();
}

/// Removes what the backup holds already, but for a few segments.
fn purge(annals: &Annals, backed_up: u64) {
    let journal = annals.journal();
    let plan = journal.plan(&Keep::Segments(KEPT)).unwrap();
    if plan.oldest_after.get() < backed_up && !plan.purge.is_empty() {
        journal.apply(&plan, Consent::default()).unwrap();
    }
}

/// Runs the binary; killed after a while, if `after` says so. None if it was.
fn run(words: &[&str], after: Option<Duration>) -> Option<Output> {
    let mut child = Command::new(ANNALS)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = after.map(|after| Instant::now() + after);
    while let Some(until) = until {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        if Instant::now() >= until {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    Some(child.wait_with_output().unwrap())
}

fn succeeds(words: &[&str]) -> String {
    let output = run(words, None).unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The backup that is there, of which every byte is as it should be.
fn sound(dir: &Path) -> Option<Manifest> {
    match backup::check(dir, &mut |_, _| {}) {
        Ok(checked) => {
            assert_eq!(checked.damaged, []);
            Some(checked.manifest)
        }
        Err(JournalError::NoBackup { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// A moment within a stretch that adapts, so that about half of the children are killed.
struct Moments {
    random: fastrand::Rng,
    horizon: f64,
}

impl Moments {
    fn next(&mut self) -> Duration {
        Duration::from_secs_f64(self.random.f64() * self.horizon)
    }

    fn learn(&mut self, killed: bool) {
        self.horizon *= if killed { 1.15 } else { 0.85 };
    }
}

/// Appends, and now and then purges, until told to stop.
fn write(annals: &Annals, stop: &AtomicBool, backed_up: &AtomicU64) -> u64 {
    let mut number = SEEDED;
    while !stop.load(Ordering::SeqCst) {
        append(annals, number);
        number += 1;
        if number.is_multiple_of(100) {
            purge(annals, backed_up.load(Ordering::SeqCst));
        }
        std::thread::park_timeout(Duration::from_micros(500));
    }
    number
}

#[test]
fn a_backup_and_a_restore_survive_every_kill() {
    let kills: u64 = std::env::var("ANNALS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30);
    let seed = std::env::var("ANNALS_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("ANNALS_KILLS={kills} ANNALS_KILL_SEED={seed}");
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let annals = Annals::open_with(path("data"), options()).unwrap();
    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    (0..SEEDED).for_each(|number| append(&annals, number));
    let (stop, backed_up) = (AtomicBool::new(false), AtomicU64::new(0));
    let appended = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&annals, &stop, &backed_up));
        let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (backup, data, restored) = (text("backup"), text("data"), text("restored"));
            let moments = |horizon| Moments { random: fastrand::Rng::with_seed(seed), horizon };
            let (mut backups, mut restores) = (moments(0.05), moments(0.1));
            let (mut killed_backups, mut killed_restores, mut whole) = (0, 0, 0);
            let mut last: Option<Manifest> = None;
            for _ in 0..kills {
                let acknowledged = annals.journal().durable();
                let ended = run(&["backup", &backup, "--data", &data], Some(backups.next()));
                backups.learn(ended.is_none());
                killed_backups += u64::from(ended.is_none());
                let found = sound(&path("backup"));
                if let Some(ended) = &ended {
                    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
                    assert!(found.as_ref().is_some_and(|found| found.durable >= acknowledged), "B3");
                }
                let ends = |manifest: &Option<Manifest>| manifest.as_ref().map(|manifest| manifest.durable);
                assert!(ends(&found) >= ends(&last), "B1: it went back");
                last = found;
                let Some(manifest) = &last else { continue };
                assert_eq!(manifest.oldest, Offset::ZERO, "what was purged since is there");
                backed_up.store(manifest.durable.get(), Ordering::SeqCst);
                let words = ["restore", &backup, "--to", &restored];
                let ended = run(&words, Some(restores.next()));
                restores.learn(ended.is_none());
                killed_restores += u64::from(ended.is_none());
                if path("restored/annals.json").exists() {
                    whole += 1;
                } else {
                    let output = run(&["subjects", "--data", &restored], None).unwrap();
                    assert_eq!(output.status.code(), Some(10), "B6: it passes for data");
                    succeeds(&words);
                }
                let exported = succeeds(&["export", "--data", &restored]);
                assert_eq!(exported.lines().count() as u64, manifest.records);
                for (number, line) in exported.lines().enumerate() {
                    assert!(line.contains(&format!("\"object\":{number}")), "{number}: {line}");
                }
                succeeds(&["subjects", "--data", &restored]);
                succeeds(&["verify", "--data", &restored]);
                fs::remove_dir_all(path("restored")).unwrap();
            }
            eprintln!(
                "{killed_backups} backups and {killed_restores} restores killed, {whole} of these whole"
            );
            assert!(
                killed_backups * 5 >= kills && killed_restores * 5 >= kills,
                "most ended before the kill"
            );
        }));
        stop.store(true, Ordering::SeqCst);
        let appended = writer.join().unwrap();
        if let Err(panic) = tested {
            std::panic::resume_unwind(panic);
        }
        appended
    });
    // In the end all of it comes back, to the same digest.
    annals.catch_up().unwrap();
    let digest = annals.digest().unwrap().sums.all;
    annals.close().unwrap();
    succeeds(&["backup", &text("backup"), "--data", &text("data")]);
    let restored = succeeds(&["restore", &text("backup"), "--to", &text("restored"), "--json"]);
    let restored: serde_json::Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(
        (&restored["rebuilt"]["digest"], &restored["rebuilt"]["records"]),
        (&digest.into(), &appended.into())
    );
}
