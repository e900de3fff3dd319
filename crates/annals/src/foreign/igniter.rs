//! A partitioned fact store: JSON facts and packed batches, in segments by store and time.
//!
//! ```text
//!   {root}/wal/store={name}/date={bucket}/segment-NNNNNN.wal      frames: [len: u32 BE][body][CRC-32 of the body: u32 BE]
//!                                        ….wal.manifest.json      reported
//!                                        ….wal.purged.json, ….wal.quarantine.json
//!   body: {…}                 a fact as JSON (json_crc32)
//!         MessagePack map     store, fields, valid_time, schema_version: first in a segment (compact_delta)
//!         [count: u32 BE][zlib(MessagePack {km, e})]     up to 64 facts, times as differences to the fact before
//! ```

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use annals_streams::Fact;
use crc_fast::CrcAlgorithm;

use super::decode::{Claim, Decode, Out};
use super::pages::Pages;
use super::reading::{Reading, reading, sorted};
use super::receipt::{DocumentKind, Format, Note};
use super::root::{Entry, Root};
use super::{Loss, Place};
use crate::error::Error;

mod batch;
mod document;
mod export;
mod json;

pub use export::Writer;

use batch::Chain;

/// Length before, checksum behind.
const AROUND: usize = 8;

/// The facts of a partitioned store, segment by segment.
#[derive(Debug)]
pub struct Facts(Reading<Segments>);

reading!(Facts, Segments, Fact);

/// Opens the store in `root`.
///
/// # Errors
/// [`Error::Foreign`] if it has no directory `wal`, or more files than any store; [`Error::Io`] if it cannot be opened.
pub fn open(root: impl AsRef<Path>) -> Result<Facts, Error> {
    let root = Root::open(root.as_ref())?;
    let mut listing = root.list(4)?;
    listing.losses.retain(|loss| loss.file.starts_with("wal"));
    let is_segment = |entry: &Entry| {
        (entry.path.starts_with("wal") && entry.name().ends_with(".wal")).then(|| Arc::clone(&entry.path))
    };
    if !listing.files.iter().any(|file| file.path.starts_with("wal")) && listing.losses.is_empty() {
        let reason = "it has no file below `wal/store=…/date=…/`".to_owned();
        return Err(Error::Foreign { path: root.path().to_owned(), reason });
    }
    let (files, others, losses) = sorted(listing, is_segment);
    let documents = document::Documents::read(&root, others.iter().filter(|path| path.starts_with("wal")));
    let manifests = documents.manifests();
    let segments = Segments { chain: Chain::default(), manifests, given: 0, gaps: false };
    let mut reading = Reading::over(root, segments, files, losses);
    documents.tell(reading.receipt_mut());
    Ok(Facts(reading))
}

/// How segments are read.
#[derive(Debug)]
struct Segments {
    chain: Chain,
    /// How many facts the manifest of a segment speaks of.
    manifests: HashMap<Arc<Path>, u64>,
    /// Of this segment: facts that were found, taken or not.
    given: u64,
    gaps: bool,
}

impl Decode for Segments {
    type Taken = Fact;

    fn format(&self) -> Format {
        Format::Igniter
    }

    fn nests(&self, _: u64) -> bool {
        // JSON has no zero bytes, which the length of a frame begins with, and a batch is compressed.
        false
    }

    fn begin(&mut self, _: &Entry, _: &mut Pages, _: &mut Out<'_, Fact>) -> io::Result<u64> {
        self.chain = Chain::default();
        (self.given, self.gaps) = (0, false);
        Ok(0)
    }

    fn claim(&self, pages: &mut Pages, at: u64) -> io::Result<Claim> {
        let head = pages.get(at, 9)?;
        let Some((len, body)) = head.split_first_chunk::<4>() else { return Ok(Claim::short(head.len())) };
        let len = u64::from(u32::from_be_bytes(*len));
        let begins = |at: usize, is: fn(u8) -> bool| body.get(at).is_none_or(|byte| is(*byte));
        // A fact, a header, or a batch: nothing else was ever framed. So zeros are no frame, though their CRC is zero.
        let known = begins(0, |byte| byte == b'{' || is_map(byte)) || begins(4, |byte| byte == 0x78);
        if len < 2 || !known {
            return Ok(Claim::None("no frame begins here".to_owned()));
        }
        Ok(Claim::of(len + AROUND as u64, at, pages))
    }

    fn verify(&self, frame: &[u8]) -> Result<(), String> {
        let Some((body, stored)) = split(frame) else { return Err("no frame is that short".to_owned()) };
        let found = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, body) as u32;
        if found == stored { Ok(()) } else { Err(format!("checksum {found:08x}, expected {stored:08x}")) }
    }

    fn take(&mut self, place: &Place, frame: &[u8], out: &mut Out<'_, Fact>) -> Result<(), String> {
        let Some((body, _)) = split(frame) else { return Err("no frame is that short".to_owned()) };
        match body.first() {
            Some(b'{') => {
                self.given += 1;
                let read = json::read(body)?;
                // What a journal refuses is told here, where its place is known.
                read.fact.to_payload().map_err(|error| error.to_string())?;
                read.notes.iter().for_each(|note| out.note(*note, &place.file, place.offset));
                out.item(place.clone(), read.fact);
                Ok(())
            }
            Some(byte) if is_map(*byte) => self.chain.begin(body),
            _ => {
                let count = self.chain.batch(place, body, out)?;
                self.given += count;
                Ok(())
            }
        }
    }

    fn gap(&mut self, _: &mut Pages, _: u64, _: u64) -> io::Result<u64> {
        self.chain.breaks();
        self.gaps = true;
        Ok(0)
    }

    fn end(&mut self, file: &Entry, out: &mut Out<'_, Fact>) {
        let Some(facts) = self.manifests.get(&file.path) else { return };
        // Where bytes are damaged, that is told already.
        if *facts > self.given && !self.gaps {
            let missing = facts - self.given;
            let reason = format!("its manifest speaks of {facts} facts, and it holds {}", self.given);
            let file = Arc::clone(&file.path);
            out.lose(Loss { file, offset: 0, bytes: 0, items: Some(missing), reason });
        }
    }
}

/// The first byte of a MessagePack map.
fn is_map(byte: u8) -> bool {
    matches!(byte, 0x80..=0x8f | 0xde | 0xdf)
}

/// The body of a frame, and the checksum behind it.
fn split(frame: &[u8]) -> Option<(&[u8], u32)> {
    let (body, crc) = frame.get(4..)?.split_last_chunk::<4>()?;
    Some((body, u32::from_be_bytes(*crc)))
}
