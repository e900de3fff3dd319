use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_record::{Assertion, Epoch, Stance, Value, Vote};

use super::*;
use crate::{Added, Index, VerifyParts, digest_beside, rebuild, status_beside, verify_at};

mod another_log;
mod backpressure;
mod rebuilds;

const SOON: Duration = Duration::from_secs(60);

fn claim(i: usize) -> Record {
    Record::Assertion(Assertion::new(format!("subject {}", i % 7), "says", Value::Int(i as i64)))
}

fn vote(on: &Record, voter: &str, stance: Stance) -> Record {
    Record::Vote(Vote::new(on.id().unwrap(), voter, stance))
}

/// A knowledge base with 100 claims, some votes, an epoch, and a payload that is no record.
fn filled(dir: &Path) -> Annals {
    let annals = Annals::open(dir).unwrap();
    let claims: Vec<_> = (0..100).map(claim).collect();
    annals.append_batch(&claims).unwrap();
    for voter in ["a", "b", "c"] {
        annals.append(&vote(&claims[3], voter, Stance::For)).unwrap();
    }
    annals.append(&Record::Epoch(Epoch::new("now"))).unwrap();
    annals.journal().append([7; 40]).unwrap();
    annals.catch_up().unwrap();
    annals
}

fn closed(dir: &Path) -> PathBuf {
    filled(dir).close().unwrap();
    let store = dir.join("store");
    let generation = fs::read_to_string(store.join("CURRENT")).unwrap();
    store.join(generation.trim())
}

fn rebuild_at(dir: &Path) -> Rebuilt {
    rebuild(dir, &RebuildOptions::default(), &mut |_| {}).unwrap()
}

#[test]
fn what_was_appended_can_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let third = claim(3).id().unwrap();
    assert_eq!(annals.get(&third).unwrap().unwrap().record().unwrap(), claim(3));
    assert_eq!(annals.subject("subject 3", None, 100).unwrap().len(), 14);
    assert_eq!(annals.tally(&third).unwrap().unwrap().for_voters, 3);
    assert_eq!(annals.votes(&third, None, 100).unwrap().len(), 3);
    assert!(annals.epoch(&EpochId::of("now")).unwrap().is_some());
    let status = annals.status().unwrap();
    let store = status.store.unwrap();
    assert_eq!((store.counts.assertions, store.counts.votes, store.counts.epochs), (100, 3, 1));
    assert_eq!((store.counts.subjects, store.counts.dead_letters), (7, 1));
    assert_eq!((status.lag.records, status.journal.records), (0, 105));
}

#[test]
fn a_wait_ends_when_the_time_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let beyond = Offset::new(annals.journal().durable().get() + 1);
    let error = annals.wait_for(beyond, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn an_import_appends_each_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let mut importer = annals.importer().unwrap();
    assert!(
        matches!(importer.add(&claim(5)).unwrap(), Added::Duplicate { first: Some(_) }),
        "it stands in the log"
    );
    assert_eq!(importer.add(&claim(500)).unwrap(), Added::Queued);
    assert_eq!(importer.add(&claim(500)).unwrap(), Added::Duplicate { first: None }, "it is queued");
    let receipts = importer.flush().unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(importer.add(&claim(500)).unwrap(), Added::Duplicate { first: Some(receipts[0].offset) });
    annals.wait_for(receipts[0].next, SOON).unwrap();
    assert!(importer.flush().unwrap().is_empty());
    assert_eq!(importer.add(&claim(500)).unwrap(), Added::Duplicate { first: Some(receipts[0].offset) });
    assert_eq!(annals.status().unwrap().journal.records, 106);
}

#[test]
fn a_rebuild_beside_a_busy_writer_gives_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (annals, done) = (&annals, &done);
        scope.spawn(move || {
            for i in 1000.. {
                annals.append(&claim(i)).unwrap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..3 {
            let rebuilt = annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
            assert_eq!(rebuilt.same, Some(true), "{:?}", rebuilt.difference);
            assert!(rebuilt.switched && rebuilt.records >= 105);
            assert!(annals.get(&claim(3).id().unwrap()).unwrap().is_some());
        }
        done.store(true, Ordering::Relaxed);
    });
    annals.catch_up().unwrap();
    assert!(annals.verify(&mut |_, _, _| {}).unwrap().is_ok());
    assert_eq!(annals.lineage.generations.list().unwrap().len(), 1, "the old ones are gone");
}

#[test]
fn a_store_that_is_gone_or_broken_is_rebuilt_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let generation = closed(dir.path());
    let sound = rebuild_at(dir.path());
    assert_eq!(sound.same, Some(true), "{:?}", sound.difference);

    fs::remove_dir_all(dir.path().join("store")).unwrap();
    let rebuilt = rebuild_at(dir.path());
    assert_eq!((rebuilt.same, rebuilt.switched, rebuilt.digests), (None, true, sound.digests));

    fs::write(generation.join("index.redb"), b"no index").unwrap();
    assert!(matches!(Annals::open(dir.path()), Err(Error::Store(_))));
    assert!(!verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
    let rebuilt = rebuild_at(dir.path());
    assert_eq!((rebuilt.same, rebuilt.switched, rebuilt.digests), (None, true, sound.digests));
    assert!(rebuilt.difference.is_some(), "it says why the old one could not be read");
    assert!(verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok());
}

#[test]
fn a_store_of_another_journal_is_refused_and_rebuilt() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    closed(here.path());
    closed(there.path());
    fs::remove_dir_all(here.path().join("store")).unwrap();
    fs::rename(there.path().join("store"), here.path().join("store")).unwrap();
    let annals = Annals::open(here.path()).unwrap();
    let error = annals.catch_up().unwrap_err();
    assert!(error.to_string().contains("belongs to log"), "{error}");
    assert!(annals.status().unwrap().store.unwrap().worker_error.is_some());
    drop(annals);
    assert_eq!(rebuild_at(here.path()).same, None);
    Annals::open(here.path()).unwrap().catch_up().unwrap();
}

#[test]
fn damage_in_the_journal_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    let segment = dir.path().join("journal/0000000000000000.wal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4096 + 60] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let verified = verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap();
    assert_eq!(verified.journal.as_ref().unwrap().damaged[0].offset, Offset::ZERO);
    let Some(Index::Checked { walk, compared }) = &verified.index else { panic!("the store can be read") };
    assert!(walk.is_sound());
    assert!(compared.as_ref().unwrap_err().contains("damaged at offset 0"));
    let annals = Annals::open(dir.path()).unwrap();
    assert!(annals.append(&claim(1)).is_err());
    assert!(annals.get(&claim(3).id().unwrap()).unwrap().is_some(), "the store still answers");
}

#[test]
fn another_process_sees_the_state_of_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let until = Instant::now() + SOON;
    let seen = loop {
        let seen = status_beside(dir.path()).unwrap();
        if seen.store.as_ref().is_some_and(|store| store.counts.assertions == 100) {
            break seen;
        }
        assert!(Instant::now() < until, "the owner says every second how far it is");
        std::thread::yield_now();
    };
    assert_eq!(seen.owner, Some(annals_journal::holder()));
    assert_eq!(seen.journal.records, 105);
    assert!(matches!(Annals::open(dir.path()), Err(Error::Locked { .. })));
    let said = digest_beside(dir.path()).unwrap().unwrap();
    let own = annals.digest().unwrap();
    assert_eq!((&said.sums, &said.families, said.owner), (&own.sums, &own.families, seen.owner));
    annals.close().unwrap();
    // The file is a hint, and anybody's: what is no digest is not repeated.
    let status = dir.path().join("status.json");
    let words = fs::read_to_string(&status).unwrap();
    fs::write(&status, words.replace(&own.sums.votes, "\\u001b[2J")).unwrap();
    assert_eq!(digest_beside(dir.path()).unwrap(), None);
    let seen = status_beside(dir.path()).unwrap();
    assert_eq!((seen.owner, seen.lag.records), (None, 0));
}

/// The example of the system this grew out of, line for line.
#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_behind_an_async_mutex_is_ingested_in_the_background() {
    use annals_storage::KvStore;
    use tokio::sync::Mutex;

    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(Mutex::new(Journal::open(dir.path().join("wal")).unwrap()));
    let store = Arc::new(HybridStore::open(dir.path().join("db")).unwrap());

    let mut ingestor = Ingestor::new(journal.clone(), store.clone());
    ingestor.start();

    let assertion = Assertion::new("water", "boils at", Value::from("100 °C"));
    let payload = annals_record::serialize_assertion(&assertion).unwrap();
    let appended = journal.lock().await.append(payload).unwrap();

    let ingestor = tokio::task::spawn_blocking(move || {
        ingestor.wait_for(appended.next, SOON).unwrap();
        ingestor
    });
    drop(ingestor.await.unwrap());
    assert_eq!(store.counts().unwrap().assertions, 1);
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn futures_append_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Arc::new(Annals::open(dir.path()).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let annals = Arc::clone(&annals);
            tokio::spawn(async move { annals.append_async(&claim(i)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    annals.catch_up().unwrap();
    assert_eq!(annals.status().unwrap().store.unwrap().counts.assertions, 50);
}

/// The names of the journal's cursors, and what retention could remove if nothing but the newest were wanted.
fn held(annals: &Annals) -> (Vec<String>, usize) {
    let cursors = annals.journal().cursors().unwrap();
    let plan = annals.journal().plan(&annals_journal::Keep::Newest).unwrap();
    (cursors.into_iter().map(|cursor| cursor.name).collect(), plan.purge.len())
}

#[test]
fn the_store_holds_what_a_rebuild_needs_until_somebody_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    for i in 0..4 {
        annals.append(&claim(i)).unwrap();
        annals.journal().seal().unwrap();
    }
    assert_eq!(held(&annals), (vec![STORE_CURSOR.to_owned()], 0));
    annals.close().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    assert_eq!(held(&annals), (vec![], 3));
    annals.close().unwrap();
    // Their word stands: it is not made again.
    let annals = Annals::open(dir.path()).unwrap();
    assert_eq!(held(&annals), (vec![], 3));
}

#[test]
fn a_store_cursor_that_was_never_made_is_made_at_the_next_open() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    fs::remove_dir_all(dir.path().join("journal/cursors")).unwrap();
    let verified = verify_at(dir.path(), VerifyParts::default(), &mut |_, _, _| {}).unwrap();
    assert!(verified.is_ok() && !dir.path().join("journal/cursors").exists(), "a check makes none");
    let annals = Annals::open(dir.path()).unwrap();
    assert_eq!(held(&annals).0, [STORE_CURSOR]);
    annals.close().unwrap();
    // Cut off between the directory and the cursor, before anything was appended.
    let dir = tempfile::tempdir().unwrap();
    Annals::open(dir.path()).unwrap().close().unwrap();
    fs::remove_file(dir.path().join("journal/cursors/store.cursor")).unwrap();
    assert_eq!(held(&Annals::open(dir.path()).unwrap()).0, [STORE_CURSOR]);
}
