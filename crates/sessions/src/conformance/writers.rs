//! Rules about several entries at once, and several writers.

use std::sync::Barrier;

use super::written::{begun, holds, number, numbered};
use super::{Fault, Outcome, Subject, ensure};
use crate::{SegmentId, SessionId, Store, StoreError};

pub(super) fn together<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let mut entries = vec![numbered(0, 0)];
    store.create_segment(session, segment, &entries)?;
    for many in [2, 0, 1, 7] {
        let batch: Vec<_> = (0..many).map(|n| numbered(many, n)).collect();
        store.append_many(session, segment, &batch)?;
        entries.extend(batch);
        holds(&store, session, segment, &entries)?;
    }
    Ok(())
}

pub(super) fn condition<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let mut entries = vec![numbered(0, 0)];
    store.create_segment(session, segment, &entries)?;
    for (expected, many) in [(1, 1), (2, 3), (5, 0), (5, 1)] {
        let batch: Vec<_> = (0..many).map(|n| numbered(expected, n)).collect();
        let count = store.append_if(session, segment, expected, &batch)?;
        entries.extend(batch);
        ensure!(count == entries.len(), "there are {}, append_if says {count}", entries.len());
    }
    for wrong in [0, 5, 7, usize::MAX] {
        let told = store.append_if(session, segment, wrong, &[numbered(9, 9)]);
        let fits = matches!(&told, Err(StoreError::Conflict { segment: id, expected, found })
            if *id == segment && *expected == wrong && *found == entries.len());
        ensure!(fits, "there are {}, {wrong} were expected: {told:?}", entries.len());
    }
    holds(&store, session, segment, &entries)
}

pub(super) fn one_passes<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = begun(&store)?;
    store.append_if(session, segment, 1, &[])?;
    let (writers, rounds) = (4, 25);
    let barrier = Barrier::new(writers);
    for round in 1..=rounds {
        let passed: Result<usize, Fault> = std::thread::scope(|scope| {
            let attempts: Vec<_> = (0..writers)
                .map(|writer| {
                    let (store, barrier) = (&store, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        match store.append_if(session, segment, round, &[numbered(writer, round)]) {
                            Ok(_) => Ok(1),
                            Err(StoreError::Conflict { .. }) => Ok(0),
                            Err(error) => Err(Fault::from(error)),
                        }
                    })
                })
                .collect();
            attempts.into_iter().map(joined).sum()
        });
        let passed = passed?;
        ensure!(passed == 1, "{passed} of {writers} writers passed who had all seen {round} entries");
    }
    let count = store.read_entry_count(session, segment)?;
    ensure!(count == rounds + 1, "{rounds} appends passed, and there are {count} entries");
    Ok(())
}

pub(super) fn threads<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[])?;
    let (writers, each) = (6, 40);
    let own: Vec<(SessionId, SegmentId)> = (0..writers).map(|_| begun(&store)).collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        let all: Vec<_> = own
            .iter()
            .enumerate()
            .map(|(writer, (own_session, own_segment))| {
                let store = &store;
                scope.spawn(move || -> Outcome {
                    for n in 0..each {
                        store.append(session, segment, &numbered(writer, n))?;
                        store.append(*own_session, *own_segment, &numbered(writer, n))?;
                    }
                    Ok(())
                })
            })
            .collect();
        all.into_iter().try_for_each(joined)
    })?;
    let shared = store.read_all(session, segment)?;
    ensure!(shared.len() == writers * each, "{} entries of {}", shared.len(), writers * each);
    for (writer, (own_session, own_segment)) in own.iter().enumerate() {
        let his = |entries: &[crate::LogEntry]| -> Vec<usize> {
            entries.iter().filter_map(number).filter(|(by, _)| *by == writer).map(|(_, n)| n).collect()
        };
        let apart = store.read_all(*own_session, *own_segment)?;
        for numbers in [his(&shared), his(&apart)] {
            ensure!(
                numbers == (0..each).collect::<Vec<_>>(),
                "writer {writer} wrote 0 to {each}, read: {numbers:?}"
            );
        }
    }
    Ok(())
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, Fault>>) -> Result<T, Fault> {
    thread.join().unwrap_or_else(|_| Err(Fault::Broken("a writer panicked".into())))
}
