//! Scrub: finished segments are read again and again, slowly, so that rot is found before a reader needs the bytes.
//!
//!   oldest sealed segment -> groups, CRC and BLAKE3 -> seal -> next segment ... -> pause -> again
//!
//! C1: it only reads, and what it finds is an error in the trace and a line of the status, never a change.
//! C2: a bad place on the medium is damage, too, and is not asked again before the next pass; a segment that retention removes while it is read is no error.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use annals_record::{Kind, Offset};

use crate::catalog::Segment;
use crate::clock::Clock;
use crate::disk::Mode;
use crate::error::{Damage, Error};
use crate::inspection::{Inspection, Subject};
use crate::journal::Journal;
use crate::source::{Source, whole};

/// How much the thread reads before it looks whether it should stop: a tenth of what it may read in a second, but no more
/// than so many bytes, for the status waits as long.
const SLICES: u64 = 10;
const MAX_SLICE: u64 = 4 << 20;

/// How a scrub runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrub {
    /// It reads no more than so many bytes in a second. Default: 8 MiB, a day for 650 GiB.
    pub bytes_per_second: NonZeroU64,
    /// How long it rests between two passes over all finished segments. Default: a day.
    pub pause_between_passes: Duration,
}

impl Default for Scrub {
    fn default() -> Self {
        let bytes_per_second = NonZeroU64::MIN.saturating_add((8 << 20) - 1);
        Self { bytes_per_second, pause_between_passes: Duration::from_secs(24 * 60 * 60) }
    }
}

/// What a scrub has done and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubStatus {
    /// How often it has read all finished segments.
    pub passes: u64,
    /// Where it reads next.
    pub position: Offset,
    /// Bytes of log it has read.
    pub bytes: u64,
    /// What does not verify, by offset: each range once, and no more once a pass finds it whole or listed as lost.
    pub damaged: Vec<Damage>,
    /// When the last pass ended, in microseconds since the epoch.
    pub last_pass_at: Option<i64>,
}

/// A scrub in the background. Dropping it stops it.
#[derive(Debug)]
pub struct ScrubHandle {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits, and says whether it was asked to stop.
    fn wait(&self, timeout: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .changed
            .wait_timeout_while(asked, timeout, |asked| !*asked)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl Drop for ScrubHandle {
    fn drop(&mut self) {
        *self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}

impl Journal {
    /// Starts to read finished segments in the background, in a thread of its own that stops when the handle is dropped.
    ///
    /// Several scrubs of one journal share their place: two of them are twice as fast.
    ///
    /// # Errors
    /// [`Error::Io`] if the thread cannot be started.
    pub fn start_scrub(&self, scrub: Scrub) -> Result<ScrubHandle, Error> {
        let stop = Arc::new(Stop::default());
        let thread = {
            // Without the core of the handle: a scrub does not keep a journal open.
            let (core, stop) = (Arc::downgrade(&self.core.0), Arc::clone(&stop));
            let scrub = move || {
                let budget = (scrub.bytes_per_second.get() / SLICES).clamp(1, MAX_SLICE);
                loop {
                    let begun = Instant::now();
                    let Some(core) = core.upgrade() else { break };
                    let stepped = core.scrubbing.step(&core.source, &*core.clock, budget);
                    drop(core);
                    let pause = match stepped {
                        Ok(Stepped { ended: true, .. }) => scrub.pause_between_passes,
                        Ok(Stepped { bytes, .. }) => {
                            let nanos =
                                u128::from(bytes) * 1_000_000_000 / u128::from(scrub.bytes_per_second.get());
                            let due = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                            due.saturating_sub(begun.elapsed())
                        }
                        Err(error) => {
                            tracing::error!(%error, "the scrub cannot read");
                            scrub.pause_between_passes
                        }
                    };
                    if stop.wait(pause) {
                        break;
                    }
                }
            };
            std::thread::Builder::new().name("annals-scrub".to_owned()).spawn(scrub)
        };
        let thread = thread.map_err(|error| Error::io("start a thread for", &self.core.source.dir, error))?;
        Ok(ScrubHandle { stop, thread: Some(thread) })
    }

    /// Reads about `budget` bytes of finished segments, in pieces of half a MiB, and goes on where the last step ended. What a
    /// scrub does in the background, without time. Returns whether a pass has ended with it.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read for now: the next step tries again. What cannot be read for good is damage.
    pub fn scrub_step(&self, budget: u64) -> Result<bool, Error> {
        Ok(self.core.scrubbing.step(&self.core.source, &*self.core.clock, budget)?.ended)
    }

    /// What scrubs of this journal have done and found since it was opened.
    #[must_use]
    pub fn scrub_status(&self) -> ScrubStatus {
        self.core.scrubbing.lock().status()
    }
}

/// What a step did.
struct Stepped {
    bytes: u64,
    ended: bool,
}

/// The scrubs of a journal: one place, shared.
#[derive(Debug, Default)]
pub(crate) struct Scrubbing(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    passes: u64,
    position: Offset,
    bytes: u64,
    /// By offset; with the pass that found it last.
    damaged: BTreeMap<Offset, (Damage, u64)>,
    last_pass_at: Option<i64>,
    /// What was seen of the segment in which `position` lies: its seal is held to that.
    seen: Option<Inspection>,
}

impl Scrubbing {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, source: &Source, clock: &dyn Clock, budget: u64) -> Result<Stepped, Error> {
        self.lock().step(source, clock, budget)
    }
}

impl Progress {
    fn status(&self) -> ScrubStatus {
        ScrubStatus {
            passes: self.passes,
            position: self.position,
            bytes: self.bytes,
            damaged: self.damaged.values().map(|(damage, _)| damage.clone()).collect(),
            last_pass_at: self.last_pass_at,
        }
    }

    fn step(&mut self, source: &Source, clock: &dyn Clock, budget: u64) -> Result<Stepped, Error> {
        let begun = self.bytes;
        loop {
            let segments = source.segments();
            let sealed = |segment: &&Arc<Segment>| segment.next.is_some_and(|next| next > self.position);
            let Some(segment) = segments.iter().find(sealed).cloned() else {
                self.end_pass(clock.now_micros());
                return Ok(Stepped { bytes: self.bytes - begun, ended: true });
            };
            let end = segment.next.unwrap_or(segment.base);
            if self.position < segment.base {
                // What lay between was purged, or is the segment's beginning.
                (self.position, self.seen) = (segment.base, None);
            }
            let left = budget.saturating_sub(self.bytes - begun);
            match self.segment(source, &segment, end, left) {
                Ok(()) => {}
                // C2: it was purged; or it is missing, which the list of segments tells at the next pass.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    self.position = end;
                }
                Err(error) if error.kind() == Kind::Retry => return Err(error),
                // A bad place on the medium is what a scrub is for. It is not asked again before the next pass.
                Err(error) => {
                    let (offset, detail) = (self.position, error.to_string());
                    self.found(Damage { offset, len: end.get() - offset.get(), detail });
                    (self.position, self.seen) = (end, None);
                }
            }
            if self.bytes - begun >= budget {
                return Ok(Stepped { bytes: self.bytes - begun, ended: false });
            }
        }
    }

    /// Reads on in one segment, up to its end or about `budget` bytes.
    fn segment(&mut self, source: &Source, segment: &Segment, end: Offset, budget: u64) -> Result<(), Error> {
        let failed = |error| Error::io("read", &segment.path, error);
        let holes = source.holes();
        let header = match &segment.header {
            Ok(header) => header,
            Err(_) if holes.bridge(self.position) >= end => {
                self.position = end;
                return Ok(());
            }
            Err(reason) => {
                self.found(whole(segment, self.position, end, reason));
                self.position = end;
                return Ok(());
            }
        };
        // A handle of its own: readers keep theirs where they read.
        let file = source.disk.open(&segment.path, Mode::Read).map_err(failed)?;
        let mut seen = match self.seen.take() {
            Some(seen) if self.position > segment.base => seen,
            _ => Inspection::new(header),
        };
        let subject = Subject { file: &*file, header, end, holes: &holes, content: true };
        let begun = seen.at;
        while seen.at.get() - begun.get() < budget.max(1) && seen.step(&subject).map_err(failed)? {
            for damage in seen.damaged.drain(..) {
                self.found(damage);
            }
        }
        // A seal is the segment's end.
        self.position = if seen.seal.is_some() { end } else { seen.at };
        self.bytes += seen.at.get() - begun.get();
        self.seen = Some(seen).filter(|_| self.position < end);
        Ok(())
    }

    fn found(&mut self, damage: Damage) {
        if !self.damaged.contains_key(&damage.offset) {
            tracing::error!(offset = %damage.offset, len = damage.len, detail = %damage.detail, "the scrub found damage");
        }
        self.damaged.insert(damage.offset, (damage, self.passes));
    }

    fn end_pass(&mut self, now_micros: i64) {
        let pass = self.passes;
        // What this pass has not found is whole again, listed as lost, or gone.
        self.damaged.retain(|_, (_, found)| *found == pass);
        self.passes += 1;
        self.last_pass_at = Some(now_micros);
        (self.position, self.seen) = (Offset::ZERO, None);
    }
}

#[cfg(test)]
mod tests;
