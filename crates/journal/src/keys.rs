//! Idempotency keys: an append that is tried again answers with where it stood the first time.
//!
//!   key -> known? -> where its first record stands (and the group to wait for, if it is on its way)
//!
//! K1: a key that was remembered when its append was acknowledged is remembered until so many newer keys have come, each with
//! an append that was kept: one that fails pushes nothing out.
//! K2: a key never answers for other payloads than those it was given with.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use annals_record::{LogId, Offset, RecordId};

use crate::disk::{self, Mode};
use crate::error::Error;
use crate::frame;
use crate::scan::{Scan, Step, Window};
use crate::segment::SegmentHeader;
use crate::source::Source;
use crate::ticket::Ticket;

/// The file that holds the remembered keys of all segments but the active one.
pub(crate) const FILE_NAME: &str = "keys";

const MAGIC: &[u8; 8] = b"annalsKY";
const FIXED: usize = 40;
const ENTRY: usize = 72;
/// No journal remembers more.
pub(crate) const MOST: usize = 1 << 20;

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
    pub(crate) fn new(key: &[u8], ids: impl Iterator<Item = RecordId>) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_LEN {
            return Err(Error::TooLarge {
                what: "an idempotency key, which is not empty",
                bytes: key.len() as u64,
                limit: MAX_LEN as u64,
            });
        }
        let mut hasher = blake3::Hasher::new();
        ids.for_each(|id| {
            hasher.update(id.as_bytes());
        });
        let content = RecordId::from_bytes(*hasher.finalize().as_bytes());
        Ok(Self { id: RecordId::of(key), content, body: [content.as_bytes().as_slice(), key].concat() })
    }

    /// What stands in a key frame, if it is one.
    pub(crate) fn decode(body: &[u8]) -> Option<(RecordId, RecordId)> {
        let (content, key) = body.split_at_checked(32)?;
        Some((RecordId::of(key), RecordId::from_bytes(frame::array(content))))
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

    /// Remembers a key whose first record stands at `first`. With a ticket its append is on its way, and the oldest stays until
    /// that is over: see [`Keys::settled`].
    pub(crate) fn add(
        &mut self,
        id: RecordId,
        content: RecordId,
        first: Offset,
        ticket: Option<Arc<Ticket>>,
    ) {
        if self.most == 0 || self.entries.contains_key(&id) {
            return;
        }
        if ticket.is_none() {
            self.shorten(self.most - 1);
        }
        self.order.push_back((first, id));
        self.entries.insert(id, Entry { first, content, ticket });
    }

    /// Adds what a scan has found, but for what stands below `from` and is known.
    pub(crate) fn add_scanned(&mut self, found: &[(RecordId, RecordId, Offset)], from: Offset) {
        for (id, content, first) in found.iter().filter(|(_, _, first)| *first >= from) {
            self.add(*id, *content, *first, None);
        }
    }

    /// Everything below `end` was kept: as many keys of it as are remembered push the older ones out.
    pub(crate) fn settled(&mut self, end: Offset) {
        if self.order.len() > self.most {
            let on_their_way = self.order.iter().rev().take_while(|(first, _)| *first >= end).count();
            self.shorten(self.most + on_their_way);
        }
    }

    fn shorten(&mut self, most: usize) {
        while self.order.len() > most
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
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

    /// Where the first record of the oldest key stands.
    pub(crate) fn oldest(&self) -> Option<Offset> {
        self.order.front().map(|(first, _)| *first)
    }

    /// What is remembered, as the file [`FILE_NAME`] holds it: all keys of records below `base`.
    pub(crate) fn encode(&self, log: LogId, base: Offset) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + self.order.len() * ENTRY + 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(log.as_bytes());
        bytes.extend_from_slice(&base.get().to_le_bytes());
        bytes.extend_from_slice(&(self.order.len() as u64).to_le_bytes());
        for (first, id) in &self.order {
            let Some(entry) = self.entries.get(id) else { continue };
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(entry.content.as_bytes());
            bytes.extend_from_slice(&first.get().to_le_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Adds what such a file holds of records below `end`; returns the base up to which it goes, or nothing if it is not
    /// to be believed. A roll that a crash cut off has left keys of records that may be lost: the scan of the active
    /// segment tells which are there.
    pub(crate) fn decode(&mut self, bytes: &[u8], log: LogId, end: Offset) -> Option<Offset> {
        let (bytes, crc) = bytes.split_last_chunk::<4>()?;
        let sound = bytes.len() >= FIXED
            && bytes.starts_with(MAGIC)
            && crc32c::crc32c(bytes).to_le_bytes() == *crc
            && bytes[8..24] == *log.as_bytes()
            && (bytes.len() - FIXED) as u64 == frame::long(bytes, 32).saturating_mul(ENTRY as u64);
        if !sound {
            return None;
        }
        for entry in bytes[FIXED..].chunks_exact(ENTRY) {
            let id = RecordId::from_bytes(frame::array(entry));
            let content = RecordId::from_bytes(frame::array(&entry[32..]));
            let first = Offset::new(frame::long(entry, 64));
            if first < end {
                self.add(id, content, first, None);
            }
        }
        Some(Offset::new(frame::long(bytes, 24)))
    }
}

/// Reads the keys of a journal whose active segment, which begins at `base`, is not scanned yet. The file goes up to
/// there; if it is lost or older, the segments tell.
pub(crate) fn load(source: &Source, header: &SegmentHeader, most: u32) -> Result<Keys, Error> {
    let mut keys = Keys::new(most);
    let Some(oldest) = header.keys.filter(|_| most > 0) else { return Ok(keys) };
    let path = source.dir.join(FILE_NAME);
    let failed = |error| Error::io("read", &path, error);
    let from = match source.disk.open(&path, Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => {
            let file = opened.map_err(failed)?;
            let len = file.len().map_err(failed)?.min((FIXED + MOST * ENTRY + 4) as u64);
            let mut bytes = vec![0; len as usize];
            let read = disk::read_full(&*file, &mut bytes, 0).map_err(failed)?;
            keys.decode(&bytes[..read], header.log, header.base)
        }
    };
    let from = from.unwrap_or_else(|| {
        tracing::warn!(path = %path.display(), "the keys are lost; reading them from the segments");
        oldest
    });
    for segment in source.segments().iter() {
        let (Ok(of), Some(next)) = (&segment.header, segment.next) else { continue };
        if next <= from || segment.base >= header.base {
            continue;
        }
        let failed = |error| Error::io("read", &segment.path, error);
        let file = source.open(segment)?;
        let window = Window::new(&*file, of.file_pos(next).0).map_err(failed)?;
        let mut scan = Scan::new(of, window, segment.base).over(source.holes());
        while let Step::Group(_) = scan.step().map_err(failed)? {
            keys.add_scanned(&scan.keys, from);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
