//! Everything that puts something at the end of a journal.
//!
//!   payloads -> hashed -> framed -> group commit -> receipts

#[cfg(feature = "tokio")]
use std::sync::Arc;
use std::sync::{LazyLock, Mutex, PoisonError};

use annals_record::{Appended, Offset, RecordId, Term};

#[cfg(feature = "tokio")]
use crate::appending::Appending;
use crate::checkpoint::Checkpoint;
use crate::commit::Ask;
use crate::content;
use crate::error::Error;
use crate::frame::{self, ControlKind};
use crate::journal::Journal;
use crate::keys::Key;
use crate::load::{Digest, Frames};
use crate::options::AppendOptions;
use crate::status::Reach;

/// A batch of so many bytes is hashed by two threads: the second costs what hashing a tenth of it does.
const SHARED_FROM: u64 = 512 << 10;
/// Looked at once: to ask costs as much as a thread.
static HAS_TWO_CORES: LazyLock<bool> =
    LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));
/// Two threads share it in so many pieces.
const PIECES: usize = 8;

impl Journal {
    /// Appends one record and returns once it is durable, or as [`Options::sync`](crate::Options::sync) says.
    ///
    /// Callers in other threads share one write and one sync.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Full`]: nothing was kept, append again when there is room; [`Error::Poisoned`] or
    /// [`Error::Io`]: it is unknown whether the record is durable, reopen to find out; [`Error::Damaged`].
    pub fn append(&self, payload: impl AsRef<[u8]>) -> Result<Appended, Error> {
        let payload = payload.as_ref();
        let bytes = self.check_alone(payload)?;
        let digest = Digest::of_record(content::id(payload), payload);
        let frames = Frames { payloads: &[payload], digests: Some(&[digest]), control: None, bytes };
        let placed = self.core.commit.append(&frames, Ask::default())?;
        Ok(receipt(placed.first, placed.term, digest.id, payload.len()))
    }

    /// Appends records as one atomic batch and returns once all are durable, or as [`Options::sync`](crate::Options::sync) says: after a crash
    /// all are there, or none.
    ///
    /// # Errors
    /// As [`Journal::append`]; [`Error::TooLarge`] if the batch is larger than [`Options::max_batch_bytes`](crate::Options::max_batch_bytes).
    pub fn append_batch<P: AsRef<[u8]>>(&self, payloads: &[P]) -> Result<Vec<Appended>, Error> {
        self.append_with(payloads, &AppendOptions::default())
    }

    /// Appends records as one atomic batch if nothing was appended at or after `next`: the `next` of the last receipt
    /// or batch the caller has seen. For writers that decide by what they have read.
    ///
    /// # Errors
    /// As [`Journal::append_batch`]; [`Error::Conflict`] names the place to read on from: read, decide anew, try again.
    pub fn append_if<P: AsRef<[u8]>>(&self, next: Offset, payloads: &[P]) -> Result<Vec<Appended>, Error> {
        self.append_with(payloads, &AppendOptions { next: Some(next), ..AppendOptions::default() })
    }

    /// Appends records as one atomic batch, as `how` says.
    ///
    /// # Errors
    /// As [`Journal::append_batch`]; [`Error::Conflict`]; [`Error::KeyReused`].
    pub fn append_with<P: AsRef<[u8]>>(
        &self,
        payloads: &[P],
        how: &AppendOptions<'_>,
    ) -> Result<Vec<Appended>, Error> {
        if payloads.is_empty() {
            return Ok(Vec::new());
        }
        let payloads: Vec<&[u8]> = payloads.iter().map(AsRef::as_ref).collect();
        let mut bytes = 0_u64;
        for payload in &payloads {
            bytes += frame::padded(check_len(payload)?) as u64;
        }
        self.check_batch(bytes)?;
        let digests = digests(&payloads, bytes);
        let ids = || digests.iter().map(|digest| digest.id);
        let key = how.key.map(|key| Key::new(key, ids())).transpose()?;
        let control = key.as_ref().map(|key| {
            bytes += frame::padded(key.body.len()) as u64;
            (ControlKind::Key, &*key.body, Digest::of_control(ControlKind::Key, &key.body))
        });
        let frames = Frames { payloads: &payloads, digests: Some(&digests), control, bytes: bytes as usize };
        if how.next.is_some() {
            self.know_last_record()?;
        }
        let ask = Ask { durable: how.durable, expected: how.next, key: key.as_ref() };
        let placed = self.core.commit.append(&frames, ask)?;
        if how.durable && placed.first >= self.durable() {
            // An append that was known by its key may have been accepted only.
            self.core.commit.sync()?;
        }
        let mut first = placed.first;
        let receipts = payloads.iter().zip(&digests).map(|(payload, digest)| {
            let appended = receipt(first, placed.term, digest.id, payload.len());
            first = appended.next;
            appended
        });
        Ok(receipts.collect())
    }

    /// Appends one record; it is queued by this call, and the future is ready once it is durable, or as
    /// [`Options::sync`](crate::Options::sync) says. Any number may be in flight: they share writes and syncs.
    ///
    /// The future belongs to no runtime. One that finds no room in the segment is copied, and placed in the next one, whether it is
    /// polled or not; where more than 8 MiB, or half a segment, wait for that, it is placed once it is polled and there is room. If it is
    /// dropped the append is not taken back, unless it was not placed by then.
    #[cfg(feature = "tokio")]
    pub fn append_async<P: AsRef<[u8]>>(&self, payload: P) -> Appending<P> {
        let bytes = self.check_alone(payload.as_ref());
        Appending::new(Arc::clone(&self.core.commit), payload, bytes)
    }

    /// Makes everything accepted durable, and says how far that is.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: what was accepted and not durable may be lost.
    pub fn sync(&self) -> Result<Offset, Error> {
        self.core.commit.sync()?;
        Ok(self.durable())
    }

    /// How far the journal has accepted, written and synced. With [`SyncPolicy::Always`](crate::SyncPolicy::Always) no
    /// append that has returned lies beyond `durable`.
    #[must_use]
    pub fn durability(&self) -> Reach {
        let durable = self.durable();
        let written = self.core.commit.written().max(durable);
        let accepted = self.core.commit.accepted().max(written);
        Reach { policy: self.core.options.sync, accepted, written, durable }
    }

    /// Seals the active segment, if it holds anything, and begins the next one. Everything accepted is durable then.
    /// Returns where the next segment begins.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn seal(&self) -> Result<Offset, Error> {
        self.core.commit.seal()?;
        Ok(self.durable())
    }

    /// Appends a checkpoint with the caller's bytes, durably: a place from which reading can begin again. Readers of
    /// records do not see it. With `seal` the segment ends with it.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn checkpoint(&self, body: impl AsRef<[u8]>, seal: bool) -> Result<Checkpoint, Error> {
        let body = body.as_ref();
        let bytes = frame::padded(check_len(body)?);
        self.check_batch(bytes as u64)?;
        let digest = Digest::of_control(ControlKind::Checkpoint, body);
        let control = Some((ControlKind::Checkpoint, body, digest));
        let frames = Frames { payloads: &[], digests: Some(&[]), control, bytes };
        let placed = self.core.commit.append(&frames, Ask { durable: true, ..Ask::default() })?;
        if seal {
            self.core.commit.seal()?;
        }
        let offset = Offset::new(placed.first.get() - bytes as u64);
        Ok(Checkpoint { offset, next: placed.first, body: body.to_vec() })
    }

    /// The latest checkpoint that is durable, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it does not verify; [`Error::Io`].
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        crate::checkpoint::latest(&self.core.source, self.durable())
    }

    /// How many bytes the frame of a record takes, if it may be appended by itself.
    fn check_alone(&self, payload: &[u8]) -> Result<usize, Error> {
        let bytes = frame::padded(check_len(payload)?);
        self.check_batch(bytes as u64)?;
        Ok(bytes)
    }

    fn check_batch(&self, bytes: u64) -> Result<(), Error> {
        let limit = self.core.options.max_batch_bytes;
        if bytes > limit {
            return Err(Error::TooLarge { what: "an atomic batch, frames included", bytes, limit });
        }
        Ok(())
    }

    /// Finds the end of the last record, if nobody has appended or asked for it since the open.
    fn know_last_record(&self) -> Result<(), Error> {
        if self.core.commit.lock().knows_last_record() {
            return Ok(());
        }
        let last = self.core.source.last_record(self.durable())?;
        self.core.commit.lock().know_last_record(last);
        Ok(())
    }
}

/// The digests of a batch, by two threads if it is large: each takes the next piece until none is left, so the first goes on
/// alone for as long as the second has not come to run.
fn digests(payloads: &[&[u8]], bytes: u64) -> Vec<Digest> {
    let mut digests = vec![Digest::UNKNOWN; payloads.len()];
    if bytes < SHARED_FROM || !*HAS_TWO_CORES {
        digest(payloads, &mut digests);
        return digests;
    }
    let share = payloads.len().div_ceil(PIECES);
    // Small ones fill lanes.
    let small = bytes <= (payloads.len() * frame::padded(content::CHUNK)) as u64;
    let piece = if small { share.next_multiple_of(content::LANES) } else { share };
    let pieces = Mutex::new(payloads.chunks(piece).zip(digests.chunks_mut(piece)));
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some((payloads, digests)) = next() {
            digest(payloads, digests);
        }
    };
    std::thread::scope(|scope| {
        // If there is none to be had the first does all of it.
        let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        work();
    });
    digests
}

/// Puts down the digest of each payload.
fn digest(payloads: &[&[u8]], digests: &mut [Digest]) {
    let mut ids = Vec::with_capacity(payloads.len());
    content::ids(payloads, &mut ids);
    for ((digest, payload), id) in digests.iter_mut().zip(payloads).zip(ids) {
        *digest = Digest::of_record(id, payload);
    }
}

/// A payload's length, if a frame can hold it.
fn check_len(payload: &[u8]) -> Result<usize, Error> {
    if payload.len() > frame::MAX_PAYLOAD {
        let limit = frame::MAX_PAYLOAD as u64;
        return Err(Error::TooLarge { what: "a record", bytes: payload.len() as u64, limit });
    }
    Ok(payload.len())
}

/// What an append of one record is answered with.
pub(crate) fn receipt(offset: Offset, term: Term, id: RecordId, payload: usize) -> Appended {
    Appended { offset, next: Offset::new(offset.get() + frame::padded(payload) as u64), id, term }
}

#[cfg(test)]
mod tests;
