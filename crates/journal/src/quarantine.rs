//! Bytes that are taken out of a journal are kept, with a receipt.
//!
//!   quarantine/{offset}-{term}-{time}.torn  and beside it  .quarantine.json

use std::path::{Path, PathBuf};

use annals_record::{Offset, RecordId, Term};

use crate::disk::{self, Disk};
use crate::error::Error;

/// The directory, within the journal's, that keeps what was cut.
pub(crate) const DIR: &str = "quarantine";

/// Keeps `bytes`, durably, before they are cut; returns the file that holds them.
///
/// # Errors
/// Above all [`Error::Full`]: then nothing may be cut.
pub(crate) fn keep(
    disk: &dyn Disk,
    journal: &Path,
    offset: Offset,
    term: Term,
    now_micros: i64,
    bytes: &[u8],
) -> Result<PathBuf, Error> {
    let dir = journal.join(DIR);
    disk.create_dir(&dir).map_err(|error| Error::io("create", &dir, error))?;
    let name = format!("{:016x}-{term}-{now_micros}.torn", offset.get());
    let kept = dir.join(&name);
    let receipt = format!(
        "{{\"schema\":1,\"offset\":{offset},\"bytes\":{},\"blake3\":\"{}\",\"new_term\":{term},\"quarantined_at_micros\":{now_micros},\"file\":\"{name}\"}}\n",
        bytes.len(),
        RecordId::of(bytes),
    );
    for (path, bytes) in
        [(kept.clone(), bytes), (dir.join(format!("{name}.quarantine.json")), receipt.as_bytes())]
    {
        disk::replace(disk, &path, bytes).map_err(|error| Error::io("write", &path, error))?;
    }
    disk.sync_dir(journal).map_err(|error| Error::io("sync", journal, error))?;
    Ok(kept)
}
