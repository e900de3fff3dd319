//! Reading whole groups at an offset, from whatever segment holds it. The journal and the reader process share this.
//!
//! I5: nothing at or beyond the durable watermark is read. I7: bytes that do not verify are an error with their range.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use annals_record::{Batch, LogId, Offset, ReadLimit, RecordId};

use crate::catalog::{self, Segment};
use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::frame::{self, Frame, Parsed};
use crate::holes::Holes;
use crate::scan::{self, Step, Window};
use crate::segment::SegmentHeader;

/// Room beyond a read's limit, for the frame that crosses it.
const SLACK: u64 = 64 << 10;

/// The segments as readers see them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    segments: RwLock<Vec<Arc<Segment>>>,
    /// What is listed as lost.
    holes: RwLock<Holes>,
    /// The file read last: a tail stays in one segment for long.
    opened: Mutex<Option<(Offset, Arc<dyn DiskFile>)>>,
}

/// What one look into a segment gave.
struct Look {
    bytes: Vec<u8>,
    entries: Vec<(Offset, RecordId, Range<usize>)>,
    /// The end of the last whole group, or of the seal.
    next: Offset,
    /// It ended with the segment's seal.
    sealed: bool,
    /// What stopped it, if not the limit or the seal.
    bad: Option<String>,
}

impl Source {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, segments: Vec<Arc<Segment>>, holes: Holes) -> Self {
        let holes = RwLock::new(holes);
        Self { disk, dir, segments: RwLock::new(segments), holes, opened: Mutex::new(None) }
    }

    pub(crate) fn holes(&self) -> Holes {
        self.holes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether another process has salvaged the journal since the list was read.
    fn reload_holes(&self, log: LogId) -> Result<bool, Error> {
        let found = Holes::load(&*self.disk, &self.dir, log)?;
        let changed = found != self.holes();
        if changed {
            *self.holes.write().unwrap_or_else(PoisonError::into_inner) = found;
            self.refresh()?;
        }
        Ok(changed)
    }

    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_segments(&self, segments: Vec<Arc<Segment>>) {
        *self.segments.write().unwrap_or_else(PoisonError::into_inner) = segments;
    }

    /// Looks for segments that another process has added or removed.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        let known = self.segments();
        self.set_segments(catalog::load(&*self.disk, &self.dir, &known)?);
        Ok(())
    }

    pub(crate) fn oldest(&self) -> Offset {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.first().map_or(Offset::ZERO, |first| first.base)
    }

    /// Whole groups from `from` on, below `durable`.
    pub(crate) fn read(&self, from: Offset, limit: ReadLimit, durable: Offset) -> Result<Batch, Error> {
        let mut at = from;
        let mut refreshed = false;
        loop {
            if at > durable {
                return Err(Error::Beyond { wanted: at, durable });
            }
            if at == durable {
                return Ok(Batch::new(Vec::new(), Vec::new(), at));
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
            let end = segment.next.unwrap_or(durable).min(durable).min(holes.next(at));
            let header = match &segment.header {
                Ok(header) => header,
                Err(reason) => return Err(Error::Damaged(whole(&segment, at, end, reason))),
            };
            let file = match self.open(&segment) {
                // Retention has removed it since the list was read.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && !refreshed => {
                    refreshed = true;
                    self.refresh()?;
                    continue;
                }
                opened => opened?,
            };
            let look =
                look(&*file, header, at, end, limit).map_err(|e| Error::io("read", &segment.path, e))?;
            if look.sealed && segment.next.is_none() {
                // Another process has rolled since the list was read. In the writer's own process the list is always
                // ahead of the watermark.
                self.refresh()?;
            }
            match look.bad {
                // Control frames only, or a seal: go on behind them.
                None if look.entries.is_empty() && look.next > at => at = look.next,
                None => return Ok(Batch::new(look.bytes, look.entries, look.next)),
                Some(_) if look.next > at => return Ok(Batch::new(look.bytes, look.entries, look.next)),
                Some(_) if self.reload_holes(header.log)? => {}
                Some(reason) => {
                    let resume = self
                        .resume(&*file, header, at, end)
                        .map_err(|e| Error::io("read", &segment.path, e))?;
                    let len = resume.get() - at.get();
                    return Err(Error::Damaged(Damage { offset: at, len, detail: reason }));
                }
            }
        }
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
        let mut scan = scan::Scan::new(header, window, segment.base, false).over(self.holes());
        let mut next_time = None;
        loop {
            match scan.step().map_err(failed)? {
                Step::Group(group) if group.start >= offset => {
                    next_time = Some(group.commit.time_micros);
                    break;
                }
                Step::Group(group) => count += u64::from(group.commit.records),
                Step::Hole(_) => {}
                Step::Bad(..) | Step::Seal(_) | Step::End => break,
            }
        }
        Ok((count, next_time))
    }
}

/// The whole rest of a segment whose header does not verify.
pub(crate) fn whole(segment: &Segment, at: Offset, end: Offset, reason: &str) -> Damage {
    let len = end.get() - at.get();
    Damage { offset: at, len, detail: format!("segment {:016x}: {reason}", segment.base.get()) }
}

/// Reads groups from `from` on, up to the limit, within one segment and below `end`.
fn look(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    from: Offset,
    end: Offset,
    limit: ReadLimit,
) -> io::Result<Look> {
    let available = end.get() - from.get();
    let mut size = (limit.bytes as u64).saturating_add(SLACK).min(available);
    loop {
        let mut bytes = vec![0; size as usize];
        let read = disk::read_full(file, &mut bytes, header.file_pos(from).0)?;
        if read < bytes.len() {
            // The file ends below the watermark: zeros fail to parse, and name the place.
            bytes[read..].fill(0);
        }
        match parse(bytes, header, from, limit, available) {
            Some(look) => return Ok(look),
            // The first group is larger than what was read.
            None => size = size.saturating_mul(2).min(available),
        }
    }
}

/// The groups in `bytes`, which begin at `from`, where `available` bytes should be. None if they hold no whole group but
/// more bytes might.
fn parse(
    bytes: Vec<u8>,
    header: &SegmentHeader,
    from: Offset,
    limit: ReadLimit,
    available: u64,
) -> Option<Look> {
    let mut entries: Vec<(Offset, RecordId, Range<usize>)> = Vec::new();
    let mut at = 0;
    let (mut group_at, mut group_entries, mut payload_bytes) = (0, 0, 0);
    let place = |at: usize| Offset::new(from.get() + at as u64);
    let (mut bad, mut sealed) = (None, false);
    let all = bytes.len() as u64 == available;
    loop {
        let stop = |reason: &str| Some(scan::describe(header, place(at), reason));
        match frame::parse(&bytes[at..], &header.place(place(at))) {
            Parsed::Frame(Frame::Record { id, len }, whole) => {
                let start = at + frame::HEADER;
                entries.push((place(at), id, start..start + len));
                payload_bytes += len;
                at += whole;
            }
            Parsed::Frame(Frame::Skipped, whole) => at += whole,
            Parsed::Frame(Frame::Commit(commit), whole) => {
                let records = entries.len() - group_entries;
                // A reader may begin within a group; then the count cannot be checked.
                let within = group_at == 0 && commit.batch_start < from;
                if !within && (commit.batch_start != place(group_at) || commit.records as usize != records) {
                    bad = stop("the commit frame does not fit its group");
                    break;
                }
                at += whole;
                (group_at, group_entries) = (at, entries.len());
                if entries.len() >= limit.records || payload_bytes >= limit.bytes {
                    break;
                }
            }
            Parsed::Frame(Frame::Seal, whole) if at == group_at => {
                (group_at, group_entries, sealed) = (at + whole, entries.len(), true);
                break;
            }
            Parsed::Frame(Frame::Seal, _) => bad = stop("a seal within a group"),
            Parsed::Zeros if all && at as u64 == available && at == group_at => break,
            Parsed::Zeros if all || bytes.len() - at >= frame::HEADER => {
                bad = stop("zeros where a frame should be");
            }
            Parsed::Short(whole) if all => bad = stop(&format!("a frame of {whole} bytes is cut")),
            Parsed::Zeros | Parsed::Short(_) => break,
            Parsed::Bad(reason) => bad = stop(&reason),
        }
        if bad.is_some() {
            break;
        }
    }
    if group_at == 0 && bad.is_none() {
        return None;
    }
    entries.truncate(group_entries);
    Some(Look { bytes, entries, next: place(group_at), sealed, bad })
}
