//! A batch of changes, cut into what goes into each bin: made on any thread, added in the log's order.

use std::hash::RandomState;

use annals_record::{Applied, Offset, RecordId};

use super::layout::{Kind, LEN, Layout, OFFSET};
use super::subjects::{HEAPS, entry_len, heap_of, put_entry};
use crate::content::{Home, Place};
use crate::index::kept_reason;
use crate::keys::{assertion_key, place_key, vote_key};
use crate::{Change, Effect};

/// Cuts batches for one builder; as many threads as wish may have a copy.
#[derive(Clone, Debug)]
pub struct Sorter {
    pub(super) layout: Layout,
    /// Which heap a subject goes to.
    pub(super) hashes: RandomState,
}

/// A batch, cut. Its memory is used again when another one is cut into it.
#[derive(Debug, Default)]
pub struct Sheaf {
    /// Records, those of a bin beside each other.
    pub(super) bytes: Vec<u8>,
    /// How many bytes each bin gets, in the order of bins, for those that get any.
    pub(super) shares: Vec<(usize, usize)>,
    /// What subjects list, those of a heap beside each other.
    pub(super) entries: Vec<u8>,
    /// How many bytes each heap gets.
    pub(super) heaps: Vec<(usize, usize)>,
    /// The first offset, and the last record.
    pub(super) span: Option<(Offset, Applied)>,
    /// Whether the offsets rise.
    pub(super) rises: bool,
    pub(super) dead_letters: u64,
    pub(super) application: u64,
    /// How many bytes each bin gets, and then where the next record goes.
    places: Vec<usize>,
    /// The heap of each assertion's subject.
    subjects: Vec<usize>,
}

impl Sorter {
    /// Cuts a batch, in the place of what the sheaf held.
    pub fn sort_into(&self, changes: &[Change<'_>], sheaf: &mut Sheaf) {
        let layout = self.layout;
        sheaf.rises = changes.is_sorted_by(|a, b| a.offset < b.offset);
        let applied = |change: &Change<'_>| Applied { offset: change.offset, id: change.id };
        sheaf.span = changes.first().zip(changes.last()).map(|(first, last)| (first.offset, applied(last)));
        let count =
            |effect: fn(&Effect) -> bool| changes.iter().filter(|change| effect(&change.effect)).count();
        sheaf.dead_letters = count(|effect| matches!(effect, Effect::DeadLetter { .. })) as u64;
        sheaf.application = count(|effect| matches!(effect, Effect::Application)) as u64;
        self.sort_records(changes, layout, sheaf);
        self.sort_entries(changes, sheaf);
    }

    fn sort_records(&self, changes: &[Change<'_>], layout: Layout, sheaf: &mut Sheaf) {
        let Sheaf { bytes, shares, places, .. } = sheaf;
        places.clear();
        places.resize(layout.bins(), 0);
        for change in changes {
            each(layout, change, |bin, kind, _, rest| {
                let rest: usize = rest.iter().map(|part| part.len()).sum();
                places[bin] += LEN + kind.key_bytes() + OFFSET + rest;
            });
        }
        share(places, shares, bytes);
        for change in changes {
            each(layout, change, |bin, _, key, rest| {
                let offset = change.offset.get().to_le_bytes();
                let len = rest.iter().map(|part| part.len() as u32).sum::<u32>().to_le_bytes();
                let mut at = places[bin];
                for part in [&len, key, &offset].into_iter().chain(rest.iter().copied()) {
                    bytes[at..at + part.len()].copy_from_slice(part);
                    at += part.len();
                }
                places[bin] = at;
            });
        }
    }

    fn sort_entries(&self, changes: &[Change<'_>], sheaf: &mut Sheaf) {
        let Sheaf { entries, heaps, places, subjects, .. } = sheaf;
        let listed = || {
            changes.iter().filter_map(|change| match &change.effect {
                Effect::Assertion { subject } => Some((change, subject.as_str())),
                _ => None,
            })
        };
        places.clear();
        places.resize(HEAPS, 0);
        subjects.clear();
        for (_, subject) in listed() {
            let heap = heap_of(&self.hashes, subject);
            places[heap] += entry_len(subject);
            subjects.push(heap);
        }
        share(places, heaps, entries);
        for ((change, subject), heap) in listed().zip(subjects) {
            let (at, len) = (places[*heap], entry_len(subject));
            put_entry(&mut entries[at..at + len], subject, change.offset, &change.id);
            places[*heap] += len;
        }
    }
}

/// From how many bytes each place gets to where each begins; who gets any, and room for all.
fn share(places: &mut [usize], shares: &mut Vec<(usize, usize)>, bytes: &mut Vec<u8>) {
    shares.clear();
    let mut all = 0;
    for (number, place) in places.iter_mut().enumerate().filter(|(_, share)| **share > 0) {
        shares.push((number, *place));
        all += std::mem::replace(place, all);
    }
    bytes.resize(all, 0);
}

/// What of a change goes into which bin: bin, its kind, key, and what follows the offset.
fn each(layout: Layout, change: &Change<'_>, mut put: impl FnMut(usize, Kind, &[u8], &[&[u8]])) {
    let Change { offset, id, payload, effect } = change;
    let bin = |kind, id: &[u8; 32]| layout.bin(kind, id[0]);
    let mut place = |home| {
        let place = Place { offset: *offset, home }.to_bytes();
        put(bin(Kind::Places, id.as_bytes()), Kind::Places, &place_key(id), &[&place[OFFSET..]]);
    };
    match effect {
        Effect::Assertion { .. } => {
            put(bin(Kind::Assertions, id.as_bytes()), Kind::Assertions, &assertion_key(id), &[payload]);
        }
        Effect::Vote { assertion } => {
            place(Home::Vote(*assertion));
            put(bin(Kind::Votes, assertion.as_bytes()), Kind::Votes, &vote_key(assertion, id), &[payload]);
        }
        Effect::Epoch { epoch } => {
            place(Home::Epoch(*epoch));
            put(bin(Kind::Epochs, epoch.as_bytes()), Kind::Epochs, &both(epoch.as_bytes(), id), &[payload]);
        }
        Effect::DeadLetter { reason } => {
            let reason = kept_reason(reason).as_bytes();
            put(layout.dead_letters(), Kind::DeadLetters, &[], &[id.as_bytes(), reason]);
        }
        Effect::Application => {}
    }
}

fn both(epoch: &[u8; 32], id: &RecordId) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(epoch);
    key[32..].copy_from_slice(id.as_bytes());
    key
}
