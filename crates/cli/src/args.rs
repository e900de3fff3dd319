//! The command line: what may stand on it, and what a mistake in it gets.
//!
//! Flags that hold for every command may stand before or after its name.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    append, backup, cursors, dead_letters, digest, epochs, export, generations, get, heal, import, log,
    pass_damage, projections, query, rebuild, restore, rewind, sessions, status, streams, subject, subjects,
    tail, verify, votes,
};
use crate::escape::Shown;
use crate::exit::Failure;

const CODES: &str = "\
Exit codes:
  0    done                                     10   no Annals data there
  1    failed                                   11   another process has the data; it is named
  2    the command line makes no sense          12   written by a newer version
  3    some lines were rejected or left out     13   the store does not belong here
  4    damage found, or not the same            14   the disk is full
  5    not found, or an ambiguous prefix        15   the store is paused
                                                130  interrupted

Environment:
  ANNALS_DATA   the data directory, where --data is not given
  ANNALS_LOG    what the libraries report on stderr: info, debug, or a filter by module
  NO_COLOR      set to anything, it switches colours off";

/// A knowledge base in a directory: a journal of claims and votes, and a store derived from it.
#[derive(Debug, Parser)]
#[command(name = "annals", version, after_help = CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The data directory; without this, the environment variable ANNALS_DATA names it
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) data: Option<PathBuf>,
    /// Writes JSON: one object a line for lists, one object for reports; errors too, on stderr
    #[arg(long, global = true, overrides_with = "json", help_heading = "Global options")]
    pub(crate) json: bool,
}

/// One job each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Appends all records of a file, or of another system's store
    Import(import::Args),
    /// Appends one record
    Append(Box<append::Args>),
    /// Shows one record
    Get(get::Args),
    /// Lists the assertions of a subject, with their votes counted
    Subject(subject::Args),
    /// Lists assertions by predicate, object, agent, source or epoch, and by when they were appended
    Query(Box<query::Args>),
    /// Lists the votes on an assertion
    Votes(votes::Args),
    /// Lists epochs, each with its latest version
    Epochs(epochs::Args),
    /// Lists subjects
    Subjects(subjects::Args),
    /// Shows records as they stand in the journal, also while another process writes
    Tail(tail::Args),
    /// Shows how journal and store stand, also while another process has them
    Status(status::Args),
    /// Checks every checksum and hash of the journal, and every key of the store against it
    Verify(verify::Args),
    /// Restores what is damaged in journal or store from the other
    Heal(heal::Args),
    /// Shows what the store holds as a few digests, to compare with another machine's
    Digest(digest::Args),
    /// Builds the store anew from the journal and compares it with the old one, or goes back
    Rebuild(rebuild::Args),
    /// Lists the stores that were built: the one that answers, and those beside it
    Generations(generations::Args),
    /// The indexes behind `query`: lists them, keeps them from here on, takes them away, builds them anew
    Projections(projections::Args),
    /// Lists who reads the journal and how far each is; pauses, resumes, moves one
    Cursors(cursors::Args),
    /// Records that could not be applied: lists them, reads them again, gives them up
    DeadLetters(dead_letters::Args),
    /// Goes on behind what is damaged in the journal, and notes it
    PassDamage(pass_damage::Args),
    /// Takes an older copy of the store as it stands, and applies the rest again
    Rewind(rewind::Args),
    /// Writes everything as JSON lines that `import` takes, also while another process writes
    Export(export::Args),
    /// Copies the journal into a directory, also while another process writes; only what is new, and checked
    Backup(backup::Args),
    /// Makes a data directory of a backup
    Restore(restore::Args),
    /// Conversations kept as sessions: lists, shows, restores, forks and checks them
    Sessions(sessions::Args),
    /// Many named logs under one root: lists, replays, writes, sets, seals, purges and checks them
    Streams(Box<streams::Args>),
    /// Looks into the journal beneath, and looks after it: damage, segments, retention, cursors
    Log(Box<log::Args>),
}

/// Reads a command line; the first argument is the program.
///
/// # Errors
/// What clap says: a mistake, or the help or the version that was asked for.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    parsed(arguments).map_err(|error| harmless(arguments, error))
}

/// The same mistake, told of arguments that are safe to show: clap quotes them as they came, but for what colours text.
fn harmless(arguments: &[OsString], error: clap::Error) -> clap::Error {
    let shown = |argument: &OsString| OsString::from(Shown(&argument.to_string_lossy()).to_string());
    let safe: Vec<OsString> = arguments.iter().map(shown).collect();
    if safe == arguments {
        return error;
    }
    let unusual = || clap::Error::raw(error.kind(), "an argument has characters that none can have\n");
    parsed(&safe).err().unwrap_or_else(unusual)
}

fn parsed(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// Whether JSON is asked for, also on a command line that makes no sense. What follows `--` is no flag.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// What clap says, written where it belongs: help and version to stdout, a mistake to stderr.
///
/// # Errors
/// The mistake; a failure of stdout.
pub(crate) fn answer(error: &clap::Error, json: bool) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayVersion if json => {
            let version = serde_json::json!({ "name": "annals", "version": env!("CARGO_PKG_VERSION") });
            writeln!(io::stdout(), "{version}").map_err(|error| Failure::output(&error))
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print().map_err(|error| Failure::output(&error))
        }
        _ => Err(mistake(error)),
    }
}

/// A command line that makes no sense, as a failure: what is wrong, then how it is used.
fn mistake(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("no command is given").with_help("`annals --help` lists them");
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut paragraphs = text.split("\n\n").map(one_line).filter(|paragraph| !paragraph.is_empty());
    let message = paragraphs.next().unwrap_or_default();
    let help = paragraphs.collect::<Vec<_>>().join("; ");
    Failure { help: Some(help).filter(|help| !help.is_empty()), ..Failure::usage(message) }
}

/// A paragraph on one line.
fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
