//! Waiting until the worker is up with the log, with a line that shows how far it is.

use std::time::Duration;

use annals::parts::IngestError;
use annals::{Annals, Error, Offset, ProjectionHandle};

use super::Context;
use crate::exit::{Code, Failure};
use crate::interrupt::stopped;
use crate::output;
use crate::progress::Progress;

/// How often Ctrl-C is looked at, and the line is drawn.
const SLICE: Duration = Duration::from_millis(100);

const AS_IT_STANDS: &str = "the answer holds as of where the store stands";

/// Waits until everything that is durable now is applied.
///
/// # Errors
/// What stopped the worker; Ctrl-C.
pub(crate) fn catch_up(annals: &Annals, context: &Context) -> Result<(), Failure> {
    up_to(annals, annals.journal().durable(), context)
}

/// As [`up_to`], for what is answered all the same while the store is paused: as of where it stands, which is said.
///
/// # Errors
/// As [`up_to`], but for a pause.
pub(crate) fn up_to_or_paused(annals: &Annals, end: Offset, context: &Context) -> Result<(), Failure> {
    match up_to(annals, end, context) {
        Err(paused) if paused.code == Code::Paused => {
            let answered = Failure { help: Some(AS_IT_STANDS.to_owned()), ..paused };
            output::warn(&answered, context.output.json);
            Ok(())
        }
        waited => waited,
    }
}

/// Waits until everything before `end` is applied.
///
/// # Errors
/// As [`catch_up`].
pub(crate) fn up_to(annals: &Annals, end: Offset, context: &Context) -> Result<(), Failure> {
    wait(end, "applying the journal", context, |slice| annals.wait_for(end, slice))
}

/// Waits until a projection has applied everything before `end`.
///
/// # Errors
/// What stopped its worker; Ctrl-C.
pub(crate) fn projection_up_to(
    projection: &ProjectionHandle,
    end: Offset,
    context: &Context,
) -> Result<(), Failure> {
    let what = format!("filling the projection {}", projection.name());
    wait(end, &what, context, |slice| projection.wait_for(end, slice))
}

fn wait(
    end: Offset,
    what: &str,
    context: &Context,
    mut slice: impl FnMut(Duration) -> Result<(), Error>,
) -> Result<(), Failure> {
    let mut progress = None;
    let mut first = None;
    loop {
        let applied = match slice(SLICE) {
            Ok(()) => return Ok(()),
            Err(Error::Timeout { applied, .. }) => applied,
            Err(Error::Ingest(IngestError::Timeout { cursor, .. })) => cursor,
            Err(error) => return Err(error.into()),
        };
        if context.interrupt.asked() {
            return Err(stopped("interrupted; what was not applied yet is applied at the next start"));
        }
        let from: Offset = *first.get_or_insert(applied);
        let all = end.get().saturating_sub(from.get());
        progress.get_or_insert_with(|| Progress::of_bytes(Some(all))).update(
            applied.get().saturating_sub(from.get()),
            None,
            || what.to_owned(),
        );
    }
}
