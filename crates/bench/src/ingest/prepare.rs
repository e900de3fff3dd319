//! The journal that everybody reads, and the questions that everybody is asked.

use annals::{Annals, journal};
use annals_journal::{Journal, Options, SyncPolicy};

use super::place::Place;
use super::question::Draw;
use super::set::Set;
use crate::outcome::Outcome;

/// Records that are appended at once: a group of the journal.
const BATCH: usize = 1000;

/// Makes a data directory, its journal with so many records in it, and the questions.
pub(crate) fn prepare(place: &Place, records: u64) -> Outcome<()> {
    Annals::open(place.data())?.close()?;
    place.forget_store()?;
    let (mut set, mut draw) = (Set::new(records), Draw::new(records));
    let log = open(place)?;
    let mut payloads = Vec::with_capacity(BATCH);
    while let Some(made) = set.next()? {
        draw.see(&made);
        payloads.push(made.payload);
        if payloads.len() == BATCH {
            log.append_batch(&payloads)?;
            payloads.clear();
        }
    }
    if !payloads.is_empty() {
        log.append_batch(&payloads)?;
    }
    log.close()?;
    draw.end().write(&place.questions())
}

fn open(place: &Place) -> Result<Journal, journal::Error> {
    Journal::open_with(place.journal(), Options { sync: SyncPolicy::OnDemand, ..Options::default() })
}
