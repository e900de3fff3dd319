//! A dry run: what an import would do, known without a lock and without a write.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use annals::{Error, Offset, RecordId};

use super::report::Places;
use crate::commands::log_walk::{LogWalk, Part};
use crate::exit::Failure;
use crate::input::Accepted;

/// A dry run. It holds the id of every record, 32 bytes each, for nothing but the journal itself may be asked.
pub(super) struct Rehearsal {
    known: HashSet<RecordId>,
    /// Where the journal ends.
    pub(super) next: Offset,
    /// What would become of the records so far.
    pub(super) places: Places,
}

impl Rehearsal {
    /// A dry run over what stands in a data directory, or over nothing, if nothing is there.
    pub(super) fn over(path: &Path) -> Result<Self, Failure> {
        let mut rehearsal = Self { known: HashSet::new(), next: Offset::ZERO, places: Places::default() };
        let reader = match annals::log_reader(path) {
            Ok(reader) => reader,
            Err(Error::Missing { .. }) => return Ok(rehearsal),
            Err(error) => return Err(error.into()),
        };
        let mut walk = LogWalk::new(&reader, annals::Log::bounds(&reader)?.oldest);
        loop {
            match walk.next(Duration::ZERO)? {
                Part::Records(batch) => rehearsal.known.extend(batch.iter().map(|entry| entry.id)),
                Part::Damaged(_) | Part::Hole { .. } => {}
                Part::End => break,
            }
        }
        rehearsal.next = walk.position();
        // A damaged journal takes no appends, so there is nothing to rehearse.
        walk.end()?;
        Ok(rehearsal)
    }

    /// Counts a record.
    pub(super) fn add(&mut self, accepted: &Accepted) {
        if self.known.insert(accepted.id) {
            self.places.appended += 1;
        } else {
            self.places.duplicates += 1;
        }
    }
}
