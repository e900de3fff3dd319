//! `annals append`: one record.
//!
//!   flags | a line of JSON -> record -> journal, durable -> id and offset

use std::io::{self, IsTerminal, Read};

use annals::limits::MAX_LINE;
use annals::{Added, Annals, Appended, Offset, Record, RecordId};
use serde::Serialize;

use super::{Context, catch_up, opening, question};
use crate::exit::{Code, Failure};

mod flags;
mod line;

pub(crate) use flags::Args;

/// What became of the record, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    id: String,
    offset: u64,
    duplicate: bool,
}

/// Appends it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let (annals, record) = if args.is_empty() {
        let record = from_stdin()?;
        (opening::existing_or_new(context)?, record)
    } else if line::shortened_ids(args) {
        // The beginning of an id can only be completed by what is there already.
        let annals = opening::existing(context)?;
        catch_up::catch_up(&annals, context)?;
        let record = record_of(&line::json(args, &mut |id| completed(&annals, id))?)?;
        (annals, record)
    } else {
        // Nothing is made or opened for a record that is none.
        let record = record_of(&line::json(args, &mut |id| Ok(id.to_owned()))?)?;
        (opening::existing_or_new(context)?, record)
    };
    catch_up::catch_up(&annals, context)?;
    // From here on Ctrl-C waits for the receipt: the record may be durable already.
    context.interrupt.gently();
    let report = append(&annals, &record)?;
    let output = &mut context.output;
    if output.json {
        output.object(&report)?;
    } else {
        let Report { id, offset, duplicate } = &report;
        let note = if *duplicate { "  (stands there already; nothing was appended)" } else { "" };
        output.line(format_args!("{id} {offset}{}", output.paint.dim(note)))?;
    }
    output.flush()?;
    Ok(annals.close()?)
}

fn append(annals: &Annals, record: &Record) -> Result<Report, Failure> {
    let report = |id: RecordId, offset: Offset, duplicate| Report {
        id: id.to_string(),
        offset: offset.get(),
        duplicate,
    };
    let mut importer = annals.importer()?;
    match importer.add(record)? {
        Added::Duplicate { first: Some(first) } => {
            let id = record.id().map_err(annals::Error::from)?;
            Ok(report(id, first, true))
        }
        _ => match importer.flush()?[..] {
            [Appended { id, offset, .. }] => Ok(report(id, offset, false)),
            _ => Err(Failure::new(Code::Failed, "the journal gave no receipt; please report it")),
        },
    }
}

/// The whole id of the record whose id begins so.
fn completed(annals: &Annals, id: &str) -> Result<String, Failure> {
    let prefix = question::id_prefix(id)?;
    let store = annals.store();
    let snapshot = store.snapshot()?;
    Ok(question::find(&snapshot, &prefix)?.id.to_string())
}

/// The record that flags make.
fn record_of(json: &str) -> Result<Record, Failure> {
    match Record::from_json(json) {
        Ok(read) => Ok(read.record),
        Err(error) => Err(Failure::usage(format!("this is no record: {error}"))),
    }
}

/// The one record on standard input.
fn from_stdin() -> Result<Record, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::usage("no record is given")
            .with_help("`annals append --help` shows how; or pipe one record of JSON in"));
    }
    // As much as a line may have, its line break, and one byte more, which tells that there is more.
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_LINE as u64 + 3).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(Code::Failed, format!("cannot read standard input: {error}")))?;
    let rejected = |reason: String| {
        Failure::new(Code::Rejected, format!("this is no record: {reason}"))
            .with_help("one record of JSON is expected; `annals import -` takes many, one a line")
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| rejected(format!("not UTF-8: {error}")))?;
    Ok(Record::from_json(text.trim()).map_err(|error| rejected(error.to_string()))?.record)
}
