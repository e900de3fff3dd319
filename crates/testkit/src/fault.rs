//! A disk whose calls fail when a test says so, around any other disk.
//!
//!   call -> the first [`Fault`] that waits for it -> its [`Outcome`], else the disk behind
//!
//! A fault that never happened proves nothing: a test asserts [`FaultDisk::fired`].

use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::{Disk, DiskFile, Held, Listed, Mode, Other, Written};

use crate::calls::{Call, CallLog};

/// A fault that waits to happen: which calls it is for, which of them it hits, and what they get.
#[derive(Clone, Debug)]
pub struct Fault {
    outcome: Outcome,
    calls: Vec<Call>,
    suffix: Option<String>,
    bytes: Option<Range<u64>>,
    first: u64,
    times: u64,
    met: u64,
}

/// What a call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It fails and does nothing.
    Error(io::ErrorKind),
    /// It is done, and reported as failed.
    ErrorAfter(io::ErrorKind),
    /// It reads or writes this many bytes at most; other calls are done as ever. Zero is what a broken disk does.
    Short(usize),
    /// It fails with this number of the operating system, and does nothing.
    Os(i32),
    /// It is done, and reported as failed with this number.
    OsAfter(i32),
    /// It reads or writes half of what it is asked for, at least one byte; other calls are done as ever.
    Half,
    /// It panics and does nothing, without a word of the panic hook.
    Panic,
}

/// What an injected panic says.
pub const PANIC: &str = "injected panic of the disk";

impl Fault {
    /// Hits the first of these kinds of calls, once. No kind at all means every kind.
    #[must_use]
    pub fn of(calls: &[Call], outcome: Outcome) -> Self {
        Self { outcome, calls: calls.to_vec(), suffix: None, bytes: None, first: 1, times: 1, met: 0 }
    }

    /// Hits the `nth` call it is for (counted from 1, from when it is injected) instead of the first.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { first: nth, ..self }
    }

    /// Hits this many calls in a row instead of one.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Hits that call and all later ones.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(u64::MAX)
    }

    /// Is only for paths that end in `suffix`.
    #[must_use]
    pub fn on(self, suffix: impl Into<String>) -> Self {
        Self { suffix: Some(suffix.into()), ..self }
    }

    /// Is only for reads and writes that touch these bytes of a file: a bad place on the medium.
    #[must_use]
    pub fn at(self, bytes: Range<u64>) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    fn hits(&mut self, call: Call, path: &Path, touched: Option<&Range<u64>>) -> bool {
        let meant = (self.calls.is_empty() || self.calls.contains(&call))
            && self.suffix.as_ref().is_none_or(|suffix| path.to_string_lossy().ends_with(suffix.as_str()))
            && self.bytes.as_ref().is_none_or(|bytes| {
                touched.is_some_and(|touched| touched.start < bytes.end && bytes.start < touched.end)
            });
        self.met += u64::from(meant);
        meant && self.met >= self.first && self.met - self.first < self.times
    }
}

/// A disk whose calls fail as told. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct FaultDisk<D> {
    disk: D,
    plan: Plan,
}

#[derive(Clone, Debug, Default)]
struct Plan(Arc<Mutex<Planned>>);

#[derive(Debug, Default)]
struct Planned {
    faults: Vec<Fault>,
    calls: CallLog,
    fired: u64,
}

impl<D: Disk> FaultDisk<D> {
    /// A disk that does what `disk` does, until faults are injected.
    #[must_use]
    pub fn new(disk: D) -> Self {
        Self { disk, plan: Plan::default() }
    }

    /// The disk behind.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Lets a fault wait for its call. If several wait for the same call, the one injected first has it.
    pub fn inject(&self, fault: Fault) {
        self.plan.planned().faults.push(fault);
    }

    /// Takes every fault away that still waits.
    pub fn heal(&self) {
        self.plan.planned().faults.clear();
    }

    /// How many calls were hit.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.plan.planned().fired
    }

    /// How many calls of one kind there were, failed ones included.
    #[must_use]
    pub fn count(&self, call: Call) -> u64 {
        self.plan.planned().calls.count(call)
    }
}

impl Plan {
    fn planned(&self) -> MutexGuard<'_, Planned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self, call: Call, path: &Path, touched: Option<&Range<u64>>) -> Option<Outcome> {
        let mut planned = self.planned();
        planned.calls.note(call);
        let mut outcome = None;
        for fault in &mut planned.faults {
            // Every fault counts the call, though only one can have it.
            if fault.hits(call, path, touched) && outcome.is_none() {
                outcome = Some(fault.outcome);
            }
        }
        planned.fired += u64::from(outcome.is_some());
        outcome
    }

    /// A call that is made or fails as a whole.
    fn whole<T>(&self, call: Call, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.outcome(call, path, None) {
            None | Some(Outcome::Short(_) | Outcome::Half) => make(),
            Some(Outcome::Panic) => resume_unwind(Box::new(PANIC)),
            Some(Outcome::Os(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Outcome::OsAfter(number)) => make().and(Err(io::Error::from_raw_os_error(number))),
            Some(Outcome::Error(kind)) => Err(failure(kind, call, path)),
            Some(Outcome::ErrorAfter(kind)) => make().and(Err(failure(kind, call, path))),
        }
    }

    /// A call that moves `len` bytes or fewer at `pos`.
    fn partial(
        &self,
        call: Call,
        path: &Path,
        (pos, len): (u64, usize),
        make: impl FnOnce(usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self.outcome(call, path, Some(&(pos..pos.saturating_add(len as u64)))) {
            None => make(len),
            Some(Outcome::Panic) => resume_unwind(Box::new(PANIC)),
            Some(Outcome::Half) => make(len.div_ceil(2)),
            Some(Outcome::Short(0)) => Ok(0),
            Some(Outcome::Short(most)) => make(len.min(most)),
            Some(Outcome::Os(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Outcome::OsAfter(number)) => make(len).and(Err(io::Error::from_raw_os_error(number))),
            Some(Outcome::Error(kind)) => Err(failure(kind, call, path)),
            Some(Outcome::ErrorAfter(kind)) => make(len).and(Err(failure(kind, call, path))),
        }
    }
}

impl<D: Disk> Disk for FaultDisk<D> {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.plan.whole(Call::CreateDir, path, || self.disk.create_dir(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        self.plan.whole(Call::List, path, || self.disk.list(path))
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let file = self.plan.whole(Call::Open, path, || self.disk.open(path, mode))?;
        Ok(Box::new(FaultFile { file, plan: self.plan.clone(), path: path.to_owned() }))
    }

    fn list_others(&self, path: &Path) -> io::Result<Vec<Other>> {
        self.plan.whole(Call::List, path, || self.disk.list_others(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.plan.whole(Call::RemoveDir, path, || self.disk.remove_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.whole(Call::Rename, from, || self.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plan.whole(Call::Remove, path, || self.disk.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.plan.whole(Call::SyncDir, path, || self.disk.sync_dir(path))
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        self.plan.whole(Call::Lock, path, || self.disk.lock(path, holder))
    }
}

#[derive(Debug)]
struct FaultFile {
    file: Box<dyn DiskFile>,
    plan: Plan,
    path: PathBuf,
}

impl DiskFile for FaultFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let len = buf.len();
        self.plan.partial(Call::Read, &self.path, (pos, len), |most| self.file.read_at(&mut buf[..most], pos))
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.plan
            .partial(Call::Write, &self.path, (pos, buf.len()), |most| self.file.write_at(&buf[..most], pos))
    }

    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        let (len, mut is_durable) = (buf.len(), false);
        let bytes = self.plan.partial(Call::Write, &self.path, (pos, len), |most| {
            let written = self.file.write_blocks(&buf[..most], pos, durable)?;
            is_durable = written.durable;
            Ok(written.bytes)
        })?;
        if is_durable {
            // The sync that came along, reported as a call of its own.
            self.plan.whole(Call::Sync, &self.path, || Ok(()))?;
        }
        Ok(Written { bytes, durable: is_durable })
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.whole(Call::Sync, &self.path, || self.file.sync())
    }

    fn len(&self) -> io::Result<u64> {
        self.plan.whole(Call::Len, &self.path, || self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.plan.whole(Call::SetLen, &self.path, || self.file.set_len(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.plan.whole(Call::Allocate, &self.path, || self.file.allocate(len))
    }
}

fn failure(kind: io::ErrorKind, call: Call, path: &Path) -> io::Error {
    io::Error::new(kind, format!("{}: {call:?}: injected fault: {kind}", path.display()))
}

#[cfg(test)]
mod tests;
