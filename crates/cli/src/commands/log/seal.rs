//! `annals log seal`: the active segment ended.

use serde::Serialize;

use super::{Where, site};
use crate::commands::Context;
use crate::exit::Failure;

/// Nothing to choose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log seal DIR      what was appended so far can be copied, checked by its seal, and purged

A segment that holds nothing is not sealed. Exit code 11: another process has the journal.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
}

/// What was sealed, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    sealed: bool,
    /// Where the active segment begins now.
    next: u64,
}

/// Seals it.
pub(super) fn run(_args: &Args, context: &mut Context) -> Result<(), Failure> {
    let journal = site::journal(context)?;
    let before = journal.status().segments.len();
    let next = journal.seal()?;
    let sealed = journal.status().segments.len() > before;
    journal.close()?;
    if context.output.json {
        return context.output.object(&Report { sealed, next: next.get() });
    }
    context.output.line(match sealed {
        true => format!("sealed; the next segment begins at offset {next}"),
        false => format!("the active segment, which begins at offset {next}, holds nothing to seal"),
    })
}
