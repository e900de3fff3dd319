//! What subjects list, collected by subject and written as runs: each has its subjects in order, and comes after the run
//! before it in the log.
//!
//!   entries -> by subject, in memory -> full: a run -> merge.rs
//!   piece of a run: subject's length u16 | entries u32 | subject | entries, offset u64 and id 32 each   (little-endian)

use std::collections::HashMap;

use annals_record::{Offset, RecordId};

use super::spill::Spill;
use crate::Error;
use crate::runs::{self, ENTRY_BYTES, Listed};

/// The bytes of a piece before its subject.
const HEAD: usize = 2 + 4;
/// What a subject costs in memory beside its entries, about.
const SUBJECT_COST: usize = 112;
/// How many entries a subject gets room for at first.
const FIRST_ROOM: usize = 4;

/// What is collected for the next run.
#[derive(Default)]
pub(super) struct Subjects {
    listed: HashMap<Box<str>, Vec<Listed>>,
    bytes: usize,
}

impl Subjects {
    /// Adds an entry; those of a subject come in the order of their offsets.
    pub(super) fn add(&mut self, subject: &str, offset: Offset, id: RecordId) {
        let entry = Listed { offset, id };
        match self.listed.get_mut(subject) {
            Some(entries) => {
                let room = entries.capacity();
                entries.push(entry);
                self.bytes += (entries.capacity() - room) * ENTRY_BYTES;
            }
            None => {
                let mut entries = Vec::with_capacity(FIRST_ROOM);
                entries.push(entry);
                self.bytes += SUBJECT_COST + subject.len() + FIRST_ROOM * ENTRY_BYTES;
                self.listed.insert(subject.into(), entries);
            }
        }
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a run of what there is, if there is anything, in blocks of about `block` bytes.
    pub(super) fn write_run(&mut self, spill: &mut Spill, block: usize) -> Result<(), Error> {
        if self.listed.is_empty() {
            return Ok(());
        }
        let mut writer = RunWriter::begin(spill, block);
        let mut sorted: Vec<_> = self.listed.drain().collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        sorted.iter().try_for_each(|(subject, entries)| writer.add(subject, entries))?;
        self.bytes = 0;
        writer.end()
    }
}

/// A run being written.
pub(super) struct RunWriter<'s> {
    spill: &'s mut Spill,
    run: u32,
    block: usize,
    body: Vec<u8>,
}

impl<'s> RunWriter<'s> {
    pub(super) fn begin(spill: &'s mut Spill, block: usize) -> Self {
        let run = spill.begin_run();
        Self { spill, run, block, body: Vec::with_capacity(block) }
    }

    /// Adds what a subject lists, in as many pieces as it takes; subjects come in their order.
    pub(super) fn add(&mut self, subject: &str, entries: &[Listed]) -> Result<(), Error> {
        for entries in entries.chunks((self.block / ENTRY_BYTES).max(1)) {
            if self.body.len() + HEAD + subject.len() + entries.len() * ENTRY_BYTES > self.block {
                self.end_block()?;
            }
            // A subject has at most 1,024 bytes, and a piece no more entries than a block.
            self.body.extend_from_slice(&(subject.len() as u16).to_le_bytes());
            self.body.extend_from_slice(&(entries.len() as u32).to_le_bytes());
            self.body.extend_from_slice(subject.as_bytes());
            entries.iter().for_each(|entry| runs::push(&mut self.body, entry));
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<(), Error> {
        self.end_block()
    }

    fn end_block(&mut self) -> Result<(), Error> {
        if self.body.is_empty() {
            return Ok(());
        }
        self.spill.add_to_run(self.run, &mut self.body)
    }
}

/// A piece of a run.
#[derive(Clone, Copy)]
pub(super) struct Piece<'b> {
    pub(super) subject: &'b str,
    /// Its entries, as they stand in runs of the index.
    pub(super) entries: &'b [[u8; ENTRY_BYTES]],
    /// How many bytes it takes.
    pub(super) len: usize,
}

impl<'b> Piece<'b> {
    /// The piece at the beginning of `bytes`.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (subject_len, rest) = bytes.split_first_chunk::<2>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (subject, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*subject_len)))?;
        let entries = rest.get(..(u32::from_le_bytes(*count) as usize).checked_mul(ENTRY_BYTES)?)?;
        let len = HEAD + subject.len() + entries.len();
        Some(Self { subject: std::str::from_utf8(subject).ok()?, entries: entries.as_chunks().0, len })
    }
}
