//! Stretches of a segment in a line, read by whoever comes first and given out in order.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use annals_record::{Batch, Offset, Place, ReadLimit};

use crate::catalog::{self, Segment};
use crate::disk::DiskFile;
use crate::error::Error;
use crate::groups::Groups;
use crate::source::Source;

/// A stretch is read whole.
const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

/// What a table says is not believed beyond this: whatever is really there makes the memory grow.
const MOST_AT_ONCE: usize = 4 << 20;

/// Whole groups of a sealed segment.
pub(super) struct Stretch {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    from: Offset,
    to: Offset,
}

/// Cuts what a sealed segment holds from `from` on into stretches of at least `bytes`, where its table says that groups
/// begin.
pub(super) fn cut(
    source: &Source,
    segment: &Arc<Segment>,
    from: Offset,
    bytes: u64,
) -> Result<VecDeque<Stretch>, Error> {
    let failed = |error| Error::io("read", &segment.path, error);
    let mut stretches = VecDeque::new();
    let Ok(header) = &segment.header else { return Ok(stretches) };
    let file = source.open(segment)?;
    let Ok(seal) = catalog::read_seal(&*file, header).map_err(failed)? else { return Ok(stretches) };
    let mut at = from;
    let starts = seal.table.iter().map(|distance| Offset::new(header.base.get().saturating_add(*distance)));
    let mut push = |from: Offset, to: Offset| {
        stretches.push_back(Stretch { segment: Arc::clone(segment), file: Arc::clone(&file), from, to });
    };
    for start in starts.filter(|start| *start < seal.end) {
        if start.get() >= at.get().saturating_add(bytes) {
            push(at, start);
            at = start;
        }
    }
    if at < seal.end {
        push(at, seal.end);
    }
    Ok(stretches)
}

/// What a stretch is read into.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Stretch {
    /// Reads it; whether it is whole groups that verify.
    fn read(&self, memory: &mut Memory) -> bool {
        let Ok(header) = &self.segment.header else { return false };
        memory.places.clear();
        let len = usize::try_from(self.to.get() - self.from.get()).unwrap_or(MOST_AT_ONCE);
        let len = len.min(MOST_AT_ONCE).next_power_of_two();
        if memory.bytes.len() < len {
            // At once, and zeros already: memory that grows with its pieces is copied and cleared.
            memory.bytes = vec![0; len];
        }
        let groups = Groups { file: &*self.file, header, end: self.to, limit: ALL };
        let look = groups.look(self.from, &mut memory.bytes, &mut memory.places, |_| {});
        let look: io::Result<bool> = look.map(|look| look.bad.is_none() && look.next == self.to);
        look.unwrap_or(false)
    }
}

/// One place in the line.
enum Slot {
    Waits(Arc<Stretch>),
    /// Somebody reads it.
    Taken(Offset),
    Read(Offset, Memory),
    Bad(Offset),
}

/// What stands at the head of the line.
pub(super) enum Front {
    /// It is in the batch; it ends here.
    Given(Offset),
    /// It does not verify, or cannot be read; it ends here.
    Bad(Offset),
    /// The line is empty.
    Nothing,
}

#[derive(Default)]
struct State {
    slots: VecDeque<Slot>,
    /// The number of the first slot, counted from the beginning.
    first: u64,
    spare: Vec<Memory>,
    /// How many threads sleep.
    idle: usize,
    stopped: bool,
}

/// Stretches in order.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    /// Where the last one ends.
    pub(super) fn end(&self) -> Option<Offset> {
        self.lock().slots.back().map(|slot| match slot {
            Slot::Waits(stretch) => stretch.to,
            Slot::Taken(to) | Slot::Read(to, _) | Slot::Bad(to) => *to,
        })
    }

    pub(super) fn push(&self, stretch: Option<Stretch>) {
        let mut state = self.lock();
        state.slots.extend(stretch.map(|stretch| Slot::Waits(Arc::new(stretch))));
        if state.idle > 0 {
            self.changed.notify_one();
        }
    }

    /// Forgets all of them. What is being read goes nowhere.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.first += state.slots.len() as u64;
        state.slots.clear();
    }

    /// The first stretch, in the place of what `batch` held. Reads others while somebody else reads it.
    pub(super) fn front(&self, batch: &mut Batch) -> Front {
        let mut state = self.lock();
        loop {
            match state.slots.pop_front() {
                None => return Front::Nothing,
                Some(Slot::Read(to, memory)) => {
                    state.first += 1;
                    let (bytes, places) = batch.take_parts();
                    state.spare.push(Memory { bytes, places });
                    drop(state);
                    *batch = Batch::new(memory.bytes, memory.places, to);
                    return Front::Given(to);
                }
                Some(Slot::Bad(to)) => {
                    state.first += 1;
                    return Front::Bad(to);
                }
                Some(slot) => state.slots.push_front(slot),
            }
            state = match self.read_one(state) {
                Ok(state) => state,
                Err(state) => self.sleep(state),
            };
        }
    }

    /// Reads stretches until it is stopped.
    pub(super) fn work(&self) {
        let mut state = self.lock();
        while !state.stopped {
            state = match self.read_one(state) {
                Ok(state) => state,
                Err(state) => self.sleep(state),
            };
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Reads the first stretch that waits, without the lock; `Err` if none does.
    fn read_one<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, MutexGuard<'a, State>> {
        let waiting = state.slots.iter().enumerate().find_map(|(i, slot)| match slot {
            Slot::Waits(stretch) => Some((i, Arc::clone(stretch))),
            _ => None,
        });
        let Some((i, stretch)) = waiting else { return Err(state) };
        state.slots[i] = Slot::Taken(stretch.to);
        let taken = Taken { line: self, number: state.first + i as u64, to: stretch.to };
        let mut memory = state.spare.pop().unwrap_or_default();
        drop(state);
        let verifies = stretch.read(&mut memory);
        Ok(taken.end(verifies, memory))
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.idle += 1;
        let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stretch that is being read. If its reader panics it is bad: whoever waits for it goes on.
struct Taken<'a> {
    line: &'a Line,
    number: u64,
    to: Offset,
}

impl<'a> Taken<'a> {
    fn end(self, verifies: bool, memory: Memory) -> MutexGuard<'a, State> {
        let state = self.settle(if verifies { Slot::Read(self.to, memory) } else { Slot::Bad(self.to) });
        std::mem::forget(self);
        state
    }

    fn settle(&self, slot: Slot) -> MutexGuard<'a, State> {
        let mut state = self.line.lock();
        // The line may have been cleared meanwhile.
        if let Some(place) = self.number.checked_sub(state.first)
            && let Some(taken) = state.slots.get_mut(place as usize)
        {
            *taken = slot;
        } else if let Slot::Read(_, memory) = slot {
            state.spare.push(memory);
        }
        if state.idle > 0 {
            self.line.changed.notify_all();
        }
        state
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        drop(self.settle(Slot::Bad(self.to)));
    }
}

#[cfg(test)]
mod tests;
