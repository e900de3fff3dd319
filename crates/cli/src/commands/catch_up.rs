//! Waiting until the worker is up with the log, with a line that shows how far it is.

use std::time::{Duration, Instant};

use annals::parts::IngestError;
use annals::{Annals, Error, Offset, ProjectionHandle};

use super::Context;
use crate::exit::{Code, Failure};
use crate::interrupt::stopped;
use crate::output;
use crate::progress::Progress;

/// How often Ctrl-C is looked at, and the line is drawn.
const SLICE: Duration = Duration::from_millis(100);

/// So long the worker may fail and try again, without a step in between, before that is told instead of waited for.
const PATIENCE: Duration = Duration::from_secs(10);

const AS_IT_STANDS: &str = "the answer holds as of where the store stands";

/// Waits until everything that is durable now is applied.
///
/// # Errors
/// What stopped the worker, or keeps it from getting on; Ctrl-C.
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
    let mut failing_since = None;
    wait(end, "applying the journal", context, |slice| {
        let waited = annals.wait_for(end, slice);
        let Some(trouble) = annals.trouble().filter(|_| waited.is_err()) else {
            failing_since = None;
            return waited.map_err(Waiting::from);
        };
        if failing_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
            return waited.map_err(Waiting::from);
        }
        let stuck = Failure::new(Code::Failed, format!("the store does not get on: {trouble}"));
        let help = "what the journal holds is applied once that is mended";
        Err(Waiting::Over(Failure { help: Some(help.to_owned()), ..stuck }))
    })
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
    wait(end, &what, context, |slice| projection.wait_for(end, slice).map_err(Waiting::from))
}

/// What a slice of a wait ends with, unless all is applied.
enum Waiting {
    /// So far it has come.
    On(Offset),
    /// It is not waited for any longer.
    Over(Failure),
}

impl From<Error> for Waiting {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout { applied, .. } => Self::On(applied),
            Error::Ingest(IngestError::Timeout { cursor, .. }) => Self::On(cursor),
            error => Self::Over(error.into()),
        }
    }
}

fn wait(
    end: Offset,
    what: &str,
    context: &Context,
    mut slice: impl FnMut(Duration) -> Result<(), Waiting>,
) -> Result<(), Failure> {
    let mut progress = None;
    let mut first = None;
    loop {
        let applied = match slice(SLICE) {
            Ok(()) => return Ok(()),
            Err(Waiting::On(applied)) => applied,
            Err(Waiting::Over(failure)) => return Err(failure),
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
