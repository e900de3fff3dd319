//! The write-ahead log of an event store.
//!
//! ```text
//!   0, 1, 2 … or segment-0, segment-1 …    [length: u32 LE][term]…
//!   term    Erlang's external format of %Fact.WriteAheadLog.Entry{lsn, data, crc, is_checkpoint}
//!   crc     CRC-32 of data, then lsn as u64 LE
//! ```

use std::io;
use std::path::Path;

use crc_fast::{CrcAlgorithm, Digest};

use super::Place;
use super::decode::{Claim, Decode, Out};
use super::pages::Pages;
use super::reading::{Reading, reading, sorted};
use super::receipt::{Format, Note};
use super::root::{Entry as File, Root};
use crate::error::Error;

mod term;

/// The length.
const HEAD: usize = 4;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub lsn: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether it marks a place from which a replay may begin.
    pub is_checkpoint: bool,
}

/// The entries of a log, file by file.
#[derive(Debug)]
pub struct Entries(Reading<Files>);

reading!(Entries, Files, Entry);

/// Opens the log in `dir`.
///
/// # Errors
/// [`Error::Foreign`] if it has no file that is named by a number; [`Error::Io`] if it cannot be opened.
pub fn open(dir: impl AsRef<Path>) -> Result<Entries, Error> {
    let root = Root::open(dir.as_ref())?;
    // Older ones first: a log that was upgraded goes on under plain numbers.
    let key = |entry: &File| {
        let (plain, digits) = match entry.name().strip_prefix("segment-") {
            Some(digits) => (false, digits),
            None => (true, entry.name()),
        };
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<u64>().ok())
            .flatten()
            .map(|index| (plain, index))
    };
    let (files, others, losses) = sorted(root.list(0)?, key);
    if files.is_empty() && losses.is_empty() {
        let reason = "it has no file named `0`, `1`, … or `segment-0`, …".to_owned();
        return Err(Error::Foreign { path: root.path().to_owned(), reason });
    }
    let mut reading = Reading::over(root, Files { last: None }, files, losses);
    others.iter().for_each(|path| reading.receipt_mut().note(Note::OtherFile, path, 0));
    Ok(Entries(reading))
}

/// How files are read.
#[derive(Debug)]
struct Files {
    /// The number of the entry before.
    last: Option<u64>,
}

impl Decode for Files {
    type Taken = Entry;

    fn format(&self) -> Format {
        Format::Fact
    }

    fn nests(&self, _: u64) -> bool {
        // The data may be anything, a log of the same kind too.
        true
    }

    fn begin(&mut self, _: &File, _: &mut Pages, _: &mut Out<'_, Entry>) -> io::Result<u64> {
        Ok(0)
    }

    fn claim(&self, pages: &mut Pages, at: u64) -> io::Result<Claim> {
        let bytes = pages.get(at, HEAD + term::BEGIN.len())?;
        let Some((len, begin)) = bytes.split_first_chunk::<HEAD>() else {
            return Ok(Claim::short(bytes.len()));
        };
        let len = u32::from_le_bytes(*len);
        if len < 10 || !term::BEGIN.starts_with(begin) {
            return Ok(Claim::None("no entry begins here".to_owned()));
        }
        Ok(Claim::of(HEAD as u64 + u64::from(len), at, pages))
    }

    fn verify(&self, frame: &[u8]) -> Result<(), String> {
        let (entry, crc) = term::read(frame.get(HEAD..).unwrap_or_default())?;
        let mut digest = Digest::new(CrcAlgorithm::Crc32IsoHdlc);
        digest.update(entry.data);
        digest.update(&entry.lsn.to_le_bytes());
        let found = digest.finalize() as u32;
        if found == crc { Ok(()) } else { Err(format!("checksum {found:08x}, expected {crc:08x}")) }
    }

    fn take(&mut self, place: &Place, frame: &[u8], out: &mut Out<'_, Entry>) -> Result<(), String> {
        let (term::Read { lsn, data, is_checkpoint }, _) = term::read(frame.get(HEAD..).unwrap_or_default())?;
        if self.last.is_some_and(|last| lsn <= last) {
            out.note(Note::NumbersGoBack, &place.file, place.offset);
        }
        self.last = Some(lsn);
        out.item(place.clone(), Entry { lsn, data: data.to_vec(), is_checkpoint });
        Ok(())
    }

    fn gap(&mut self, _: &mut Pages, _: u64, _: u64) -> io::Result<u64> {
        Ok(0)
    }

    fn end(&mut self, _: &File, _: &mut Out<'_, Entry>) {}
}
