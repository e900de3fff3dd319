//! Any history ends in the same store: whatever the batches, wherever it was killed or closed, the store is what a
//! build from scratch gives, and what a model of a few maps says (W1, S3).
//!
//! The same holds where other builds have parked what this one reads, in whichever order and batches it is read again,
//! whatever was applied, given up, folded or killed in between (W6).
//!
//!   history: append, step, checkpoint, fold, close, kill, another build, redrive, discard
//!         -> drain, redrive what is left -> store == built at once == model

mod model;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{EncodingMismatch, Entry as LogEntry, Log, MemoryLog, Offset, ReadLimit, Stance};
use annals_storage::{BulkBuilder, BulkOptions, Change, Effect, HybridStore, KvStore, Sink};
use proptest::prelude::*;

use crate::decode::{Decode, change};
use crate::redrive::redrive_with;
use crate::{Options, Plain, Progress, Projector, Which, compare, load, load_from, redrive};
use model::{Entry, Model};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// These records become durable as one group.
    Append(Vec<Entry>),
    /// The worker applies a batch of about so many records.
    Step(usize),
    /// The worker makes a checkpoint.
    Checkpoint,
    /// It makes one for what is due, which may be no more than what is folded.
    CheckpointTo(usize),
    /// What is collected in memory is folded.
    Fold,
    /// The index file is put aside as it stands on disk: a later kill may leave this one.
    Remember,
    /// From now on another build applies: the larger the number, the less it can read.
    Build(usize),
    /// Some of the parked records are read again by this build.
    Redrive(Vec<usize>, usize),
    /// Some of them are given up.
    Discard(Vec<usize>),
    /// The store is closed and opened.
    Close,
    /// The process dies: what is on disk is what was written so far, the index perhaps as it was put aside.
    Kill,
}

/// Few names and few values, so that everything comes again and again.
fn entry() -> impl Strategy<Value = Entry> {
    let stance = prop::sample::select(&[Stance::For, Stance::Against, Stance::Neutral][..]);
    prop_oneof![
        6 => (0..4_usize, 0..40_i64).prop_map(|(subject, object)| Entry::Assertion(subject, object)),
        4 => (0..4_usize, 0..4_i64, 0..3_usize, 0..3_u64, stance)
            .prop_map(|(subject, object, voter, seq, stance)| Entry::Vote((subject, object), voter, seq, stance)),
        2 => (0..3_usize, 0..4_usize).prop_map(|(name, version)| Entry::Epoch(name, version)),
        1 => (3..8_u8).prop_map(Entry::Unreadable),
        1 => (128..132_u8).prop_map(Entry::Application),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => prop::collection::vec(entry(), 1..40).prop_map(Happening::Append),
        6 => (1..60_usize).prop_map(Happening::Step),
        2 => Just(Happening::Checkpoint),
        2 => (0..3_usize).prop_map(Happening::CheckpointTo),
        2 => Just(Happening::Fold),
        2 => Just(Happening::Remember),
        2 => (0..3_usize).prop_map(Happening::Build),
        4 => (prop::collection::vec(0..100_usize, 1..9), 0..3_usize)
            .prop_map(|(some, build)| Happening::Redrive(some, build)),
        1 => prop::collection::vec(0..100_usize, 1..4).prop_map(Happening::Discard),
        1 => Just(Happening::Close),
        3 => Just(Happening::Kill),
    ]
}

/// What a build makes of records: this one reads everything that can be read, older ones refuse a third or two of it.
fn decoder(build: usize) -> Decode {
    const BUILDS: [Decode; 3] = [change, old, older];
    BUILDS[build]
}

fn old(entry: LogEntry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    refuse(entry, 1)
}

fn older(entry: LogEntry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    refuse(entry, 2)
}

fn refuse(entry: LogEntry<'_>, thirds: u8) -> Result<Change<'_>, EncodingMismatch> {
    let decoded = change(entry)?;
    let refused = entry.id.as_bytes()[7] % 3 < thirds;
    let reason = format!("of a later version than {thirds} thirds");
    let effect = if refused { Effect::DeadLetter { reason } } else { decoded.effect };
    Ok(Change { effect, ..decoded })
}

/// A store that a history happens to.
struct Play {
    dir: tempfile::TempDir,
    /// How often it was killed.
    lives: usize,
    log: Arc<MemoryLog>,
    model: Model,
    build: usize,
    /// `None` only while it is closed.
    projector: Option<(Projector<MemoryLog, HybridStore>, Arc<HybridStore>)>,
    remembered: Option<PathBuf>,
}

impl Play {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(MemoryLog::new());
        let mut play =
            Self { dir, lives: 0, log, model: Model::default(), build: 0, projector: None, remembered: None };
        play.open();
        play
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn open(&mut self) {
        // Layers of every life fill at another size, some with each batch.
        let layer_bytes = [1, 4 << 10, 64 << 20][self.lives % 3];
        let options = annals_storage::Options { layer_bytes, ..annals_storage::Options::default() };
        let store = Arc::new(HybridStore::open_with(self.path(), options).unwrap());
        let projector = Projector::new(Arc::clone(&self.log), Arc::clone(&store)).unwrap();
        self.projector = Some((projector.with_decode(decoder(self.build)), store));
    }

    fn happen(&mut self, happening: &Happening) {
        let (projector, store) = self.projector.as_mut().unwrap();
        match happening {
            Happening::Append(entries) => {
                let payloads: Vec<_> = entries.iter().map(Entry::payload).collect();
                let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
                for (entry, appended) in entries.iter().zip(self.log.append(&payloads).unwrap()) {
                    self.model.add(appended.offset, entry);
                }
            }
            Happening::Step(records) => projector.step_of(*records),
            Happening::Checkpoint => store.checkpoint().unwrap(),
            Happening::CheckpointTo(thirds) => {
                let at_least = Offset::new(projector.cursor().next.get() / 3 * *thirds as u64);
                while store.checkpoint_to(at_least).unwrap() < at_least {
                    std::thread::yield_now();
                }
            }
            Happening::Fold => store.fold().unwrap(),
            Happening::Remember => {
                let aside = self.dir.path().join("index.aside");
                fs::copy(self.path().join("index.redb"), &aside).unwrap();
                self.remembered = Some(aside);
            }
            Happening::Build(build) => {
                self.build = *build;
                let (projector, store) = self.projector.take().unwrap();
                self.projector = Some((projector.with_decode(decoder(*build)), store));
            }
            Happening::Redrive(some, build) => {
                let at = parked(store, some);
                let read =
                    |at| redrive_with(decoder(*build), &*self.log, store, Which::At(at), true, &mut |_| true);
                let redriven = read(&at).unwrap();
                assert_eq!((redriven.unread_total, redriven.redriven.unknown), (0, 0));
                let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
                assert!(walk.is_sound(), "{walk:?}");
                // What was read again is durable; no crash takes that back.
                self.remembered = None;
            }
            Happening::Discard(some) => {
                let at = parked(store, some);
                assert_eq!(store.discard(&at).unwrap().len(), at.len());
                self.remembered = None;
            }
            Happening::Close => {
                self.projector = None;
                // What was closed is durable; no crash takes that back.
                self.remembered = None;
                self.open();
            }
            Happening::Kill => self.kill(),
        }
    }

    /// Goes on with what a kill leaves.
    fn kill(&mut self) {
        let (_, store) = self.projector.take().unwrap();
        let Some(store) = Arc::into_inner(store) else { panic!("the projector has gone") };
        store.abandon();
        self.lives += 1;
        // Content may be as much newer than the index as it likes, never older.
        if let Some(aside) = self.remembered.take() {
            fs::copy(aside, self.path().join("index.redb")).unwrap();
        }
        self.open();
    }
}

/// Some of the parked records.
fn parked(store: &HybridStore, some: &[usize]) -> Vec<Offset> {
    let letters = store.snapshot().unwrap().dead_letters(None, usize::MAX).unwrap();
    let mut at: Vec<_> = some
        .iter()
        .filter_map(|n| letters.get(n % letters.len().max(1)))
        .map(|letter| letter.offset)
        .collect();
    at.sort_unstable();
    at.dedup();
    at
}

impl Projector<MemoryLog, HybridStore> {
    fn step_of(&mut self, records: usize) {
        self.set_limit(ReadLimit { records, bytes: usize::MAX });
        self.step().unwrap();
    }
}

/// Lets a history happen, drains the log, and compares.
fn check(history: &[Happening]) {
    let mut play = Play::new();
    history.iter().for_each(|happening| play.happen(happening));
    let (projector, store) = play.projector.as_mut().unwrap();
    while projector.step().unwrap() != Progress::Idle {}
    let end = play.log.end();
    let given_up = store.snapshot().unwrap().discarded(None, usize::MAX).unwrap();
    let given_up: Vec<_> = given_up.iter().map(|letter| letter.offset).collect();
    for which in [Which::All, Which::At(&given_up)] {
        redrive(&*play.log, store, which, true, &mut |_| true).unwrap();
    }

    let built = play.dir.path().join("built");
    let built = Arc::new(HybridStore::open(built).unwrap());
    let mut builder = Projector::new(Arc::clone(&play.log), Arc::clone(&built)).unwrap();
    builder.run_to(end, &Options::default(), &mut |_| true).unwrap();
    // What nobody can read and was given up stays so; a rebuild takes the marks over.
    let given_up = store.snapshot().unwrap().discarded(None, usize::MAX).unwrap();
    let given_up: Vec<_> = given_up.iter().map(|letter| letter.offset).collect();
    built.discard(&given_up).unwrap();
    play.model.give_up(&given_up);

    let loaded = loaded(&play.log, &play.dir.path().join("loaded"), play.lives, end);
    loaded.discard(&given_up).unwrap();
    for store in [&*store, &built, &loaded] {
        let snapshot = store.snapshot().unwrap();
        play.model.check(&snapshot);
        let walk = snapshot.walk(&mut |_, _| {}).unwrap();
        assert!(walk.is_sound(), "{walk:?}");
        let compared = compare(&*play.log, store, &mut |_, _| {}).unwrap();
        assert!(compared.is_same(), "{compared:?}");
        assert_eq!(walk.digests, compared.digests);
        assert_eq!(snapshot.discarded_len().unwrap(), given_up.len() as u64);
        assert_eq!(snapshot.as_of(), if end == Offset::ZERO { Offset::ZERO } else { end });
    }
    for built in [&*built, &loaded] {
        assert_eq!(store.digests().unwrap(), built.digests().unwrap());
        assert_eq!(store.counts().unwrap(), built.counts().unwrap());
        assert_eq!(store.cursor().unwrap(), built.cursor().unwrap());
    }
}

/// A store that is loaded from the log at once, in other memory and other batches for each life of the other.
fn loaded(log: &MemoryLog, path: &Path, lives: usize, end: Offset) -> HybridStore {
    let memory_bytes = [1, 20_000, 192 << 20][lives % 3];
    let options = BulkOptions { memory_bytes, ..BulkOptions::default() };
    let mut builder = BulkBuilder::begin(path, &options).unwrap();
    let limit = ReadLimit { records: 1 + lives * 7, bytes: usize::MAX };
    let mut source = Plain::new(log, load_from(log, &builder).unwrap(), limit);
    load(log, &mut builder, &mut source, end, &mut |_| {}).unwrap();
    builder.finish(&mut |_, _| {}).unwrap();
    HybridStore::open_existing(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_in_the_store_that_is_built_at_once(history in prop::collection::vec(happening(), 1..24)) {
        check(&history);
    }
}

#[test]
fn a_kill_after_a_checkpoint_that_covers_part_of_a_batch_of_duplicates() {
    let twice = vec![Entry::Assertion(0, 1), Entry::Epoch(0, 1), Entry::Assertion(0, 1), Entry::Epoch(0, 1)];
    let vote = Entry::Vote((0, 1), 0, 1, Stance::For);
    check(&[
        Happening::Append(twice.clone()),
        Happening::Step(60),
        Happening::Checkpoint,
        Happening::Remember,
        Happening::Append(vec![vote.clone(), Entry::Epoch(0, 2), Entry::Unreadable(7)]),
        Happening::Append(twice),
        Happening::Step(1),
        Happening::Checkpoint,
        Happening::Kill,
        Happening::Append(vec![vote, Entry::Epoch(0, 2)]),
        Happening::Step(1),
        Happening::Kill,
    ]);
}

#[test]
fn another_build_parks_what_an_earlier_one_had_applied_before_a_crash() {
    let entries =
        vec![Entry::Assertion(1, 2), Entry::Assertion(0, 0), Entry::Epoch(0, 1), Entry::Epoch(1, 1)];
    check(&[
        Happening::Append(entries),
        Happening::Remember,
        Happening::Step(4),
        Happening::Kill,
        Happening::Build(2),
        Happening::Step(4),
        Happening::Redrive(vec![1], 1),
    ]);
}
