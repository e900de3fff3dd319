//! The active segment: groups are gathered, written with one call, synced, and only then durable.
//!
//!   requests -> place CRCs -> one buffer -> write -> sync -> watermark
//!
//! I1: an append is acknowledged only once the sync that covers it has returned.
//! I4: a group lies in one segment; what does not fit rolls first.
//! I6: a sync that failed is never tried again; nothing is acknowledged until reopen.

use std::path::PathBuf;
use std::sync::Arc;

use annals_record::seeded::{self, Bug};
use annals_record::{LogId, Offset, Term};

use crate::block::BLOCK;
use crate::catalog::Segment;
use crate::clock::Clock;
use crate::disk::{self, Disk, DiskFile};
use crate::error::{Error, is_full};
use crate::frame::{self, Commit, ControlKind};
use crate::keys::{self, Keys};
use crate::load::{Digest, Frames, Load};
use crate::options::Options;
use crate::scan::Group;
use crate::seal::{self, Seal};
use crate::segment::{self, HEADER_LEN, SegmentHeader};
use crate::source::Source;
use crate::spare::{self, Prepared, Spare};
use crate::summary::Summary;
use crate::watermark::{Mark, Slots, Watermark};

/// A group of at most so many bytes takes zeros with it into space that was never written: overwriting blocks that
/// exist is what makes a small sync fast, and a large group pays for its own.
const SMALL_GROUP: usize = 64 << 10;
/// How many bytes of zeros go ahead of small groups: so many times the group, within these bounds.
const AHEAD_GROUPS: usize = 64;
const AHEAD_LEAST: usize = 256 << 10;
const AHEAD_MOST: usize = 1 << 20;

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) header: Arc<SegmentHeader>,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) summary: Summary,
    /// The latest checkpoint of the log.
    pub(crate) checkpoint: Option<Offset>,
    /// The file's length: writing below it needs no new space.
    allocated: u64,
    /// Up to here the file's blocks were written once.
    touched: u64,
}

impl Active {
    /// `touched`: the file's blocks below were written once.
    pub(crate) fn new(
        header: SegmentHeader,
        path: PathBuf,
        file: Arc<dyn DiskFile>,
        allocated: u64,
        touched: u64,
    ) -> Self {
        let checkpoint = header.checkpoint;
        let summary = Summary::new(&header);
        Self { summary, header: Arc::new(header), path, file, checkpoint, allocated, touched }
    }

    /// Where the next group begins.
    pub(crate) fn end(&self) -> Offset {
        self.summary.end
    }

    /// Counts a group. `ids` are its record ids.
    pub(crate) fn absorb(&mut self, group: &Group, ids: &[u8], checkpoint: Option<Offset>) {
        assert!(group.start == self.end(), "I4: a group at {} after the end {}", group.start, self.end());
        self.summary.absorb(group, ids);
        self.checkpoint = checkpoint.or(self.checkpoint);
    }

    /// The file's length if a group of `len` bytes and then the seal were written.
    fn len_with(&self, len: usize) -> u64 {
        self.header.file_pos(self.end()).0 + len as u64 + seal::seal_len(self.summary.table_len() + 1) as u64
    }
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
    /// The next segment's file, made ahead of its time.
    pub(crate) spare: Arc<Spare>,
    /// Something was written since the last sync.
    unsynced: bool,
    /// What stands in the active segment's last block, if that is not full: the next group is written with it.
    last_block: Vec<u8>,
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
            spare: Arc::default(),
            unsynced: false,
            last_block: Vec::new(),
        }
    }

    /// An empty group at the end of the active segment.
    pub(crate) fn begin(&mut self) -> Result<Load, Error> {
        let end = self.active.end();
        let pos = self.active.header.file_pos(end).0;
        let mut lead_in = vec![0; (pos % BLOCK as u64) as usize];
        let read = disk::read_full(&*self.active.file, &mut lead_in, pos - pos % BLOCK as u64)
            .map_err(|error| Error::io("read", &self.active.path, error))?;
        if read < lead_in.len() {
            return Err(self.shrank());
        }
        self.last_block = lead_in;
        let load = Load::new(Arc::clone(&self.active.header), end);
        // One without a thread is one of many.
        Ok(if self.options.own_thread { load.in_huge_pages() } else { load })
    }

    /// Writes a finished group that ends at `end`, and syncs it if it is to be `durable`. After an error of kind `Retry`
    /// nothing of the group was kept; after any other the writer is poisoned.
    pub(crate) fn commit(
        &mut self,
        load: &mut Load,
        commit: Commit,
        durable: bool,
        watermark: &Watermark,
    ) -> Result<(), Error> {
        if let Some(error) = &self.poison {
            return Err(error.clone());
        }
        let (start, end) = (load.start, load.end());
        self.reserve(load.len())?;
        if durable && seeded::is_on(Bug::WatermarkLeads) {
            self.advance(end, watermark)?;
        }
        self.write(load, durable)?;
        let group = Group { start, end, commit, payload_bytes: load.payload_bytes };
        self.active.absorb(&group, &load.ids, load.checkpoint);
        if durable { self.advance(end, watermark) } else { Ok(()) }
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self, watermark: &Watermark) -> Result<(), Error> {
        if let Some(error) = &self.poison {
            return Err(error.clone());
        }
        if !self.unsynced {
            return Ok(());
        }
        self.active.file.sync().map_err(|error| self.poison("sync", error))?;
        self.unsynced = false;
        self.advance(self.active.end(), watermark)
    }

    /// Fills the first segment of a new log with zeros, or as much of it as goes in a little time: see [`spare`]. A disk
    /// that is too full for that is not yet too full for a record.
    pub(crate) fn fill_first(&mut self) -> Result<(), Error> {
        match self.reserve(0) {
            Err(Error::Full { .. }) => return Ok(()),
            reserved => reserved?,
        }
        let filled = spare::fill(&*self.active.file, HEADER_LEN, self.active.allocated);
        self.active.touched = filled.map_err(|error| self.poison("fill", error))?;
        Ok(())
    }

    /// Makes sure that a group of `len` bytes, and the seal after it, have their space.
    fn reserve(&mut self, len: usize) -> Result<(), Error> {
        let needed = self.active.len_with(len);
        if needed <= self.active.allocated {
            return Ok(());
        }
        let target = self.options.reserve(needed);
        let mut allocated = self.active.file.allocate(target);
        if matches!(&allocated, Err(error) if is_full(error))
            && self.spare.take().is_some_and(|spare| spare.discard(&*self.disk).is_ok())
        {
            // What was made ahead is of less use than what is written now.
            allocated = self.active.file.allocate(target);
        }
        match allocated {
            Ok(()) => {
                self.active.allocated = target;
                Ok(())
            }
            Err(error) if is_full(&error) => Err(Error::Full { path: self.active.path.clone() }),
            Err(error) => Err(self.poison("reserve space in", error)),
        }
    }

    /// Writes a group in whole blocks. A full disk is undone: zeros, durably.
    fn write(&mut self, load: &mut Load, durable: bool) -> Result<(), Error> {
        let pos = self.active.header.file_pos(load.start).0;
        let len = load.len();
        let block_pos = pos - self.last_block.len() as u64;
        let end = (pos + len as u64).next_multiple_of(BLOCK as u64);
        let zeros = if end > self.active.touched && len <= SMALL_GROUP {
            let room = self.active.allocated.saturating_sub(end) as usize / BLOCK * BLOCK;
            (len * AHEAD_GROUPS).clamp(AHEAD_LEAST, AHEAD_MOST).next_multiple_of(BLOCK).min(room)
        } else {
            0
        };
        // A sync that a write brings along covers that write alone.
        let left_out = seeded::is_on(Bug::AckBeforeSync) || seeded::is_on_once_in(100, Bug::SkipSync);
        let durable = durable && !left_out;
        let at_once = durable && !self.unsynced;
        let blocks = load.blocks(&self.last_block, zeros);
        match disk::write_all_blocks(&*self.active.file, blocks, block_pos, at_once) {
            Ok(true) if at_once => {}
            Ok(_) if durable => {
                let synced = match self.active.file.sync() {
                    Err(_) if seeded::is_on(Bug::RetrySync) => self.active.file.sync(),
                    synced => synced,
                };
                synced.map_err(|error| self.poison("sync", error))?;
                self.unsynced = false;
            }
            Ok(_) => self.unsynced = true,
            Err(error) if is_full(&error) => {
                self.erase(pos, len)?;
                return Err(Error::Full { path: self.active.path.clone() });
            }
            Err(error) => return Err(self.poison("write to", error)),
        }
        self.active.touched = self.active.touched.max(end + zeros as u64);
        // A small group ends in the block it began in.
        let known = if self.last_block.len() + len < BLOCK { self.last_block.len() } else { 0 };
        self.last_block.truncate(known);
        self.last_block.extend_from_slice(&load.rest(len)[known..]);
        Ok(())
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
        if seeded::is_on(Bug::SkipSyncAtRoll) {
            return Ok(());
        }
        self.active.file.sync().map_err(|error| self.poison("sync", error))
    }

    /// Puts zeros where a write that failed may have left something. What lies beyond the file's end is zeros already.
    fn erase(&mut self, pos: u64, len: usize) -> Result<(), Error> {
        if seeded::is_on(Bug::LeaveStale) {
            return Ok(());
        }
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
        watermark.count(self.records());
        // First here: no other process is ever ahead of this one's readers.
        watermark.advance(durable);
        let mark = self.mark(false);
        self.slots.publish(&mark).map_err(|error| self.poison("publish the watermark in", error))
    }

    /// How many records were written, since the log's beginning.
    pub(crate) fn records(&self) -> u64 {
        self.active.header.records_before + self.active.summary.records
    }

    fn mark(&self, clean: bool) -> Mark {
        Mark { log: self.log(), term: self.active.header.term, durable: self.durable, clean }
    }

    fn log(&self) -> LogId {
        self.active.header.log
    }

    /// Seals the active segment and begins the next one.
    ///
    /// The order is the promise: what was written before, synced, for a seal says that all of it was durable, and its keys
    /// must not take the place of older ones in their file if they may still be lost; space for the next segment before the
    /// seal, for running out of it must leave no trace; the seal, synced; the cut; the next header,
    /// synced; its name; the directory, synced. Only then is anything acknowledged.
    pub(crate) fn roll(
        &mut self,
        next_term: Term,
        keys: &Keys,
        source: &Source,
        watermark: &Watermark,
    ) -> Result<(), Error> {
        let seal = self.active.summary.seal(next_term);
        if !seeded::is_on(Bug::SkipSyncAtRoll) {
            self.sync(watermark)?;
        }
        self.keep(keys, seal.next_base())?;
        let spare = self.spare.take();
        let next = match spare {
            Some(spare) => spare,
            None => Prepared::new(
                &*self.disk,
                &self.dir,
                &segment::file_name(seal.next_base()),
                self.options.first_reserve(),
            )?,
        };
        self.write_durably(&seal.encode(&self.active.header))?;
        self.finish_roll(&seal, next, keys.oldest(), source, watermark)
    }

    /// Writes down the keys of everything below `base`, if there are any.
    pub(crate) fn keep(&self, keys: &Keys, base: Offset) -> Result<(), Error> {
        if keys.oldest().is_none() {
            return Ok(());
        }
        let path = self.dir.join(keys::FILE_NAME);
        disk::replace(&*self.disk, &path, &keys.encode(self.log(), base))
            .map_err(|error| Error::io("write", &path, error))
    }

    /// Cuts the sealed file to its end and begins the segment after it.
    pub(crate) fn finish_roll(
        &mut self,
        seal: &Seal,
        next: Prepared,
        keys: Option<Offset>,
        source: &Source,
        watermark: &Watermark,
    ) -> Result<(), Error> {
        let sealed_len = self.active.header.file_pos(seal.next_base()).0;
        let stale = seal.next_term > self.active.header.term && seeded::is_on(Bug::LeaveStale);
        let cut = if stale { Ok(()) } else { self.active.file.set_len(sealed_len) };
        let unsynced = seeded::is_on(Bug::SkipSyncAtRoll) || seeded::is_on(Bug::SkipSyncAfterCut);
        let cut = cut.and_then(|()| if unsynced { Ok(()) } else { self.active.file.sync() });
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
            checkpoint: self.active.checkpoint,
            keys,
        };
        let path = self.dir.join(segment::file_name(header.base));
        let born = next.born(&*self.disk, &self.dir, &header);
        let Prepared { file, allocated, zeroed, .. } = match born {
            Ok(born) => born,
            Err(error) => return Err(self.poison_with(error)),
        };
        tracing::info!(sealed = %self.active.header.base, base = %header.base, term = %term, "rolled to a new segment");
        source.update(|segments| {
            if let Some(last) = segments.last_mut() {
                let last = Arc::make_mut(last);
                last.next = Some(header.base);
                last.seal = Some(seal.sealed());
            }
            segments.push(Arc::new(Segment::active(header.clone(), path.clone())));
        });
        self.active = Active::new(header, path, file, allocated, zeroed);
        self.unsynced = false;
        self.advance(self.active.end(), watermark)
    }

    /// Writes a control frame as a group of its own, durably.
    pub(crate) fn audit(&mut self, body: &[u8], watermark: &Watermark) -> Result<(), Error> {
        let mut load = self.begin()?;
        let digest = Digest::of_control(ControlKind::Audit, body);
        load.push(&Frames {
            payloads: &[],
            digests: Some(&[]),
            control: Some((ControlKind::Audit, body, digest)),
            bytes: frame::padded(body.len()),
        });
        let now = self.clock.now_micros();
        let commit = load.commit(self.durable, now);
        load.finish(self.durable, now, None);
        self.commit(&mut load, commit, true, watermark)
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
            if read < len {
                return Err(self.shrank());
            }
            disk::write_full(&*self.active.file, &chunk[..len], pos).map_err(failed)?;
            pos += len as u64;
        }
        self.active.file.sync().map_err(failed)?;
        Ok(all)
    }

    /// A read that says that the active segment ends before what was read of it already.
    fn shrank(&self) -> Error {
        Error::io("read", &self.active.path, std::io::ErrorKind::UnexpectedEof.into())
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
