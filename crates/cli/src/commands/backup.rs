//! `annals backup`: the journal copied into a directory of its own, checked, while it is written to.
//!
//!   DIR             -> what is new is copied
//!   DIR --verify    -> every file read again     DIR --list -> what the manifest says

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use super::Context;
use super::opening;
use crate::exit::{Code, Failure};
use crate::output;
use crate::place::Place;
use crate::progress::Progress;

mod report;

use report::{Entry, Report};
pub(super) use report::{Held, seconds};

/// Where the backup is, and what to do with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals backup /mnt/backup/knowledge             copies what is new since the last backup into it
  annals backup /mnt/backup/knowledge --verify    reads the backup again, every byte
  annals backup /mnt/backup/knowledge --list      what it holds, one file a line
  annals restore /mnt/backup/knowledge --to DIR   makes a data directory of it

A process that has the data goes on meanwhile. A backup holds the journal up to one durable offset; the store is derived \
and is built anew by a restore. Killed at any moment, the backup before it stays, and the next one goes on. What retention \
has purged since the first backup stays in it.")]
pub(crate) struct Args {
    /// The backup's directory: missing, empty, or one that holds backups of this data
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Copies nothing; reads every file of the backup and compares it with what the manifest says. Needs no --data
    #[arg(long, conflicts_with_all = ["list", "accept_damage"])]
    verify: bool,
    /// Copies nothing; lists what the backup holds. Needs no --data
    #[arg(long, conflicts_with = "accept_damage")]
    list: bool,
    /// Copies also what does not verify, as it is, and lists it in the manifest
    #[arg(long)]
    accept_damage: bool,
}

impl Args {
    /// Which data directory is meant; what only looks at the backup needs none.
    ///
    /// # Errors
    /// A usage error if nobody names it.
    pub(crate) fn place(&self, flag: Option<PathBuf>, variable: Option<OsString>) -> Result<Place, Failure> {
        match self.verify || self.list {
            true => Ok(Place { path: self.dir.clone(), from: "DIR" }),
            false => Place::of(flag, variable),
        }
    }
}

/// Backs up, or looks at a backup.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    if args.verify {
        return verify(args, context);
    }
    if args.list {
        return list(args, context);
    }
    let begun = Instant::now();
    let options = annals::BackupOptions { accept_damage: args.accept_damage };
    let mut progress = Progress::of_bytes(Some(0));
    let done = annals::backup(context.place.path(), &args.dir, options, &mut |done, all| {
        progress.update(done, Some(all), || "copying".to_owned());
    });
    drop(progress);
    let done = done?;
    if let Some(opened) = &done.opened {
        opening::tell(opened, context.output.json);
    }
    let report = Report::of(&args.dir, &done, begun.elapsed());
    match context.output.json {
        true => context.output.object(&report)?,
        false => report.show(&mut context.output)?,
    }
    if !report.held.damaged.is_empty() {
        let failure = Failure::new(Code::Damaged, report.held.damage_said());
        output::warn(&failure, context.output.json);
    }
    Ok(())
}

fn verify(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut progress = Progress::of_bytes(Some(0));
    let checked = annals::check_backup(&args.dir, &mut |done, all| {
        progress.update(done, Some(all), || "reading the backup".to_owned());
    });
    drop(progress);
    let checked = checked?;
    let report = report::Verified::of(&args.dir, &checked, begun.elapsed());
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => report.show(&mut context.output),
    };
    // What was found says more than whether somebody still listened.
    report.verdict().and(shown)
}

fn list(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let manifest = annals::describe_backup(&args.dir)?;
    for entry in Entry::all(&manifest) {
        match context.output.json {
            true => context.output.object(&entry)?,
            false => context.output.line(entry.line())?,
        }
    }
    context.output.flush()?;
    let held = Held::of(&args.dir, &manifest);
    if context.output.json {
        output::say(format_args!("{{\"backup\":{}}}", output::json(&held)));
    } else {
        output::say(output::stderr_paint(false).dim(held.line()));
    }
    Ok(())
}
