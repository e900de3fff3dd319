//! `annals subjects`: what there is to ask about.

use serde::Serialize;

use super::Context;
use super::past::Past;
use super::question::{Pages, ask};
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::Count;

/// Which of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals subjects                            all of them, in the order of their bytes
  annals subjects --prefix deb/              those that begin so
  annals subjects --limit 100 --after deb/x  the next hundred
  annals subjects --as-of @7d                those there were a week ago, with their counts then")]
pub(crate) struct Args {
    /// Lists only subjects that begin so
    #[arg(long, value_name = "P", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only subjects behind this one
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
    #[command(flatten)]
    past: Past,
}

/// A subject as JSON.
#[derive(Serialize)]
struct Line<'a> {
    subject: &'a str,
    assertions: u64,
    first: u64,
}

/// Lists them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    ask(&args.past, context, |snapshot, output| {
        let pages = Pages { limit: args.limit, after: args.after.clone() };
        pages.each(
            |after, limit| snapshot.subjects(&args.prefix, after.map(String::as_str), limit),
            |entry| entry.subject.clone(),
            |entry| {
                if output.json {
                    output.object(&Line {
                        subject: &entry.subject,
                        assertions: entry.assertions,
                        first: entry.first.get(),
                    })?;
                } else {
                    let count = format!("{:>10}", Count(entry.assertions));
                    output.line(format_args!("{}  {}", output.paint.dim(count), Shown(&entry.subject)))?;
                }
                Ok(true)
            },
        )
    })
}
