//! Frames taken apart into what cannot be derived, and laid down again to the same bytes: for whoever keeps a sealed
//! segment in another form.
//!
//! ```text
//!   header | frame | frame | commit | ...      ->  Home, Piece, Piece, Piece, ...
//!   the same bytes                             <-  at the same offsets
//! ```
//!
//! Lengths, CRC32Cs, BLAKE3s, padding and the place of a frame follow from what it says and from where it stands. A frame
//! is taken apart only if exactly the same bytes come of it again; what does not is the caller's to keep as it is.

use annals_record::{LogId, Offset, RecordId, Term};

use crate::content;
use crate::crc::{self, Stamp};
use crate::frame::{self, Commit, ControlKind, Frame, Parsed};
use crate::segment::{self, SegmentHeader};

/// The bytes of a segment before its first frame.
pub const SEGMENT_HEADER: u64 = segment::HEADER_LEN;

/// The longest payload of a record, and the longest body of any frame, in bytes.
pub const LONGEST_BODY: usize = frame::MAX_PAYLOAD;

/// Which log and term a segment's frames are of, and where it begins: what their CRCs cover beside themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The log.
    pub log: LogId,
    /// The term of all its frames.
    pub term: Term,
    /// The offset of its first frame, which stands at byte [`SEGMENT_HEADER`] of its file.
    pub base: Offset,
}

/// What a frame says that cannot be derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A record with this payload.
    Record(&'a [u8]),
    /// A control frame with a body: a checkpoint, a key, an audit, room that is filled, or of the kind 6.
    Control {
        /// Its kind, as docs/format.md counts them: see [`is_kept_apart`].
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
    /// The end of a group.
    Commit {
        /// Where the group begins.
        start: Offset,
        /// How many records it holds.
        records: u32,
        /// The first place that was not durable when it was written.
        durable_upto: Offset,
        /// Journal time, microseconds since 1970-01-01T00:00:00Z.
        time_micros: i64,
    },
}

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A frame of so many bytes, of which exactly this piece comes again.
    Piece(Piece<'a>, usize),
    /// A seal of so many bytes that verifies. It is kept as it is.
    Seal(usize),
    /// It takes at least so many bytes from here on to tell.
    Needs(usize),
    /// Something that does not come again, or does not verify.
    Other,
}

/// Whether a control frame of this kind can be a [`Piece::Control`]: commits and seals are not, nor what only a newer
/// version can read.
#[must_use]
pub const fn is_kept_apart(kind: u8) -> bool {
    matches!(kind, 1 | 3..=6)
}

/// The bytes that a frame with a body of this length takes, header and padding included.
#[must_use]
pub const fn frame_len(body: usize) -> usize {
    (frame::HEADER + body).next_multiple_of(8)
}

impl Home {
    /// Reads it from the first [`SEGMENT_HEADER`] bytes of a segment; none if they do not verify.
    #[must_use]
    pub fn read(header: &[u8]) -> Option<Self> {
        let header = SegmentHeader::decode(header).ok()?;
        Some(Self { log: header.log, term: header.term, base: header.base })
    }

    /// Says what stands at the beginning of `bytes`, which is `at` in the log.
    #[must_use]
    pub fn take<'a>(&self, at: Offset, bytes: &'a [u8]) -> Found<'a> {
        if bytes.len() < frame::HEADER {
            return Found::Needs(frame::HEADER);
        }
        let whole = frame::announced(bytes);
        if bytes.len() < whole {
            return Found::Needs(whole);
        }
        let place = frame::Place { log: self.log, term: self.term, offset: at };
        let body_len = frame::body_len(frame::word(bytes, 0));
        let body = &bytes[frame::HEADER..frame::HEADER + body_len];
        let words = &bytes[8..frame::HEADER];
        match frame::parse(&bytes[..whole], &place) {
            Parsed::Frame(Frame::Seal, whole) => Found::Seal(whole),
            Parsed::Frame(Frame::Commit(commit), whole) if commit.words() == *words => {
                let Commit { batch_start: start, durable_upto, time_micros, records } = commit;
                Found::Piece(Piece::Commit { start, records, durable_upto, time_micros }, whole)
            }
            Parsed::Frame(Frame::Record { .. }, whole) if content::id(body).as_bytes() == words => {
                Found::Piece(Piece::Record(body), whole)
            }
            Parsed::Frame(Frame::Control(..) | Frame::Skipped, whole)
                if content::id(body).as_bytes() == words =>
            {
                Found::Piece(Piece::Control { kind: (bytes[3] >> 4) & 7, body }, whole)
            }
            _ => Found::Other,
        }
    }

    /// Adds the frames of these pieces to `out`, the first one as it stands at `at`. Bodies are hashed beside each other:
    /// many at once are several times faster than one.
    ///
    /// # Panics
    /// If a body is longer than [`LONGEST_BODY`], or a control frame is of a kind that [`is_kept_apart`] denies.
    pub fn lay(&self, at: Offset, pieces: &[Piece<'_>], out: &mut Vec<u8>) {
        let bodies: Vec<&[u8]> = pieces.iter().filter_map(Piece::body).collect();
        let mut ids: Vec<RecordId> = Vec::with_capacity(bodies.len());
        content::ids(&bodies, &mut ids);
        let stamp = Stamp::new(&self.log, self.term);
        let mut ids = ids.iter();
        let mut at = at.get();
        for piece in pieces {
            let word = piece.word();
            let words = match (piece, piece.body().and_then(|_| ids.next())) {
                (_, Some(id)) => *id.as_bytes(),
                (Piece::Commit { start, records, durable_upto, time_micros }, _) => {
                    let (batch_start, durable_upto) = (*start, *durable_upto);
                    Commit { batch_start, durable_upto, time_micros: *time_micros, records: *records }.words()
                }
                (_, None) => [0; 32],
            };
            let body = piece.body().unwrap_or_default();
            let crc = stamp.placed(crc::bulk_of(word, &words, body), Offset::new(at));
            let end = out.len() + frame_len(body.len());
            out.extend_from_slice(&frame::head(word, crc, &words));
            out.extend_from_slice(body);
            out.resize(end, 0);
            at += frame_len(body.len()) as u64;
        }
    }
}

impl<'a> Piece<'a> {
    /// The body of its frame; a commit has none.
    #[must_use]
    pub const fn body(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Record(body) | Self::Control { body, .. } => Some(body),
            Self::Commit { .. } => None,
        }
    }

    /// The bytes that its frame takes.
    #[must_use]
    pub fn len(&self) -> usize {
        frame_len(self.body().map_or(0, <[u8]>::len))
    }

    /// Whether its frame takes no bytes: never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    fn word(&self) -> u32 {
        match *self {
            Self::Record(body) => {
                assert!(body.len() <= LONGEST_BODY, "F1: a body of {} bytes", body.len());
                body.len() as u32
            }
            Self::Control { kind, body } => {
                assert!(is_kept_apart(kind), "F1: a control frame of kind {kind}");
                frame::control_word(ControlKind::Commit, body.len()) | u32::from(kind) << 28
            }
            Self::Commit { .. } => frame::COMMIT_WORD,
        }
    }
}

#[cfg(test)]
mod tests;
