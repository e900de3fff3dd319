//! A segment's header made whole: one flipped bit turned back, or derived from the segment before it.

use std::io;

use annals_record::{LogId, Offset, Term};

use crate::disk::{self, DiskFile};
use crate::frame;
use crate::mend::flipped;
use crate::recovery::Carried;
use crate::scan::{self, Scan, Step, Window};
use crate::seal::Seal;
use crate::segment::{HEADER_LEN, SegmentHeader};

/// What a segment's header must say, as far as the segment before it knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) base: Offset,
    pub(super) term: Term,
    pub(super) term_start: Offset,
    pub(super) chain: [u8; 32],
    pub(super) records: u64,
    pub(super) carried: Carried,
}

impl Before {
    /// Before a log's first segment.
    pub(super) const FIRST: Self = Self {
        base: Offset::ZERO,
        term: Term::FIRST,
        term_start: Offset::ZERO,
        chain: [0; 32],
        records: 0,
        carried: Carried { checkpoint: None, keys: None },
    };

    pub(super) fn behind(header: &SegmentHeader, seal: &Seal, carried: Carried) -> Self {
        let base = seal.next_base();
        let term_start = if seal.next_term > header.term { base } else { header.term_start };
        let records = header.records_before + seal.records;
        Self { base, term: seal.next_term, term_start, chain: seal.chain, records, carried }
    }

    fn header(self, log: LogId) -> SegmentHeader {
        SegmentHeader {
            log,
            term: self.term,
            term_start: self.term_start,
            base: self.base,
            chain: self.chain,
            records_before: self.records,
            created_micros: 0,
            checkpoint: self.carried.checkpoint,
            keys: self.carried.keys,
        }
    }
}

/// The header that the segment in `file` must have had: frames verify under it, or none is expected there.
pub(super) fn mend_header(
    file: &dyn DiskFile,
    log: LogId,
    base: Offset,
    before: Option<Before>,
    may_be_empty: bool,
) -> io::Result<Option<SegmentHeader>> {
    let mut block = vec![0; HEADER_LEN as usize];
    let read = disk::read_full(file, &mut block, 0)?;
    if SegmentHeader::decode(&block[..read]).is_ok() {
        // It verifies and does not belong here.
        return Ok(None);
    }
    let unflipped = unflip(&mut block[..read]).filter(|header| (header.log, header.base) == (log, base));
    for header in [unflipped, before.map(|before| before.header(log))].into_iter().flatten() {
        let window = Window::new(file, u64::MAX)?;
        let mut scan = Scan::new(&header, window, base);
        let first_micros = match scan.step()? {
            Step::Group(group) => group.commit.time_micros,
            Step::Seal(_) => 0,
            Step::End if may_be_empty => 0,
            // The first group may be damaged, too: any frame behind it proves the header.
            Step::End | Step::Bad(_) => {
                match scan::next_landmark(&header, &mut scan.into_window(), Offset::new(base.get() + 8))? {
                    Some(_) => 0,
                    None => continue,
                }
            }
        };
        // A header that was derived cannot know it: its first group's time is not before it.
        let created_micros = if header.created_micros == 0 { first_micros } else { header.created_micros };
        return Ok(Some(SegmentHeader { created_micros, ..header }));
    }
    Ok(None)
}

/// The header in a block of which one bit was flipped.
fn unflip(block: &mut [u8]) -> Option<SegmentHeader> {
    let at = block.len().checked_sub(4).filter(|at| at + 4 == HEADER_LEN as usize)?;
    let syndrome = crc32c::crc32c(&block[..at]) ^ frame::word(block, at);
    if syndrome.is_power_of_two() {
        let bit = syndrome.trailing_zeros() as usize;
        block[at + bit / 8] ^= 1 << (bit % 8);
    } else {
        let (byte, bit) = flipped(syndrome, at, 0)?;
        block[byte] ^= 1 << bit;
    }
    SegmentHeader::decode(block).ok()
}
