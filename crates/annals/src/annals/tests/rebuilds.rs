//! Generations made, kept, gone back to, and cut off in their making.

use annals_storage::KvStore;

use super::*;
use crate::{generations, remove_generation, rollback};

/// The names of the generations, and what each is.
fn shown(dir: &Path) -> Vec<(String, &'static str)> {
    let kind = |status: &crate::GenerationStatus| match (status.current, status.kept, status.finished) {
        (true, false, true) => "answers",
        (false, true, true) => "kept",
        (false, false, false) => "begun",
        _ => "odd",
    };
    generations(dir).unwrap().iter().map(|status| (status.name.clone(), kind(status))).collect()
}

fn with(expected: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    expected.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
}

const KEEP: RebuildOptions =
    RebuildOptions { accept: false, keep_old: true, throttle_bytes_per_second: None, start_over: false };

#[test]
fn going_back_and_rebuilding_never_loses_a_generation_that_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    let error = rollback(dir.path()).unwrap_err();
    assert!(matches!(error, Error::NoFormer { .. }), "{error}");
    let rebuilt = rebuild(dir.path(), &KEEP, &mut |_| {}).unwrap();
    assert_eq!(rebuilt.kept.as_deref(), Some("gen-000001"));
    assert_eq!(rebuilt.generation.as_deref(), Some("gen-000002"));
    assert_eq!(shown(dir.path()), with(&[("gen-000001", "kept"), ("gen-000002", "answers")]));
    // One way back is kept, not all of them.
    rebuild(dir.path(), &KEEP, &mut |_| {}).unwrap();
    assert_eq!(shown(dir.path()), with(&[("gen-000002", "kept"), ("gen-000003", "answers")]));

    let annals = Annals::open(dir.path()).unwrap();
    assert_eq!(held(&annals).0, [STORE_CURSOR, "store.gen-000002"], "the journal holds what it would need");
    annals.append(&claim(777)).unwrap();
    annals.catch_up().unwrap();
    annals.close().unwrap();
    let back = rollback(dir.path()).unwrap();
    assert_eq!(
        (back.from.as_deref(), back.to.as_str(), back.records_to_apply),
        (Some("gen-000003"), "gen-000002", 1)
    );
    assert_eq!(shown(dir.path()), with(&[("gen-000002", "answers"), ("gen-000003", "kept")]));
    let annals = Annals::open(dir.path()).unwrap();
    annals.catch_up().unwrap();
    assert!(annals.get(&claim(777).id().unwrap()).unwrap().is_some(), "it has caught up");
    assert_eq!(held(&annals).0, [STORE_CURSOR, "store.gen-000003"]);
    annals.close().unwrap();

    // The newer one, kept, outlives a rebuild, and its number is not used again.
    assert_eq!(rebuild_at(dir.path()).same, Some(true));
    assert_eq!(shown(dir.path()), with(&[("gen-000003", "kept"), ("gen-000004", "answers")]));
    let back = rollback(dir.path()).unwrap();
    assert_eq!((back.to.as_str(), back.records_to_apply), ("gen-000003", 0));
    // Going back again undoes it.
    assert_eq!(rollback(dir.path()).unwrap().to, "gen-000004");
    assert!(matches!(remove_generation(dir.path(), "gen-000004"), Err(Error::Store(_))));
    assert!(matches!(remove_generation(dir.path(), "gen-000009"), Err(Error::NoGeneration { .. })));
    remove_generation(dir.path(), "gen-000003").unwrap();
    assert_eq!(shown(dir.path()), with(&[("gen-000004", "answers")]));
    assert_eq!(held(&Annals::open(dir.path()).unwrap()).0, [STORE_CURSOR]);
    assert!(verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
}

#[test]
fn a_store_that_cannot_be_used_is_kept_too_when_somebody_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    rebuild(dir.path(), &KEEP, &mut |_| {}).unwrap();
    fs::write(dir.path().join("store/gen-000002/index.redb"), b"no index").unwrap();
    assert_eq!(rollback(dir.path()).unwrap().from.as_deref(), Some("gen-000002"));
    assert_eq!(shown(dir.path()), with(&[("gen-000001", "answers"), ("gen-000002", "kept")]));
    assert!(verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
    // Back to the broken one is refused, and changes nothing.
    assert!(matches!(rollback(dir.path()), Err(Error::Store(_))));
    assert_eq!(shown(dir.path()), with(&[("gen-000001", "answers"), ("gen-000002", "kept")]));
}

/// Begins a rebuild and lets it die, by a panic in its progress, once it has applied so many records; everything it
/// wrote stays as a killed process would leave it, but for what it had not checkpointed.
fn cut_off(dir: &Path, records: u64) {
    let options = RebuildOptions { throttle_bytes_per_second: Some(200_000), ..RebuildOptions::default() };
    let died = std::panic::catch_unwind(|| {
        rebuild(dir, &options, &mut |progress| assert!(progress.records < records, "killed"))
    });
    assert!(died.is_err(), "it was cut off");
}

/// Lets a rebuild die as soon as it is in this phase.
fn cut_off_in(dir: &Path, phase: RebuildPhase) {
    let died = std::panic::catch_unwind(|| {
        rebuild(dir, &RebuildOptions::default(), &mut |progress| assert_ne!(progress.phase, phase, "killed"))
    });
    assert!(died.is_err(), "it was cut off");
}

#[test]
fn a_rebuild_that_is_cut_off_while_it_writes_goes_on_with_what_it_has_sorted() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    cut_off_in(dir.path(), RebuildPhase::Writing);
    assert!(dir.path().join("store/gen-000002/bulk/spill").exists());
    assert_eq!(shown(dir.path()), with(&[("gen-000001", "answers"), ("gen-000002", "begun")]));
    let rebuilt = rebuild_at(dir.path());
    assert_eq!((rebuilt.records, rebuilt.same), (0, Some(true)), "nothing is read again");
    assert!(!dir.path().join("store/gen-000002/bulk").exists());
    assert!(verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
}

#[test]
fn a_rebuild_that_was_cut_off_is_gone_on_with_unless_it_is_to_start_over() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    for start_over in [false, true] {
        cut_off(dir.path(), 30);
        assert_eq!(shown(dir.path()).last().unwrap().1, "begun");
        // Whoever opens the data meanwhile leaves it alone.
        Annals::open(dir.path()).unwrap().close().unwrap();
        let options = RebuildOptions { start_over, ..RebuildOptions::default() };
        let mut first = None;
        let rebuilt = rebuild(dir.path(), &options, &mut |progress| {
            if progress.phase == RebuildPhase::Building {
                first.get_or_insert((progress.done, progress.records));
            }
        })
        .unwrap();
        assert_eq!((rebuilt.same, rebuilt.switched), (Some(true), true), "{:?}", rebuilt.difference);
        assert_eq!(rebuilt.resumed_at.is_some(), !start_over);
        assert_eq!(rebuilt.records < 105, !start_over, "{} records", rebuilt.records);
        let from = rebuilt.resumed_at.map_or(0, Offset::get);
        assert_eq!(first, Some((from, 0)), "progress begins where it went on");
        assert_eq!(shown(dir.path()).len(), 1);
    }
    assert!(verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
}

#[test]
fn g5_what_was_begun_from_another_log_or_cannot_be_read_is_begun_anew() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    closed(here.path());
    closed(there.path());
    cut_off(there.path(), 30);
    let foreign = there.path().join("store/gen-000002");
    let ours = here.path().join("store/gen-000002");
    fs::rename(&foreign, &ours).unwrap();
    // The note says another log.
    assert_eq!(rebuild_at(here.path()).resumed_at, None);
    // The note says this log, and the store says another.
    cut_off(there.path(), 30);
    cut_off(here.path(), 30);
    let ours = here.path().join("store/gen-000003");
    let note = fs::read(ours.join("rebuild.json")).unwrap();
    fs::remove_dir_all(&ours).unwrap();
    fs::rename(&foreign, &ours).unwrap();
    fs::write(ours.join("rebuild.json"), note).unwrap();
    let rebuilt = rebuild_at(here.path());
    assert_eq!((rebuilt.resumed_at, rebuilt.same), (None, Some(true)));
    // What was kept does not verify, or is not there.
    cut_off(here.path(), 30);
    let spill = here.path().join("store/gen-000004/bulk/spill");
    let mut bytes = fs::read(&spill).unwrap();
    bytes[100] ^= 1;
    fs::write(&spill, bytes).unwrap();
    let rebuilt = rebuild_at(here.path());
    assert_eq!((rebuilt.resumed_at, rebuilt.same), (None, Some(true)));
    cut_off(here.path(), 30);
    fs::remove_file(here.path().join("store/gen-000005/bulk/note")).unwrap();
    let rebuilt = rebuild_at(here.path());
    assert_eq!((rebuilt.resumed_at, rebuilt.same), (None, Some(true)));
    // It is a store already, and cannot be read.
    cut_off_in(here.path(), RebuildPhase::Switching);
    fs::write(here.path().join("store/gen-000006/index.redb"), b"no index").unwrap();
    let rebuilt = rebuild_at(here.path());
    assert_eq!((rebuilt.resumed_at, rebuilt.same), (None, Some(true)));
    assert!(verify_at(here.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
}

#[test]
fn an_old_generation_that_somebody_still_reads_goes_when_they_are_done() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let old = annals.store();
    annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(annals.lineage.generations.list().unwrap().len(), 2, "it is still read");
    annals.lineage.remove_waiting();
    assert!(old.snapshot().unwrap().get(&claim(3).id().unwrap()).unwrap().is_some());
    // Nor is it in the way of the next one.
    annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
    drop(old);
    annals.close().unwrap();
    assert_eq!(shown(dir.path()), with(&[("gen-000003", "answers")]));
}

#[test]
fn waits_and_questions_go_on_through_every_switch() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let done = AtomicBool::new(false);
    let mut asked_within = 0;
    std::thread::scope(|scope| {
        let (annals, done) = (&annals, &done);
        let writer = scope.spawn(move || {
            for i in 2000.. {
                let receipt = annals.append(&claim(i)).unwrap();
                annals.wait_for(receipt.next, SOON).unwrap();
                assert!(annals.get(&receipt.id).unwrap().is_some(), "what was waited for is there");
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for _ in 0..5 {
            annals
                .rebuild(&RebuildOptions::default(), &mut |progress| {
                    if progress.phase == RebuildPhase::Switching {
                        // The worker rests, and a question is answered at once.
                        assert_eq!(
                            annals.subject("subject 3", None, 100).unwrap()[0].record().unwrap(),
                            claim(3)
                        );
                        asked_within += 1;
                    }
                })
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    assert!(asked_within >= 5);
}

#[test]
fn a_difference_that_is_not_accepted_leaves_everything_as_it_was() {
    // One log that went two ways, with the same last record at the same place: no cursor can tell.
    let (this, that) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (this, that) = (this.path().join("data"), that.path().join("data"));
    filled(&this).close().unwrap();
    assert!(std::process::Command::new("cp").arg("-r").args([&this, &that]).status().unwrap().success());
    for (dir, between) in [(&this, claim(5000)), (&that, claim(7000))] {
        let annals = Annals::open(dir).unwrap();
        annals.append_batch(&[between, claim(9999)]).unwrap();
        annals.catch_up().unwrap();
        annals.close().unwrap();
    }
    fs::remove_dir_all(this.join("store")).unwrap();
    fs::rename(that.join("store"), this.join("store")).unwrap();

    let annals = Annals::open(&this).unwrap();
    let found = |i| annals.get(&claim(i).id().unwrap()).unwrap().is_some();
    let rebuilt = annals.rebuild(&KEEP, &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, rebuilt.switched, rebuilt.kept), (Some(false), false, None));
    assert_eq!(rebuilt.generation.as_deref(), Some("gen-000001"));
    assert_eq!((found(5000), found(7000)), (false, true));
    assert_eq!(shown(&this), with(&[("gen-000001", "answers")]));
    let receipt = annals.append(&claim(8000)).unwrap();
    annals.wait_for(receipt.next, SOON).unwrap();
    let rebuilt = annals.rebuild(&RebuildOptions { accept: true, ..KEEP }, &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, rebuilt.switched), (Some(false), true));
    assert_eq!((found(5000), found(7000), found(8000)), (true, false, true));
    assert_eq!(shown(&this), with(&[("gen-000001", "kept"), ("gen-000002", "answers")]));
}

#[test]
fn what_is_gone_on_with_may_be_ahead_of_the_worker_and_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let generation = closed(dir.path());
    let journal = Journal::open(dir.path().join("journal")).unwrap();
    let claims: Vec<_> = (1000..5000).map(|i| claim(i).payload().unwrap()).collect();
    for some in claims.chunks(5) {
        journal.append_batch(some).unwrap();
    }
    journal.close().unwrap();
    // Built to the journal's end while the old store could not be read, and cut off just before it was to answer.
    let aside = dir.path().join("aside");
    fs::rename(&generation, &aside).unwrap();
    fs::create_dir(&generation).unwrap();
    cut_off_in(dir.path(), RebuildPhase::Switching);
    fs::remove_dir_all(&generation).unwrap();
    fs::rename(&aside, &generation).unwrap();

    crate::pause(dir.path(), STORE_CURSOR).unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    let end = annals.journal().durable();
    let mut behind = false;
    let rebuilt = annals
        .rebuild(&RebuildOptions::default(), &mut |progress| {
            if progress.phase == RebuildPhase::Building {
                behind |= annals.store().snapshot().unwrap().as_of() < end;
                annals.resume(STORE_CURSOR).unwrap();
            }
        })
        .unwrap();
    assert!(behind, "the worker had caught up");
    assert_eq!((rebuilt.resumed_at, rebuilt.records), (Some(end), 0));
    assert_eq!((rebuilt.same, rebuilt.switched), (Some(true), true), "{:?}", rebuilt.difference);
}

#[test]
fn after_a_switch_it_is_the_new_store_of_which_an_older_copy_would_be_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    assert!(annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap().switched);
    annals.append(&claim(200)).unwrap();
    annals.catch_up().unwrap();
    let end = annals.journal().durable();
    annals.close().unwrap();
    let store = HybridStore::open_existing(dir.path().join("store/gen-000002")).unwrap();
    assert_eq!(store.seen_at(&dir.path().join("store.seen")).unwrap(), Some(end));
    // Its owner's last word is what the list of generations says of it.
    let status = generations(dir.path()).unwrap().remove(0);
    assert_eq!((status.as_of, status.digest), (Some(end), Some(store.digests().unwrap().to_string())));
}

#[test]
fn a_rebuild_of_a_log_whose_beginning_is_gone_begins_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    for i in 777..779 {
        annals.journal().seal().unwrap();
        annals.append(&claim(i)).unwrap();
    }
    annals.catch_up().unwrap();
    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    let plan = annals.journal().plan(&annals_journal::Keep::Newest).unwrap();
    assert!(
        !annals.journal().apply(&plan, annals_journal::Consent::default()).unwrap().is_empty(),
        "something was purged"
    );
    annals.close().unwrap();
    let error = rebuild(dir.path(), &RebuildOptions::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Ingest(annals_ingest::Error::Refused { .. })), "{error:?}");
    assert_eq!(shown(dir.path()), with(&[("gen-000001", "answers")]));
}
