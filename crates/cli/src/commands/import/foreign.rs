//! `annals import --from`: another system's store.
//!
//! ```text
//!   igniter, stemedb -> the data directory's journal      opq -> a queue      fact -> a ledger      fsstore -> sessions
//!   found: an item -> appended, unless it stands there
//!          a loss  -> told
//!   receipt -> report, exit code 3 if something could not be taken
//! ```
//!
//! I7: the foreign directory is read and nothing else. I8: `read` is `appended` + `duplicates` + `refused`, where the import
//! ended by itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use annals::foreign::sessions::into_sessions;
use annals::foreign::{self, Foreign, Found, Receipt, Taken, into_ledger, into_queue};
use annals::ledger::{Ledger, LedgerOptions};
use annals::sessions::{JournalStore, Store, open_store};
use annals::streams::queue::{Queue, QueueOptions};
use annals::{Offset, journal::SyncPolicy};

use super::{Args, Ended};
use crate::commands::Context;
use crate::exit::{Code, Failure};
use crate::interrupt::stopped;
use crate::number::{Count, Size, counted, rate};
use crate::place::Place;
use crate::progress::Progress;

mod journal;
mod losses;
mod report;

use losses::Losses;
use report::Report;

/// Whose store is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Origin {
    /// A partitioned fact store: json_crc32 and compact_delta segments below `wal/store=…/date=…/`
    Igniter,
    /// An offline packet queue: `.opq` segments
    Opq,
    /// The write-ahead log of a knowledge base: `.wal` segments of format 2
    Stemedb,
    /// The write-ahead log of an event store: files named by numbers
    Fact,
    /// Sessions as files: `{session}/{segment}.jsonl`
    Fsstore,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Igniter => "igniter",
            Self::Opq => "opq",
            Self::Stemedb => "stemedb",
            Self::Fact => "fact",
            Self::Fsstore => "fsstore",
        }
    }

    /// Where it goes to.
    pub(super) fn place(
        self,
        into: Option<PathBuf>,
        dry_run: bool,
        flag: Option<PathBuf>,
        variable: Option<OsString>,
    ) -> Result<Place, Failure> {
        let name = self.name();
        match (self, into) {
            (Self::Igniter | Self::Stemedb, None) => Place::of(flag, variable),
            (Self::Igniter | Self::Stemedb, Some(_)) => {
                let failure =
                    Failure::usage(format!("--from {name} goes into the data directory, not --into"));
                Err(failure.with_help("say --data DIR"))
            }
            (_, Some(_)) if flag.is_some() => {
                Err(Failure::usage("--data and --into both name a directory").with_help("give --into alone"))
            }
            (_, Some(path)) if path.as_os_str().is_empty() => {
                Err(Failure::usage("--into names no directory"))
            }
            (_, Some(path)) => Ok(Place { path, from: "--into" }),
            (_, None) if dry_run => Ok(Place { path: PathBuf::new(), from: "nowhere" }),
            (_, None) => Err(Failure::usage(format!("--from {name} needs to be told where to"))
                .with_help("say --into DIR: a directory of its own, which is made if nothing is there")),
        }
    }
}

/// Imports it.
pub(super) fn run(origin: Origin, args: &Args, context: &mut Context) -> Result<(), Failure> {
    let import = Import::new(origin, args, context);
    match origin {
        Origin::Igniter => journal::run(import, foreign::igniter::open(&args.file)?, context),
        Origin::Stemedb => journal::run(import, foreign::stemedb::open(&args.file)?, context),
        Origin::Opq => {
            let mut packets = foreign::opq::open(&args.file)?;
            if args.dry_run {
                return import.rehearse(packets, context);
            }
            let options = QueueOptions { durable: false, ..QueueOptions::default() };
            let queue = Queue::open(context.place.path(), options).map_err(annals::Error::from)?;
            import.take(&mut packets, context, |packets, watch| into_queue(packets, &queue, watch))
        }
        Origin::Fact => {
            let mut entries = foreign::fact::open(&args.file)?;
            if args.dry_run {
                return import.rehearse(entries, context);
            }
            // Nothing of it goes while it is taken.
            let options = LedgerOptions {
                max_segments: u64::MAX,
                sync: SyncPolicy::OnDemand,
                ..LedgerOptions::default()
            };
            let ledger = Ledger::open(context.place.path(), options)?;
            let taken =
                import.take(&mut entries, context, |entries, watch| into_ledger(entries, &ledger, watch));
            let closed = ledger.close().map_err(Failure::from);
            taken.and(closed)
        }
        Origin::Fsstore => {
            let mut logs = foreign::sessions::open(&args.file)?;
            if args.dry_run {
                return import.rehearse(logs, context);
            }
            let store = sessions(context.place.path())?;
            import.take(&mut logs, context, |logs, watch| into_sessions(logs, &*store, watch))
        }
    }
}

/// The store of sessions in `dir`: what lies there, or else a new one in a journal.
fn sessions(dir: &Path) -> Result<Box<dyn Store>, Failure> {
    let is_empty = std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if is_empty { Ok(Box::new(JournalStore::open(dir)?)) } else { Ok(open_store(dir)?) }
}

/// An import under way.
struct Import<'a> {
    origin: Origin,
    args: &'a Args,
    begun: Instant,
    losses: Losses,
    progress: Progress,
    done_bytes: u64,
}

impl<'a> Import<'a> {
    fn new(origin: Origin, args: &'a Args, context: &Context) -> Self {
        let losses = Losses::new(context.output.json);
        let (begun, progress) = (Instant::now(), Progress::of_bytes(None));
        Self { origin, args, begun, losses, progress, done_bytes: 0 }
    }

    fn begin(&mut self, reading: &impl Foreign, context: &Context) {
        self.progress = Progress::of_bytes(Some(reading.total_bytes()));
        context.interrupt.gently();
    }

    /// Sees what was found. False if the import is to end.
    fn watch<T>(&mut self, found: &Found<T>, taken: Taken, context: &Context) -> bool {
        match found {
            Found::Item(item) if item.place.index == 0 => self.done_bytes += item.place.bytes,
            Found::Item(_) => {}
            Found::Lost(loss) => {
                self.done_bytes += loss.bytes;
                self.losses.tell(loss, &self.progress);
            }
        }
        let (items, begun) = (taken.appended + taken.duplicates, self.begun);
        self.progress.update(self.done_bytes, None, || {
            format!("{}, {}/s", counted(items, "item"), Count(rate(items, begun.elapsed())))
        });
        !context.interrupt.asked()
    }

    /// Takes everything to where `take` takes it.
    fn take<R: Foreign>(
        mut self,
        reading: &mut R,
        context: &mut Context,
        take: impl FnOnce(
            &mut dyn Iterator<Item = Found<R::Taken>>,
            &mut dyn FnMut(&Found<R::Taken>, Taken) -> bool,
        ) -> Result<Taken, annals::Error>,
    ) -> Result<(), Failure> {
        self.begin(reading, context);
        let mut last = Taken::default();
        let taken = take(reading, &mut |found, taken| {
            last = taken;
            self.watch(found, taken, context)
        });
        let (taken, ended) = match taken {
            Ok(taken) if context.interrupt.asked() => (taken, Ended::Interrupted),
            Ok(taken) => (taken, Ended::AtTheEnd),
            Err(error) => (last, Ended::Failed(error.into())),
        };
        self.finish(reading.receipt(), taken, None, None, ended, context)
    }

    /// Reads everything, and takes nothing.
    fn rehearse<R: Foreign>(mut self, mut reading: R, context: &mut Context) -> Result<(), Failure> {
        self.begin(&reading, context);
        let (mut taken, mut ended) = (Taken::default(), Ended::AtTheEnd);
        while let Some(found) = reading.next() {
            taken.appended = reading.receipt().items;
            if !self.watch(&found, taken, context) {
                ended = Ended::Interrupted;
                break;
            }
        }
        self.finish(reading.receipt(), taken, None, None, ended, context)
    }

    /// Reports, and says how it ended.
    fn finish(
        self,
        receipt: &Receipt,
        taken: Taken,
        first: Option<Offset>,
        next: Option<Offset>,
        ended: Ended,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let Self { origin, args, begun, losses, progress, .. } = self;
        drop(progress);
        losses.tell_rest();
        let report = Report {
            from: origin.name(),
            receipt,
            taken,
            first: first.map(Offset::get),
            next: next.map(Offset::get),
            seconds: crate::number::seconds(begun.elapsed()),
            complete: matches!(ended, Ended::AtTheEnd),
            dry_run: args.dry_run,
        };
        let shown = report.show(&mut context.output).and_then(|()| context.output.flush());
        verdict(receipt, taken, ended).and(shown)
    }
}

/// How an import ended.
fn verdict(receipt: &Receipt, taken: Taken, ended: Ended) -> Result<(), Failure> {
    match ended {
        Ended::Failed(failure) => return Err(failure),
        Ended::Interrupted => {
            let appended = counted(taken.appended, "item");
            return Err(stopped(format!("interrupted; {appended} appended, all of them durable"))
                .with_help("import the same directory again to go on: what stands there is left out"));
        }
        Ended::AtTheEnd => {}
    }
    if receipt.is_complete() && taken.refused == 0 {
        return Ok(());
    }
    let message = match receipt.losses {
        0 if taken.refused > 0 => {
            format!("{} refused: something else stands there", counted(taken.refused, "item"))
        }
        0 => "something of what was taken had to be left out".to_owned(),
        losses => format!("{} could not be taken: {}", counted(losses, "range"), Size(receipt.lost_bytes)),
    };
    Err(Failure::new(Code::Rejected, message)
        .with_help("the foreign directory is as it was; docs/import.md says what each loss and note means"))
}
