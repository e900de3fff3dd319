//! What a backup holds, what was copied, and whether it verifies: for people and as JSON.

use std::path::Path;
use std::time::Duration;

use annals::journal::backup::{Checked, Manifest};
use annals::{Backup, format_instant};
use serde::Serialize;

use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Size, Span, counted};
use crate::output::Output;

/// What a backup holds.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    dir: String,
    /// The BLAKE3 of its manifest.
    manifest: String,
    log: String,
    term: u64,
    oldest: u64,
    durable: u64,
    records: u64,
    /// The journal time of the newest group.
    newest: Option<String>,
    made_at: String,
    sequence: u64,
    segments: usize,
    documents: usize,
    bytes: u64,
    /// What did not verify when it was copied, and was accepted.
    pub(super) damaged: Vec<Range>,
}

/// A range of the journal.
#[derive(Debug, Serialize)]
pub(super) struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

/// What was backed up.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) held: Held,
    /// Where the backup before it ended.
    former: Option<u64>,
    copied_segments: u64,
    copied_bytes: u64,
    kept_segments: u64,
    owner: Option<String>,
    seconds: f64,
}

/// What reading a backup has found.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    ok: bool,
    #[serde(flatten)]
    held: Held,
    /// Files that are not as the manifest says.
    files: Vec<File>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    detail: String,
}

/// One file of a backup.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    file: &'a str,
    /// Where it belongs in the journal.
    place: String,
    bytes: u64,
    blake3: String,
    /// Of a segment: the first place it holds, the first it does not, and whether it is whole.
    base: Option<u64>,
    end: Option<u64>,
    sealed: Option<bool>,
}

impl Held {
    pub(crate) fn of(dir: &Path, manifest: &Manifest) -> Self {
        let damaged = manifest.damaged.iter().map(|damage| Range {
            offset: damage.offset.get(),
            len: damage.len,
            detail: damage.detail.clone(),
        });
        Self {
            dir: dir.display().to_string(),
            manifest: manifest.id().to_string(),
            log: manifest.log.to_string(),
            term: manifest.term.get(),
            oldest: manifest.oldest.get(),
            durable: manifest.durable.get(),
            records: manifest.records,
            newest: manifest.newest_micros.map(format_instant),
            made_at: format_instant(manifest.made_at_micros),
            sequence: manifest.sequence,
            segments: manifest.segments.len(),
            documents: manifest.documents.len(),
            bytes: manifest.bytes(),
            damaged: damaged.collect(),
        }
    }

    /// What it holds, in one line.
    pub(crate) fn line(&self) -> String {
        format!(
            "log {} from offset {} to {} in term {}: {} in {}, {}, made {}",
            self.log,
            self.oldest,
            self.durable,
            self.term,
            counted(self.records, "record"),
            counted(self.segments as u64, "segment"),
            Size(self.bytes),
            self.made_at
        )
    }

    /// That not all of it verifies.
    pub(super) fn damage_said(&self) -> String {
        let first = self.damaged.first().map_or("", |first| &first.detail);
        let ranges = counted(self.damaged.len() as u64, "range");
        format!(
            "the journal is damaged, and so is the backup: {ranges} of it do not verify; the first: {first}"
        )
    }
}

impl Report {
    pub(super) fn of(dir: &Path, done: &Backup, took: Duration) -> Self {
        Self {
            held: Held::of(dir, &done.journal.manifest),
            former: done.journal.former.map(annals::Offset::get),
            copied_segments: done.journal.copied_segments,
            copied_bytes: done.journal.copied_bytes,
            kept_segments: done.journal.kept_segments,
            owner: done.owner.clone(),
            seconds: seconds(took),
        }
    }

    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        output.line(format_args!("holds   {}", self.held.line()))?;
        output.line(format_args!(
            "copied  {}, {}, in {}; {} were there",
            counted(self.copied_segments, "segment"),
            Size(self.copied_bytes),
            Span(self.seconds),
            counted(self.kept_segments, "segment"),
        ))?;
        match &self.owner {
            Some(owner) => output.line(format_args!("beside  {}", Shown(owner))),
            None => Ok(()),
        }
    }
}

impl Verified {
    pub(super) fn of(dir: &Path, checked: &Checked, took: Duration) -> Self {
        let files = checked.damaged.iter().map(|(path, detail)| File {
            file: path.strip_prefix(dir).unwrap_or(path).display().to_string(),
            detail: detail.clone(),
        });
        Self {
            ok: checked.is_ok(),
            held: Held::of(dir, &checked.manifest),
            files: files.collect(),
            seconds: seconds(took),
        }
    }

    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        output.line(format_args!("holds   {}", self.held.line()))?;
        for File { file, detail } in &self.files {
            output.line(format_args!(
                "{}  {}: {}",
                output.paint.red("damaged"),
                Shown(file),
                Shown(detail)
            ))?;
        }
        if !self.held.damaged.is_empty() {
            output.line(format_args!("copied damaged: {}", Shown(&self.held.damage_said())))?;
        }
        match self.ok {
            true => output
                .line(format_args!("sound   every file is as the manifest says, in {}", Span(self.seconds))),
            false => Ok(()),
        }
    }

    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let Some(File { file, detail }) = self.files.first() else { return Ok(()) };
        let files = counted(self.files.len() as u64, "file");
        let message = format!("{files} of the backup do not verify; the first: {file}: {detail}");
        Err(Failure::new(Code::Damaged, message)
            .with_help("remove what is named and back up again: what the journal still holds is copied anew"))
    }
}

impl<'a> Entry<'a> {
    /// Every file, segments first.
    pub(super) fn all(manifest: &'a Manifest) -> impl Iterator<Item = Self> {
        let segments = manifest.segments.iter().map(|segment| Self {
            file: &segment.file.name,
            place: format!("{:016x}.wal", segment.base.get()),
            bytes: segment.file.len,
            blake3: segment.file.blake3.to_string(),
            base: Some(segment.base.get()),
            end: Some(segment.end.get()),
            sealed: Some(segment.sealed),
        });
        segments.chain(manifest.documents.iter().map(|document| Self {
            file: &document.file.name,
            place: document.place.clone(),
            bytes: document.file.len,
            blake3: document.file.blake3.to_string(),
            base: None,
            end: None,
            sealed: None,
        }))
    }

    pub(super) fn line(&self) -> String {
        let what = match (self.base, self.end, self.sealed) {
            (Some(base), Some(end), Some(true)) => format!("{base} to {end}, whole"),
            (Some(base), Some(end), _) => format!("{base} to {end}, as far as it was durable"),
            _ => String::new(),
        };
        let line = format!(
            "{}  {:>10}  {}  {what}",
            &self.blake3[..12],
            Size(self.bytes).to_string(),
            Shown(&self.place)
        );
        line.trim_end().to_owned()
    }
}

pub(crate) fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e3).round() / 1e3
}
