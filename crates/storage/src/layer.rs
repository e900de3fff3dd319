//! What was applied and is not folded into content and index yet, in memory and visible.
//!
//!   apply -> active layer -> frozen layer -> folded away        each read beside content and index until then
//!
//! Everything in a layer stands in the journal, so nothing is lost by collecting it; large sorted pieces cost the engines
//! a fraction of what small ones do. A layer only grows until it is frozen: under each key the first record stays.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use annals_record::{EpochId, Offset, RecordId};
use fjall::Slice;
use foldhash::quality::RandomState;

use crate::chunk::{Chunk, Part};
use crate::content::{Home, Place};
use crate::index::DeadLetter;
use crate::keys;
use crate::runs::Listed;
use crate::value::Value;

/// What a record costs in memory beside its bytes, about.
const RECORD_COST: usize = 160;

/// Records by id.
pub(crate) type ById<V> = HashMap<RecordId, V, Spread>;

/// One layer. Readers and the one writer share it.
#[derive(Default)]
pub(crate) struct Layer {
    held: RwLock<Held>,
    /// How many chunks have rows.
    kept: AtomicUsize,
}

/// What a layer holds.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) assertions: ById<Value>,
    pub(crate) votes: ById<Value>,
    /// By the assertion they are on, in the order in which they came.
    pub(crate) votes_on: ById<Vec<RecordId>>,
    /// By epoch, in the order of their offsets.
    pub(crate) epochs: HashMap<EpochId, Vec<(Offset, Value)>>,
    /// Where votes and epoch records stand.
    pub(crate) places: ById<Place>,
    /// By subject, in the order of their offsets.
    pub(crate) subjects: HashMap<Box<str>, Vec<Listed>, RandomState>,
    /// Epochs whose name is new, and where.
    pub(crate) names: Vec<(Offset, EpochId)>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    chunks: Vec<Chunk>,
    bytes: usize,
}

impl Layer {
    /// What it holds now.
    pub(crate) fn held(&self) -> RwLockReadGuard<'_, Held> {
        // Whoever panicked while adding has poisoned the store, and adds no more.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a batch brings. `kept` says whether it comes from rows.
    pub(crate) fn add(&self, chunks: Vec<Chunk>, kept: bool) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if kept {
            self.kept.fetch_add(chunks.len(), Ordering::Relaxed);
        }
        chunks.into_iter().for_each(|chunk| held.add(chunk));
    }

    /// The chunks that have no rows yet.
    pub(crate) fn unkept(&self) -> Vec<Chunk> {
        let kept = self.kept.load(Ordering::Relaxed);
        self.held().chunks.get(kept..).unwrap_or_default().to_vec()
    }

    /// How many bytes the rows take that it lacks.
    pub(crate) fn unkept_bytes(&self) -> usize {
        let kept = self.kept.load(Ordering::Relaxed);
        self.held().chunks.iter().skip(kept).map(Chunk::row_len).sum()
    }

    /// Notes that so many more chunks have rows.
    pub(crate) fn keep(&self, chunks: usize) {
        self.kept.fetch_add(chunks, Ordering::Relaxed);
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.held().bytes
    }
}

impl Held {
    fn add(&mut self, chunk: Chunk) {
        for (piece, value) in chunk.pieces() {
            let (offset, id) = (piece.offset, piece.id);
            self.bytes += value.len() + RECORD_COST;
            match piece.part {
                Part::Assertion { subject } => {
                    self.assertions.insert(id, value);
                    let entry = Listed { offset, id };
                    match self.subjects.get_mut(subject) {
                        Some(entries) => entries.push(entry),
                        None => _ = self.subjects.insert(subject.into(), vec![entry]),
                    }
                }
                Part::Vote { assertion } => {
                    self.votes.insert(id, value);
                    self.votes_on.entry(assertion).or_default().push(id);
                    self.places.insert(id, Place { offset, home: Home::Vote(assertion) });
                }
                Part::Epoch { epoch, new_name } => {
                    self.epochs.entry(epoch).or_default().push((offset, value));
                    self.places.insert(id, Place { offset, home: Home::Epoch(epoch) });
                    if new_name {
                        self.names.push((offset, epoch));
                    }
                }
                Part::DeadLetter => {
                    let reason = String::from_utf8_lossy(piece.content).into_owned();
                    self.dead_letters.push(DeadLetter { offset, id, reason });
                }
            }
        }
        self.chunks.push(chunk);
    }

    /// The value under a key of `H:`, `V:` or `E:`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        match key.get(..2)? {
            b"H:" => self.assertions.get(&keys::id_of_key(key)?),
            b"V:" => {
                let (assertion, vote) = keys::vote_of_key(key)?;
                let placed = self.places.get(&vote)?.home == Home::Vote(assertion);
                self.votes.get(&vote).filter(|_| placed)
            }
            b"E:" => {
                let (epoch, offset) = keys::epoch_of_key(key)?;
                let versions = self.epochs.get(&epoch)?;
                let found = versions.binary_search_by_key(&offset, |(at, _)| *at);
                found.ok().map(|place| &versions[place].1)
            }
            _ => None,
        }
    }

    /// Every key of content from `low` to `high`, both of one family, in their order. Costs little for the votes of one
    /// assertion and the versions of one epoch, and a look at the whole family for anything else.
    pub(crate) fn range(&self, low: &[u8], high: &[u8]) -> Vec<(Slice, Value)> {
        let within = |key: &[u8]| low <= key && key <= high;
        let mut found: Vec<(Slice, Value)> = Vec::new();
        let mut take = |key: &[u8], value: Value| {
            if within(key) {
                found.push((key.into(), value));
            }
        };
        match low.get(..2) {
            Some(b"H:") => {
                self.assertions.iter().for_each(|(id, value)| take(&keys::assertion_key(id), value.clone()));
            }
            Some(b"I:") => {
                let value = |place: &Place| Value::from(Slice::from(place.to_bytes().as_slice()));
                self.places.iter().for_each(|(id, place)| take(&keys::place_key(id), value(place)));
            }
            Some(b"V:") => {
                let mut of = |assertion: &RecordId, votes: &[RecordId]| {
                    for id in votes {
                        take(&keys::vote_key(assertion, id), self.votes[id].clone());
                    }
                };
                match common(low, high, keys::assertion_of_votes) {
                    Some(one) => of(&one, self.votes_on.get(&one).map_or(&[], Vec::as_slice)),
                    None => self.votes_on.iter().for_each(|(assertion, votes)| of(assertion, votes)),
                }
            }
            Some(b"E:") => {
                let mut of = |epoch: &EpochId, versions: &[(Offset, Value)]| {
                    versions.iter().for_each(|(at, value)| take(&keys::epoch_key(epoch, *at), value.clone()));
                };
                match common(low, high, keys::epoch_of_versions) {
                    Some(one) => of(&one, self.epochs.get(&one).map_or(&[], Vec::as_slice)),
                    None => self.epochs.iter().for_each(|(epoch, versions)| of(epoch, versions)),
                }
            }
            _ => {}
        }
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        found
    }
}

/// What both ends of a range have in common, if they have.
fn common<T: PartialEq>(low: &[u8], high: &[u8], part: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    part(low).filter(|low| part(high).as_ref() == Some(low))
}

/// The layers there are: the older one is being folded.
#[derive(Clone, Default)]
pub(crate) struct Layers {
    pub(crate) frozen: Option<Arc<Layer>>,
    pub(crate) active: Arc<Layer>,
}

impl Layers {
    /// The newer one first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Arc<Layer>> {
        std::iter::once(&self.active).chain(&self.frozen)
    }

    /// The older one first.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.frozen.iter().chain(std::iter::once(&self.active))
    }
}

/// Hashes ids: they are hashes already, so a few of their bytes, stirred with what only this process knows, are enough.
#[derive(Clone, Copy)]
pub(crate) struct Spread(u64);

/// A hash of an id under way.
pub(crate) struct Spreading {
    secret: u64,
    hash: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self(RandomState::default().hash_one(0) | 1)
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading { secret: self.0, hash: 0 }
    }
}

impl Hasher for Spreading {
    fn write(&mut self, bytes: &[u8]) {
        let word = bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let wide = u128::from(word ^ self.secret) * 0x9e37_79b9_7f4a_7c15;
        self.hash ^= (wide >> 64) as u64 ^ wide as u64;
    }

    // The length of an id is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests;
