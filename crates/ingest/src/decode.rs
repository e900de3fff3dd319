//! From the log's payloads to changes of the store. Pure: the same batch always gives the same changes.

use annals_record::{Batch, DecodeError, EncodingMismatch, Entry, Record};
use annals_storage::{Change, Effect, Subject};

/// How one record becomes a change: [`change`], or in tests what another build would make of it.
pub(crate) type Decode = for<'e> fn(Entry<'e>) -> Result<Change<'e>, EncodingMismatch>;

/// What each record of a batch does, in order. A record that cannot be read becomes a dead letter.
///
/// # Errors
/// [`EncodingMismatch`] if this build lays records out differently: then it is the build, not the records.
pub fn decode(batch: &Batch) -> Result<Vec<Change<'_>>, EncodingMismatch> {
    batch.iter().map(change).collect()
}

/// What one record does.
///
/// # Errors
/// As [`decode`].
pub fn change(entry: Entry<'_>) -> Result<Change<'_>, EncodingMismatch> {
    let effect = match Record::decode(entry.payload) {
        Ok(Record::Assertion(assertion)) => match Subject::new(assertion.subject) {
            Ok(subject) => Effect::Assertion { subject },
            Err(error) => Effect::DeadLetter { reason: error.to_string() },
        },
        Ok(Record::Vote(vote)) => Effect::Vote { assertion: vote.assertion },
        Ok(Record::Epoch(epoch)) => Effect::Epoch { epoch: epoch.id() },
        Err(DecodeError::Application(_)) => Effect::Application,
        Err(DecodeError::Encoding(mismatch)) => return Err(mismatch),
        Err(error) => Effect::DeadLetter { reason: error.to_string() },
    };
    Ok(Change { offset: entry.offset, id: entry.id, payload: entry.payload, effect })
}

#[cfg(test)]
mod tests;
