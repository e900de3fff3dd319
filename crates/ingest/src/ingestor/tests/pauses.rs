//! Paused, resumed and moved: W8.

use annals_storage::KvStore;
use proptest::prelude::*;

use super::*;
use crate::scene::Notes;

/// Small batches, checkpoints only where somebody asks for them.
fn slowly() -> Options {
    let batch = ReadLimit { records: 3, bytes: usize::MAX };
    Options { batch, checkpoint_every: LONG * 60, idle: Duration::from_millis(5), ..Options::default() }
}

/// Paused at a place that only the threads know.
fn pause<S: Sink>(ingestor: &Ingestor<MemoryLog, S>) {
    ingestor.pause();
    assert!(ingestor.wait_until_paused(LONG));
}

#[test]
fn w8_a_pause_under_load_leaves_exactly_what_was_shown_and_makes_it_durable() {
    let (dir, store) = store();
    let log = Arc::new(log_of((0..3000).map(|n| assertion("a", n))));
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), Arc::clone(&store), slowly());
    ingestor.start();
    ingestor.wait_for(Offset::new(1), LONG).unwrap();
    pause(&ingestor);
    let status = ingestor.progress();
    assert_eq!(status.state, State::Paused);
    let shown = status.cursor.unwrap().next;
    assert!(shown < log.end(), "it was paused in the middle of the work");
    assert_eq!(store.snapshot().unwrap().as_of(), shown);
    assert_eq!(store.durable_cursor().unwrap().map(|cursor| cursor.next), Some(shown));
    assert_eq!(status.checkpointed, Some(shown));
    // It rests, however much there is to do, and a stop finds nothing left to do.
    log.append(&[&assertion("b", 1)]).unwrap();
    assert!(!ingestor.shared.board.wait_until(Duration::from_millis(50), |status| {
        status.cursor.is_some_and(|cursor| cursor.next != shown)
    }));
    ingestor.stop().unwrap();
    drop((ingestor, store));
    let store = HybridStore::open(dir.path()).unwrap();
    assert_eq!(store.snapshot().unwrap().as_of(), shown);
}

#[test]
fn whoever_waits_beyond_the_cursor_of_a_paused_worker_is_told_and_wakes_for_it() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), store);
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    let end = log.end();
    let beyond = Offset::new(end.get() + 1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ingestor.wait_for(beyond, LONG * 60));
        pause(&ingestor);
        let told = waiting.join().unwrap();
        assert!(matches!(told, Err(Error::Paused { wanted, cursor }) if (wanted, cursor) == (beyond, end)));
    });
    let told = ingestor.wait_for(beyond, LONG).unwrap_err();
    assert_eq!((told.kind(), told.to_string().contains("resume it")), (Kind::Retry, true));
    ingestor.wait_for(end, LONG).unwrap();
    // Once it is resumed, a wait is a wait again.
    let beyond = log.append(&[&assertion("b", 1)]).unwrap()[0].next;
    ingestor.resume();
    ingestor.wait_for(beyond, LONG).unwrap();
    assert!(!ingestor.is_paused());
}

#[test]
fn a_pause_outlives_a_stop_and_holds_for_the_next_start() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), Arc::clone(&store));
    ingestor.pause();
    for _ in 0..3 {
        ingestor.start();
        let told = ingestor.wait_for(log.end(), LONG);
        assert!(matches!(told, Err(Error::Paused { .. })), "{told:?}");
        assert!(ingestor.wait_until_paused(LONG));
        assert_eq!(ingestor.progress().state, State::Paused);
        ingestor.stop().unwrap();
        assert_eq!(ingestor.progress().state, State::Stopped);
    }
    assert!(store.cursor().unwrap().is_none());
    ingestor.resume();
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
}

#[test]
fn a_worker_that_waits_to_try_again_is_paused_at_once() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    log.fail_reads(1, Kind::Retry);
    let options = Options { backoff_first: LONG * 60, backoff_cap: LONG * 60, ..Options::default() };
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), store, options);
    ingestor.start();
    assert!(ingestor.shared.board.wait_until(LONG, |status| status.state == State::Retrying));
    pause(&ingestor);
    ingestor.resume();
    ingestor.wait_for(log.end(), LONG).unwrap();
}

#[test]
fn a_store_that_does_not_belong_here_is_refused_paused_or_not() {
    let (_dir, store) = store();
    let mut ingestor = Ingestor::new(Arc::new(ten()), Arc::clone(&store));
    ingestor.start();
    ingestor.wait_for(ten().end(), LONG).unwrap();
    drop(ingestor);
    let mut ingestor = Ingestor::new(Arc::new(named(*b"a second log....")), store);
    ingestor.pause();
    ingestor.start();
    let refused = ingestor.wait_for(ten().end(), LONG);
    assert!(matches!(refused, Ok(()) | Err(Error::Failed(_))), "{refused:?}");
    assert!(ingestor.wait_until_paused(LONG));
    assert_eq!(ingestor.progress().state, State::Failed);
}

#[test]
fn a_sink_that_can_be_moved_is_sent_back_and_forth_and_stays_paused_if_it_was() {
    let log = Arc::new(ten());
    let all: Vec<Offset> =
        log.read(Offset::ZERO, ReadLimit::default()).unwrap().iter().map(|entry| entry.offset).collect();
    let sink = Arc::new(Notes::default());
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), Arc::clone(&sink), slowly());
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();

    // Back: what stands behind it comes again.
    assert_eq!(ingestor.seek(all[7]).unwrap(), Some(log.end()));
    ingestor.wait_for(log.end(), LONG).unwrap();
    assert_eq!(sink.noted().0, [&all[..], &all[7..]].concat());

    // While it is paused it is moved all the same, durably, and rests.
    pause(&ingestor);
    ingestor.seek(all[9]).unwrap();
    assert_eq!(ingestor.progress().cursor.unwrap().next, all[9]);
    assert!(ingestor.wait_until_paused(LONG));
    assert!(matches!(ingestor.wait_for(log.end(), LONG), Err(Error::Paused { .. })));

    // Forth: what lies between never comes.
    let late = log.append(&[&assertion("b", 1), &assertion("b", 2)]).unwrap();
    ingestor.seek(late[1].offset).unwrap();
    ingestor.resume();
    ingestor.wait_for(log.end(), LONG).unwrap();
    assert_eq!(sink.noted().0, [&all[..], &all[7..], &[late[1].offset]].concat());
    ingestor.stop().unwrap();
    assert_eq!(sink.noted().0, sink.noted().1);
}

#[test]
fn what_cannot_be_moved_or_not_there_stays_where_it_is_and_goes_on() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), store);
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    let refused = ingestor.seek(Offset::ZERO).unwrap_err();
    assert!(refused.to_string().contains("`annals rebuild`"), "{refused}");
    assert_eq!(refused.kind(), Kind::Fix);
    let beyond = Offset::new(log.end().get() + 1);
    assert!(matches!(ingestor.seek(beyond), Err(Error::NoPlace { .. })));
    log.append(&[&assertion("b", 1)]).unwrap();
    ingestor.wait_for(log.end(), LONG).unwrap();
}

#[test]
fn w2_a_sink_of_another_log_is_not_put_into_this_one() {
    let sink = Arc::new(Notes::default());
    let mut ingestor = Ingestor::new(Arc::new(ten()), Arc::clone(&sink));
    ingestor.start();
    ingestor.wait_for(ten().end(), LONG).unwrap();
    drop(ingestor);
    let other = Arc::new(named(*b"a second log...."));
    let refused = crate::seek(&*other, &*sink, Offset::ZERO).unwrap_err();
    assert_eq!(refused.refusal().map(|refusal| refusal.name), Some("foreign_log"));
}

/// One thing that happens to a worker.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Append(usize),
    /// It has come at least so many bytes farther, if it goes on.
    Advance(u64),
    Pause,
    Resume,
    /// It is stopped and started.
    Restart,
    /// The process dies: what is on disk is what is left.
    Kill,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1..60_usize).prop_map(Happening::Append),
        4 => (0..2000_u64).prop_map(Happening::Advance),
        3 => Just(Happening::Pause),
        3 => Just(Happening::Resume),
        1 => Just(Happening::Restart),
        2 => Just(Happening::Kill),
    ]
}

struct Play {
    dir: tempfile::TempDir,
    paused: bool,
    log: Arc<MemoryLog>,
    open: Option<(Ingestor<MemoryLog, FaultyStore>, Arc<FaultyStore>)>,
}

impl Play {
    fn start(&mut self) {
        let store = Arc::new(FaultyStore::open(self.dir.path()));
        let options = Options { checkpoint_every: Duration::from_millis(2), ..slowly() };
        let mut ingestor = Ingestor::with_options(Arc::clone(&self.log), Arc::clone(&store), options);
        if self.paused {
            ingestor.pause();
        }
        ingestor.start();
        self.open = Some((ingestor, store));
    }

    fn happen(&mut self, happening: Happening) {
        let (ingestor, store) = self.open.as_mut().unwrap();
        match happening {
            Happening::Append(records) => {
                let from = self.log.end().get();
                for n in 0..records as u64 {
                    self.log.append(&[&assertion("a", ((from + n) % 400) as i64)]).unwrap();
                }
            }
            Happening::Advance(bytes) => {
                let at = ingestor.progress().cursor.map_or(0, |cursor| cursor.next.get());
                let to = Offset::new((at + bytes).min(self.log.end().get()));
                match ingestor.wait_for(to, LONG) {
                    Err(Error::Paused { .. }) => assert!(self.paused),
                    waited => waited.unwrap(),
                }
            }
            Happening::Pause => {
                self.paused = true;
                pause(ingestor);
                let shown = store.cursor().unwrap();
                assert_eq!(store.store.durable_cursor().unwrap(), shown, "W8");
            }
            Happening::Resume => {
                self.paused = false;
                ingestor.resume();
            }
            Happening::Restart => {
                ingestor.stop().unwrap();
                ingestor.start();
            }
            Happening::Kill => {
                // It applies nothing more and makes nothing durable, and what was not is lost.
                store.fails.store(true, Ordering::SeqCst);
                let beyond = self.log.append(&[&assertion("k", 0)]).unwrap()[0].next;
                assert!(ingestor.wait_for(beyond, LONG).is_err());
                drop(ingestor.stop());
                let (_, store) = self.open.take().unwrap();
                let Some(store) = Arc::into_inner(store) else { panic!("the worker has let go of it") };
                store.store.abandon();
                self.start();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn w8_a_worker_paused_and_killed_at_random_ends_as_one_that_never_rested(
        history in prop::collection::vec(happening(), 1..30)
    ) {
        let log = Arc::new(log_of((0..50).map(|n| assertion("a", n))));
        let dir = tempfile::tempdir().unwrap();
        let mut play = Play { dir, paused: false, log, open: None };
        play.start();
        history.into_iter().for_each(|happening| play.happen(happening));
        let (ingestor, rested) = play.open.take().unwrap();
        ingestor.resume();
        ingestor.wait_for(play.log.end(), LONG).unwrap();
        let (_dir, never) = store();
        let mut steady = Ingestor::new(Arc::clone(&play.log), Arc::clone(&never));
        steady.start();
        steady.wait_for(play.log.end(), LONG).unwrap();
        prop_assert_eq!(rested.digests().unwrap(), never.digests().unwrap());
        prop_assert_eq!(rested.counts().unwrap(), never.counts().unwrap());
    }
}
