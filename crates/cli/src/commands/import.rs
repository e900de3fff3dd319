//! `annals import`: all records of a file.
//!
//!   file -> feed -> line: a record   -> batch -> journal, durable -> acks
//!                        no record  -> rejects
//!
//! I4: `read` is `appended` + `duplicates` + `rejected`: every line that is not blank is one of them, or is not counted
//!     because the import ended before it.
//! I5: the data directory is locked before the first line is read.
//! I6: Ctrl-C ends the import behind a batch; everything that was counted as appended is durable.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use annals::{Annals, Offset};

use super::{Context, catch_up, opening};
use crate::exit::{Code, Failure};
use crate::input::{Format, Input, InputError, Item, Options};
use crate::interrupt::stopped;
use crate::number::{Count, counted, rate};
use crate::place::Place;
use crate::progress::Progress;

mod acks;
mod append;
mod beside;
mod feed;
mod foreign;
mod rehearse;
mod rejects;
mod report;

use acks::Acks;
use append::Appending;
use feed::{Fed, Feed};
use foreign::Origin;
use rehearse::Rehearsal;
use rejects::Rejects;
use report::{Places, Report};

/// How long the input may be quiet before what is queued is appended.
const QUIET: Duration = Duration::from_millis(50);

/// What to import, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals import facts.jsonl.zst
  annals import people.nt --source wikidata
  producer | annals import - --acks acks.tsv
  annals import facts.jsonl --dry-run
  annals import facts.jsonl --rejects bad.jsonl
  annals import --from igniter /srv/ledger --dry-run
  annals import --from opq /var/spool/opq --into ./outbox

A line that is no record is reported on stderr with its number and the reason, and the rest goes on; \
then the exit code is 3. A record that stands in the journal already is a duplicate: counted, and not \
appended, so importing a file twice changes nothing. The data directory is made if nothing is there.

Format of --acks: for each record one line `LINE <tab> ID <tab> OFFSET`, in the order of the input; \
for a duplicate, where it stands already. A line is written once its record is durable. An older \
file of that name is overwritten, as it is for --rejects.

With --from, FILE is the directory of another system's store. It is read and never written to. Facts (igniter) and records \
(stemedb) go into the data directory; frames (opq) into a queue, entries (fact) into a ledger and sessions (fsstore) into a \
journal of sessions, each in the directory that --into names. What cannot be taken is told on stderr with file, byte and \
reason; then the exit code is 3. Taken again, nothing is taken twice.")]
pub(crate) struct Args {
    /// The file; `-` is standard input. Compression (gzip, Zstandard) is recognised by itself
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// FILE is the directory of another system's store: whose
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["format", "source", "rejects", "acks"])]
    from: Option<Origin>,
    /// The directory that opq, fact and fsstore go to
    #[arg(long, value_name = "DIR", requires = "from")]
    into: Option<PathBuf>,
    /// The format; without this, what the file's name says, and jsonl for standard input
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The source of assertions that name none; RDF's statements name none
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Appends so many records at a time, or 8 MiB of them, each time all or none
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: u32,
    /// Reads, checks and counts everything, and writes nothing
    #[arg(long, conflicts_with_all = ["rejects", "acks"])]
    dry_run: bool,
    /// Writes rejected lines to this file, as they came, to be mended and imported again
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Writes line, id and offset of each record to this file, once it is durable
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
}

/// Where accepted records go.
enum Destination<'a> {
    Journal(Appending<'a>),
    Nowhere(Rehearsal),
}

/// How the reading ended.
enum Ended {
    AtTheEnd,
    Interrupted,
    Failed(Failure),
}

impl Args {
    /// Where it goes: the data directory, or what --into names.
    pub(crate) fn place(&self, flag: Option<PathBuf>, variable: Option<OsString>) -> Result<Place, Failure> {
        match self.from {
            Some(origin) => origin.place(self.into.clone(), self.dry_run, flag, variable),
            None => Place::of(flag, variable),
        }
    }
}

/// Imports it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    if let Some(origin) = args.from {
        return foreign::run(origin, args, context);
    }
    beside::check(&args.file, args.rejects.as_deref(), args.acks.as_deref())?;
    let options = Options { format: args.format, source: args.source.clone() };
    // What a file's name and its first bytes tell is told before a data directory is made. A pipe may keep its reader
    // waiting, and is opened by the feed.
    let opened = if is_pipe(&args.file) {
        check_name(args)?;
        None
    } else {
        Some(Input::open(&args.file, options.clone())?)
    };
    if args.dry_run {
        let known = Rehearsal::over(context.place.path())?;
        let next = known.next;
        let mut importing = Importing::new(context, opened, args, options, Destination::Nowhere(known));
        let ended = importing.run(context);
        return importing.finish(args, context, ended, |_, _| Ok(next));
    }
    let annals = opening::existing_or_new(context)?;
    catch_up::catch_up(&annals, context)?;
    let acks = args.acks.as_deref().map(Acks::create).transpose()?;
    let appending = Appending::new(annals.importer()?, args.batch as usize, acks);
    let mut importing = Importing::new(context, opened, args, options, Destination::Journal(appending));
    importing.rejects.create(args.rejects.as_deref())?;
    context.interrupt.gently();
    let ended = importing.run(context);
    let done = importing.finish(args, context, ended, |context, wanted| applied(&annals, context, wanted));
    let closed = annals.close().map_err(Failure::from);
    done.and(closed)
}

/// Waits until everything is applied, if that is wanted, and says where the journal ends.
fn applied(annals: &Annals, context: &Context, wanted: bool) -> Result<Offset, Failure> {
    if wanted {
        catch_up::catch_up(annals, context)?;
    }
    Ok(annals.journal().durable())
}

/// Whether the input is a stream that may keep its reader waiting.
fn is_pipe(path: &Path) -> bool {
    let stream = |metadata: Metadata| !metadata.is_file() && !metadata.is_dir();
    is_stdin(path) || path.metadata().is_ok_and(stream)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Checks that the format of a pipe is known, before anything is made for it.
fn check_name(args: &Args) -> Result<(), Failure> {
    if is_stdin(&args.file) || args.format.is_some() || Format::of(&args.file).is_some() {
        return Ok(());
    }
    Err(InputError::UnknownFormat { name: args.file.display().to_string() }.into())
}

/// An import under way.
struct Importing<'a> {
    begun: Instant,
    feed: Feed<Item>,
    progress: Progress,
    read_bytes: Option<crate::input::Progress>,
    destination: Destination<'a>,
    rejects: Rejects,
}

impl<'a> Importing<'a> {
    fn new(
        context: &Context,
        opened: Option<Input>,
        args: &Args,
        options: Options,
        destination: Destination<'a>,
    ) -> Self {
        let read_bytes = opened.as_ref().map(Input::progress);
        let total = read_bytes.as_ref().and_then(|progress| progress.total_bytes);
        let file = args.file.clone();
        let feed = Feed::start(move || match opened {
            Some(input) => Ok(input),
            None => Input::open(&file, options),
        });
        Self {
            begun: Instant::now(),
            feed,
            progress: Progress::of_bytes(total),
            read_bytes,
            destination,
            rejects: Rejects::new(context.output.json),
        }
    }

    /// Takes every line to where it belongs.
    fn run(&mut self, context: &Context) -> Ended {
        loop {
            if context.interrupt.asked() {
                return self.flush().map_or_else(Ended::Failed, |()| Ended::Interrupted);
            }
            let taken = match self.feed.take(QUIET) {
                Fed::Items(items) => items.into_iter().try_for_each(|item| self.take(item)),
                Fed::Nothing => self.flush(),
                Fed::End(ended) => {
                    // What was read before a failure is kept.
                    return match self.flush().and(ended) {
                        Ok(()) => Ended::AtTheEnd,
                        Err(failure) => Ended::Failed(failure),
                    };
                }
            };
            if let Err(failure) = taken {
                return Ended::Failed(failure);
            }
            self.show();
        }
    }

    fn take(&mut self, item: Item) -> Result<(), Failure> {
        match (item.outcome, &mut self.destination) {
            (Err(reject), _) => self.rejects.add(item.line, &reject, &self.progress),
            (Ok(accepted), Destination::Journal(appending)) => appending.add(item.line, accepted),
            (Ok(accepted), Destination::Nowhere(rehearsal)) => {
                rehearsal.add(&accepted);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if let Destination::Journal(appending) = &mut self.destination {
            appending.flush()?;
        }
        self.rejects.flush()
    }

    fn places(&self) -> Places {
        match &self.destination {
            Destination::Journal(appending) => appending.places,
            Destination::Nowhere(rehearsal) => rehearsal.places,
        }
    }

    fn show(&mut self) {
        let Places { appended, duplicates, .. } = self.places();
        let done = self.read_bytes.as_ref().map_or(0, crate::input::Progress::read_bytes);
        let (lines, begun) = (appended + duplicates + self.rejects.count, self.begun);
        self.progress.update(done, None, || {
            format!("{}, {}/s", counted(lines, "line"), Count(rate(lines, begun.elapsed())))
        });
    }

    /// Reports, and says how it ended; `next` waits until what was appended is applied, if it is told to, and says where
    /// the journal ends.
    fn finish(
        mut self,
        args: &Args,
        context: &mut Context,
        ended: Ended,
        next: impl FnOnce(&Context, bool) -> Result<Offset, Failure>,
    ) -> Result<(), Failure> {
        let places = self.places();
        // The importer is gone before the worker is waited for; the line of progress is taken over by that wait.
        drop(std::mem::replace(&mut self.progress, Progress::of_bytes(None)));
        let next = next(context, !matches!(ended, Ended::Interrupted));
        let report = Report {
            read: places.appended + places.duplicates + self.rejects.count,
            appended: places.appended,
            duplicates: places.duplicates,
            rejected: self.rejects.count,
            first: places.first.map(Offset::get),
            next: next.as_ref().ok().map(|next| next.get()),
            seconds: crate::number::seconds(self.begun.elapsed()),
            complete: matches!(ended, Ended::AtTheEnd),
            dry_run: args.dry_run,
        };
        self.rejects.tell_rest();
        // How the import ended says more than whether somebody still listened.
        let shown = report.show(&mut context.output).and_then(|()| context.output.flush());
        verdict(&report, args, ended, next.map(drop)).and(shown)
    }
}

/// How an import ended; `applied` is how the wait for the worker did.
fn verdict(report: &Report, args: &Args, ended: Ended, applied: Result<(), Failure>) -> Result<(), Failure> {
    match ended {
        Ended::Failed(failure) => return Err(failure),
        Ended::Interrupted => {
            let appended = counted(report.appended, "record");
            return Err(stopped(format!("interrupted; {appended} appended, all of them durable"))
                .with_help("import the same file again to go on: what stands in the journal is left out"));
        }
        Ended::AtTheEnd => applied?,
    }
    if report.rejected == 0 {
        return Ok(());
    }
    let lines = counted(report.read, "line");
    let message = format!("{} of {lines} rejected", Count(report.rejected));
    let help = match &args.rejects {
        Some(file) => format!("they are in {}: mend them, and import that file", file.display()),
        None => "--rejects FILE keeps them, to be mended and imported again".to_owned(),
    };
    Err(Failure::new(Code::Rejected, message).with_help(help))
}
