//! One line of a dump, for people and as JSON.

use std::path::Path;

use annals::journal::dump::{Audit, Content, SegmentFile, Sound, Stretch};
use annals::{Offset, RecordId, format_instant};
use serde::Serialize;

use crate::commands::log_walk::{Said, said};
use crate::escape::Quoted;
use crate::number::counted;
use crate::render;

/// How many characters of a payload are shown to people, or half as many bytes.
const SHOWN: usize = 64;

/// A line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Where it begins in the log.
    offset: u64,
    /// Where it begins in the file; null for what has no bytes there.
    pos: Option<u64>,
    len: u64,
    kind: &'static str,
    /// Whether the CRC holds; null where there is none to hold.
    crc_ok: Option<bool>,
    /// What is wrong.
    flaw: Option<String>,
    #[serde(flatten)]
    says: Says,
}

/// What a frame, or the header, says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Says {
    Header {
        file: String,
        log: String,
        term: u64,
        records_before: u64,
        made: String,
        chain: String,
        checkpoint: Option<u64>,
    },
    Record {
        id: String,
        bytes: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<String>,
        #[serde(skip)]
        shown: String,
    },
    Commit {
        start: u64,
        records: u32,
        durable_upto: u64,
        time: String,
    },
    Seal {
        records: u64,
        groups: u64,
        payload_bytes: u64,
        first: Option<String>,
        last: Option<String>,
        chain: String,
        next_term: u64,
    },
    Key {
        key: String,
        content: String,
        #[serde(skip)]
        shown: String,
    },
    Cut {
        audit: &'static str,
        at: String,
        cut: Range,
    },
    Salvage {
        audit: &'static str,
        at: String,
        lost: Vec<Range>,
        mended: Vec<Range>,
    },
    Restore {
        audit: &'static str,
        at: String,
        durable: u64,
        term: u64,
        manifest: String,
    },
    Body {
        body: String,
        #[serde(skip)]
        shown: String,
    },
    Nothing {},
}

/// Bytes that a repair took out or wrote over.
#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    bytes: u64,
    blake3: String,
}

impl From<(Offset, u64, RecordId)> for Range {
    fn from((offset, bytes, blake3): (Offset, u64, RecordId)) -> Self {
        Self { offset: offset.get(), bytes, blake3: blake3.to_string() }
    }
}

impl Line {
    /// The header of a segment.
    pub(super) fn of_head(file: &SegmentFile, path: &Path) -> Self {
        let says = file.head().map_or(Says::Nothing {}, |head| Says::Header {
            file: path.display().to_string(),
            log: head.log.to_string(),
            term: head.term.get(),
            records_before: head.records_before,
            made: format_instant(head.created_micros),
            chain: render::hex(&head.chain),
            checkpoint: head.checkpoint.map(Offset::get),
        });
        let flaw = file.flaw().map(str::to_owned);
        let (offset, crc_ok) = (file.base().get(), Some(flaw.is_none()));
        Self { offset, pos: Some(0), len: 4096, kind: "header", crc_ok, flaw, says }
    }

    /// A stretch of frames; payloads whole if `payload`.
    pub(super) fn of(stretch: &Stretch<'_>, payload: bool) -> Self {
        match stretch {
            Stretch::Frame(sound) => Self {
                offset: sound.offset.get(),
                pos: Some(sound.pos),
                len: sound.len,
                kind: sound.content.name(),
                crc_ok: Some(true),
                flaw: sound.flaw.clone(),
                says: Says::of(sound, payload),
            },
            Stretch::Broken(broken) => Self {
                offset: broken.offset.get(),
                pos: Some(broken.pos),
                len: broken.len,
                kind: "broken",
                crc_ok: Some(false),
                flaw: Some(broken.reason.clone()),
                says: Says::Nothing {},
            },
            Stretch::Unwritten { offset, len } => Self {
                offset: offset.get(),
                pos: None,
                len: *len,
                kind: "unwritten",
                crc_ok: None,
                flaw: None,
                says: Says::Nothing {},
            },
            _ => Self {
                offset: 0,
                pos: None,
                len: 0,
                kind: "unknown",
                crc_ok: None,
                flaw: None,
                says: Says::Nothing {},
            },
        }
    }

    /// What lies between the file's end and the next segment.
    pub(super) fn missing(from: Offset, next: Offset) -> Self {
        let flaw = format!("the file ends here, and the next segment begins at offset {next}");
        Self {
            offset: from.get(),
            pos: None,
            len: next.get() - from.get(),
            kind: "missing",
            crc_ok: None,
            flaw: Some(flaw),
            says: Says::Nothing {},
        }
    }

    /// Where the next one begins.
    pub(super) fn end(&self) -> Offset {
        Offset::new(self.offset.saturating_add(self.len))
    }

    /// Whether something is wrong.
    pub(super) fn is_broken(&self) -> bool {
        self.flaw.is_some()
    }

    /// For people; what comes from the file is escaped.
    pub(super) fn text(&self) -> String {
        let pos = self.pos.map_or_else(|| "-".to_owned(), |pos| pos.to_string());
        let crc = match self.crc_ok {
            Some(true) => "ok",
            Some(false) => "BAD",
            None => "-",
        };
        let flaw = self.flaw.as_ref().map(|flaw| format!("  <- {flaw}")).unwrap_or_default();
        let says = self.says.text();
        let line = format!(
            "{:>12} {pos:>10} {:>8}  {:<10} {crc:<3}  {says}{flaw}",
            self.offset, self.len, self.kind
        );
        line.trim_end().to_owned()
    }
}

impl Says {
    fn of(sound: &Sound<'_>, whole: bool) -> Self {
        match &sound.content {
            Content::Record { id, payload } => Self::Record {
                id: id.to_string(),
                bytes: payload.len(),
                payload: whole.then(|| render::hex(payload)),
                shown: if whole { format!("0x{}", render::hex(payload)) } else { record(payload) },
            },
            Content::Commit { start, durable_upto, time_micros, records } => Self::Commit {
                start: start.get(),
                records: *records,
                durable_upto: durable_upto.get(),
                time: format_instant(*time_micros),
            },
            Content::Seal { records, groups, payload_bytes, times, chain, next_term } => Self::Seal {
                records: *records,
                groups: *groups,
                payload_bytes: *payload_bytes,
                first: times.map(|(first, _)| format_instant(first)),
                last: times.map(|(_, last)| format_instant(last)),
                chain: render::hex(chain),
                next_term: next_term.get(),
            },
            Content::Key { content, key } => {
                Self::Key { key: render::hex(key), content: content.to_string(), shown: bytes(key, whole) }
            }
            Content::Audit { body } => Self::of_audit(body, whole),
            Content::Checkpoint { body } | Content::Unknown { body } => {
                Self::Body { body: render::hex(body), shown: bytes(body, whole) }
            }
            _ => Self::Nothing {},
        }
    }

    fn of_audit(body: &[u8], whole: bool) -> Self {
        let ranges = |ranges: Vec<_>| ranges.into_iter().map(Range::from).collect();
        match Audit::of(body) {
            Some(Audit::Cut { range, at_micros }) => {
                Self::Cut { audit: "cut", at: format_instant(at_micros), cut: range.into() }
            }
            Some(Audit::Salvage { lost, mended, at_micros }) => Self::Salvage {
                audit: "salvage",
                at: format_instant(at_micros),
                lost: ranges(lost),
                mended: ranges(mended),
            },
            Some(Audit::Restore { durable: (offset, term), manifest, at_micros }) => Self::Restore {
                audit: "restore",
                at: format_instant(at_micros),
                durable: offset.get(),
                term: term.get(),
                manifest: manifest.to_string(),
            },
            _ => Self::Body { body: render::hex(body), shown: bytes(body, whole) },
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Header { log, term, records_before, made, .. } => {
                format!(
                    "log {log}, term {term}, {} before it, made {made}",
                    counted(*records_before, "record")
                )
            }
            Self::Record { id, bytes, shown, .. } => {
                format!("{}  {}  {shown}", &id[..12], counted(*bytes as u64, "byte"))
            }
            Self::Commit { start, records, durable_upto, time } => {
                let records = counted((*records).into(), "record");
                format!("{records} from {start}, {time}, durable up to {durable_upto} before")
            }
            Self::Seal { records, groups, payload_bytes, first, last, next_term, .. } => {
                let times =
                    first.as_ref().zip(last.as_ref()).map(|(first, last)| format!(", {first} to {last}"));
                format!(
                    "{} in {}, {}{}, next term {next_term}",
                    counted(*records, "record"),
                    counted(*groups, "group"),
                    counted(*payload_bytes, "byte"),
                    times.unwrap_or_default()
                )
            }
            Self::Key { shown, content, .. } => format!("{shown} for content {}", &content[..12]),
            Self::Cut { at, cut, .. } => {
                format!("a torn tail of {} at {} was cut, {at}", counted(cut.bytes, "byte"), cut.offset)
            }
            Self::Salvage { at, lost, mended, .. } => {
                let (lost, mended) = (lost.len() as u64, mended.len() as u64);
                format!(
                    "salvaged: {} lost, {} mended, {at}",
                    counted(lost, "range"),
                    counted(mended, "range")
                )
            }
            Self::Restore { at, durable, term, manifest, .. } => {
                format!("restored from backup {} of up to {durable} in term {term}, {at}", &manifest[..12])
            }
            Self::Body { shown, .. } => shown.clone(),
            Self::Nothing {} => String::new(),
        }
    }
}

/// A payload on a line: as a record, if it is one of ours.
fn record(payload: &[u8]) -> String {
    match said(payload) {
        Said::Record(record) => render::line(&record),
        _ => bytes(payload, false),
    }
}

/// Bytes as text, if they are, else in hex.
fn bytes(bytes: &[u8], whole: bool) -> String {
    let longest = if whole { usize::MAX } else { SHOWN };
    match std::str::from_utf8(bytes) {
        Ok(text) => Quoted { text, longest }.to_string(),
        Err(_) => {
            let shown = &bytes[..bytes.len().min(longest / 2)];
            format!("0x{}{}", render::hex(shown), if shown.len() < bytes.len() { "…" } else { "" })
        }
    }
}
