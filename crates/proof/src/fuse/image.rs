//! The bytes of one file, sparse: a page that is not there is zeros. Copies share their pages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a page cache writes at once.
pub(crate) const PAGE: u64 = 4096;
/// What a disk writes whole or not at all.
pub(crate) const SECTOR: u64 = 512;

type Page = [u8; PAGE as usize];
static ZEROS: Page = [0; PAGE as usize];

/// Bytes and their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pages: BTreeMap<u64, Arc<Page>>,
    len: u64,
}

/// A stretch of bytes cut where pages end: number of the page, bytes within it.
fn pieces(pos: u64, len: u64) -> impl Iterator<Item = (u64, Range<usize>)> {
    let end = pos + len;
    (pos / PAGE..end.div_ceil(PAGE)).map(move |page| {
        let from = pos.max(page * PAGE) - page * PAGE;
        let to = end.min((page + 1) * PAGE) - page * PAGE;
        (page, from as usize..to as usize)
    })
}

impl Image {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What is there, at most so many bytes.
    pub(crate) fn read(&self, pos: u64, most: u64) -> Vec<u8> {
        let len = most.min(self.len.saturating_sub(pos));
        let mut bytes = Vec::with_capacity(len as usize);
        for (page, within) in pieces(pos, len) {
            bytes.extend_from_slice(&self.pages.get(&page).map_or(&ZEROS, |page| &**page)[within]);
        }
        bytes
    }

    /// Writes, beyond the end too.
    pub(crate) fn write(&mut self, pos: u64, bytes: &[u8]) {
        let mut rest = bytes;
        for (page, within) in pieces(pos, bytes.len() as u64) {
            let (piece, after) = rest.split_at(within.len());
            rest = after;
            if self.pages.contains_key(&page) || *piece != ZEROS[within.clone()] {
                let page = self.pages.entry(page).or_insert_with(|| Arc::new(ZEROS));
                Arc::make_mut(page)[within].copy_from_slice(piece);
            }
        }
        self.len = self.len.max(pos + bytes.len() as u64);
    }

    /// Cuts, or extends with zeros; nothing lies beyond the end afterwards.
    pub(crate) fn set_len(&mut self, len: u64) {
        // Also what was taken over from beyond the end goes.
        drop(self.pages.split_off(&len.div_ceil(PAGE)));
        if !len.is_multiple_of(PAGE)
            && let Some(page) = self.pages.get_mut(&(len / PAGE))
        {
            Arc::make_mut(page)[(len % PAGE) as usize..].fill(0);
        }
        self.len = len;
    }

    /// Takes a sector over, wherever the end is.
    pub(crate) fn take(&mut self, from: &Self, sector: u64) {
        let (page, at) = (sector * SECTOR / PAGE, (sector * SECTOR % PAGE) as usize);
        let within = at..at + SECTOR as usize;
        let theirs = from.pages.get(&page);
        if theirs.is_none() && !self.pages.contains_key(&page) {
            return;
        }
        let ours = self.pages.entry(page).or_insert_with(|| Arc::new(ZEROS));
        Arc::make_mut(ours)[within.clone()].copy_from_slice(&theirs.map_or(&ZEROS, |page| &**page)[within]);
    }

    /// Whether a stretch has pages at all; one that has none is zeros.
    pub(crate) fn has_any(&self, pos: u64, len: u64) -> bool {
        self.pages.range(pos / PAGE..(pos + len).div_ceil(PAGE)).next().is_some()
    }

    /// The pages that are there, with their places; what lies beyond the end is cut.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pages.iter().filter(|(page, _)| **page * PAGE < self.len).map(|(page, bytes)| {
            let len = PAGE.min(self.len - page * PAGE) as usize;
            (page * PAGE, &bytes[..len])
        })
    }
}
