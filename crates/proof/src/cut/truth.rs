//! What must be in the log, and what may be: noted outside of the disk that loses its power.

use std::collections::BTreeMap;

use super::records::Chunk;

/// What was acknowledged, and what was tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    /// The id at each offset that was acknowledged.
    pub(super) receipts: BTreeMap<u64, String>,
    /// What was imported, whole or not, in this order.
    pub(super) chunks: Vec<Chunk>,
    /// How many single records were tried.
    pub(super) alone: u64,
    /// What somebody who followed the log has seen: offset and id.
    pub(super) followed: Vec<(u64, String)>,
    /// Whether a purge was tried.
    pub(super) purged: bool,
    /// Where a backup that was finished ends, and whether one was tried.
    pub(super) backed_up: Option<u64>,
    pub(super) backup_tried: bool,
    /// Whether the projection `agent` was enabled and nothing was done about it since.
    pub(super) agent_indexed: bool,
}

impl Truth {
    /// Notes what the receipts of an import say. A last line without its end was being written.
    pub(super) fn acknowledged(&mut self, lines: &str) -> Result<(), String> {
        for line in lines.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let words: Vec<&str> = line.trim_end().split('\t').collect();
            let [_, id, offset] = words[..] else { return Err(format!("a receipt says {line:?}")) };
            self.receipt(id, offset)?;
        }
        Ok(())
    }

    /// Notes one receipt; one that comes again must say the same.
    pub(super) fn receipt(&mut self, id: &str, offset: &str) -> Result<(), String> {
        let offset: u64 = offset.parse().map_err(|_| format!("a receipt's offset is {offset:?}"))?;
        match self.receipts.insert(offset, id.to_owned()) {
            Some(before) if before != id => {
                Err(format!("offset {offset} was acknowledged twice: for {before} and for {id}"))
            }
            _ => Ok(()),
        }
    }
}
