//! One segment checked, as far as the depth says.

use std::sync::mpsc;

use annals_record::Offset;

use super::{Depth, Findings};
use crate::catalog::Segment;
use crate::disk::Mode;
use crate::error::{Damage, Error};
use crate::inspection::{Inspection, Subject};
use crate::segment::SegmentHeader;
use crate::source::Source;

/// Checks the segment below `end`.
pub(super) fn check(
    source: &Source,
    segment: &Segment,
    header: &SegmentHeader,
    end: Offset,
    depth: Depth,
    done: &mpsc::Sender<u64>,
) -> Result<Findings, Error> {
    let file =
        source.disk.open(&segment.path, Mode::Read).map_err(|e| Error::io("open", &segment.path, e))?;
    if let (Depth::Quick, Some(_), Some(seal)) = (depth, segment.next, segment.seal) {
        // It was read, and its CRC checked, when the list was made.
        return Ok(Findings { records: seal.records, ..Findings::default() });
    }
    let holes = source.holes();
    let subject = Subject { file: &*file, header, end, holes: &holes, content: depth == Depth::Full };
    let mut inspection = Inspection::new(header);
    loop {
        let at = inspection.at;
        if !inspection.step(&subject).map_err(|error| Error::io("read", &segment.path, error))? {
            break;
        }
        let _ = done.send(inspection.at.get() - at.get());
    }
    let Inspection { at, records, mut damaged, seal, unbroken, .. } = inspection;
    let bytes = at.get() - header.base.get();
    let mut damage = |from: Offset, detail| {
        damaged.push(Damage { offset: from, len: end.get() - from.get(), detail });
    };
    if segment.next.is_none() && seal.is_some() && at < end {
        damage(at, format!("segment {:016x}: the segment is missing", at.get()));
    } else if let Some(flaw) = segment.flaw.as_ref().filter(|_| unbroken) {
        damage(at, format!("segment {:016x}: {flaw}", header.base.get()));
    }
    Ok(Findings { records, bytes, damaged })
}
