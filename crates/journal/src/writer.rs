//! The active segment: groups are gathered, written with one call, synced, and only then durable.
//!
//!   requests -> place CRCs -> one buffer -> write -> sync -> watermark
//!
//! I1: an append is acknowledged only once the sync that covers it has returned.
//! I4: a group lies in one segment; what does not fit rolls first.
//! I6: a sync that failed is never tried again; nothing is acknowledged until reopen.

use std::path::PathBuf;
use std::sync::Arc;

use annals_record::{LogId, Offset, Term};

use crate::catalog::Segment;
use crate::clock::Clock;
use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::{Error, is_full};
use crate::frame::{self, Commit, ControlKind};
use crate::options::Options;
use crate::scan::Group;
use crate::seal::{self, Seal};
use crate::segment::{self, HEADER_LEN, SegmentHeader};
use crate::source::Source;
use crate::summary::Summary;
use crate::watermark::{Mark, Slots, Watermark};

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) summary: Summary,
    /// The file's length: writing below it needs no new space.
    allocated: u64,
}

impl Active {
    pub(crate) fn new(header: SegmentHeader, path: PathBuf, file: Box<dyn DiskFile>, allocated: u64) -> Self {
        Self { summary: Summary::new(&header), header, path, file, allocated }
    }

    /// Where the next group begins.
    pub(crate) fn end(&self) -> Offset {
        self.summary.end
    }

    /// Counts a group that is durable. `ids` are its record ids.
    pub(crate) fn absorb(&mut self, group: &Group, ids: &[u8]) {
        assert!(group.start == self.end(), "I4: a group at {} after the end {}", group.start, self.end());
        self.summary.absorb(group, ids);
    }

    /// The file's length if a group of `len` bytes and then the seal were written.
    fn len_with(&self, len: usize) -> u64 {
        self.header.file_pos(self.end()).0 + len as u64 + seal::seal_len(self.summary.table_len() + 1) as u64
    }
}

/// Records of one append, framed; their CRCs lack their places.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u32,
    pub(crate) payload_bytes: u64,
}

/// The one that writes. Owned by whoever leads the group commit.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) active: Active,
    pub(crate) slots: Slots,
    pub(crate) durable: Offset,
    pub(crate) poison: Option<Error>,
    buffer: Vec<u8>,
    ids: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: PathBuf,
        options: Options,
        active: Active,
        slots: Slots,
        durable: Offset,
    ) -> Self {
        Self {
            disk,
            clock,
            dir,
            options,
            active,
            slots,
            durable,
            poison: None,
            buffer: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// Whether requests of so many bytes still fit the group they would share: a group stays within a segment.
    pub(crate) fn fits_group(&self, len: usize) -> bool {
        HEADER_LEN + (len + frame::COMMIT) as u64 + seal::seal_len(1) as u64 <= self.options.segment_bytes
    }

    /// Writes and syncs one group of whole requests; returns where each begins. After an error of kind `Retry` nothing
    /// of the group was kept; after any other the writer is poisoned.
    pub(crate) fn commit(
        &mut self,
        requests: &[&Encoded],
        source: &Source,
        watermark: &Watermark,
    ) -> Result<Vec<Offset>, Error> {
        if let Some(error) = &self.poison {
            return Err(error.clone());
        }
        let len = requests.iter().map(|request| request.bytes.len()).sum::<usize>() + frame::COMMIT;
        if self.active.len_with(len) > self.options.segment_bytes && self.active.summary.groups > 0 {
            self.roll(self.active.header.term, source, watermark)?;
        }
        self.reserve(len)?;
        let starts = self.gather(requests);
        let start = self.active.end();
        let commit = Commit {
            batch_start: start,
            durable_upto: self.durable,
            time_micros: self.clock.now_micros(),
            records: requests.iter().map(|request| request.records).sum(),
        };
        let commit_at = self.buffer.len();
        frame::encode_commit(&mut self.buffer, &commit);
        let commit_place = self.active.header.place(Offset::new(start.get() + commit_at as u64));
        frame::place(&mut self.buffer[commit_at..], &commit_place);
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.write_durably(&buffer);
        let end = Offset::new(start.get() + buffer.len() as u64);
        self.buffer = buffer;
        written?;
        let payload_bytes = requests.iter().map(|request| request.payload_bytes).sum();
        self.active.absorb(&Group { start, end, commit, payload_bytes }, &self.ids);
        self.advance(end, watermark)?;
        Ok(starts)
    }

    /// Lays the requests' frames one after the other into the buffer, each with the CRC of its place.
    fn gather(&mut self, requests: &[&Encoded]) -> Vec<Offset> {
        self.buffer.clear();
        self.ids.clear();
        let base = self.active.end().get();
        let mut starts = Vec::with_capacity(requests.len());
        for request in requests {
            let mut at = self.buffer.len();
            starts.push(Offset::new(base + at as u64));
            self.buffer.extend_from_slice(&request.bytes);
            while at < self.buffer.len() {
                let place = self.active.header.place(Offset::new(base + at as u64));
                let frame = &mut self.buffer[at..];
                frame::place(frame, &place);
                self.ids.extend_from_slice(frame::encoded_id(frame).unwrap_or_default());
                at += frame::encoded_len(frame);
            }
        }
        starts
    }

    /// Makes sure that a group of `len` bytes, and the seal after it, have their space.
    fn reserve(&mut self, len: usize) -> Result<(), Error> {
        let needed = self.active.len_with(len);
        if needed <= self.active.allocated {
            return Ok(());
        }
        let target = needed.max(self.options.segment_bytes);
        match self.active.file.allocate(target) {
            Ok(()) => {
                self.active.allocated = target;
                Ok(())
            }
            Err(error) if is_full(&error) => Err(Error::Full { path: self.active.path.clone() }),
            Err(error) => Err(self.poison("reserve space in", error)),
        }
    }

    /// Writes at the end of the active segment and syncs. A full disk is undone: zeros, durably.
    fn write_durably(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let pos = self.active.header.file_pos(self.active.end()).0;
        match disk::write_full(&*self.active.file, bytes, pos) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                self.erase(pos, bytes.len())?;
                return Err(Error::Full { path: self.active.path.clone() });
            }
            Err(error) => return Err(self.poison("write to", error)),
        }
        self.active.file.sync().map_err(|error| self.poison("sync", error))
    }

    /// Puts zeros where a write that failed may have left something. What lies beyond the file's end is zeros already.
    fn erase(&mut self, pos: u64, len: usize) -> Result<(), Error> {
        let undone = self.active.file.len().and_then(|file_len| {
            let len = file_len.saturating_sub(pos).min(len as u64) as usize;
            disk::write_full(&*self.active.file, &vec![0; len], pos)?;
            self.active.file.sync()
        });
        undone.map_err(|error| self.poison("undo a write to", error))
    }

    /// Everything below `durable` is durable: tells readers of this process and of others.
    fn advance(&mut self, durable: Offset, watermark: &Watermark) -> Result<(), Error> {
        assert!(self.durable <= durable, "I3: the watermark went back from {} to {durable}", self.durable);
        self.durable = durable;
        let mark = self.mark(false);
        if let Err(error) = self.slots.publish(&mark) {
            return Err(self.poison("publish the watermark in", error));
        }
        watermark.advance(durable);
        Ok(())
    }

    fn mark(&self, clean: bool) -> Mark {
        Mark { log: self.log(), term: self.active.header.term, durable: self.durable, clean }
    }

    fn log(&self) -> LogId {
        self.active.header.log
    }

    /// Seals the active segment and begins the next one.
    ///
    /// The order is the promise: space for the next segment first, for running out of it must leave no trace; the seal,
    /// synced; the cut; the next header, synced; its name; the directory, synced. Only then is anything acknowledged.
    pub(crate) fn roll(
        &mut self,
        next_term: Term,
        source: &Source,
        watermark: &Watermark,
    ) -> Result<(), Error> {
        let seal = self.active.summary.seal(next_term);
        let next = prepare(&*self.disk, &self.dir, seal.next_base(), self.options.segment_bytes)?;
        self.write_durably(&seal.encode(&self.active.header))?;
        self.finish_roll(&seal, next, source, watermark)
    }

    /// Cuts the sealed file to its end and begins the segment after it.
    pub(crate) fn finish_roll(
        &mut self,
        seal: &Seal,
        next: Prepared,
        source: &Source,
        watermark: &Watermark,
    ) -> Result<(), Error> {
        let sealed_len = self.active.header.file_pos(seal.next_base()).0;
        let cut = self.active.file.set_len(sealed_len).and_then(|()| self.active.file.sync());
        cut.map_err(|error| self.poison("cut", error))?;
        let term = seal.next_term;
        let header = SegmentHeader {
            log: self.log(),
            term,
            term_start: if term > self.active.header.term {
                seal.next_base()
            } else {
                self.active.header.term_start
            },
            base: seal.next_base(),
            chain: seal.chain,
            records_before: self.active.header.records_before + seal.records,
            created_micros: self.clock.now_micros(),
        };
        let path = self.dir.join(segment::file_name(header.base));
        let born = birth(&*self.disk, &self.dir, next, &header);
        let (file, allocated) = match born {
            Ok(born) => born,
            Err(error) => return Err(self.poison_with(error)),
        };
        tracing::info!(sealed = %self.active.header.base, base = %header.base, term = %term, "rolled to a new segment");
        let mut segments = source.segments();
        if let Some(last) = segments.last_mut() {
            let last = Arc::make_mut(last);
            last.next = Some(header.base);
            last.seal = Some(seal.sealed());
        }
        segments.push(Arc::new(Segment::active(header.clone(), path.clone())));
        source.set_segments(segments);
        self.active = Active::new(header, path, file, allocated);
        self.advance(self.active.end(), watermark)
    }

    /// Writes a control frame as a group of its own.
    pub(crate) fn audit(&mut self, body: &[u8], source: &Source, watermark: &Watermark) -> Result<(), Error> {
        let mut request = Encoded::default();
        frame::encode_control(&mut request.bytes, ControlKind::Audit, body);
        self.commit(&[&request], source, watermark).map(drop)
    }

    /// Ends in order: gives unused space back, and says on disk that nothing needs to be written again.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.poison {
            return Err(error.clone());
        }
        let len = self.active.header.file_pos(self.active.end()).0;
        let trimmed = self.active.file.set_len(len).and_then(|()| self.active.file.sync());
        trimmed.map_err(|error| self.poison("close", error))?;
        self.active.allocated = len;
        let mark = self.mark(true);
        self.slots.publish_durably(&mark).map_err(|error| Error::io("write", &self.slots.path, error))
    }

    /// Publishes the watermark durably, as an open does before it gives the handle out.
    pub(crate) fn publish_durably(&mut self) -> Result<(), Error> {
        let mark = self.mark(false);
        self.slots.publish_durably(&mark).map_err(|error| Error::io("write", &self.slots.path, error))
    }

    /// Makes the watermark on disk as new as it is in memory, if it is not.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.poison.is_some() || !self.slots.is_behind(self.durable) {
            return Ok(());
        }
        let mark = self.mark(false);
        self.slots.publish_durably(&mark).map_err(|error| self.poison("sync the watermark of", error))
    }

    /// Writes again what the medium may not have, and syncs it: see I8.
    pub(crate) fn rewrite(&mut self, from: Offset, to: Offset) -> Result<u64, Error> {
        let failed = |error| Error::io("write again", &self.active.path, error);
        let (mut pos, end) = (self.active.header.file_pos(from).0, self.active.header.file_pos(to).0);
        let all = end - pos;
        let mut chunk = vec![0; (1 << 20).min(all as usize)];
        while pos < end {
            let len = chunk.len().min((end - pos) as usize);
            let read = disk::read_full(&*self.active.file, &mut chunk[..len], pos).map_err(failed)?;
            assert!(read == len, "I8: the segment shrank while it was open");
            disk::write_full(&*self.active.file, &chunk[..len], pos).map_err(failed)?;
            pos += len as u64;
        }
        self.active.file.sync().map_err(failed)?;
        Ok(all)
    }

    fn poison(&mut self, op: &'static str, error: std::io::Error) -> Error {
        let path = self.active.path.clone();
        self.poison_with(Error::Io { op, path, source: Arc::new(error) })
    }

    /// Nothing is acknowledged any more. The error handed out is of kind `Stop` whatever the cause, for the group may be
    /// durable all the same.
    pub(crate) fn poison_with(&mut self, error: Error) -> Error {
        let reason = match error {
            Error::Poisoned { reason } => reason,
            other => other.to_string(),
        };
        self.poison.get_or_insert(Error::Poisoned { reason }).clone()
    }
}

/// A file that will be a segment: it has its space, and no name yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    allocated: u64,
}

/// Creates the file of the segment at `base` under a temporary name.
pub(crate) fn prepare(
    disk: &dyn Disk,
    dir: &std::path::Path,
    base: Offset,
    segment_bytes: u64,
) -> Result<Prepared, Error> {
    let path = dir.join(format!("{}.tmp", segment::file_name(base)));
    match disk.remove(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &path, error));
        }
        _ => {}
    }
    let file = disk.open(&path, Mode::CreateNew).map_err(|error| Error::io("create", &path, error))?;
    if let Err(error) = file.allocate(segment_bytes) {
        drop(file);
        let _ = disk.remove(&path);
        return Err(Error::io("reserve space for", &path, error));
    }
    Ok(Prepared { file, path, allocated: segment_bytes })
}

/// Gives a prepared file its header and its name, durably.
pub(crate) fn birth(
    disk: &dyn Disk,
    dir: &std::path::Path,
    prepared: Prepared,
    header: &SegmentHeader,
) -> Result<(Box<dyn DiskFile>, u64), Error> {
    let Prepared { file, path, allocated } = prepared;
    let named = dir.join(segment::file_name(header.base));
    disk::write_full(&*file, &header.encode(), 0).map_err(|error| Error::io("write", &path, error))?;
    file.sync().map_err(|error| Error::io("sync", &path, error))?;
    disk.rename(&path, &named).map_err(|error| Error::io("name", &named, error))?;
    disk.sync_dir(dir).map_err(|error| Error::io("sync", dir, error))?;
    Ok((file, allocated))
}
