//! `annals log`: the journal beneath, looked into and looked after.
//!
//!   DIR -> its journal -> reading subcommands: a reader, no lock, no byte changed
//!                      -> writing ones: opened, as nobody else may have it open
//!
//! L1: a subcommand that reads changes nothing, works beside a writer, and says what it can of a damaged journal.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

use super::Context;
use crate::exit::Failure;
use crate::place::Place;

mod checkpoint;
mod cursors;
pub(crate) mod dump;
mod findings;
pub(crate) mod holder;
mod keep;
mod overview;
mod plan;
mod purge;
mod receipts;
mod repair;
mod salvage;
mod seal;
mod segment;
mod segments;
mod site;
mod verify;

pub(crate) use salvage::{how, known};

/// What to do with the journal.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log info DIR                       is it sound, what would an open do, and what next
  annals log verify DIR                     reads everything and checks every CRC and BLAKE3
  annals log dump DIR 0000000000000000      the frames of one segment, also of a damaged one
  annals log purge DIR --keep-age 30d --yes removes what is older, whole segments at a time

DIR is a data directory, whose journal/ is meant, or the directory of a journal alone. Without DIR it is \
the one that --data or ANNALS_DATA names.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tells on one screen how the journal stands, what an open would do, and what to do next
    Info(overview::Args),
    /// Lists the segments
    Segments(segments::Args),
    /// Shows the frames of one segment, also of a damaged one
    Dump(dump::Args),
    /// Checks checksums, hashes and seals, also while another process writes
    Verify(verify::Args),
    /// Seals the active segment and begins the next one
    Seal(seal::Args),
    /// Shows the latest checkpoint, or makes one
    Checkpoint(checkpoint::Args),
    /// Shows what a purge would remove, and what is in the way
    Plan(plan::Args),
    /// Removes the oldest segments, as far as nobody needs them
    Purge(purge::Args),
    /// Shows what damage can be made whole and what is lost; goes on without what is lost
    Salvage(salvage::Args),
    /// Reads everything and shows what an open would mend; mends it
    Repair(repair::Args),
    /// Lists the named cursors; removes one or moves it back
    Cursors(cursors::Args),
    /// Lists what was taken out of the journal, and when
    Receipts(receipts::Args),
}

/// Where the journal is.
#[derive(Debug, clap::Args)]
struct Where {
    /// A data directory, or a journal's own; without it, what --data or ANNALS_DATA names
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Args {
    /// Which directory is meant.
    ///
    /// # Errors
    /// A usage error if nobody names it, or two do.
    pub(crate) fn place(&self, flag: Option<PathBuf>, variable: Option<OsString>) -> Result<Place, Failure> {
        let dir = match &self.command {
            Command::Info(args) => &args.place,
            Command::Segments(args) => &args.place,
            Command::Dump(args) => match args.beside() {
                // The file itself says where it is.
                Some(dir) => return Ok(Place { path: dir, from: "DIR" }),
                None => &args.place,
            },
            Command::Verify(args) => &args.place,
            Command::Seal(args) => &args.place,
            Command::Checkpoint(args) => &args.place,
            Command::Plan(args) => &args.place,
            Command::Purge(args) => &args.place,
            Command::Salvage(args) => &args.place,
            Command::Repair(args) => &args.place,
            Command::Cursors(args) => &args.place,
            Command::Receipts(args) => &args.place,
        };
        Place::of_argument(dir.dir.clone(), flag, variable)
    }
}

/// Does it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        Command::Info(args) => overview::run(args, context),
        Command::Segments(args) => segments::run(args, context),
        Command::Dump(args) => dump::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Seal(args) => seal::run(args, context),
        Command::Checkpoint(args) => checkpoint::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Purge(args) => purge::run(args, context),
        Command::Salvage(args) => salvage::run(args, context),
        Command::Repair(args) => repair::run(args, context),
        Command::Cursors(args) => cursors::run(args, context),
        Command::Receipts(args) => receipts::run(args, context),
    }
}
