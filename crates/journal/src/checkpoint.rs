//! Checkpoints: places in the log that a caller has marked, with bytes of its own.
//!
//!   segment header: the latest before it | active segment: scanned

use annals_record::Offset;

use crate::catalog;
use crate::error::{Damage, Error};
use crate::frame::{self, ControlKind, Frame, Parsed};
use crate::reader::Reader;
use crate::scan::{Scan, Step, Window};
use crate::source::Source;

/// A place from which reading can begin again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where it stands.
    pub offset: Offset,
    /// Where the first record after it may stand: tail from here.
    pub next: Offset,
    /// The caller's bytes.
    pub body: Vec<u8>,
}

impl Reader {
    /// The latest checkpoint that is durable, if there is one.
    ///
    /// # Errors
    /// As [`crate::Journal::latest_checkpoint`].
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let durable = self.durable()?;
        // In this order: the list of segments is never older than the watermark.
        self.core.source.refresh()?;
        latest(&self.core.source, durable)
    }
}

/// Where the latest checkpoint below `durable` stands.
pub(crate) fn latest_offset(source: &Source, durable: Offset) -> Result<Option<Offset>, Error> {
    let segments = source.segments();
    let Some(last) = catalog::find(&segments, durable) else { return Ok(None) };
    let Ok(header) = &last.header else { return Ok(None) };
    let file = source.open(last)?;
    let failed = |error| Error::io("read", &last.path, error);
    let window = Window::new(&*file, header.file_pos(durable.max(last.base)).0).map_err(failed)?;
    let mut scan = Scan::new(header, window, last.base).over(source.holes());
    let mut latest = header.checkpoint;
    while let Step::Group(_) = scan.step().map_err(failed)? {
        latest = scan.checkpoint.or(latest);
    }
    Ok(latest)
}

/// The latest checkpoint below `durable`.
pub(crate) fn latest(source: &Source, durable: Offset) -> Result<Option<Checkpoint>, Error> {
    let Some(offset) = latest_offset(source, durable)? else { return Ok(None) };
    if let Some(hole) = source.holes().at(offset) {
        return Err(Error::Hole { offset: hole.offset, len: hole.len });
    }
    let segments = source.segments();
    let damaged = |detail: String| Error::Damaged(Damage { offset, len: 0, detail });
    let gone = || Error::Gap { wanted: offset, oldest: source.oldest() };
    let segment =
        catalog::find(&segments, offset).filter(|segment| segment.base <= offset).ok_or_else(gone)?;
    let header = segment.header.as_ref().map_err(|reason| damaged(reason.clone()))?;
    let file = source.open(segment)?;
    let failed = |error| Error::io("read", &segment.path, error);
    let mut window = Window::new(&*file, u64::MAX).map_err(failed)?;
    let pos = header.file_pos(offset);
    let head = window.at(pos, frame::HEADER).map_err(failed)?;
    let wanted = if head.len() < frame::HEADER { frame::HEADER } else { frame::announced(head) };
    let bytes = window.at(pos, wanted).map_err(failed)?;
    match frame::parse(bytes, &header.place(offset)) {
        Parsed::Frame(Frame::Control(ControlKind::Checkpoint, len), whole) => Ok(Some(Checkpoint {
            offset,
            next: Offset::new(offset.get() + whole as u64),
            body: bytes[frame::HEADER..][..len].to_vec(),
        })),
        Parsed::Bad(reason) => Err(damaged(format!("the checkpoint: {reason}"))),
        _ => Err(damaged("no checkpoint stands where the segment's header says".to_owned())),
    }
}
