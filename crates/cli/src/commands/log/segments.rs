//! `annals log segments`: the segments, one a line.

use annals::Damage;
use annals::journal::{Depth, RosterEntry, VerifyOptions};
use serde::Serialize;

use super::segment::Segment;
use super::{Where, site};
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::counted;

/// Nothing to choose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log segments DIR
  annals log segments DIR --json

Headers and seals are read, and of the active segment every frame: a flaw is what these show. What rots \
within a sealed segment, `annals log verify` finds. Takes no lock. Exit code 4: a segment has a flaw.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
}

/// A segment as JSON.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    segment: Segment,
    /// Null where its header does not verify.
    term: Option<u64>,
    sealed: bool,
    /// Whether some of it, or all, is listed as lost.
    lost: bool,
    /// What is wrong with it; null if nothing is.
    flaw: Option<String>,
}

/// Lists them.
pub(super) fn run(_args: &Args, context: &mut Context) -> Result<(), Failure> {
    let reader = site::reader(context)?;
    let entries = reader.roster()?;
    let quick = VerifyOptions { depth: Depth::Quick, ..VerifyOptions::default() };
    let damaged = reader.verify_with(quick, &mut |_, _| {})?.damaged;
    let output = &mut context.output;
    let mut flawed = 0;
    for entry in &entries {
        let flaw = flaw(entry, &damaged);
        flawed += u64::from(flaw.is_some());
        let (segment, term) = (Segment::from(entry), entry.term.map(annals::Term::get));
        if output.json {
            output.object(&Line { segment, term, sealed: entry.sealed, lost: entry.lost, flaw })?;
            continue;
        }
        let state = if entry.sealed { "sealed" } else { "active" };
        let lost = if entry.lost { ", some of it listed as lost" } else { "" };
        output.line(format_args!("{}  {state}{lost}", segment.line()))?;
        if let Some(flaw) = flaw {
            output.line(format_args!("  {}", output.paint.red(Shown(&flaw))))?;
        }
    }
    output.flush()?;
    if flawed == 0 {
        return Ok(());
    }
    let (segments, have) =
        (counted(entries.len() as u64, "segment"), if flawed == 1 { "has" } else { "have" });
    Err(Failure::new(Code::Damaged, format!("{flawed} of {segments} {have} a flaw"))
        .with_help("`annals log info` says what an open does about it, and what to do next"))
}

/// What is wrong with a segment, from the list or from a quick check.
fn flaw(entry: &RosterEntry, damaged: &[Damage]) -> Option<String> {
    let within = |damage: &&Damage| entry.base <= damage.offset && damage.offset < entry.end;
    entry.flaw.clone().or_else(|| {
        let damage = damaged.iter().find(within)?;
        Some(format!("{} bytes at offset {}: {}", damage.len, damage.offset, damage.detail))
    })
}
