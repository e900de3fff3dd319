//! Records that were asked for by their ids, in memory: found without a look into tables.
//!
//!   get -> here -> else the tables, checked against the id -> here
//!
//! What is here was checked when it was read. A record below the cursor never changes, but for what is done below the
//! cursor on purpose: that begins a new age, and whoever looked before or looks later finds only what is of his own.

use std::sync::atomic::{AtomicU64, Ordering};

use annals_record::{Offset, RecordId};
use fjall::Slice;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::layer::Spread;

/// What an entry takes beside its payload, about: its id, its place, the cache's own.
const ENTRY_COST: usize = 160;
/// A first guess of how long payloads are.
const USUAL_PAYLOAD: usize = 256;

/// The records, bounded by how many bytes they take.
pub(crate) struct RecordCache {
    entries: Cache<RecordId, Entry, Weight, Spread>,
    age: AtomicU64,
}

/// What entries are valid together: everything between two changes below the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(u64);

#[derive(Clone)]
struct Entry {
    age: Age,
    offset: Offset,
    /// As it stands in a table: the offset, then the payload.
    value: Slice,
}

#[derive(Clone)]
struct Weight;

impl Weighter<RecordId, Entry> for Weight {
    fn weight(&self, _: &RecordId, entry: &Entry) -> u64 {
        (entry.value.len() + ENTRY_COST) as u64
    }
}

impl RecordCache {
    /// An empty one that holds at most so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes).unwrap_or(usize::MAX) / (USUAL_PAYLOAD + ENTRY_COST);
        let entries = Cache::with(items, bytes, Weight, Spread::default(), DefaultLifecycle::default());
        Self { entries, age: AtomicU64::new(0) }
    }

    /// The age now.
    pub(crate) fn age(&self) -> Age {
        Age(self.age.load(Ordering::Acquire))
    }

    /// Begins a new age: nothing that is here is found from now on.
    pub(crate) fn forget(&self) {
        self.age.fetch_add(1, Ordering::AcqRel);
    }

    /// The record with this id, if it is here and of this age: its offset, and its value.
    pub(crate) fn get(&self, id: &RecordId, age: Age) -> Option<(Offset, Slice)> {
        let entry = self.entries.get(id)?;
        (entry.age == age).then_some((entry.offset, entry.value))
    }

    /// Keeps a record. `value` is copied, for what it is lent from is a whole block.
    pub(crate) fn put(&self, id: RecordId, age: Age, offset: Offset, value: &[u8]) {
        self.entries.insert(id, Entry { age, offset, value: value.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_in_its_own_age_and_no_more_than_there_is_room_for() {
        let cache = RecordCache::new(100 << 10);
        let first = cache.age();
        let id = |number: u32| RecordId::of(&number.to_le_bytes());
        cache.put(id(0), first, Offset::new(8), b"value");
        assert_eq!(cache.get(&id(0), first), Some((Offset::new(8), b"value".as_slice().into())));
        assert_eq!(cache.get(&id(1), first), None);
        cache.forget();
        let second = cache.age();
        assert_eq!(cache.get(&id(0), second), None);
        cache.put(id(0), second, Offset::new(7), b"value");
        assert_eq!(cache.get(&id(0), first), None, "whoever looked before finds what is of a later age");
        for number in 0..10_000 {
            cache.put(id(number), second, Offset::ZERO, &[0; 100]);
        }
        let held = (0..10_000).filter(|number| cache.get(&id(*number), second).is_some()).count();
        assert!((1..=400).contains(&held), "{held} of 260 bytes in 100 KiB");
    }
}
