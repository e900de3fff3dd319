//! A foreign store, read from its first file to its last.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::decode::{Decode, Out};
use super::frames::{Frames, Piece};
use super::pages::Pages;
use super::receipt::{Loss, Receipt};
use super::root::{Entry, Listing, Root};
use super::{Found, Place};

/// An item, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<T> {
    /// Where.
    pub place: Place,
    /// The item.
    pub item: T,
}

/// A reading of a foreign store: what it finds, in the store's order, and what that comes to.
pub trait Foreign: Iterator<Item = Found<Self::Taken>> {
    /// What it gives.
    type Taken;

    /// What it comes to so far; at the end of the iteration, all of it.
    fn receipt(&self) -> &Receipt;

    /// How many bytes its data files had when it began.
    fn total_bytes(&self) -> u64;
}

/// A reading of the files of one format.
#[derive(Debug)]
pub(super) struct Reading<D: Decode> {
    root: Root,
    format: D,
    files: VecDeque<Entry>,
    current: Option<(Entry, Frames)>,
    found: VecDeque<Found<D::Taken>>,
    receipt: Receipt,
    total_bytes: u64,
}

impl<D: Decode> Reading<D> {
    /// Reads these files of `root`, in their order; `listing` has lost what is told first.
    pub(super) fn over(root: Root, format: D, files: Vec<Entry>, losses: Vec<Loss>) -> Self {
        let mut receipt = Receipt::new(format.format());
        let total_bytes = files.iter().map(|file| file.bytes).sum();
        let mut found = VecDeque::new();
        let mut out = Out { found: &mut found, receipt: &mut receipt };
        losses.into_iter().for_each(|loss| out.lose(loss));
        Self { root, format, files: files.into(), current: None, found, receipt, total_bytes }
    }

    pub(super) fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    pub(super) fn receipt_mut(&mut self) -> &mut Receipt {
        &mut self.receipt
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Goes on until something is found. False at the end of the last file.
    fn step(&mut self) -> bool {
        let Some((entry, frames)) = &mut self.current else {
            let Some(entry) = self.files.pop_front() else { return false };
            self.open(entry);
            return true;
        };
        let mut out = Out { found: &mut self.found, receipt: &mut self.receipt };
        match frames.next(&self.format) {
            Some(Piece::Frame { at, len }) => {
                let place = Place { file: Arc::clone(&entry.path), offset: at, bytes: len, index: 0 };
                let taken = match frames.pages.get(at, usize::try_from(len).unwrap_or(usize::MAX)) {
                    Ok(bytes) => self.format.take(&place, bytes, &mut out),
                    Err(error) => Err(format!("it cannot be read: {error}")),
                };
                match taken {
                    Ok(()) => out.receipt.kept_bytes += len,
                    Err(reason) => {
                        out.receipt.lost_bytes += len;
                        let file = Arc::clone(&entry.path);
                        out.lose(Loss { file, offset: at, bytes: len, items: Some(1), reason });
                    }
                }
            }
            Some(Piece::Gap { at, len, reason }) => {
                let header = self.format.gap(&mut frames.pages, at, len).unwrap_or(0).min(len);
                out.receipt.kept_bytes += header;
                if header < len {
                    let (offset, bytes) = (at + header, len - header);
                    out.receipt.lost_bytes += bytes;
                    let file = Arc::clone(&entry.path);
                    out.lose(Loss { file, offset, bytes, items: None, reason });
                }
            }
            None => {
                self.format.end(entry, &mut out);
                self.current = None;
            }
        }
        // What was read is what counts, should a file have been cut or have grown since it was listed.
        self.receipt.bytes = self.receipt.kept_bytes + self.receipt.lost_bytes;
        true
    }

    fn open(&mut self, entry: Entry) {
        let mut out = Out { found: &mut self.found, receipt: &mut self.receipt };
        let opened = self.root.file(&entry.path).and_then(Pages::of).and_then(|mut pages| {
            let begin = self.format.begin(&entry, &mut pages, &mut out)?.min(pages.len());
            Ok((pages, begin))
        });
        match opened {
            Ok((pages, begin)) => {
                out.receipt.files += 1;
                out.receipt.kept_bytes += begin;
                self.current = Some((entry, Frames::new(pages, begin)));
            }
            Err(error) => {
                out.receipt.lost_bytes += entry.bytes;
                let reason = format!("the file cannot be read: {error}");
                out.lose(Loss { file: entry.path, offset: 0, bytes: entry.bytes, items: None, reason });
            }
        }
        self.receipt.bytes = self.receipt.kept_bytes + self.receipt.lost_bytes;
    }
}

impl<D: Decode> Iterator for Reading<D> {
    type Item = Found<D::Taken>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Some(found);
            }
            if !self.step() {
                return None;
            }
        }
    }
}

/// A public reading of one format: an iterator with a receipt.
macro_rules! reading {
    ($name:ident, $decoder:ty, $item:ty) => {
        impl Iterator for $name {
            type Item = $crate::foreign::Found<$item>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next()
            }
        }

        impl $crate::foreign::Foreign for $name {
            type Taken = $item;

            fn receipt(&self) -> &$crate::foreign::Receipt {
                self.0.receipt()
            }

            fn total_bytes(&self) -> u64 {
                self.0.total_bytes()
            }
        }
    };
}
pub(super) use reading;

/// Sorts the files of a listing: data, by what `key` gives; others, which are noted.
pub(super) fn sorted<K: Ord>(
    listing: Listing,
    key: impl Fn(&Entry) -> Option<K>,
) -> (Vec<Entry>, Vec<Arc<Path>>, Vec<Loss>) {
    let (mut data, mut others) = (Vec::new(), Vec::new());
    for entry in listing.files {
        match key(&entry) {
            Some(key) => data.push((key, entry)),
            None => others.push(entry.path),
        }
    }
    data.sort();
    (data.into_iter().map(|(_, entry)| entry).collect(), others, listing.losses)
}
