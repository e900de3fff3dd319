//! A plain grouped loop: the first to come writes for all who came meanwhile, over zeros, with one fdatasync.
//!
//! ```text
//!   arrive -> first of the next group? -> wait on `lead`  ---.
//!          `-> one more of it         -> wait on `done`      |
//!   leader: take the group, write, sync, wake the next leader, wake the own group
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::file::{self, Ring};
use super::single::ZEROED_BYTES;
use crate::contender::{Contender, Hand, Log, Promise, Room};
use crate::outcome::Outcome;
use crate::work::Work;

/// Leader and followers over a zero-filled file.
pub(crate) struct RawGroup;

impl Contender for RawGroup {
    fn name(&self) -> &'static str {
        "raw-group"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { durable: true, ..Promise::BARE }
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        matches!(work, Work::Durable | Work::DurableHogs | Work::DurableThink) && threads > 1
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        let file = file::zeroed(&dir.join("raw"), ZEROED_BYTES)?;
        Ok(Box::new(Group {
            file,
            state: Mutex::new(State {
                queue: Vec::new(),
                spare: Vec::new(),
                ring: Ring::new(ZEROED_BYTES),
                collecting: 1,
                done: 0,
                writing: false,
                failed: false,
            }),
            lead: Condvar::new(),
            followers: [Condvar::new(), Condvar::new()],
        }))
    }
}

struct Group {
    file: File,
    state: Mutex<State>,
    lead: Condvar,
    /// By the group's parity, so that a group that is done wakes nobody else.
    followers: [Condvar; 2],
}

struct State {
    queue: Vec<u8>,
    spare: Vec<u8>,
    ring: Ring,
    /// The number of the group that gathers now.
    collecting: u64,
    /// The last group that is durable.
    done: u64,
    writing: bool,
    failed: bool,
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, payload: &[u8]) -> Outcome<()> {
        let mut state = self.lock();
        let first = state.queue.is_empty();
        state.queue.extend_from_slice(payload);
        let mine = state.collecting;
        if first {
            while state.writing {
                state = self.lead.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            self.write_group(state, mine)
        } else {
            let done = &self.followers[mine as usize % 2];
            while state.done < mine && !state.failed {
                state = done.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            verdict(&state)
        }
    }

    fn write_group(&self, mut state: MutexGuard<'_, State>, mine: u64) -> Outcome<()> {
        state.writing = true;
        state.collecting = mine + 1;
        let spare = std::mem::take(&mut state.spare);
        let mut group = std::mem::replace(&mut state.queue, spare);
        let at = state.ring.take(group.len());
        drop(state);
        let written = self.file.write_all_at(&group, at).and_then(|()| self.file.sync_data());
        group.clear();
        let mut state = self.lock();
        state.spare = group;
        state.writing = false;
        state.failed |= written.is_err();
        state.done = mine;
        let verdict = verdict(&state);
        drop(state);
        self.lead.notify_one();
        self.followers[mine as usize % 2].notify_all();
        verdict
    }
}

fn verdict(state: &State) -> Outcome<()> {
    if state.failed { Err("a group could not be written".into()) } else { Ok(()) }
}

impl Log for Group {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Member(self)))
    }
}

struct Member<'a>(&'a Group);

impl Hand for Member<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.0.append(payload)
    }
}
