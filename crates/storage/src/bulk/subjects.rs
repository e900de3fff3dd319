//! What subjects list, collected by subject and written as runs: each has its subjects in order, and comes after the run
//! before it in the log.
//!
//!   entries -> heaps, in memory -> full: grouped by subject, a run -> merge.rs
//!   piece of a run: subject's length u16 | entries u32 | subject | entries, offset u64 and id 32 each   (little-endian)

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use annals_record::{Offset, RecordId};

use super::spill::Spill;
use crate::Error;
use crate::runs::{self, ENTRY_BYTES, Listed};

/// The bytes of a piece before its subject.
const HEAD: usize = 2 + 4;
/// Entries are collected in so many heaps, by a hash of the subject: what one holds fits a core's own cache while it is put
/// in order.
pub(super) const HEAPS: usize = 64;

/// What is collected for the next run: entries, in the log's order.
///
///   entry: subject's length u16 | subject | offset u64 | id 32                                    (little-endian)
pub(super) struct Subjects {
    heaps: Vec<Vec<u8>>,
    bytes: usize,
}

impl Default for Subjects {
    fn default() -> Self {
        Self { heaps: vec![Vec::new(); HEAPS], bytes: 0 }
    }
}

impl Subjects {
    /// Adds entries to a heap; those of a subject are all in one, in the order of their offsets.
    pub(super) fn add(&mut self, heap: usize, entries: &[u8]) {
        self.heaps[heap].extend_from_slice(entries);
        self.bytes += entries.len();
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a run of what there is, if there is anything, in blocks of about `block` bytes.
    pub(super) fn write_run(&mut self, spill: &mut Spill, block: usize) -> Result<(), Error> {
        if self.bytes == 0 {
            return Ok(());
        }
        let mut order = Vec::new();
        let mut groups = Vec::new();
        self.heaps.iter().for_each(|heap| group(heap, &mut order, &mut groups));
        groups.sort_unstable_by_key(|group| group.subject);
        let mut writer = RunWriter::begin(spill, block);
        let mut listed = Vec::new();
        for group in &groups {
            listed.clear();
            listed.extend(
                order[group.start..group.start + group.count].iter().map(|entry| Listed::read(entry)),
            );
            writer.add(group.subject, &listed)?;
        }
        writer.end()?;
        drop((groups, order));
        self.heaps.iter_mut().for_each(Vec::clear);
        self.bytes = 0;
        Ok(())
    }

    /// Lets go of its memory; nothing is collected at present.
    pub(super) fn shrink(&mut self) {
        *self = Self::default();
    }
}

/// The heap of a subject.
pub(super) fn heap_of(hashes: &RandomState, subject: &str) -> usize {
    (hashes.hash_one(subject) % HEAPS as u64) as usize
}

/// A subject, and which entries it has.
struct Group<'h> {
    subject: &'h str,
    start: usize,
    count: usize,
}

/// Puts the entries of a heap beside each other by their subjects, in the order they have there.
fn group<'h>(heap: &'h [u8], order: &mut Vec<&'h [u8; ENTRY_BYTES]>, groups: &mut Vec<Group<'h>>) {
    let first = groups.len();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (subject, entry) in Entries(heap) {
        let number = *numbers.entry(subject).or_insert_with(|| {
            groups.push(Group { subject, start: 0, count: 0 });
            groups.len() - 1
        });
        groups[number].count += 1;
        entries.push((number, entry));
    }
    let mut start = order.len();
    for group in &mut groups[first..] {
        group.start = start;
        start += std::mem::take(&mut group.count);
    }
    let Some((_, any)) = entries.first() else { return };
    order.resize(start, any);
    for (number, entry) in entries {
        let group = &mut groups[number];
        order[group.start + group.count] = entry;
        group.count += 1;
    }
}

/// Writes an entry for a heap.
pub(super) fn put_entry(bytes: &mut [u8], subject: &str, offset: Offset, id: &RecordId) {
    // A subject has at most 1,024 bytes.
    let (len, offset) = ((subject.len() as u16).to_le_bytes(), offset.get().to_le_bytes());
    let mut at = 0;
    for part in [&len[..], subject.as_bytes(), &offset, id.as_bytes()] {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

/// The length of an entry for a heap.
pub(super) fn entry_len(subject: &str) -> usize {
    2 + subject.len() + ENTRY_BYTES
}

/// The entries of a heap: the subject, and offset and id.
struct Entries<'h>(&'h [u8]);

impl<'h> Iterator for Entries<'h> {
    type Item = (&'h str, &'h [u8; ENTRY_BYTES]);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.0.split_first_chunk::<2>()?;
        let (subject, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        let (entry, rest) = rest.split_first_chunk::<ENTRY_BYTES>()?;
        self.0 = rest;
        Some((std::str::from_utf8(subject).ok()?, entry))
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
