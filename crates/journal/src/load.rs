//! A group on its way to the disk: frames laid one after the other at their places, in whole blocks.
//!
//!   [the acknowledged bytes of its first block][frame, frame, ..., commit][zeros to the block's end]
//!
//! I4: a group lies in one segment: its frames get their CRCs for their places there.

use std::sync::Arc;

use annals_record::{LogId, Offset, RecordId, Term};

use crate::block::{BLOCK, Blocks};
use crate::crc::{self, Stamp};
use crate::frame::{self, Commit, ControlKind};
use crate::segment::SegmentHeader;

/// Memory that a group's buffer keeps for the next one.
const KEPT_BYTES: usize = 16 << 20;

/// What one append wants to be laid down, hashed before any lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'a> {
    pub(crate) payloads: &'a [&'a [u8]],
    pub(crate) digests: &'a [Digest],
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

/// The group that is being filled, or written.
#[derive(Debug)]
pub(crate) struct Load {
    header: Arc<SegmentHeader>,
    stamp: Stamp,
    blocks: Blocks,
    /// How many acknowledged bytes of its first block go before it.
    lead_in: usize,
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
    /// An empty group at `start` of the segment; `lead_in` is what stands before it in its first block.
    pub(crate) fn new(header: Arc<SegmentHeader>, start: Offset, lead_in: &[u8]) -> Self {
        Self::reusing(Blocks::default(), Vec::new(), header, start, lead_in)
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
        Self::new(Arc::new(header), Offset::ZERO, &[])
    }

    fn reusing(
        mut blocks: Blocks,
        mut ids: Vec<u8>,
        header: Arc<SegmentHeader>,
        start: Offset,
        lead_in: &[u8],
    ) -> Self {
        assert!(
            header.file_pos(start).0 % BLOCK as u64 == lead_in.len() as u64,
            "I4: {} bytes before {start}",
            lead_in.len()
        );
        blocks.clear(KEPT_BYTES);
        blocks.extend([lead_in]);
        ids.clear();
        Self {
            stamp: Stamp::new(&header.log, header.term),
            header,
            blocks,
            lead_in: lead_in.len(),
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

    /// The acknowledged bytes before it in its first block.
    pub(crate) fn lead_in(&self) -> &[u8] {
        &self.blocks.as_slice()[..self.lead_in]
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
        for (payload, digest) in frames.payloads.iter().zip(frames.digests) {
            self.lay(payload.len() as u32, digest, payload);
            self.ids.extend_from_slice(digest.id.as_bytes());
            self.payload_bytes += payload.len() as u64;
        }
        self.records += frames.payloads.len() as u32;
        first
    }

    fn lay(&mut self, word: u32, digest: &Digest, body: &[u8]) {
        let crc = self.stamp.placed(digest.crc, self.end());
        let padding = body.len().next_multiple_of(8) - body.len();
        self.blocks.extend([&frame::head(word, crc, digest.id.as_bytes()), body, &[0; 8][..padding]]);
    }

    /// Ends the group with its commit frame. What remains of its last block is what the next group begins with, in the
    /// buffers of `spent`, a group that was written.
    pub(crate) fn finish(&mut self, durable_upto: Offset, time_micros: i64, spent: Option<Self>) -> Self {
        let commit = self.commit(durable_upto, time_micros);
        let words = commit.words();
        let crc = crc::bulk_of(frame::COMMIT_WORD, &words, &[]);
        let crc = self.stamp.placed(crc, self.end());
        self.blocks.extend([&frame::head(frame::COMMIT_WORD, crc, &words)]);
        let (blocks, ids) = spent.map(|spent| (spent.blocks, spent.ids)).unwrap_or_default();
        let rest = self.blocks.len() / BLOCK * BLOCK;
        let (header, end) = (Arc::clone(&self.header), self.end());
        Self::reusing(blocks, ids, header, end, &self.blocks.as_slice()[rest..])
    }

    /// What its commit frame says.
    pub(crate) fn commit(&self, durable_upto: Offset, time_micros: i64) -> Commit {
        Commit { batch_start: self.start, durable_upto, time_micros, records: self.records }
    }

    /// The blocks to write, with `zeros` more bytes of zeros behind the last one. To be called last.
    pub(crate) fn blocks(&mut self, zeros: usize) -> &[u8] {
        let len = self.blocks.len().next_multiple_of(BLOCK);
        self.blocks.fill_to(len + zeros);
        self.blocks.as_slice()
    }
}
