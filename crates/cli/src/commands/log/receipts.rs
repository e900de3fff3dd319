//! `annals log receipts`: what was taken out of the journal, and when.

use std::cmp::Reverse;

use annals::format_instant;
use annals::journal::{QuarantineReceipt, Receipt, ReceiptQuery};
use serde::Serialize;

use super::segment::Segment;
use super::{Where, site};
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::{Size, counted};
use crate::output;
use crate::render::hex;

/// Which receipts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log receipts DIR
  annals log receipts DIR --since 7d --limit 20
  annals log receipts DIR --since 2026-11-01 --until 2026-11-20T08:00Z

Segments that retention purged, and bytes that were cut, given up or written over and are kept in \
quarantine; the newest first. A time is an instant, a date, or an age. Takes no lock. Exit code 4: a \
receipt does not verify.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Those of this time or later
    #[arg(long, value_name = "TIME", value_parser = measure::moment)]
    since: Option<i64>,
    /// Those of this time or earlier
    #[arg(long, value_name = "TIME", value_parser = measure::moment)]
    until: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// A receipt as JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Purged {
        at: String,
        #[serde(flatten)]
        segment: Segment,
        /// By which policy.
        reason: String,
        /// The hash over the ids of all records up to its end.
        chain: String,
    },
    Quarantined {
        at: String,
        /// Why: `torn`, `lost`, `mended` or `holes`.
        kind: &'static str,
        offset: u64,
        bytes: u64,
        term: u64,
        blake3: String,
        file: String,
    },
}

/// Lists them.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let query = ReceiptQuery { since_micros: args.since, until_micros: args.until, limit: args.limit };
    let found = site::reader(context)?.receipts(&query)?;
    let purged = found.purged.into_iter().map(|receipt| (receipt.purged_at_micros, purged(&receipt)));
    let quarantined =
        found.quarantined.into_iter().map(|receipt| (receipt.quarantined_at_micros, quarantined(&receipt)));
    let mut lines: Vec<(i64, Line)> = purged.chain(quarantined).collect();
    lines.sort_by_key(|(at, _)| Reverse(*at));
    for (_, line) in lines.iter().take(args.limit.unwrap_or(usize::MAX)) {
        match context.output.json {
            true => context.output.object(line)?,
            false => context.output.line(line.text())?,
        }
    }
    context.output.flush()?;
    if lines.is_empty() && !context.output.json {
        output::say(output::stderr_paint(false).dim("no receipts"));
    }
    if found.unreadable.is_empty() {
        return Ok(());
    }
    for (path, reason) in &found.unreadable {
        let message = format!("{}: {reason}", path.display());
        output::warn(&Failure::new(Code::Damaged, message), context.output.json);
    }
    let files = counted(found.unreadable.len() as u64, "file");
    Err(Failure::new(
        Code::Damaged,
        format!("{files} of receipts do not verify: what they said is missing here"),
    )
    .with_help("put good copies of them back"))
}

fn purged(receipt: &Receipt) -> Line {
    Line::Purged {
        at: format_instant(receipt.purged_at_micros),
        segment: Segment::from(receipt),
        reason: receipt.reason.clone(),
        chain: hex(&receipt.chain),
    }
}

fn quarantined(receipt: &QuarantineReceipt) -> Line {
    Line::Quarantined {
        at: format_instant(receipt.quarantined_at_micros),
        kind: receipt.kind.name(),
        offset: receipt.offset.get(),
        bytes: receipt.bytes,
        term: receipt.term.get(),
        blake3: receipt.blake3.to_string(),
        file: receipt.path.display().to_string(),
    }
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Purged { at, segment, reason, .. } => {
                format!("{at}  purged       {}  ({})", segment.line(), Shown(reason))
            }
            Self::Quarantined { at, kind, offset, bytes, file, .. } => {
                format!(
                    "{at}  quarantined  {} of offset {offset} ({kind}), kept in {}",
                    Size(*bytes),
                    Shown(file)
                )
            }
        }
    }
}
