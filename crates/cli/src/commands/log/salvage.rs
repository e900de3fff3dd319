//! `annals log salvage`: damage made whole where that can be proven, and what is lost listed as lost.
//!
//!   plan -> shown | --apply: the same again under the lock -> quarantine -> mended, listed

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals::journal::salvage::{Known, SalvagePlan, apply, plan};
use annals::journal::{Cure, Disk, Options, RealDisk, Refill};
use annals::{RecordId, StoreRefill, SystemClock};
use serde::Serialize;

use super::{Where, site};
use crate::commands::{Context, opening};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Size, counted};
use crate::output::{self, Output};

/// Whether to do it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log salvage DIR                shows what can be made whole and what is lost; changes nothing
  annals log salvage DIR --ask-store    looks for damaged payloads in the store, too
  annals log salvage DIR --apply        does it

A good copy of the damaged files is better: put it back, if there is one. A frame is made whole from a \
payload of the same id in the store, from what is left of it, or by one flipped bit, and only where its \
checksums prove it. What is lost is listed as a hole, which readers pass, after its bytes are in quarantine; \
the log goes on in a new term. --apply asks the store of a data directory; --ask-store opens it for the look \
as well. Exit code 4: there is damage, and nothing was done about it; 11: another process has the journal.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Does what is shown otherwise
    #[arg(long)]
    apply: bool,
    /// Opens the store for damaged payloads also without --apply
    #[arg(long)]
    ask_store: bool,
    /// Leaves the store alone
    #[arg(long, conflicts_with = "ask_store")]
    no_store: bool,
}

/// What would be done, or was, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    applied: bool,
    mended: Vec<Mended>,
    lost: Vec<Lost>,
    lost_bytes: u64,
    /// Why the list of holes is made anew; null if it verifies.
    list: Option<String>,
    /// Whether an earlier salvage is finished by this one.
    unfinished: bool,
    /// The term that begins; null if none does.
    term: Option<u64>,
    /// Whether the store was asked for payloads: `asked`, `left alone`, `none`, or why it cannot be.
    store: String,
    /// How many payloads are damaged that a store may have.
    wanted: u64,
}

#[derive(Debug, Serialize)]
struct Mended {
    offset: u64,
    file: String,
    pos: u64,
    bytes: u64,
    how: &'static str,
}

#[derive(Debug, Serialize)]
struct Lost {
    offset: u64,
    len: u64,
    reason: String,
}

/// The store, opened when the first damaged payload is wanted: a journal that has none leaves it alone.
struct Store<'a> {
    /// None: it is not to be asked.
    data: Option<&'a Path>,
    opened: OnceCell<Result<StoreRefill, String>>,
    wanted: Cell<u64>,
}

impl Refill for Store<'_> {
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>> {
        self.wanted.set(self.wanted.get() + 1);
        let data = self.data?;
        let opened = self.opened.get_or_init(|| StoreRefill::open(data).map_err(|error| error.to_string()));
        opened.as_ref().ok()?.payload(id)
    }
}

/// Shows it, or does it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let dir = site::dir(context)?;
    let data = data_of(&dir, context);
    let asks = !args.no_store && (args.apply || args.ask_store);
    let store =
        Store { data: data.as_deref().filter(|_| asks), opened: OnceCell::new(), wanted: Cell::new(0) };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let plan = plan(&disk, &dir, &store)?;
    let mut report = Report::of(&plan);
    report.wanted = store.wanted.get();
    if args.apply && !plan.is_empty() {
        let clock = Arc::new(SystemClock);
        let done = apply(&disk, clock, &dir, Options::default(), &store, &plan)
            .map_err(|error| site::refused(context, error))?;
        opening::tell(&done.open, context.output.json);
        report.applied = true;
    }
    report.store = match (&data, store.data, store.opened.get()) {
        (None, ..) => "none".to_owned(),
        (_, None, _) => "left alone".to_owned(),
        (_, _, Some(Err(reason))) => {
            let message = format!("the store cannot be asked for damaged payloads: {reason}");
            output::warn(&Failure::new(Code::Failed, message), context.output.json);
            reason.clone()
        }
        _ => "asked".to_owned(),
    };
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    if report.applied || plan.is_empty() {
        return shown;
    }
    let failure = Failure::new(Code::Damaged, "there is damage, and nothing was done about it");
    // What was found says more than whether somebody still listened.
    Err::<(), _>(failure.with_help("put a good copy back, if there is one; else --apply does what is shown"))
        .and(shown)
}

/// The data directory, if the journal lies in one.
fn data_of(journal: &Path, context: &Context) -> Option<PathBuf> {
    let path = context.place.path();
    (path != journal).then(|| path.to_owned())
}

impl Report {
    fn of(plan: &SalvagePlan) -> Self {
        let mended = plan.mended.iter().map(|mending| Mended {
            offset: mending.offset.get(),
            file: mending.path.display().to_string(),
            pos: mending.pos,
            bytes: mending.bytes.len() as u64,
            how: how(mending.how),
        });
        let lost = plan.lost.iter().map(|loss| Lost {
            offset: loss.offset.get(),
            len: loss.len,
            reason: loss.reason.clone(),
        });
        Self {
            applied: false,
            mended: mended.collect(),
            lost: lost.collect(),
            lost_bytes: plan.lost.iter().map(|loss| loss.len).sum(),
            list: plan.list.clone(),
            unfinished: plan.unfinished,
            term: (!plan.lost.is_empty()).then_some(plan.term.get()),
            store: String::new(),
            wanted: 0,
        }
    }
}

/// How it is known what the bytes have to be.
pub(crate) fn how(known: Known) -> &'static str {
    match known {
        Known::Frame(Cure::Refilled) => "refilled",
        Known::Frame(Cure::Derived) => "derived",
        Known::Frame(Cure::Flipped) => "flipped",
        Known::Header => "header",
        Known::Seal => "seal",
        _ => "other",
    }
}

/// The same in words.
pub(crate) fn known(how: &str) -> &'static str {
    match how {
        "refilled" => "the store has the payload",
        "derived" => "what is left of the frame proves it",
        "flipped" => "one flipped bit",
        "header" => "the header follows from the segment before it",
        "seal" => "the seal follows from the segment's groups",
        _ => "it is known",
    }
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let Report { mended, lost, list, applied, .. } = report;
    if mended.is_empty() && lost.is_empty() && list.is_none() && !report.unfinished {
        output.line(format_args!("{}  there is nothing to salvage", output.paint.green("sound")))?;
        return output.flush();
    }
    let (made, given) = if *applied { ("made whole", "given up") } else { ("can be made whole", "is lost") };
    output.line(format_args!("{made}: {}", counted(mended.len() as u64, "place")))?;
    for Mended { offset, bytes, how, file, .. } in mended {
        output.line(format_args!("  offset {offset}, {bytes} bytes: {} ({})", known(how), Shown(file)))?;
    }
    let ranges = counted(lost.len() as u64, "range");
    output.line(format_args!("{given}: {ranges}, {}", Size(report.lost_bytes)))?;
    for Lost { offset, len, reason } in lost {
        let range = format!("offset {offset} to {}, {len} bytes", offset.saturating_add(*len));
        output.line(format_args!("  {}: {}", output.paint.red(range), Shown(reason)))?;
    }
    if let Some(reason) = list {
        output.line(format_args!("the list of holes is made anew: {}", Shown(reason)))?;
    }
    if let Some(term) = report.term {
        output.line(format_args!("term {term} begins behind it"))?;
    }
    if report.store == "left alone" && report.wanted > 0 {
        let wanted = counted(report.wanted, "payload");
        output.line(format_args!(
            "the store may have {wanted} of these: --ask-store looks, --apply does by itself"
        ))?;
    }
    output.flush()
}
