//! A segment file: its name, its header, and how a place in the log maps to a byte in the file.
//!
//!   {base_offset:016x}.wal = [header: 4096][frames ...][seal frame, once sealed]
//!
//! S1: one segment holds one term; the term table of a log is the list of its segments' headers.

use annals_record::{LogId, Offset, Term};

use crate::frame::{Place, array, long, word};

/// Bytes before the first frame.
pub(crate) const HEADER_LEN: u64 = 4096;
/// The newest format of segments, watermark and frames.
pub(crate) const FORMAT: u32 = 2;

/// No place, count or term of a log comes to here: 4 EiB. So sums of two of them never overflow, whatever a header says.
pub(crate) const PLACES_END: u64 = 1 << 62;
/// What is appended begins below here: a log ends long before its places do, and what is in it stays readable.
pub(crate) const APPENDS_END: u64 = 1 << 61;

const MAGIC: &[u8; 8] = b"annalsWL";
const CRC_AT: usize = HEADER_LEN as usize - 4;

/// A byte's place in one segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FilePos(pub(crate) u64);

/// What a segment's first block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log: LogId,
    /// The term of every frame in this segment.
    pub(crate) term: Term,
    /// Where that term began, maybe segments ago.
    pub(crate) term_start: Offset,
    /// The offset of the first frame, and the end of the previous segment.
    pub(crate) base: Offset,
    /// The hash over all record ids before this segment.
    pub(crate) chain: [u8; 32],
    /// How many records stand before this segment.
    pub(crate) records_before: u64,
    /// Journal time.
    pub(crate) created_micros: i64,
    /// Where the latest checkpoint before this segment stands.
    pub(crate) checkpoint: Option<Offset>,
    /// Where the record of the oldest remembered key before this segment stands.
    pub(crate) keys: Option<Offset>,
}

/// Why a first block is no header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Another format's file, or nobody's.
    Foreign(String),
    /// Ours, but newer.
    Newer(u32),
    /// Ours, but the bytes do not verify.
    Damaged(String),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(HEADER_LEN as usize);
        block.extend_from_slice(MAGIC);
        block.extend_from_slice(&FORMAT.to_le_bytes());
        block.extend_from_slice(&(HEADER_LEN as u32).to_le_bytes());
        block.extend_from_slice(self.log.as_bytes());
        block.extend_from_slice(&self.term.get().to_le_bytes());
        block.extend_from_slice(&self.term_start.get().to_le_bytes());
        block.extend_from_slice(&self.base.get().to_le_bytes());
        block.extend_from_slice(&self.records_before.to_le_bytes());
        block.extend_from_slice(&self.created_micros.to_le_bytes());
        block.extend_from_slice(&self.chain);
        let checkpoint = self.checkpoint.map_or(0, |checkpoint| checkpoint.get() + 1);
        block.extend_from_slice(&checkpoint.to_le_bytes());
        block.extend_from_slice(&self.keys.map_or(0, |keys| keys.get() + 1).to_le_bytes());
        block.resize(CRC_AT, 0);
        block.extend_from_slice(&crc32c::crc32c(&block).to_le_bytes());
        block
    }

    pub(crate) fn decode(block: &[u8]) -> Result<Self, HeaderError> {
        if block.len() < MAGIC.len() || !block.starts_with(MAGIC) {
            let begin = &block[..block.len().min(8)];
            return Err(if begin.iter().all(|byte| *byte == 0) {
                HeaderError::Damaged("the header is empty".to_owned())
            } else {
                HeaderError::Foreign(format!("it begins with {:?}", begin.escape_ascii().to_string()))
            });
        }
        if block.len() < HEADER_LEN as usize {
            return Err(HeaderError::Damaged(format!("the header is cut after {} bytes", block.len())));
        }
        // Magic, format, header length and this checksum keep their places in every format to come.
        let format = word(block, 8);
        let (found, expected) = (crc32c::crc32c(&block[..CRC_AT]), word(block, CRC_AT));
        if found != expected {
            return Err(HeaderError::Damaged(format!(
                "header checksum {found:08x}, expected {expected:08x}"
            )));
        }
        if format > FORMAT {
            return Err(HeaderError::Newer(format));
        }
        if format != FORMAT || word(block, 12) != HEADER_LEN as u32 {
            return Err(HeaderError::Foreign(format!(
                "format {format}, header of {} bytes",
                word(block, 12)
            )));
        }
        let header = Self {
            log: LogId::from_bytes(array(&block[16..32])),
            term: Term::new(long(block, 32)),
            term_start: Offset::new(long(block, 40)),
            base: Offset::new(long(block, 48)),
            records_before: long(block, 56),
            created_micros: long(block, 64) as i64,
            chain: array(&block[72..104]),
            checkpoint: long(block, 104).checked_sub(1).map(Offset::new),
            keys: long(block, 112).checked_sub(1).map(Offset::new),
        };
        header.check().map(|()| header)
    }

    /// Whether it says what a header of ours can say. Its checksum holds, but anybody can make one that does.
    fn check(&self) -> Result<(), HeaderError> {
        let Self { base, term, term_start, records_before, .. } = self;
        // A record takes a byte at least: there are no more of them than bytes before it.
        let counted = *records_before <= base.get();
        let bounded = counted && base.get() < PLACES_END && term.get() < PLACES_END;
        let mut earlier = [Some(*term_start), self.checkpoint, self.keys].into_iter().flatten();
        if bounded && earlier.all(|place| place <= *base) {
            return Ok(());
        }
        Err(HeaderError::Damaged(format!(
            "the header says what none of ours does: base {base}, term {term} since {term_start}, \
             {records_before} records before it"
        )))
    }

    /// Where the frame at `offset` verifies.
    pub(crate) fn place(&self, offset: Offset) -> Place {
        Place { log: self.log, term: self.term, offset }
    }

    /// The byte of the file at which `offset` lies; `offset` is not below the base.
    pub(crate) fn file_pos(&self, offset: Offset) -> FilePos {
        FilePos(HEADER_LEN + (offset.get() - self.base.get()))
    }

    /// The offset of a byte of the file; `pos` is not in the header.
    pub(crate) fn offset(&self, pos: FilePos) -> Offset {
        Offset::new(self.base.get() + (pos.0 - HEADER_LEN))
    }
}

/// When a segment was created, by its header: journal time, microseconds since 1970-01-01T00:00:00Z. `block` holds the
/// first 4,096 bytes of its file. None if they are no header that verifies.
#[must_use]
pub fn created_micros(block: &[u8]) -> Option<i64> {
    SegmentHeader::decode(block).ok().map(|header| header.created_micros)
}

/// The file name of the segment with this base.
pub(crate) fn file_name(base: Offset) -> String {
    format!("{:016x}.wal", base.get())
}

/// The base in a segment's file name, if it is one: nothing of ours stands beyond the end of all places.
pub(crate) fn base_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".wal")?;
    let well_formed =
        digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let base = if well_formed { u64::from_str_radix(digits, 16).ok() } else { None };
    base.filter(|base| *base < PLACES_END).map(Offset::new)
}

#[cfg(test)]
mod tests;
