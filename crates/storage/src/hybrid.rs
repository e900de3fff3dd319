//! The store: content and index, and the order between them.
//!
//!   apply:       changes -> plan -> content batch -> index commit with the cursor
//!   checkpoint:  content synced -> index and cursor synced
//!
//! Everything that writes holds the one committer; readers take snapshots and wait for no one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use annals_record::{Cursor, Offset, RecordId};

use crate::content::Content;
use crate::directory::{CONTENT_DIR, Found, INDEX_FILE, found_at};
use crate::identity::StoreId;
use crate::index::{Index, PROJECTION};
use crate::keys::assertion_key;
use crate::lock::Lock;
use crate::order::{belong_together, follows};
use crate::plan::{Plan, Planner};
use crate::seen::{Seen, Sight};
use crate::{Change, Counts, Digests, Error, KvStore, Outcome, Snapshot};

/// How a store uses memory. Nothing of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much of the records' bytes stays in memory once read. Default: 64 MiB.
    pub content_cache_bytes: u64,
    /// How much of the index stays in memory; what a checkpoint has not written yet is part of it. Default: 128 MiB.
    pub index_cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { content_cache_bytes: 64 << 20, index_cache_bytes: 128 << 20 }
    }
}

/// A store over fjall, which keeps records by their ids, and redb, which keeps subjects, order and the cursor.
///
/// All methods take `&self`; share it in an `Arc`. One process opens a directory at a time.
pub struct HybridStore {
    // The order of the fields is the order in which they close: the lock goes last.
    committer: Mutex<Committer>,
    pub(crate) index: Index,
    pub(crate) content: Content,
    id: StoreId,
    seen: OnceLock<Seen>,
    _lock: Lock,
    path: PathBuf,
}

/// The right to write, and what is known about writing.
struct Committer {
    /// How far content reaches at most; beyond the cursor after a crash.
    reach: Option<Cursor>,
    /// Whether anything was applied since the last checkpoint.
    pending: bool,
    /// What failed; nothing is written any more.
    poison: Option<String>,
}

impl HybridStore {
    /// The rules by which records become keys here. Stores of other rules are refused, and their digests say nothing
    /// about these.
    pub const PROJECTION: u32 = PROJECTION;

    /// Opens the store in a directory, or creates it there if the directory is missing or empty.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it, [`Error::NotAStore`] if something else is there,
    /// [`Error::NewerFormat`], [`Error::OtherProjection`], [`Error::ContentBehind`], [`Error::Swapped`] or
    /// [`Error::TwoStores`] if it cannot be used as it is, and what the file system and the engines say. What cannot be used is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Options::default())
    }

    /// As [`HybridStore::open`], with options.
    ///
    /// # Errors
    /// As [`HybridStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref();
        match found_at(path)? {
            Found::Store => {}
            Found::Nothing => fs::create_dir_all(path).map_err(Error::io("create", path))?,
        }
        Self::open_at(path, options)
    }

    /// Opens the store in a directory; creates nothing.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none, otherwise as [`HybridStore::open`].
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_existing_with(path, Options::default())
    }

    /// As [`HybridStore::open_existing`], with options.
    ///
    /// # Errors
    /// As [`HybridStore::open_existing`].
    pub fn open_existing_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref();
        match found_at(path)? {
            Found::Store => Self::open_at(path, options),
            Found::Nothing => Err(Error::Missing { path: path.to_owned() }),
        }
    }

    fn open_at(path: &Path, options: Options) -> Result<Self, Error> {
        let lock = Lock::take(path)?;
        let mut content = Content::open(&path.join(CONTENT_DIR), options.content_cache_bytes)?;
        let mut index = Index::open(&path.join(INDEX_FILE), options.index_cache_bytes)?;
        let reader = index.read()?;
        let (cursor, reach) = (reader.cursor()?, content.reach()?);
        let id = match belong_together(path, cursor, reader.store()?, reach)? {
            Some(id) => id,
            None => StoreId::draw(path)?,
        };
        drop(reader);
        content.belongs_to(id);
        index.belongs_to(id);
        let reach = reach.map(|reach| reach.cursor);
        let place = |cursor: Option<Cursor>| cursor.map_or(0, |cursor| cursor.next.get());
        tracing::info!(path = %path.display(), cursor = place(cursor), content = place(reach), "store opened");
        let committer = Mutex::new(Committer { reach, pending: false, poison: None });
        let seen = OnceLock::new();
        Ok(Self { committer, index, content, id, seen, _lock: lock, path: path.to_owned() })
    }

    /// Refuses an older copy of the store: one that has applied less of the log than it had when the file at `seen` was
    /// written last. From then on that file is kept up to date, at each checkpoint. It is a hint that lies outside of the
    /// store's directory; what is missing, damaged or speaks of another store says nothing.
    ///
    /// # Errors
    /// [`Error::OlderStore`]; [`Error::Io`] or [`Error::Full`] if the file cannot be read or written.
    pub fn watch(&self, seen: &Path) -> Result<(), Error> {
        let before = self.seen_at(seen)?;
        let file = Seen::new(seen);
        match (self.durable_cursor()?, before) {
            (Some(cursor), Some(before)) if cursor.next < before => {
                let (path, cursor) = (self.path.clone(), cursor.next);
                return Err(Error::OlderStore { path, cursor, seen: before });
            }
            // An index that was lost begins anew, and may stop short of where it was.
            (None, Some(_)) => file.put(None)?,
            _ => {}
        }
        // Whoever was faster writes the same.
        let _ = self.seen.set(file);
        Ok(())
    }

    /// How far the file at `seen` says that this store was; `None` if it says nothing of it.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn seen_at(&self, seen: &Path) -> Result<Option<Offset>, Error> {
        Ok(Seen::look(seen)?.filter(|sight| sight.store == self.id).map(|sight| sight.next))
    }

    /// Takes the store as it is, older or not: has the file at `seen` say where it stands.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if the file cannot be written.
    pub fn rewind(&self, seen: &Path) -> Result<(), Error> {
        Seen::new(seen).put(self.durable_cursor()?.map(|cursor| Sight::of(self.id, &cursor)))
    }

    /// Everything applied so far, unchanged by what is applied later.
    ///
    /// A snapshot keeps pages of the index from being used again: take one per question, not one per program.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Error> {
        // The index first: content that comes later lies beyond the cursor that was read, and is left out (S4).
        Snapshot::new(self.index.read()?, &self.content)
    }

    /// Where the record with this id stands in the log first, of whatever type. Cheaper than a snapshot and not bound
    /// to one: it also knows records that are being applied and do not show yet. The bytes are not checked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn first_offset(&self, id: &RecordId) -> Result<Option<Offset>, Error> {
        if let Some(kept) = self.content.get(&assertion_key(id))? {
            return Ok(Some(kept.offset));
        }
        Ok(self.content.place(id)?.map(|place| place.offset))
    }

    /// The cursor as of the last checkpoint: what a power cut would leave.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn durable_cursor(&self) -> Result<Option<Cursor>, Error> {
        self.index.read()?.durable()
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes everything durable and lets go of the directory. Dropping the store does the same, but cannot say whether
    /// it worked.
    ///
    /// # Errors
    /// As [`KvStore::checkpoint`].
    pub fn close(self) -> Result<(), Error> {
        self.checkpoint()
    }

    fn committer(&self) -> MutexGuard<'_, Committer> {
        // A panic leaves nothing half done that the poison below does not cover: it is set before a write begins.
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write. Until it has succeeded the store counts as poisoned, so neither an error nor a panic lets
    /// another write follow (S5), and the index is not written when it is closed.
    fn writing<T>(
        &self,
        committer: &mut Committer,
        write: impl FnOnce(&mut Committer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        committer.poison = Some("a write did not return".to_owned());
        let written = write(committer);
        committer.poison = written.as_ref().err().map(ToString::to_string);
        if written.is_err() {
            self.index.shut();
        }
        written
    }
}

impl Committer {
    fn check(&self) -> Result<(), Error> {
        match &self.poison {
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

impl KvStore for HybridStore {
    fn cursor(&self) -> Result<Option<Cursor>, Error> {
        self.index.read()?.cursor()
    }

    fn reach(&self) -> Result<Option<Cursor>, Error> {
        Ok(self.committer().reach)
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, Error> {
        let mut committer = self.committer();
        committer.check()?;
        let index = self.index.read()?;
        let at = index.cursor()?;
        follows(at, changes, cursor)?;
        let base = at.map_or(Offset::ZERO, |at| at.next);
        let Plan { batch, edits, outcome } = Planner::plan(changes, base, &self.content, &index)?;
        drop(index);
        let reach = committer.reach.filter(|reach| reach.next > cursor.next).unwrap_or(*cursor);
        self.writing(&mut committer, |committer| {
            let written = self.content.commit(batch, &reach)?;
            self.index.commit(&written, &edits, cursor)?;
            committer.reach = Some(reach);
            committer.pending = true;
            Ok(outcome)
        })
    }

    fn checkpoint(&self) -> Result<(), Error> {
        let mut committer = self.committer();
        committer.check()?;
        if !committer.pending {
            return Ok(());
        }
        let Some(cursor) = self.index.read()?.cursor()? else {
            return Ok(());
        };
        self.writing(&mut committer, |committer| {
            let synced = self.content.persist()?;
            self.index.checkpoint(&synced, &cursor)?;
            committer.pending = false;
            if let Some(seen) = self.seen.get() {
                seen.note(Sight::of(self.id, &cursor));
            }
            Ok(())
        })
    }

    fn counts(&self) -> Result<Counts, Error> {
        self.index.read()?.counts()
    }

    fn digests(&self) -> Result<Digests, Error> {
        self.index.read()?.digests()
    }
}

impl Drop for HybridStore {
    fn drop(&mut self) {
        match self.checkpoint() {
            Ok(()) => {}
            // It was reported when it happened; the log has what was not kept.
            Err(Error::Poisoned { .. }) => self.index.shut(),
            Err(error) => {
                self.index.shut();
                tracing::warn!(path = %self.path.display(), %error, "the store was closed without a checkpoint");
            }
        }
    }
}

#[cfg(test)]
mod tests;
