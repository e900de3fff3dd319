//! What a format says of its frames.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::pages::Pages;
use super::receipt::{Format, Loss, Note, Receipt};
use super::root::Entry;
use super::{Found, MAX_FRAME, Place, Placed};

/// What stands at a place, as far as a glance tells.
#[derive(Debug)]
pub(super) enum Claim {
    /// The beginning of a frame of so many bytes, all of them in the file, and no more than a frame may have.
    Frame(u64),
    /// The beginning of one that the file does not hold whole, or whose length is damaged.
    Torn(String),
    /// No frame.
    None(String),
}

impl Claim {
    /// A frame of `len` bytes at `at`, if it can be one.
    pub(super) fn of(len: u64, at: u64, pages: &Pages) -> Self {
        if len > MAX_FRAME {
            return Self::Torn(format!("it claims {len} bytes, and no frame has more than {MAX_FRAME}"));
        }
        let left = pages.len().saturating_sub(at);
        if len > left {
            return Self::Torn(format!(
                "it claims {len} bytes where {left} are left: it is torn, or its length is damaged"
            ));
        }
        Self::Frame(len)
    }

    /// Too little for the beginning of a frame.
    pub(super) fn short(left: usize) -> Self {
        Self::Torn(format!("{left} bytes are left, too few for a frame"))
    }
}

/// A format: where frames begin, whether one verifies, and what is in it.
pub(super) trait Decode {
    /// What a frame gives.
    type Taken;

    /// Whose it is.
    fn format(&self) -> Format;

    /// Whether what stands at `at`, behind damage, may be the image of a frame within the payload of another one.
    fn nests(&self, at: u64) -> bool;

    /// A file begins. Says where its first frame is expected: what stands before it is its header, and kept.
    fn begin(&mut self, file: &Entry, pages: &mut Pages, out: &mut Out<'_, Self::Taken>) -> io::Result<u64>;

    /// What stands at `at`.
    fn claim(&self, pages: &mut Pages, at: u64) -> io::Result<Claim>;

    /// Whether these bytes, which were claimed, verify.
    fn verify(&self, frame: &[u8]) -> Result<(), String>;

    /// What is in a frame that verifies. The reason, if it gives nothing.
    fn take(&mut self, place: &Place, frame: &[u8], out: &mut Out<'_, Self::Taken>) -> Result<(), String>;

    /// A gap of `len` bytes at `at` is told. Says how many of its first bytes are the file's header after all.
    fn gap(&mut self, pages: &mut Pages, at: u64, len: u64) -> io::Result<u64>;

    /// The file ends.
    fn end(&mut self, file: &Entry, out: &mut Out<'_, Self::Taken>);
}

/// Where a format puts what it finds.
pub(super) struct Out<'a, T> {
    pub(super) found: &'a mut VecDeque<Found<T>>,
    pub(super) receipt: &'a mut Receipt,
}

impl<T> Out<'_, T> {
    pub(super) fn item(&mut self, place: Place, item: T) {
        self.receipt.items += 1;
        self.found.push_back(Found::Item(Placed { place, item }));
    }

    pub(super) fn lose(&mut self, loss: Loss) {
        self.receipt.lose(&loss);
        self.found.push_back(Found::Lost(loss));
    }

    /// Something of a frame, the rest of which is taken.
    pub(super) fn lose_part(&mut self, place: &Place, items: u64, reason: String) {
        let (file, offset) = (Arc::clone(&place.file), place.offset);
        self.lose(Loss { file, offset, bytes: 0, items: Some(items), reason });
    }

    pub(super) fn note(&mut self, note: Note, file: &Arc<Path>, offset: u64) {
        self.receipt.note(note, file, offset);
    }
}
