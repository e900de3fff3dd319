//! What is done to sealed segments, one at a time, by one thread for all streams: their times are noted beside them, and they
//! are encoded.
//!
//! ```text
//!   {base}.wal -> {base}.wal.encoded.tmp, synced -> decoded, compared with every byte -> renamed over {base}.wal -> synced
//! ```
//!
//! E1: until the rename the plain segment stands, and after it the encoded one, whole and durable: a power cut leaves one of
//! them under the name, and what it leaves besides goes with the next open.
//! E2: only what another segment follows is encoded: what is written to is plain, and a journal's end never has to be
//! looked for in an encoded file.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use annals_journal::{DiskFile, Mode, RosterEntry};

use crate::codec::{self, Codec, CodecError, Writing};
use crate::error::Error;
use crate::partitioned::{ENCODED, Partitioned};
use crate::pool::Entry;
use crate::root::Core;
use crate::span;

/// A segment that was encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reencoded {
    /// The stream.
    pub stream: String,
    /// The offset of the segment's first frame.
    pub base: annals_journal::Offset,
    /// In which form it is now.
    pub codec: Codec,
    /// How many bytes it has as the journal reads it.
    pub bytes: u64,
    /// How many its file has now.
    pub stored_bytes: u64,
}

/// What the thread is to look at.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Entry>>,
    thread: Option<JoinHandle<()>>,
    is_over: bool,
}

impl Worker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There will be nothing more to do: returns once nothing is done any more, unless the thread itself asks.
    pub(crate) fn end(&self) {
        let thread = {
            let mut state = self.lock();
            state.is_over = true;
            state.waiting.clear();
            state.thread.take()
        };
        self.changed.notify_one();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It has told of its errors.
            let _ = thread.join();
        }
    }

    fn next(&self) -> Option<Arc<Entry>> {
        let waits = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front()
    }
}

fn work(worker: &Worker, core: &Weak<Core>) {
    while let Some(entry) = worker.next() {
        entry.noted.store(false, Ordering::SeqCst);
        let Some(core) = core.upgrade() else { return };
        match core.tend(&entry) {
            Ok(_) | Err(Error::Closed | Error::NoStream { .. }) => {}
            // It is tried again with the next segment, or the next open.
            Err(error) => tracing::warn!(stream = %entry.name, %error, "left as it is"),
        }
    }
}

impl Core {
    /// Something of the stream may be sealed that nobody has looked at.
    pub(crate) fn note(self: &Arc<Self>, entry: &Arc<Entry>) {
        if !self.options.background || entry.noted.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut state = self.worker.lock();
        if state.is_over {
            return;
        }
        if state.thread.is_none() {
            let (core, worker) = (Arc::downgrade(self), Arc::clone(&self.worker));
            let named = std::thread::Builder::new().name("annals-worker".to_owned());
            match named.spawn(move || work(&worker, &core)) {
                Ok(thread) => state.thread = Some(thread),
                Err(error) => {
                    tracing::warn!(%error, "sealed segments are not encoded: no thread can be started");
                    entry.noted.store(false, Ordering::SeqCst);
                    return;
                }
            }
        }
        state.waiting.push_back(Arc::clone(entry));
        drop(state);
        self.worker.changed.notify_one();
    }

    /// Notes the times of what is sealed, and encodes it as the stream's settings say.
    pub(crate) fn tend(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Vec<Reencoded>, Error> {
        let wanted = self.settings_of(entry)?.codec;
        let mut encoded = Vec::new();
        let mut unworthy = entry.unworthy.lock().unwrap_or_else(PoisonError::into_inner);
        let sealed = {
            let source = self.source_of(entry)?;
            let sealed = source.sealed().map_err(|error| Error::of(entry.name.as_str(), error))?;
            for segment in &sealed {
                span::written(self, &entry.name, &source, segment)?;
            }
            sealed
        };
        for segment in sealed {
            let base = segment.base.get();
            if wanted == Codec::Plain || !is_sound(&segment) || unworthy.contains(&(wanted, base)) {
                continue;
            }
            // One lease a segment: nobody waits for more than that.
            let lease = self.lease(entry)?;
            if lease.disk.place(base).is_ok_and(|place| place.codec == wanted) {
                continue;
            }
            let failed = |source| {
                let (stream, source) = (entry.name.to_string(), Arc::new(source));
                Error::Codec { stream, base: segment.base, source }
            };
            match encode(&lease.disk, base, wanted, &|| self.is_closed()).map_err(failed)? {
                Some((bytes, stored_bytes)) => {
                    let stream = entry.name.to_string();
                    tracing::debug!(%stream, base, codec = %wanted, bytes, stored_bytes, "encoded");
                    encoded.push(Reencoded {
                        stream,
                        base: segment.base,
                        codec: wanted,
                        bytes,
                        stored_bytes,
                    });
                }
                None => drop(unworthy.insert((wanted, base))),
            }
        }
        Ok(encoded)
    }
}

/// Whether a segment verifies as far as its header and its seal tell.
fn is_sound(segment: &RosterEntry) -> bool {
    segment.sealed && segment.flaw.is_none() && segment.chain.is_some() && !segment.lost
}

/// Encodes a segment; its lengths, plain and stored. None if it stays as it is: its file would not become smaller, or the
/// segment was purged meanwhile.
fn encode(
    disk: &Partitioned,
    base: u64,
    codec: Codec,
    is_over: &dyn Fn() -> bool,
) -> Result<Option<(u64, u64)>, CodecError> {
    let place = disk.place(base).map_err(CodecError::Read)?;
    let (path, temporary) = (disk.path(&place, base, ""), disk.path(&place, base, ENCODED));
    let encoded = write(disk, &path, &temporary, codec, is_over);
    let lengths = match encoded {
        Ok((bytes, stored_bytes)) if stored_bytes < place.stored => (bytes, stored_bytes),
        other => {
            // Nobody needs it; should it not go now, it goes with the next open.
            let _ = disk.disk().remove(&temporary);
            return other.map(|_| None);
        }
    };
    let replaced = disk.replace(base, &temporary, lengths.1, codec).inspect_err(|_| {
        // Where it was renamed all the same it is not there.
        let _ = disk.disk().remove(&temporary);
    });
    Ok(replaced.map_err(CodecError::Write)?.then_some(lengths))
}

/// Writes and compares the file that is to take the place of `path`.
fn write(
    disk: &Partitioned,
    path: &Path,
    temporary: &Path,
    codec: Codec,
    is_over: &dyn Fn() -> bool,
) -> Result<(u64, u64), CodecError> {
    let plain = disk.disk().open(path, Mode::Read).and_then(codec::open).map_err(CodecError::Read)?;
    match disk.disk().remove(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(CodecError::Write(error)),
        _ => {}
    }
    let file: Box<dyn DiskFile> = disk.disk().open(temporary, Mode::CreateNew).map_err(CodecError::Write)?;
    let mut to = Until { to: Writing::new(&*file), is_over };
    let encoded = codec::encode(&*plain, &mut to, codec)?;
    to.flush().and_then(|()| file.sync()).map_err(CodecError::Write)?;
    codec::verify(&*plain, &*file)?;
    Ok((encoded.plain_len, encoded.encoded_len))
}

/// Writes until it is over: a root that closes does not wait for a whole segment.
struct Until<'a> {
    to: Writing<'a>,
    is_over: &'a dyn Fn() -> bool,
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.is_over)() {
            return Err(io::Error::other("the root is being closed"));
        }
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
