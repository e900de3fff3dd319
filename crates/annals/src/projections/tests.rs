use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_journal::{Consent, Keep};
use annals_record::{Assertion, Kind, Record, Value};
use annals_storage::{Projected, ProjectionError, ProjectionTxn};

use super::*;
use crate::consumers::{ConsumerKind, ConsumerState};
use crate::{Query, backup, restore};

const SOON: Duration = Duration::from_secs(60);

/// Counts the assertions of each agent; of another version, their payloads' bytes. It fails where it is told to.
struct Agents {
    version: u32,
    fails_at: AtomicU64,
    /// How many records it has seen.
    seen: AtomicU64,
}

impl Agents {
    fn new(version: u32) -> Arc<Self> {
        Arc::new(Self { version, fails_at: AtomicU64::new(u64::MAX), seen: AtomicU64::new(0) })
    }
}

impl Projection for Agents {
    fn name(&self) -> &str {
        "agents"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        if record.offset.get() >= self.fails_at.load(Ordering::SeqCst) {
            return Err("it has had enough".into());
        }
        let Some(Record::Assertion(Assertion { agent: Some(agent), .. })) = record.record else {
            return Ok(());
        };
        let before =
            txn.get(agent.as_bytes())?.map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()));
        let more = if self.version == 1 { 1 } else { record.payload.len() as u64 };
        txn.put(agent.as_bytes(), &(before + more).to_le_bytes());
        Ok(())
    }
}

/// Keeps nothing.
struct Nothing;

impl Projection for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn version(&self) -> u32 {
        1
    }

    fn apply(&self, _: &Projected<'_>, _: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        Ok(())
    }
}

fn claim(i: usize) -> Record {
    let agent = Some(["ann", "bob"][i % 2].to_owned());
    Record::Assertion(Assertion { agent, ..Assertion::new(format!("s{}", i % 3), "p", Value::Int(i as i64)) })
}

fn append(annals: &Annals, claims: std::ops::Range<usize>) {
    annals.append_batch(&claims.map(claim).collect::<Vec<_>>()).unwrap();
}

fn filled(dir: &Path, claims: usize) -> Annals {
    let annals = Annals::open(dir).unwrap();
    append(&annals, 0..claims);
    annals.catch_up().unwrap();
    annals
}

fn up(annals: &Annals, handle: &ProjectionHandle) {
    handle.wait_for(annals.journal().durable(), SOON).unwrap();
}

fn count(handle: &ProjectionHandle, agent: &str) -> u64 {
    handle.get(agent.as_bytes()).unwrap().map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()))
}

fn status(annals: &Annals, name: &str) -> ProjectionStatus {
    annals.projections().unwrap().into_iter().find(|status| status.name == name).unwrap()
}

fn held(annals: &Annals, name: &str) -> Option<Offset> {
    let cursors = annals.journal().cursors().unwrap();
    cursors.into_iter().find(|cursor| cursor.name == cursor_name(name)).map(|cursor| cursor.position.unwrap())
}

fn by_agent(annals: &Annals) -> usize {
    // An answer goes no further than the store has come.
    annals.catch_up().unwrap();
    annals
        .query(&Query { agent: Some("ann".into()), ..Query::default() })
        .map_or(0, |answer| answer.hits.len())
}

#[test]
fn one_of_ours_is_filled_from_when_it_is_enabled_also_after_an_open_until_it_is_disabled() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    assert_eq!(status(&annals, "agent").state, ProjectionState::Off);
    assert!(matches!(annals.enable_projection("agents"), Err(Error::NoProjection { .. })));
    assert!(matches!(annals.projection("agent"), Err(Error::NoProjection { .. })));
    let handle = annals.enable_projection("agent").unwrap();
    up(&annals, &handle);
    assert_eq!(by_agent(&annals), 5);
    up(&annals, &annals.enable_projection("agent").unwrap());
    annals.close().unwrap();
    assert!(matches!(handle.view(), Err(Error::NoProjection { .. })), "it does not keep the data open");

    let annals = filled(dir.path(), 20);
    up(&annals, &annals.projection("agent").unwrap());
    assert_eq!(by_agent(&annals), 10, "what came twice counts once");
    let agent = status(&annals, "agent");
    assert_eq!((agent.state, agent.version, agent.answers), (ProjectionState::Answers, Some(1), Some(1)));
    assert_eq!((agent.cursor, agent.entries), (Some(annals.journal().durable()), Some(30)));
    assert_eq!(agent.lag.unwrap().records, 0);

    annals.disable_projection("agent").unwrap();
    assert!(!dir.path().join("projections/agent").exists() && held(&annals, "agent").is_none());
    assert_eq!((by_agent(&annals), status(&annals, "agent").state), (0, ProjectionState::Off));
    assert!(matches!(annals.disable_projection("agent"), Err(Error::NoProjection { .. })));
    assert!(matches!(annals.disable_projection("../store"), Err(Error::NoProjection { .. })));
    drop(annals);
    assert!(filled(dir.path(), 1).projection("agent").is_err());
}

#[test]
fn an_applications_own_goes_on_where_it_was_and_is_built_anew_when_its_version_is_raised() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    let handle = annals.project(Agents::new(1)).unwrap();
    up(&annals, &handle);
    assert_eq!((count(&handle, "ann"), handle.version().unwrap()), (5, 1));
    assert_eq!(handle.cursor().unwrap().unwrap().next, annals.journal().durable());
    assert!(matches!(annals.project(Agents::new(1)), Err(Error::ProjectionTaken { .. })));
    assert!(matches!(annals.project(Arc::new(BuiltIn::Epoch)), Err(Error::ProjectionTaken { .. })));
    annals.close().unwrap();

    let annals = filled(dir.path(), 0);
    append(&annals, 10..14);
    let again = Agents::new(1);
    let handle = annals.project(again.clone()).unwrap();
    up(&annals, &handle);
    assert_eq!((count(&handle, "ann"), again.seen.load(Ordering::SeqCst)), (7, 4));
    annals.close().unwrap();

    let annals = filled(dir.path(), 0);
    let second = Agents::new(2);
    let handle = annals.project(second.clone()).unwrap();
    up(&annals, &handle);
    assert_eq!((handle.version().unwrap(), second.seen.load(Ordering::SeqCst)), (2, 14));
    assert!(count(&handle, "ann") > 100);
    let listed = handle.range(std::ops::Bound::Unbounded, std::ops::Bound::Unbounded, 9).unwrap();
    assert_eq!(listed.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>(), [b"ann", b"bob"]);
    assert_eq!(handle.prefix(b"b", None, 9).unwrap().len(), 1);
    let files = fs::read_dir(dir.path().join("projections/agents")).unwrap();
    assert_eq!(files.map(|file| file.unwrap().file_name()).collect::<Vec<_>>(), ["v000002.redb"]);
}

#[test]
fn pj5_one_that_fails_stops_alone_and_the_version_before_it_answers() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    annals.enable_projection("agent").unwrap();
    let handle = annals.project(Agents::new(1)).unwrap();
    up(&annals, &handle);
    annals.close().unwrap();

    let annals = filled(dir.path(), 0);
    let bad = Agents::new(2);
    bad.fails_at.store(1, Ordering::SeqCst);
    let handle = annals.project(bad.clone()).unwrap();
    append(&annals, 10..20);
    let error = handle.wait_for(annals.journal().durable(), SOON).unwrap_err();
    assert!(matches!(&error, Error::Projection { name, .. } if name == "agents"));
    let said = error.to_string();
    assert!(
        said.contains("version 2") && said.contains("it has had enough") && said.contains("offset "),
        "{said}"
    );
    assert_eq!(error.kind(), Kind::Stop);
    assert_eq!((handle.version().unwrap(), count(&handle, "ann")), (1, 5), "as of where that one was");
    assert_eq!(held(&annals, "agents"), Some(Offset::ZERO), "it needs all of the journal again (PJ6)");
    let agents = status(&annals, "agents");
    assert_eq!((agents.state, agents.answers), (ProjectionState::Failed, Some(1)));
    assert!(agents.error.unwrap().contains("it has had enough"));

    // Everything else goes on.
    annals.catch_up().unwrap();
    up(&annals, &annals.projection("agent").unwrap());
    assert_eq!(by_agent(&annals), 10);
    // Mended, it goes on.
    bad.fails_at.store(u64::MAX, Ordering::SeqCst);
    let handle = annals.project(bad).unwrap();
    up(&annals, &handle);
    assert_eq!(handle.version().unwrap(), 2);
    annals.close().unwrap();
}

#[test]
fn pj5_a_file_that_cannot_be_used_keeps_nobody_from_opening_and_is_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    annals.close().unwrap();
    fs::write(dir.path().join("projections/agent/v000001.redb"), "rot").unwrap();

    let annals = filled(dir.path(), 0);
    assert_eq!(status(&annals, "agent").state, ProjectionState::Failed);
    let query = Query { agent: Some("ann".into()), ..Query::default() };
    let error = annals.query(&query).unwrap_err();
    assert!(error.to_string().contains("agent does not answer: "), "{error}");
    assert_eq!(annals.query(&Query { subject: Some("s0".into()), ..query }).unwrap().hits.len(), 2);
    assert!(annals.enable_projection("agent").is_err());
    let handle = annals.rebuild_projection("agent").unwrap();
    up(&annals, &handle);
    assert_eq!((by_agent(&annals), status(&annals, "agent").state), (5, ProjectionState::Answers));
    // One that is sound as well, and one that nobody fills is not.
    up(&annals, &annals.rebuild_projection("agent").unwrap());
    assert_eq!((by_agent(&annals), status(&annals, "agent").entries), (5, Some(10)));
    assert!(matches!(annals.rebuild_projection("source"), Err(Error::NoProjection { .. })));
}

#[test]
fn pj5_one_that_does_not_belong_to_the_journal_is_refused_and_not_used() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&dir, &other] {
        let annals = filled(dir.path(), 10);
        up(&annals, &annals.enable_projection("agent").unwrap());
        annals.close().unwrap();
    }
    let file = |dir: &tempfile::TempDir| dir.path().join("projections/agent/v000001.redb");
    fs::copy(file(&other), file(&dir)).unwrap();
    let annals = filled(dir.path(), 0);
    let handle = annals.projection("agent").unwrap();
    let error = handle.wait_for(annals.journal().durable(), SOON).unwrap_err();
    assert!(error.to_string().contains("it follows log"), "{error}");
    assert!(error.refusal().is_none(), "that of a store is mended otherwise");
    assert!(matches!(
        annals.query(&Query { agent: Some("ann".into()), ..Query::default() }),
        Err(Error::NotIndexed { .. })
    ));
    up(&annals, &annals.rebuild_projection("agent").unwrap());
    assert_eq!(by_agent(&annals), 5);
}

#[test]
fn pj6_the_journal_holds_what_a_projection_has_not_applied_and_lets_go_as_it_comes_along() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    let bad = Agents::new(1);
    let handle = annals.project(bad.clone()).unwrap();
    up(&annals, &handle);
    let first = annals.journal().durable();
    bad.fails_at.store(first.get(), Ordering::SeqCst);
    append(&annals, 10..12);
    assert!(handle.wait_for(annals.journal().durable(), SOON).is_err());
    annals.close().unwrap();

    let annals = filled(dir.path(), 0);
    annals.journal().remove_cursor(crate::STORE_CURSOR).unwrap();
    assert_eq!(held(&annals, "agents"), Some(first), "it holds although nobody has handed it in");
    append(&annals, 12..14);
    annals.journal().seal().unwrap();
    let plan = annals.journal().plan(&Keep::Segments(1)).unwrap();
    assert!(plan.purge.is_empty() && !plan.blocked.is_empty(), "{plan:?}");
    let handle = annals.project(Agents::new(1)).unwrap();
    up(&annals, &handle);
    annals.close().unwrap();

    let annals = filled(dir.path(), 0);
    assert_eq!(held(&annals, "agents"), Some(annals.journal().durable()), "a checkpoint moves it");
    let plan = annals.journal().plan(&Keep::Segments(1)).unwrap();
    assert!(!plan.purge.is_empty());
    up(&annals, &annals.project(Agents::new(1)).unwrap());
    annals.journal().apply(&plan, Consent::default()).unwrap();
    // An application's own that would begin now is refused before it does harm, and what is there goes on.
    for refused in [annals.rebuild_projection("agents"), annals.project(Arc::new(Nothing))] {
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("which retention has removed; put back a journal"), "{error}");
    }
    assert_eq!((by_agent(&annals), status(&annals, "agents").state), (7, ProjectionState::Answers));
    assert!(!dir.path().join("projections/nothing").exists());
    // Ours begin with what the store knows.
    up(&annals, &annals.enable_projection("predicate").unwrap());
    up(&annals, &annals.rebuild_projection("agent").unwrap());
    let query = Query { predicate: Some("p".into()), ..Query::default() };
    assert_eq!((by_agent(&annals), annals.query(&query).unwrap().hits.len()), (7, 14));
    annals.close().unwrap();
    let annals = filled(dir.path(), 0);
    // Its version raised, what is gone is not skipped.
    let handle = annals.project(Agents::new(2)).unwrap();
    let error = handle.wait_for(annals.journal().durable(), SOON).unwrap_err();
    assert!(error.to_string().contains("which retention has removed"), "{error}");
    assert_eq!((handle.version().unwrap(), count(&handle, "ann")), (1, 7), "the one before still answers");
}

#[test]
fn what_could_not_be_read_is_applied_at_the_next_open_and_with_a_redrive() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    let mut first = annals.query(&Query { agent: Some("ann".into()), ..Query::default() }).unwrap().hits;
    annals.close().unwrap();
    // As an older build had left it, which could not read three of them.
    first.truncate(3);
    let forget = |dir: &Path| {
        use redb::TableDefinition;
        let database = redb::Database::open(dir.join("projections/agent/v000001.redb")).unwrap();
        let writing = database.begin_write().unwrap();
        for stored in &first {
            let key = [b"ann\0".as_slice(), &stored.offset.get().to_be_bytes()].concat();
            let mut entries = writing.open_table(TableDefinition::<&[u8], &[u8]>::new("entries")).unwrap();
            assert!(entries.remove(key.as_slice()).unwrap().is_some());
            let mut undecoded =
                writing.open_table(TableDefinition::<u64, &[u8; 32]>::new("undecoded")).unwrap();
            undecoded.insert(stored.offset.get(), stored.id.as_bytes()).unwrap();
        }
        writing.commit().unwrap();
    };
    forget(dir.path());
    let annals = filled(dir.path(), 0);
    let agent = status(&annals, "agent");
    assert_eq!((by_agent(&annals), agent.undecoded, agent.entries), (5, Some(0), Some(10)));
    let redriven = annals.redrive(crate::Which::All, true, &mut |_| true).unwrap();
    assert_eq!(redriven.redriven, crate::Redriven::default());
}

#[test]
fn an_answer_holds_as_of_the_projection_that_is_furthest_behind() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    up(&annals, &annals.enable_projection("predicate").unwrap());
    let end = annals.journal().durable();
    annals.projections.running("agent").unwrap().filled().unwrap().ingestor.rest().unwrap();
    append(&annals, 10..20);
    annals.catch_up().unwrap();
    up(&annals, &annals.projection("predicate").unwrap());
    let by = |agent: bool, as_of: Option<Offset>| {
        let agent = agent.then(|| "ann".to_owned());
        annals.query(&Query { agent, predicate: Some("p".to_owned()), as_of, ..Query::default() })
    };
    let (both, one) = (by(true, None).unwrap(), by(false, None).unwrap());
    assert_eq!((both.hits.len(), both.as_of), (5, end));
    assert_eq!((one.hits.len(), one.as_of), (20, annals.journal().durable()));
    assert_eq!(by(true, Some(end)).unwrap(), both);
    let error = by(true, Some(annals.journal().durable())).unwrap_err();
    assert!(
        matches!(error, Error::ProjectionBehind { name: "agent", applied, .. } if applied == end),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Retry);
}

#[test]
fn a_restored_directory_names_what_was_kept_and_builds_it_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(&dir.path().join("data"), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    annals.close().unwrap();
    let (copy, again) = (dir.path().join("copy"), dir.path().join("again"));
    backup(&dir.path().join("data"), &copy, crate::BackupOptions::default(), &mut |_, _| {}).unwrap();
    restore(&copy, &again, crate::RestoreOptions::default(), &mut |_| {}).unwrap();
    let annals = filled(&again, 0);
    assert_eq!(status(&annals, "agent").state, ProjectionState::Lost);
    append(&annals, 10..12);
    up(&annals, &annals.enable_projection("agent").unwrap());
    assert_eq!(by_agent(&annals), 6);
    annals.disable_projection("agent").unwrap();
    assert_eq!((status(&annals, "agent").state, held(&annals, "agent")), (ProjectionState::Off, None));
}

#[test]
fn beside_the_process_that_has_the_data_projections_are_listed_without_touching_them() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    up(&annals, &annals.enable_projection("agent").unwrap());
    up(&annals, &annals.project(Agents::new(3)).unwrap());
    let beside = |name: &str| {
        let listed = projections_beside(dir.path()).unwrap();
        assert!(listed.is_sorted_by(|a, b| a.name < b.name) && listed.len() == 6);
        listed.into_iter().find(|status| status.name == name).unwrap()
    };
    let agents = beside("agents");
    assert_eq!((agents.state, agents.built_in, agents.version), (ProjectionState::Answers, false, Some(3)));
    assert_eq!((agents.entries, beside("agent").built_in), (None, true), "it is in use");
    let end = annals.journal().durable();
    annals.close().unwrap();
    let agents = beside("agents");
    assert_eq!((agents.entries, agents.cursor, agents.undecoded), (Some(2), Some(end), Some(0)));
    assert_eq!(agents.lag.unwrap().bytes, 0);
    assert_eq!((beside("source").state, beside("source").bytes), (ProjectionState::Off, 0));
    assert!(beside("agents").bytes > 0);
}

#[test]
fn nobody_who_waits_hangs_when_a_projection_goes() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 2);
    let handle = annals.enable_projection("agent").unwrap();
    let beyond = Offset::new(u64::MAX);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| handle.wait_for(beyond, SOON));
        up(&annals, &handle);
        annals.disable_projection("agent").unwrap();
        assert!(waiting.join().unwrap().is_err());
    });
    let error =
        annals.project(Agents::new(1)).unwrap().wait_for(beyond, Duration::from_millis(10)).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn one_rests_while_it_is_paused_also_after_an_open_and_then_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path(), 10);
    let handle = annals.enable_projection("agent").unwrap();
    up(&annals, &handle);
    let before = by_agent(&annals);
    annals.pause("projection.agent").unwrap();
    append(&annals, 10..20);
    let end = annals.journal().durable();
    let rests = |waited: Result<(), Error>| {
        assert!(
            matches!(&waited, Err(Error::Paused { name, .. }) if name == "projection.agent"),
            "{waited:?}"
        );
    };
    rests(handle.wait_for(end, SOON));
    let listed = |annals: &Annals| {
        let consumers = annals.status().unwrap().consumers;
        consumers.into_iter().find(|consumer| consumer.name == "projection.agent").unwrap()
    };
    let known = listed(&annals);
    assert_eq!((known.kind, known.state), (ConsumerKind::Projection, ConsumerState::Paused), "{known:?}");
    assert!(known.next < Some(end) && known.durable == known.next && known.paused.is_some(), "{known:?}");
    let moved = crate::plan_seek(dir.path(), "projection.agent", Offset::ZERO).unwrap_err();
    assert!(moved.to_string().contains("projections rebuild"), "{moved}");
    drop(handle);
    annals.close().unwrap();

    let annals = Annals::open(dir.path()).unwrap();
    let handle = annals.projection("agent").unwrap();
    rests(handle.wait_for(end, SOON));
    annals.resume("projection.agent").unwrap();
    handle.wait_for(end, SOON).unwrap();
    assert!(by_agent(&annals) > before, "{before}");
    assert!(listed(&annals).paused.is_none());

    // Of one that is taken away no pause is left.
    annals.pause("projection.agent").unwrap();
    drop(handle);
    annals.disable_projection("agent").unwrap();
    up(&annals, &annals.enable_projection("agent").unwrap());
}
