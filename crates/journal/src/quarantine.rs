//! Bytes that are taken out of a journal, or written over, are kept, with a receipt.
//!
//!   quarantine/{offset}-{term}-{time}.{kind}  and beside it  .quarantine.json

use std::io;
use std::path::{Path, PathBuf};

use annals_record::{Offset, RecordId, Term};
use serde_json::{Value, json};

use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::Error;

/// The directory, within the journal's, that keeps them.
pub(crate) const DIR: &str = "quarantine";
/// What a receipt's name adds to the name of the file it is for.
pub(crate) const RECEIPT: &str = ".quarantine.json";
/// A receipt is a few hundred bytes long.
const MAX_RECEIPT: u64 = 1 << 20;
/// How much is copied at once.
const CHUNK: usize = 1 << 20;

/// Why bytes are in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quarantined {
    /// A torn tail that was cut: never acknowledged.
    Torn,
    /// A damaged range that could not be made whole: it became a hole.
    Lost,
    /// Damaged bytes in whose place the right ones were written.
    Mended,
    /// A list of holes that did not verify.
    Holes,
}

impl Quarantined {
    /// Its name, which is the file's extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::Lost => "lost",
            Self::Mended => "mended",
            Self::Holes => "holes",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Torn, Self::Lost, Self::Mended, Self::Holes].into_iter().find(|kind| kind.name() == name)
    }
}

/// What is known of bytes in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineReceipt {
    /// Why they are there.
    pub kind: Quarantined,
    /// The place in the log from which they are; for a segment's header the segment's base.
    pub offset: Offset,
    /// How many there are.
    pub bytes: u64,
    /// Their BLAKE3.
    pub blake3: RecordId,
    /// The term that began when they were taken; the present one if none did.
    pub term: Term,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub quarantined_at_micros: i64,
    /// The file that keeps them.
    pub path: PathBuf,
}

/// Bytes to keep: where they are, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'a> {
    pub(crate) kind: Quarantined,
    pub(crate) offset: Offset,
    pub(crate) term: Term,
    pub(crate) now_micros: i64,
    pub(crate) file: &'a dyn DiskFile,
    pub(crate) pos: u64,
    /// At most so many: the file may end before.
    pub(crate) len: u64,
}

/// Keeps bytes, durably, before they are cut or written over; returns their receipt.
///
/// # Errors
/// Above all [`Error::Full`]: then nothing may be cut.
pub(crate) fn keep(disk: &dyn Disk, journal: &Path, take: &Take<'_>) -> Result<QuarantineReceipt, Error> {
    let dir = journal.join(DIR);
    disk.create_dir(&dir).map_err(|error| Error::io("create", &dir, error))?;
    let listed = disk.list(&dir).map_err(|error| Error::io("list", &dir, error))?;
    let Take { kind, offset, term, .. } = *take;
    // What an earlier attempt kept may be older, and better, than what stands there now: it is never replaced.
    let mut quarantined_at_micros = take.now_micros;
    let name = loop {
        let name = format!("{:016x}-{term}-{quarantined_at_micros}.{}", offset.get(), kind.name());
        if listed.iter().all(|listed| listed.name != name) {
            break name;
        }
        quarantined_at_micros = quarantined_at_micros.saturating_add(1);
    };
    let file = dir.join(&name);
    let (bytes, blake3) = match copy(disk, take, &file) {
        Ok(copied) => copied,
        Err(error) => {
            // A disk without room is not to be left fuller than it was.
            let _ = disk.remove(&temporary(&file));
            return Err(Error::io("write", &file, error));
        }
    };
    let receipt = QuarantineReceipt { kind, offset, bytes, blake3, term, quarantined_at_micros, path: file };
    let path = dir.join(format!("{name}{RECEIPT}"));
    let mut text = json!({
        "schema": 1,
        "kind": kind.name(),
        "offset": offset.get(),
        "bytes": bytes,
        "blake3": blake3.to_string(),
        "new_term": term.get(),
        "quarantined_at_micros": quarantined_at_micros,
        "file": name,
    })
    .to_string();
    text.push('\n');
    disk::replace(disk, &path, text.as_bytes()).map_err(|error| Error::io("write", &path, error))?;
    disk.sync_dir(journal).map_err(|error| Error::io("sync", journal, error))?;
    Ok(receipt)
}

fn temporary(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Copies the bytes, durably, and says how many there were and what they hash to.
fn copy(disk: &dyn Disk, take: &Take<'_>, to: &Path) -> io::Result<(u64, RecordId)> {
    let temporary = temporary(to);
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let copy = disk.open(&temporary, Mode::CreateNew)?;
    let end = take.pos.saturating_add(take.len).min(take.file.len()?);
    let (mut pos, mut hasher) = (take.pos, blake3::Hasher::new());
    let mut chunk = vec![0; CHUNK.min(end.saturating_sub(pos) as usize)];
    while pos < end {
        let len = chunk.len().min((end - pos) as usize);
        let read = disk::read_full(take.file, &mut chunk[..len], pos)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        disk::write_full(&*copy, &chunk[..read], pos - take.pos)?;
        pos += read as u64;
    }
    copy.sync()?;
    drop(copy);
    disk.rename(&temporary, to)?;
    to.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))?;
    Ok((pos.saturating_sub(take.pos), RecordId::from_bytes(*hasher.finalize().as_bytes())))
}

/// The receipts of the journal in `dir`, by offset and time. [`crate::Journal::receipts`] asks for some of them.
///
/// # Errors
/// [`Error::Sidecar`] if one cannot be understood; [`Error::Io`].
pub fn receipts(disk: &dyn Disk, dir: &Path) -> Result<Vec<QuarantineReceipt>, Error> {
    let dir = dir.join(DIR);
    let listed = match disk.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("list", &dir, error))?,
    };
    let mut receipts = Vec::new();
    for listed in listed.iter().filter(|listed| listed.name.ends_with(RECEIPT)) {
        receipts.push(read_receipt(disk, &dir, &listed.name)?);
    }
    receipts.sort_by_key(|receipt| (receipt.offset, receipt.quarantined_at_micros));
    Ok(receipts)
}

/// Reads one receipt of the quarantine in `dir`. It is written for people and has no checksum: what can be read counts.
pub(crate) fn read_receipt(disk: &dyn Disk, dir: &Path, name: &str) -> Result<QuarantineReceipt, Error> {
    let path = dir.join(name);
    let failed = |error| Error::io("read", &path, error);
    let refused = |reason: String| Error::Sidecar { path: path.clone(), reason };
    let file = disk.open(&path, Mode::Read).map_err(|error| Error::io("open", &path, error))?;
    let len = file.len().map_err(failed)?;
    if len > MAX_RECEIPT {
        return Err(refused(format!("it has {len} bytes")));
    }
    let mut bytes = vec![0; len as usize];
    let read = disk::read_full(&*file, &mut bytes, 0).map_err(failed)?;
    let document =
        serde_json::from_slice(&bytes[..read]).map_err(|error| refused(format!("it is no JSON: {error}")))?;
    let kept = dir.join(name.strip_suffix(RECEIPT).unwrap_or(name));
    decode(&document, kept).ok_or_else(|| refused("a field is missing or malformed".to_owned()))
}

fn decode(value: &Value, path: PathBuf) -> Option<QuarantineReceipt> {
    Some(QuarantineReceipt {
        // The first receipts did not say.
        kind: value.get("kind").map_or(Some(Quarantined::Torn), |kind| Quarantined::of(kind.as_str()?))?,
        offset: Offset::new(value["offset"].as_u64()?),
        bytes: value["bytes"].as_u64()?,
        blake3: value["blake3"].as_str()?.parse().ok()?,
        term: Term::new(value["new_term"].as_u64()?),
        quarantined_at_micros: value["quarantined_at_micros"].as_i64()?,
        path,
    })
}

#[cfg(test)]
mod tests;
