//! The write-ahead log of a knowledge base, format 2.
//!
//! ```text
//!   {base offset: 16 hex digits}.wal   [header][record][record]…
//!   record    [length of the payload: u32 LE][CRC32C: u32 LE][BLAKE3 of the payload: 32][payload]
//!   payload   [type: u8][zero: 7][the application's structure, as its program lays it out]
//! ```
//!
//! How long the header is, is not known: it ends where the first record verifies. Over what the CRC32C goes is not known
//! either: a record is believed for its BLAKE3.

use std::io;
use std::path::Path;

use super::Place;
use super::decode::{Claim, Decode, Out};
use super::pages::Pages;
use super::reading::{Reading, reading, sorted};
use super::receipt::{Format, Note};
use super::root::{Entry, Root};
use crate::error::Error;

/// Before the payload.
const HEAD: usize = 40;
/// Type and padding.
const TYPE: usize = 8;
/// A header that nothing else tells the end of is no longer than this; what is, may hold a record.
const LONGEST_HEADER: u64 = 64;
/// The types from here on are the application's own.
const APPLICATION: u8 = 128;

/// A record, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its payload with another first byte: its type + 128, which makes it a record of an application's own type.
    pub payload: Vec<u8>,
    /// Its type there: 0 an assertion, 1 a vote, 2 an epoch.
    pub kind: u8,
    /// The BLAKE3 of its payload there: who it was.
    pub blake3: [u8; 32],
}

/// The records of a log, segment by segment.
#[derive(Debug)]
pub struct Records(Reading<Segments>);

reading!(Records, Segments, Carried);

/// Opens the log in `dir`.
///
/// # Errors
/// [`Error::Foreign`] if it has no `.wal` file; [`Error::Io`] if it cannot be opened.
pub fn open(dir: impl AsRef<Path>) -> Result<Records, Error> {
    let root = Root::open(dir.as_ref())?;
    let key = |entry: &Entry| {
        let name = entry.name().strip_suffix(".wal")?;
        let base = (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten();
        Some((base.is_none(), base, name.to_owned()))
    };
    let (files, others, losses) = sorted(root.list(0)?, key);
    if files.is_empty() && losses.is_empty() {
        let reason = "it has no `.wal` file".to_owned();
        return Err(Error::Foreign { path: root.path().to_owned(), reason });
    }
    let mut reading = Reading::over(root, Segments { header: None }, files, losses);
    others.iter().for_each(|path| reading.receipt_mut().note(Note::OtherFile, path, 0));
    Ok(Records(reading))
}

/// How segments are read.
#[derive(Debug)]
struct Segments {
    /// How long a header is, once one was seen.
    header: Option<u64>,
}

impl Decode for Segments {
    type Taken = Carried;

    fn format(&self) -> Format {
        Format::Stemedb
    }

    fn nests(&self, at: u64) -> bool {
        // Before there has been room for a record, what stands behind the header is no copy.
        at > LONGEST_HEADER
    }

    fn begin(&mut self, _: &Entry, _: &mut Pages, _: &mut Out<'_, Carried>) -> io::Result<u64> {
        Ok(0)
    }

    fn claim(&self, pages: &mut Pages, at: u64) -> io::Result<Claim> {
        let bytes = pages.get(at, HEAD + TYPE)?;
        let Some(len) = bytes.first_chunk::<4>() else { return Ok(Claim::short(bytes.len())) };
        let len = u32::from_le_bytes(*len);
        let padding = bytes.get(HEAD + 1..).unwrap_or_default();
        if (len as usize) < TYPE || padding.iter().any(|byte| *byte != 0) {
            return Ok(Claim::None("no record begins here".to_owned()));
        }
        Ok(Claim::of(HEAD as u64 + u64::from(len), at, pages))
    }

    fn verify(&self, frame: &[u8]) -> Result<(), String> {
        let (Some(stored), Some(payload)) = (frame.get(8..HEAD), frame.get(HEAD..)) else {
            return Err("no record is that short".to_owned());
        };
        match *blake3::hash(payload).as_bytes() == *stored {
            true => Ok(()),
            false => Err("the BLAKE3 of its payload is another one".to_owned()),
        }
    }

    fn take(&mut self, place: &Place, frame: &[u8], out: &mut Out<'_, Carried>) -> Result<(), String> {
        let payload = &frame[HEAD..];
        let kind = payload[0];
        if kind >= APPLICATION {
            return Err(format!("its type {kind} cannot be carried: types from 0 to 127 can"));
        }
        if !crc_matches(frame) {
            out.note(Note::CrcDiffers, &place.file, place.offset);
        }
        out.note(Note::NotDecoded, &place.file, place.offset);
        let blake3 = *blake3::hash(payload).as_bytes();
        let mut payload = payload.to_vec();
        payload[0] = APPLICATION + kind;
        out.item(place.clone(), Carried { payload, kind, blake3 });
        Ok(())
    }

    fn gap(&mut self, pages: &mut Pages, at: u64, len: u64) -> io::Result<u64> {
        if at != 0 {
            return Ok(0);
        }
        if let Some(header) = self.header.filter(|header| *header <= len) {
            return Ok(header);
        }
        // A first record that is damaged has a length that leads to where the next one verifies.
        let most = usize::try_from(len.min(4096)).unwrap_or(0);
        for header in 0..most.saturating_sub(HEAD + TYPE) as u64 {
            let head = pages.get(header, 4)?;
            let Some(claimed) = head.first_chunk::<4>() else { break };
            let claimed = u64::from(u32::from_le_bytes(*claimed));
            if claimed >= TYPE as u64 && header + HEAD as u64 + claimed == len {
                return Ok(header);
            }
        }
        if len > LONGEST_HEADER || len == pages.len() {
            // Some of it may be a record.
            return Ok(0);
        }
        self.header = Some(len);
        Ok(len)
    }

    fn end(&mut self, _: &Entry, _: &mut Out<'_, Carried>) {}
}

/// Whether the CRC32C is that of anything it may cover.
fn crc_matches(frame: &[u8]) -> bool {
    let (len, stored, blake3, payload) = (&frame[..4], &frame[4..8], &frame[8..HEAD], &frame[HEAD..]);
    let covers: [&[&[u8]]; 6] = [
        &[payload],
        &[blake3, payload],
        &[len, blake3, payload],
        &[len, payload],
        &[payload, blake3],
        &[len, blake3],
    ];
    covers.iter().any(|parts| {
        let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        crc.to_le_bytes() == *stored
    })
}
