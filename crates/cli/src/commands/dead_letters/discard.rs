//! `annals dead-letters discard`: given up, and noted.

use annals::Offset;
use serde::Serialize;

use super::{Named, offsets, with_annals};
use crate::commands::Context;
use crate::exit::Failure;
use crate::number::counted;
use crate::output;

/// Which of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals dead-letters discard 8192 9216          says what would be given up
  annals dead-letters discard 8192 9216 --yes    gives them up

What is given up is counted apart, and no check misses it. It can be taken back with `redrive OFFSET`: the journal \
keeps the record. The note is kept in the store; a rebuild takes it over, but one that finds no store to take it \
from parks the record again. Exit code 5: one that is named is not there.")]
pub(super) struct Args {
    /// Their offsets, or the ids of their records or the first digits of these
    #[arg(value_name = "OFFSET|ID", required = true)]
    letters: Vec<Named>,
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// What was given up, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    /// The offsets of those that are parked, or were.
    discarded: Vec<u64>,
    done: bool,
}

/// Gives them up, or says which.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    with_annals(context, |annals, context| {
        let mut at = offsets(&args.letters, annals)?;
        if args.yes {
            at = annals.discard(&at)?.iter().map(|letter| letter.offset).collect();
        } else {
            let store = annals.store();
            let snapshot = store.snapshot()?;
            let mut parked = Vec::new();
            for offset in at {
                let is_parked = snapshot.dead_letter(offset)?.is_some_and(|(_, given_up)| !given_up);
                parked.extend(is_parked.then_some(offset));
            }
            at = parked;
        }
        let output = &mut context.output;
        if output.json {
            let discarded = at.iter().copied().map(Offset::get).collect();
            return output.object(&Report { discarded, done: args.yes });
        }
        let letters = counted(at.len() as u64, "dead letter");
        let places: Vec<_> = at.iter().map(ToString::to_string).collect();
        let verb = if args.yes { "given up" } else { "would be given up" };
        output.line(format_args!("{letters} {verb}: {}", places.join(", ")))?;
        output.flush()?;
        if !args.yes {
            output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
        }
        Ok(())
    })
}
