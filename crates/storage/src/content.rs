//! The bytes of records under content-addressed keys, in fjall.
//!
//! A value is the offset at which the record was applied first (u64, little-endian), then its payload. Whole layers come
//! sorted and go into tables of their own, past fjall's journal: atomic, and durable at once. What little is written
//! otherwise comes in batches, which [`Content::persist`] makes durable.

mod load;
mod pinned;

pub(crate) use load::Put;

use std::fs;
use std::io;
use std::ops::{Deref, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annals_record::seeded::{self, Bug};
use annals_record::{Cursor, EpochId, Offset, RecordId};
use fjall::compaction::Leveled;
use fjall::config::{
    BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry, HashRatioPolicy, PinningPolicy,
};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

pub(crate) use pinned::Pinned;

use crate::cursor_bytes::Reach;
use crate::directory::sync_directory;
use crate::identity::StoreId;
use crate::keys::{self, assertion_key, epoch_key, place_key, readable, vote_key};
use crate::layer::{ById, Held};
use crate::record_cache::RecordCache;
use crate::value::Value;
use crate::{Error, plain};

const OFFSET_BYTES: usize = 8;
/// Where fjall has its keyspaces.
const KEYSPACES_DIR: &str = "keyspaces";
/// What fjall writes once all else is made but the keyspaces.
const VERSION_FILE: &str = "version";
/// How many tables stand beside each other before they are merged with the larger ones below: a layer makes two.
const TABLES_BESIDE_EACH_OTHER: u8 = 12;
/// How many records are folded before others have a turn: a few milliseconds.
const STRETCH: usize = 4096;
/// How long a thread of a store that was closed may take to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bits of filter a key: what is not there is looked for in a dozen tables, and one key in two thousand passes a filter.
const FILTER_BITS: f32 = 16.0;
/// Bytes of hash index a key, so that a key is found in a block of 4 KiB without a search.
const HASH_RATIO: f32 = 1.33;

/// The content-addressed half of a store.
pub(crate) struct Content {
    database: Database,
    keyspace: Keyspace,
    records: RecordCache,
    /// The store it belongs to, once that is known.
    store: Option<StoreId>,
    /// Whether a batch was written since the last sync.
    unsynced: AtomicBool,
    path: PathBuf,
}

/// What stands under a key: a payload and the offset at which it was applied first.
pub(crate) struct Kept {
    pub(crate) offset: Offset,
    pub(crate) payload: Payload,
}

/// The payload of a stored record, shared with the store's cache.
#[derive(Clone)]
pub struct Payload(Value);

/// Where a vote or an epoch record stands, found by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) home: Home,
}

/// The key a record that is no assertion stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Vote(RecordId),
    Epoch(EpochId),
}

/// Proof that a layer is in content and durable there; without it nothing of it goes into the index (S1).
#[must_use]
pub(crate) struct Folded(());

/// Proof that content is durable; without it the cursor does not become so (S2).
#[must_use]
pub(crate) struct Synced(());

/// Proofs of nothing: what a seeded bug has in its hands.
pub(crate) fn unproven() -> (Folded, Synced) {
    assert!(seeded::is_on(Bug::IndexBeforeContent), "S1, S2: the index never comes first");
    (Folded(()), Synced(()))
}

/// Writes that take effect together.
pub(crate) struct ContentBatch {
    batch: OwnedWriteBatch,
    keyspace: Keyspace,
}

impl Content {
    /// Opens the directory, or creates it. `cache_bytes` is how much of the tables stays in memory, `record_bytes` how much
    /// of single records.
    pub(crate) fn open(path: &Path, cache_bytes: u64, record_bytes: u64) -> Result<Self, Error> {
        let open = |error: fjall::Error| match error {
            fjall::Error::Locked => {
                Error::Locked { path: path.to_owned(), holder: "another process".to_owned() }
            }
            error => Error::engine("content", "open", path, error),
        };
        plain::refuse_foreign(path).map_err(Error::io("open", path))?;
        clear_half_made(path)?;
        // One worker: layers come one after the other, and two workers on two cores wait for each other by asking.
        let attempt = || Database::builder(path).cache_size(cache_bytes).worker_threads(1).open();
        let mut opened = attempt();
        // The store's own lock is ours by now: who still has this one is a thread of the store that was closed last.
        let patience = Instant::now() + PATIENCE;
        while matches!(opened, Err(fjall::Error::Locked)) && Instant::now() < patience {
            opened = attempt();
        }
        let database = opened.map_err(open)?;
        let keyspace = database.keyspace("content", shape).map_err(open)?;
        // fjall syncs what is in a keyspace and not the keyspace's own name. At each open: the one that made it may have been
        // cut off before this.
        sync_directory(&path.join(KEYSPACES_DIR))?;
        let (unsynced, records) = (AtomicBool::new(false), RecordCache::new(record_bytes));
        Ok(Self { database, keyspace, records, store: None, unsynced, path: path.to_owned() })
    }

    /// Says whose content this is, from the next batch on.
    pub(crate) fn belongs_to(&mut self, store: StoreId) {
        self.store = Some(store);
    }

    /// How far the log's effects reach at most.
    pub(crate) fn reach(&self) -> Result<Option<Reach>, Error> {
        let Some(bytes) = self.keyspace.get(keys::REACH).map_err(self.reading())? else {
            return Ok(None);
        };
        match Reach::from_bytes(&bytes) {
            Some(reach) => Ok(Some(reach)),
            None => Err(damaged(keys::REACH, "it holds no cursor")),
        }
    }

    /// What stands under a key of `H:`, `V:` or `E:`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Kept>, Error> {
        self.now().get(key)
    }

    /// Where a vote or an epoch record stands.
    pub(crate) fn place(&self, id: &RecordId) -> Result<Option<Place>, Error> {
        self.now().place(id)
    }

    /// Everything under these keys, in their order; from either end.
    pub(crate) fn range<K: AsRef<[u8]>>(&self, keys: RangeInclusive<K>) -> Entries<'_> {
        Entries { entries: self.keyspace.range(keys), content: self }
    }

    /// An empty batch.
    pub(crate) fn batch(&self, capacity: usize) -> ContentBatch {
        ContentBatch {
            batch: OwnedWriteBatch::with_capacity(self.database.clone(), capacity),
            keyspace: self.keyspace.clone(),
        }
    }

    /// Puts a layer into tables of its own, and with it how far the log's effects reach now: all or nothing, durable on
    /// return. `between` is called now and then; it commits nothing here.
    pub(crate) fn fold(
        &self,
        held: &Held,
        reach: &Cursor,
        between: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<Folded, Error> {
        let engine = |error| Error::engine("content", "fold", &self.path, error);
        let mut ingestion = self.keyspace.start_ingestion().map_err(engine)?;
        // Strictly in the order of keys: E:, H:, I:, R:, V:.
        let mut versions: Vec<_> = held.epochs.iter().collect();
        versions.sort_unstable_by_key(|(epoch, _)| **epoch);
        for (epoch, versions) in versions {
            for (offset, value) in versions {
                ingestion.write(epoch_key(epoch, *offset), &value[..]).map_err(engine)?;
            }
        }
        for some in sorted(&held.assertions).chunks(STRETCH) {
            for (id, value) in some {
                ingestion.write(assertion_key(id), &value[..]).map_err(engine)?;
            }
            between()?;
        }
        for (id, place) in sorted(&held.places) {
            ingestion.write(place_key(id), place.to_bytes().as_slice()).map_err(engine)?;
        }
        let reach = Reach { cursor: *reach, store: self.store };
        ingestion.write(keys::REACH, reach.to_bytes()).map_err(engine)?;
        for (assertion, votes) in sorted(&held.votes_on) {
            let mut votes = votes.clone();
            votes.sort_unstable();
            for vote in votes {
                ingestion.write(vote_key(assertion, &vote), &held.votes[&vote][..]).map_err(engine)?;
            }
        }
        ingestion.finish().map_err(engine)?;
        Ok(Folded(()))
    }

    /// Writes a batch.
    pub(crate) fn commit(&self, batch: ContentBatch) -> Result<(), Error> {
        self.unsynced.store(true, Ordering::Release);
        let committed = batch.batch.durability(Some(PersistMode::Buffer)).commit();
        // It may be of what lies below the cursor.
        self.records.forget();
        committed.map_err(|error| Error::engine("content", "commit", &self.path, error))
    }

    /// Makes every batch so far survive a power cut.
    pub(crate) fn persist(&self) -> Result<Synced, Error> {
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(Synced(()));
        }
        let synced = self.database.persist(PersistMode::SyncAll).map(|()| Synced(()));
        synced.map_err(|error| Error::engine("content", "sync", &self.path, error))
    }

    fn reading(&self) -> impl Fn(fjall::Error) -> Error + '_ {
        |error| Error::engine("content", "read", &self.path, error)
    }
}

/// Takes away what a making that was cut off has left: fjall makes its directory in steps, and before the last of them it can
/// neither open it nor make it anew. Nothing is in it then: keyspaces come after the version.
fn clear_half_made(path: &Path) -> Result<(), Error> {
    let version = match fs::read(path.join(VERSION_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(Error::io("read", path))?,
    };
    let mut keyspaces = match fs::read_dir(path.join(KEYSPACES_DIR)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        listed => Some(listed.map_err(Error::io("read", path))?),
    };
    let is_empty = keyspaces.as_mut().is_none_or(|keyspaces| keyspaces.next().is_none());
    if !is_empty || version.iter().any(|byte| *byte != 0) || !path.exists() {
        return Ok(());
    }
    tracing::info!(path = %path.display(), "the making of a store was cut off; it begins anew");
    fs::remove_dir_all(path).map_err(Error::io("remove", path))
}

/// How tables lie: as they are made, for keys that are hashes compress badly and are asked for one by one.
fn shape() -> KeyspaceCreateOptions {
    // Layers are large: six of them beside each other cost a look at six filters, and a third of the writing of two.
    let leveled = Leveled::default().with_l0_threshold(TABLES_BESIDE_EACH_OTHER);
    KeyspaceCreateOptions::default()
        .compaction_strategy(Arc::new(leveled))
        .data_block_hash_ratio_policy(HashRatioPolicy::all(HASH_RATIO))
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(
            FILTER_BITS,
        ))))
        .filter_block_pinning_policy(PinningPolicy::all(true))
}

/// Keys and values of content, read one after the other.
pub(crate) struct Entries<'c> {
    entries: fjall::Iter,
    content: &'c Content,
}

impl Entries<'_> {
    fn read(&self, entry: fjall::Guard) -> Result<(Slice, Slice), Error> {
        entry.into_inner().map_err(self.content.reading())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(Slice, Slice), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        Some(self.read(entry))
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next_back()?;
        Some(self.read(entry))
    }
}

impl ContentBatch {
    /// Puts a record under its key.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset, payload: &[u8]) {
        let mut value = Vec::with_capacity(OFFSET_BYTES + payload.len());
        value.extend_from_slice(&offset.get().to_le_bytes());
        value.extend_from_slice(payload);
        self.batch.insert(&self.keyspace, key, value);
    }

    /// Says how far the log's effects reach at most, and whose content this is.
    pub(crate) fn reach(&mut self, cursor: &Cursor, store: Option<StoreId>) {
        let reach = Reach { cursor: *cursor, store };
        self.batch.insert(&self.keyspace, keys::REACH, reach.to_bytes());
    }

    /// Writes down where a vote or an epoch record stands.
    pub(crate) fn place(&mut self, id: &RecordId, place: Place) {
        self.batch.insert(&self.keyspace, place_key(id), place.to_bytes().as_slice());
    }

    /// Takes a key away.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.batch.remove(&self.keyspace, key);
    }
}

impl Kept {
    /// Takes a value of `H:`, `V:` or `E:` apart.
    pub(crate) fn read(key: &[u8], value: Value) -> Result<Self, Error> {
        match value.first_chunk::<OFFSET_BYTES>() {
            Some(offset) => {
                Ok(Self { offset: Offset::new(u64::from_le_bytes(*offset)), payload: Payload(value) })
            }
            None => Err(damaged(key, "its value is shorter than an offset")),
        }
    }

    /// Whether the payload is the one with this id.
    pub(crate) fn is_intact(&self, id: &RecordId) -> bool {
        RecordId::of(&self.payload) == *id
    }
}

impl Place {
    const BYTES: usize = OFFSET_BYTES + 1 + 32;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..OFFSET_BYTES].copy_from_slice(&self.offset.get().to_le_bytes());
        let (letter, id) = match &self.home {
            Home::Vote(assertion) => (b'V', assertion.as_bytes()),
            Home::Epoch(epoch) => (b'E', epoch.as_bytes()),
        };
        bytes[OFFSET_BYTES] = letter;
        bytes[OFFSET_BYTES + 1..].copy_from_slice(id);
        bytes
    }

    /// Takes a value of `I:` apart.
    pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Self, Error> {
        let bytes: &[u8; Self::BYTES] =
            value.try_into().map_err(|_| damaged(key, "its value has another length than a place"))?;
        let (offset, rest) = bytes.split_at(OFFSET_BYTES);
        let mut number = [0; OFFSET_BYTES];
        number.copy_from_slice(offset);
        let mut id = [0; 32];
        id.copy_from_slice(&rest[1..]);
        let home = match rest[0] {
            b'V' => Home::Vote(RecordId::from_bytes(id)),
            b'E' => Home::Epoch(EpochId::from_bytes(id)),
            _ => return Err(damaged(key, "its value names neither a vote nor an epoch")),
        };
        Ok(Self { offset: Offset::new(u64::from_le_bytes(number)), home })
    }

    /// The key under which the record itself stands.
    pub(crate) fn key(&self, id: &RecordId) -> Vec<u8> {
        match self.home {
            Home::Vote(assertion) => vote_key(&assertion, id).to_vec(),
            Home::Epoch(epoch) => epoch_key(&epoch, self.offset).to_vec(),
        }
    }
}

/// Records in the order of their ids.
fn sorted<V>(records: &ById<V>) -> Vec<(&RecordId, &V)> {
    // Their first bytes decide nearly always, and lie beside each other while they are sorted.
    let prefix = |id: &RecordId| id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let mut sorted: Vec<_> = records.iter().map(|(id, value)| (prefix(id), id, value)).collect();
    sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    sorted.into_iter().map(|(_, id, value)| (id, value)).collect()
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[OFFSET_BYTES..]
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Payload {}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// What stands under a key cannot be.
pub(crate) fn damaged(key: &[u8], detail: impl Into<String>) -> Error {
    Error::Damaged { key: readable(key), detail: detail.into() }
}
