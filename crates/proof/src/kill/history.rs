//! The outside account: what the journal was seen to hold, and what was acknowledged.
//!
//!   journal, listed -> grow -> the same as before, and at its end what was being written
//!   receipts -> acknowledged          what a follower saw -> followed
//!
//! K1: what was seen once stands at its place for ever, or below the place where the journal begins.
//! K2: what is new is a line that was handed in, the next one of its chunk: nothing is invented, left out or there twice.

use std::collections::HashMap;

use super::chunk::Tag;

/// A record and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) offset: u64,
    pub(super) id: String,
    pub(super) tag: Tag,
}

/// Everything that the journal of a directory was ever seen to hold.
#[derive(Debug, Default)]
pub(super) struct History {
    placed: Vec<Placed>,
    by_tag: HashMap<Tag, usize>,
    /// How many lines each chunk has, and how many of them are there.
    chunks: Vec<(u32, u32)>,
    oldest: u64,
}

impl History {
    /// Hands in a chunk: from here on its lines may be in the journal.
    pub(super) fn hand_in(&mut self, lines: u32) -> u32 {
        self.chunks.push((lines, 0));
        self.chunks.len() as u32 - 1
    }

    pub(super) fn lines(&self, chunk: u32) -> u32 {
        self.chunks[chunk as usize].0
    }

    /// How many of a chunk's lines are in the journal.
    pub(super) fn arrived(&self, chunk: u32) -> u32 {
        self.chunks[chunk as usize].1
    }

    pub(super) fn chunks(&self) -> u32 {
        self.chunks.len() as u32
    }

    pub(super) fn len(&self) -> usize {
        self.placed.len()
    }

    /// Where the journal began when it was listed last.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(super) fn last(&self) -> Option<&Placed> {
        self.placed.last()
    }

    /// Takes in what the journal holds now, all of it, from `oldest` on. Returns how many records are new.
    pub(super) fn grow(&mut self, oldest: u64, listed: &[Placed]) -> Result<usize, String> {
        if oldest < self.oldest {
            return Err(format!("the journal began at {} and begins at {oldest} now", self.oldest));
        }
        self.oldest = oldest;
        let known = &self.placed[self.from(oldest)..];
        for (at, before) in known.iter().enumerate() {
            match listed.get(at) {
                Some(now) if now == before => {}
                now => return Err(format!("{before:?} was there, and {now:?} stands in its place")),
            }
        }
        let new = &listed[known.len()..];
        for placed in new {
            self.add(placed)?;
        }
        Ok(new.len())
    }

    fn add(&mut self, placed: &Placed) -> Result<(), String> {
        let Placed { offset, tag, .. } = placed;
        if self.last().is_some_and(|last| last.offset >= *offset) {
            return Err(format!("{placed:?} does not stand behind {:?}", self.last()));
        }
        if let Some(before) = self.by_tag.get(tag) {
            return Err(format!("{placed:?} is there twice: {:?}", self.placed[*before]));
        }
        match self.chunks.get_mut(tag.chunk as usize) {
            Some((lines, next)) if *next == tag.line && tag.line < *lines => *next += 1,
            Some((lines, next)) => {
                return Err(format!("{placed:?} stands where line {next} of {lines} of its chunk should"));
            }
            None => return Err(format!("{placed:?} was never handed in")),
        }
        self.by_tag.insert(*tag, self.placed.len());
        self.placed.push(placed.clone());
        Ok(())
    }

    /// A receipt: the record is there, at its place, with its id.
    pub(super) fn acknowledged(&self, receipt: &Placed) -> Result<(), String> {
        match self.by_tag.get(&receipt.tag).map(|at| &self.placed[*at]) {
            Some(placed) if placed == receipt => Ok(()),
            found => Err(format!("acknowledged as {receipt:?}, but there is {found:?}")),
        }
    }

    /// What a follower saw: every record from its first one on, in order, none left out. `start` is the place where it
    /// was to begin, if it was told one.
    pub(super) fn followed(&self, start: Option<u64>, seen: &[Placed]) -> Result<(), String> {
        let Some(first) = seen.first() else { return Ok(()) };
        let from = self.from(start.unwrap_or(first.offset));
        for (at, saw) in seen.iter().enumerate() {
            match self.placed.get(from + at) {
                Some(placed) if placed == saw => {}
                placed => return Err(format!("a follower saw {saw:?}, and there is {placed:?}")),
            }
        }
        Ok(())
    }

    /// A gap that was told to a follower: it names the place behind what it had seen, and one where the journal began.
    pub(super) fn gap(&self, last: Option<u64>, wanted: u64, begins: u64) -> Result<(), String> {
        let next = match last {
            Some(last) => self.placed.get(self.from(last + 1)).map(|placed| placed.offset),
            None => self.placed.first().map(|placed| placed.offset),
        };
        let fits = last.is_none_or(|last| wanted > last)
            && next.is_none_or(|next| wanted <= next || last.is_none())
            && wanted < begins
            && begins <= self.oldest;
        if fits {
            return Ok(());
        }
        let oldest = self.oldest;
        Err(format!("a gap from {wanted} to {begins} behind {last:?}; next is {next:?}, oldest {oldest}"))
    }

    /// The place in the account of the first record at or behind an offset.
    fn from(&self, offset: u64) -> usize {
        self.placed.partition_point(|placed| placed.offset < offset)
    }
}

#[cfg(test)]
mod tests;
