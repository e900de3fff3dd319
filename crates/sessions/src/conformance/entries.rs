//! Rules about the entries of one segment and one writer.

use serde_json::json;

use super::written::{begun, event, every_kind, holds, number, numbered, start};
use super::{Outcome, Subject, ensure};
use crate::{LogEntry, SegmentId, SessionId, Store, StoreError};

pub(super) fn missing_is_not_found<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = begun(&store)?;
    // Another session, another segment, and the segment under another session.
    for (session, segment) in
        [(SessionId::new(), SegmentId::new()), (session, SegmentId::new()), (SessionId::new(), segment)]
    {
        let entry = numbered(0, 0);
        let told = [
            ("read_all", store.read_all(session, segment).err()),
            ("read", store.read(session, segment).err()),
            ("read_entry_count", store.read_entry_count(session, segment).err()),
            ("append", store.append(session, segment, &entry).err()),
            ("append_many", store.append_many(session, segment, &[entry.clone(), entry.clone()]).err()),
            ("append_if", store.append_if(session, segment, 0, &[entry]).err()),
            ("append_trace", store.append_trace(session, segment, &event(0)).err()),
            ("read_trace", store.read_trace(session, segment).err()),
        ];
        for (call, error) in told {
            let fits = matches!(&error, Some(StoreError::NotFound(id)) if *id == segment)
                || matches!(error, Some(StoreError::Unsupported(_)));
            ensure!(fits, "{call} of a segment that is not there says {error:?}");
        }
        ensure!(!store.exists(session, segment)?, "looking for a segment has made it");
    }
    ensure!(store.list_sessions()? == [session], "looking for a session has made one");
    Ok(())
}

pub(super) fn created<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &every_kind(session))?;
    holds(&store, session, segment, &every_kind_as(&store, session, segment)?)?;
    // With no entries it is there all the same.
    let empty = SegmentId::new();
    store.create_segment(session, empty, &[])?;
    holds(&store, session, empty, &[])?;
    store.append(session, empty, &numbered(0, 0))?;
    holds(&store, session, empty, &[numbered(0, 0)])
}

/// What was written, but for the random id in its start, which is taken from what was read.
fn every_kind_as(
    store: &impl Store,
    session: SessionId,
    segment: SegmentId,
) -> Result<Vec<LogEntry>, super::Fault> {
    let mut entries = every_kind(session);
    if let (
        Some(LogEntry::SegmentStart { forked_from, .. }),
        Some(LogEntry::SegmentStart { forked_from: read, .. }),
    ) = (entries.first_mut(), store.read_all(session, segment)?.first())
    {
        *forked_from = *read;
    }
    Ok(entries)
}

pub(super) fn never_twice<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[numbered(1, 1)])?;
    let again = store.create_segment(session, segment, &[numbered(2, 2), numbered(2, 3)]);
    ensure!(
        matches!(&again, Err(StoreError::Exists(id)) if *id == segment),
        "a segment that exists was made again: {again:?}"
    );
    holds(&store, session, segment, &[numbered(1, 1)])
}

pub(super) fn in_order<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let mut entries = vec![numbered(0, 0)];
    store.create_segment(session, segment, &entries)?;
    for n in 1..40 {
        store.append(session, segment, &numbered(0, n))?;
        entries.push(numbered(0, n));
        let count = store.read_entry_count(session, segment)?;
        ensure!(count == n + 1, "after {} entries the count is {count}", n + 1);
    }
    holds(&store, session, segment, &entries)
}

pub(super) fn start_makes<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let start = start(session);
    store.append(session, segment, &start)?;
    store.append(session, segment, &numbered(0, 1))?;
    holds(&store, session, segment, &[start, numbered(0, 1)])?;
    ensure!(store.lookup_session_of(segment)? == Some(session), "what a start has made is not found");
    Ok(())
}

pub(super) fn own_session<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[numbered(0, 0)])?;
    let foreign = start(SessionId::new());
    let told = [
        store.append(session, segment, &foreign).err(),
        store.create_segment(session, SegmentId::new(), &[numbered(0, 0), foreign]).err(),
    ];
    for error in told {
        ensure!(
            matches!(&error, Some(StoreError::OtherSession { written, .. }) if *written == session),
            "a start of another session was taken: {error:?}"
        );
    }
    holds(&store, session, segment, &[numbered(0, 0)])?;
    ensure!(store.list_segments(session)? == [segment], "a segment that was refused is there");
    Ok(())
}

pub(super) fn exact_entries<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[])?;
    let every_char: String = (0..0x2000).filter_map(char::from_u32).collect();
    let mut entries = every_kind(session);
    entries.push(LogEntry::ToolResult { ts: 0, item: json!(every_char) });
    entries.push(LogEntry::ToolResult { ts: 0, item: json!("x".repeat(3 << 20)) });
    for n in 0..200_u64 {
        // Bits all over; those that are no number are left out by JSON.
        let value = f64::from_bits(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1);
        entries.push(LogEntry::ConfigChanged { ts: n, config: json!(value) });
    }
    for entry in &entries {
        store.append(session, segment, entry)?;
    }
    holds(&store, session, segment, &entries)
}

pub(super) fn only_readable<S: Subject>(subject: &S) -> Outcome {
    let store = subject.create();
    let (session, segment) = begun(&store)?;
    let before = store.read_all(session, segment)?;
    let mut deep = json!(1);
    for _ in 0..1000 {
        deep = json!([deep]);
    }
    let told = store.append(session, segment, &LogEntry::ToolResult { ts: 0, item: deep });
    ensure!(matches!(told, Err(StoreError::Serde(_))), "an entry that is nested 1,000 deep: {told:?}");
    holds(&store, session, segment, &before)?;
    store.append(session, segment, &numbered(0, 0))?;
    ensure!(store.read_all(session, segment)?.last().and_then(number) == Some((0, 0)), "it does not go on");
    Ok(())
}
