//! `annals log cursors`: who reads the journal, how far each has come, and what that holds.

use annals::journal::CursorStatus;
use annals::{Offset, STORE_CURSOR, format_instant};
use serde::Serialize;

use super::{Where, holder, keep, site};
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Size, counted};
use crate::output;

/// What to do with a cursor.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log cursors DIR
  annals log cursors DIR --remove mailer            its consumer is gone: it holds nothing back any more
  annals log cursors DIR --rewind mailer --to 8192  its consumer reads again from there

A named cursor is where a consumer stands; retention removes nothing behind it. A data directory has one \
named store, at the log's beginning, for a rebuild reads all of the log; without it, what is purged is \
gone from the next rebuild. The list takes no lock. Of a data directory, `annals cursors` shows who fills \
what besides, and pauses, resumes and moves them. Exit code 4: a cursor cannot be used; 5: there is no \
such cursor; 11: another process has the journal, or the cursor.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Removes a cursor that nobody holds
    #[arg(long, value_name = "NAME", conflicts_with = "rewind")]
    remove: Option<String>,
    /// Moves a cursor that nobody holds back
    #[arg(long, value_name = "NAME", requires = "to")]
    rewind: Option<String>,
    /// The offset to move it to
    #[arg(long, value_name = "OFFSET", requires = "rewind")]
    to: Option<u64>,
}

/// A cursor as JSON.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// The next offset its consumer wants; null if it does not verify.
    position: Option<u64>,
    lag: Option<Lag>,
    moved_at: Option<String>,
    held_by: Option<String>,
    /// Why it cannot be used.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Lag {
    records: u64,
    bytes: u64,
    seconds: f64,
}

/// What was done to a cursor, as JSON.
#[derive(Debug, Serialize)]
struct Done<'a> {
    cursor: &'a str,
    removed: bool,
    /// Where it stands now; null if it is removed.
    position: Option<u64>,
}

/// Lists them, or changes one.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match (&args.remove, &args.rewind, args.to) {
        (Some(name), ..) => remove(name, context),
        (None, Some(name), Some(to)) => rewind(name, Offset::new(to), context),
        _ => list(context),
    }
}

fn remove(name: &str, context: &mut Context) -> Result<(), Failure> {
    let journal = site::journal(context)?;
    journal.remove_cursor(name)?;
    journal.close()?;
    if name == STORE_CURSOR {
        let lost = "the store's cursor is removed: what is purged from now on is gone from the next rebuild, and `annals rebuild` cannot bring it back";
        output::warn(&Failure::new(Code::Failed, lost), context.output.json);
    }
    if context.output.json {
        return context.output.object(&Done { cursor: name, removed: true, position: None });
    }
    context.output.line(format_args!("cursor {} is removed", Shown(name)))
}

fn rewind(name: &str, to: Offset, context: &mut Context) -> Result<(), Failure> {
    let journal = site::journal(context)?;
    let mut cursor = journal.cursor(name)?;
    cursor.rewind(to)?;
    let position = cursor.position().get();
    drop(cursor);
    journal.close()?;
    if context.output.json {
        return context.output.object(&Done { cursor: name, removed: false, position: Some(position) });
    }
    context.output.line(format_args!("cursor {} stands at {position}", Shown(name)))
}

fn list(context: &mut Context) -> Result<(), Failure> {
    let locks = site::dir(context)?.join("cursors");
    let cursors = site::reader(context)?.peek_cursors()?;
    if cursors.is_empty() && !context.output.json {
        output::say(output::stderr_paint(false).dim("no cursors"));
    }
    let mut unusable = 0;
    for status in cursors {
        let held_by = holder::of(&locks.join(format!("{}.lock", status.name)));
        unusable += u64::from(status.problem.is_some());
        let line = Line::of(status, held_by);
        if context.output.json {
            context.output.object(&line)?;
        } else {
            show(&line, context)?;
        }
    }
    context.output.flush()?;
    if unusable == 0 {
        return Ok(());
    }
    let cursors = counted(unusable, "cursor");
    Err(Failure::new(Code::Damaged, format!("{cursors} cannot be used"))
        .with_help("until it is removed nothing may be purged: `--remove NAME`, then register it anew where its consumer stands"))
}

impl Line {
    fn of(status: CursorStatus, held_by: Option<String>) -> Self {
        let CursorStatus { name, position, lag, moved_at_micros, problem, .. } = status;
        Self {
            name,
            position: position.map(Offset::get),
            lag: lag.map(|lag| Lag { records: lag.records, bytes: lag.bytes, seconds: lag.seconds }),
            moved_at: moved_at_micros.map(format_instant),
            held_by,
            problem,
        }
    }
}

fn show(line: &Line, context: &mut Context) -> Result<(), Failure> {
    let output = &mut context.output;
    let position = line.position.map_or_else(|| "?".to_owned(), |position| position.to_string());
    let behind = match &line.lag {
        Some(Lag { records: 0, .. }) => "up to date".to_owned(),
        Some(lag) => format!("{} behind, {}", counted(lag.records, "record"), Size(lag.bytes)),
        None => "unknown".to_owned(),
    };
    let held_by = line.held_by.as_deref().unwrap_or("nobody");
    let moved = line.moved_at.as_deref().unwrap_or("?");
    output.line(format_args!(
        "{:<20} at {position:<12} {behind:<32} moved {moved}, held by {}",
        line.name,
        Shown(held_by)
    ))?;
    if line.name == STORE_CURSOR {
        output.line(format_args!("  {}", output.paint.dim(keep::STORE_HELP)))?;
    }
    match &line.problem {
        Some(problem) => output.line(format_args!("  {}", output.paint.red(Shown(problem)))),
        None => Ok(()),
    }
}
