//! What is told of sessions: one line each, for people and as JSON.

use std::fmt;

use annals::sessions::{
    DamagedLine, Fault, RestoredState, SegmentId, SegmentOrigin, SessionId, SessionSummary,
};
use serde::Serialize;
use serde_json::Value;

use crate::escape::Shown;
use crate::exit::Failure;
use crate::output::Output;

/// A session in a list.
#[derive(Debug, Serialize)]
pub(super) struct SessionLine<'a> {
    session: SessionId,
    leaf: SegmentId,
    preview: &'a str,
    entries: usize,
    damaged: usize,
    /// Milliseconds since the epoch; null if the id does not tell.
    created_millis: Option<u64>,
    used_millis: u64,
    /// Why there is no preview.
    trouble: Option<&'a str>,
}

/// A segment in a list.
#[derive(Debug, Serialize)]
pub(super) struct SegmentLine {
    segment: SegmentId,
    entries: usize,
    turns: usize,
    damaged: usize,
    forked_from: Option<SegmentOrigin>,
    compacted_from: Option<SegmentOrigin>,
    created_millis: Option<u64>,
}

/// A new segment.
#[derive(Debug, Serialize)]
pub(super) struct Forked {
    pub(super) session: SessionId,
    pub(super) segment: SegmentId,
    pub(super) forked_from: Option<SegmentOrigin>,
    pub(super) messages: usize,
}

/// What a check has read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Checked {
    pub(super) sessions: usize,
    pub(super) segments: usize,
    pub(super) entries: usize,
    /// Entries of a kind that is not known here.
    pub(super) unknown: usize,
    /// Entries of traces.
    pub(super) events: usize,
    /// Lines that were never committed.
    pub(super) torn: usize,
    /// Lines that were, and cannot be read.
    pub(super) damaged: usize,
}

/// A line that is no entry.
#[derive(Debug, Serialize)]
pub(super) struct Unread {
    unread: &'static str,
    path: String,
    line: usize,
    byte: u64,
    bytes: u64,
    reason: String,
}

/// A state, as JSON.
#[derive(Debug, Serialize)]
struct State<'a> {
    session: Option<SessionId>,
    segment: SegmentId,
    system_prompt: Option<&'a str>,
    config: &'a Value,
    history: &'a [Value],
    turns: usize,
    interrupted: bool,
    entries: usize,
    forked_from: Option<SegmentOrigin>,
    compacted_from: Option<SegmentOrigin>,
    damaged: usize,
}

impl<'a> SessionLine<'a> {
    pub(super) fn of(summary: &'a SessionSummary) -> Self {
        Self {
            session: summary.session_id,
            leaf: summary.leaf,
            preview: &summary.preview,
            entries: summary.entries,
            damaged: summary.damaged,
            created_millis: summary.session_id.made_millis(),
            used_millis: summary.used_millis,
            trouble: summary.trouble.as_deref(),
        }
    }
}

impl fmt::Display for SessionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, leaf, preview, entries, .. } = self;
        write!(f, "{session}  {leaf}  {:>12}  {}", count(*entries, "entries"), Shown(preview))
    }
}

impl SegmentLine {
    pub(super) fn of(segment: SegmentId, state: &RestoredState) -> Self {
        Self {
            segment,
            entries: state.entries_count,
            turns: state.turn_count,
            damaged: lost(state),
            forked_from: state.forked_from,
            compacted_from: state.compacted_from,
            created_millis: segment.made_millis(),
        }
    }
}

impl fmt::Display for SegmentLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}, {}", self.segment, count(self.entries, "entries"), count(self.turns, "turns"))?;
        origin(f, "forked from", self.forked_from)?;
        origin(f, "compacted from", self.compacted_from)?;
        if self.damaged > 0 { write!(f, ", {} damaged", self.damaged) } else { Ok(()) }
    }
}

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, segment, forked_from, messages } = self;
        write!(f, "session {session}, segment {segment}: {}", count(*messages, "messages"))?;
        origin(f, "forked from", *forked_from)
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, segments, entries, events, torn, damaged, .. } = self;
        write!(
            f,
            "{}, {}, {}, {} of traces: {torn} torn, {damaged} damaged",
            count(*sessions, "sessions"),
            count(*segments, "segments"),
            count(*entries, "entries"),
            count(*events, "events"),
        )
    }
}

impl Unread {
    pub(super) fn of(line: &DamagedLine) -> Self {
        Self {
            unread: match line.what {
                Fault::Damaged => "damaged",
                Fault::Torn => "torn",
            },
            path: line.path.display().to_string(),
            line: line.line,
            byte: line.byte,
            bytes: line.len,
            reason: line.reason.clone(),
        }
    }
}

/// Writes a state.
pub(super) fn show(segment: SegmentId, state: &RestoredState, output: &mut Output) -> Result<(), Failure> {
    let line = SegmentLine::of(segment, state);
    if !output.json {
        output.line(&line)?;
        for message in &state.history {
            output.line(Shown(&message.to_string()))?;
        }
        return Ok(());
    }
    output.object(&State {
        session: state.session_id,
        segment,
        system_prompt: state.system_prompt.as_deref(),
        config: &state.config,
        history: &state.history,
        turns: state.turn_count,
        interrupted: state.last_run_interrupted,
        entries: state.entries_count,
        forked_from: state.forked_from,
        compacted_from: state.compacted_from,
        damaged: lost(state),
    })
}

fn lost(state: &RestoredState) -> usize {
    state.damaged.iter().filter(|line| line.what == Fault::Damaged).count()
}

fn origin(f: &mut fmt::Formatter<'_>, how: &str, from: Option<SegmentOrigin>) -> fmt::Result {
    match from {
        Some(from) => write!(f, ", {how} {} at turn {}", from.segment_id, from.at_turn_index),
        None => Ok(()),
    }
}

/// A count with its noun, which is given in the plural.
fn count(count: usize, nouns: &str) -> String {
    let noun = match nouns {
        "entries" => "entry",
        nouns => nouns.trim_end_matches('s'),
    };
    let noun = if count == 1 { noun } else { nouns };
    format!("{} {noun}", crate::number::Count(count as u64))
}
