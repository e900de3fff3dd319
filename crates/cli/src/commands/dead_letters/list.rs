//! `annals dead-letters list`: what is parked, page by page.

use annals::{Letter, Offset, format_instant};
use serde::Serialize;

use super::with_annals;
use crate::commands::Context;
use crate::commands::question::Pages;
use crate::escape::Shown;
use crate::exit::Failure;
use crate::output::{self, Output};
use crate::render;

/// Which of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals dead-letters list                             all that are parked, in the journal's order
  annals dead-letters list --limit 20 --after 8192     the next twenty behind offset 8192
  annals dead-letters list --discarded --json          those that were given up, one object a line")]
pub(super) struct Args {
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only those behind this offset
    #[arg(long, value_name = "OFFSET")]
    after: Option<u64>,
    /// Lists those that were given up, instead of those that are parked
    #[arg(long)]
    discarded: bool,
}

/// A dead letter on a line of JSON.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    offset: u64,
    id: String,
    /// The first byte of its payload, which says what kind of record it is; null where the journal cannot give it.
    number: Option<u8>,
    /// When its batch was written; null where the journal cannot tell.
    time: Option<String>,
    reason: &'a str,
    discarded: bool,
}

impl<'a> Line<'a> {
    pub(super) fn of(letter: &'a Letter) -> Self {
        Self {
            offset: letter.letter.offset.get(),
            id: letter.letter.id.to_string(),
            number: letter.payload.as_ref().ok().and_then(|payload| payload.first().copied()),
            time: letter.time_micros.map(format_instant),
            reason: &letter.letter.reason,
            discarded: letter.given_up,
        }
    }
}

/// Lists them.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    with_annals(context, |annals, context| {
        let pages = Pages { limit: args.limit, after: args.after.map(Offset::new) };
        let store = annals.store();
        let snapshot = store.snapshot()?;
        let mut any = false;
        pages.each(
            |after, limit| match args.discarded {
                false => snapshot.dead_letters(after.copied(), limit),
                true => snapshot.discarded(after.copied(), limit),
            },
            |letter| letter.offset,
            |letter| {
                any = true;
                show(&annals.letter(letter, args.discarded)?, &mut context.output)
            },
        )?;
        context.output.flush()?;
        if !any && !context.output.json {
            output::say(output::stderr_paint(false).dim("no dead letters"));
        }
        Ok(())
    })
}

fn show(letter: &Letter, output: &mut Output) -> Result<bool, Failure> {
    let line = Line::of(letter);
    if output.json {
        output.line(output::json(&line))?;
        return Ok(true);
    }
    let place = format!("{:>10}  {}", line.offset, render::short(&letter.letter.id));
    let time = line.time.unwrap_or_else(|| "time unknown".to_owned());
    let number = line.number.map_or_else(|| "type ?".to_owned(), |number| format!("type {number}"));
    output.line(format_args!("{}  {time}  {number}  {}", output.paint.dim(place), Shown(line.reason)))?;
    Ok(true)
}
