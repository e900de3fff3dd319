//! Rules about what is gone, and what must not be.

use super::written::{begun, event, holds, numbered, start};
use super::{Fault, Outcome, Subject, ensure};
use crate::{SegmentId, Store, StoreError};

pub(super) fn deleted<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (kept, kept_segment) = begun(&store)?;
    let (gone, gone_segment) = begun(&store)?;
    store.append(gone, gone_segment, &numbered(0, 0))?;
    ensure!(store.delete_session(gone)?, "a session that is there was not deleted");
    ensure!(!store.delete_session(gone)?, "it was deleted twice");
    ensure!(store.list_sessions()? == [kept], "the other session is listed, and it alone");
    ensure!(store.lookup_session_of(gone_segment)?.is_none(), "a segment of it is found");
    ensure!(store.lookup_session_of(kept_segment)? == Some(kept), "a segment of the other is not found");
    ensure!(!store.exists(gone, gone_segment)?, "a segment of it exists");
    ensure!(store.session_modified_at(gone)?.is_none(), "it was used at some time");
    let told = store.append(gone, gone_segment, &numbered(0, 1));
    ensure!(matches!(told, Err(StoreError::NotFound(_))), "it takes entries: {told:?}");
    ensure!(matches!(store.read(gone, gone_segment), Err(StoreError::NotFound(_))), "it can be read");
    // A new start is a new session, though of that id.
    store.create_segment(gone, gone_segment, &[numbered(1, 1)])?;
    holds(&store, gone, gone_segment, &[numbered(1, 1)])
}

pub(super) fn reopened<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = begun(&store)?;
    let mut entries = store.read_all(session, segment)?;
    for n in 0..10 {
        store.append(session, segment, &numbered(0, n))?;
        entries.push(numbered(0, n));
    }
    store.append_trace(session, segment, &event(0))?;
    store.sync(session, segment)?;
    let empty = SegmentId::new();
    store.create_segment(session, empty, &[])?;
    let deletes = match begun(&store) {
        Ok((other, _)) => match store.delete_session(other) {
            Err(StoreError::Unsupported(_)) => None,
            deleted => deleted.map(|_| Some(other))?,
        },
        Err(fault) => return Err(fault),
    };
    let before = (store.list_sessions()?, store.list_segments(session)?, store.list_sessions_by_use()?);
    let store = subject.reopen(store).ok_or(Fault::Skipped)?;
    let after = (store.list_sessions()?, store.list_segments(session)?, store.list_sessions_by_use()?);
    ensure!(before == after, "before the reopen {before:?}, after it {after:?}");
    holds(&store, session, segment, &entries)?;
    holds(&store, session, empty, &[])?;
    ensure!(store.lookup_session_of(segment)? == Some(session), "its segment is not found");
    ensure!(store.read_trace(session, segment)?.count == 1, "the trace is not there");
    ensure!(deletes.is_none_or(|other| !before.0.contains(&other)), "what was deleted is listed");
    store.append(session, segment, &numbered(0, 10))?;
    entries.push(numbered(0, 10));
    holds(&store, session, segment, &entries)?;
    let count = store.append_if(session, segment, entries.len(), &[numbered(0, 11)])?;
    ensure!(count == entries.len() + 1, "after a reopen an append under a condition says {count}");
    Ok(())
}

pub(super) fn damaged<S: Subject>(subject: &S) -> Outcome {
    for hurt in 0..6 {
        let store = subject.create();
        let (session, segment) = begun(&store)?;
        let (other, other_segment) = begun(&store)?;
        let mut entries = store.read_all(session, segment)?;
        let others = store.read_all(other, other_segment)?;
        for n in 1..6 {
            store.append(session, segment, &numbered(0, n))?;
            entries.push(numbered(0, n));
        }
        // Behind it stands something, in every log that knows no segments.
        store.create_segment(session, SegmentId::new(), &[start(session)])?;
        let store = subject.damage(store, session, segment, hurt).ok_or(Fault::Skipped)?;
        let read = store.read(session, segment)?;
        entries.remove(hurt);
        ensure!(read.entries == entries, "entry {hurt} was damaged, read: {read:?}");
        ensure!(read.count == 6, "6 entries were committed: {}", read.count);
        let reported = matches!(&*read.damaged, [line] if line.line == hurt + 1 && !line.reason.is_empty());
        ensure!(reported, "entry {hurt} was damaged, reported: {:?}", read.damaged);
        let told = store.read_all(session, segment);
        let corrupt = matches!(&told, Err(StoreError::Corrupt { line, .. }) if *line == hurt + 1);
        ensure!(corrupt, "entry {hurt} was damaged, whoever wants all is told {told:?}");
        let count = store.read_entry_count(session, segment)?;
        ensure!(count == 6, "the count was 6, and damage has made it {count}");
        holds(&store, other, other_segment, &others)?;
        ensure!(store.lookup_session_of(segment)? == Some(session), "a damaged entry has cost the segment");
    }
    Ok(())
}
