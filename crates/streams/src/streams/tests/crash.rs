//! Power cuts between any two steps, of streams that roll from bucket to bucket, are sealed, set, purged, closed and opened.
//!
//! C1: what was acknowledged, and not purged since, is there, in order. C2: nothing is there that was never written.
//! C3: the root opens, and every stream takes more.

use std::collections::BTreeSet;

use annals_journal::Keep;
use annals_testkit::{Call, SimDisk, Survival};
use fastrand::Rng;

use super::*;

const HOUR: i64 = 3600 * SECOND;

/// What was written, and after which step it was acknowledged.
#[derive(Default)]
struct Told {
    written: BTreeMap<String, Vec<String>>,
    /// Of each stream: after so many steps so many records were acknowledged.
    acknowledged: BTreeMap<String, Vec<(u64, usize)>>,
    /// Of each stream: before so many steps a purge began.
    purged: BTreeMap<String, Vec<u64>>,
}

fn options() -> Options {
    let defaults = Settings {
        bucket: Bucket::Hour,
        segment_bytes: 8 << 10,
        keep: Keep::Segments(3),
        codec: Codec::Zstd,
        ..Settings::default()
    };
    Options { defaults, open_streams: 2, at_once: 1, background: false, ..Options::default() }
}

fn open(disk: &SimDisk, clock: &ManualClock) -> Result<Streams, Error> {
    Streams::open_on(Arc::new(disk.clone()), Arc::new(clock.clone()), Path::new("/at/root"), options())
}

/// A life of three streams with two open, drawn from a seed; until the power is cut, if it is.
fn live(disk: &SimDisk, rng: &mut Rng, told: &mut Told, calls: usize) -> Result<(), Error> {
    let clock = ManualClock::at(MARCH);
    let streams = open(disk, &clock)?;
    for i in 0..calls {
        let name = ["a", "B/b", "c"][rng.usize(..3)];
        if rng.u32(..4) == 0 {
            clock.advance(rng.i64(-HOUR / 4..HOUR * 2));
        }
        match rng.u32(..20) {
            0 => drop(streams.checkpoint(Some(name)).or_else(absent)?),
            3 | 4 => drop(streams.encode_now(Some(name)).or_else(absent)?),
            1 => {
                let sync = if rng.bool() { SyncPolicy::Always } else { SyncPolicy::Every(1) };
                streams.set(name, Settings { sync, ..options().defaults })?;
            }
            2 => {
                told.purged.entry(name.to_owned()).or_default().push(disk.steps());
                let purged = streams.purge(Some(name), annals_journal::Consent::default());
                purged.map(drop).or_else(|error| absent::<()>(error).map(drop))?;
            }
            _ => {
                let batch: Vec<String> = (0..rng.usize(1..4))
                    .map(|j| format!("{i}.{j} {}", "x".repeat(rng.usize(..900))))
                    .collect();
                let written = told.written.entry(name.to_owned()).or_default();
                written.extend(batch.iter().cloned());
                let count = written.len();
                streams.write(name, &batch)?;
                told.acknowledged.entry(name.to_owned()).or_default().push((disk.steps(), count));
            }
        }
    }
    streams.close()
}

fn absent<T>(error: Error) -> Result<Vec<T>, Error> {
    if matches!(error, Error::NoStream { .. }) { Ok(Vec::new()) } else { Err(error) }
}

/// What a power cut before `step` left is what it may leave.
fn check(disk: &SimDisk, told: &Told, step: u64) {
    let clock = ManualClock::at(MARCH + 365 * DAY);
    let streams = open(disk, &clock).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stream, text) in texts(streams.replay(&Query::default()).unwrap()) {
        found.entry(stream).or_default().push(text);
    }
    for (stream, written) in &told.written {
        let held = found.remove(stream).unwrap_or_default();
        let acknowledged = told.acknowledged.get(stream).into_iter().flatten();
        let acknowledged =
            acknowledged.filter(|(after, _)| *after <= step).map(|(_, count)| *count).max().unwrap_or(0);
        let may_be_purged =
            told.purged.get(stream).is_some_and(|purges| purges.iter().any(|before| *before <= step));
        let end = held.last().map_or(0, |last| written.iter().position(|text| text == last).unwrap() + 1);
        assert!(
            may_be_purged || end >= acknowledged,
            "C1: {end} of {acknowledged} of {stream} at step {step}"
        );
        assert_eq!(held, written[end - held.len()..end], "C2: {stream} at step {step}");
        if !may_be_purged {
            assert_eq!(held.len(), end, "C1: the beginning of {stream} at step {step}");
        } else if acknowledged > 0 {
            let purged =
                streams.purge_receipts(&crate::Wanted { stream: Some(stream.clone()), ..Default::default() });
            let purged: u64 = purged.unwrap().receipts.iter().map(|receipt| receipt.records).sum();
            assert_eq!(
                purged as usize,
                end - held.len(),
                "C1: what is gone of {stream} has receipts, at step {step}"
            );
            assert!(end >= acknowledged, "C1: {end} of {acknowledged} of {stream} at step {step}");
        }
        streams.write(stream, &["more"]).unwrap();
        let last = texts(streams.replay(&Query::of(stream)).unwrap()).pop().unwrap();
        assert_eq!(last.1, "more", "C3");
    }
    assert!(found.is_empty(), "C2: {found:?}");
    for stream in told.written.keys() {
        let dir = Path::new("/at/root/wal").join(crate::StreamName::new(stream).unwrap().directory());
        for other in disk.list_others(&dir).unwrap() {
            let left = disk.files(dir.join(&other.name)).unwrap();
            assert!(
                !left.iter().any(|path| path.to_string_lossy().ends_with(".tmp")),
                "{left:?} at step {step}"
            );
        }
    }
    streams.close().unwrap();
    open(disk, &clock).unwrap();
}

#[test]
fn a_power_cut_between_any_two_steps_leaves_what_was_acknowledged() {
    let cases = std::env::var("ANNALS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3);
    let (mut cuts, mut between) = (0, BTreeSet::new());
    for seed in 0..cases {
        let rng = &mut Rng::with_seed(seed);
        let disk = SimDisk::new();
        // Between any two steps of the first life, and here and there in the others.
        disk.keep_copies((0..100_000).step_by(if seed == 0 { 1 } else { 7 }));
        let mut told = Told::default();
        live(&disk, rng, &mut told, 60).unwrap();
        let made = disk.made();
        for (step, image) in disk.take_copies() {
            let survivals = [Survival::NOTHING, Survival::any(rng)];
            for survival in &survivals[..if step % 3 == 0 { 2 } else { 1 }] {
                check(&image.crash(*survival, rng), &told, step);
                cuts += 1;
            }
            let call = made[step as usize].call;
            between.insert(format!("{call:?}"));
        }
        let buckets = made
            .iter()
            .filter(|made| made.call == Call::CreateDir && made.path.to_string_lossy().contains("date="));
        assert!(buckets.count() > 5, "segments were born in many buckets");
    }
    for call in ["CreateDir", "Rename", "SyncDir", "Sync", "Remove", "RemoveDir", "Write"] {
        assert!(between.contains(call), "a cut before a {call}");
    }
    assert!(cuts > 600, "{cuts} cuts");
}

#[test]
fn a_process_that_is_killed_between_any_two_steps_loses_nothing_in_a_power_cut_after_the_next_open() {
    let rng = &mut Rng::with_seed(77);
    let disk = SimDisk::new();
    disk.keep_copies((0..100_000).step_by(3));
    let mut told = Told::default();
    live(&disk, rng, &mut told, 40).unwrap();
    let mut opened = 0;
    for (step, image) in disk.take_copies() {
        // Killed: what was written is in the page cache. The next process opens all, and then the power goes.
        let image = image.copy();
        let clock = ManualClock::at(MARCH + 300 * DAY);
        let streams = open(&image, &clock).unwrap();
        let mut after = Told::default();
        for (stream, text) in texts(streams.replay(&Query::default()).unwrap()) {
            after.written.entry(stream).or_default().push(text);
        }
        for (stream, written) in &mut after.written {
            written.push("after the kill".to_owned());
            streams.write(stream, &["after the kill"]).unwrap();
        }
        let cut = image.crash(Survival::NOTHING, rng);
        drop(streams);
        let streams = open(&cut, &clock).unwrap();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (stream, text) in texts(streams.replay(&Query::default()).unwrap()) {
            found.entry(stream).or_default().push(text);
        }
        assert_eq!(found, after.written, "killed at step {step}");
        opened += usize::from(!found.is_empty());
    }
    assert!(opened > 200, "{opened}");
}
