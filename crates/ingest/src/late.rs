//! Records that a projection could not read, taken from the log again once this build can.
//!
//!   noted records -> their payloads in the log -> decode -> projection: applied late, or still noted
//!
//! As dead letters of a store are ([`crate::redrive`]); a run that is cut off is begun again without a thought.

use annals_record::{Cursor, Entry, Log, ReadLimit};
use annals_storage::{DeadLetter, ProjectionStore, Sink};

use crate::decode::{Decode, change};
use crate::redrive::record_of;
use crate::resume::fits;
use crate::{Error, OnDamage};

/// How many records are read again at once, and about how many bytes of payload.
const BATCH: ReadLimit = ReadLimit { records: 1000, bytes: 8 << 20 };

/// Reads again what a projection could not read, and applies what this build can; the rest stays noted, and so does what
/// the log cannot give. Says how many were applied. Before a worker fills the projection, or while one does.
///
/// # Errors
/// [`Error::Refused`] if the projection does not belong to this log; [`Error::Encoding`] if this build lays records out
/// differently; what the projection says if it cannot take a record, or be read or written.
pub fn apply_late<L: Log>(log: &L, projection: &ProjectionStore) -> Result<u64, Error> {
    apply_late_with(change, log, projection)
}

/// As [`apply_late`], decoding as another build would.
pub(crate) fn apply_late_with<L: Log>(
    decode: Decode,
    log: &L,
    projection: &ProjectionStore,
) -> Result<u64, Error> {
    let Some(cursor) = projection.cursor()? else { return Ok(0) };
    fits("cursor", &cursor, log, OnDamage::PassAndList)?;
    let (mut after, mut applied) = (None, 0);
    loop {
        let noted = projection.undecoded(after, BATCH.records)?;
        if noted.is_empty() {
            return Ok(applied);
        }
        let (mut pile, mut bytes) = (Vec::new(), 0);
        for (offset, id) in noted {
            after = Some(offset);
            let letter = DeadLetter { offset, id, reason: String::new() };
            // What the log cannot give now it may give later: the record stays noted.
            let Ok(payload) = record_of(log, &letter) else { continue };
            bytes += payload.len();
            pile.push((letter, payload));
            if bytes >= BATCH.bytes {
                break;
            }
        }
        let mut changes = Vec::with_capacity(pile.len());
        for (DeadLetter { offset, id, .. }, payload) in &pile {
            changes.push(decode(Entry { offset: *offset, id: *id, payload })?);
        }
        applied += projection.apply_late(&changes)?;
    }
}

/// Whether a cursor belongs to this log: its identity, its term, its place, and the record that was applied last.
///
/// # Errors
/// [`Error::Refused`] with what does not fit; what the log says if it cannot be read.
pub fn check_cursor<L: Log>(log: &L, cursor: &Cursor) -> Result<(), Error> {
    fits("cursor", cursor, log, OnDamage::PassAndList)
}
