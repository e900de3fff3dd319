//! `annals tail`: records as they stand in the journal.

use std::str::FromStr;
use std::time::Duration;

use annals::{Entry, Log, Offset, Reader};

use super::Context;
use super::log_walk::{LogWalk, Part, Said, said, tell_damage, tell_hole};
use crate::exit::Failure;
use crate::interrupt::stopped;
use crate::number::counted;
use crate::output::Output;
use crate::{output, render};

pub(super) mod start;

/// How long a follower waits before it looks whether Ctrl-C was pressed.
const SLICE: Duration = Duration::from_millis(100);
/// The most bytes of a payload that is no record of ours, in a list for people.
const SHOWN_BYTES: usize = 32;

/// From where, and how far.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals tail                  every record from the first on
  annals tail --from 8192 -c 10  ten records from offset 8192 on
  annals tail --from end -f    what is appended from now on, until Ctrl-C

The journal is read without a lock, so this works while another process writes. What is durable is \
shown, nothing else. Records that are none of ours are shown with their bytes in hex. A damaged \
range is named on stderr and passed; then the exit code is 4.")]
pub(crate) struct Args {
    /// Where to begin: the offset of a record, `start` or `end`
    #[arg(long, value_name = "N", default_value = "start")]
    from: From,
    /// Goes on with what is appended, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Ends after so many records
    #[arg(short = 'c', long, value_name = "N")]
    count: Option<u64>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Start,
    End,
    At(Offset),
}

impl FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ => text
                .parse()
                .map(|raw| Self::At(Offset::new(raw)))
                .map_err(|_| "an offset, `start` or `end` is expected"),
        }
    }
}

/// Shows them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let reader = annals::log_reader(context.place.path())?;
    let from = first_offset(args.from, &reader)?;
    if args.follow {
        context.interrupt.gently();
    }
    let mut walk = LogWalk::new(&reader, from);
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        match walk.next(if args.follow { SLICE } else { Duration::ZERO })? {
            Part::Records(batch) => {
                for entry in batch.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                    show(&mut context.output, entry)?;
                    left -= 1;
                }
                context.output.flush()?;
            }
            Part::Damaged(damage) => {
                context.output.flush()?;
                tell_damage(&damage, context.output.json, None);
            }
            Part::Hole { offset, len } => {
                context.output.flush()?;
                tell_hole(offset, len, context.output.json, None);
            }
            Part::End if args.follow => {}
            Part::End => break,
        }
        if context.interrupt.asked() {
            return Err(stopped(format!("interrupted at offset {}", walk.position())));
        }
    }
    if !context.output.json && left == args.count.unwrap_or(u64::MAX) && !args.follow {
        output::say(output::stderr_paint(false).dim("no records"));
    }
    walk.end()
}

fn first_offset(from: From, reader: &Reader) -> Result<Offset, Failure> {
    match from {
        From::Start => Ok(reader.bounds()?.oldest),
        From::End => Ok(reader.durable()?),
        From::At(offset) => start::checked(reader, offset),
    }
}

/// Shows one record.
fn show(output: &mut Output, entry: Entry<'_>) -> Result<(), Failure> {
    let said = said(entry.payload);
    if output.json {
        return output.line(json(entry, &said));
    }
    let place = format!("{:>10}  {}", entry.offset.get(), render::short(&entry.id));
    output.line(format_args!("{}  {}", output.paint.dim(place), text(entry.payload, &said)))
}

/// What a payload says, on one line.
pub(crate) fn text(payload: &[u8], said: &Said) -> String {
    match said {
        Said::Record(record) => render::line(record),
        Said::Application(number) => format!("application type {number}  {}", bytes(payload)),
        Said::Undecodable(reason) => {
            format!("no record of ours: {}  {}", crate::escape::Shown(reason), bytes(payload))
        }
    }
}

/// One record as JSON; of one that is none of ours all bytes, in hex.
fn json(entry: Entry<'_>, said: &Said) -> String {
    #[derive(serde::Serialize)]
    struct Foreign<'a> {
        id: String,
        offset: u64,
        r#type: &'static str,
        number: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        payload: String,
    }
    let (r#type, reason) = match said {
        Said::Record(record) => return record.to_json_at(Some(entry.id), Some(entry.offset)),
        Said::Application(_) => ("application", None),
        Said::Undecodable(reason) => ("undecodable", Some(reason.as_str())),
    };
    output::json(&Foreign {
        id: entry.id.to_string(),
        offset: entry.offset.get(),
        r#type,
        number: entry.payload.first().copied(),
        reason,
        payload: render::hex(entry.payload),
    })
}

/// The first bytes of a payload, and how many there are.
fn bytes(payload: &[u8]) -> String {
    let shown = &payload[..payload.len().min(SHOWN_BYTES)];
    let rest = if shown.len() < payload.len() { "…" } else { "" };
    format!("0x{}{rest} ({})", render::hex(shown), counted(payload.len() as u64, "byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_begin_is_an_offset_or_a_word() {
        assert_eq!("start".parse(), Ok(From::Start));
        assert_eq!("end".parse(), Ok(From::End));
        assert_eq!("42".parse(), Ok(From::At(Offset::new(42))));
        assert!("-1".parse::<From>().is_err());
        assert!("0x10".parse::<From>().is_err());
    }
}
