//! A projection and its file: what a worker fills.
//!
//!   changes -> apply, each -> entries and cursor, one commit: visible
//!                               '- the log's end, as of the open, is reached: durable -> renamed -> answers
//!   checkpoint: everything committed, synced
//!
//! Nothing is written before every record of a batch has gone well (PJ2).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use annals_record::{Cursor, Offset, Record, RecordId};

use super::file::{Changes, ProjectionFile};
use super::shelf::Shelf;
use super::{Projected, Projection, ProjectionError, ProjectionTxn, ProjectionView};
use crate::order::follows;
use crate::{Change, Effect, Error, Outcome, Passed, Sink};

/// How a projection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectionOptions {
    /// How much of a file stays in memory; what a checkpoint has not written yet is part of it. Default: 64 MiB.
    pub cache_bytes: usize,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// A projection over its file, and the version before it while it is being built.
///
/// All methods take `&self`; share it in an `Arc`. One process has a file at a time.
pub struct ProjectionStore {
    projection: Arc<dyn Projection>,
    shelf: Shelf,
    pub(super) filled: Arc<ProjectionFile>,
    answers: RwLock<Answers>,
    committer: Mutex<Committer>,
}

/// Who answers.
#[derive(Clone)]
struct Answers {
    file: Arc<ProjectionFile>,
    complete: bool,
}

/// The right to change the file, and where it stands.
struct Committer {
    cursor: Option<Cursor>,
    durable: Option<Cursor>,
    /// Up to where the log has to be applied for this version to answer; `None` once it does.
    until: Option<Offset>,
    /// Why nothing more is written.
    poison: Option<String>,
}

impl ProjectionStore {
    /// Opens a projection in the directory of all of them, or begins it. A version that is not there is begun anew; it
    /// answers once it has applied everything before `end`, the log's durable end, and until then the one before it does,
    /// if `fits` says of its cursor that it belongs to the log. What is left over of other versions is taken away.
    ///
    /// # Errors
    /// [`Error::ProjectionName`]; [`Error::ProjectionFile`] or [`Error::NewerFormat`] if the file cannot be used,
    /// [`Error::Locked`] if another process has it; what the file system and the engine say.
    pub fn open(
        root: impl AsRef<Path>,
        projection: Arc<dyn Projection>,
        options: ProjectionOptions,
        end: Offset,
        fits: impl Fn(&Cursor) -> bool,
    ) -> Result<Self, Error> {
        let shelf = Shelf::of(root, projection.name())?;
        shelf.create()?;
        let version = projection.version();
        let versions = shelf.versions()?;
        let has =
            |complete| versions.iter().any(|there| there.version == version && there.complete == complete);
        // One that is being built is gone on with, beside whichever answers.
        let complete = has(true) && !has(false);
        let open = |version, complete, create| {
            let path = shelf.path(version, complete);
            ProjectionFile::open(&path, (shelf.name(), version), options.cache_bytes, create).map(Arc::new)
        };
        let filled = open(version, complete, !complete)?;
        let mut answers = Answers { file: Arc::clone(&filled), complete };
        let others = versions.iter().rev();
        for other in others.filter(|other| (other.version, other.complete) != (version, complete)) {
            if !other.complete {
                shelf.discard(other.version, false);
                continue;
            }
            if answers.complete {
                continue;
            }
            let former = open(other.version, true, false).and_then(|file| Ok((file.read()?.cursor()?, file)));
            match former {
                Ok((Some(cursor), file)) if fits(&cursor) => answers = Answers { file, complete: true },
                Ok(_) => {}
                // It may be what drives somebody to build it anew.
                Err(error) => tracing::warn!(%error, "a version of a projection cannot answer"),
            }
        }
        let cursor = filled.read()?.cursor()?;
        let until = (!complete).then_some(end);
        let committer = Mutex::new(Committer { cursor, durable: cursor, until, poison: None });
        tracing::info!(
            projection = shelf.name(),
            version,
            complete,
            answers = answers.file.version,
            cursor = cursor.map_or(0, |cursor| cursor.next.get()),
            "projection opened"
        );
        let store = Self { projection, shelf, filled, answers: RwLock::new(answers), committer };
        let has_come_up = match cursor {
            Some(cursor) => cursor.next >= end && fits(&cursor),
            None => end == Offset::ZERO,
        };
        if complete || has_come_up {
            store.finish(&mut store.committer(), complete)?;
        }
        Ok(store)
    }

    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shelf.name()
    }

    /// The version that is filled. While it is being built the one before may answer: [`ProjectionView::version`].
    #[must_use]
    pub fn version(&self) -> u32 {
        self.filled.version
    }

    /// Whether the version that is filled answers: whether it has come up with the log once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.committer().until.is_none()
    }

    /// Everything applied so far by the version that answers, unchanged by what is applied later.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn view(&self) -> Result<ProjectionView, Error> {
        let Answers { file, complete } = self.answers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let reader = file.read()?;
        let (cursor, version) = (reader.cursor()?, file.version);
        let entries = Arc::new(reader.entries()?.holding(file));
        Ok(ProjectionView { entries, cursor, version, complete })
    }

    /// Records that could not be read and are not applied, in the log's order: at most `limit`, those after an offset.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn undecoded(&self, after: Option<Offset>, limit: usize) -> Result<Vec<(Offset, RecordId)>, Error> {
        self.filled.read()?.undecoded(after, limit)
    }

    /// How many records could not be read, and how many damaged ranges of the log were passed: what it may lack.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn missing(&self) -> Result<(u64, u64), Error> {
        self.filled.read()?.missing()
    }

    /// How many entries the version that is filled holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self) -> Result<u64, Error> {
        self.filled.read()?.entries()?.len()
    }

    /// Applies records that could not be read before: `changes` are they, as they are decoded now. What still cannot be
    /// read stays noted, and what was not noted is left alone. Durable on return; says how many were applied.
    ///
    /// # Errors
    /// As [`Sink::apply`].
    pub fn apply_late(&self, changes: &[Change<'_>]) -> Result<u64, Error> {
        let mut committer = self.checked()?;
        let reader = self.filled.read()?;
        let mut ready = Vec::new();
        for change in changes.iter().filter(|change| !matches!(change.effect, Effect::DeadLetter { .. })) {
            if reader.undecoded_at(change.offset)? == Some(change.id) {
                ready.push(change);
            }
        }
        drop(reader);
        let (mut gathered, _) = self.gather(&ready, true)?;
        if !gathered.undecoded.is_empty() {
            ready.retain(|change| !gathered.undecoded.contains(&(change.offset, change.id)));
        }
        gathered.decoded = ready.iter().map(|change| change.offset).collect();
        if !ready.is_empty() {
            self.commit(&mut committer, &gathered, true)?;
        }
        Ok(ready.len() as u64)
    }

    /// Applies records from before the place at which the log begins by now, in any order, to a projection in which nothing
    /// was applied; the cursor stays. For projections to which the order is nothing.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] if something was applied; otherwise as [`Sink::apply`].
    pub fn seed(&self, changes: &[Change<'_>]) -> Result<(), Error> {
        let mut committer = self.checked()?;
        if let Some(cursor) = committer.cursor {
            let (cursor, next, reason) = (cursor.next, Offset::ZERO, "something was applied already");
            return Err(Error::OutOfOrder { cursor, next, reason });
        }
        let (gathered, _) = self.gather(&changes.iter().collect::<Vec<_>>(), true)?;
        self.commit(&mut committer, &gathered, false)
    }

    /// Lets go of the file as if the process had been killed: nothing that is not durable becomes so. For tests of what a
    /// crash leaves.
    pub fn abandon(self) {
        self.committer().poison = Some("it was let go of".to_owned());
        self.filled.shut();
    }

    /// What the projection makes of these records; nothing is written.
    fn gather<'c>(&self, changes: &[&Change<'_>], late: bool) -> Result<(Changes<'c>, Outcome), Error> {
        let (mut gathered, mut outcome) = (Changes::default(), Outcome::default());
        let base = self.filled.read()?.entries()?;
        let mut txn = ProjectionTxn::new(&base);
        for change in changes {
            let Change { offset, id, payload, effect } = change;
            let record = match effect {
                Effect::DeadLetter { .. } => None,
                Effect::Application => Some(None),
                // A worker has decoded it, so it can be; what was put together otherwise is noted.
                _ => Record::decode(payload).ok().map(Some),
            };
            let Some(record) = record else {
                gathered.undecoded.push((*offset, *id));
                outcome.dead_letters += 1;
                continue;
            };
            match record {
                Some(_) => outcome.fresh += 1,
                None => outcome.application += 1,
            }
            let projected = Projected { offset: *offset, id: *id, payload, record: record.as_ref(), late };
            self.project(&projected, &mut txn).map_err(|source| Error::ProjectionFailed {
                name: self.name().to_owned(),
                version: self.version(),
                offset: *offset,
                source,
            })?;
        }
        gathered.entries = txn.into_changes();
        Ok((gathered, outcome))
    }

    /// Hands one record to the projection; a panic of it is an error of it.
    fn project(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        // What a panic leaves half done in `txn` is never written. What it leaves in the projection is the application's.
        let applied = catch_unwind(AssertUnwindSafe(|| self.projection.apply(record, txn)));
        applied.unwrap_or_else(|panic| Err(format!("it panicked: {}", words_of(&*panic)).into()))?;
        txn.refused().map_or(Ok(()), |reason| Err(reason.to_owned().into()))
    }

    fn checked(&self) -> Result<MutexGuard<'_, Committer>, Error> {
        let committer = self.committer();
        match &committer.poison {
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            None => Ok(committer),
        }
    }

    fn committer(&self) -> MutexGuard<'_, Committer> {
        // A panic leaves nothing half done that the poison does not cover.
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, and stops all writing if that fails: what the file holds then is known once it is opened again (S5).
    fn commit(&self, committer: &mut Committer, changes: &Changes<'_>, durable: bool) -> Result<(), Error> {
        self.written(committer, self.filled.commit(changes, durable))?;
        committer.cursor = changes.cursor.copied().or(committer.cursor);
        if durable {
            committer.durable = committer.cursor;
        }
        Ok(())
    }

    fn written<T>(&self, committer: &mut Committer, written: Result<T, Error>) -> Result<T, Error> {
        written.inspect_err(|error| {
            self.filled.shut();
            committer.poison = Some(error.to_string());
        })
    }

    /// Applies and moves the cursor. The commit with which this version comes up with the log is durable.
    fn advance(&self, committer: &mut Committer, changes: &Changes<'_>, durable: bool) -> Result<(), Error> {
        let next = changes.cursor.map_or(Offset::ZERO, |cursor| cursor.next);
        let finishes = committer.until.is_some_and(|until| next >= until);
        self.commit(committer, changes, durable || finishes)?;
        if finishes { self.finish(committer, false) } else { Ok(()) }
    }

    /// The version that is filled answers from here on, and the others go.
    fn finish(&self, committer: &mut Committer, was_complete: bool) -> Result<(), Error> {
        let version = self.version();
        if committer.until.take().is_some() {
            self.written(committer, self.shelf.promote(version))?;
        }
        let now = Answers { file: Arc::clone(&self.filled), complete: true };
        *self.answers.write().unwrap_or_else(PoisonError::into_inner) = now;
        if !was_complete {
            tracing::info!(
                projection = self.name(),
                version,
                "the projection has come up with the log and answers"
            );
        }
        for other in self.shelf.versions()? {
            if other.version != version || !other.complete {
                self.shelf.discard(other.version, other.complete);
            }
        }
        Ok(())
    }
}

/// What a panic says.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

impl Sink for ProjectionStore {
    fn cursor(&self) -> Result<Option<Cursor>, Error> {
        Ok(self.committer().cursor)
    }

    fn reach(&self) -> Result<Option<Cursor>, Error> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, Error> {
        let mut committer = self.checked()?;
        follows(committer.cursor, changes, cursor)?;
        let changes: Vec<_> = changes.iter().collect();
        let (mut gathered, outcome) = self.gather(&changes, false)?;
        gathered.cursor = Some(cursor);
        self.advance(&mut committer, &gathered, false)?;
        Ok(outcome)
    }

    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), Error> {
        let mut committer = self.checked()?;
        follows(committer.cursor, &[], cursor)?;
        let changes = Changes { passed: Some(passed), cursor: Some(cursor), ..Changes::default() };
        self.advance(&mut committer, &changes, true)
    }

    fn checkpoint(&self) -> Result<(), Error> {
        let mut committer = self.checked()?;
        match committer.cursor == committer.durable {
            true => Ok(()),
            // redb makes earlier commits durable with any later one that is.
            false => self.commit(&mut committer, &Changes::default(), true),
        }
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, Error> {
        let durable = || self.committer().durable.map_or(Offset::ZERO, |durable| durable.next);
        if durable() < at_least {
            self.checkpoint()?;
        }
        Ok(durable())
    }
}

impl Drop for ProjectionStore {
    fn drop(&mut self) {
        match self.checkpoint() {
            // It was reported when it happened; the log has what was not kept.
            Ok(()) | Err(Error::Poisoned { .. }) => {}
            Err(error) => {
                tracing::warn!(projection = self.name(), %error, "a projection was closed without a checkpoint");
            }
        }
    }
}
