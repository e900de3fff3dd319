//! Reading whole groups at an offset, from whatever segment holds it. The journal and the reader process share this.
//!
//! I5: nothing at or beyond the durable watermark is read. I7: bytes that do not verify are an error with their range.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use annals_record::{Batch, LogId, Offset, Place, ReadLimit, Term};

use crate::catalog::{self, Segment};
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::groups::Groups;
use crate::holes::Holes;
use crate::scan::{self, Group, Step, Window};
use crate::segment::SegmentHeader;
use crate::sync::{Mutex, RwLock};

/// How often the list of segments may turn out to be old within one read: a purge may be faster than a reader.
const MISSES: u32 = 8;

/// The segments as readers see them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    segments: RwLock<Vec<Arc<Segment>>>,
    /// What is listed as lost.
    holes: RwLock<Holes>,
    /// Another process writes: the list is read again when it turns out to be old. In the writer's own process the list
    /// is always ahead of the directory.
    follows: bool,
    /// Held from a look at the directory until it is the list of segments, or of holes: what was seen before never takes the place
    /// of what was seen after.
    refreshing: Mutex<()>,
    /// The file read last: a tail stays in one segment for long.
    opened: Mutex<Option<(Offset, Arc<dyn DiskFile>)>>,
}

impl Source {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, segments: Vec<Arc<Segment>>, holes: Holes) -> Self {
        let holes = RwLock::new(holes);
        let (segments, opened) = (RwLock::new(segments), Mutex::new(None));
        Self { disk, dir, segments, holes, follows: false, refreshing: Mutex::new(()), opened }
    }

    pub(crate) fn holes(&self) -> Holes {
        self.holes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether another process has salvaged the journal since the list was read.
    fn reload_holes(&self, log: LogId) -> Result<bool, Error> {
        let changed = {
            let _held = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
            let found = Holes::load(&*self.disk, &self.dir, log)?;
            let mut holes = self.holes.write().unwrap_or_else(PoisonError::into_inner);
            let changed = found != *holes;
            *holes = found;
            changed
        };
        if changed {
            self.refresh()?;
        }
        Ok(changed)
    }

    /// The same, of a journal that another process writes.
    pub(crate) fn following(self) -> Self {
        Self { follows: true, ..self }
    }

    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the list as one step: a roll appends to it while a purge takes from it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        let oldest = {
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut segments);
            segments.first().map_or(Offset::ZERO, |first| first.base)
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is held open keeps its space.
        if opened.as_ref().is_some_and(|(base, _)| *base < oldest) {
            *opened = None;
        }
    }

    /// Looks for segments that another process has added or removed.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        if self.follows {
            let _held = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
            let loaded = catalog::load(&*self.disk, &self.dir, &self.segments())?;
            self.update(|segments| *segments = loaded);
        }
        Ok(())
    }

    /// The first place from which nothing is missing.
    pub(crate) fn oldest(&self) -> Offset {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.first().map_or(Offset::ZERO, |first| first.held_from)
    }

    /// The term of the record at `offset`. Of a term of which nothing is held any more, the oldest that is.
    pub(crate) fn term_at(&self, offset: Offset) -> Term {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let holder = segments.partition_point(|segment| segment.base <= offset).saturating_sub(1);
        let headers =
            |segments| <[Arc<Segment>]>::iter(segments).filter_map(|segment| segment.header.as_ref().ok());
        // If the header of the segment that holds it does not verify, the next one may tell.
        let mut from_here = headers(&segments[holder..]);
        let at = from_here.find(|header| header.term_start <= offset);
        at.or_else(|| headers(&segments[..holder]).next_back())
            .or_else(|| headers(&segments).next())
            .map_or(Term::FIRST, |header| header.term)
    }

    /// Whole groups from `from` on, below `durable`, in the place of what the batch held.
    pub(crate) fn read_into(
        &self,
        from: Offset,
        limit: ReadLimit,
        durable: Offset,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        self.read_told(from, limit, durable, batch, &mut |_| {})
    }

    /// As [`Source::read_into`], and tells each group of the batch to `seen`; after an error what was told counts for nothing.
    pub(crate) fn read_told(
        &self,
        from: Offset,
        limit: ReadLimit,
        durable: Offset,
        batch: &mut Batch,
        seen: &mut dyn FnMut(&Group),
    ) -> Result<(), Error> {
        let (mut bytes, mut places) = batch.take_parts();
        let read = self.fill(from, limit, durable, &mut bytes, &mut places, seen);
        // After an error too: the memory is used again.
        let next = read.as_ref().copied().unwrap_or_else(|_| {
            places.clear();
            from
        });
        *batch = Batch::new(bytes, places, next);
        read.map(drop)
    }

    /// Reads groups and says where the following read begins.
    fn fill(
        &self,
        from: Offset,
        limit: ReadLimit,
        durable: Offset,
        bytes: &mut Vec<u8>,
        places: &mut Vec<Place>,
        seen: &mut dyn FnMut(&Group),
    ) -> Result<Offset, Error> {
        let mut at = from;
        let mut misses = 0;
        loop {
            if at > durable {
                return Err(Error::Beyond { wanted: at, durable });
            }
            if at == durable {
                return Ok(at);
            }
            let holes = self.holes();
            if let Some(hole) = holes.at(at) {
                return Err(Error::Hole { offset: hole.offset, len: hole.len });
            }
            let segment = {
                let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
                catalog::find(&segments, at).cloned()
            };
            let Some(segment) = segment else {
                return Err(Error::Gap { wanted: at, oldest: self.oldest() });
            };
            if at < segment.base {
                // What was purged from here on held no record.
                at = segment.base;
                continue;
            }
            let end = segment.next.unwrap_or(durable).min(durable).min(holes.next(at));
            let header = match &segment.header {
                Ok(header) => header,
                Err(reason) => return Err(Error::Damaged(whole(&segment, at, end, reason))),
            };
            let file = match self.open(&segment) {
                // Retention has removed it since the list was read.
                Err(Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && misses < MISSES =>
                {
                    misses += 1;
                    self.refresh()?;
                    continue;
                }
                opened => opened?,
            };
            let failed = |error| Error::io("read", &segment.path, error);
            let groups = Groups { file: &*file, header, end, limit };
            let look = groups.look(at, bytes, places, &mut *seen).map_err(failed)?;
            if look.sealed && segment.next.is_none() {
                // Another process has rolled since the list was read. In the writer's own process the list is always
                // ahead of the watermark.
                self.refresh()?;
            }
            match look.bad {
                // Control frames only, or a seal: go on behind them. An empty batch would look like the end.
                _ if places.is_empty() && look.next > at => at = look.next,
                None => return Ok(look.next),
                Some(_) if look.next > at => return Ok(look.next),
                Some(_) if self.reload_holes(header.log)? => {}
                // What was the last segment has been sealed since the list was read.
                Some(_) if segment.next.is_none() && self.has_ended(segment.base)? => {}
                Some(reason) => {
                    let resume = self.resume(&*file, header, at, end).map_err(failed)?;
                    let len = resume.get() - at.get();
                    return Err(Error::Damaged(Damage { offset: at, len, detail: reason }));
                }
            }
        }
    }

    /// Whether the segment at `base` turns out to be followed by another one.
    fn has_ended(&self, base: Offset) -> Result<bool, Error> {
        self.refresh()?;
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        Ok(catalog::find(&segments, base).is_some_and(|segment| segment.next.is_some()))
    }

    /// Where reading can go on behind damage at `at`: the end of the next commit that verifies, or the segment's end.
    fn resume(
        &self,
        file: &dyn DiskFile,
        header: &SegmentHeader,
        at: Offset,
        end: Offset,
    ) -> io::Result<Offset> {
        let mut window = Window::new(file, header.file_pos(end).0)?;
        let from = Offset::new(at.get() + 8);
        let landmark = scan::next_landmark(header, &mut window, from)?;
        Ok(landmark.map_or(end, |landmark| landmark.resume).min(end))
    }

    pub(crate) fn open(&self, segment: &Segment) -> Result<Arc<dyn DiskFile>, Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((base, file)) = &*opened
            && *base == segment.base
        {
            return Ok(Arc::clone(file));
        }
        let file =
            self.disk.open(&segment.path, Mode::Read).map_err(|e| Error::io("open", &segment.path, e))?;
        let file: Arc<dyn DiskFile> = Arc::from(file);
        *opened = Some((segment.base, Arc::clone(&file)));
        Ok(file)
    }

    /// The end of the last record below `durable`; zero if there is none.
    pub(crate) fn last_record(&self, durable: Offset) -> Result<Offset, Error> {
        for segment in self.segments().iter().rev() {
            let Ok(header) = &segment.header else { continue };
            let failed = |error| Error::io("read", &segment.path, error);
            let file = self.open(segment)?;
            let end = segment.next.unwrap_or(durable).min(durable);
            let window = Window::new(&*file, header.file_pos(end).0).map_err(failed)?;
            let mut scan = scan::Scan::new(header, window, segment.base).over(self.holes());
            let mut last = None;
            while let Step::Group(_) = scan.step().map_err(failed)? {
                last = scan.last_record.or(last);
            }
            if let Some(last) = last {
                return Ok(last);
            }
        }
        // What was purged ended before here.
        Ok(self.oldest())
    }

    /// How many records stand before `offset`, and the journal time of the first group at or after it.
    pub(crate) fn count_before(&self, offset: Offset, durable: Offset) -> Result<(u64, Option<i64>), Error> {
        let Some(segment) = catalog::find(&self.segments(), offset).cloned() else {
            return Ok((0, None));
        };
        let Ok(header) = &segment.header else {
            return Ok((0, None));
        };
        let mut count = header.records_before;
        let file = self.open(&segment)?;
        let failed = |error| Error::io("read", &segment.path, error);
        let end = segment.next.unwrap_or(durable).min(durable);
        let window = Window::new(&*file, header.file_pos(end).0).map_err(failed)?;
        let mut scan = scan::Scan::new(header, window, segment.base).over(self.holes());
        let mut next_time = None;
        loop {
            match scan.step().map_err(failed)? {
                // Marks of the journal's own are groups without a record.
                Step::Group(group) if group.start >= offset && group.commit.records == 0 => {}
                Step::Group(group) if group.start >= offset => {
                    next_time = Some(group.commit.time_micros);
                    break;
                }
                Step::Group(group) => count += u64::from(group.commit.records),
                Step::Bad(..) | Step::Seal(_) | Step::End => break,
            }
        }
        if next_time.is_none() {
            // It is the end of its segment: what comes next stands in a later one.
            next_time = self.time_from(segment.next.unwrap_or(durable), durable)?;
        }
        Ok((count, next_time))
    }

    /// The journal time of the first group that verifies in the segment of `from`, from there on, or in a later one;
    /// `from` is where a group begins or ends.
    pub(crate) fn time_from(&self, from: Offset, durable: Offset) -> Result<Option<i64>, Error> {
        for segment in self.segments() {
            let end = segment.next.unwrap_or(durable).min(durable);
            if end <= from {
                continue;
            }
            let Ok(header) = &segment.header else { continue };
            let file = self.open(&segment)?;
            let failed = |error| Error::io("read", &segment.path, error);
            let window = Window::new(&*file, header.file_pos(end).0).map_err(failed)?;
            let mut scan = scan::Scan::new(header, window, from.max(segment.base)).over(self.holes());
            loop {
                match scan.step().map_err(failed)? {
                    Step::Group(group) if group.commit.records == 0 => {}
                    Step::Group(group) => return Ok(Some(group.commit.time_micros)),
                    Step::Bad(..) | Step::Seal(_) | Step::End => break,
                }
            }
        }
        Ok(None)
    }
}

/// The whole rest of a segment whose header does not verify.
pub(crate) fn whole(segment: &Segment, at: Offset, end: Offset, reason: &str) -> Damage {
    let len = end.get() - at.get();
    Damage { offset: at, len, detail: format!("segment {:016x}: {reason}", segment.base.get()) }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
