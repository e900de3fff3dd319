//! `annals restore`: a data directory made of a backup, in a term of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use annals::{RestoreOptions, RestoreProgress, Restored};
use serde::Serialize;

use super::Context;
use super::backup::Held;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, Span, counted};
use crate::output::{self, Output};
use crate::place::Place;
use crate::progress::Progress;

/// From where, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals restore /mnt/backup/knowledge --to ~/knowledge
  annals restore /mnt/backup/knowledge --to ~/knowledge --no-rebuild
  annals digest --data ~/knowledge                the same as that of the data that was backed up

The data directory must be missing or empty. Every file is compared with what the backup's manifest says of it. The journal \
goes on in a term of its own: a cursor, or a store, that comes from what was appended to the other one after the backup is \
refused. A restore that is killed leaves no data directory; the next one begins anew.")]
pub(crate) struct Args {
    /// The backup's directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The data directory to make; without it, the one that --data or ANNALS_DATA names
    #[arg(long, value_name = "TARGET")]
    to: Option<PathBuf>,
    /// Leaves the store to be built by the first question or import, or by `annals rebuild`
    #[arg(long)]
    no_rebuild: bool,
}

/// What was restored, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    to: String,
    backup: Held,
    /// The term in which the journal goes on; null if it has to be salvaged first.
    term: Option<u64>,
    next: u64,
    /// Null where it was left to the first open.
    rebuilt: Option<Store>,
    damage: Option<String>,
    seconds: f64,
}

/// The store that was built.
#[derive(Debug, Serialize)]
struct Store {
    records: u64,
    generation: Option<String>,
    digest: String,
    seconds: f64,
}

impl Args {
    /// The data directory that is to be made.
    ///
    /// # Errors
    /// A usage error if nobody names it, or two do.
    pub(crate) fn place(&self, flag: Option<PathBuf>, variable: Option<OsString>) -> Result<Place, Failure> {
        match (&self.to, &flag) {
            (Some(_), Some(_)) => {
                Err(Failure::usage("--to and --data both name a directory").with_help("give one of them"))
            }
            (Some(to), None) if to.as_os_str().is_empty() => Err(Failure::usage("--to names no directory")),
            (Some(to), None) => Ok(Place { path: to.clone(), from: "--to" }),
            (None, _) => Place::of(flag, variable),
        }
    }
}

/// Restores it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let options = RestoreOptions { rebuild: !args.no_rebuild };
    let mut progress = Progress::of_parts();
    let restored = annals::restore(&args.dir, context.place.path(), options, &mut |heard| match heard {
        RestoreProgress::Copying { done, all } => {
            progress.update(*done, Some(*all), || "copying and checking".to_owned());
        }
        RestoreProgress::Rebuilding(heard) => {
            let speed = Count(heard.records_per_second as u64);
            progress.update(heard.done, Some(heard.all), || {
                format!("building the store: {}, {speed}/s", counted(heard.records, "record"))
            });
        }
        _ => {}
    });
    drop(progress);
    let restored = restored?;
    let report = Report::of(args, context, &restored, super::backup::seconds(begun.elapsed()));
    match context.output.json {
        true => context.output.object(&report)?,
        false => report.show(&mut context.output)?,
    }
    let Some(damage) = &report.damage else { return Ok(()) };
    let message = format!("the journal was damaged when it was backed up, and is so here: {damage}");
    let failure = Failure::new(Code::Damaged, message);
    Err(failure.with_help("`annals log salvage` shows what can be made whole and what is lost"))
}

impl Report {
    fn of(args: &Args, context: &Context, restored: &Restored, seconds: f64) -> Self {
        let journal = &restored.journal;
        let store = |rebuilt: &annals::Rebuilt| Store {
            records: rebuilt.records,
            generation: rebuilt.generation.clone(),
            digest: rebuilt.digests.to_string(),
            seconds: (rebuilt.seconds * 1e3).round() / 1e3,
        };
        Self {
            to: context.place.path().display().to_string(),
            backup: Held::of(&args.dir, &journal.manifest),
            term: journal.term.map(annals::Term::get),
            next: journal.next.get(),
            rebuilt: restored.rebuilt.as_ref().map(store),
            damage: journal.damage.as_ref().map(|damage| damage.detail.clone()),
            seconds,
        }
    }

    fn show(&self, output: &mut Output) -> Result<(), Failure> {
        output.line(format_args!("restored  {}", self.backup.line()))?;
        output.line(format_args!("to        {}, in {}", Shown(&self.to), Span(self.seconds)))?;
        if let Some(term) = self.term {
            output.line(format_args!("goes on   at offset {} in term {term}", self.next))?;
        }
        match &self.rebuilt {
            Some(store) => output.line(format_args!(
                "store     {} from {}, digest {}",
                store.generation.as_deref().unwrap_or_default(),
                counted(store.records, "record"),
                store.digest
            )),
            None => {
                output.flush()?;
                output::say("the first question or import builds the store; so does `annals rebuild`");
                Ok(())
            }
        }
    }
}
