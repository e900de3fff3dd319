use super::*;

const DAY: i64 = 86_400;

fn jump(scene: &Scene, age_seconds: u64) -> Option<ClockJump> {
    let plan = scene.journal.plan(&Keep::Age(Duration::from_secs(age_seconds))).unwrap();
    assert_eq!(plan, scene.reader().plan(&plan.keep).unwrap());
    plan.clock
}

fn seconds(at: Offset, from: i64, to: i64) -> Option<ClockJump> {
    Some(ClockJump { at, from_micros: from * SECOND, to_micros: to * SECOND })
}

#[test]
fn a_clock_that_leaps_forth_expires_nothing_without_consent() {
    let scene = Scene::at(&[1000, 1001, 1002 + 10 * DAY, 1003 + 10 * DAY]);
    assert_eq!(jump(&scene, 7200), seconds(base(2), 1001, 1002 + 10 * DAY));
    let plan = scene.journal.plan(&Keep::Age(Duration::from_secs(7200))).unwrap();
    assert_eq!(plan.purge.len(), 2);
    let error = scene.journal.apply(&plan, Consent::default()).unwrap_err();
    assert!(matches!(error, Error::ClockJumped { at, .. } if at == base(2)), "{error}");
    assert_eq!((error.kind(), scene.bases().len()), (Kind::Fix, 4));
    // A policy without ages asks no clock.
    assert_eq!(scene.journal.plan(&Keep::Segments(3)).unwrap().clock, None);
    assert_eq!(scene.purge(Keep::Segments(3)).len(), 1);
    let plan = scene.journal.plan(&plan.keep).unwrap();
    assert_eq!(scene.journal.apply(&plan, Consent { clock_jump: true }).unwrap().len(), 1);
    assert_eq!(jump(&scene, 7200), None, "the step went with what lay before it");
}

#[test]
fn steps_up_to_a_minute_and_up_to_the_age_are_none() {
    let scene = Scene::at(&[1000, 940, 1000, 1060, 1120]);
    assert_eq!(jump(&scene, 1), None);
    assert_eq!(scene.purge(Keep::Age(Duration::from_secs(61))).len(), 3);
    let scene = Scene::at(&[1000, 939, 1000]);
    assert_eq!(jump(&scene, 1), seconds(base(1), 1000, 939));
    let scene = Scene::at(&[1000, 1061]);
    assert_eq!(jump(&scene, 1), seconds(base(1), 1000, 1061));
    assert_eq!(jump(&scene, 61), None);
}

#[test]
fn a_clock_that_goes_back_is_no_age() {
    let scene = Scene::at(&[1000, 1001 + DAY, 1002, 1003]);
    assert_eq!(jump(&scene, 2 * DAY as u64), seconds(base(2), 1001 + DAY, 1002));
    // The newest time is what the log has seen, not what came last; without consent nothing goes by it.
    let plan = scene.journal.plan(&Keep::Age(Duration::from_secs(7200))).unwrap();
    assert_eq!(plan.purge.len(), 1);
    assert!(scene.journal.apply(&plan, Consent::default()).is_err());
    scene.clock.0.store((DAY + 1001 - 61) * SECOND, Ordering::SeqCst);
    let scene = Scene::at(&[1000, 1001]);
    scene.clock.0.store((1001 - 60) * SECOND, Ordering::SeqCst);
    assert_eq!(jump(&scene, 7200), None);
    scene.clock.0.store((1001 - 61) * SECOND, Ordering::SeqCst);
    assert_eq!(jump(&scene, 7200), seconds(records_end(1), 1001, 940), "the system's clock");
}

#[test]
fn a_step_within_a_segment_is_found_too() {
    let small = |scene: &Scene, second: i64| {
        scene.clock.0.store(second * SECOND, Ordering::SeqCst);
        scene.journal.append("small").unwrap().offset
    };
    let scene = Scene::at(&[1000, 1001]);
    for second in [1002, 1003] {
        small(&scene, second);
    }
    let at = small(&scene, 1004 + 10 * DAY);
    assert_eq!(jump(&scene, 7200), seconds(at, 1003, 1004 + 10 * DAY), "in the active segment");
    scene.append(2, 1005 + 10 * DAY);
    assert_eq!(jump(&scene, 7200), seconds(at, 1003, 1004 + 10 * DAY), "in a sealed one");
    // Days that pass group by group are no step.
    let scene = Scene::at(&[1000]);
    for hour in 1..100 {
        small(&scene, 1000 + 3600 * hour);
    }
    assert_eq!(jump(&scene, 7200), None);
}

#[test]
fn the_time_of_the_last_group_is_found_behind_large_ones() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands::default());
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let journal =
        Journal::open_on(Arc::new(RealDisk), Arc::clone(&clock) as Arc<dyn Clock>, dir.path(), options)
            .unwrap();
    for (i, len) in [10, 300_000, 10, 200_000, 100_000, 10].into_iter().enumerate() {
        clock.0.store(1000 + i as i64, Ordering::SeqCst);
        journal.append(vec![1; len]).unwrap();
        let (segments, durable) = (journal.core.source.segments(), journal.durable());
        let times = jump::times(&journal.core.source, &segments, durable).unwrap();
        assert_eq!(times, [Some((1000, 1000 + i as i64))]);
    }
}
