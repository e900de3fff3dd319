//! Putting a ledger in order that does not open: what verifies is kept wherever it stands, and what is given up is listed.
//!
//!   diagnose -> torn tail: cut, its bytes kept in quarantine | damage: made whole where that can be proven, else a hole

use std::path::Path;
use std::sync::Arc;

use annals_journal::{Disk, Hole, NoRefill, Offset, Options, RealDisk, SystemClock, repair, salvage};

use super::LedgerOptions;
use crate::error::Error;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerRepair {
    /// Ranges that were made whole: nothing of them is lost.
    pub mended: usize,
    /// What was given up, by offset.
    pub discarded: Vec<Discarded>,
}

/// A stretch of the log whose entries are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// Where it begins.
    pub offset: Offset,
    /// How many bytes of the log it covers.
    pub len: u64,
}

impl super::Ledger {
    /// Puts the ledger in `dir` in order, with nobody using it: entries behind damage are kept, and a copy of all bytes
    /// that are given up stays in its directory `quarantine`. A ledger that is sound stays as it is.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none; [`Error::Journal`] if somebody has it, or there is no room for the copies:
    /// then nothing was changed.
    pub fn repair(dir: impl AsRef<Path>, options: LedgerOptions) -> Result<LedgerRepair, Error> {
        let (disk, dir): (Arc<dyn Disk>, &Path) = (Arc::new(RealDisk), dir.as_ref());
        let found = match repair::diagnose(&disk, dir) {
            Err(annals_journal::Error::Missing { path }) => return Err(Error::Missing { path }),
            found => found?,
        };
        let options = Options { segment_bytes: options.max_file_bytes, ..Options::default() };
        let mut repaired = LedgerRepair::default();
        if found.needs_salvage() {
            let plan = salvage::plan(&disk, dir, &NoRefill)?;
            let report = salvage::apply(&disk, Arc::new(SystemClock), dir, options, &NoRefill, &plan)?;
            repaired.mended = report.mended.len();
            let hole = |hole: &Hole| Discarded { offset: hole.offset, len: hole.len };
            repaired.discarded = report.lost.iter().map(hole).collect();
            repaired.discarded.extend(
                report.open.torn.iter().map(|torn| Discarded { offset: torn.offset, len: torn.bytes }),
            );
        } else if !found.is_clean() {
            let report = repair::repair(&disk, Arc::new(SystemClock), dir, options)?;
            repaired.discarded = report
                .open
                .torn
                .iter()
                .map(|torn| Discarded { offset: torn.offset, len: torn.bytes })
                .collect();
        }
        Ok(repaired)
    }
}
