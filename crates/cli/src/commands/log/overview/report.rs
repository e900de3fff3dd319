//! What is known of a journal, as one object of JSON and on one screen.

use annals::journal::{CursorStatus, Receipts};
use annals::{Offset, TermStart, format_instant};
use serde::Serialize;

use super::super::findings::{self, Matter, State};
use super::super::keep::Planned;
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::{Count, Size, counted};
use crate::output::Output;

/// What is known of a journal.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) dir: String,
    pub(super) log: String,
    /// The process that has it open to write to it; null if none does.
    pub(super) in_use_by: Option<String>,
    pub(super) term: u64,
    pub(super) terms: Vec<Term>,
    pub(super) oldest: u64,
    pub(super) durable: u64,
    /// Whether the durable end was taken from the segments, for the watermark is lost.
    pub(super) presumed: bool,
    pub(super) records: u64,
    pub(super) segments: u64,
    pub(super) bytes: u64,
    /// The journal times of the first and the last group.
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) checkpoint_error: Option<String>,
    pub(super) cursors: u64,
    /// The cursor that holds most.
    pub(super) slowest: Option<Held>,
    /// Null if nothing ever was.
    pub(super) purged: Option<Purged>,
    /// Files in quarantine.
    pub(super) quarantined: u64,
    pub(super) holes: Vec<Hole>,
    /// What could go if nothing but the newest were wanted, and what holds the rest.
    pub(super) could_go: Planned,
    /// How much was read for the findings: `full`, or `quick`.
    pub(super) checked: &'static str,
    pub(super) state: State,
    pub(super) findings: Vec<Matter>,
    pub(super) next: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Term {
    term: u64,
    start: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Checkpoint {
    offset: u64,
    next: u64,
    bytes: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Held {
    name: String,
    position: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Purged {
    upto: u64,
    segments: u64,
    records: u64,
    last_at: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Hole {
    offset: u64,
    len: u64,
    reason: String,
    at: String,
    term: u64,
}

impl From<&TermStart> for Term {
    fn from(start: &TermStart) -> Self {
        Self { term: start.term.get(), start: start.start.get() }
    }
}

impl From<&annals::journal::Checkpoint> for Checkpoint {
    fn from(checkpoint: &annals::journal::Checkpoint) -> Self {
        let (offset, next) = (checkpoint.offset.get(), checkpoint.next.get());
        Self { offset, next, bytes: checkpoint.body.len() }
    }
}

impl From<&CursorStatus> for Held {
    fn from(cursor: &CursorStatus) -> Self {
        Self { name: cursor.name.clone(), position: cursor.position.map(Offset::get) }
    }
}

impl From<&annals::journal::Hole> for Hole {
    fn from(hole: &annals::journal::Hole) -> Self {
        Self {
            offset: hole.offset.get(),
            len: hole.len,
            reason: hole.reason.clone(),
            at: format_instant(hole.at_micros),
            term: hole.term.get(),
        }
    }
}

impl Purged {
    pub(super) fn of(upto: Offset, receipts: &Receipts) -> Self {
        Self {
            upto: upto.get(),
            segments: receipts.purged.len() as u64,
            records: receipts.purged.iter().map(|receipt| receipt.records).sum(),
            last_at: receipts.purged.first().map(|receipt| format_instant(receipt.purged_at_micros)),
        }
    }
}

impl Report {
    /// One screen.
    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        let state = findings::word(self.state, output);
        let holes = counted(self.holes.len() as u64, "hole");
        let but =
            if self.holes.is_empty() { String::new() } else { format!(", but for {holes} listed below") };
        let read = match self.checked {
            "full" => "all was read",
            _ => "sealed segments were not read: --full, or `annals log verify`, does",
        };
        row(output, "state", &format!("{state}{but} ({read})"))?;
        findings::show(&self.findings, output)?;
        row(output, "next", self.next)?;
        row(output, "journal", &Shown(&self.dir).to_string())?;
        row(output, "log", &format!("{}, {}", self.log, self.terms()))?;
        let in_use_by = self.in_use_by.as_deref().unwrap_or("nobody");
        row(output, "in use by", &Shown(in_use_by).to_string())?;
        let presumed = if self.presumed { ", taken from the segments: the watermark is lost" } else { "" };
        row(output, "offsets", &format!("{} to {}, all durable{presumed}", self.oldest, self.durable))?;
        let times = match (&self.first, &self.last) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        row(output, "records", &format!("{}{times}", Count(self.records)))?;
        let segments = counted(self.segments, "segment");
        row(output, "on disk", &format!("{} in {segments}", Size(self.bytes)))?;
        row(output, "checkpoint", &self.checkpoint())?;
        row(output, "cursors", &self.cursors())?;
        row(output, "purged", &self.purged())?;
        row(output, "quarantine", &counted(self.quarantined, "file"))?;
        row(output, "holes", &counted(self.holes.len() as u64, "range"))?;
        for Hole { offset, len, reason, at, .. } in &self.holes {
            output.line(format_args!("  offset {offset}, {len} bytes, since {at}: {}", Shown(reason)))?;
        }
        let Planned { purge, purge_bytes, in_the_way, .. } = &self.could_go;
        let go = counted(purge.len() as u64, "segment");
        row(output, "could go", &format!("{go}, {}, if only the newest were kept", Size(*purge_bytes)))?;
        in_the_way.show(output)?;
        output.flush()
    }

    fn terms(&self) -> String {
        match &self.terms[..] {
            [] | [_] => format!("term {}", self.term),
            [.., Term { term, start }] => format!("term {term} since offset {start}"),
        }
    }

    fn checkpoint(&self) -> String {
        match (&self.checkpoint, &self.checkpoint_error) {
            (Some(Checkpoint { offset, bytes, .. }), _) => {
                format!("at offset {offset}, {}", counted(*bytes as u64, "byte"))
            }
            (None, Some(error)) => Shown(error).to_string(),
            (None, None) => "none".to_owned(),
        }
    }

    fn cursors(&self) -> String {
        let cursors = counted(self.cursors, "cursor");
        match &self.slowest {
            None => "none".to_owned(),
            Some(Held { name, position: Some(position) }) => {
                format!("{cursors}; {} holds most, from offset {position} on", Shown(name))
            }
            Some(Held { name, position: None }) => format!("{cursors}; {} does not verify", Shown(name)),
        }
    }

    fn purged(&self) -> String {
        let Some(Purged { upto, segments, records, last_at }) = &self.purged else {
            return "nothing".to_owned();
        };
        let (segments, records) = (counted(*segments, "segment"), counted(*records, "record"));
        let at = last_at.as_ref().map(|at| format!(", last at {at}")).unwrap_or_default();
        format!("up to offset {upto}: {segments}, {records}{at}")
    }
}

fn row(output: &mut Output, name: &str, text: &str) -> Result<(), Failure> {
    output.line(format_args!("{} {text}", output.paint.dim(format_args!("{name:<11}"))))
}
