//! Rules about what is listed and found, and about traces.

use super::written::{begun, event, holds, numbered, start};
use super::{Outcome, Subject, ensure};
use crate::{SegmentId, SessionId, Store};

pub(super) fn starts_empty<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let empty = store.list_sessions()?.is_empty()
        && store.list_segments(session)?.is_empty()
        && store.list_sessions_by_use()?.is_empty()
        && store.lookup_session_of(segment)?.is_none()
        && store.session_modified_at(session)?.is_none()
        && !store.exists(session, segment)?;
    ensure!(empty, "a new store has something");
    Ok(())
}

pub(super) fn by_creation<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let mut sessions: Vec<SessionId> = (0..12).map(|_| SessionId::new()).collect();
    let mut segments: Vec<SegmentId> = (0..12).map(|_| SegmentId::new()).collect();
    // Made in another order than their ids have.
    for at in [7, 0, 11, 3, 5, 1, 10, 2, 9, 4, 8, 6] {
        store.create_segment(sessions[at], SegmentId::new(), &[start(sessions[at])])?;
        store.create_segment(sessions[0], segments[at], &[start(sessions[0])])?;
    }
    sessions.reverse();
    let listed = store.list_sessions()?;
    ensure!(listed == sessions, "made {sessions:?}, listed {listed:?}");
    let first = sessions[11];
    let listed: Vec<SegmentId> =
        store.list_segments(first)?.into_iter().filter(|segment| segments.contains(segment)).collect();
    segments.reverse();
    ensure!(listed == segments, "made {segments:?}, listed {listed:?}");
    let all = store.list_segments(first)?;
    ensure!(all.len() == 13 && all.is_sorted_by(|a, b| a > b), "13 segments were made: {all:?}");
    Ok(())
}

pub(super) fn by_use<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (older, older_segment) = begun(&store)?;
    let (newer, newer_segment) = begun(&store)?;
    for (used, segment, other) in [(older, older_segment, newer), (newer, newer_segment, older)] {
        // Until the clock has moved on: its smallest step is the store's own affair.
        for n in 0..1_000_000 {
            store.append(used, segment, &numbered(0, 1000 + n))?;
            if store.session_modified_at(used)? > store.session_modified_at(other)? {
                break;
            }
        }
        let listed = store.list_sessions_by_use()?;
        let order: Vec<SessionId> = listed.iter().map(|(session, _)| *session).collect();
        ensure!(order == [used, other], "{used} was used last, listed: {listed:?}");
        let last = store.session_modified_at(used)?;
        ensure!(last == listed.first().map(|(_, at)| *at), "{used} was used at {last:?}, listed: {listed:?}");
    }
    ensure!(store.list_sessions()? == [newer, older], "use has changed the order of creation");
    Ok(())
}

pub(super) fn lookup<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let mut made = Vec::new();
    for _ in 0..10 {
        let (session, segment) = begun(&store)?;
        let second = SegmentId::new();
        store.create_segment(session, second, &[start(session)])?;
        made.extend([(session, segment), (session, second)]);
        let found = store.lookup_session_of(SegmentId::new())?;
        ensure!(found.is_none(), "a segment that is not there was found in {found:?}");
    }
    for (session, segment) in made {
        let found = store.lookup_session_of(segment)?;
        ensure!(found == Some(session), "{segment} is in {session}, found: {found:?}");
    }
    Ok(())
}

pub(super) fn traces<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = begun(&store)?;
    let entries = store.read_all(session, segment)?;
    for n in 0..5 {
        store.append_trace(session, segment, &event(n))?;
    }
    holds(&store, session, segment, &entries)?;
    ensure!(store.list_segments(session)? == [segment], "a trace is listed as a segment");
    ensure!(store.list_sessions()? == [session], "a trace is listed as a session");
    let read = store.read_trace(session, segment)?;
    let events: Vec<_> = (0..5).map(event).collect();
    ensure!(read.entries == events && read.damaged.is_empty() && read.count == 5, "the trace is {read:?}");
    let (session, segment) = begun(&store)?;
    ensure!(store.read_trace(session, segment)?.entries.is_empty(), "a trace that nobody wrote");
    Ok(())
}
