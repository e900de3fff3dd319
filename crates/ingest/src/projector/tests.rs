use annals_record::{Kind, MemoryLog, RecordId};
use annals_storage::{Counts, HybridStore, KvStore};

use super::*;
use crate::scene::{assertion, log_of};

struct Stage {
    _dir: tempfile::TempDir,
    log: MemoryLog,
    store: Arc<HybridStore>,
}

impl Stage {
    fn new(log: MemoryLog) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(HybridStore::open(dir.path()).unwrap());
        Self { _dir: dir, log, store }
    }

    fn projector(&self) -> Projector<MemoryLog, HybridStore> {
        Projector::new(Arc::new(self.log.clone()), Arc::clone(&self.store)).unwrap()
    }
}

fn ten() -> MemoryLog {
    log_of((0..10).map(|n| assertion("a", n)))
}

#[test]
fn w1_a_step_applies_a_batch_and_moves_the_cursor_with_it() {
    let stage = Stage::new(ten());
    let mut projector = stage.projector().with_limit(ReadLimit { records: 4, bytes: usize::MAX });
    let mut seen = Vec::new();
    while let Progress::Applied { next, records, .. } = projector.step().unwrap() {
        seen.push(records);
        let snapshot = stage.store.snapshot().unwrap();
        assert_eq!((snapshot.as_of(), projector.cursor().next), (next, next));
        assert_eq!(snapshot.counts().unwrap().assertions, seen.iter().sum::<u64>());
    }
    assert_eq!(seen, [4, 4, 2]);
    assert_eq!(projector.cursor().next, stage.log.end());
    assert_eq!(projector.step().unwrap(), Progress::Idle);
}

#[test]
fn a_failure_that_may_pass_leaves_everything_as_it_was() {
    let stage = Stage::new(ten());
    let mut projector = stage.projector();
    let before = projector.cursor();
    stage.log.fail_reads(1, Kind::Retry);
    assert_eq!(projector.step().unwrap_err().kind(), Kind::Retry);
    assert_eq!(projector.cursor(), before);
    assert_eq!(stage.store.counts().unwrap(), Counts::default());
    assert!(matches!(projector.step(), Ok(Progress::Applied { records: 10, .. })));
}

#[test]
fn damage_in_the_log_stops_after_the_last_record_before_it() {
    let stage = Stage::new(ten());
    let fifth = stage.log.read(Offset::ZERO, ReadLimit { records: 5, bytes: usize::MAX }).unwrap().next();
    stage.log.damage(fifth);
    let mut projector = stage.projector();
    assert!(matches!(projector.step(), Ok(Progress::Applied { records: 5, .. })));
    for _ in 0..2 {
        let error = projector.step().unwrap_err();
        assert!(matches!(&error, Error::Damaged { offset, .. } if *offset == fifth), "{error}");
        assert_eq!(error.kind(), Kind::Stop);
    }
    assert_eq!(stage.store.snapshot().unwrap().as_of(), fifth);
}

#[test]
fn w3_a_record_that_cannot_be_applied_is_parked_and_the_next_goes_on() {
    let stage = Stage::new(log_of([assertion("a", 1), vec![77; 9], vec![200], assertion("a", 2)]));
    let progress = stage.projector().step().unwrap();
    let Progress::Applied { outcome, .. } = progress else { panic!("{progress:?}") };
    assert_eq!(outcome, Outcome { fresh: 2, duplicates: 0, dead_letters: 1, application: 1 });
    let parked = stage.store.snapshot().unwrap().dead_letters(None, 10).unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].id, RecordId::of(&[77; 9]));
}

#[test]
fn a_run_ends_at_its_goal_durable() {
    let stage = Stage::new(ten());
    let goal = stage.log.read(Offset::ZERO, ReadLimit { records: 6, bytes: usize::MAX }).unwrap().next();
    let mut projector = stage.projector().with_limit(ReadLimit { records: 3, bytes: usize::MAX });
    let mut steps = 0;
    let reached = projector.run_to(goal, &Options::default(), &mut |_| {
        steps += 1;
        true
    });
    assert_eq!((reached.unwrap(), steps), (goal, 2));
    assert_eq!(stage.store.durable_cursor().unwrap(), Some(projector.cursor()));

    let until_told = projector.run_to(stage.log.end(), &Options::default(), &mut |_| false).unwrap();
    assert!(until_told > goal && until_told < stage.log.end());
    let whole = projector.run_to(Offset::new(u64::MAX), &Options::default(), &mut |_| true).unwrap();
    assert_eq!(whole, stage.log.end());
}

#[test]
fn w5_damage_is_passed_where_that_is_asked_for_and_the_store_names_it() {
    let stage = Stage::new(ten());
    let fifth = stage.log.read(Offset::ZERO, ReadLimit { records: 5, bytes: usize::MAX }).unwrap().next();
    let sixth = stage.log.read(fifth, ReadLimit { records: 1, bytes: 1 }).unwrap().next();
    stage.log.damage(fifth);
    let options = Options { damage: OnDamage::PassAndList, ..Options::default() };
    let mut projector =
        Projector::with_options(Arc::new(stage.log.clone()), Arc::clone(&stage.store), &options).unwrap();
    let mut records = 0;
    while let Progress::Applied { records: some, .. } = projector.step().unwrap() {
        records += some;
    }
    assert_eq!((records, projector.damaged(), projector.cursor().next), (9, 1, stage.log.end()));
    let passed = stage.store.snapshot().unwrap().passed(None, 9).unwrap();
    let len = sixth.get() - fifth.get();
    assert_eq!(passed, [Passed { offset: fifth, len, detail: "damaged on purpose".to_owned() }]);

    // It is named for as long as the damage lasts, and missed as soon as the log is whole again.
    let compared = crate::compare(&stage.log, &stage.store, &mut |_, _| {}).unwrap();
    assert_eq!((compared.is_same(), compared.passed), (true, passed));
    stage.log.mend(fifth);
    let compared = crate::compare(&stage.log, &stage.store, &mut |_, _| {}).unwrap();
    assert_eq!((compared.is_same(), compared.passed.len(), compared.damaged_total), (false, 0, 1));
}

#[test]
fn w5_damage_of_what_was_applied_last_stops_the_work_unless_it_is_to_be_passed() {
    let stage = Stage::new(ten());
    while stage.projector().step().unwrap() != Progress::Idle {}
    stage.log.damage(stage.store.cursor().unwrap().unwrap().last.unwrap().offset);
    let log = || Arc::new(stage.log.clone());
    let stopped = Projector::new(log(), Arc::clone(&stage.store)).err().unwrap();
    assert!(matches!(stopped, Error::Damaged { .. }), "{stopped}");
    let text = stopped.to_string();
    assert!(
        ["damaged at offset", "on purpose", "salvage", "pass"].iter().all(|word| text.contains(word)),
        "{text}"
    );
    let options = Options { damage: OnDamage::PassAndList, ..Options::default() };
    let mut passing = Projector::with_options(log(), Arc::clone(&stage.store), &options).unwrap();
    assert_eq!(passing.step().unwrap(), Progress::Idle);
}
