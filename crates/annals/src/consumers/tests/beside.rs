//! What other processes see, and what they can have a consumer do.

use super::*;
use crate::{pause, plan_seek, resume, seek};

/// How the consumer of this name stands, once it is as wanted.
fn once(dir: &Path, name: &str, wanted: impl Fn(&ConsumerStatus) -> bool) -> ConsumerStatus {
    let owner = annals_journal::holder();
    loop {
        let found = cursors(dir, Some(&owner)).unwrap().into_iter().find(|status| status.name == name);
        match found {
            Some(status) if wanted(&status) => return status,
            _ => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}

#[test]
fn a_pause_from_beside_is_obeyed_within_a_moment_and_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 3);
    let sink = Arc::new(Ledger::default());
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    for name in ["mailer", "store"] {
        pause(dir.path(), name).unwrap();
        let status = once(dir.path(), name, |status| status.state == ConsumerState::Paused);
        assert_eq!((status.next, status.durable), (Some(end(&annals)), Some(end(&annals))));
    }
    annals.append(&claim(4)).unwrap();
    assert!(matches!(consumer.wait_for(end(&annals), SOON), Err(Error::Paused { .. })));
    assert!(matches!(annals.wait_for(end(&annals), SOON), Err(Error::Paused { .. })));
    let seen = status_beside(dir.path()).unwrap();
    assert_eq!((seen.lag.records, seen.catch_up), (1, None));
    assert!(seen.consumers.iter().all(|consumer| consumer.state == ConsumerState::Paused));
    for name in ["mailer", "store"] {
        assert!(resume(dir.path(), name).unwrap());
        once(dir.path(), name, |status| {
            status.state == ConsumerState::CaughtUp && status.next == Some(end(&annals))
        });
    }
    assert_eq!(sink.kept().len(), all.len() + 1);
}

#[test]
fn co4_a_seek_from_beside_has_it_apply_again_or_skip_and_a_refusal_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 10);
    let sink = Arc::new(Ledger::default());
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    let stands = |status: &ConsumerStatus| status.next == Some(end(&annals)) && status.seek.is_none();
    once(dir.path(), "mailer", stands);

    let back = plan_seek(dir.path(), "mailer", all[4]).unwrap();
    assert_eq!((back.from, back.records, back.skips()), (Some(end(&annals)), 6, false));
    assert_eq!(back.bytes, end(&annals).get() - all[4].get());
    assert!(!seek(dir.path(), &back).unwrap());
    while sink.kept().len() < 16 {}
    assert_eq!(sink.kept(), [&all[..], &all[4..]].concat());
    once(dir.path(), "mailer", stands);

    // It does not run: what is asked for is done before it applies anything.
    consumer.stop().unwrap();
    let late: Vec<_> = (0..5).map(|i| annals.append(&claim(100 + i)).unwrap().offset).collect();
    let forth = plan_seek(dir.path(), "mailer", late[3]).unwrap();
    assert_eq!((forth.records, forth.skips()), (3, true));
    assert!(!seek(dir.path(), &forth).unwrap());
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    assert_eq!(sink.kept()[16..], late[3..]);
    assert_eq!(held(&annals, "mailer").map(|at| at >= late[3]), Some(true));
    assert_eq!(cursors(dir.path(), None).unwrap()[1].seek, None);
}

#[test]
fn what_cannot_be_moved_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 3);
    let refused = plan_seek(dir.path(), "store", all[1]).unwrap_err();
    assert!(refused.to_string().contains("`annals rebuild`"), "{refused}");
    assert!(matches!(plan_seek(dir.path(), "nobody", all[1]), Err(Error::NoConsumer { .. })));

    // A store as a consumer's sink: asked of beside, it refuses, and the consumer goes on.
    let second = Arc::new(crate::HybridStore::open(dir.path().join("second")).unwrap());
    let consumer = annals.consumer("second", Arc::clone(&second)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    let refused = consumer.seek(all[1]).unwrap_err();
    assert!(refused.to_string().contains("rebuild it (`annals rebuild`)"), "{refused}");
    seek(dir.path(), &plan_seek(dir.path(), "second", all[1]).unwrap()).unwrap();
    let asked = |status: &ConsumerStatus| status.seek.as_ref().is_some_and(|seek| seek.refused.is_some());
    let told = once(dir.path(), "second", asked).seek.unwrap();
    assert!(told.refused.unwrap().contains("cannot be moved"));
    annals.append(&claim(9)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    drop(consumer);
    assert!(annals.forget_consumer("second").unwrap());
}

#[test]
fn a_named_cursor_of_an_application_is_listed_moved_and_forgotten_and_not_paused() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 5);
    drop(annals.journal().cursor_at("mine", all[2]).unwrap());
    let listed = cursors(dir.path(), None).unwrap();
    assert_eq!(
        (listed[1].name.as_str(), listed[1].kind, listed[1].next),
        ("mine", ConsumerKind::Named, Some(all[2]))
    );
    for to in [all[4], all[1]] {
        let plan = plan_seek(dir.path(), "mine", to).unwrap();
        assert!(seek(dir.path(), &plan).unwrap());
        assert_eq!(held(&annals, "mine"), Some(to));
    }
    let refused = pause(dir.path(), "mine").unwrap_err();
    assert!(matches!(refused, Error::WrongKind { kind: ConsumerKind::Named, .. }), "{refused}");
    let held_by_us = annals.journal().cursor("mine").unwrap();
    let plan = plan_seek(dir.path(), "mine", all[3]).unwrap();
    assert!(matches!(seek(dir.path(), &plan), Err(Error::Journal(annals_journal::Error::Locked { .. }))));
    drop(held_by_us);
    crate::forget(dir.path(), "mine").unwrap();
    assert_eq!(cursors(dir.path(), None).unwrap().len(), 1);
    assert!(matches!(crate::forget(dir.path(), "store"), Err(Error::WrongKind { .. })));
}

#[test]
fn once_nobody_has_the_data_a_consumer_is_listed_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, _) = filled(dir.path(), 3);
    let sink = Arc::new(Ledger::default());
    let consumer = annals.consumer("mailer", sink).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    let stood = end(&annals);
    once(dir.path(), "mailer", |status| status.state == ConsumerState::CaughtUp);
    let at_work = std::fs::read(dir.path().join("status.json")).unwrap();
    drop(consumer);
    annals.close().unwrap();
    // Killed, it would have said last that it works.
    let said_last = std::fs::read(dir.path().join("status.json")).unwrap();
    std::fs::write(dir.path().join("status.json"), at_work).unwrap();
    let killed = cursors(dir.path(), None).unwrap();
    assert!(killed.iter().all(|status| status.state == ConsumerState::NotRunning), "{killed:?}");
    let begun = cursors(dir.path(), Some("process 1 (another)")).unwrap();
    assert!(begun.iter().all(|status| status.state == ConsumerState::Starting), "{begun:?}");
    std::fs::write(dir.path().join("status.json"), said_last).unwrap();
    // Another run, in which it is not registered, and says nothing of it.
    Annals::open(dir.path()).unwrap().close().unwrap();
    let listed = cursors(dir.path(), None).unwrap();
    let status = &listed[1];
    assert_eq!((status.name.as_str(), status.kind), ("mailer", ConsumerKind::Consumer));
    assert_eq!(
        (status.state, status.next, status.holds),
        (ConsumerState::NotRunning, Some(stood), Some(stood))
    );
    assert_eq!(listed[0].state, ConsumerState::NotRunning);
}
