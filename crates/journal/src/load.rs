//! A group on its way to the disk: frames laid one after the other at their places, in whole blocks.
//!
//!   [the acknowledged bytes of its first block][frame, frame, ..., commit][zeros to the block's end]
//!
//! The acknowledged bytes come last, from the writer: while this group fills, the one before it may still be hashed.
//! Records come hashed, or are hashed by tasks that wait and by whoever leads, many of the group beside each other: 16 small ones
//! take as long as four by themselves.
//!
//! I4: a group lies in one segment: its frames get their CRCs for their places there.

use std::sync::Arc;

use annals_record::{LogId, Offset, RecordId, Term};

use crate::block::{BLOCK, Blocks};
use crate::content;
use crate::crc::{self, Stamp};
use crate::frame::{self, Commit, ControlKind};
use crate::segment::SegmentHeader;

/// Memory that a group's buffer keeps for the next one.
const KEPT_BYTES: usize = 16 << 20;

/// The bytes of an id.
const ID: usize = 32;

/// What a group that is over leaves to another: blocks, ids, notes.
type Buffers = (Blocks, Vec<u8>, Vec<Unhashed>);

/// What one append wants to be laid down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'a> {
    pub(crate) payloads: &'a [&'a [u8]],
    /// Of each payload, computed before any lock; none if that is left to who leads.
    pub(crate) digests: Option<&'a [Digest]>,
    /// A control frame that goes before the records.
    pub(crate) control: Option<(ControlKind, &'a [u8], Digest)>,
    /// The bytes of all frames.
    pub(crate) bytes: usize,
}

/// What a payload's frame says of it, but for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest {
    pub(crate) id: RecordId,
    pub(crate) crc: u32,
}

impl Digest {
    /// What stands in a record's head before it is hashed.
    pub(crate) const UNKNOWN: Self = Self { id: RecordId::from_bytes([0; ID]), crc: 0 };

    /// Of a record.
    pub(crate) fn of_record(id: RecordId, payload: &[u8]) -> Self {
        Self { id, crc: crc::bulk_of(payload.len() as u32, id.as_bytes(), payload) }
    }

    /// Of a control frame with a body.
    pub(crate) fn of_control(kind: ControlKind, body: &[u8]) -> Self {
        let id = RecordId::of(body);
        Self { id, crc: crc::bulk_of(frame::control_word(kind, body.len()), id.as_bytes(), body) }
    }
}

/// A record that was laid down unhashed.
#[derive(Clone, Copy, Debug)]
struct Unhashed {
    /// Where its frame begins in the blocks.
    at: usize,
    /// The length of its payload.
    len: usize,
    /// Its number among the group's records.
    number: usize,
}

/// The group that is being filled, or written.
#[derive(Debug)]
pub(crate) struct Load {
    header: Arc<SegmentHeader>,
    stamp: Stamp,
    blocks: Blocks,
    /// How many acknowledged bytes of its first block go before it. They stand here only once it is written.
    lead_in: usize,
    unhashed: Vec<Unhashed>,
    /// How many of those are hashed by now.
    hashed: usize,
    pub(crate) start: Offset,
    pub(crate) records: u32,
    pub(crate) payload_bytes: u64,
    /// The ids of its records, one after the other.
    pub(crate) ids: Vec<u8>,
    /// The last checkpoint in it.
    pub(crate) checkpoint: Option<Offset>,
    /// How many wait for it.
    pub(crate) waiting: u32,
    /// Somebody waits for it to be durable, not only written.
    pub(crate) durable: bool,
    /// Somebody was told that it is accepted, and does not wait.
    pub(crate) accepted: bool,
}

impl Load {
    /// An empty group at `start` of the segment.
    pub(crate) fn new(header: Arc<SegmentHeader>, start: Offset) -> Self {
        Self::in_buffers(Buffers::default(), header, start)
    }

    /// What a journal that cannot be written to fills: nothing.
    pub(crate) fn nowhere(log: LogId) -> Self {
        let header = SegmentHeader {
            log,
            term: Term::FIRST,
            term_start: Offset::ZERO,
            base: Offset::ZERO,
            chain: [0; 32],
            records_before: 0,
            created_micros: 0,
            checkpoint: None,
            keys: None,
        };
        Self::new(Arc::new(header), Offset::ZERO)
    }

    fn in_buffers(
        (mut blocks, mut ids, mut unhashed): Buffers,
        header: Arc<SegmentHeader>,
        start: Offset,
    ) -> Self {
        let lead_in = (header.file_pos(start).0 % BLOCK as u64) as usize;
        blocks.forget(lead_in, KEPT_BYTES);
        ids.clear();
        unhashed.clear();
        Self {
            stamp: Stamp::new(&header.log, header.term),
            header,
            blocks,
            lead_in,
            unhashed,
            hashed: 0,
            start,
            records: 0,
            payload_bytes: 0,
            ids,
            checkpoint: None,
            waiting: 0,
            durable: false,
            accepted: false,
        }
    }

    /// The same, empty, for a log that writes much.
    pub(crate) fn in_huge_pages(self) -> Self {
        let buffers = (Blocks::in_huge_pages(), Vec::new(), Vec::new());
        Self::in_buffers(buffers, self.header, self.start)
    }

    /// The same in the buffers of `spent`, a group that is over.
    pub(crate) fn in_buffers_of(self, spent: Self) -> Self {
        Self::in_buffers(spent.into_buffers(), self.header, self.start)
    }

    fn into_buffers(self) -> Buffers {
        (self.blocks, self.ids, self.unhashed)
    }

    /// Where the next frame will stand.
    pub(crate) fn end(&self) -> Offset {
        Offset::new(self.start.get() + (self.blocks.len() - self.lead_in) as u64)
    }

    /// The bytes of its frames so far.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len() - self.lead_in
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn header(&self) -> &Arc<SegmentHeader> {
        &self.header
    }

    /// Lays frames down; returns where the first record stands.
    pub(crate) fn push(&mut self, frames: &Frames<'_>) -> Offset {
        self.blocks.reserve(frames.bytes);
        if let Some((kind, body, digest)) = &frames.control {
            if *kind == ControlKind::Checkpoint {
                self.checkpoint = Some(self.end());
            }
            self.lay(frame::control_word(*kind, body.len()), digest, body);
        }
        let first = self.end();
        for (i, payload) in frames.payloads.iter().enumerate() {
            let digest = match frames.digests {
                Some(digests) => digests[i],
                None => {
                    let number = self.records as usize + i;
                    self.unhashed.push(Unhashed { at: self.blocks.len(), len: payload.len(), number });
                    Digest::UNKNOWN
                }
            };
            self.lay(payload.len() as u32, &digest, payload);
            self.ids.extend_from_slice(digest.id.as_bytes());
            self.payload_bytes += payload.len() as u64;
        }
        self.records += frames.payloads.len() as u32;
        first
    }

    /// How many of its records are still to be hashed.
    pub(crate) fn unhashed(&self) -> usize {
        self.unhashed.len() - self.hashed
    }

    /// Hashes the first `most` of what was laid down unhashed and is not yet hashed, many payloads beside each other, and
    /// fills in their heads.
    pub(crate) fn hash(&mut self, most: usize) {
        let end = self.unhashed.len().min(self.hashed.saturating_add(most));
        let records = &self.unhashed[self.hashed..end];
        self.hashed = end;
        let (ids, _) = self.ids.as_chunks_mut::<ID>();
        let bytes = self.blocks.as_slice();
        let bodies = records.iter().map(|record| &bytes[record.at + frame::HEADER..][..record.len]);
        content::each(bodies, |i, id| ids[records[i].number] = id);
        let start = self.start.get() - self.lead_in as u64;
        let bytes = self.blocks.as_mut_slice();
        for &Unhashed { at, len, number } in records {
            let (head, behind) = bytes[at..].split_at_mut(frame::HEADER);
            let bulk = crc::bulk_of(len as u32, &ids[number], &behind[..len]);
            let crc = self.stamp.placed(bulk, Offset::new(start + at as u64));
            head.copy_from_slice(&frame::head(len as u32, crc, &ids[number]));
        }
    }

    /// Hashes all of it. Returns the ids of all its records, one after the other, if any came unhashed.
    pub(crate) fn hash_all(&mut self) -> Option<&[u8]> {
        if self.unhashed.is_empty() {
            return None;
        }
        self.hash(usize::MAX);
        Some(&self.ids)
    }

    fn lay(&mut self, word: u32, digest: &Digest, body: &[u8]) {
        let crc = self.stamp.placed(digest.crc, self.end());
        let padding = body.len().next_multiple_of(8) - body.len();
        self.blocks.extend([&frame::head(word, crc, digest.id.as_bytes()), body, &[0; 8][..padding]]);
    }

    /// Ends the group with its commit frame. Returns the next one, in the buffers of `spent`, a group that was written.
    pub(crate) fn finish(&mut self, durable_upto: Offset, time_micros: i64, spent: Option<Self>) -> Self {
        let commit = self.commit(durable_upto, time_micros);
        let words = commit.words();
        let crc = crc::bulk_of(frame::COMMIT_WORD, &words, &[]);
        let crc = self.stamp.placed(crc, self.end());
        self.blocks.extend([&frame::head(frame::COMMIT_WORD, crc, &words)]);
        let fresh = || (self.blocks.fresh(), Vec::new(), Vec::new());
        let buffers = spent.map_or_else(fresh, Self::into_buffers);
        Self::in_buffers(buffers, Arc::clone(&self.header), self.end())
    }

    /// What its commit frame says.
    pub(crate) fn commit(&self, durable_upto: Offset, time_micros: i64) -> Commit {
        Commit { batch_start: self.start, durable_upto, time_micros, records: self.records }
    }

    /// What stands in the last block of its first `len` bytes, if they do not fill it: the next group's first block
    /// begins with it.
    pub(crate) fn rest(&self, len: usize) -> &[u8] {
        let end = self.lead_in + len;
        &self.blocks.as_slice()[end / BLOCK * BLOCK..end]
    }

    /// The blocks to write: `lead_in` is what stands before the group in its first block, and `zeros` more bytes of zeros
    /// go behind the last one. To be called last.
    pub(crate) fn blocks(&mut self, lead_in: &[u8], zeros: usize) -> &[u8] {
        assert!(self.unhashed() == 0, "F1: a record without its checksum in the group at {}", self.start);
        assert!(lead_in.len() == self.lead_in, "I4: {} bytes before {}", lead_in.len(), self.start);
        self.blocks.as_mut_slice()[..lead_in.len()].copy_from_slice(lead_in);
        let len = self.blocks.len().next_multiple_of(BLOCK);
        self.blocks.fill_to(len + zeros);
        self.blocks.as_slice()
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
