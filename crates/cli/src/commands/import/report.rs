//! What an import comes to.

use annals::Offset;
use serde::Serialize;

use crate::exit::Failure;
use crate::number::{Count, Span, counted};
use crate::output::Output;

/// What became of the accepted records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// How many were appended.
    pub(super) appended: u64,
    /// How many stood there already.
    pub(super) duplicates: u64,
    /// Where the first one stands that was appended.
    pub(super) first: Option<Offset>,
}

/// The report of an import.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Lines that are not blank.
    pub(super) read: u64,
    /// Records that were appended; in a dry run, that would be.
    pub(super) appended: u64,
    /// Records that stood there already.
    pub(super) duplicates: u64,
    /// Lines that are no records.
    pub(super) rejected: u64,
    /// Where the first appended record stands; null if there is none.
    pub(super) first: Option<u64>,
    /// Where the journal ends; null if the import ended without knowing it.
    pub(super) next: Option<u64>,
    /// How long it took.
    pub(super) seconds: f64,
    /// Whether the input was read to its end.
    pub(super) complete: bool,
    /// Whether nothing was written.
    pub(super) dry_run: bool,
}

impl Report {
    /// Shows it.
    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        if output.json {
            return output.object(self);
        }
        let would = if self.dry_run { "would be appended" } else { "appended" };
        let speed = if self.seconds > 0.0 { (self.read as f64 / self.seconds) as u64 } else { 0 };
        output.line(format_args!(
            "{} read: {} {would}, {}, {} rejected",
            counted(self.read, "line"),
            output.paint.bold(Count(self.appended)),
            counted(self.duplicates, "duplicate"),
            Count(self.rejected)
        ))?;
        let place = match (self.first, self.next) {
            (Some(first), Some(next)) => format!("; offsets {first} to {next}"),
            _ => String::new(),
        };
        let time = format!("{}, {} lines a second{place}", Span(self.seconds), Count(speed));
        output.line(output.paint.dim(time))
    }
}
