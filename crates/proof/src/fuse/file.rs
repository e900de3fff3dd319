//! One file twice: as processes see it, and as the disk has it.
//!
//!   write -> seen, dirty -> sync -> kept            a sync that fails forgets what was dirty: seen has it, kept never gets it
//!                  '-> written back by itself, or not, before the power goes
//!
//! F1: what a sync covered that returned well is kept whatever comes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::image::{Image, PAGE, SECTOR};
use super::survival::{OfFile, Survival};

/// A file's two images.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    seen: Image,
    kept: Image,
    /// Sectors that differ, each with the number of its last write.
    dirty: BTreeMap<u64, u64>,
    writes: u64,
    /// How short it was since its length was last kept.
    least: u64,
}

impl File {
    /// One that the disk has.
    pub(crate) fn kept(image: Image) -> Self {
        let least = image.len();
        Self { seen: image.clone(), kept: image, least, ..Self::default() }
    }

    pub(crate) fn seen(&self) -> &Image {
        &self.seen
    }

    pub(crate) fn write(&mut self, pos: u64, bytes: &[u8]) {
        let len = bytes.len() as u64;
        let zeros = !self.seen.has_any(pos, len) && !self.kept.has_any(pos, len);
        self.seen.write(pos, bytes);
        // Zeros over zeros are as they were.
        if !zeros || self.seen.has_any(pos, len) {
            self.soil(pos, len);
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        let before = self.seen.len().max(self.kept.len());
        self.seen.set_len(len);
        self.least = self.least.min(len);
        if len < before && self.kept.has_any(len, before - len) {
            self.soil(len, before - len);
        }
    }

    /// Extends it, if it is shorter.
    pub(crate) fn extend(&mut self, len: u64) {
        if len > self.seen.len() {
            self.set_len(len);
        }
    }

    fn soil(&mut self, pos: u64, len: u64) {
        self.writes += 1;
        self.dirty.extend((pos / SECTOR..(pos + len).div_ceil(SECTOR)).map(|sector| (sector, self.writes)));
    }

    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.seen.len() != self.kept.len()
    }

    /// How much longer it is than on disk.
    pub(crate) fn grown(&self) -> u64 {
        self.seen.len().saturating_sub(self.kept.len())
    }

    /// A sync of everything.
    pub(crate) fn sync(&mut self) {
        self.sync_only(0..u64::MAX);
    }

    /// A sync of some bytes, and of the length that they need.
    pub(crate) fn sync_only(&mut self, bytes: Range<u64>) {
        let sectors = bytes.start / SECTOR..bytes.end.div_ceil(SECTOR);
        let covered: Vec<u64> = self.dirty.range(sectors).map(|(sector, _)| *sector).collect();
        self.keep_len(self.seen.len());
        self.write_back(&covered);
    }

    fn keep_len(&mut self, len: u64) {
        self.kept.set_len(self.kept.len().min(self.least));
        self.kept.set_len(len);
        self.least = len;
    }

    fn write_back(&mut self, sectors: &[u64]) {
        for sector in sectors {
            self.kept.take(&self.seen, *sector);
            self.dirty.remove(sector);
        }
    }

    /// A sync that failed: what was dirty counts as clean and is nowhere.
    pub(crate) fn forget(&mut self) {
        self.dirty.clear();
    }

    /// Some of it is written back although nobody asked.
    pub(crate) fn trickle(&mut self, random: &mut fastrand::Rng) {
        let some: Vec<u64> = self.dirty.keys().copied().filter(|_| random.bool()).collect();
        // What lies beyond the length on disk has no place there yet.
        let within = |sector: &u64| (sector + 1) * SECTOR <= self.kept.len();
        self.write_back(&some.into_iter().filter(within).collect::<Vec<_>>());
    }

    /// What the disk has once the power is back.
    pub(crate) fn survive(mut self, survival: &mut Survival) -> Image {
        if !self.is_dirty() {
            return self.kept;
        }
        let random = &mut survival.random;
        let chosen: Vec<u64> = match survival.files.unwrap_or_else(|| OfFile::draw(random)) {
            OfFile::Nothing => Vec::new(),
            OfFile::All => self.dirty.keys().copied().collect(),
            OfFile::First => {
                let last = random.u64(0..=self.writes);
                self.dirty.iter().filter(|(_, write)| **write <= last).map(|(sector, _)| *sector).collect()
            }
            OfFile::Pages => {
                let seed = random.u64(..);
                let heads =
                    |sector: &&u64| fastrand::Rng::with_seed(seed ^ (**sector * SECTOR / PAGE)).bool();
                self.dirty.keys().filter(heads).copied().collect()
            }
            OfFile::Sectors => self.dirty.keys().copied().filter(|_| random.bool()).collect(),
        };
        let whole = chosen.len() == self.dirty.len();
        let reached = chosen.last().map_or(0, |sector| (sector + 1) * SECTOR);
        let len = match survival.lengths(whole) {
            // The length's own update is lost, and whatever lay behind it.
            0 => self.kept.len(),
            // It came as far as the data did.
            1 => self.seen.len().min(reached.max(self.least.min(self.kept.len()))),
            _ => self.seen.len(),
        };
        if len != self.kept.len() {
            self.keep_len(len);
        }
        let kept_len = self.kept.len();
        self.write_back(&chosen);
        // Sectors beyond the end are nobody's.
        self.kept.set_len(kept_len);
        survival.lost += self.dirty.len() as u64;
        survival.survived += chosen.len() as u64;
        self.kept
    }
}

#[cfg(test)]
mod tests;
