//! Everything a journal can be asked for, by threads and tasks at once, over a disk that is slow, fills up, breaks and
//! loses its power at random; then compared with what was answered.
//!
//!   round(seed) -> threads, tasks -> an image amid it all, a close -> the end -> both reopened, compared
//!
//! `ANNALS_HAMMER_ROUNDS` asks for more rounds; what fails names its seed. Threads run as they like, so a seed gives what is
//! asked for and how often the disk fails, not the order.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use annals_record::Appended;

use super::*;
use crate::commit::memory::{Call, Memory};

mod answers;
#[cfg(feature = "tokio")]
mod tasks;

/// How many rounds are run if the environment does not ask for others.
const ROUNDS: u64 = 200;
/// How many calls a thread makes at most.
const CALLS: u64 = 80;
/// Whoever does not come back in this time hangs.
const HANG: Duration = Duration::from_secs(60);
/// Keys that all threads share, each with a payload of its own.
const SHARED_KEYS: u64 = 16;

/// What is drawn from a seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn one_in(&mut self, most: u64) -> bool {
        most > 0 && self.below(most) == 0
    }
}

/// What happened in all rounds: each of it must have.
#[derive(Debug, Default)]
struct Seen {
    full: AtomicU64,
    broken: AtomicU64,
    delayed: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    conflicts: AtomicU64,
    known: AtomicU64,
    rolls: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
    dropped: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, SeqCst);
}

/// How an append came out.
#[derive(Clone, Debug)]
enum Came {
    Kept(Vec<Appended>),
    /// Of kind `Retry` or `Fix`: nothing was kept.
    Refused,
    /// Of kind `Stop`, or nobody waited for it.
    Unknown,
}

#[derive(Debug)]
struct Made {
    payloads: Vec<Vec<u8>>,
    key: Option<Vec<u8>>,
    expected: Option<Offset>,
    came: Came,
}

/// What all threads of a round share.
struct Round {
    seed: u64,
    options: Options,
    disk: Memory,
    journal: Journal,
    seen: Arc<Seen>,
    calls: AtomicU64,
    /// After so many calls an image is taken and the journal closed.
    close_at: u64,
    /// The disk as a power cut amid the round left it, and what was durable by then.
    image: Mutex<Option<(Memory, Offset)>>,
    closed: AtomicBool,
    checkpoint: Mutex<Option<Offset>>,
}

impl Round {
    fn new(seed: u64, seen: &Arc<Seen>) -> Self {
        let mut chance = Chance(seed);
        let policies = [
            SyncPolicy::Always,
            SyncPolicy::Every(1 + chance.below(20) as u32),
            SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL),
            SyncPolicy::OnDemand,
        ];
        let options = Options {
            sync: policies[seed as usize % policies.len()],
            segment_bytes: [8 << 10, 64 << 10, 1 << 20][chance.below(3) as usize],
            ..Options::default()
        };
        let disk = Memory::new();
        let journal = open_on(&disk, options);
        disk.rule(weather(&mut chance, seen));
        Self {
            seed,
            options,
            disk,
            journal,
            seen: Arc::clone(seen),
            calls: AtomicU64::new(0),
            close_at: 20 + chance.below(5 * CALLS),
            image: Mutex::default(),
            closed: AtomicBool::new(false),
            checkpoint: Mutex::default(),
        }
    }

    /// Counts a call; the one that it is for closes the journal. False if there is nothing more to be done.
    fn goes_on(&self, chance: &mut Chance) -> bool {
        if self.calls.fetch_add(1, SeqCst) == self.close_at {
            let durable = self.journal.durable();
            let image = self.disk.image(|| chance.one_in(2));
            *self.image.lock().unwrap() = Some((image, durable));
            if chance.one_in(2) {
                let closed = self.journal.clone().close();
                self.closed.store(closed.is_ok(), SeqCst);
            }
        }
        self.journal.core.commit.stopped().is_none() || !chance.one_in(4)
    }
}

/// How the disk of a round behaves.
fn weather(chance: &mut Chance, seen: &Arc<Seen>) -> impl Fn(Call, &Path) -> io::Result<()> + use<> {
    let full_in = [0, 0, 20, 100][chance.below(4) as usize];
    let breaks_at = [u64::MAX, 30, 100, 400][chance.below(4) as usize];
    let slow_in = [0, 4, 50][chance.below(3) as usize];
    let (chance, writes, seen) = (Mutex::new(Chance(chance.next())), AtomicU64::new(0), Arc::clone(seen));
    move |call, _| {
        let (slow, full, micros) = {
            let mut chance = chance.lock().unwrap();
            (chance.one_in(slow_in), chance.one_in(full_in), chance.below(300))
        };
        if slow {
            count(&seen.delayed);
            std::thread::park_timeout(Duration::from_micros(micros));
        }
        if matches!(call, Call::Write | Call::Sync | Call::Rename | Call::SetLen | Call::SyncDir)
            && writes.fetch_add(1, SeqCst) == breaks_at
        {
            count(&seen.broken);
            return Err(io::Error::other("on purpose"));
        }
        if full && matches!(call, Call::Write | Call::Allocate) {
            count(&seen.full);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn open_on(disk: &Memory, options: Options) -> Journal {
    Journal::open_on(Arc::new(disk.clone()), Arc::new(SystemClock), &PathBuf::from("/log"), options).unwrap()
}

/// A thread of a round, and what it has made.
struct Caller<'a> {
    round: &'a Round,
    chance: Chance,
    who: u64,
    made: Vec<Made>,
    /// The end of what it was told is accepted.
    last: Offset,
    durable: Offset,
}

impl<'a> Caller<'a> {
    fn new(round: &'a Round, who: u64) -> Self {
        let chance = Chance(round.seed.wrapping_mul(1000).wrapping_add(who + 1));
        Self { round, chance, who, made: Vec::new(), last: Offset::ZERO, durable: Offset::ZERO }
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut payload = format!("{}.{}.{}.", self.who, self.made.len(), self.chance.next()).into_bytes();
        let len = if self.chance.one_in(50) { 20_000 } else { self.chance.below(400) };
        payload.resize(payload.len() + len as usize, b'.');
        payload
    }

    fn call_all(mut self) -> Vec<Made> {
        for _ in 0..CALLS {
            if !self.round.goes_on(&mut self.chance) {
                break;
            }
            match self.chance.below(100) {
                0..40 => self.append(1, None, None, false),
                40..50 => self.append(2 + self.chance.0 % 5, None, None, false),
                50..57 => self.append(1, None, None, true),
                57..65 => {
                    let expected = self.round.journal.durability().accepted;
                    self.append(1, None, Some(expected), false);
                }
                65..80 => {
                    let key = self.chance.below(SHARED_KEYS);
                    let durable = self.chance.one_in(3);
                    self.append(1, Some(key), None, durable);
                }
                80..88 => self.sync(),
                88..91 => self.seal(),
                91..95 => self.checkpoint(),
                _ => self.look(),
            }
        }
        self.made
    }

    fn append(&mut self, records: u64, key: Option<u64>, expected: Option<Offset>, durable: bool) {
        let payloads: Vec<Vec<u8>> = match key {
            Some(key) => vec![format!("shared {key}").into_bytes()],
            None => (0..records).map(|_| self.payload()).collect(),
        };
        let key = key.map(|key| format!("key {key}").into_bytes());
        let how = AppendOptions { durable, next: expected, key: key.as_deref() };
        let journal = &self.round.journal;
        let plain = how == AppendOptions::default() && records == 1;
        let came = if plain {
            journal.append(&payloads[0]).map(|appended| vec![appended])
        } else {
            journal.append_with(&payloads, &how)
        };
        let durable = durable || self.round.options.sync == SyncPolicy::Always;
        self.keep(payloads, key, expected, came, durable);
    }

    fn keep(
        &mut self,
        payloads: Vec<Vec<u8>>,
        key: Option<Vec<u8>>,
        expected: Option<Offset>,
        came: Result<Vec<Appended>, Error>,
        durable: bool,
    ) {
        let seen = &self.round.seen;
        let came = match came {
            Ok(receipts) => {
                count(&seen.acknowledged);
                let (first, next) = (receipts[0].offset, receipts[receipts.len() - 1].next);
                if key.is_some() && first < self.last {
                    count(&seen.known);
                }
                assert!(key.is_some() || first >= self.last, "P2: {first} after {}", self.last);
                assert!(!durable || next <= self.round.journal.durable(), "I1: {next} is not durable");
                self.last = self.last.max(next);
                Came::Kept(receipts)
            }
            Err(error) => self.failed(&error),
        };
        self.made.push(Made { payloads, key, expected, came });
    }

    fn failed(&self, error: &Error) -> Came {
        let seen = &self.round.seen;
        match error {
            Error::Conflict { .. } => count(&seen.conflicts),
            Error::Full { .. } => count(&seen.refused),
            Error::Poisoned { .. } | Error::Closed | Error::Io { .. } => count(&seen.unknown),
            other => panic!("nobody asked for this: {other}"),
        }
        if error.kind() == Kind::Stop { Came::Unknown } else { Came::Refused }
    }

    fn sync(&mut self) {
        match self.round.journal.sync() {
            Ok(durable) => assert!(self.last <= durable, "a sync left {} behind: {durable}", self.last),
            Err(error) => {
                assert!(error.kind() == Kind::Stop, "P4: a sync that is to be tried again: {error}");
            }
        }
    }

    fn seal(&self) {
        if let Ok(durable) = self.round.journal.seal() {
            count(&self.round.seen.rolls);
            assert!(self.last <= durable, "a seal left {} behind: {durable}", self.last);
        }
    }

    fn checkpoint(&mut self) {
        let seal = self.chance.one_in(4);
        if let Ok(checkpoint) = self.round.journal.checkpoint(format!("of {}", self.who), seal) {
            let durable = self.round.journal.durable();
            assert!(checkpoint.next <= durable && self.last <= durable, "P3: {checkpoint:?} at {durable}");
            let mut newest = self.round.checkpoint.lock().unwrap();
            *newest = (*newest).max(Some(checkpoint.offset));
        }
    }

    fn look(&mut self) {
        let reach = self.round.journal.durability();
        assert!(reach.durable <= reach.written && reach.written <= reach.accepted, "{reach:?}");
        assert!(self.durable <= reach.durable, "I3: {} is no longer durable: {reach:?}", self.durable);
        self.durable = reach.durable;
    }
}

fn run(seed: u64, seen: &Arc<Seen>) {
    let round = Arc::new(Round::new(seed, seen));
    let mut running = Vec::new();
    for who in 0..5 {
        let round = Arc::clone(&round);
        running.push(apart(move || Caller::new(&round, who).call_all()));
    }
    #[cfg(feature = "tokio")]
    {
        let round = Arc::clone(&round);
        running.push(apart(move || tasks::call_all(&round, 99)));
    }
    let mut made = Vec::new();
    for running in running {
        match running.recv_timeout(HANG) {
            Ok(mine) => made.extend(mine),
            Err(error) => {
                let commit = &round.journal.core.commit;
                panic!("seed {seed}: {error}: {:#?}, {:?}", commit.stage.try_lock(), commit.keeper);
            }
        }
    }
    answers::receipts(&made);
    if let Some((image, durable)) = round.image.lock().unwrap().take() {
        count(&seen.cut);
        answers::image(&round, &image, durable, &made, false);
    }
    let everything = Offset::new(u64::MAX);
    let durable = if round.closed.load(SeqCst) { everything } else { round.journal.durable() };
    let mut chance = Chance(seed);
    answers::image(&round, &round.disk.image(|| chance.one_in(2)), durable, &made, true);
}

#[test]
fn whatever_is_asked_for_at_once_is_answered_truly() {
    let rounds = std::env::var("ANNALS_HAMMER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let first = std::env::var("ANNALS_HAMMER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let seen = Arc::<Seen>::default();
    for seed in first..first + rounds.unwrap_or(ROUNDS) {
        let round = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &seen)));
        assert!(round.is_ok(), "failed seed: {seed}");
    }
    eprintln!("{seen:?}");
    if rounds.is_none() {
        let Seen {
            full,
            broken,
            delayed,
            acknowledged,
            refused,
            unknown,
            conflicts,
            known,
            rolls,
            lost,
            cut,
            dropped,
        } = &*seen;
        let all = [full, broken, delayed, acknowledged, refused, unknown, conflicts, known, rolls, lost, cut];
        assert!(all.iter().all(|counter| counter.load(SeqCst) > 0), "it never happened: {seen:?}");
        assert!(cfg!(not(feature = "tokio")) || dropped.load(SeqCst) > 0, "{seen:?}");
    }
}
