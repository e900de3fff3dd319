//! One worker, or one named cursor, as a line of JSON and for people.

use annals::{ConsumerKind, ConsumerState, ConsumerStatus, Offset};
use serde::Serialize;

use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::{Size, Span, counted};
use crate::output::Output;

/// A worker or a named cursor as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    name: &'a str,
    kind: &'static str,
    state: &'static str,
    /// The next offset to apply; null if that is not known.
    next: Option<u64>,
    durable: Option<u64>,
    /// From where the journal is held for it; null if it is not.
    holds: Option<u64>,
    behind: Option<Behind>,
    error: Option<&'a str>,
    paused: Option<Paused<'a>>,
    seek: Option<Seek<'a>>,
}

#[derive(Debug, Serialize)]
struct Behind {
    records: u64,
    bytes: u64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Paused<'a> {
    since: &'a str,
    by: &'a str,
}

#[derive(Debug, Serialize)]
struct Seek<'a> {
    to: u64,
    by: &'a str,
    refused: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(crate) fn of(status: &'a ConsumerStatus) -> Self {
        Self {
            name: &status.name,
            kind: status.kind.name(),
            state: status.state.name(),
            next: status.next.map(Offset::get),
            durable: status.durable.map(Offset::get),
            holds: status.holds.map(Offset::get),
            behind: status.lag.map(|lag| Behind {
                records: lag.records,
                bytes: lag.bytes,
                seconds: lag.seconds,
            }),
            error: status.error.as_deref(),
            paused: status.paused.as_ref().map(|pause| Paused { since: &pause.since, by: &pause.by }),
            seek: status.seek.as_ref().map(|seek| Seek {
                to: seek.to.get(),
                by: &seek.by,
                refused: seek.refused.as_deref(),
            }),
        }
    }
}

/// What it does, in words: a pause before anything else, for it waits for somebody.
pub(crate) fn doing(status: &ConsumerStatus) -> &'static str {
    match (status.state, &status.paused) {
        (ConsumerState::Failed, _) => "failed",
        (ConsumerState::Paused, _) | (ConsumerState::NotRunning, Some(_)) => "paused",
        (_, Some(_)) => "about to be paused",
        (ConsumerState::Starting, _) => "starting",
        (ConsumerState::Applying, _) => "applying",
        (ConsumerState::CaughtUp, _) => "caught up",
        (ConsumerState::Retrying, _) => "retrying",
        _ if status.kind == ConsumerKind::Named => "",
        _ => "not running",
    }
}

/// Shows it to people: one line, and more where something is the matter.
pub(super) fn show(status: &ConsumerStatus, owned: bool, output: &mut Output) -> Result<(), Failure> {
    let behind = match status.lag {
        Some(lag) if lag.records == 0 => "up to date".to_owned(),
        Some(lag) => {
            format!("{} behind, {}, {}", counted(lag.records, "record"), Size(lag.bytes), Span(lag.seconds))
        }
        None => "nothing is known of how far it is".to_owned(),
    };
    let next = status.next.map_or_else(|| "?".to_owned(), |next| next.to_string());
    let ConsumerStatus { name, kind, .. } = status;
    output.line(format_args!("{name:<20} {kind:<10} at {next:<12} {:<18} {behind}", doing(status)))?;
    note(status, owned, output)
}

/// What is the matter with it: a pause, a seek, an error.
pub(crate) fn note(status: &ConsumerStatus, owned: bool, output: &mut Output) -> Result<(), Failure> {
    if let Some(pause) = &status.paused {
        let text = format!(
            "paused since {} by {}; `annals cursors resume {}` has it go on",
            Shown(&pause.since),
            Shown(&pause.by),
            status.name
        );
        output.line(format_args!("  {}", output.paint.red(text)))?;
    }
    if let Some(seek) = &status.seek {
        let text = match &seek.refused {
            Some(refused) => format!("cannot be put at offset {}: {}", seek.to, Shown(refused)),
            None if owned => format!("is being put at offset {}", seek.to),
            None => format!("is put at offset {} when it is at work next", seek.to),
        };
        output.line(format_args!("  {text}"))?;
    }
    if let Some(error) = &status.error {
        output.line(format_args!("  {}", output.paint.red(Shown(error))))?;
    }
    Ok(())
}
