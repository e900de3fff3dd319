//! Salvage: damage is made whole where that can be proven, and what is lost is listed, so that the journal goes on.
//!
//!   plan (reads) -> apply: lock -> plan again -> quarantine -> mend in place -> list of holes -> recovery
//!
//! V1: no byte changes before a copy of it is in quarantine; no room, no salvage.
//! V2: a crash at any point leaves the old damage or the finished salvage: the list is replaced whole, it is the last
//! thing done here, and every open finishes what it says.
//! V3: no more is given up than the plan says; [`heal`] gives up nothing.
//!
//! A group is served whole or not at all: one record that cannot be made whole voids its group.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{Offset, Term};

use crate::clock::Clock;
use crate::disk::{self, Disk, Mode};
use crate::error::{Damage, Error};
use crate::holes::{self, Hole, Holes};
use crate::journal::take_lock;
use crate::mend::{Cure, Refill};
use crate::options::Options;
use crate::quarantine::{self, QuarantineReceipt, Quarantined, Take};
use crate::recovery::{self, Survey, audit_body};
use crate::status::OpenReport;

mod header;
mod overlay;
mod segments;

/// What a salvage would do. Nothing was written to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagePlan {
    /// What is made whole: nothing of it is lost.
    pub mended: Vec<Mending>,
    /// What is given up and listed as a hole, by offset.
    pub lost: Vec<Loss>,
    /// Why the list of holes is made anew, if it does not verify.
    pub list: Option<String>,
    /// The list of holes names some that an earlier salvage did not get to finish.
    pub unfinished: bool,
    /// The term that begins if something is given up.
    pub term: Term,
}

/// Bytes that are made whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mending {
    /// Their place in the log; for a segment's header the segment's base.
    pub offset: Offset,
    /// Their file.
    pub path: PathBuf,
    /// Where they begin in it.
    pub pos: u64,
    /// What they have to be.
    pub bytes: Vec<u8>,
    /// How that is known.
    pub how: Known,
}

/// How it is known what bytes have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Known {
    /// A frame, cured.
    Frame(Cure),
    /// A segment's header: its fields follow from the segment before it, and the frames verify under it.
    Header,
    /// A segment's seal: it follows from the segment's groups, and the next segment's header names its hash.
    Seal,
}

/// A range that is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// Where it begins.
    pub offset: Offset,
    /// How many bytes of the log it covers.
    pub len: u64,
    /// What was found there.
    pub reason: String,
    /// The damaged bytes: their file, where they begin in it, and how many there are at most.
    at: Option<(PathBuf, u64, u64)>,
    sealed: bool,
}

/// What a salvage did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SalvageReport {
    /// What was made whole: receipts for the damaged bytes that stood there.
    pub mended: Vec<QuarantineReceipt>,
    /// What was listed as lost.
    pub lost: Vec<Hole>,
    /// What the open that finished it found and did.
    pub open: OpenReport,
}

impl SalvagePlan {
    /// Whether there is nothing to salvage.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mended.is_empty() && self.lost.is_empty() && self.list.is_none() && !self.unfinished
    }

    /// What of this plan `consent` does not hold.
    fn beyond(&self, consent: &Self) -> Option<&Loss> {
        let covers = |held: &Loss, loss: &Loss| {
            held.offset <= loss.offset && loss.offset.get() + loss.len <= held.offset.get() + held.len
        };
        self.lost.iter().find(|loss| !consent.lost.iter().any(|held| covers(held, loss)))
    }
}

/// Finds out what a salvage of the journal in `dir` would do. Reads all of it, takes no lock, and changes no byte.
///
/// `refill` is asked for payloads by their id: a store that was filled from this journal, or [`crate::NoRefill`].
///
/// # Errors
/// [`Error::Missing`], [`Error::NotAJournal`], [`Error::NewerFormat`]; [`Error::Damaged`] if nothing says which log it
/// is; [`Error::Io`].
pub fn plan(disk: &Arc<dyn Disk>, dir: &Path, refill: &dyn Refill) -> Result<SalvagePlan, Error> {
    let survey = Survey::of(&**disk, dir, 0)?;
    segments::plan(&**disk, dir, &survey, refill)
}

/// Salvages the journal in `dir` as `consent`, a plan for it, says: makes whole what can be, lists the rest as holes, and
/// brings the journal to a state in which it can be written to.
///
/// # Errors
/// [`Error::Locked`]; [`Error::StalePlan`] if more would be given up than the plan says; [`Error::Full`] if the damaged
/// bytes cannot be kept: then nothing was changed. After other errors plan again.
pub fn apply(
    disk: &Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: &Path,
    options: Options,
    refill: &dyn Refill,
    consent: &SalvagePlan,
) -> Result<SalvageReport, Error> {
    options.check()?;
    Survey::of(&**disk, dir, clock.now_micros())?;
    let lock = take_lock(&**disk, dir)?;
    let survey = Survey::of(&**disk, dir, clock.now_micros())?;
    let plan = segments::plan(&**disk, dir, &survey, refill)?;
    if let Some(loss) = plan.beyond(consent) {
        let reason = format!("{} bytes at offset {} are lost, too: {}", loss.len, loss.offset, loss.reason);
        return Err(Error::StalePlan { reason });
    }
    let now_micros = clock.now_micros();
    let work = Work { disk: &**disk, dir, plan: &plan, now_micros };
    let (mended, lost) = (work.keep_mended()?, work.keep_lost()?);
    work.mend()?;
    work.list(&survey, &lost)?;
    drop(survey);
    let opened = recovery::recover(Arc::clone(disk), clock, dir.to_owned(), options)?;
    let Some(mut writer) = opened.writer else {
        let nothing = Damage { offset: Offset::ZERO, len: 0, detail: "it is damaged still".to_owned() };
        return Err(Error::Damaged(opened.report.damage.unwrap_or(nothing)));
    };
    if !mended.is_empty() {
        writer.audit(&audit_body(now_micros, &[], &mended), &opened.watermark)?;
    }
    writer.close()?;
    drop(lock);
    Ok(SalvageReport { mended, lost, open: opened.report })
}

/// Makes whole what can be proven of the damage in the journal in `dir`, after the damaged bytes are in quarantine, and
/// gives nothing up: what cannot be made whole stays damage. A group comes back whole or stays as it is.
///
/// # Errors
/// [`Error::Locked`]; [`Error::Full`] if the damaged bytes cannot be kept: then nothing was changed; otherwise as [`plan`].
pub fn heal(
    disk: &Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: &Path,
    options: Options,
    refill: &dyn Refill,
) -> Result<SalvageReport, Error> {
    options.check()?;
    Survey::of(&**disk, dir, clock.now_micros())?;
    let lock = take_lock(&**disk, dir)?;
    let survey = Survey::of(&**disk, dir, clock.now_micros())?;
    let plan = segments::plan(&**disk, dir, &survey, refill)?;
    drop(survey);
    let now_micros = clock.now_micros();
    let work = Work { disk: &**disk, dir, plan: &plan, now_micros };
    let mended = work.keep_mended()?;
    work.mend()?;
    let opened = recovery::recover(Arc::clone(disk), clock, dir.to_owned(), options)?;
    // Where damage is left at the journal's end, nobody writes there, and the receipts alone tell.
    if let Some(mut writer) = opened.writer {
        if !mended.is_empty() {
            writer.audit(&audit_body(now_micros, &[], &mended), &opened.watermark)?;
        }
        writer.close()?;
    }
    drop(lock);
    Ok(SalvageReport { mended, lost: Vec::new(), open: opened.report })
}

/// The steps of a salvage, in order.
struct Work<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    plan: &'a SalvagePlan,
    now_micros: i64,
}

impl Work<'_> {
    fn keep(
        &self,
        kind: Quarantined,
        offset: Offset,
        at: &(PathBuf, u64, u64),
    ) -> Result<QuarantineReceipt, Error> {
        let (path, pos, len) = at;
        let file = self.disk.open(path, Mode::Read).map_err(|error| Error::io("open", path, error))?;
        let (term, now_micros) = (self.plan.term, self.now_micros);
        let take = Take { kind, offset, term, now_micros, file: &*file, pos: *pos, len: *len };
        quarantine::keep(self.disk, self.dir, &take)
    }

    fn keep_mended(&self) -> Result<Vec<QuarantineReceipt>, Error> {
        let keep = |mending: &Mending| {
            // What stands behind a seal goes with it.
            let len = if mending.how == Known::Seal { u64::MAX } else { mending.bytes.len() as u64 };
            self.keep(Quarantined::Mended, mending.offset, &(mending.path.clone(), mending.pos, len))
        };
        self.plan.mended.iter().map(keep).collect()
    }

    fn keep_lost(&self) -> Result<Vec<Hole>, Error> {
        if self.plan.list.is_some() {
            self.keep(Quarantined::Holes, Offset::ZERO, &(self.dir.join(holes::FILE_NAME), 0, u64::MAX))?;
        }
        let keep = |loss: &Loss| {
            let receipt =
                loss.at.as_ref().map(|at| self.keep(Quarantined::Lost, loss.offset, at)).transpose()?;
            let kept = receipt.filter(|receipt| receipt.bytes > 0).map(|receipt| {
                let name = receipt.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, receipt.blake3)
            });
            let Loss { offset, len, ref reason, sealed, .. } = *loss;
            let (at_micros, term) = (self.now_micros, self.plan.term);
            Ok(Hole { offset, len, reason: reason.clone(), kept, at_micros, term, sealed })
        };
        self.plan.lost.iter().map(keep).collect()
    }

    /// Writes what is known in the place of what is damaged.
    fn mend(&self) -> Result<(), Error> {
        for mending in &self.plan.mended {
            let path = &mending.path;
            let failed = |error| Error::io("mend", path, error);
            let file = self.disk.open(path, Mode::Write).map_err(failed)?;
            disk::write_full(&*file, &mending.bytes, mending.pos).map_err(failed)?;
            if mending.how == Known::Seal {
                file.set_len(mending.pos + mending.bytes.len() as u64).map_err(failed)?;
            }
            file.sync().map_err(failed)?;
            tracing::warn!(path = %path.display(), offset = %mending.offset, how = ?mending.how, "mended");
        }
        Ok(())
    }

    /// Lists what is lost. This decides: what comes after it is done by every open.
    fn list(&self, survey: &Survey, lost: &[Hole]) -> Result<(), Error> {
        if lost.is_empty() && self.plan.list.is_none() {
            return Ok(());
        }
        let known = if self.plan.list.is_some() { Holes::default() } else { survey.holes.clone() };
        for hole in lost {
            tracing::warn!(offset = %hole.offset, len = hole.len, reason = %hole.reason, "listed as lost");
        }
        known.with(lost.to_vec()).replace(self.disk, self.dir, survey.log)
    }
}

#[cfg(test)]
mod tests;
