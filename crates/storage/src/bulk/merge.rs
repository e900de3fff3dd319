//! Runs of subjects, merged: each subject once, with all it lists, in the log's order.
//!
//!   run 0: a a c |
//!   run 1: a b   | -> a: what run 0 has, then what run 1 has; b; c
//!
//! A subject that lists more than memory should hold is not collected: it can be read again and again instead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use annals_record::RecordId;

use super::damaged;
use super::spill::{Block, Spill};
use super::subjects::Piece;
use crate::Error;
use crate::runs::Listed;

/// Runs being merged.
pub(super) struct Merge<'s> {
    spill: &'s Spill,
    readers: Vec<Reader<'s>>,
    /// The subject each reader is at, the first one on top; of equal ones the oldest run's.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    /// Entries beyond this are not collected.
    most: usize,
}

/// What a subject lists.
#[derive(Default)]
pub(super) struct Group<'s> {
    pub(super) subject: String,
    /// All of it, unless it is too much.
    pub(super) entries: Vec<Listed>,
    /// How much it is.
    pub(super) count: usize,
    /// Where it begins in each run that has some of it.
    begins: Vec<Reader<'s>>,
}

impl<'s> Merge<'s> {
    /// Begins to merge these runs, the oldest first. Of a subject with more than `most` entries none is collected.
    pub(super) fn begin(spill: &'s Spill, runs: &'s [Vec<Block>], most: usize) -> Result<Self, Error> {
        let readers = runs.iter().map(|blocks| Reader { blocks, body: Vec::new(), at: 0 }).collect();
        let mut merge = Self { spill, readers, heads: BinaryHeap::new(), most };
        (0..runs.len()).try_for_each(|run| merge.push(run))?;
        Ok(merge)
    }

    /// The next subject, in the place of the one before; false after the last.
    pub(super) fn next(&mut self, group: &mut Group<'s>) -> Result<bool, Error> {
        group.entries.clear();
        group.begins.clear();
        group.count = 0;
        let Some(Reverse((subject, _))) = self.heads.peek() else { return Ok(false) };
        group.subject.clear();
        group.subject.push_str(&String::from_utf8_lossy(subject));
        while let Some(Reverse((subject, run))) = self.heads.peek()
            && subject == group.subject.as_bytes()
        {
            let run = *run;
            self.heads.pop();
            let reader = &mut self.readers[run];
            group.begins.push(Reader { blocks: reader.blocks, body: Vec::new(), at: reader.at });
            let (entries, count) = (&mut group.entries, &mut group.count);
            reader.each_of(self.spill, &group.subject, &mut |entry| {
                *count += 1;
                if *count <= self.most {
                    entries.push(entry);
                }
            })?;
            self.push(run)?;
        }
        if group.count > self.most {
            group.entries = Vec::new();
        }
        Ok(true)
    }

    /// Reads what a subject lists once more.
    pub(super) fn again(&self, group: &Group<'s>, visit: &mut dyn FnMut(Listed)) -> Result<(), Error> {
        for begin in &group.begins {
            let mut reader = Reader { blocks: begin.blocks, body: Vec::new(), at: begin.at };
            if begin.at > 0 {
                let block = reader.blocks.first().ok_or_else(|| damaged("a run ends too early"))?;
                self.spill.read(*block, &mut reader.body)?;
            }
            reader.each_of(self.spill, &group.subject, visit)?;
        }
        Ok(())
    }

    /// Notes which subject a run is at, if it has not ended.
    fn push(&mut self, run: usize) -> Result<(), Error> {
        if let Some(piece) = self.readers[run].piece(self.spill)? {
            self.heads.push(Reverse((piece.subject.into(), run)));
        }
        Ok(())
    }
}

/// A place in a run.
struct Reader<'s> {
    /// The block it is in, and those behind it.
    blocks: &'s [Block],
    /// The body of that block; empty if it is not read yet.
    body: Vec<u8>,
    at: usize,
}

impl Reader<'_> {
    /// The piece it is at; `None` at the end.
    fn piece(&mut self, spill: &Spill) -> Result<Option<Piece<'_>>, Error> {
        if self.at > 0 && self.at == self.body.len() {
            self.blocks = &self.blocks[1..];
            self.at = 0;
            self.body.clear();
        }
        let Some(block) = self.blocks.first() else { return Ok(None) };
        if self.body.is_empty() {
            spill.read(*block, &mut self.body)?;
        }
        let piece = Piece::read(&self.body[self.at..]);
        piece.map(Some).ok_or_else(|| damaged("a piece of a run is cut off"))
    }

    /// Passes all pieces of a subject.
    fn each_of(&mut self, spill: &Spill, subject: &str, visit: &mut dyn FnMut(Listed)) -> Result<(), Error> {
        while let Some(piece) = self.piece(spill)?.filter(|piece| piece.subject == subject) {
            piece.entries.iter().for_each(|entry| visit(Listed::read(entry)));
            let len = piece.len;
            self.at += len;
        }
        Ok(())
    }
}

/// Takes away what a subject lists more than once, but for the first time.
#[derive(Default)]
pub(super) struct Distinct {
    /// The beginning of an id, and which entry it is of.
    order: Vec<(u64, u32)>,
    again: Vec<u32>,
}

impl Distinct {
    /// `entries` are in the order of their offsets, and stay so.
    pub(super) fn keep_first(&mut self, entries: &mut Vec<Listed>) {
        if entries.len() < 2 {
            return;
        }
        self.order.clear();
        self.again.clear();
        self.order.extend(entries.iter().zip(0..).map(|(entry, place)| (beginning(&entry.id), place)));
        self.order.sort_unstable();
        for (at, (begins, place)) in self.order.iter().enumerate() {
            // Nearly always there is none with the same beginning.
            let mut before = self.order[..at].iter().rev().take_while(|(other, _)| other == begins);
            if before.any(|(_, other)| entries[*other as usize].id == entries[*place as usize].id) {
                self.again.push(*place);
            }
        }
        if !self.again.is_empty() {
            self.again.sort_unstable();
            let mut again = self.again.iter().peekable();
            let mut place = 0;
            entries.retain(|_| {
                let goes = again.next_if(|again| **again == place).is_some();
                place += 1;
                !goes
            });
        }
    }
}

/// Finds the offsets at which a subject lists what it lists already, of a subject that is too large to be collected: some
/// of all ids at a time.
pub(super) fn repeated(merge: &Merge<'_>, group: &Group<'_>) -> Result<Vec<u64>, Error> {
    let rounds = group.count.div_ceil(merge.most.max(1)) as u64 * 2;
    let slice = u64::MAX / rounds + 1;
    let mut repeated = Vec::new();
    let mut met: Vec<(RecordId, u64)> = Vec::new();
    for round in 0..rounds {
        met.clear();
        merge.again(group, &mut |entry| {
            if beginning(&entry.id) / slice == round {
                met.push((entry.id, entry.offset.get()));
            }
        })?;
        met.sort_unstable();
        let pairs = met.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        repeated.extend(pairs.map(|pair| pair[1].1));
    }
    repeated.sort_unstable();
    Ok(repeated)
}

fn beginning(id: &RecordId) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
