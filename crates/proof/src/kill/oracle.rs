//! What must hold after each cycle, asked of the real binary; every process that wrote has ended.
//!
//!   the journal, listed -> the account     receipts -> the account
//!   verify -> sound                        digest = that of a rebuild        generations -> none left behind
//!
//! A rebuild is made in place, where it compares and takes the store's place; or beside, of a backup: that leaves the store
//! as it has lived, and holds what was purged as well.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chunk::Tag;
use super::history::{History, Placed};
use super::program::{Answer, Program};
use crate::figures::Figures;

/// Who checks.
pub(super) struct Oracle {
    pub(super) program: Program,
    pub(super) backup: PathBuf,
    pub(super) restored: PathBuf,
}

impl Oracle {
    /// Whether a data directory is there. Killed while it is made, none may be.
    pub(super) fn has_data(&self) -> Result<bool, String> {
        let answer = self.program.ask(&["status"])?;
        match answer.code {
            Some(0) => Ok(true),
            Some(10) => Ok(false),
            _ => Err(format!("status: {answer:?}")),
        }
    }

    /// The store is what the journal says, and the journal is sound. `in_place`: by a rebuild that takes its place.
    pub(super) fn digests(&self, in_place: bool, figures: &mut Figures) -> Result<(), String> {
        if in_place {
            let rebuilt = self.program.object(&["rebuild"])?;
            same_as_rebuilt(&rebuilt)?;
            figures.add("digests-in-place", 1);
            figures.add("rebuilds-resumed", u64::from(!rebuilt["resumed_at"].is_null()));
            return Ok(());
        }
        let (backup, restored) = (text(&self.backup), text(&self.restored));
        let living = self.program.object(&["digest"])?;
        let held = self.program.object(&["backup", &backup])?;
        let other = Program::beside(&self.program, self.restored.clone());
        let made = other.object(&["restore", &backup])?;
        let removed = fs::remove_dir_all(&self.restored);
        removed.map_err(|error| format!("{restored}: {error}"))?;
        equal(&living, &held, &made)?;
        figures.add("digests-of-backup", 1);
        Ok(())
    }

    /// Every checksum, hash and key; of what was purged the store alone says it.
    pub(super) fn verify(&self, purged: bool) -> Result<(), String> {
        sound(&self.program.ask(&["verify"])?, purged)
    }

    /// One generation answers; what else is there is kept, or newer: a rebuild that was cut off. Nothing is left behind.
    pub(super) fn generations(&self) -> Result<(), String> {
        tidy(&self.program.answer(&["generations"])?)
    }

    /// Lists the journal, and takes it into the account. Returns how many records are new.
    pub(super) fn list(&self, history: &mut History) -> Result<usize, String> {
        let status = self.program.object(&["status"])?;
        let oldest = status["journal"]["start"].as_u64().ok_or("status has no start")?;
        let listed = self.program.answer(&["tail"])?;
        let listed = listed.iter().map(placed).collect::<Result<Vec<_>, _>>()?;
        history.grow(oldest, &listed)
    }
}

/// A record as `tail` shows it.
pub(super) fn placed(record: &Value) -> Result<Placed, String> {
    let tag = Tag::of(record).ok_or_else(|| format!("{record} was never handed in"))?;
    let offset = record["offset"].as_u64().ok_or("a record has no offset")?;
    let id = record["id"].as_str().ok_or("a record has no id")?.to_owned();
    Ok(Placed { offset, id, tag })
}

/// What a rebuild says: there was a store that could be read, and it held the same.
fn same_as_rebuilt(rebuilt: &Value) -> Result<(), String> {
    match (&rebuilt["same"], &rebuilt["switched"]) {
        (Value::Bool(true), Value::Bool(true)) => Ok(()),
        _ => Err(format!("the store is not what a rebuild gives: {rebuilt}")),
    }
}

/// The living store and one that was built of a backup hold the same, as of the same offset.
fn equal(living: &Value, held: &Value, made: &Value) -> Result<(), String> {
    let place = living["as_of"] == held["durable"];
    let digest = living["digest"].is_string() && living["digest"] == made["rebuilt"]["digest"];
    if place && digest {
        return Ok(());
    }
    Err(format!("the living store says {living}, the backup {held}, the one made of it {made}"))
}

/// The generations as they are listed, the oldest first.
fn tidy(listed: &[Value]) -> Result<(), String> {
    let current = listed.iter().position(|generation| generation["current"] == true);
    let answers = current.is_some_and(|at| listed.iter().skip(at + 1).all(|other| other["current"] == false));
    let left = listed.iter().take(current.unwrap_or(0)).find(|older| older["kept"] != true);
    match left {
        None if answers => Ok(()),
        _ => Err(format!("a generation was left behind, or not one answers: {listed:?}")),
    }
}

fn sound(answer: &Answer, purged: bool) -> Result<(), String> {
    let Answer { code, lines, stderr } = answer;
    let not = || format!("not sound: {code:?}, {lines:?}, {stderr}");
    let said = answer.lines.first().ok_or_else(not)?;
    let index = &said["index"];
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let whole = empty(&said["damaged"]) && empty(&index["damaged"]) && index["error"].is_null();
    let all_same = index["families"].as_object().is_some_and(|families| {
        families.len() == 4 && families.values().all(|family| family["same"] == true)
    });
    let from_the_beginning = purged || index["compared_from"] == 0;
    if whole && all_same && from_the_beginning && answer.code == Some(0) && said["ok"] == true {
        return Ok(());
    }
    Err(not())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
