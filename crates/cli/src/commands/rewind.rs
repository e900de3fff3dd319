//! `annals rewind`: an older copy of the store, taken as it stands.

use annals::Rewound;
use serde::Serialize;

use super::Context;
use crate::exit::Failure;
use crate::number::counted;
use crate::output;

/// Whether it is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals rewind          says what would be applied again
  annals rewind --yes    takes the store as it stands

A store that has applied less of the journal than it once had is an older copy, and is refused: somebody \
put it there, or the disk lost what it had synced. If that is meant, this says so, once; the next command \
applies the rest. No record is lost: the journal has them all. `annals rebuild` makes the store anew instead.")]
pub(crate) struct Args {
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// What was done, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    from: u64,
    to: u64,
    records: u64,
    done: bool,
}

/// Says what is applied again, and takes the store as it is.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let Rewound { from, to, records, done, .. } = annals::rewind(context.place.path(), args.yes)?;
    let output = &mut context.output;
    let is_older = from > to;
    if output.json {
        output.object(&Report { from: from.get(), to: to.get(), records, done })?;
    } else if is_older {
        let again = counted(records, "record");
        output.line(format_args!(
            "the store stands at offset {to}, and had come as far as {from}: {again} to be applied again"
        ))?;
        output.flush()?;
        if !done {
            output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
        }
    } else {
        output.line(format_args!("the store stands at offset {to}, as far as it ever was"))?;
    }
    output.flush()
}
