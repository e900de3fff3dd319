use std::ops::Range;

use annals_record::Stance;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::scene::{self, Scene, assertion, epoch, vote};
use crate::{HybridStore, KvStore, Sink, Snapshot};

/// Builds a store of the scene's first records, in batches of so many.
struct Site<'s> {
    scene: &'s Scene,
    dir: TempDir,
    options: BulkOptions,
    batch: usize,
}

impl<'s> Site<'s> {
    fn new(scene: &'s Scene, memory_bytes: usize, batch: usize) -> Self {
        let options = BulkOptions { memory_bytes, ..BulkOptions::default() };
        Self { scene, dir: tempfile::tempdir().unwrap(), options, batch }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("built")
    }

    fn begin(&self) -> BulkBuilder {
        BulkBuilder::begin(self.path(), &self.options).unwrap()
    }

    fn resume(&self) -> Option<BulkBuilder> {
        BulkBuilder::resume(self.path(), &self.options).unwrap()
    }

    fn add(&self, builder: &mut BulkBuilder, records: Range<usize>) {
        let mut sheaf = Sheaf::default();
        let mut at = records.start;
        while at < records.end {
            let end = records.end.min(at + self.batch);
            builder.sorter().sort_into(&self.scene.changes(at..end), &mut sheaf);
            builder.add(&sheaf, &self.scene.cursor(end)).unwrap();
            at = end;
        }
    }

    fn finish(&self, builder: BulkBuilder) -> HybridStore {
        builder.finish(&mut |done, all| assert!(done <= all)).unwrap();
        HybridStore::open_existing(self.path()).unwrap()
    }
}

/// Every answer of a store.
fn answers(scene: &Scene, records: usize, snapshot: &Snapshot<'_>) -> Vec<String> {
    let mut answers = vec![format!("{:?} {:?}", snapshot.cursor(), snapshot.as_of())];
    for record in 0..records {
        let id = scene.id(record);
        answers.push(format!("{:?}", snapshot.get(&id).unwrap()));
        answers.push(format!("{:?}", snapshot.tally(&id).unwrap()));
        answers.push(format!("{:?}", snapshot.votes(&id, None, usize::MAX).unwrap()));
    }
    for subject in snapshot.subjects("", None, usize::MAX).unwrap() {
        answers
            .push(format!("{subject:?} {:?}", snapshot.subject(&subject.subject, None, usize::MAX).unwrap()));
    }
    for epoch in snapshot.epochs(None, usize::MAX).unwrap() {
        answers.push(format!(
            "{epoch:?} {:?}",
            snapshot.epoch_versions(&epoch.epoch, None, usize::MAX).unwrap()
        ));
    }
    answers.push(format!("{:?}", snapshot.dead_letters(None, usize::MAX).unwrap()));
    answers
}

/// What is built is what applying gives (BB2).
fn assert_same(scene: &Scene, records: usize, built: &HybridStore) {
    let dir = tempfile::tempdir().unwrap();
    let applied = HybridStore::open(dir.path()).unwrap();
    if records > 0 {
        scene.apply(&applied, 0..records);
        applied.fold().unwrap();
    }
    assert_eq!(built.counts().unwrap(), applied.counts().unwrap());
    assert_eq!(built.digests().unwrap(), applied.digests().unwrap());
    assert_eq!(built.cursor().unwrap(), applied.cursor().unwrap());
    assert_eq!(built.reach().unwrap(), applied.reach().unwrap());
    assert_eq!(built.durable_cursor().unwrap(), applied.cursor().unwrap());
    let (built, applied) = (built.snapshot().unwrap(), applied.snapshot().unwrap());
    let walk = built.walk(&mut |_, _| {}).unwrap();
    assert!(walk.is_sound(), "{walk:?}");
    assert_eq!(answers(scene, records, &built), answers(scene, records, &applied));
}

/// A record of a random log: few of each kind, so that everything comes again and again.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let stance = prop::sample::select(&[Stance::For, Stance::Against, Stance::Neutral][..]);
    let claim = |subject: usize, object| assertion(["a", "b", "a:b", "something longer"][subject], object);
    prop_oneof![
        6 => (0..4_usize, 0..60_i64).prop_map(move |(subject, object)| claim(subject, object)),
        4 => (0..4_usize, 0..6_i64, 0..3_usize, 0..9_u64, stance).prop_map(move |(subject, object, voter, seq, stance)| {
            let on = annals_record::RecordId::of(&claim(subject, object));
            vote(on, ["x", "y", "z"][voter], seq, stance, 1_000_000)
        }),
        2 => (0..3_usize, 0..6_usize).prop_map(|(name, version)| epoch(["e", "f", "g"][name], &version.to_string())),
        1 => (3..8_u8).prop_map(|byte| vec![byte; 9]),
        1 => (128..132_u8).prop_map(|byte| vec![byte; 9]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn b2_any_log_in_any_memory_cut_off_anywhere_is_built_as_it_is_applied(
        payloads in prop::collection::vec(payload(), 0..400),
        memory in prop::sample::select(&[1, 3000, 20_000, 200_000, 192 << 20][..]),
        batch in 1..80_usize,
        cuts in prop::collection::vec((0..400_usize, any::<bool>()), 0..4),
        often in any::<bool>(),
    ) {
        let scene = Scene::new(payloads.iter().cloned());
        let mut site = Site::new(&scene, memory, batch);
        if often {
            site.options.note_every = Duration::ZERO;
        }
        let mut builder = site.begin();
        let (mut at, mut noted) = (0, 0);
        for (cut, kept) in cuts {
            let to = cut.min(payloads.len()).max(at);
            site.add(&mut builder, at..to);
            if kept {
                builder.keep().unwrap();
                noted = to;
            }
            builder.die();
            match site.resume() {
                Some(resumed) => builder = resumed,
                None => builder = site.begin(),
            }
            at = builder.cursor().map_or(0, |cursor| cursor.next.get() as usize / scene::offset(1).get() as usize);
            prop_assert!((noted..=to).contains(&at) && (often || at == noted));
            prop_assert_eq!(builder.cursor(), (at > 0).then(|| scene.cursor(at)));
        }
        site.add(&mut builder, at..payloads.len());
        let built = site.finish(builder);
        assert_same(&scene, payloads.len(), &built);
    }
}

impl BulkBuilder {
    /// Lets go of it as a killed process does.
    fn die(mut self) {
        self.ended = true;
        self.end_keeping().unwrap();
    }
}

/// A log with more of everything than a small memory holds, all of it twice.
fn large() -> Scene {
    let claims: Vec<_> = (0..900).map(|n| assertion(if n % 3 == 0 { "one" } else { "another" }, n)).collect();
    let on = annals_record::RecordId::of(&claims[0]);
    let votes = (0..900).map(|n| vote(on, &format!("voter {n}"), 0, Stance::For, 1));
    let versions = (0..200).map(|n| epoch("an epoch", &n.to_string()));
    let once: Vec<_> = votes.chain(claims).chain(versions).collect();
    Scene::new(once.iter().chain(&once).cloned())
}

#[test]
fn what_does_not_fit_into_memory_is_cut_into_parts_and_each_record_is_kept_once() {
    let scene = large();
    for memory in [1, 2000, 40_000] {
        let site = Site::new(&scene, memory, 100);
        let mut builder = site.begin();
        site.add(&mut builder, 0..4000);
        assert!(memory > 2000 || builder.spill.runs().len() > 10);
        assert_same(&scene, 4000, &site.finish(builder));
    }
}

#[test]
fn b1_what_is_being_built_is_no_store_and_what_is_built_is_one() {
    let scene = Scene::new((0..50).map(|n| assertion("a", n)));
    let site = Site::new(&scene, 1 << 20, 10);
    let mut builder = site.begin();
    assert!(matches!(BulkBuilder::begin(site.path(), &site.options), Err(Error::Locked { .. })));
    site.add(&mut builder, 0..50);
    drop(builder);
    assert!(BulkBuilder::is_begun(&site.path()));
    for opened in [HybridStore::open(site.path()), HybridStore::open_existing(site.path())] {
        assert!(matches!(opened, Err(Error::NotAStore { reason, .. }) if reason.contains("being built")));
    }
    // Dropping it has kept what was added.
    let builder = site.resume().unwrap();
    assert_eq!(builder.cursor(), Some(scene.cursor(50)));
    assert_same(&scene, 50, &site.finish(builder));
    assert!(!BulkBuilder::is_begun(&site.path()) && !site.path().join(GONE_DIR).exists());
    // What a crash has left of the spill goes when the store is opened.
    fs::create_dir(site.path().join(GONE_DIR)).unwrap();
    fs::write(site.path().join(GONE_DIR).join(SPILL_FILE), b"left").unwrap();
    drop(HybridStore::open_existing(site.path()).unwrap());
    assert!(!site.path().join(GONE_DIR).exists());
    assert!(site.resume().is_none());
    assert!(matches!(BulkBuilder::begin(site.path(), &site.options), Err(Error::NotAStore { .. })));
}

#[test]
fn b3_a_finish_that_is_cut_off_is_done_again() {
    let scene = large();
    let site = Site::new(&scene, 40_000, 100);
    let mut builder = site.begin();
    site.add(&mut builder, 0..4000);
    let mut builder = Some(builder);
    for stop in [0, 1, 5, 20] {
        let builder = builder.take().or_else(|| site.resume()).unwrap();
        let mut told = 0;
        let cut_off = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            builder.finish(&mut |_, _| {
                assert!(told < stop, "cut off");
                told += 1;
            })
        }));
        assert!(cut_off.is_err());
        assert!(HybridStore::open(site.path()).is_err(), "it is no store yet");
    }
    // Even with everything of a store beside it.
    let built = site.path();
    drop(site.finish(site.resume().unwrap()));
    let aside = site.dir.path().join("aside");
    let other = BulkBuilder::begin(&aside, &site.options).unwrap();
    drop(other);
    fs::rename(aside.join(SPILL_DIR), built.join(SPILL_DIR)).unwrap();
    assert!(matches!(HybridStore::open(&built), Err(Error::NotAStore { .. })));
    assert!(
        site.resume().is_some_and(|builder| builder.cursor().is_none()),
        "it is a build at its beginning"
    );
}

#[test]
fn b3_what_was_kept_and_does_not_verify_is_refused() {
    let scene = large();
    let site = Site::new(&scene, 40_000, 100);
    let mut builder = site.begin();
    site.add(&mut builder, 0..1000);
    drop(builder);
    let spill = site.path().join(SPILL_DIR).join(SPILL_FILE);
    let whole = fs::read(&spill).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 50) {
        let mut odd = whole.clone();
        odd[at] ^= 1;
        fs::write(&spill, &odd).unwrap();
        let resumed = BulkBuilder::resume(site.path(), &site.options);
        assert!(matches!(resumed, Err(Error::Damaged { .. })), "byte {at}");
        fs::write(&spill, &whole[..at]).unwrap();
        let resumed = BulkBuilder::resume(site.path(), &site.options);
        assert!(matches!(resumed, Err(Error::Damaged { .. })), "cut at {at}");
    }
    // What was kept before holds where the note does not.
    fs::write(&spill, &whole).unwrap();
    let mut builder = site.resume().unwrap();
    builder.keep().unwrap();
    let kept = fs::metadata(&spill).unwrap().len() as usize;
    let kept_sum = builder.spill.sum();
    site.add(&mut builder, 1000..2000);
    drop(builder);
    let longer = fs::read(&spill).unwrap();
    for power_cut in [&longer[..kept + 10], &[&longer[..kept], &vec![0; longer.len() - kept][..]].concat()] {
        fs::write(&spill, power_cut).unwrap();
        let builder = site.resume().unwrap();
        assert_eq!(builder.cursor(), Some(scene.cursor(1000)));
        builder.die();
    }
    // A note of another past of the spill does not hold, whatever its length.
    let mut builder = site.resume().unwrap();
    assert_eq!(builder.cursor(), Some(scene.cursor(1000)));
    let stale = Note { sum: [0; 32], ..builder.note().unwrap() };
    builder.die();
    stale.write(&site.path().join(SPILL_DIR).join(NOTE_FILE), false).unwrap();
    fs::remove_file(site.path().join(SPILL_DIR).join(KEPT_FILE)).unwrap();
    assert!(matches!(BulkBuilder::resume(site.path(), &site.options), Err(Error::Damaged { .. })));
    Note { sum: kept_sum, ..stale }.write(&site.path().join(SPILL_DIR).join(NOTE_FILE), false).unwrap();
    // What is beyond the note does not count.
    let mut longer = whole;
    longer.extend_from_slice(b"not a block");
    fs::write(&spill, &longer).unwrap();
    let mut builder = site.resume().unwrap();
    assert_eq!(builder.cursor(), Some(scene.cursor(1000)));
    site.add(&mut builder, 1000..4000);
    assert_same(&scene, 4000, &site.finish(builder));
    let note = site.path().join(SPILL_DIR).join(NOTE_FILE);
    assert!(!note.exists());
}

#[test]
fn a_sheaf_that_does_not_follow_is_refused_and_changes_nothing() {
    let scene = Scene::new((0..50).map(|n| assertion("a", n)));
    let site = Site::new(&scene, 1 << 20, 10);
    let mut builder = site.begin();
    site.add(&mut builder, 0..20);
    let mut sheaf = Sheaf::default();
    builder.sorter().sort_into(&scene.changes(10..30), &mut sheaf);
    assert!(matches!(builder.add(&sheaf, &scene.cursor(30)), Err(Error::OutOfOrder { .. })));
    site.add(&mut builder, 20..50);
    assert_same(&scene, 50, &site.finish(builder));
}

#[test]
fn a_built_store_goes_on_as_any_other() {
    let scene = large();
    let site = Site::new(&scene, 40_000, 100);
    let mut builder = site.begin();
    site.add(&mut builder, 0..1500);
    let built = site.finish(builder);
    scene.apply(&built, 1500..4000);
    built.checkpoint().unwrap();
    assert_same(&scene, 4000, &built);
    built.close().unwrap();
    assert_same(&scene, 4000, &HybridStore::open(site.path()).unwrap());
}
