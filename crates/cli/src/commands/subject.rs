//! `annals subject`: what is said of a subject.

use annals::{Offset, Record, Snapshot, Stored};

use super::Context;
use super::past::Past;
use super::question::{Pages, ask, show_tallied};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::counted;
use crate::output::Output;
use crate::render;

/// Which subject, and how much of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals subject Everest                           everything that is said of it
  annals subject Everest --predicate height        under one predicate
  annals subject Everest --limit 100 --after 8192  the next hundred behind offset 8192
  annals subject Everest --as-of 944               what was said of it before offset 944, and its votes then
  annals subject Everest --as-of @2026-11-20T08:00Z

Assertions come in the order in which they were appended, each with its votes counted: one vote for \
each voter, the one with the highest `seq`. Exit code 5: nothing is said of this subject.")]
pub(crate) struct Args {
    /// The name of the subject
    #[arg(value_name = "NAME")]
    subject: String,
    /// Lists only assertions with this predicate
    #[arg(long, value_name = "NAME")]
    predicate: Option<String>,
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only what stands behind this offset
    #[arg(long, value_name = "OFFSET")]
    after: Option<u64>,
    #[command(flatten)]
    past: Past,
}

/// Lists them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    ask(&args.past, context, |snapshot, output| {
        let Some(entry) = snapshot.subject_entry(&args.subject)? else {
            let message = format!("nothing is said of the subject \"{}\"", args.subject);
            return Err(Failure::new(Code::NotFound, message)
                .with_help("`annals subjects --prefix P` lists the subjects that begin with P"));
        };
        if !output.json {
            let all = counted(entry.assertions, "assertion");
            output.line(format_args!("{}  {all}", output.paint.bold(Shown(&args.subject))))?;
        }
        let pages = Pages { limit: args.limit, after: args.after.map(Offset::new) };
        pages.each(
            |after, limit| snapshot.subject(&args.subject, after.copied(), limit),
            |stored| stored.offset,
            |stored| show(args, snapshot, output, &stored),
        )
    })
}

/// Shows one of its assertions, if it is among those asked for.
fn show(args: &Args, snapshot: &Snapshot<'_>, output: &mut Output, stored: &Stored) -> Result<bool, Failure> {
    let record = render::record_of(stored)?;
    let Record::Assertion(assertion) = &record else {
        return Err(Failure::new(Code::Damaged, format!("{} is listed and no assertion", stored.id)));
    };
    if args.predicate.as_ref().is_some_and(|wanted| *wanted != assertion.predicate) {
        return Ok(false);
    }
    show_tallied(snapshot, output, stored, &record, &render::claim(assertion)).map(|()| true)
}
