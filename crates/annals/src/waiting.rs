//! Waiting for an offset to be applied, also while a rebuild puts another worker in the place of the one that works.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use annals_record::Offset;

use crate::annals::{STORE_CURSOR, Serving};
use crate::error::Error;
use crate::handover::Handover;

/// How long a wait holds on to the worker before it looks whether a rebuild has put another one in its place.
const WAIT_SLICE: Duration = Duration::from_millis(100);

/// Waits until everything before `offset` is applied by whoever works then.
pub(crate) fn wait_for(
    serving: &RwLock<Serving>,
    handover: &Handover,
    offset: Offset,
    timeout: Duration,
) -> Result<(), Error> {
    let until = Instant::now().checked_add(timeout);
    loop {
        let left = until.map_or(WAIT_SLICE, |until| until.saturating_duration_since(Instant::now()));
        let slice = left.min(WAIT_SLICE);
        let handovers = handover.ended();
        let ingestor = serving.read().unwrap_or_else(PoisonError::into_inner).ingestor.clone();
        match ingestor.wait_for(offset, slice) {
            Ok(()) => return Ok(()),
            Err(annals_ingest::Error::Timeout { cursor, .. }) if left.is_zero() => {
                return Err(Error::Timeout { offset, applied: cursor, waited: timeout });
            }
            Err(annals_ingest::Error::Timeout { .. }) => {}
            Err(annals_ingest::Error::Paused { cursor, .. }) => {
                return Err(Error::Paused { name: STORE_CURSOR.to_owned(), offset, applied: cursor });
            }
            // A rebuild has stopped it, to put another one in its place.
            Err(annals_ingest::Error::Stopped { .. })
                if !left.is_zero() && handover.is_over_soon(handovers, slice) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
