//! `kill -9` at random moments of rebuilds, while the process that rebuilds also appends and asks.
//!
//!   child: append, wait, ask, ask, rebuild, rebuild, ...          what it does now -> a file; what goes wrong -> another
//!   parent: waits for a phase, and a little longer -> kills -> checks -> starts the child again
//!
//! `ANNALS_KILLS` says how often (default 20); `ANNALS_KILL_SEED` makes the waits the same again.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use annals::{
    Annals, Assertion, KvStore, Options, RebuildOptions, RebuildPhase, Record, Stance, Value, Vote,
};

/// Tells the child where it works.
const ROOM: &str = "ANNALS_REBUILD_KILL_ROOM";
/// What is there before the first child.
const SEEDED: u64 = 1500;
/// About how long a child builds.
const BUILDING: Duration = Duration::from_millis(250);
const SOON: Duration = Duration::from_secs(60);
/// What is to be killed, by its word in the file, and how many microseconds the kill waits at most.
const PHASES: [(&str, u64); 3] = [("building", 200_000), ("catching up", 4_000), ("switching", 20_000)];
const SUBJECTS: u64 = 3;

/// The record at each place of the journal, so that any store can be checked against its count: every fifth is a vote
/// on the claim before it.
fn record(number: u64) -> Record {
    if number % 5 == 4 {
        let claim = record(number - 1).id().unwrap();
        return Record::Vote(Vote::new(claim, format!("voter {number}"), Stance::For));
    }
    let subject = format!("subject {}", number % SUBJECTS);
    Record::Assertion(Assertion::new(subject, "says", Value::Int(number as i64)))
}

fn data(room: &Path) -> PathBuf {
    room.join("data")
}

fn phases(room: &Path) -> PathBuf {
    room.join("phases")
}

fn failures(room: &Path) -> PathBuf {
    room.join("failures")
}

/// One byte for each question that was answered.
fn answered(room: &Path) -> PathBuf {
    room.join("answered")
}

fn wait(time: Duration) {
    std::thread::park_timeout(time);
}

/// What the child appends and has been told is durable: the offset behind each, from `first` on.
struct Acknowledged {
    first: u64,
    ends: Mutex<Vec<u64>>,
}

/// One question: everything in it is as of one offset, and the whole of it is what the journal says up to there.
fn ask(annals: &Annals, acknowledged: &Acknowledged, seen: &mut u64, random: &mut fastrand::Rng) {
    let store = annals.store();
    let snapshot = store.snapshot().unwrap();
    let as_of = snapshot.as_of().get();
    assert!(as_of >= *seen, "asked at {seen} and then at {as_of}: time went back");
    *seen = as_of;
    let counts = snapshot.counts().unwrap();
    let records = counts.assertions + counts.votes;
    assert_eq!(counts.votes, records / 5, "{counts:?}");
    let ends = acknowledged.ends.lock().unwrap();
    let known = ends.iter().take_while(|end| **end <= as_of).count() as u64;
    drop(ends);
    assert!(records >= acknowledged.first + known, "{records} of {} + {known}", acknowledged.first);
    let subject = random.u64(0..SUBJECTS);
    let listed = snapshot.subject(&format!("subject {subject}"), None, usize::MAX).unwrap();
    let expected = (0..records).filter(|number| number % SUBJECTS == subject && number % 5 != 4);
    let listed: Vec<Record> = listed.iter().map(|stored| stored.record().unwrap()).collect();
    assert!(
        listed.iter().cloned().eq(expected.map(record)),
        "as of {as_of}, {records}: {} listed",
        listed.len()
    );
    let number = random.u64(0..records / 5) * 5 + 3;
    let tally = snapshot.tally(&record(number).id().unwrap()).unwrap().unwrap();
    assert_eq!(tally.for_voters, u64::from(number + 1 < records), "record {number} of {records}");
    // Asked of whatever store answers by now, it is still there.
    assert!(annals.get(&record(number).id().unwrap()).unwrap().is_some(), "record {number}");
}

/// Rebuilds for ever, saying what it does.
fn rebuild_on(annals: &Annals, room: &Path) {
    let mut said = OpenOptions::new().append(true).create(true).open(phases(room)).unwrap();
    let mut say = |word: &str| said.write_all(format!("{word}\n").as_bytes()).unwrap();
    for round in 0.. {
        let bytes = annals.journal().durable().get();
        let options = RebuildOptions {
            keep_old: round % 2 == 1,
            throttle_bytes_per_second: Some((bytes as f64 / BUILDING.as_secs_f64()) as u64),
            ..RebuildOptions::default()
        };
        let mut phase = None;
        let rebuilt = annals
            .rebuild(&options, &mut |progress| {
                if phase.replace(progress.phase) == Some(progress.phase) {
                    return;
                }
                match progress.phase {
                    RebuildPhase::Checking => say("checking"),
                    RebuildPhase::Building if progress.done > 0 => say("resumed\nbuilding"),
                    RebuildPhase::Building => say("building"),
                    RebuildPhase::Writing => say("writing"),
                    RebuildPhase::CatchingUp => say("catching up"),
                    RebuildPhase::Switching => say("switching"),
                }
            })
            .unwrap();
        say("done");
        assert_eq!((rebuilt.same, rebuilt.switched), (Some(true), true), "{:?}", rebuilt.difference);
    }
}

/// What the test below runs and kills. By itself it has nowhere to work, and does nothing.
#[test]
#[ignore = "the process that is killed"]
fn the_process_that_is_killed() {
    let Some(room) = std::env::var_os(ROOM).map(PathBuf::from) else { return };
    let path = failures(&room);
    std::panic::set_hook(Box::new(move |panic| {
        let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        file.write_all(format!("{panic}\n").as_bytes()).unwrap();
    }));
    let mut options = Options::default();
    options.ingest.checkpoint_every = Duration::from_millis(20);
    let annals = Annals::open_with(data(&room), options).unwrap();
    annals.catch_up().unwrap();
    let first = annals.status().unwrap().journal.records;
    let acknowledged = Acknowledged { first, ends: Mutex::default() };
    let (annals, acknowledged, room) = (&annals, &acknowledged, room.as_path());
    // A thread that panics takes the process with it, once the failure is written down.
    let or_abort = |work: &dyn Fn()| {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
            std::process::abort();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            or_abort(&|| {
                for number in first.. {
                    let receipt = annals.append(&record(number)).unwrap();
                    acknowledged.ends.lock().unwrap().push(receipt.next.get());
                    annals.wait_for(receipt.next, SOON).unwrap();
                    // The journal stays small.
                    wait(Duration::from_millis(2));
                }
            });
        });
        for _ in 0..2 {
            scope.spawn(move || {
                or_abort(&|| {
                    let (mut seen, mut random) = (0, fastrand::Rng::new());
                    let path = answered(room);
                    let mut answered = OpenOptions::new().append(true).create(true).open(path).unwrap();
                    loop {
                        ask(annals, acknowledged, &mut seen, &mut random);
                        answered.write_all(b".").unwrap();
                        wait(Duration::from_millis(3));
                    }
                });
            });
        }
        or_abort(&|| rebuild_on(annals, room));
    });
}

fn child(room: &Path) -> Child {
    let name = format!("{}::the_process_that_is_killed", module_path!().split_once("::").unwrap().1);
    Command::new(std::env::current_exe().unwrap())
        .args([name.as_str(), "--exact", "--ignored", "--nocapture", "--test-threads", "1"])
        .env(ROOM, room)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(room.join("child.err")).unwrap())
        .spawn()
        .unwrap()
}

fn said(room: &Path) -> Vec<String> {
    let text = fs::read_to_string(phases(room)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Runs a child until it has been in this phase so many times, and a little longer; what it said until it was killed.
fn kill_within(room: &Path, phase: &str, times: usize, longer: Duration) -> Vec<String> {
    let _ = fs::remove_file(phases(room));
    let mut child = child(room);
    let until = Instant::now() + SOON;
    while said(room).iter().filter(|word| *word == phase).count() < times {
        let ended = child.try_wait().unwrap();
        let why = || fs::read_to_string(failures(room)).unwrap_or_default();
        assert!(ended.is_none() && Instant::now() < until, "{phase}, {times}: {ended:?} {}", why());
        wait(Duration::from_micros(500));
    }
    wait(longer);
    child.kill().unwrap();
    child.wait().unwrap();
    said(room)
}

fn copied(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// What holds after a kill, whenever it came.
fn check(room: &Path) {
    assert_eq!(fs::read_to_string(failures(room)).unwrap_or_default(), "", "nothing failed in the child");
    let data = data(room);
    let listed = annals::generations(&data).unwrap();
    let current: Vec<_> = listed.iter().filter(|listed| listed.current).collect();
    assert_eq!(current.len(), 1, "{listed:?}");
    let store = data.join("store").join(&current[0].name);
    assert!(
        current[0].name == "gen-000001" || store.join("finished.json").exists(),
        "the pointer names one that was finished: {listed:?}"
    );
    let verified = annals::verify_at(&data, annals::VerifyParts::default(), &mut |_, _, _| {}).unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    let annals = Annals::open_existing(&data).unwrap();
    annals.catch_up().unwrap();
    let digests = annals.store().digests().unwrap();
    annals.close().unwrap();
    // A kill before the older ones are taken away leaves them kept, until a rebuild comes that far again: see the end.
    let listed = annals::generations(&data).unwrap();
    assert!(listed.iter().filter(|listed| !listed.finished).count() <= 1, "one is being built: {listed:?}");
    // A store that was made in one go from the same journal.
    let fresh = tempfile::tempdir().unwrap();
    copied(&data.join("annals.json"), fresh.path());
    copied(&data.join("journal"), fresh.path());
    let rebuilt = annals::rebuild(fresh.path(), &RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, rebuilt.digests), (None, digests));
}

#[test]
fn a_rebuild_that_is_killed_leaves_the_old_store_or_the_new_one_and_no_question_fails() {
    let dir = tempfile::tempdir().unwrap();
    let room = dir.path();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills = number("ANNALS_KILLS").unwrap_or(20);
    let seed = number("ANNALS_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9e37_79b9 + 1);
    eprintln!("ANNALS_KILLS={kills} ANNALS_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let annals = Annals::open(data(room)).unwrap();
    annals.append_batch(&(0..SEEDED).map(record).collect::<Vec<_>>()).unwrap();
    annals.close().unwrap();

    let (mut fell, mut resumed) = ([0; PHASES.len()], 0);
    for kill in 0..kills {
        let (phase, longest) = PHASES[kill as usize % PHASES.len()];
        let longer = Duration::from_micros(random.u64(0..longest));
        let words = kill_within(room, phase, random.usize(1..3), longer);
        resumed += words.iter().filter(|word| *word == "resumed").count();
        let last = words.last().map(String::as_str);
        if let Some(at) = PHASES.iter().position(|(phase, _)| Some(*phase) == last) {
            fell[at] += 1;
        }
        check(room);
    }
    let annals = Annals::open_existing(data(room)).unwrap();
    let keep_old = RebuildOptions { keep_old: true, ..RebuildOptions::default() };
    assert!(annals.rebuild(&keep_old, &mut |_| {}).unwrap().switched);
    annals.close().unwrap();
    let left = annals::generations(&data(room)).unwrap();
    assert_eq!(left.len(), 2, "one answers, and one is kept: {left:?}");
    let answered = fs::metadata(answered(room)).unwrap().len();
    eprintln!(
        "fell into {fell:?} of {PHASES:?}; {resumed} were gone on with; {answered} questions were answered"
    );
    assert!(answered > 10 * kills, "{answered}");
    assert!(fell.iter().all(|hits| *hits > 0), "{fell:?}");
    assert!(resumed > 0, "none was gone on with");
}
