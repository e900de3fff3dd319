//! A question to the store: opened, up with the log, answered as of one offset that is named.
//!
//!   open -> catch up -> snapshot -> answer -> as of
//!                '-> no further than --as-of
//!
//! Q1: an answer holds exactly as of the offset that is named beside it: the one that was asked for, or one before which
//!     everything stands that was acknowledged before the question was asked.

use annals::parts::StoreError;
use annals::{IdPrefix, Offset, Record, Snapshot, Stored};

use super::past::Past;
use super::{Context, catch_up, opening};
use crate::exit::{Code, Failure};
use crate::output::{self, Output};
use crate::render;

/// How many records are read at a time: at their largest, 256 MiB.
const PAGE: usize = 256;

/// Shows an assertion with its votes counted: in JSON its record, otherwise `text`.
///
/// # Errors
/// If the votes cannot be read, or stdout fails.
pub(super) fn show_tallied(
    snapshot: &Snapshot<'_>,
    output: &mut Output,
    stored: &Stored,
    record: &Record,
    text: &str,
) -> Result<(), Failure> {
    let tally = snapshot.tally(&stored.id)?.unwrap_or_default();
    if output.json {
        let line = render::json(record, stored);
        return output.line(render::with_key(line, "tally", &render::tally_json(&tally)));
    }
    let votes = match render::tally(&tally) {
        none if none.is_empty() => String::new(),
        some => format!("  {some}"),
    };
    let place = format!("{:>10}  {}", stored.offset.get(), render::short(&stored.id));
    output.line(format_args!("{}  {text}{votes}", output.paint.dim(place)))
}

/// Asks the store of a data directory that exists.
///
/// # Errors
/// What opening says: exit codes 10 to 14; 15 where the store is paused before `past`; a place of `past` that is none; what the worker says if it could not come up with the log; what `answer`
/// says.
pub(crate) fn ask(
    past: &Past,
    context: &mut Context,
    answer: impl FnOnce(&Snapshot<'_>, &mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let annals = opening::existing(context)?;
    let offset = past.offset(&annals)?;
    match offset {
        // What is asked of is not there yet, or is a lie.
        Some(offset) => catch_up::up_to(&annals, offset, context)?,
        None => catch_up::up_to_or_paused(&annals, annals.journal().durable(), context)?,
    }
    let store = annals.store();
    let snapshot = store.snapshot()?;
    let snapshot = match offset {
        Some(offset) => snapshot.at(offset),
        None => snapshot,
    };
    let answered = answer(&snapshot, &mut context.output).and_then(|()| context.output.flush());
    if answered.is_ok() {
        say_as_of(snapshot.as_of(), &context.output);
    }
    drop(snapshot);
    drop(store);
    // A failure to close takes nothing from the answer, and the log has everything; the next open says what is wrong.
    let closed = annals.close().map_err(Failure::from);
    answered.and(closed)
}

/// Names the offset that an answer reflects, on stderr: lists stay one object a line.
pub(crate) fn say_as_of(offset: Offset, output: &Output) {
    if output.json {
        output::say(format_args!(r#"{{"as_of":{offset}}}"#));
    } else {
        output::say(output::stderr_paint(false).dim(format_args!("as of offset {offset}")));
    }
}

/// The one record whose id begins so.
///
/// # Errors
/// Exit code 5 if there is none, or several.
pub(crate) fn find(snapshot: &Snapshot<'_>, prefix: &IdPrefix) -> Result<Stored, Failure> {
    match snapshot.find(prefix)? {
        Some(stored) => Ok(stored),
        None => Err(Failure::new(Code::NotFound, format!("no record's id begins with {prefix}"))),
    }
}

/// Reads the beginning of an id from the command line.
///
/// # Errors
/// What it is not.
pub(crate) fn id_prefix(text: &str) -> Result<IdPrefix, StoreError> {
    text.parse()
}

/// A list that is read page by page, so that memory does not grow with it.
pub(crate) struct Pages<K> {
    /// How many answers are wanted; none: all.
    pub(crate) limit: Option<u64>,
    /// The answer after which the list goes on.
    pub(crate) after: Option<K>,
}

impl<K> Pages<K> {
    /// Goes through the list until it ends, or enough is shown.
    ///
    /// `page` reads so many answers after one, `key` says after which the next page goes on, and `show` shows an answer
    /// or says that it is not among those asked for.
    pub(crate) fn each<T, E: Into<Failure>>(
        self,
        mut page: impl FnMut(Option<&K>, usize) -> Result<Vec<T>, E>,
        key: impl Fn(&T) -> K,
        mut show: impl FnMut(T) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut after = self.after;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(PAGE).clamp(PAGE / 16, PAGE);
            let answers = page(after.as_ref(), wanted).map_err(Into::into)?;
            let ended = answers.len() < wanted;
            after = answers.last().map(&key).or(after);
            for answer in answers {
                left -= u64::from(show(answer)?);
                if left == 0 {
                    return Ok(());
                }
            }
            if ended {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
