//! Idempotency keys: an append that is tried again answers with where it stood the first time.
//!
//!   key -> known? -> where its first record stands (and the group to wait for, if it is on its way)
//!
//! K1: a key that was remembered when its append was acknowledged is remembered until so many newer keys have come.
//! K2: a key never answers for other payloads than those it was given with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use annals_record::{Offset, RecordId};

use crate::error::Error;
use crate::ticket::Ticket;

/// The longest key, in bytes.
pub(crate) const MAX_LEN: usize = 255;

/// A key, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The BLAKE3 of the key.
    pub(crate) id: RecordId,
    /// The BLAKE3 over the ids of the payloads.
    pub(crate) content: RecordId,
    /// The body of its frame: `content`, then the key.
    pub(crate) body: Vec<u8>,
}

impl Key {
    pub(crate) fn new(key: &[u8], ids: &[RecordId]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_LEN {
            return Err(Error::TooLarge {
                what: "an idempotency key, which is not empty",
                bytes: key.len() as u64,
                limit: MAX_LEN as u64,
            });
        }
        let mut hasher = blake3::Hasher::new();
        ids.iter().for_each(|id| {
            hasher.update(id.as_bytes());
        });
        let content = RecordId::from_bytes(*hasher.finalize().as_bytes());
        Ok(Self { id: RecordId::of(key), content, body: [content.as_bytes().as_slice(), key].concat() })
    }

    /// What stands in a key frame, if it is one.
    pub(crate) fn decode(body: &[u8]) -> Option<(RecordId, RecordId)> {
        let (content, key) = body.split_at_checked(32)?;
        Some((RecordId::of(key), RecordId::from_bytes(crate::frame::array(content))))
    }
}

/// A key that came before.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) first: Offset,
    /// Its group, if that was not over when the key came.
    pub(crate) ticket: Option<Arc<Ticket>>,
}

#[derive(Debug)]
struct Entry {
    first: Offset,
    content: RecordId,
    ticket: Option<Arc<Ticket>>,
}

/// The newest keys.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    entries: HashMap<RecordId, Entry>,
    /// In the order of their appends.
    order: VecDeque<(Offset, RecordId)>,
    most: usize,
}

impl Keys {
    pub(crate) fn new(most: u32) -> Self {
        Self { most: most as usize, ..Self::default() }
    }

    pub(crate) fn known(&self, key: &Key) -> Result<Option<Known>, Error> {
        match self.entries.get(&key.id) {
            None => Ok(None),
            Some(entry) if entry.content != key.content => Err(Error::KeyReused { first: entry.first }),
            Some(entry) => Ok(Some(Known { first: entry.first, ticket: entry.ticket.clone() })),
        }
    }

    /// Remembers a key whose first record stands at `first`.
    pub(crate) fn add(
        &mut self,
        id: RecordId,
        content: RecordId,
        first: Offset,
        ticket: Option<Arc<Ticket>>,
    ) {
        if self.most == 0 {
            return;
        }
        if self.order.len() == self.most
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back((first, id));
        self.entries.insert(id, Entry { first, content, ticket });
    }

    /// Forgets keys whose appends were not kept.
    pub(crate) fn forget_from(&mut self, start: Offset) {
        while let Some((first, id)) = self.order.back().copied()
            && first >= start
        {
            self.order.pop_back();
            self.entries.remove(&id);
        }
    }

    /// What is remembered, oldest first: key, content, place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RecordId, RecordId, Offset)> + '_ {
        self.order.iter().filter_map(|(first, id)| Some((*id, self.entries.get(id)?.content, *first)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
