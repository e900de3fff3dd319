//! A batch of changes, cut into what goes into each bin: made on any thread, added in the log's order.

use annals_record::{Applied, Offset, RecordId};

use super::layout::{Kind, LEN, Layout, OFFSET};
use crate::content::{Home, Place};
use crate::index::kept_reason;
use crate::keys::{assertion_key, place_key, vote_key};
use crate::{Change, Effect};

/// Cuts batches for one builder; as many threads as wish may have a copy.
#[derive(Clone, Copy, Debug)]
pub struct Sorter {
    pub(super) layout: Layout,
}

/// A batch, cut. Its memory is used again when another one is cut into it.
#[derive(Debug, Default)]
pub struct Sheaf {
    /// Records, those of a bin beside each other.
    pub(super) bytes: Vec<u8>,
    /// How many bytes each bin gets, in the order of bins.
    pub(super) shares: Vec<(usize, usize)>,
    /// What subjects list: `subject's length u16 | subject | offset u64 | id 32`, in the log's order.
    pub(super) entries: Vec<u8>,
    /// The first offset, and the last record.
    pub(super) span: Option<(Offset, Applied)>,
    /// Whether the offsets rise.
    pub(super) rises: bool,
    pub(super) dead_letters: u64,
    pub(super) application: u64,
    /// How many bytes each bin gets, and then where the next record goes.
    places: Vec<usize>,
}

impl Sheaf {
    /// How many records of the application's own it has, and how many dead letters.
    fn clear(&mut self, bins: usize) {
        self.shares.clear();
        self.entries.clear();
        self.places.clear();
        self.places.resize(bins, 0);
        (self.dead_letters, self.application) = (0, 0);
    }
}

impl Sorter {
    /// Cuts a batch, in the place of what the sheaf held.
    pub fn sort_into(&self, changes: &[Change<'_>], sheaf: &mut Sheaf) {
        let layout = self.layout;
        sheaf.clear(layout.bins());
        sheaf.rises = changes.is_sorted_by(|a, b| a.offset < b.offset);
        let applied = |change: &Change<'_>| Applied { offset: change.offset, id: change.id };
        sheaf.span = changes.first().zip(changes.last()).map(|(first, last)| (first.offset, applied(last)));
        for change in changes {
            match &change.effect {
                Effect::DeadLetter { .. } => sheaf.dead_letters += 1,
                Effect::Application => sheaf.application += 1,
                _ => {}
            }
            each(layout, change, |bin, kind, _, rest| {
                sheaf.places[bin] +=
                    LEN + kind.key_bytes() + OFFSET + rest.iter().map(|part| part.len()).sum::<usize>();
            });
        }
        let mut all = 0;
        for (bin, place) in sheaf.places.iter_mut().enumerate().filter(|(_, share)| **share > 0) {
            sheaf.shares.push((bin, *place));
            all += std::mem::replace(place, all);
        }
        sheaf.bytes.resize(all, 0);
        for change in changes {
            each(layout, change, |bin, _, key, rest| {
                let offset = change.offset.get().to_le_bytes();
                let len = rest.iter().map(|part| part.len() as u32).sum::<u32>().to_le_bytes();
                let mut at = sheaf.places[bin];
                for part in [&len, key, &offset].into_iter().chain(rest.iter().copied()) {
                    sheaf.bytes[at..at + part.len()].copy_from_slice(part);
                    at += part.len();
                }
                sheaf.places[bin] = at;
            });
            if let Effect::Assertion { subject } = &change.effect {
                // A subject has at most 1,024 bytes.
                let len = (subject.as_str().len() as u16).to_le_bytes();
                let offset = change.offset.get().to_le_bytes();
                for part in [&len[..], subject.as_str().as_bytes(), &offset, change.id.as_bytes()] {
                    sheaf.entries.extend_from_slice(part);
                }
            }
        }
    }
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

/// The entries of a sheaf: subject, offset, id.
pub(super) struct Entries<'s>(pub(super) &'s [u8]);

impl<'s> Iterator for Entries<'s> {
    type Item = (&'s str, Offset, RecordId);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.0.split_first_chunk::<2>()?;
        let (subject, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<32>()?;
        self.0 = rest;
        let subject = std::str::from_utf8(subject).ok()?;
        Some((subject, Offset::new(u64::from_le_bytes(*offset)), RecordId::from_bytes(*id)))
    }
}
