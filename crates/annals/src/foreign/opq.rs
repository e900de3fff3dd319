//! An offline packet queue: network frames in segments.
//!
//! ```text
//!   segment_{id}_{seq}.opq    [header: 28 or 32 bytes][frame][frame]…
//!   frame                     [head: 88, 72 or 64 bytes][payload][signature: 32][CRC-32 of head and payload: u32 BE]
//! ```
//!
//! The header is a structure as its compiler laid it out, in one of three layouts: `docs/import.md`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crc_fast::CrcAlgorithm;

use super::Place;
use super::decode::{Claim, Decode, Out};
use super::pages::Pages;
use super::reading::{Reading, reading, sorted};
use super::receipt::{Format, Note};
use super::root::{Entry, Root};
use crate::error::Error;

mod head;
mod header;

use head::{Head, MAGIC, TRAILER};

/// A frame of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The whole frame, head and trailer included, as it stood there.
    pub frame: Vec<u8>,
    /// When its segment was made, in seconds since 1970: by the segment's header, or else by its name.
    pub created_seconds: Option<i64>,
    /// Whether the frame is marked as one of high priority.
    pub is_urgent: bool,
    /// The sender's count.
    pub sequence: u32,
}

/// The frames of a queue, segment by segment.
#[derive(Debug)]
pub struct Packets(Reading<Segments>);

reading!(Packets, Segments, Packet);

/// Opens the queue in `dir`.
///
/// # Errors
/// [`Error::Foreign`] if it has no `.opq` file; [`Error::Io`] if it cannot be opened.
pub fn open(dir: impl AsRef<Path>) -> Result<Packets, Error> {
    let root = Root::open(dir.as_ref())?;
    let listing = root.list(0)?;
    // Ids are seconds and numbers rise, so this is the order of writing.
    let key = |entry: &Entry| {
        let name = entry.name().strip_suffix(".opq")?;
        Some((named(name).unwrap_or((u64::MAX, u64::MAX)), Arc::clone(&entry.path)))
    };
    let (files, others, losses) = sorted(listing, key);
    if files.is_empty() && losses.is_empty() {
        let reason = "it has no `.opq` file".to_owned();
        return Err(Error::Foreign { path: root.path().to_owned(), reason });
    }
    let mut reading = Reading::over(root, Segments { created: None }, files, losses);
    others.iter().for_each(|path| reading.receipt_mut().note(Note::OtherFile, path, 0));
    Ok(Packets(reading))
}

/// Id and number in a segment's name.
fn named(name: &str) -> Option<(u64, u64)> {
    let (id, number) = name.strip_prefix("segment_")?.split_once('_')?;
    Some((id.parse().ok()?, number.parse().ok()?))
}

/// How segments are read.
#[derive(Debug)]
struct Segments {
    created: Option<i64>,
}

impl Decode for Segments {
    type Taken = Packet;

    fn format(&self) -> Format {
        Format::Opq
    }

    fn nests(&self, _: u64) -> bool {
        // A frame may be relayed within another one.
        true
    }

    fn begin(&mut self, file: &Entry, pages: &mut Pages, _: &mut Out<'_, Packet>) -> io::Result<u64> {
        let id = file.name().strip_suffix(".opq").and_then(named).map(|(id, _)| id);
        let header = header::read(pages.get(0, 64)?, id);
        let by_name = id.and_then(|id| i64::try_from(id).ok());
        self.created = header.map(|header| header.created).or(by_name);
        Ok(header.map_or(0, |header| header.len))
    }

    fn claim(&self, pages: &mut Pages, at: u64) -> io::Result<Claim> {
        let bytes = pages.get(at, head::LONGEST)?;
        let heads = match Head::candidates(bytes) {
            Ok(heads) => heads,
            Err(reason) if MAGIC.starts_with(&bytes[..bytes.len().min(4)]) => return Ok(Claim::Torn(reason)),
            Err(reason) if bytes.starts_with(MAGIC) => return Ok(Claim::Torn(reason)),
            Err(reason) => return Ok(Claim::None(reason)),
        };
        let mut first = None;
        for head in heads {
            let claim = claim_of(head, pages, at)?;
            if let Claim::Frame(len) = claim
                && self.verify(pages.get(at, usize::try_from(len).unwrap_or(usize::MAX))?).is_ok()
            {
                return Ok(claim);
            }
            first = first.or(Some(claim));
        }
        Ok(first.unwrap_or_else(|| Claim::None("no frame begins here".to_owned())))
    }

    fn verify(&self, frame: &[u8]) -> Result<(), String> {
        let Some((covered, stored)) = split(frame) else { return Err("no frame is that short".to_owned()) };
        let found = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, covered) as u32;
        match stored {
            0 => Ok(()),
            stored if stored == found => Ok(()),
            stored => Err(format!("checksum {found:08x}, expected {stored:08x}")),
        }
    }

    fn take(&mut self, place: &Place, frame: &[u8], out: &mut Out<'_, Packet>) -> Result<(), String> {
        let head = Head::of(frame)?;
        let Some((covered, stored)) = split(frame) else { return Err("no frame is that short".to_owned()) };
        if stored == 0 && crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, covered) != 0 {
            out.note(Note::Unverified, &place.file, place.offset);
        }
        let signature = &frame[covered.len()..frame.len() - 4];
        if signature.iter().any(|byte| *byte != 0) {
            out.note(Note::SignatureNotCovered, &place.file, place.offset);
        }
        let packet = Packet {
            frame: frame.to_vec(),
            created_seconds: self.created,
            is_urgent: head.flags & head::PRIORITY != 0,
            sequence: head.sequence,
        };
        out.item(place.clone(), packet);
        Ok(())
    }

    fn gap(&mut self, _: &mut Pages, _: u64, _: u64) -> io::Result<u64> {
        Ok(0)
    }

    fn end(&mut self, _: &Entry, _: &mut Out<'_, Packet>) {}
}

/// What a head claims.
fn claim_of(head: Head, pages: &mut Pages, at: u64) -> io::Result<Claim> {
    let claim = Claim::of(head.frame_len(), at, pages);
    let Claim::Frame(len) = claim else { return Ok(claim) };
    // Some writers leave the checksum out, and the length: then the next frame says where this one ends.
    let stored = pages.get(at + len - 4, 4)?.to_vec();
    if stored != [0; 4] || ends(pages, at + len)? {
        return Ok(claim);
    }
    let least = head.len as u64 + TRAILER;
    let most = at + least + u64::from(u16::MAX);
    let mut end = at + least;
    while !ends(pages, end)? && end < most {
        end += 1;
    }
    Ok(Claim::of(end - at, at, pages))
}

/// Whether a frame may end here: another one begins, or nothing stands here.
fn ends(pages: &mut Pages, at: u64) -> io::Result<bool> {
    let next = pages.get(at, MAGIC.len())?;
    Ok(next.is_empty() || next == MAGIC)
}

/// What the checksum covers, and the checksum.
fn split(frame: &[u8]) -> Option<(&[u8], u32)> {
    let (rest, crc) = frame.split_last_chunk::<4>()?;
    let (covered, _) = rest.split_at_checked(rest.len().checked_sub(TRAILER as usize - 4)?)?;
    Some((covered, u32::from_be_bytes(*crc)))
}
