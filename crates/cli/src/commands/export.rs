//! `annals export`: everything back as lines that `import` takes.
//!
//!   log, in its order -> each record once, where it stands first -> JSON with its id
//!
//! P1: what is exported and imported again has the same ids, the same answers and the same digest.
//! P2: what cannot be written as a line is counted, never left out in silence.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use annals::foreign::igniter::Writer;
use annals::streams::Fact;
use annals::{Log, Record, RecordId};
use serde::Serialize;

use super::Context;
use super::log_walk::{LogWalk, Part, Said, said, tell_damage, tell_hole};
use super::past::Past;
use crate::exit::{Code, Failure};
use crate::number::{Count, counted};
use crate::output;
use crate::progress::Progress;

/// Up to when.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals export > all.jsonl
  annals export | zstd > all.jsonl.zst
  annals export | annals --data elsewhere import -
  annals export --as-of @2026-11-20T08:00Z > then.jsonl
  annals export --as json-crc32 ./ledger

The journal is read without a lock, up to where it ends when the export begins, or up to --as-of. Each record comes \
once, where it stands first, with its id, which `import` checks. Records that have no JSON form (the \
application's own types, and what cannot be decoded) are counted on stderr and left out; then the \
exit code is 3. A damaged range is named on stderr and passed; then it is 4. So is a hole, a range that a salvage has \
listed as lost; that is no failure.

With --as json-crc32, facts are written to DIR/wal/store=…/date=flat/; assertions that say more than a fact, votes and epochs \
are counted as `other` and left out.")]
pub(crate) struct Args {
    #[command(flatten)]
    past: Past,
    /// Writes facts below DIR, as another system reads them, and not lines
    #[arg(long = "as", value_name = "FORM", requires = "dir")]
    form: Option<Form>,
    /// The directory for --as: new, or empty
    #[arg(value_name = "DIR", requires = "form")]
    dir: Option<PathBuf>,
}

/// What else facts are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A partitioned fact store with a JSON frame for each fact
    JsonCrc32,
}

/// What was exported, and what was not.
#[derive(Debug, Default, Serialize)]
struct Report {
    exported: u64,
    duplicates: u64,
    application: u64,
    undecodable: u64,
    /// Records that are no facts, where facts are written.
    other: u64,
    next: u64,
}

/// Exports it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let reader = annals::log_reader(context.place.path())?;
    let bounds = reader.bounds()?;
    let (from, end) = (bounds.oldest, args.past.offset_beside(&reader)?.unwrap_or(bounds.durable));
    let all = end.get().saturating_sub(from.get());
    let mut progress = Progress::of_bytes(Some(all));
    let mut facts = args.dir.as_ref().filter(|_| args.form.is_some()).map(Writer::create).transpose()?;
    let mut walk = LogWalk::new(&reader, from);
    let mut report = Report { next: end.get(), ..Report::default() };
    // 32 bytes for each record: a journal knows what it holds only by reading it.
    let mut seen: HashSet<RecordId> = HashSet::new();
    while walk.position() < end {
        match walk.next(Duration::ZERO)? {
            Part::Records(batch) => {
                for entry in batch.iter().take_while(|entry| entry.offset < end) {
                    match said(entry.payload) {
                        Said::Application(_) => report.application += 1,
                        Said::Undecodable(_) => report.undecodable += 1,
                        Said::Record(_) if !seen.insert(entry.id) => report.duplicates += 1,
                        Said::Record(record) => {
                            if let Some(facts) = &mut facts {
                                match fact_of(&record) {
                                    Some(fact) => facts.write(&fact, reader.identity(), entry.offset)?,
                                    None => {
                                        report.other += 1;
                                        continue;
                                    }
                                }
                                report.exported += 1;
                                continue;
                            }
                            context.output.line(record.to_json_at(Some(entry.id), Some(entry.offset)))?;
                            report.exported += 1;
                        }
                    }
                }
            }
            Part::Damaged(damage) => tell_damage(&damage, context.output.json, Some(&progress)),
            Part::Hole { offset, len } => tell_hole(offset, len, context.output.json, Some(&progress)),
            Part::End => break,
        }
        let done = walk.position().get().saturating_sub(from.get());
        progress.update(done, None, || counted(report.exported, "record"));
    }
    drop(progress);
    context.output.flush()?;
    if let Some(facts) = facts {
        facts.finish()?;
    }
    tell(&report, context.output.json);
    walk.end()?;
    left_out(&report)
}

/// The fact that a record says, if it says one and nothing else.
fn fact_of(record: &Record) -> Option<Fact> {
    match record {
        Record::Assertion(assertion) => Fact::from_assertion(assertion).ok(),
        _ => None,
    }
}

fn tell(report: &Report, json: bool) {
    if json {
        return output::say(output::json(report));
    }
    let duplicates = match report.duplicates {
        0 => String::new(),
        some => format!(", {} stood there more than once", Count(some)),
    };
    let said =
        format!("{} exported, up to offset {}{duplicates}", counted(report.exported, "record"), report.next);
    output::say(output::stderr_paint(json).dim(said));
}

fn left_out(report: &Report) -> Result<(), Failure> {
    let Report { application, undecodable, other, .. } = report;
    if *other > 0 {
        let message = format!("{} left out, for they say what no fact says", counted(*other, "record"));
        return Err(
            Failure::new(Code::Rejected, message).with_help("`annals export` without --as writes them")
        );
    }
    if application + undecodable == 0 {
        return Ok(());
    }
    let message = format!(
        "{} left out, for they have no JSON form: {} of the application's own types, {} that cannot be decoded",
        counted(application + undecodable, "record"),
        Count(*application),
        Count(*undecodable)
    );
    Err(Failure::new(Code::Rejected, message).with_help("`annals tail --json` shows them with their bytes"))
}
