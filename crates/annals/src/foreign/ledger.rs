//! Entries of a foreign write-ahead log into a ledger; its checkpoints become checkpoints.
//!
//! What a ledger holds is known by its bytes, as for a queue. A checkpoint has been made already if an entry behind it
//! stands there, or if it is the ledger's latest and nothing has been written behind it.

use std::collections::HashMap;

use annals_record::{LogError, Offset};

use super::fact::Entry;
use super::{Found, Taken};
use crate::error::Error;
use crate::ledger::{Ledger, ReplayFrom};

/// Writes the entries, in their order. `watch` sees everything that is found, as for [`super::into_queue`]. Open the ledger
/// with room for all of it: its retention lets older segments go once a checkpoint allows it.
///
/// # Errors
/// As [`Ledger::write_entry`]; what was written stays.
pub fn into_ledger(
    entries: impl Iterator<Item = Found<Entry>>,
    ledger: &Ledger,
    mut watch: impl FnMut(&Found<Entry>, Taken) -> bool,
) -> Result<Taken, Error> {
    let mut held = held(ledger)?;
    let mut taking = Taking { ledger, pending: Vec::new(), taken: Taken::default(), wrote: false };
    for found in entries {
        if let Found::Item(placed) = &found {
            let entry = &placed.item;
            if entry.is_checkpoint {
                taking.pending.push(entry.data.clone());
            } else {
                match held.get_mut(blake3::hash(&entry.data).as_bytes()) {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        // It was written behind them.
                        taking.taken.duplicates += 1 + taking.pending.drain(..).len() as u64;
                    }
                    _ => {
                        taking.checkpoints()?;
                        ledger.write_entry(&entry.data)?;
                        (taking.taken.appended, taking.wrote) = (taking.taken.appended + 1, true);
                    }
                }
            }
        }
        if !watch(&found, taking.taken) {
            break;
        }
    }
    taking.checkpoints()?;
    ledger.sync()?;
    Ok(taking.taken)
}

struct Taking<'a> {
    ledger: &'a Ledger,
    /// Checkpoints behind which no entry was seen yet.
    pending: Vec<Vec<u8>>,
    taken: Taken,
    /// Whether this import has written an entry.
    wrote: bool,
}

impl Taking<'_> {
    /// Makes the pending checkpoints, unless they were made by an import before.
    fn checkpoints(&mut self) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        let Some(last) = pending.last() else { return Ok(()) };
        let latest = self.ledger.latest_checkpoint()?;
        if !self.wrote && latest.is_some_and(|latest| latest.body == *last) {
            self.taken.duplicates += pending.len() as u64;
            return Ok(());
        }
        for body in &pending {
            self.ledger.create_checkpoint(body)?;
            self.taken.appended += 1;
        }
        self.wrote = true;
        Ok(())
    }
}

/// How often a ledger holds each entry, by its BLAKE3. What is damaged there holds nothing.
fn held(ledger: &Ledger) -> Result<HashMap<[u8; 32], u64>, Error> {
    let mut held = HashMap::new();
    let mut tail = ledger.replay(ReplayFrom::Oldest)?;
    while let Some(batch) = tail.next() {
        match batch {
            Ok(batch) => batch.iter().for_each(|entry| {
                *held.entry(*blake3::hash(entry.payload).as_bytes()).or_insert(0) += 1;
            }),
            Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) => {
                tail.skip_to(Offset::new(offset.get().saturating_add(len)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(held)
}
