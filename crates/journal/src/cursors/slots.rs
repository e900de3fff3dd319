//! A cursor's file: two slots in blocks of their own. The slot that was synced last stays untouched while the other one
//! is written, so a crash leaves the place before or the one after.

use std::path::{Path, PathBuf};

use annals_record::{Applied, Cursor, LogId, Offset, RecordId, Term};

use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::Error;
use crate::frame::{array, long, word};

const MAGIC: &[u8; 8] = b"annalsCU";
const SLOT: usize = 128;
const SPACING: u64 = 4096;
const CRC_AT: usize = SLOT - 4;
/// Flag: a record was applied.
const HAS_LAST: u32 = 1;

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cursor: Cursor,
    pub(crate) moved_at_micros: i64,
}

/// The open file of a cursor.
#[derive(Debug)]
pub(super) struct Slots {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// The slot to be written next; the other one is durable.
    slot: u64,
    sequence: u64,
    /// A write or sync failed: what is durable is unknown until the cursor is opened again.
    failed: bool,
}

impl Slots {
    /// What the file says, without a lock.
    ///
    /// # Errors
    /// [`Error::Sidecar`] if neither slot verifies.
    pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Place, Error> {
        let file = disk.open(path, Mode::Read).map_err(|error| Error::io("open", path, error))?;
        newest(&*file, path).map(|(place, ..)| place)
    }

    /// Makes the file, durably.
    pub(super) fn create(disk: &dyn Disk, path: &Path, place: &Place) -> Result<Self, Error> {
        disk::replace(disk, path, &file_of(place)).map_err(|error| Error::io("create", path, error))?;
        let file = disk.open(path, Mode::Write).map_err(|error| Error::io("open", path, error))?;
        Ok(Self { file, path: path.to_owned(), slot: 1, sequence: 1, failed: false })
    }

    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, Place), Error> {
        let file = disk.open(path, Mode::Write).map_err(|error| Error::io("open", path, error))?;
        let (place, slot, sequence) = newest(&*file, path)?;
        let mut slots = Self { file, path: path.to_owned(), slot, sequence, failed: false };
        // Its own sync may have failed: what is read may never have reached the medium. It is written again where it
        // stands, for the other slot is the one that is durable for certain.
        slots.sequence -= 1;
        slots.write(&place)?;
        Ok((slots, place))
    }

    /// Writes a place and makes it durable.
    pub(super) fn write(&mut self, place: &Place) -> Result<(), Error> {
        if self.failed {
            let reason = format!("a sync of {} failed", self.path.display());
            return Err(Error::Poisoned { reason });
        }
        self.failed = true;
        let bytes = encode(place, self.sequence + 1);
        disk::write_full(&*self.file, &bytes, self.slot * SPACING)
            .map_err(|error| Error::io("write", &self.path, error))?;
        self.file.sync().map_err(|error| Error::io("sync", &self.path, error))?;
        self.failed = false;
        self.sequence += 1;
        self.slot = 1 - self.slot;
        Ok(())
    }
}

/// The bytes of the file of a cursor that is new and stands there.
pub(crate) fn file_of(place: &Place) -> Vec<u8> {
    let mut bytes = vec![0; 2 * SPACING as usize];
    bytes[..SLOT].copy_from_slice(&encode(place, 1));
    bytes
}

/// The newest slot that verifies, which one it is, and its sequence.
fn newest(file: &dyn DiskFile, path: &Path) -> Result<(Place, u64, u64), Error> {
    let mut best: Option<(Place, u64, u64)> = None;
    for slot in 0..2 {
        let mut bytes = [0; SLOT];
        let read = disk::read_full(file, &mut bytes, slot * SPACING)
            .map_err(|error| Error::io("read", path, error))?;
        if let Some((place, sequence)) = decode(&bytes[..read])
            && best.is_none_or(|(_, _, known)| sequence > known)
        {
            best = Some((place, slot, sequence));
        }
    }
    best.ok_or_else(|| Error::Sidecar {
        path: path.to_owned(),
        reason: "neither of its slots verifies".to_owned(),
    })
}

fn encode(place: &Place, sequence: u64) -> [u8; SLOT] {
    let Place { cursor, moved_at_micros } = place;
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..24].copy_from_slice(cursor.log.as_bytes());
    slot[24..32].copy_from_slice(&cursor.term.get().to_le_bytes());
    slot[32..40].copy_from_slice(&cursor.next.get().to_le_bytes());
    slot[40..48].copy_from_slice(&sequence.to_le_bytes());
    slot[48..56].copy_from_slice(&moved_at_micros.to_le_bytes());
    if let Some(last) = &cursor.last {
        slot[56..60].copy_from_slice(&HAS_LAST.to_le_bytes());
        slot[64..72].copy_from_slice(&last.offset.get().to_le_bytes());
        slot[72..104].copy_from_slice(last.id.as_bytes());
    }
    let crc = crc32c::crc32c(&slot[..CRC_AT]);
    slot[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(Place, u64)> {
    if slot.len() < SLOT || !slot.starts_with(MAGIC) || crc32c::crc32c(&slot[..CRC_AT]) != word(slot, CRC_AT)
    {
        return None;
    }
    let last =
        Applied { offset: Offset::new(long(slot, 64)), id: RecordId::from_bytes(array(&slot[72..104])) };
    let cursor = Cursor {
        log: LogId::from_bytes(array(&slot[8..24])),
        term: Term::new(long(slot, 24)),
        next: Offset::new(long(slot, 32)),
        last: (word(slot, 56) & HAS_LAST != 0).then_some(last),
    };
    // A sequence of 0 is never written: the open counts one back.
    let sequence = Some(long(slot, 40)).filter(|sequence| (1..u64::MAX).contains(sequence))?;
    Some((Place { cursor, moved_at_micros: long(slot, 48) as i64 }, sequence))
}

#[cfg(test)]
mod tests;
