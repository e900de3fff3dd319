//! `annals epochs`: the paradigms, each as it stands.

use annals::{Offset, Record};

use super::Context;
use super::past::Past;
use super::question::{Pages, ask};
use crate::exit::Failure;
use crate::render;

/// How many of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals epochs           all of them, in the order in which their names came up
  annals epochs --json    one object a line; its key `epoch` is the id that assertions name
  annals epochs --as-of 944   the versions that were the latest at offset 944")]
pub(crate) struct Args {
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only epochs whose name came up behind this offset (`first` in JSON)
    #[arg(long, value_name = "OFFSET")]
    after: Option<u64>,
    #[command(flatten)]
    past: Past,
}

/// Lists them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    ask(&args.past, context, |snapshot, output| {
        let pages = Pages { limit: args.limit, after: args.after.map(Offset::new) };
        pages.each(
            |after, limit| snapshot.epochs(after.copied(), limit),
            |entry| entry.first,
            |entry| {
                let record = render::record_of(&entry.latest)?;
                if output.json {
                    let line = render::json(&record, &entry.latest);
                    let line = render::with_key(line, "epoch", &format!("\"{}\"", entry.epoch));
                    output.line(render::with_key(line, "first", &entry.first.to_string()))?;
                } else if let Record::Epoch(epoch) = &record {
                    let place =
                        format!("{:>10}  {}", entry.latest.offset.get(), render::short(&entry.latest.id));
                    output.line(format_args!(
                        "{}  {}",
                        output.paint.dim(place),
                        render::epoch_line(epoch)
                    ))?;
                }
                Ok(true)
            },
        )
    })
}
