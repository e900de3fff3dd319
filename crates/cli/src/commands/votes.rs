//! `annals votes`: who votes on an assertion, and what it comes to.

use annals::{IdPrefix, Record, RecordId, Snapshot};

use super::Context;
use super::past::Past;
use super::question::{Pages, ask, find, id_prefix};
use crate::exit::{Code, Failure};
use crate::output::{self, Output};
use crate::{number, render};

/// Which assertion.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals votes 3f2a91c04d7e           the votes on the assertion whose id begins so
  annals votes 3f2a91c04d7e --json    each as JSON on stdout, the tally on stderr
  annals votes 3f2a91c04d7e --as-of @2026-11-20   as they stood when that day began (UTC)

All votes are listed; of each voter the one with the highest `seq` counts. With all 64 digits of an \
id, votes are listed also where the assertion itself is not there yet.")]
pub(crate) struct Args {
    /// The id of an assertion, or its first digits: 8 to 64 hex digits
    #[arg(value_name = "ID", value_parser = id_prefix)]
    id: IdPrefix,
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only votes with a greater id, all 64 digits of it
    #[arg(long, value_name = "ID")]
    after: Option<RecordId>,
    #[command(flatten)]
    past: Past,
}

/// Lists them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    ask(&args.past, context, |snapshot, output| {
        let assertion = assertion_of(snapshot, &args.id)?;
        let pages = Pages { limit: args.limit, after: args.after };
        pages.each(
            |after, limit| snapshot.votes(&assertion, after, limit),
            |vote| vote.id,
            |vote| {
                let record = render::record_of(&vote)?;
                if output.json {
                    output.line(render::json(&record, &vote))?;
                } else if let Record::Vote(said) = &record {
                    let place = format!("{:>10}  {}", vote.offset.get(), render::short(&vote.id));
                    output.line(format_args!("{}  {}", output.paint.dim(place), render::vote_line(said)))?;
                }
                Ok(true)
            },
        )?;
        tell_tally(snapshot, output, &assertion)
    })
}

/// The assertion that is meant.
fn assertion_of(snapshot: &Snapshot<'_>, prefix: &IdPrefix) -> Result<RecordId, Failure> {
    // Votes may come before their assertion; then only the whole id names it.
    if let Ok(whole) = prefix.to_string().parse::<RecordId>()
        && snapshot.get(&whole)?.is_none()
        && !snapshot.votes(&whole, None, 1)?.is_empty()
    {
        return Ok(whole);
    }
    let stored = find(snapshot, prefix)?;
    match render::record_of(&stored)? {
        Record::Assertion(_) => Ok(stored.id),
        Record::Vote(vote) => {
            Err(Failure::new(Code::NotFound, format!("{} is a vote, no assertion", stored.id))
                .with_help(format!("it votes on {}", vote.assertion)))
        }
        Record::Epoch(_) => {
            Err(Failure::new(Code::NotFound, format!("{} is an epoch, no assertion", stored.id)))
        }
    }
}

/// Says what the votes come to.
fn tell_tally(snapshot: &Snapshot<'_>, output: &mut Output, assertion: &RecordId) -> Result<(), Failure> {
    let tally = snapshot.tally(assertion)?;
    if output.json {
        output.flush()?;
        let tally = tally.map_or_else(|| "null".to_owned(), |tally| render::tally_json(&tally));
        output::say(format_args!(r#"{{"assertion":"{assertion}","tally":{tally}}}"#));
        return Ok(());
    }
    match tally {
        None => output.line("the assertion itself is not there yet: its votes count as soon as it is"),
        Some(tally) if render::tally(&tally).is_empty() => output.line("nobody has voted"),
        Some(tally) => {
            let superseded = match tally.superseded {
                0 => String::new(),
                some => format!(", {} superseded", number::Count(some)),
            };
            output.line(format_args!("{}{superseded}", output.paint.bold(render::tally(&tally))))
        }
    }
}
