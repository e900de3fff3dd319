//! What looks at streams: it makes nothing and changes nothing, and works beside a process that writes.

use annals::format_instant;
use annals::streams::{Unreadable, Wanted};
use serde::Serialize;

use super::line::{SegmentLine, StreamLine};
use super::reader;
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::{Size, counted};
use crate::output;
use crate::progress::Progress;

/// Which receipts.
#[derive(Debug, clap::Args)]
pub(super) struct Receipts {
    /// The stream; without one, all
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
    /// Of this time or later
    #[arg(long, value_name = "TIME", value_parser = measure::moment, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Of this time or earlier
    #[arg(long, value_name = "TIME", value_parser = measure::moment, allow_hyphen_values = true)]
    until: Option<i64>,
    /// At most so many, the oldest
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Receipts {
    fn wanted(&self) -> Wanted {
        Wanted {
            stream: self.stream.clone(),
            since_micros: self.since,
            until_micros: self.until,
            limit: self.limit,
        }
    }
}

pub(super) fn list(context: &mut Context) -> Result<(), Failure> {
    let stats = reader(context)?.stats(None)?;
    for (stream, sums) in &stats.streams {
        let line = StreamLine { stream, sums };
        if context.output.json { context.output.object(&line)? } else { context.output.line(&line)? }
    }
    context.output.flush()?;
    told(&stats.unreadable, context)
}

pub(super) fn segments(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let manifest = reader(context)?.manifest(stream)?;
    for segment in manifest.streams.iter().flat_map(|stream| &stream.segments) {
        if context.output.json {
            context.output.object(segment)?;
        } else {
            context.output.line(SegmentLine(segment))?;
        }
    }
    context.output.flush()?;
    told(&manifest.unreadable, context)
}

pub(super) fn stats(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let stats = reader(context)?.stats(stream)?;
    if context.output.json {
        context.output.object(&stats)?;
    } else {
        context.output.line(StreamLine { stream: "all", sums: &stats.total })?;
        for (stream, sums) in &stats.streams {
            context.output.line(StreamLine { stream, sums })?;
        }
    }
    context.output.flush()?;
    told(&stats.unreadable, context)
}

pub(super) fn receipts(args: &Receipts, context: &mut Context) -> Result<(), Failure> {
    let found = reader(context)?.purge_receipts(&args.wanted())?;
    for receipt in &found.receipts {
        if context.output.json {
            context.output.object(receipt)?;
            continue;
        }
        context.output.line(format_args!(
            "{}  {}: {} up to offset {}, {}, {}",
            format_instant(receipt.purged_at_micros),
            Shown(&receipt.store),
            counted(receipt.records, "record"),
            receipt.end,
            Size(receipt.bytes),
            Shown(&receipt.reason)
        ))?;
    }
    context.output.flush()?;
    told(&found.unreadable, context)
}

pub(super) fn quarantine(args: &Receipts, context: &mut Context) -> Result<(), Failure> {
    let found = reader(context)?.quarantine_receipts(&args.wanted())?;
    for receipt in &found.receipts {
        if context.output.json {
            context.output.object(receipt)?;
            continue;
        }
        context.output.line(format_args!(
            "{}  {}: {}, {} at offset {}, kept in {}",
            format_instant(receipt.quarantined_at_micros),
            Shown(&receipt.store),
            Shown(&receipt.kind),
            Size(receipt.bytes),
            receipt.offset,
            Shown(&receipt.path.display().to_string())
        ))?;
    }
    context.output.flush()?;
    told(&found.unreadable, context)
}

/// What a check of one stream found, as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    stream: String,
    ok: bool,
    records: u64,
    bytes: u64,
    damaged: Vec<Range>,
    /// Why it could not be read, if it could not.
    error: Option<String>,
}

/// A range that does not verify.
#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

pub(super) fn verify(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let reader = reader(context)?;
    let names = match stream {
        Some(stream) => vec![stream.to_owned()],
        None => reader.names()?,
    };
    if let Some(stream) = stream {
        // One that is named has to be there.
        reader.stream(stream)?;
    }
    let mut wrong = 0_u64;
    let mut progress = Progress::of_steps(Some(names.len() as u64));
    for (i, name) in names.iter().enumerate() {
        progress.update(i as u64, None, || format!("{}", Shown(name)));
        let verified = reader
            .stream(name)
            .map_err(|error| error.to_string())
            .and_then(|stream| stream.verify(&mut |_, _| {}).map_err(|error| error.to_string()));
        let mut checked = Checked {
            stream: name.clone(),
            ok: false,
            records: 0,
            bytes: 0,
            damaged: Vec::new(),
            error: None,
        };
        match verified {
            Err(error) => checked.error = Some(error),
            Ok(found) => {
                (checked.ok, checked.records, checked.bytes) = (found.is_ok(), found.records, found.bytes);
                let range = |damage: annals::Damage| Range {
                    offset: damage.offset.get(),
                    len: damage.len,
                    detail: damage.detail,
                };
                checked.damaged = found.damaged.into_iter().map(range).collect();
            }
        }
        wrong += u64::from(!checked.ok);
        show(&checked, context)?;
    }
    drop(progress);
    context.output.flush()?;
    if wrong == 0 {
        return Ok(());
    }
    let message = format!("{} not as it should be", counted(wrong, "stream"));
    let help = "what can be read, `annals streams replay` shows; a stream's directory is a journal: put a good copy of the file back";
    Err(Failure::new(Code::Damaged, message).with_help(help))
}

fn show(checked: &Checked, context: &mut Context) -> Result<(), Failure> {
    if context.output.json {
        return context.output.object(checked);
    }
    let verdict = match checked.ok {
        true => context.output.paint.green("sound").to_string(),
        false => context.output.paint.red("damaged").to_string(),
    };
    let (records, bytes) = (counted(checked.records, "record"), Size(checked.bytes));
    context.output.line(format_args!("{}  {verdict}, {records}, {bytes}", Shown(&checked.stream)))?;
    for Range { offset, len, detail } in &checked.damaged {
        context.output.line(format_args!("  offset {offset}, {}: {}", Size(*len), Shown(detail)))?;
    }
    checked.error.as_ref().map_or(Ok(()), |error| context.output.line(format_args!("  {}", Shown(error))))
}

/// What could not be looked into is told of, and the exit code says so.
pub(super) fn told(unreadable: &[Unreadable], context: &Context) -> Result<(), Failure> {
    for Unreadable { what, reason, .. } in unreadable {
        let failure = Failure::new(Code::Damaged, format!("{what}: {reason}"));
        output::warn(&failure, context.output.json);
    }
    if unreadable.is_empty() {
        return Ok(());
    }
    let count = counted(unreadable.len() as u64, "stream or file");
    Err(Failure::new(Code::Damaged, format!("{count} could not be read")))
}
