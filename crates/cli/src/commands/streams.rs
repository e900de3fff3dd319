//! `annals streams`: many named logs under one root, looked at beside whoever writes them, and looked after.
//!
//!   --data ROOT -> Reader  -> list | segments | stats | replay | receipts | quarantine | verify | plan
//!              `-> Streams -> write | set | checkpoint | encode | purge      one process at a time: 11

use annals::streams::Reader;
use clap::Subcommand;

use super::Context;
use crate::exit::{Code, Failure};

mod change;
mod line;
mod look;
mod replay;

/// What to do with streams.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals streams list --data ./facts                    each stream, with what it holds
  annals streams segments gps                           its segments, with their codecs and sizes
  annals streams replay --since 2026-03-01 --as-of 1h   records of all streams, by time
  annals streams replay gps --fact-time --json
  echo hello | annals streams write chat                every line a record; the stream is made if it is not there
  annals streams set gps --codec delta --keep-age 30d   what counts from now on
  annals streams checkpoint                             seals what holds something, in every stream
  annals streams encode                                 sealed segments into their smaller forms
  annals streams plan                                   what each stream's policy would remove
  annals streams purge --yes
  annals streams verify

--data names the root, in which `wal/store=NAME` are the streams. What looks works beside a process that writes.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the streams, each with what it holds
    List,
    /// Lists the segments of a stream, or of all
    Segments(One),
    /// Sums: of a stream, or of all and each of them
    Stats(One),
    /// Shows records of one stream or of many, by time
    Replay(replay::Args),
    /// Appends each line of standard input as a record; the stream is made if it is not there
    Write {
        /// The stream
        #[arg(value_name = "STREAM")]
        stream: String,
    },
    /// Shows what is set for a stream, or sets it, durably
    Set(change::Set),
    /// Seals the active segment of a stream, or of all, if it holds something
    Checkpoint(One),
    /// Brings sealed segments into the form that their stream's settings say
    Encode(One),
    /// What the policy of a stream, or of each that has one, would remove
    Plan(One),
    /// Removes it: whole sealed segments, oldest first, with a receipt for each
    Purge(change::Purge),
    /// What was purged, oldest first
    Receipts(look::Receipts),
    /// What was cut or given up, and kept
    Quarantine(look::Receipts),
    /// Reads everything and checks every checksum, hash and seal
    Verify(One),
}

/// One stream, or all.
#[derive(Debug, clap::Args)]
struct One {
    /// The stream; without one, all
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
}

/// Runs one of them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        Command::List => look::list(context),
        Command::Segments(one) => look::segments(one.stream.as_deref(), context),
        Command::Stats(one) => look::stats(one.stream.as_deref(), context),
        Command::Replay(args) => replay::run(args, context),
        Command::Write { stream } => change::write(stream, context),
        Command::Set(args) => change::set(args, context),
        Command::Checkpoint(one) => change::checkpoint(one.stream.as_deref(), context),
        Command::Encode(one) => change::encode(one.stream.as_deref(), context),
        Command::Plan(one) => change::plan(one.stream.as_deref(), context),
        Command::Purge(args) => change::purge(args, context),
        Command::Receipts(args) => look::receipts(args, context),
        Command::Quarantine(args) => look::quarantine(args, context),
        Command::Verify(one) => look::verify(one.stream.as_deref(), context),
    }
}

/// Whether there is a root at the place.
fn look_for_root(context: &Context) -> Result<(), Failure> {
    let root = context.place.path();
    if root.join("wal").is_dir() {
        return Ok(());
    }
    let message = format!("{}: there is no root of streams here: it has no directory wal", root.display());
    Err(Failure::new(Code::NoData, message).with_help("`annals streams write STREAM` makes one"))
}

/// A reader of what is there; it makes nothing.
fn reader(context: &Context) -> Result<Reader, Failure> {
    look_for_root(context)?;
    Ok(Reader::open(context.place.path())?)
}
