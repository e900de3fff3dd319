//! `annals log info`: how the journal stands, on one screen.
//!
//!   reader: what it holds -> diagnosis: what an open would do -> what next

use std::path::Path;
use std::sync::Arc;

use annals::journal::repair::{Finding, Remedy, Trouble, diagnose_with};
use annals::journal::{Depth, Disk, Keep, Reader, RealDisk, ReceiptQuery, VerifyOptions};
use annals::{Log, format_instant};

use self::report::{Checkpoint, Held, Hole, Purged, Report, Term};
use super::findings::{self, Matter};
use super::keep::Planned;
use super::{Where, holder, site};
use crate::commands::Context;
use crate::exit::Failure;

mod report;

/// Nothing to choose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log info DIR
  annals log info DIR --full      reads all of a large journal, too

Of a journal beyond 256 MiB headers and seals are read, and every frame of the active segment: enough to know \
what an open would do. A smaller one is read whole. Takes no lock and changes nothing. Exit code 4: the journal is \
damaged; what to do is said.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Reads everything, however much it is
    #[arg(long)]
    full: bool,
}

/// So many bytes are read without being asked for: a moment's work.
const AT_ONCE: u64 = 256 << 20;

/// Shows it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let dir = site::dir(context)?;
    let reader = Reader::inspect(&dir)?;
    let in_use_by = holder::of(&dir.join("LOCK"));
    let all = args.full || reader.status()?.bytes <= AT_ONCE;
    let depth = if all { Depth::Full } else { Depth::Quick };
    let matters = matters(&reader, &dir, in_use_by.is_some(), depth)?;
    let report = look(&reader, &dir, in_use_by, depth, matters)?;
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => report.show(&mut context.output),
    };
    findings::verdict(&report.findings).and(shown)
}

/// What is the matter.
fn matters(reader: &Reader, dir: &Path, in_use: bool, depth: Depth) -> Result<Vec<Matter>, Failure> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let found = diagnose_with(&disk, dir, depth)?.findings;
    // What a writer is about looks like a stop that was not in order.
    let of_the_writer = |finding: &&Finding| {
        in_use && finding.what.remedy() == Remedy::Repair && finding.what != Trouble::LostWatermark
    };
    let mut matters: Vec<Matter> =
        found.iter().filter(|finding| !of_the_writer(finding)).map(Matter::from).collect();
    let quick = VerifyOptions { depth: Depth::Quick, ..VerifyOptions::default() };
    let damaged = reader.verify_with(quick, &mut |_, _| {})?.damaged;
    matters
        .extend(damaged.iter().filter(|damage| damage.len == 0 && !known(&found, damage)).map(Matter::from));
    Ok(matters)
}

fn known(found: &[Finding], damage: &annals::Damage) -> bool {
    found.iter().any(|finding| finding.offset == damage.offset || finding.detail == damage.detail)
}

fn look(
    reader: &Reader,
    dir: &Path,
    in_use_by: Option<String>,
    depth: Depth,
    findings: Vec<Matter>,
) -> Result<Report, Failure> {
    let status = reader.status()?;
    let roster = reader.roster()?;
    let receipts = reader.receipts(&ReceiptQuery::default())?;
    let (checkpoint, checkpoint_error) = match reader.latest_checkpoint() {
        Ok(latest) => (latest.as_ref().map(Checkpoint::from), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let cursors = reader.peek_cursors()?;
    let slowest = cursors.iter().min_by_key(|cursor| cursor.position);
    Ok(Report {
        dir: dir.display().to_string(),
        log: status.log.to_string(),
        in_use_by,
        term: status.term.get(),
        terms: Log::terms(reader).iter().map(Term::from).collect(),
        oldest: status.oldest.get(),
        durable: status.durable.get(),
        presumed: reader.presumes(),
        records: status.records,
        segments: status.segments.len() as u64,
        bytes: status.bytes,
        first: roster.iter().find_map(|entry| entry.times).map(|(first, _)| format_instant(first)),
        last: roster.iter().rev().find_map(|entry| entry.times).map(|(_, last)| format_instant(last)),
        checkpoint,
        checkpoint_error,
        cursors: cursors.len() as u64,
        slowest: slowest.map(Held::from),
        purged: (status.oldest.get() > 0).then(|| Purged::of(status.oldest, &receipts)),
        quarantined: receipts.quarantined.len() as u64,
        holes: status.holes.iter().map(Hole::from).collect(),
        could_go: Planned::from(&reader.plan(&Keep::Newest)?),
        checked: if depth == Depth::Full { "full" } else { "quick" },
        state: findings::state(&findings),
        next: findings::next(&findings),
        findings,
    })
}
