//! The receipt of an import from another system.

use annals::foreign::{Document, Noted, Receipt, Taken};
use serde::Serialize;

use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::{Count, Size, Span, counted};
use crate::output::Output;

/// What it came to.
pub(super) struct Report<'a> {
    pub(super) from: &'static str,
    pub(super) receipt: &'a Receipt,
    pub(super) taken: Taken,
    pub(super) first: Option<u64>,
    pub(super) next: Option<u64>,
    pub(super) seconds: f64,
    pub(super) complete: bool,
    pub(super) dry_run: bool,
}

/// The same for machines: docs/cli.md has the keys.
#[derive(Serialize)]
struct Keys<'a> {
    from: &'static str,
    read: u64,
    appended: u64,
    duplicates: u64,
    refused: u64,
    files: u64,
    bytes: u64,
    kept_bytes: u64,
    lost: u64,
    lost_bytes: u64,
    lost_items: u64,
    notes: Vec<NoteKeys>,
    documents: u64,
    listed: Vec<DocumentKeys<'a>>,
    first: Option<u64>,
    next: Option<u64>,
    seconds: f64,
    complete: bool,
    dry_run: bool,
}

#[derive(Serialize)]
struct NoteKeys {
    note: &'static str,
    count: u64,
    file: String,
    offset: u64,
    left_out: bool,
}

#[derive(Serialize)]
struct DocumentKeys<'a> {
    kind: &'static str,
    file: String,
    segment: Option<&'a str>,
    items: Option<u64>,
    reason: Option<&'a str>,
}

impl Report<'_> {
    /// Shows it.
    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        if output.json {
            return output.object(&self.keys());
        }
        let Self { receipt, taken, .. } = self;
        let would = if self.dry_run { "would be appended" } else { "appended" };
        output.line(format_args!(
            "{} read from {}: {} {would}, {}",
            counted(receipt.items, "item"),
            counted(receipt.files, "file"),
            output.paint.bold(Count(taken.appended)),
            counted(taken.duplicates, "duplicate"),
        ))?;
        if taken.refused > 0 {
            output.line(format_args!("{} refused", counted(taken.refused, "item")))?;
        }
        if receipt.losses > 0 {
            output.line(format_args!(
                "{} lost, {} of {}",
                counted(receipt.losses, "range"),
                Size(receipt.lost_bytes),
                Size(receipt.bytes)
            ))?;
        }
        for Noted { note, count, file, offset } in &receipt.notes {
            let file = file.display().to_string();
            let name = note.name().replace('_', " ");
            output.line(format_args!(
                "{name}: {}, first in {}, byte {offset}",
                Count(*count),
                Shown(&file)
            ))?;
        }
        if receipt.documents > 0 {
            output.line(format_args!("{} beside the data", counted(receipt.documents, "document")))?;
        }
        let place = match (self.first, self.next) {
            (Some(first), Some(next)) => format!("; offsets {first} to {next}"),
            _ => String::new(),
        };
        output.line(output.paint.dim(format!("{}{place}", Span(self.seconds))))
    }

    fn keys(&self) -> Keys<'_> {
        let Self { receipt, taken, .. } = self;
        let note = |Noted { note, count, file, offset }: &Noted| NoteKeys {
            note: note.name(),
            count: *count,
            file: file.display().to_string(),
            offset: *offset,
            left_out: note.leaves_out(),
        };
        Keys {
            from: self.from,
            read: receipt.items,
            appended: taken.appended,
            duplicates: taken.duplicates,
            refused: taken.refused,
            files: receipt.files,
            bytes: receipt.bytes,
            kept_bytes: receipt.kept_bytes,
            lost: receipt.losses,
            lost_bytes: receipt.lost_bytes,
            lost_items: receipt.lost_items,
            notes: receipt.notes.iter().map(note).collect(),
            documents: receipt.documents,
            listed: receipt.first_documents.iter().map(document).collect(),
            first: self.first,
            next: self.next,
            seconds: self.seconds,
            complete: self.complete,
            dry_run: self.dry_run,
        }
    }
}

fn document(document: &Document) -> DocumentKeys<'_> {
    DocumentKeys {
        kind: document.kind.name(),
        file: document.file.display().to_string(),
        segment: document.segment.as_deref(),
        items: document.items,
        reason: document.reason.as_deref(),
    }
}
