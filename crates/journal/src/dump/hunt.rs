//! Where the next frame begins behind one that does not verify.
//!
//!   the end it announces | any place before the next landmark | that landmark | the last byte

use std::io;

use annals_record::Offset;

use super::Frames;
use crate::frame::{self, Parsed};
use crate::scan;

/// So many bytes are checksummed at most for places where a frame may begin: bytes that look like many long frames do not
/// make the walk slow.
const BUDGET: u64 = 16 << 20;

impl Frames<'_> {
    /// Where the walk goes on behind the frame at which it stands, which does not verify.
    pub(super) fn hunt(&mut self) -> io::Result<Offset> {
        let from = Offset::new(self.at.get() + 8);
        let head = self.window.at(self.header.file_pos(self.at), frame::HEADER)?;
        if head.len() == frame::HEADER {
            // A bit that flipped in a frame's body leaves its length alone.
            let behind = Offset::new(self.at.get() + frame::announced(head) as u64);
            if self.begins(behind)? {
                return Ok(behind);
            }
        }
        let landmark = scan::next_landmark(self.header, &mut self.window, from)?;
        let limit = match landmark {
            // The group begins behind the damage, or only its commit frame stands there; a seal is where it is.
            Some(landmark) if landmark.resume < landmark.end => landmark.resume,
            Some(landmark) => Offset::new(landmark.end.get() - frame::COMMIT as u64),
            None => self.header.offset(self.bytes_end),
        };
        Ok(self.first_before(from, limit)?.unwrap_or_else(|| self.padded(limit)))
    }

    /// The first place from `from` on, before `limit`, at which a frame verifies.
    fn first_before(&mut self, from: Offset, limit: Offset) -> io::Result<Option<Offset>> {
        let mut budget = BUDGET;
        let mut at = from;
        while at < limit {
            let pos = self.header.file_pos(at);
            let room = limit.get() - at.get();
            let head = self.window.at(pos, frame::HEADER)?;
            if head.len() < frame::HEADER {
                break;
            }
            let whole = frame::announced(head) as u64;
            if frame::word(head, 0) != 0 && whole <= room {
                if whole > budget {
                    break;
                }
                if let Parsed::Frame(..) = self.parse(at)? {
                    return Ok(Some(at));
                }
                budget -= whole;
            }
            at = Offset::new(at.get() + 8);
        }
        Ok(None)
    }

    /// Whether a frame verifies at `at`.
    fn begins(&mut self, at: Offset) -> io::Result<bool> {
        Ok(self.header.file_pos(at).0 < self.window.len() && matches!(self.parse(at)?, Parsed::Frame(..)))
    }

    /// The end of the bytes, as a place of the log: frames begin at multiples of 8.
    fn padded(&self, end: Offset) -> Offset {
        let last = self.header.offset(crate::segment::FilePos(self.window.len()));
        Offset::new(end.get().next_multiple_of(8)).min(last)
    }
}
