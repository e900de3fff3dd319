//! `annals dead-letters`: records that could not be applied, looked at, read again, or given up.
//!
//!   list, show -> what is parked, and why
//!   redrive    -> read from the journal again: applied as if it had been when it came, or still parked
//!   discard    -> given up and noted; the journal keeps the record

use std::str::FromStr;

use annals::{Annals, IdPrefix, Offset};
use clap::Subcommand;

use super::Context;
use crate::exit::{Code, Failure};

mod discard;
mod list;
mod redrive;
mod show;

/// What to do with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals dead-letters list                  what is parked, and why
  annals dead-letters show 8192             one of them, with its bytes
  annals dead-letters redrive --all         reads all of them again: after an update, say
  annals dead-letters discard 8192 --yes    gives one up

A record that cannot be applied does not stop the others: it is parked under its offset. The journal keeps its \
bytes, so nothing is lost by it.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists dead letters
    List(list::Args),
    /// Shows all that is known of one
    Show(show::Args),
    /// Reads dead letters again from the journal and applies what can be applied now
    Redrive(redrive::Args),
    /// Gives dead letters up
    Discard(discard::Args),
}

/// Does it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Redrive(args) => redrive::run(args, context),
        Command::Discard(args) => discard::run(args, context),
    }
}

/// A dead letter as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    At(Offset),
    Id(IdPrefix),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(offset) = text.parse() {
            return Ok(Self::At(Offset::new(offset)));
        }
        let id = text.strip_prefix("id:").unwrap_or(text);
        let prefix = id.parse().map_err(|error| {
            format!("an offset, or the id of a record or its first digits, is expected: {error}")
        });
        prefix.map(Self::Id)
    }
}

/// The offsets of the letters that are named. The same record may have come more than once: then all its letters are
/// meant.
///
/// # Errors
/// Exit code 5 where there is none, or where the beginning of an id is that of several records.
fn offsets(named: &[Named], annals: &Annals) -> Result<Vec<Offset>, Failure> {
    let mut offsets = Vec::new();
    for named in named {
        match named {
            Named::At(offset) => match annals.store().snapshot()?.dead_letter(*offset)? {
                Some(_) => offsets.push(*offset),
                None => {
                    return Err(none(format!("there is no dead letter at offset {offset}")));
                }
            },
            Named::Id(prefix) => {
                let (low, high) = prefix.bounds();
                let found = annals.dead_letters_of(|id| (low..=high).contains(id))?;
                let mut ids: Vec<_> = found.iter().map(|(letter, _)| letter.id).collect();
                ids.sort_unstable();
                ids.dedup();
                match ids[..] {
                    [] => return Err(none(format!("no dead letter's id begins with {prefix}"))),
                    [_] => offsets.extend(found.iter().map(|(letter, _)| letter.offset)),
                    _ => {
                        let several = format!("the ids of several dead letters begin with {prefix}");
                        let failure =
                            Failure::new(Code::NotFound, several).with_help("give more digits of the id");
                        let candidates = ids.iter().take(10).map(ToString::to_string).collect();
                        return Err(Failure { candidates, ..failure });
                    }
                }
            }
        }
    }
    offsets.sort_unstable();
    offsets.dedup();
    Ok(offsets)
}

fn none(message: String) -> Failure {
    Failure::new(Code::NotFound, message).with_help("`annals dead-letters list` lists them")
}

/// Opens the data, has the worker come up with the journal, and does something with it.
///
/// # Errors
/// As [`super::question::ask`].
fn with_annals<T>(
    context: &mut Context,
    work: impl FnOnce(&Annals, &mut Context) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let annals = super::opening::existing(context)?;
    super::catch_up::up_to_or_paused(&annals, annals.journal().durable(), context)?;
    let worked = work(&annals, context);
    let closed = annals.close().map_err(Failure::from);
    worked.and_then(|worked| closed.map(|()| worked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_by_its_offset_or_its_id() {
        assert_eq!("8192".parse(), Ok(Named::At(Offset::new(8192))));
        assert_eq!("12345678".parse(), Ok(Named::At(Offset::new(12_345_678))));
        assert_eq!("id:12345678".parse(), Ok(Named::Id("12345678".parse().unwrap())));
        let id = "3f2a91c04d7e";
        assert_eq!(id.parse(), Ok(Named::Id(id.parse().unwrap())));
        assert!("3f2".parse::<Named>().unwrap_err().contains("offset"));
    }
}
