//! The store: layers over content and index, and the order between them.
//!
//!   apply:       changes -> plan -> active layer, and the cursor: visible
//!   fold:        a full layer -> content -> index -> away                          folder.rs, on a thread of its own
//!   checkpoint:  content synced -> index, rows of what is in layers, and the cursor synced
//!
//! Whoever applies holds the one committer; readers take snapshots and wait for no one.

mod letters;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_record::{Cursor, Offset, RecordId};

use crate::aside::Aside;
use crate::chunk::ChunkWriter;
use crate::content::{Content, ContentBatch};
use crate::content_view::ContentView;
use crate::core::{Core, Opened};
use crate::directory::{CONTENT_DIR, Found, INDEX_FILE, found_at, sync_directory};
use crate::folder::Folder;
use crate::identity::StoreId;
use crate::index::{Index, PROJECTION};
use crate::index_view::IndexView;
use crate::keys::assertion_key;
use crate::known::KnownSubjects;
use crate::layer::Layers;
use crate::lock::Lock;
use crate::order::{belong_together, follows};
use crate::plan::{Plan, Planner};
use crate::seen::{Seen, Sight};
use crate::standing::Standing;
use crate::{Change, Counts, Digests, Error, KvStore, Outcome, Passed, Sink, Snapshot, plain};

/// What part of a layer is too much for an open to load from rows: some 30 ms by default.
const MUCH_TO_LOAD: usize = 8;

/// How a store uses memory. Nothing of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much of the tables of records stays in memory once read, at most. Default: 1 GiB.
    pub content_cache_bytes: u64,
    /// How much of single records that were asked for by their ids stays in memory, at most: those are found again ten
    /// times as fast as in a table that is in memory. Default: 128 MiB.
    pub record_cache_bytes: u64,
    /// How much of the index stays in memory; what a checkpoint has not written yet is part of it. Default: 256 MiB.
    pub index_cache_bytes: usize,
    /// How much of what was applied is collected in memory before it is folded into content and index. Up to twice as much
    /// is held, for one layer fills while another is folded. Larger means fewer and larger tables; smaller means less
    /// memory, and less to load when a store that was killed is opened. Default: 128 MiB.
    pub layer_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            content_cache_bytes: 1 << 30,
            record_cache_bytes: 128 << 20,
            index_cache_bytes: 256 << 20,
            layer_bytes: 128 << 20,
        }
    }
}

/// A store over fjall, which keeps records by their ids, and redb, which keeps subjects, order and the cursor.
///
/// All methods take `&self`; share it in an `Arc`. One process opens a directory at a time.
pub struct HybridStore {
    // The order of the fields is the order in which they close: the lock goes last.
    folder: Folder,
    committer: Mutex<Committer>,
    pub(crate) core: Arc<Core>,
    layer_bytes: usize,
    _lock: Lock,
    path: PathBuf,
}

/// The right to apply, and what only whoever applies needs to know.
#[derive(Default)]
struct Committer {
    known: KnownSubjects,
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
            Found::Nothing => plain::create_directory(path).map_err(Error::io("create", path))?,
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
        let aside = Aside::hold(path);
        let mut content =
            Content::open(&path.join(CONTENT_DIR), options.content_cache_bytes, options.record_cache_bytes)?;
        let mut index = Index::open(&path.join(INDEX_FILE), options.index_cache_bytes)?;
        // An index that is there after a power cut, beside content that is not, would be refused. At each open: the one that made
        // them may have been cut off before this.
        sync_directory(path)?;
        let mut reader = index.read()?;
        let (mut standing, reach) = (reader.standing()?, content.reach()?);
        let folded = reader.folded()?;
        let id = match belong_together(path, standing.cursor, folded, reader.store()?, reach)? {
            Some(id) => id,
            None => StoreId::draw(path)?,
        };
        if letters::go_on(&content, &index, &reader)? {
            reader = index.read()?;
            standing = reader.standing()?;
        }
        let layers = Layers::default();
        layers.active.add(reader.recent()?, true);
        drop(reader);
        content.belongs_to(id);
        index.belongs_to(id);
        let place = |cursor: Option<Cursor>| cursor.map_or(0, |cursor| cursor.next.get());
        tracing::info!(
            path = %path.display(), cursor = place(standing.cursor), folded = place(folded), "store opened"
        );
        let layer_bytes = options.layer_bytes;
        let opened = Opened { id, reach, layers, standing, layer_bytes };
        let core = Arc::new(Core::new(content, index, opened));
        Ok(Self {
            folder: Folder::start(&core, path, aside)?,
            committer: Mutex::default(),
            core,
            layer_bytes,
            _lock: lock,
            path: path.to_owned(),
        })
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
        let _ = self.core.seen.set(file);
        Ok(())
    }

    /// How far the file at `seen` says that this store was; `None` if it says nothing of it.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn seen_at(&self, seen: &Path) -> Result<Option<Offset>, Error> {
        Ok(Seen::look(seen)?.filter(|sight| sight.store == self.core.id).map(|sight| sight.next))
    }

    /// Takes the store as it is, older or not: has the file at `seen` say where it stands.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if the file cannot be written.
    pub fn rewind(&self, seen: &Path) -> Result<(), Error> {
        Seen::new(seen).put(self.durable_cursor()?.map(|cursor| Sight::of(self.core.id, &cursor)))
    }

    /// Everything applied so far, unchanged by what is applied later.
    ///
    /// A snapshot keeps pages of the index from being used again: take one per question, not one per program.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Error> {
        let (layers, index, standing, tables) = self.core.view()?;
        Ok(Snapshot::new(tables, layers, index, standing))
    }

    /// Where the record with this id stands in the log first, of whatever type. Cheaper than a snapshot and not bound
    /// to one: it also knows records that are being applied and do not show yet. The bytes are not checked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn first_offset(&self, id: &RecordId) -> Result<Option<Offset>, Error> {
        let content = ContentView::new(&self.core.content, self.core.layers());
        if let Some(kept) = content.get(&assertion_key(id))? {
            return Ok(Some(kept.offset));
        }
        Ok(content.place(id)?.map(|place| place.offset))
    }

    /// Folds everything that is collected in memory into content and index, and waits for that. It happens by itself as
    /// layers fill; a store that is wanted in its final shape, to be measured for one, has it done at once.
    ///
    /// # Errors
    /// As [`Sink::apply`].
    pub fn fold(&self) -> Result<(), Error> {
        let _committer = self.committer();
        self.fold_all()
    }

    /// Whoever calls it holds the committer.
    fn fold_all(&self) -> Result<(), Error> {
        self.core.check()?;
        if self.core.layers().active.bytes() > 0 {
            self.core.freeze();
        }
        self.core.wait_folded();
        self.core.check()
    }

    /// The cursor as of the last checkpoint: what a power cut would leave.
    ///
    /// # Errors
    /// None at present.
    pub fn durable_cursor(&self) -> Result<Option<Cursor>, Error> {
        Ok(self.core.durable())
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
    /// As [`Sink::checkpoint`].
    pub fn close(self) -> Result<(), Error> {
        self.checkpoint()
    }

    /// Lets go of the store as if the process had been killed: nothing that is not durable becomes so. For tests of what
    /// a crash leaves; an application closes.
    pub fn abandon(self) {
        self.core.abandon();
    }

    /// Writes keys of content that are put right, durably.
    pub(crate) fn put_right(&self, batch: ContentBatch) -> Result<(), Error> {
        let _committer = self.committer();
        self.core.check()?;
        self.core.writing(|core| {
            core.content.commit(batch)?;
            core.content.persist().map(drop)
        })
    }

    fn committer(&self) -> MutexGuard<'_, Committer> {
        // A panic leaves nothing half done that the core's poison does not cover.
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for HybridStore {
    fn cursor(&self) -> Result<Option<Cursor>, Error> {
        Ok(self.core.standing().cursor)
    }

    fn reach(&self) -> Result<Option<Cursor>, Error> {
        let cursor = self.core.standing().cursor;
        Ok(self.core.reach_beyond(cursor).or(cursor))
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, Error> {
        let mut committer = self.committer();
        self.core.check()?;
        let (layers, index, before, _) = self.core.view()?;
        follows(before.cursor, changes, cursor)?;
        let index = IndexView::new(index, layers.clone(), before.next());
        let tables = &self.core.content;
        let plan = Planner::plan(changes, before.next(), tables, &layers, &index, &mut committer.known);
        // What a plan that came to nothing has learned is not so.
        let plan = plan.inspect_err(|_| committer.known.forget())?;
        drop(index);
        let Plan { pieces, repairs, counts, digests, outcome } = plan;
        if let Some(repairs) = repairs {
            self.core.writing(|core| core.content.commit(repairs))?;
        }
        // What is added stands at or beyond the cursor: it does not show before the cursor has moved.
        layers.active.add(ChunkWriter::write(&pieces), false);
        let mut standing = Standing { cursor: Some(*cursor), ..before };
        standing.counts.merge(&counts);
        standing.digests.merge(&digests);
        self.core.stand(standing);
        if layers.active.bytes() >= self.layer_bytes {
            self.core.freeze();
        }
        Ok(outcome)
    }

    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), Error> {
        self.pass_damage(passed, cursor)
    }

    fn checkpoint(&self) -> Result<(), Error> {
        let _committer = self.committer();
        self.core.check()?;
        let standing = self.core.standing();
        if self.core.is_durable(standing.next()) {
            return Ok(());
        }
        // Much of it is folded rather than given rows: it has to be some time, and an open would have to load the rows.
        if self.core.layers().active.bytes() > self.layer_bytes / MUCH_TO_LOAD {
            self.core.freeze();
        }
        self.core.make_durable(standing.next())
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, Error> {
        let _committer = self.committer();
        self.core.check()?;
        if !self.core.is_durable(at_least) {
            if self.core.is_worth_folding() && !self.core.is_folding() {
                self.core.freeze();
            }
            self.core.want_durable(at_least);
        }
        Ok(self.core.durable().map_or(Offset::ZERO, |durable| durable.next))
    }
}

impl KvStore for HybridStore {
    fn counts(&self) -> Result<Counts, Error> {
        Ok(self.core.standing().counts)
    }

    fn digests(&self) -> Result<Digests, Error> {
        Ok(self.core.standing().digests)
    }
}

impl Drop for HybridStore {
    fn drop(&mut self) {
        // Before the thread ends: a checkpoint may have it fold.
        let checkpoint = self.checkpoint();
        self.folder.stop();
        match checkpoint {
            Ok(()) => {}
            // It was reported when it happened; the log has what was not kept.
            Err(Error::Poisoned { .. }) => self.core.index.shut(),
            Err(error) => {
                self.core.index.shut();
                tracing::warn!(path = %self.path.display(), %error, "the store was closed without a checkpoint");
            }
        }
    }
}

#[cfg(test)]
mod tests;
