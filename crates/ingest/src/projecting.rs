//! Any history ends in the same projections: whatever the batches, wherever it was killed or closed, whichever builds
//! could read what, and whenever the version was raised, entries are what a brute-force look at the log gives (PJ1, PJ3, PJ4).
//!
//!   history: append, step, checkpoint, close, kill, another build, late records, another version, built anew
//!         -> drain, late records -> entries == model; and what answers meanwhile == model of what it has applied

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use annals_record::{
    Assertion, EncodingMismatch, Entry, EpochId, Log, MemoryLog, Offset, ReadLimit, Record, RecordId,
    RecordType, Stance, Value, record_type, serialize_assertion,
};
use annals_storage::{
    BuiltIn, Change, Effect, Projected, Projection, ProjectionError, ProjectionOptions, ProjectionStore,
    ProjectionTxn, Shelf, Sink,
};
use proptest::prelude::*;

use crate::decode::{Decode, change};
use crate::late::{apply_late_with, check_cursor};
use crate::scene::{epoch, vote};
use crate::{Progress, Projector};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// These records become durable as one group.
    Append(Vec<Vec<u8>>),
    /// The worker applies a batch of about so many records.
    Step(usize),
    Checkpoint,
    /// The file is put aside as it stands on disk: a later kill may leave this one.
    Remember,
    /// From now on another build applies: the larger the number, the less it can read.
    Build(usize),
    /// A build reads again what others could not.
    Late(usize),
    Close,
    Kill,
    /// Closed, and opened with this version.
    Version(u32),
    /// Closed, and built anew beside what is there.
    Anew,
}

/// Few names and few values, so that everything comes again and again.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop::option::of(prop::sample::select(&["a", "a:b", "ä"][..]));
    let claim = (0..3_i64, name(), name(), prop::bool::ANY, 0..4_usize).prop_map(
        |(object, agent, entity, now, sources)| {
            let object = entity.map_or(Value::Int(object), Value::entity);
            let sources =
                ["x", "y", "z"][..sources.min(3)].iter().map(|source| (*source).to_owned()).collect();
            let epoch = now.then(|| EpochId::of("now"));
            let predicate = if now { "p" } else { "p:q" };
            let assertion = Assertion {
                agent: agent.map(str::to_owned),
                sources,
                epoch,
                ..Assertion::new("s", predicate, object)
            };
            serialize_assertion(&assertion).unwrap()
        },
    );
    prop_oneof![
        8 => claim,
        1 => (0..3_u64).prop_map(|seq| vote(RecordId::of(b"x"), "ann", seq, Stance::For, 1)),
        1 => (0..3_u8).prop_map(|version| epoch("now", &version.to_string())),
        1 => (3..6_u8).prop_map(|byte| vec![byte; 16]),
        1 => (128..131_u8).prop_map(|byte| vec![byte; 16]),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => prop::collection::vec(record(), 1..30).prop_map(Happening::Append),
        8 => (1..40_usize).prop_map(Happening::Step),
        2 => Just(Happening::Checkpoint),
        2 => Just(Happening::Remember),
        2 => (0..3_usize).prop_map(Happening::Build),
        3 => (0..3_usize).prop_map(Happening::Late),
        1 => Just(Happening::Close),
        3 => Just(Happening::Kill),
        1 => (1..4_u32).prop_map(Happening::Version),
        1 => Just(Happening::Anew),
    ]
}

/// An application's own: of version 1 how often each type comes, of others where it came last, by version.
struct Types(u32);

impl Projection for Types {
    fn name(&self) -> &str {
        "types"
    }

    fn version(&self) -> u32 {
        self.0
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        let key = [record.record_type().map_or(0, u8::from), self.0 as u8];
        let before = txn.get(&key)?.map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()));
        let after = if self.0 == 1 { before + 1 } else { before.max(record.offset.get()) };
        txn.put(&key, &after.to_le_bytes());
        Ok(())
    }
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a projection is and what it should hold.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Types,
    BuiltIn(BuiltIn),
}

impl Kind {
    fn projection(self, version: u32) -> Arc<dyn Projection> {
        match self {
            Self::Types => Arc::new(Types(version)),
            Self::BuiltIn(built_in) => Arc::new(built_in),
        }
    }

    fn name(self) -> String {
        self.projection(1).name().to_owned()
    }

    /// What it makes of these records, from its documentation alone.
    fn expected<'e>(self, version: u32, entries: impl Iterator<Item = (Offset, &'e Vec<u8>)>) -> Map {
        let mut map = Map::new();
        for (offset, payload) in entries {
            match (self, record_type(payload)) {
                (_, Some(RecordType::Reserved(_)) | None) => {}
                (Self::Types, Some(of)) => {
                    let value = map.entry(vec![u8::from(of), version as u8]).or_insert_with(|| vec![0; 8]);
                    let before = u64::from_le_bytes(value[..].try_into().unwrap());
                    let after = if version == 1 { before + 1 } else { offset.get() };
                    *value = after.to_le_bytes().to_vec();
                }
                (Self::BuiltIn(by), Some(RecordType::Assertion)) => {
                    let Ok(Record::Assertion(assertion)) = Record::decode(payload) else {
                        panic!("it is one")
                    };
                    let mut add = |term: &[u8]| {
                        let key = [term, &[0], &offset.get().to_be_bytes()].concat();
                        map.insert(key, RecordId::of(payload).as_bytes().to_vec());
                    };
                    match (by, &assertion.object) {
                        (BuiltIn::Predicate, _) => add(assertion.predicate.as_bytes()),
                        (BuiltIn::Object, Value::Entity(entity)) => add(entity.as_bytes()),
                        (BuiltIn::Object, _) => {}
                        (BuiltIn::Agent, _) => assertion.agent.iter().for_each(|agent| add(agent.as_bytes())),
                        (BuiltIn::Source, _) => assertion.sources.iter().for_each(|s| add(s.as_bytes())),
                        (BuiltIn::Epoch, _) => assertion.epoch.iter().for_each(|e| add(e.as_bytes())),
                    }
                }
                (Self::BuiltIn(_), Some(_)) => {}
            }
        }
        map
    }
}

/// What a build makes of records: this one reads everything that can be read, older ones refuse a third or two of it.
fn decoder(build: usize) -> Decode {
    const BUILDS: [Decode; 3] = [change, old, older];
    BUILDS[build]
}

fn old(entry: Entry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    refuse(entry, 1)
}

fn older(entry: Entry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    refuse(entry, 2)
}

fn refuse(entry: Entry<'_>, thirds: u8) -> Result<Change<'_>, EncodingMismatch> {
    let decoded = change(entry)?;
    let refused = entry.id.as_bytes()[7] % 3 < thirds;
    let effect = if refused { Effect::DeadLetter { reason: "too new".to_owned() } } else { decoded.effect };
    Ok(Change { effect, ..decoded })
}

/// A projection that a history happens to.
struct Play {
    dir: tempfile::TempDir,
    kind: Kind,
    log: Arc<MemoryLog>,
    /// All records, and where they stand.
    records: Vec<(Offset, Vec<u8>)>,
    version: u32,
    build: usize,
    /// `None` only while it is closed.
    open: Option<(Projector<MemoryLog, ProjectionStore>, Arc<ProjectionStore>)>,
    /// A copy of the file of a version.
    remembered: Option<(u32, PathBuf)>,
}

impl Play {
    fn new(kind: Kind) -> Self {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        let mut play =
            Self { dir, kind, log, records: Vec::new(), version: 1, build: 0, open: None, remembered: None };
        play.open();
        play
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("projections")
    }

    /// The file of the version that is filled, as it is called now.
    fn file(&self) -> PathBuf {
        let dir = self.root().join(self.kind.name());
        let building = dir.join(format!("v{:06}.building", self.version));
        if building.exists() { building } else { dir.join(format!("v{:06}.redb", self.version)) }
    }

    fn open(&mut self) {
        let projection = self.kind.projection(self.version);
        self.version = projection.version();
        let (options, end) = (ProjectionOptions::default(), self.log.end());
        let fits = |cursor: &_| check_cursor(&*self.log, cursor).is_ok();
        let store = Arc::new(ProjectionStore::open(self.root(), projection, options, end, fits).unwrap());
        let projector = Projector::new(Arc::clone(&self.log), Arc::clone(&store)).unwrap();
        self.open = Some((projector.with_decode(decoder(self.build)), store));
    }

    fn happen(&mut self, happening: &Happening) {
        let (projector, store) = self.open.as_mut().unwrap();
        match happening {
            Happening::Append(payloads) => {
                let lent: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
                let appended = self.log.append(&lent).unwrap();
                self.records.extend(appended.iter().map(|a| a.offset).zip(payloads.iter().cloned()));
            }
            Happening::Step(records) => {
                projector.set_limit(ReadLimit { records: *records, bytes: usize::MAX });
                projector.step().unwrap();
            }
            Happening::Checkpoint => store.checkpoint().unwrap(),
            Happening::Remember => {
                let aside = self.dir.path().join("aside");
                fs::copy(self.file(), &aside).unwrap();
                self.remembered = Some((self.version, aside));
            }
            Happening::Build(build) => {
                self.build = *build;
                let (projector, store) = self.open.take().unwrap();
                self.open = Some((projector.with_decode(decoder(*build)), store));
            }
            Happening::Late(build) => {
                apply_late_with(decoder(*build), &*self.log, store).unwrap();
            }
            Happening::Close => {
                self.open = None;
                self.remembered = None;
                self.open();
            }
            Happening::Kill => {
                let (projector, store) = self.open.take().unwrap();
                drop(projector);
                Arc::into_inner(store).unwrap().abandon();
                if let Some((_, aside)) = self.remembered.take().filter(|(of, _)| *of == self.version) {
                    fs::copy(aside, self.file()).unwrap();
                }
                self.open();
            }
            Happening::Version(version) => {
                self.open = None;
                self.remembered = None;
                self.version = *version;
                self.open();
            }
            Happening::Anew => {
                self.open = None;
                self.remembered = None;
                let shelf = Shelf::of(self.root(), &self.kind.name()).unwrap();
                shelf.start_over(self.version).unwrap();
                self.open();
            }
        }
        self.check();
    }

    /// What answers holds what it should as of its cursor.
    fn check(&self) {
        let (projector, store) = self.open.as_ref().unwrap();
        let view = store.view().unwrap();
        assert!(view.is_complete() || view.version() == self.version, "nobody before it, or it itself");
        if !store.is_complete() && view.is_complete() {
            // What the one before has noted is not known here, but it has all it may have, and of its own version.
            let before = self.records.iter().filter(|(offset, _)| *offset < view.as_of());
            let all = self.kind.expected(view.version(), before.map(|(offset, payload)| (*offset, payload)));
            let found = entries(&view);
            assert!(found.keys().all(|key| all.contains_key(key)), "{:?}", self.kind);
            return;
        }
        assert_eq!((view.version(), view.as_of()), (self.version, projector.cursor().next));
        let noted = store.undecoded(None, usize::MAX).unwrap();
        let read = self.records.iter().filter(|(offset, payload)| {
            *offset < view.as_of() && !noted.contains(&(*offset, RecordId::of(payload)))
        });
        let expected = self.kind.expected(self.version, read.map(|(offset, payload)| (*offset, payload)));
        assert_eq!(entries(&view), expected, "{:?}", self.kind);
    }
}

fn entries(view: &annals_storage::ProjectionView) -> Map {
    view.prefix(&[], None, usize::MAX).unwrap().into_iter().collect()
}

/// Lets a history happen, drains the log, has this build read the rest, and compares.
fn check(kind: Kind, history: &[Happening]) {
    let mut play = Play::new(kind);
    history.iter().for_each(|happening| play.happen(happening));
    let (projector, store) = play.open.as_mut().unwrap();
    while projector.step().unwrap() != Progress::Idle {}
    apply_late_with(change, &*play.log, store).unwrap();
    play.check();
    let (_, store) = play.open.as_ref().unwrap();
    assert!(store.is_complete());
    let view = store.view().unwrap();
    assert_eq!((view.version(), view.as_of()), (play.version, play.log.end()));
    let all = play.records.iter().map(|(offset, payload)| (*offset, payload));
    assert_eq!(entries(&view), kind.expected(play.version, all));
    let unreadable = play.records.iter().filter(|(_, payload)| (3..128).contains(&payload[0])).count();
    assert_eq!(store.missing().unwrap(), (unreadable as u64, 0));
    let files = fs::read_dir(play.root().join(kind.name())).unwrap().count();
    assert_eq!(files, 1, "what is not wanted any more has gone");
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Types),
        3 => prop::sample::select(&BuiltIn::ALL[..]).prop_map(Kind::BuiltIn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_in_the_entries_that_the_log_says(
        kind in kind(),
        history in prop::collection::vec(happening(), 1..30),
    ) {
        check(kind, &history);
    }
}

#[test]
fn records_that_an_old_build_could_not_read_are_there_after_a_kill_and_a_raised_version() {
    let claim = serialize_assertion(&Assertion::new("s", "p", Value::Int(1))).unwrap();
    check(
        Kind::Types,
        &[
            Happening::Build(2),
            Happening::Append(vec![claim.clone(), vec![4; 16], vec![129; 16], claim]),
            Happening::Step(9),
            Happening::Late(1),
            Happening::Kill,
            Happening::Step(9),
            Happening::Version(2),
            Happening::Step(2),
            Happening::Build(0),
            Happening::Kill,
            Happening::Late(0),
        ],
    );
}
