//! `annals log plan`: what a purge would remove, and what is in the way.

use super::keep::{Planned, Policy};
use super::{Where, site};
use crate::commands::Context;
use crate::exit::Failure;

/// What to keep.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log plan DIR --keep-age 30d         what is older than 30 days
  annals log plan DIR --keep-bytes 10GiB     what is too much
  annals log plan DIR --keep-segments 5
  annals log plan DIR --keep-newest

Shows what `annals log purge` with the same flags would remove: whole sealed segments, oldest first, as \
far as no cursor, checkpoint or damage stands in the way. Changes nothing and takes no lock.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    #[command(flatten)]
    policy: Policy,
}

/// Shows it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let plan = site::reader(context)?.plan(&args.policy.keep())?;
    let planned = Planned::from(&plan);
    match context.output.json {
        true => context.output.object(&planned),
        false => planned.show(args.policy.accept_clock_jump, &mut context.output),
    }
}
