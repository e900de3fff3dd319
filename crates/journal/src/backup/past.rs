//! Whether a backup and a journal have the same past, and meet: B5.
//!
//!   backup  |----|----|--------|
//!   journal      |----|----------|-----|     the same records up to the backup's end, and no gap

use std::sync::Arc;

use annals_record::Offset;

use super::manifest::Manifest;
use super::vault::Vault;
use crate::catalog::Segment;
use crate::disk::{Disk, Mode};
use crate::error::Error;
use crate::holes::Holes;
use crate::inspection::{Subject, inspect};
use crate::segment::SegmentHeader;

/// Checks that the log with these segments, durable up to `durable`, is the one that the backup is of, further on.
pub(super) fn check(
    vault: &Vault<'_>,
    disk: &dyn Disk,
    former: &Manifest,
    segments: &[Arc<Segment>],
    holes: &Holes,
    durable: Offset,
) -> Result<(), Error> {
    let other = |reason: String| Error::OtherBackup { path: vault.dir.clone(), reason };
    if durable < former.durable {
        return Err(other(format!(
            "the log ends at {durable}, the backup holds it up to {}: an older copy of the log was restored, or the log lost its end",
            former.durable
        )));
    }
    let lost = holes.list().iter().filter(|hole| hole.offset < former.durable);
    if let Some(hole) = lost.into_iter().find(|hole| !former.holes.contains(&(hole.offset, hole.len))) {
        return Err(other(format!(
            "the log has lost {} bytes at {} since, which the backup may still hold: keep it",
            hole.len, hole.offset
        )));
    }
    for copy in &former.segments {
        let at = segments.binary_search_by_key(&copy.base, |segment| segment.base);
        let Some(segment) = at.ok().map(|at| &segments[at]) else { continue };
        let (Ok(header), Some(term), Some(chain)) = (&segment.header, copy.term, copy.chain) else {
            if let (Err(reason), false) = (&segment.header, copy.sealed) {
                let base = copy.base.get();
                return Err(other(format!("segment {base:016x}, which the backup may still hold: {reason}")));
            }
            continue;
        };
        if header.term != term {
            return Err(other(format!(
                "segment {:016x} is of term {} there, of term {term} in the backup: the log was forked before",
                copy.base.get(),
                header.term
            )));
        }
        let found = match segment.seal {
            Some(seal) if copy.sealed => Some(seal.chain),
            _ if copy.sealed => None,
            _ => chain_at(disk, segment, header, holes, copy.end)?,
        };
        if found != Some(chain) && (found.is_some() || !copy.sealed) {
            return Err(other(format!(
                "its records up to {} are others than those of the backup: the log was forked before, or salvaged since",
                copy.end
            )));
        }
    }
    // The backup's last segment goes on in the journal's, or right behind it.
    let (Some(last), Some(first)) = (former.segments.last(), segments.first()) else { return Ok(()) };
    let ended = if last.sealed { last.end } else { last.base };
    if first.base > ended {
        return Err(Error::BackupGap { path: vault.dir.clone(), ended, oldest: first.base });
    }
    Ok(())
}

/// The hash over the records up to `end`, if a group ends there and all before it verifies.
fn chain_at(
    disk: &dyn Disk,
    segment: &Segment,
    header: &SegmentHeader,
    holes: &Holes,
    end: Offset,
) -> Result<Option<[u8; 32]>, Error> {
    let failed = |error| Error::io("read", &segment.path, error);
    let file = disk.open(&segment.path, Mode::Read).map_err(failed)?;
    let found = inspect(&Subject { file: &*file, header, end, holes, content: false }).map_err(failed)?;
    let whole = found.damaged.is_empty() && found.at == end;
    Ok(whole.then(|| found.summary.seal(header.term).chain))
}
