//! A sink put elsewhere in its log.

use annals_record::{Cursor, CursorRefusal, Log, Offset, ReadLimit};
use annals_storage::Sink;

use crate::Error;
use crate::resume::newest_term;

/// Puts a sink at `to`, from where the log can be read: back, and what stands behind it is applied again; forth, and what
/// lies between never is. Nobody else may apply to it meanwhile; [`crate::Ingestor::seek`] sees to that. Returns the
/// place where it stood, none if it was empty, and the cursor it has now, durably. A sink whose place the log has lost, or
/// removed, is put right by this; one of another log is not.
///
/// # Errors
/// [`Error::Refused`] if the sink was filled from another log; [`Error::NoPlace`] if the log cannot be read from `to`;
/// [`Error::Store`] if the sink refuses, as a [`annals_storage::HybridStore`] always does, or fails.
pub fn seek<L: Log, S: Sink>(log: &L, sink: &S, to: Offset) -> Result<(Option<Offset>, Cursor), Error> {
    let stood = sink.cursor()?;
    let here = log.identity();
    if let Some(stood) = stood.filter(|stood| stood.log != here) {
        let refusal = CursorRefusal::ForeignLog { cursor: stood.log, log: here };
        return Err(Error::Refused { part: "cursor", refusal });
    }
    let one = ReadLimit { records: 1, bytes: 1 };
    log.read(to, one).map_err(|source| Error::NoPlace { to, source })?;
    let cursor = Cursor { log: here, term: newest_term(log), next: to, last: None };
    sink.seek(&cursor)?;
    let from = stood.map(|stood| stood.next);
    tracing::info!(from = from.map(Offset::get), to = to.get(), "a sink was put elsewhere");
    Ok((from, cursor))
}
