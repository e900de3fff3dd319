//! What is wrong with a journal, what an open would do about it, and what to do instead.
//!
//!   diagnose (reads only) -> findings, each with its remedy: open | repair | salvage
//!
//! The verdict on the journal's end is the one that opens come to: see `judgement`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{LogId, Offset};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::holes::Hole;
use crate::journal::Journal;
use crate::options::Options;
use crate::recovery::Survey;
use crate::status::OpenReport;
use crate::verify::Depth;

mod look;

/// What is known of a journal that nobody has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Which log it is.
    pub log: LogId,
    /// The first place that is not known to have been durable: where writing would go on, or where it is refused.
    pub durable: Offset,
    /// What is not as an orderly close leaves it, by offset.
    pub findings: Vec<Finding>,
    /// What is lost and listed as lost.
    pub holes: Vec<Hole>,
}

/// One thing that is not as an orderly close leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub what: Trouble,
    /// Where it begins in the log.
    pub offset: Offset,
    /// How many bytes of the log, or of the file, it is about.
    pub len: u64,
    /// The file it is in.
    pub path: PathBuf,
    /// Place, and what was found there.
    pub detail: String,
}

/// What can be the matter with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// It was not closed in order; everything is there.
    Unclean,
    /// It was being rolled: the newest segment is sealed and the next one not born.
    Unrolled,
    /// The last group was being written: bytes behind the last whole one that nothing vouches for.
    TornTail,
    /// Bytes that were durable do not verify where the journal would be written to.
    Damage,
    /// Bytes of a finished segment do not verify, or all of it is missing.
    SealedDamage,
    /// Neither slot of the watermark verifies, or its file is missing.
    LostWatermark,
    /// The list of holes does not verify.
    LostHoles,
    /// A salvage has listed what is lost and was cut off before it could go on.
    Unfinished,
    /// A file under a temporary name.
    Leftover,
}

/// What to do about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Every open for writing does it, and so does [`repair`].
    Repair,
    /// [`crate::salvage`], which asks for consent to what is lost.
    Salvage,
}

impl Trouble {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Damage | Self::SealedDamage | Self::LostHoles => Remedy::Salvage,
            Self::Unclean
            | Self::Unrolled
            | Self::TornTail
            | Self::LostWatermark
            | Self::Unfinished
            | Self::Leftover => Remedy::Repair,
        }
    }

    /// Whether an open for writing refuses appends because of it.
    #[must_use]
    pub const fn stops_writing(self) -> bool {
        matches!(self, Self::Damage | Self::LostHoles)
    }

    /// What an open for writing does about it.
    #[must_use]
    pub const fn on_open(self) -> &'static str {
        match self {
            Self::Unclean => "writes these bytes again and syncs them",
            Self::Unrolled => "begins the next segment",
            Self::TornTail => "keeps these bytes in quarantine, cuts them, and begins a new term",
            Self::Damage => "cuts nothing, serves what lies around it, and refuses appends",
            Self::SealedDamage => "serves what lies around it, and takes appends",
            Self::LostWatermark => {
                "finds the end from the segments and writes everything in the newest one again"
            }
            Self::LostHoles => {
                "serves what verifies, calls what was listed as lost damage again, and refuses appends"
            }
            Self::Unfinished => "finishes it: a new term begins behind what is lost",
            Self::Leftover => "removes it",
        }
    }

    /// What its remedy does about it.
    #[must_use]
    pub const fn on_remedy(self) -> &'static str {
        match self {
            Self::Damage | Self::SealedDamage => {
                "makes whole what can be proven, from a store or from what is left; lists the rest as lost, after its bytes are in quarantine, and goes on in a new term"
            }
            Self::LostHoles => "keeps it in quarantine and lists anew what does not verify",
            _ => self.on_open(),
        }
    }

    /// Its name, in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unclean => "unclean",
            Self::Unrolled => "unrolled",
            Self::TornTail => "torn-tail",
            Self::Damage => "damage",
            Self::SealedDamage => "sealed-damage",
            Self::LostWatermark => "lost-watermark",
            Self::LostHoles => "lost-holes",
            Self::Unfinished => "unfinished-salvage",
            Self::Leftover => "leftover",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Diagnosis {
    /// Whether everything is as an orderly close leaves it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something needs to be salvaged.
    #[must_use]
    pub fn needs_salvage(&self) -> bool {
        self.findings.iter().any(|finding| finding.what.remedy() == Remedy::Salvage)
    }
}

/// Finds out what is wrong with the journal in `dir`. Reads all of it, takes no lock, and changes no byte.
///
/// Beside a process that writes it, what is being written looks like an unclean stop.
///
/// # Errors
/// [`Error::Missing`], [`Error::NotAJournal`], [`Error::NewerFormat`]; [`Error::Damaged`] if nothing says which log it
/// is; [`Error::Io`].
pub fn diagnose(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Diagnosis, Error> {
    diagnose_with(disk, dir, Depth::Full)
}

/// As [`diagnose`]; with [`Depth::Quick`] only headers and seals are read of finished segments, and all of the newest one:
/// enough to know what an open would do.
///
/// # Errors
/// As [`diagnose`].
pub fn diagnose_with(disk: &Arc<dyn Disk>, dir: &Path, depth: Depth) -> Result<Diagnosis, Error> {
    let survey = Survey::of(&**disk, dir, 0)?;
    let diagnosis = Diagnosis {
        log: survey.log,
        durable: Offset::ZERO,
        findings: Vec::new(),
        holes: survey.holes.list().to_vec(),
    };
    look::look(&**disk, dir, &survey, depth, diagnosis)
}

/// What a repair found and did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was found before.
    pub found: Diagnosis,
    /// What the open did about it.
    pub open: OpenReport,
    /// What is left: damage in finished segments, which a salvage is for.
    pub left: Vec<Finding>,
}

/// Brings the journal in `dir` to where an orderly close leaves it, as an open for writing does: bytes of a torn tail go
/// to quarantine before they are cut, a lost watermark is found again, leftovers are removed.
///
/// # Errors
/// [`Error::Damaged`] if bytes that were durable do not verify where the journal would be written to: salvage it;
/// [`Error::Locked`]; [`Error::Full`] if there is no room for what would be cut: then nothing was.
pub fn repair(
    disk: &Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: &Path,
    options: Options,
) -> Result<RepairReport, Error> {
    let found = diagnose(disk, dir)?;
    if let Some(Finding { offset, len, detail, .. }) =
        found.findings.iter().find(|finding| finding.what.stops_writing())
    {
        return Err(Error::Damaged(Damage { offset: *offset, len: *len, detail: detail.clone() }));
    }
    let journal = Journal::open_on(Arc::clone(disk), clock, dir, options)?;
    let open = journal.report().clone();
    if let Some(damage) = open.damage {
        return Err(Error::Damaged(damage));
    }
    journal.close()?;
    let left = diagnose(disk, dir)?.findings;
    Ok(RepairReport { found, open, left })
}
