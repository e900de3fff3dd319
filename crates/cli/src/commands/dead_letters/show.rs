//! `annals dead-letters show`: all that is known of one.

use annals::{Annals, Letter, format_instant};
use serde::Serialize;

use super::{Named, offsets, with_annals};
use crate::commands::Context;
use crate::commands::log_walk::{Said, said};
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::counted;
use crate::output::Output;
use crate::render;

/// The bytes of a payload on a line, and the lines that people are shown.
const ROW: usize = 16;
const ROWS: usize = 32;

/// Which one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals dead-letters show 8192             the one at this offset
  annals dead-letters show 3f2a91c04d7e     those of the record whose id begins so
  annals dead-letters show 8192 --json      one object, with all its bytes in hex

An id that consists of decimal digits only is written id:12345678. Exit code 5: there is none.")]
pub(super) struct Args {
    /// Its offset, or the id of its record or the first digits of that
    #[arg(value_name = "OFFSET|ID")]
    letter: Named,
}

/// A dead letter as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    offset: u64,
    id: String,
    number: Option<u8>,
    time: Option<String>,
    reason: &'a str,
    discarded: bool,
    /// What this version makes of it: `assertion`, `vote`, `epoch`, `application` or `undecodable`; null where the
    /// journal cannot give it.
    now: Option<&'static str>,
    /// Where the same record stands in the store all the same; null if it does not.
    stored_at: Option<u64>,
    /// The offsets of other dead letters of the same record.
    same: Vec<u64>,
    bytes: Option<usize>,
    /// All of it, in hex.
    payload: Option<String>,
    /// Why the journal cannot give it.
    unread: Option<&'a str>,
}

/// Shows it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    with_annals(context, |annals, context| {
        for offset in offsets(&[args.letter], annals)? {
            if let Some(letter) = annals.dead_letter(offset)? {
                show(annals, &letter, &mut context.output)?;
            }
        }
        context.output.flush()
    })
}

fn show(annals: &Annals, letter: &Letter, output: &mut Output) -> Result<(), Failure> {
    let payload = letter.payload.as_ref().ok();
    let line = &letter.letter;
    let same = annals.dead_letters_of(|id| *id == line.id)?;
    let report = Report {
        offset: line.offset.get(),
        id: line.id.to_string(),
        number: payload.and_then(|payload| payload.first().copied()),
        time: letter.time_micros.map(format_instant),
        reason: &line.reason,
        discarded: letter.given_up,
        now: payload.map(|payload| now(payload)),
        stored_at: annals.get(&line.id)?.map(|stored| stored.offset.get()),
        same: same
            .iter()
            .map(|(other, _)| other.offset.get())
            .filter(|at| *at != line.offset.get())
            .collect(),
        bytes: payload.map(Vec::len),
        payload: payload.filter(|_| output.json).map(|payload| render::hex(payload)),
        unread: letter.payload.as_ref().err().map(String::as_str),
    };
    if output.json {
        return output.object(&report);
    }
    let state = if report.discarded { "dead letter, given up" } else { "dead letter" };
    output.line(format_args!("{} {}", output.paint.bold(state), report.id))?;
    let unknown = || "unknown".to_owned();
    let mut fields = vec![
        ("offset", report.offset.to_string()),
        ("time", report.time.unwrap_or_else(unknown)),
        ("type byte", report.number.map_or_else(unknown, |number| number.to_string())),
        ("reason", Shown(report.reason).to_string()),
    ];
    fields.extend(report.now.map(|now| ("now", now_in_words(now))));
    fields.extend(report.stored_at.map(|at| ("stored", format!("the same record, applied at offset {at}"))));
    if !report.same.is_empty() {
        let others: Vec<_> = report.same.iter().map(u64::to_string).collect();
        fields.push(("same", format!("the same record is parked at {}", others.join(", "))));
    }
    fields.extend(report.bytes.map(|bytes| ("bytes", bytes.to_string())));
    fields.extend(report.unread.map(|reason| ("bytes", format!("not to be read: {}", Shown(reason)))));
    for (name, field) in fields {
        output.line(format_args!("  {} {field}", output.paint.dim(format_args!("{name:<12}"))))?;
    }
    payload.map_or(Ok(()), |payload| dump(payload, output))
}

/// Bytes in hex, and as text where they are that.
fn dump(payload: &[u8], output: &mut Output) -> Result<(), Failure> {
    for (row, bytes) in payload.chunks(ROW).take(ROWS).enumerate() {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = bytes
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        let at = output.paint.dim(format!("{:>6x}", row * ROW)).to_string();
        output.line(format_args!("  {at}  {:<47}  {text}", hex.join(" ")))?;
    }
    match payload.len().saturating_sub(ROW * ROWS) {
        0 => Ok(()),
        more => output.line(format_args!("  … and {} more; --json has all", counted(more as u64, "byte"))),
    }
}

/// What this version makes of a payload.
fn now(payload: &[u8]) -> &'static str {
    match said(payload) {
        Said::Record(record) => match *record {
            annals::Record::Assertion(_) => "assertion",
            annals::Record::Vote(_) => "vote",
            annals::Record::Epoch(_) => "epoch",
        },
        Said::Application(_) => "application",
        Said::Undecodable(_) => "undecodable",
    }
}

fn now_in_words(now: &str) -> String {
    match now {
        "undecodable" => "this version cannot read it".to_owned(),
        "application" => "of the application's own types: a redrive takes it off the list".to_owned(),
        kind => format!("this version reads it, as {kind}: a redrive tries it again"),
    }
}
