//! What an audit frame says: that a torn tail was cut, what a salvage did, or that a backup was restored.

use annals_record::{Offset, RecordId, Term};

use crate::frame::{array, long};

/// The body of an audit frame, read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// Bytes of a torn tail were cut.
    Cut {
        /// Where they began, how many there were, and their BLAKE3.
        range: (Offset, u64, RecordId),
        /// When, microseconds since 1970-01-01T00:00:00Z.
        at_micros: i64,
    },
    /// A salvage listed ranges as lost, and wrote over damaged bytes.
    Salvage {
        /// What was listed as lost: where, how many bytes, and the BLAKE3 of those that were kept.
        lost: Vec<(Offset, u64, RecordId)>,
        /// What was written over: likewise.
        mended: Vec<(Offset, u64, RecordId)>,
        /// When, microseconds since 1970-01-01T00:00:00Z.
        at_micros: i64,
    },
    /// The journal was made of a backup.
    Restore {
        /// Where what the backup held ended, and the term there.
        durable: (Offset, Term),
        /// The BLAKE3 of its manifest.
        manifest: RecordId,
        /// When, microseconds since 1970-01-01T00:00:00Z.
        at_micros: i64,
    },
}

/// A kind, and either three fields more, or a time and two counts.
const FIXED: usize = 32;
/// An offset, a length, a BLAKE3.
const RANGE: usize = 48;

impl Audit {
    /// Reads the body of an audit frame; none if it is of a kind that this version does not know.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        let (fixed, rest) = body.split_at_checked(FIXED)?;
        let range =
            |at: &[u8]| (Offset::new(long(at, 0)), long(at, 8), RecordId::from_bytes(array(&at[16..RANGE])));
        match long(fixed, 0) {
            1 if rest.len() == 32 => Some(Self::Cut {
                range: (Offset::new(long(fixed, 8)), long(fixed, 16), RecordId::from_bytes(array(rest))),
                at_micros: long(fixed, 24) as i64,
            }),
            2 if rest.len() % RANGE == 0 => {
                let (lost, mended) = (long(fixed, 16), long(fixed, 24));
                if lost.checked_add(mended)? != (rest.len() / RANGE) as u64 {
                    return None;
                }
                let mut ranges = rest.chunks_exact(RANGE).map(range);
                let lost = ranges.by_ref().take(lost as usize).collect();
                Some(Self::Salvage { lost, mended: ranges.collect(), at_micros: long(fixed, 8) as i64 })
            }
            3 if rest.len() == 32 => Some(Self::Restore {
                durable: (Offset::new(long(fixed, 8)), Term::new(long(fixed, 16))),
                manifest: RecordId::from_bytes(array(rest)),
                at_micros: long(fixed, 24) as i64,
            }),
            _ => None,
        }
    }
}
