//! Which projections there are and how they stand, from within and from beside.

use std::path::{Path, PathBuf};

use annals_journal::CursorStatus;
use annals_record::{Lag, Log, Offset};
use annals_storage::{BuiltIn, Shelf, ShelfVersion, Sink};

use super::kept::projection_of;
use super::{Filled, Projections, reason};
use crate::annals::Annals;
use crate::directory::Directory;
use crate::error::Error;
use crate::status::log_reader;

/// What a projection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProjectionState {
    /// One of ours that is not kept.
    Off,
    /// It has not come up with the journal yet.
    Building,
    /// It has, and answers.
    Answers,
    /// Its worker has stopped by an error; only the process that has the data knows.
    Failed,
    /// Its files are not there, and yet a cursor holds the journal for it: a backup brings the cursors along and no
    /// projections. Enabled or handed in, it is built anew; disabled, it lets go.
    Lost,
}

impl ProjectionState {
    /// Its name: small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Building => "building",
            Self::Answers => "answers",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// A projection, and how it stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// Its name.
    pub name: String,
    /// Whether it is one of ours.
    pub built_in: bool,
    /// What it is doing.
    pub state: ProjectionState,
    /// The newest version there is; none if there is none.
    pub version: Option<u32>,
    /// The version that answers; none if none has come up with the journal yet.
    pub answers: Option<u32>,
    /// How far the newest version has applied the journal; from beside, how far durably. None if nobody has said so.
    pub cursor: Option<Offset>,
    /// How far that is behind the journal; none without a cursor, or if the journal cannot tell.
    pub lag: Option<Lag>,
    /// How many entries the newest version holds; none if its file cannot be read from here: from beside, while it is in
    /// use, and after a crash.
    pub entries: Option<u64>,
    /// How many records it could not read; none as for `entries`.
    pub undecoded: Option<u64>,
    /// How many damaged ranges of the journal it has passed; none as for `entries`.
    pub passed: Option<u64>,
    /// How many bytes its files have.
    pub bytes: u64,
    /// Why its worker has stopped, if it has and this process has the data.
    pub error: Option<String>,
}

impl Annals {
    /// All projections, by name: those we bring, kept or not, and an application's own.
    ///
    /// # Errors
    /// What the file system says if they cannot be listed.
    pub fn projections(&self) -> Result<Vec<ProjectionStatus>, Error> {
        self.projections.list()
    }
}

/// As [`Annals::projections`], beside the process that has the data, or without one. Touches nothing.
///
/// # Errors
/// [`Error::Missing`] or [`Error::NotOurs`] if there is no data; what the file system says if they cannot be listed.
pub fn projections_beside(dir: &Path) -> Result<Vec<ProjectionStatus>, Error> {
    let directory = Directory::existing(dir)?;
    let reader = log_reader(dir)?;
    let lag = |from| reader.lag(from).ok();
    list(&directory.projections(), &reader.peek_cursors()?, &lag)
}

impl Projections {
    fn list(&self) -> Result<Vec<ProjectionStatus>, Error> {
        let lag = |from| self.journal.lag(from).ok();
        let mut listed = list(&self.root, &self.journal.cursors()?, &lag)?;
        for status in &mut listed {
            let Ok(running) = self.running(&status.name) else { continue };
            if let Ok(Filled { kept, .. }) = &running.filled {
                let (store, view) = (kept.store(), kept.store().view()?);
                status.version = Some(store.version());
                status.answers = view.is_complete().then_some(view.version());
                status.cursor = Some(store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next));
                status.lag = status.cursor.and_then(lag);
                let (undecoded, passed) = store.missing()?;
                (status.undecoded, status.passed) = (Some(undecoded), Some(passed));
                status.entries = Some(store.entries()?);
            }
            if let Some(error) = running.error() {
                (status.state, status.error) = (ProjectionState::Failed, Some(reason(&error)));
            }
        }
        Ok(listed)
    }
}

fn list(
    root: &PathBuf,
    cursors: &[CursorStatus],
    lag: &dyn Fn(Offset) -> Option<Lag>,
) -> Result<Vec<ProjectionStatus>, Error> {
    let mut listed = Vec::new();
    for shelf in Shelf::all(root)? {
        let cursor = cursors.iter().find(|cursor| projection_of(&cursor.name) == Some(shelf.name()));
        listed.push(look(&shelf, cursor.and_then(|cursor| cursor.position), lag)?);
    }
    let is_listed = |listed: &[ProjectionStatus], name: &str| listed.iter().any(|status| status.name == name);
    for cursor in cursors {
        if let Some(name) = projection_of(&cursor.name)
            && !is_listed(&listed, name)
        {
            let cursor = cursor.position;
            listed.push(ProjectionStatus { cursor, ..nothing(name, ProjectionState::Lost) });
        }
    }
    for built_in in BuiltIn::ALL {
        if !is_listed(&listed, built_in.label()) {
            listed.push(nothing(built_in.label(), ProjectionState::Off));
        }
    }
    listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

/// A projection without a file.
fn nothing(name: &str, state: ProjectionState) -> ProjectionStatus {
    ProjectionStatus {
        name: name.to_owned(),
        built_in: BuiltIn::named(name).is_some(),
        state,
        version: None,
        answers: None,
        cursor: None,
        lag: None,
        entries: None,
        undecoded: None,
        passed: None,
        bytes: 0,
        error: None,
    }
}

/// A projection as its files and its cursor in the journal show it.
fn look(
    shelf: &Shelf,
    held: Option<Offset>,
    lag: &dyn Fn(Offset) -> Option<Lag>,
) -> Result<ProjectionStatus, Error> {
    let versions = shelf.versions()?;
    let answers = versions.iter().rev().find(|version| version.complete).map(|version| version.version);
    // What is being built is what is filled.
    let filled = versions.iter().find(|version| !version.complete).or(versions.last()).copied();
    let content = filled.and_then(|version: ShelfVersion| shelf.look(&version));
    let next = content.map(|content| content.cursor.map_or(Offset::ZERO, |cursor| cursor.next));
    let cursor = next.or(held);
    let state = match filled {
        Some(ShelfVersion { complete: true, .. }) => ProjectionState::Answers,
        _ => ProjectionState::Building,
    };
    Ok(ProjectionStatus {
        version: filled.map(|filled| filled.version),
        answers,
        cursor,
        lag: cursor.and_then(lag),
        entries: content.map(|content| content.entries),
        undecoded: content.map(|content| content.undecoded),
        passed: content.map(|content| content.passed),
        bytes: versions.iter().map(|version| version.bytes).sum(),
        ..nothing(shelf.name(), state)
    })
}
