//! Zeros written ahead of the log's end, so that groups overwrite blocks that exist: a sync that has to note new blocks
//! as well takes twice as long.
//!
//!   [groups ... end)[zeroed: fast)[zeros on their way)[reserved, never written)
//!                   ^ the writer, whoever leads        ^ the keeper, piece by piece
//!
//! Nothing that could be read is changed by it: zeros go where zeros are. The writer never writes where zeros are on
//! their way, and none are once it was told to stop.
//!
//! I6: an error of these writes is the writer's too: it may be the only report of a sync that failed.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::block::{BLOCK, Blocks};
use crate::disk::{self, DiskFile};
use crate::error::is_full;

/// Once fewer zeros than this are ahead of the end, more are written, until there are twice as many. Of a small segment:
/// an eighth of it.
const LEAST: u64 = 8 << 20;
/// What is least is written in so many pieces.
const PIECES: u64 = 2;
/// They begin once so many groups' worth of it were written: a log with few appends needs none.
const BEGIN: u64 = 8;

/// What of the active segment's file was written once.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// None: nothing is to be done.
    file: Option<Arc<dyn DiskFile>>,
    /// The file's length.
    len: u64,
    /// Where the first group since then began.
    first: Option<u64>,
    /// The writer has written below here, or is about to.
    end: u64,
    /// All blocks below here were written once.
    touched: u64,
    /// So were these, further on.
    zeroed: Range<u64>,
    /// Here zeros are on their way.
    busy: Range<u64>,
    error: Option<io::Error>,
    /// This disk has no way past its cache: zeros would only be in the way.
    refused: bool,
}

impl Ahead {
    /// From now on it is about this file of `len` bytes, the first `touched` of which were written.
    pub(crate) fn begin(&self, file: Arc<dyn DiskFile>, len: u64, touched: u64) {
        let mut state = self.lock();
        let refused = state.refused;
        *state = State { file: Some(file), len, touched, refused, ..State::default() };
    }

    /// No more zeros: returns once none are on their way.
    ///
    /// # Errors
    /// What went wrong with zeros.
    pub(crate) fn stop(&self) -> io::Result<()> {
        let mut state = self.free_of(&(0..u64::MAX))?;
        state.file = None;
        Ok(())
    }

    /// The writer is about to write these blocks: waits for zeros on their way to them. Says whether all of them were
    /// written before.
    ///
    /// # Errors
    /// What went wrong with zeros.
    pub(crate) fn claim(&self, blocks: Range<u64>) -> io::Result<bool> {
        let mut state = self.free_of(&blocks)?;
        state.first.get_or_insert(blocks.start);
        state.end = state.end.max(blocks.end);
        Ok(blocks.end <= state.touched)
    }

    /// The writer has written all blocks below `end`, in a file of `len` bytes.
    pub(crate) fn wrote(&self, end: u64, len: u64) {
        let mut state = self.lock();
        state.len = len;
        state.touch(end);
    }

    /// Whether it is time for more zeros.
    pub(crate) fn is_low(&self) -> bool {
        let state = self.lock();
        let begun = state.first.is_some_and(|first| state.end - first >= state.least() / BEGIN);
        begun && state.next(1).is_some()
    }

    /// Whether zeros were of use in this file.
    pub(crate) fn is_used(&self) -> bool {
        let state = self.lock();
        state.file.is_some() && state.zeroed.end > 0
    }

    /// Writes a piece; false if there is enough.
    pub(crate) fn write_some(&self) -> bool {
        let (file, range) = {
            let mut state = self.lock();
            let (Some(file), Some(range)) = (state.file.clone(), state.next(2)) else { return false };
            state.busy = range.clone();
            (file, range)
        };
        let busy = Busy { ahead: self };
        let written = fill(&*file, range);
        busy.end(written);
        true
    }

    /// Waits until no zeros are on their way to `blocks`.
    fn free_of(&self, blocks: &Range<u64>) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| state.busy.start < blocks.end && blocks.start < state.busy.end)
            .unwrap_or_else(PoisonError::into_inner);
        match state.error.take() {
            None => Ok(state),
            Some(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn least(&self) -> u64 {
        LEAST.min(self.len / 8)
    }

    /// All blocks below `end` were written.
    fn touch(&mut self, end: u64) {
        self.touched = self.touched.max(end);
        if self.zeroed.start <= self.touched {
            self.touched = self.touched.max(self.zeroed.end);
        }
    }

    /// The next piece, if there is less than `times` the least ahead.
    fn next(&self, times: u64) -> Option<Range<u64>> {
        let to = self.touched.max(self.zeroed.end);
        if self.file.is_none() || self.refused || to >= self.end + times * self.least() {
            return None;
        }
        // Nothing ahead yet: far enough from the writer, which goes on meanwhile.
        let start = if to > self.end { to } else { self.end + self.least() / 2 };
        let start = start.next_multiple_of(BLOCK as u64);
        let end = (start + self.least() / PIECES).min(self.len) / BLOCK as u64 * BLOCK as u64;
        (start < end).then_some(start..end)
    }
}

/// Zeros on their way. Dropped by a panic only: what became of them is unknown.
struct Busy<'a> {
    ahead: &'a Ahead,
}

impl Busy<'_> {
    fn end(self, written: io::Result<bool>) {
        self.settle(written);
        std::mem::forget(self);
    }

    fn settle(&self, written: io::Result<bool>) {
        let mut state = self.ahead.lock();
        let range = std::mem::take(&mut state.busy);
        match written {
            Ok(past_cache) => {
                state.refused = !past_cache;
                let start = if state.zeroed.end == range.start { state.zeroed.start } else { range.start };
                state.zeroed = start..range.end;
                let touched = state.touched;
                state.touch(touched);
            }
            // What the file system notes of blocks needs space as well: the rest of this file does without.
            Err(error) if is_full(&error) => state.file = None,
            Err(error) => state.error = Some(error),
        }
        drop(state);
        self.ahead.changed.notify_all();
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.settle(Err(io::Error::other("the thread that wrote zeros ahead panicked")));
    }
}

/// Writes zeros durably; whether the disk could do that in one call.
pub(crate) fn fill(file: &dyn DiskFile, range: Range<u64>) -> io::Result<bool> {
    let mut zeros = Blocks::default();
    zeros.fill_to((range.end - range.start) as usize);
    disk::write_all_blocks(file, zeros.as_slice(), range.start, true)
}

/// How many bytes of zeros a segment to come begins with.
pub(crate) fn head_start(len: u64) -> u64 {
    LEAST.min(len / 8) / BLOCK as u64 * BLOCK as u64 * 2
}
