//! Content as questions see it: the tables, and what lies in layers before it is in one.
//!
//! While a layer is folded its records stand in both; they are met once.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

use annals_record::RecordId;
use fjall::Slice;

use crate::Error;
use crate::content::{Content, Entries, Kept, Pinned, Place};
use crate::keys::last_with;
use crate::layer::Layers;
use crate::value::Value;

/// Content and the layers above it.
pub(crate) struct ContentView<'s> {
    tables: Pinned<'s>,
    layers: Layers,
}

impl<'s> ContentView<'s> {
    pub(crate) fn new(content: &'s Content, layers: Layers) -> Self {
        Self { tables: content.now(), layers }
    }

    /// The same over tables as they were.
    pub(crate) fn over(tables: Pinned<'s>, layers: Layers) -> Self {
        Self { tables, layers }
    }

    /// What stands under a key of `H:`, `V:` or `E:`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Kept>, Error> {
        match self.layers.oldest_first().find_map(|layer| layer.held().get(key).cloned()) {
            Some(value) => Kept::read(key, value).map(Some),
            None => self.tables.get(key),
        }
    }

    /// The tables alone.
    pub(crate) fn tables(&self) -> &Pinned<'s> {
        &self.tables
    }

    /// Where a vote or an epoch record stands.
    pub(crate) fn place(&self, id: &RecordId) -> Result<Option<Place>, Error> {
        match self.layers.oldest_first().find_map(|layer| layer.held().places.get(id).copied()) {
            Some(place) => Ok(Some(place)),
            None => self.tables.place(id),
        }
    }

    /// Everything under keys that begin so, in the order of keys; from either end.
    pub(crate) fn prefix(&self, prefix: &[u8]) -> Merged<'s> {
        self.range(prefix.to_vec()..=last_with(prefix))
    }

    /// Everything under these keys, which are of one family, in their order; from either end.
    pub(crate) fn range<K: AsRef<[u8]>>(&self, keys: RangeInclusive<K>) -> Merged<'s> {
        let (low, high) = (keys.start().as_ref(), keys.end().as_ref());
        let mut above: Vec<_> =
            self.layers.oldest_first().flat_map(|layer| layer.held().range(low, high)).collect();
        if self.layers.frozen.is_some() {
            above.sort_by(|(a, _), (b, _)| a.cmp(b));
            above.dedup_by(|(a, _), (b, _)| a == b);
        }
        Merged { above: above.into(), tables: self.tables.range(keys), front: None, back: None }
    }
}

/// Two sorted sequences as one, from either end; of equal keys the one from a layer.
pub(crate) struct Merged<'s> {
    above: VecDeque<(Slice, Value)>,
    tables: Entries<'s>,
    /// What the tables gave and was not taken yet.
    front: Option<(Slice, Value)>,
    back: Option<(Slice, Value)>,
}

impl Iterator for Merged<'_> {
    type Item = Result<(Slice, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.front.is_none() {
            self.front = match self.tables.next() {
                Some(Ok((key, value))) => Some((key, value.into())),
                Some(Err(error)) => return Some(Err(error)),
                None => self.back.take(),
            };
        }
        match (self.above.front(), &self.front) {
            (Some((above, _)), Some((table, _))) => match above.cmp(table) {
                Ordering::Less => self.above.pop_front(),
                Ordering::Equal => {
                    self.front = None;
                    self.above.pop_front()
                }
                Ordering::Greater => self.front.take(),
            },
            (Some(_), None) => self.above.pop_front(),
            (None, _) => self.front.take(),
        }
        .map(Ok)
    }
}

impl DoubleEndedIterator for Merged<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.back.is_none() {
            self.back = match self.tables.next_back() {
                Some(Ok((key, value))) => Some((key, value.into())),
                Some(Err(error)) => return Some(Err(error)),
                None => self.front.take(),
            };
        }
        match (self.above.back(), &self.back) {
            (Some((above, _)), Some((table, _))) => match above.cmp(table) {
                Ordering::Greater => self.above.pop_back(),
                Ordering::Equal => {
                    self.back = None;
                    self.above.pop_back()
                }
                Ordering::Less => self.back.take(),
            },
            (Some(_), None) => self.above.pop_back(),
            (None, _) => self.back.take(),
        }
        .map(Ok)
    }
}
