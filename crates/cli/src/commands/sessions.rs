//! `annals sessions`: conversations kept by `annals-sessions`, as files or in a journal: listed, shown, checked, forked.
//!
//!   --data DIR -> the store that lies there -> list | segments | show | restore | fork | export | verify
//!
//! SE1: what cannot be read is told of, on stderr and by exit code 4, and what can be is shown all the same.

use std::path::PathBuf;

use annals::sessions::{
    DamagedLine, Fault, LogEntry, Order, SegmentId, SegmentOrigin, SessionId, Store, StoreError, fork,
    fork_at, open_store, recent_sessions, restore,
};
use clap::Subcommand;

use super::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::output;

mod export;
mod line;

use line::{Checked, Forked, SegmentLine, SessionLine, Unread};

/// What to do with sessions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals sessions list --data ./sessions              the sessions, most recently made first
  annals sessions list --by-use --limit 10
  annals sessions segments SESSION                    its segments, each with where it came from
  annals sessions show SEGMENT                        every entry, one JSON object a line
  annals sessions restore SEGMENT --json              the state that its entries lead to
  annals sessions fork SEGMENT --turn 2               a new segment of the session, as it was after turn 2
  annals sessions fork SEGMENT                        a new session, from where this one stands
  annals sessions export ./files                      every session as JSON lines
  annals sessions verify                              reads everything

--data names the root of `{session}/{segment}.jsonl`, or the journal that holds the sessions. Files may be in use by \
other processes meanwhile; a journal may not.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists sessions, each with the segment to go on with
    List(List),
    /// Lists the segments of a session, most recently made first
    Segments {
        /// The session
        #[arg(value_name = "SESSION")]
        session: SessionId,
    },
    /// Shows the entries of a segment as JSON, one a line
    Show {
        /// The segment
        #[arg(value_name = "SEGMENT")]
        segment: SegmentId,
    },
    /// Shows the state that the entries of a segment lead to
    Restore {
        /// The segment
        #[arg(value_name = "SEGMENT")]
        segment: SegmentId,
    },
    /// Forks a segment: at a turn within its session, or as it stands into a new one
    Fork(Fork),
    /// Writes all sessions as files `{session}/{segment}.jsonl` below a directory, with their traces
    Export {
        /// The directory; it is made if nothing is there, and what stands there is left as it is
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Reads every entry of every session, and every trace
    Verify,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Most recently used first, and not most recently made
    #[arg(long)]
    by_use: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Fork {
    /// The segment, which is not changed
    #[arg(value_name = "SEGMENT")]
    segment: SegmentId,
    /// The turn after which the fork begins, in the same session; 0 is directly behind the start
    #[arg(long, value_name = "N")]
    turn: Option<usize>,
}

/// Runs one of them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let store = open_store(context.place.path()).map_err(|error| match &error {
        StoreError::Io(io) if io.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(Code::NoData, format!("{}: there is nothing here", context.place.path().display()))
        }
        _ => error.into(),
    })?;
    match &args.command {
        Command::List(args) => list(&*store, args, context),
        Command::Segments { session } => segments(&*store, *session, context),
        Command::Show { segment } => show(&*store, *segment, context),
        Command::Restore { segment } => restored(&*store, *segment, context),
        Command::Fork(args) => forked(&*store, args, context),
        Command::Export { dir } => export::run(&*store, dir, context),
        Command::Verify => verify(&*store, context),
    }
}

fn list(store: &dyn Store, args: &List, context: &mut Context) -> Result<(), Failure> {
    let order = if args.by_use { Order::Used } else { Order::Created };
    for summary in recent_sessions(store, args.limit.unwrap_or(usize::MAX), order)? {
        let line = SessionLine::of(&summary);
        if context.output.json { context.output.object(&line)? } else { context.output.line(&line)? }
    }
    context.output.flush()
}

fn segments(store: &dyn Store, session: SessionId, context: &mut Context) -> Result<(), Failure> {
    let segments = store.list_segments(session)?;
    if segments.is_empty() {
        return Err(Failure::new(Code::NotFound, format!("session not found: {session}")));
    }
    for segment in segments {
        let state = restore(store, session, segment)?;
        let line = SegmentLine::of(segment, &state);
        if context.output.json { context.output.object(&line)? } else { context.output.line(&line)? }
    }
    context.output.flush()
}

fn show(store: &dyn Store, segment: SegmentId, context: &mut Context) -> Result<(), Failure> {
    let read = store.read(session_of(store, segment)?, segment)?;
    for entry in &read.entries {
        if context.output.json {
            context.output.object(entry)?;
        } else {
            context.output.line(Shown(&output::json(entry)))?;
        }
    }
    context.output.flush()?;
    told(&read.damaged, context)
}

fn restored(store: &dyn Store, segment: SegmentId, context: &mut Context) -> Result<(), Failure> {
    let state = restore(store, session_of(store, segment)?, segment)?;
    line::show(segment, &state, &mut context.output)?;
    context.output.flush()?;
    told(&state.damaged, context)
}

fn forked(store: &dyn Store, args: &Fork, context: &mut Context) -> Result<(), Failure> {
    let session = session_of(store, args.segment)?;
    let (session, segment) = match args.turn {
        Some(turn) => (session, fork_at(store, session, args.segment, turn)?),
        None => {
            let state = restore(store, session, args.segment)?;
            told(&state.damaged, context)?;
            let from = SegmentOrigin { segment_id: args.segment, at_turn_index: state.turn_count };
            fork(store, (&state).into(), from)?
        }
    };
    // What was recorded, not what was asked for.
    let state = restore(store, session, segment)?;
    let line = Forked { session, segment, forked_from: state.forked_from, messages: state.history.len() };
    if context.output.json { context.output.object(&line) } else { context.output.line(&line) }
}

fn verify(store: &dyn Store, context: &mut Context) -> Result<(), Failure> {
    let mut checked = Checked::default();
    let mut damaged = Vec::new();
    for session in store.list_sessions()? {
        for segment in store.list_segments(session)? {
            let log = store.read(session, segment);
            let trace = store.read_trace(session, segment);
            match (log, trace) {
                // Deleted meanwhile.
                (Err(StoreError::NotFound(_)), _) => continue,
                (log, trace) => {
                    let (log, trace) = (log?, trace?);
                    checked.entries += log.entries.len();
                    checked.events += trace.entries.len();
                    checked.unknown +=
                        log.entries.iter().filter(|entry| matches!(entry, LogEntry::Unknown(_))).count();
                    damaged.extend(log.damaged);
                    damaged.extend(trace.damaged);
                }
            }
            checked.segments += 1;
        }
        checked.sessions += 1;
    }
    let count = |what| damaged.iter().filter(|line| line.what == what).count();
    (checked.torn, checked.damaged) = (count(Fault::Torn), count(Fault::Damaged));
    if context.output.json {
        context.output.object(&checked)?;
    } else {
        context.output.line(&checked)?;
    }
    context.output.flush()?;
    told(&damaged, context)
}

fn session_of(store: &dyn Store, segment: SegmentId) -> Result<SessionId, Failure> {
    Ok(store.lookup_session_of(segment)?.ok_or(StoreError::NotFound(segment))?)
}

/// Tells of every line that is no entry; a failure if one of them was committed.
fn told(damaged: &[DamagedLine], context: &Context) -> Result<(), Failure> {
    for line in damaged {
        if context.output.json {
            output::say(output::json(&Unread::of(line)));
        } else {
            output::say(Shown(&line.to_string()));
        }
    }
    match damaged.iter().filter(|line| line.what == Fault::Damaged).count() {
        0 => Ok(()),
        lost => {
            let message = format!("{} cannot be read", crate::number::counted(lost as u64, "line"));
            Err(Failure::new(Code::Damaged, message)
                .with_help("everything else stands, and can be gone on with"))
        }
    }
}
