//! Where segments come from: a fresh start, a compaction, a fork. The source is never touched.
//!
//! ```text
//!   session A:  segment 1 ----------------.------------ forked_from 1 (another writer got ahead)
//!                `- fork_at(turn) ------- segment 2     segment 3 -- compacted_from 3 -- segment 4
//!   session B:                                              `- fork: forked_from 3
//! ```
//!
//! Every segment but the first records which one it came from and at which turn: automatic forks and forks into a new
//! session as well.

use annals_journal::{Clock, SystemClock};
use serde_json::Value;

use crate::restored::{RestoredState, collect_state};
use crate::segment_log::SegmentOrigin;
use crate::state::{SegmentLocation, SegmentState};
use crate::{LogEntry, SegmentId, SessionId, Store, StoreError};

/// What a segment starts from.
#[derive(Clone, Copy, Debug)]
pub struct SegmentStartState<'a> {
    /// The system prompt.
    pub system_prompt: Option<&'a str>,
    /// The configuration of requests.
    pub config: &'a Value,
    /// The messages so far, oldest first.
    pub history: &'a [Value],
}

impl<'a> From<&'a RestoredState> for SegmentStartState<'a> {
    fn from(state: &'a RestoredState) -> Self {
        let RestoredState { system_prompt, config, history, .. } = state;
        Self { system_prompt: system_prompt.as_deref(), config, history }
    }
}

impl SegmentStartState<'_> {
    fn entry(
        &self,
        session_id: SessionId,
        forked_from: Option<SegmentOrigin>,
        compacted_from: Option<SegmentOrigin>,
    ) -> LogEntry {
        LogEntry::SegmentStart {
            ts: now_millis(),
            session_id,
            system_prompt: self.system_prompt.map(str::to_owned),
            config: self.config.clone(),
            history: self.history.to_vec(),
            forked_from,
            compacted_from,
        }
    }
}

/// Makes a new session with its first segment.
///
/// # Errors
/// As [`Store::create_segment`].
pub fn create_segment<S: Store + ?Sized>(
    store: &S,
    state: SegmentStartState<'_>,
) -> Result<(SessionId, SegmentId), StoreError> {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    create_segment_with_ids(store, session, segment, state)?;
    Ok((session, segment))
}

/// Makes the first segment of a session whose ids were taken before: for who has to name them before there is anything to
/// write.
///
/// # Errors
/// [`StoreError::Exists`]; as [`Store::create_segment`].
pub fn create_segment_with_ids<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    state: SegmentStartState<'_>,
) -> Result<(), StoreError> {
    store.create_segment(session_id, segment_id, &[state.entry(session_id, None, None)])
}

/// Makes a shorter form of a segment, in the same session: `state` is what was made of its history.
///
/// # Errors
/// [`StoreError::NotFound`] if there is no such source; as [`Store::create_segment`].
pub fn create_compacted_segment<S: Store + ?Sized>(
    store: &S,
    state: SegmentStartState<'_>,
    source_session_id: SessionId,
    source_segment_id: SegmentId,
    source_turn_count: usize,
) -> Result<SegmentId, StoreError> {
    require(store, source_session_id, source_segment_id)?;
    let origin = SegmentOrigin { segment_id: source_segment_id, at_turn_index: source_turn_count };
    let segment = SegmentId::new();
    store.create_segment(
        source_session_id,
        segment,
        &[state.entry(source_session_id, None, Some(origin))],
    )?;
    Ok(segment)
}

/// Restores a segment: what stands of it, with a report of what does not in [`RestoredState::damaged`].
///
/// # Errors
/// [`StoreError::NotFound`]; as [`Store::read`].
pub fn restore<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<RestoredState, StoreError> {
    let read = store.read(session_id, segment_id)?;
    let mut state = collect_state(&read.entries);
    (state.entries_count, state.damaged) = (read.count, read.damaged);
    if state.entries_count > 0 {
        // Also where the start is damaged: it is known whose segment this is.
        state.session_id = Some(session_id);
    }
    Ok(state)
}

/// Restores a segment of which the session is not known.
///
/// # Errors
/// [`StoreError::NotFound`] if it is in none; as [`restore`].
pub fn restore_by_segment<S: Store + ?Sized>(
    store: &S,
    segment_id: SegmentId,
) -> Result<RestoredState, StoreError> {
    let session = store.lookup_session_of(segment_id)?.ok_or(StoreError::NotFound(segment_id))?;
    restore(store, session, segment_id)
}

/// Looks whether another writer got ahead, and if so goes on in a fork: a new segment of the same session that starts from
/// `state`, this writer's own, and says where it came from. `segment_id` and `entries_written` are changed together with it.
///
/// What is found holds for the moment of the look. [`append_or_fork`] looks and appends as one step: of two writers who
/// pass here, only one passes there.
///
/// # Errors
/// [`StoreError::NotFound`]; as [`Store::create_segment`]. Then nothing is changed.
pub fn ensure_head_or_fork<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: &mut SegmentId,
    entries_written: &mut usize,
    at_turn_index: usize,
    state: SegmentStartState<'_>,
) -> Result<(), StoreError> {
    if store.read_entry_count(session_id, *segment_id)? == *entries_written {
        return Ok(());
    }
    let from = SegmentOrigin { segment_id: *segment_id, at_turn_index };
    let fork = SegmentId::new();
    store.create_segment(session_id, fork, &[state.entry(session_id, Some(from), None)])?;
    (*segment_id, *entries_written) = (fork, 1);
    Ok(())
}

/// Where entries have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// To the end of the segment that they were meant for.
    Kept(SegmentLocation),
    /// Into a fork, for another writer was ahead.
    Forked {
        /// The segment that they were meant for, and at which turn it was left.
        from: SegmentOrigin,
        /// The new one.
        to: SegmentLocation,
    },
}

/// Appends entries where a writer stands, if nobody else has written there, and into a fork if somebody has. The look and the
/// append are one step, and so are the fork and its first entries: whatever happens, no writer's line lies in another's
/// conversation, and none is lost.
///
/// `state` and `at_turn_index` are this writer's before the entries: what the fork starts from.
///
/// # Errors
/// As [`Store::append_if`] and [`Store::create_segment`]. Then `writer` stands where it stood.
pub fn append_or_fork<S: Store + ?Sized>(
    store: &S,
    writer: &SegmentState,
    at_turn_index: usize,
    state: SegmentStartState<'_>,
    entries: &[LogEntry],
) -> Result<Head, StoreError> {
    let _alone = writer.write();
    let (location, expected) = writer.snapshot();
    let SegmentLocation { session_id, segment_id } = location;
    match store.append_if(session_id, segment_id, expected, entries) {
        Ok(count) => {
            writer.wrote(location, count);
            return Ok(Head::Kept(location));
        }
        Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(error),
    }
    let from = SegmentOrigin { segment_id, at_turn_index };
    let to = SegmentLocation { session_id, segment_id: SegmentId::new() };
    let mut all = vec![state.entry(session_id, Some(from), None)];
    all.extend_from_slice(entries);
    store.create_segment(session_id, to.segment_id, &all)?;
    writer.swap(to, all.len());
    tracing::info!(session = %session_id, from = %segment_id, to = %to.segment_id, "another writer was ahead: forked");
    Ok(Head::Forked { from, to })
}

/// Begins a new session from the state of a segment, and records which: `from`.
///
/// # Errors
/// [`StoreError::NotFound`] if `from` is in no session; as [`Store::create_segment`].
pub fn fork<S: Store + ?Sized>(
    store: &S,
    state: SegmentStartState<'_>,
    from: SegmentOrigin,
) -> Result<(SessionId, SegmentId), StoreError> {
    store.lookup_session_of(from.segment_id)?.ok_or(StoreError::NotFound(from.segment_id))?;
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[state.entry(session, Some(from), None)])?;
    Ok((session, segment))
}

/// Forks a segment behind the end of one of its turns, in the same session. Turn 0 is directly behind its start; for a turn
/// that it does not have the whole log is taken.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Corrupt`] if an entry before that place is lost: a fork would pass for whole. What
/// [`restore`] gives can be forked all the same, by [`fork`].
pub fn fork_at<S: Store + ?Sized>(
    store: &S,
    source_session_id: SessionId,
    source_id: SegmentId,
    at_turn_index: usize,
) -> Result<SegmentId, StoreError> {
    let mut read = store.read(source_session_id, source_id)?;
    let is_start = |entry: &LogEntry| matches!(entry, LogEntry::SegmentStart { .. });
    let ends = |entry: &LogEntry| matches!(entry, LogEntry::TurnEnd { turn_count, .. } if *turn_count == at_turn_index);
    let cut = match at_turn_index {
        0 => read.entries.iter().position(|entry| !is_start(entry)),
        _ => read.entries.iter().position(ends).map(|at| at + 1),
    };
    let cut = cut.unwrap_or(read.entries.len());
    let whole = cut == read.entries.len();
    read.entries.truncate(cut);
    // Damage behind the place is none of the fork's.
    read.damaged.retain(|line| line.index < cut || whole);
    let state = collect_state(&read.whole()?);
    let from = SegmentOrigin { segment_id: source_id, at_turn_index: state.turn_count };
    let segment = SegmentId::new();
    let start = SegmentStartState::from(&state).entry(source_session_id, Some(from), None);
    store.create_segment(source_session_id, segment, &[start])?;
    Ok(segment)
}

/// The segment of a session to go on with: the one made last. None for a session without one.
///
/// # Errors
/// As [`Store::list_segments`].
pub fn leaf<S: Store + ?Sized>(store: &S, session_id: SessionId) -> Result<Option<SegmentId>, StoreError> {
    Ok(store.list_segments(session_id)?.first().copied())
}

/// Now, in milliseconds since the epoch: what `ts` of an entry holds.
#[must_use]
pub fn now_millis() -> u64 {
    u64::try_from(SystemClock.now_micros() / 1000).unwrap_or(0)
}

fn require<S: Store + ?Sized>(store: &S, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
    if store.exists(session, segment)? { Ok(()) } else { Err(StoreError::NotFound(segment)) }
}

#[cfg(test)]
mod tests;
