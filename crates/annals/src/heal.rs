//! Journal and store each hold the bytes of every assertion, vote and epoch: what one has lost comes back from the other.
//!
//!   store, by id -> damaged groups of the journal -> whole again, or left as damage
//!   journal, from its beginning -> damaged keys of the store -> written again, or left as damage
//!   walk -> what is left, named; a store that cannot be read -> built anew, if the journal is whole
//!
//! HL1: nothing is changed but to bytes whose BLAKE3 is the id they stand under, or that checksums and what is left prove.
//! HL3: nothing is given up: what neither side has is named, and stays as it is.
//! HL4: a store that follows another journal is refused, and then nothing is changed.

use std::path::Path;
use std::sync::Arc;

use annals_ingest::{Projector, change};
use annals_journal::salvage::{self, Mending};
use annals_journal::{Damage, Disk, Held, Reader, RealDisk, SystemClock, take_lock};
use annals_record::{Log, LogError, Offset, ReadLimit, RecordId};
use annals_storage::{Family, Generations, Healer, Healing, HybridStore, KvStore, Sink, Walk};

use crate::directory::Directory;
use crate::error::Error;
use crate::options::Options;
use crate::rebuild::{RebuildOptions, RebuildProgress, rebuild};

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealStep {
    /// The journal is read whole, and what is damaged is looked for in the store. Nothing is said of how far.
    Journal,
    /// The store is put right from the journal, in bytes of journal.
    Store,
    /// The store is walked, in keys.
    Check,
    /// The store is built anew from the journal, for it cannot be read; in bytes of journal.
    Rebuild,
}

/// What a healing did, or would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Healed {
    /// Whether it was done.
    pub applied: bool,
    /// The journal.
    pub journal: JournalHealed,
    /// The store.
    pub store: StoreHealed,
}

/// What a healing came to on the journal's side.
#[derive(Debug)]
#[non_exhaustive]
pub struct JournalHealed {
    /// What is made whole.
    pub mended: Vec<Mending>,
    /// What nothing proves: it is still damage. The store does not have it either, or it is no record's.
    pub lost: Vec<Damage>,
    /// Whether everything from the log's first record on can be read, once it is done: a store that is built from it lacks
    /// nothing.
    pub whole: bool,
}

/// What a healing came to on the store's side.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StoreHealed {
    /// Keys of content that are made whole.
    pub healing: Healing,
    /// Keys that are damaged still, the first thousand: of content where the journal does not have the record, and of
    /// the index, which is not made of bytes that could be proven.
    pub damaged: Vec<annals_storage::Damage>,
    /// How many there are.
    pub damaged_total: u64,
    /// The families whose sums are not those beside the cursor, once it is done; before, nothing is said of them.
    pub differing: Vec<Family>,
    /// Whether sums and counts hold, once it is done.
    pub sums_hold: bool,
    /// Why the store cannot be used, or be read whole.
    pub unusable: Option<String>,
    /// Whether it can be used and cannot be read whole, for a checksum of its engine does not hold. With `apply` it is then
    /// built anew, if the journal is whole.
    pub unreadable: bool,
    /// The generation that was built in its place.
    pub rebuilt: Option<String>,
    /// Whether there is none: it was not made yet, or thrown away. The next open makes it from the journal, which is whole, so
    /// nothing of it is damaged.
    pub absent: bool,
}

impl Healed {
    /// Whether there was nothing to heal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let store = &self.store;
        self.journal.mended.is_empty()
            && store.healing.healed_total == 0
            && store.rebuilt.is_none()
            && self.is_all()
    }

    /// Whether nothing is left damaged once it is done.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.journal.lost.is_empty() && self.store.is_sound()
    }
}

impl StoreHealed {
    /// Whether nothing of the store is left damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.absent || self.damaged_total == 0 && self.sums_hold && self.unusable.is_none()
    }
}

/// Restores what is damaged in the journal of a data directory that no process has open from its store, then what is
/// damaged in the store from the journal. Without `apply` it only finds out what would be restored; opening the store
/// writes to the store's files all the same.
///
/// Where both sides are damaged, what it finds out without `apply` leaves out what the journal gets back first.
///
/// # Errors
/// As [`crate::Annals::open_existing`], but damage and a store that cannot be used are no errors; [`Error::Ingest`] if
/// the store does not belong to this journal.
pub fn heal(dir: &Path, apply: bool, progress: &mut dyn FnMut(HealStep, u64, u64)) -> Result<Healed, Error> {
    let directory = Directory::existing(dir)?;
    // First of all: what another process is about, such as making its store, would be taken for damage.
    let lock = lock(&directory)?;
    let store = match open_store(&directory) {
        Err(Error::Store(annals_storage::Error::Locked { holder, .. })) => {
            return Err(Error::Locked { path: directory.root().to_owned(), holder });
        }
        opened => opened,
    };
    if let Ok(store) = &store {
        belongs(&directory.journal(), store)?;
    }
    progress(HealStep::Journal, 0, 0);
    let (journal, lock) = heal_journal(&directory, store.as_deref().ok(), apply, lock)?;
    let healed = match store {
        Err(error) => StoreHealed {
            absent: journal.whole && matches!(error, Error::Store(annals_storage::Error::Missing { .. })),
            unusable: Some(error.to_string()),
            ..StoreHealed::default()
        },
        Ok(store) => {
            let reader = Reader::inspect(directory.journal())?;
            let healed = heal_store(&reader, &store, apply, progress)?;
            if apply {
                store.checkpoint()?;
            }
            if healed.unreadable && apply && journal.whole {
                drop(lock); // The rebuild takes it itself.
                build_anew(&directory, store, healed, progress)?
            } else {
                healed
            }
        }
    };
    Ok(Healed { applied: apply, journal, store: healed })
}

/// Builds the store anew, for an engine's checksum does not hold and nothing can be written in the place of what it is
/// over. The sums beside the old one's cursor prove that nothing is missing.
fn build_anew(
    directory: &Directory,
    old: Arc<HybridStore>,
    healed: StoreHealed,
    progress: &mut dyn FnMut(HealStep, u64, u64),
) -> Result<StoreHealed, Error> {
    let (cursor, digests) = (old.durable_cursor()?, old.digests()?);
    drop(old);
    let mut built = |at: &RebuildProgress| progress(HealStep::Rebuild, at.done, at.all);
    let rebuilt = rebuild(directory.root(), &RebuildOptions::default(), &mut built)?;
    // Where the worker was behind, the new one has more.
    let store = open_store(directory)?;
    let then = store.snapshot()?.at(cursor.map_or(Offset::ZERO, |cursor| cursor.next)).digests()?;
    Ok(StoreHealed {
        differing: then.differing(&digests),
        sums_hold: then == digests,
        rebuilt: rebuilt.generation,
        unusable: None,
        unreadable: false,
        ..healed
    })
}

/// The lock of the data: no other process changes anything of them.
fn lock(directory: &Directory) -> Result<Box<dyn Held>, Error> {
    take_lock(&RealDisk, &directory.journal()).map_err(|error| locked(directory, error))
}

/// An error of the journal, where the lock is the data's.
fn locked(directory: &Directory, error: annals_journal::Error) -> Error {
    match error {
        annals_journal::Error::Locked { holder, .. } => {
            Error::Locked { path: directory.root().to_owned(), holder }
        }
        error => error.into(),
    }
}

/// The store that answers.
fn open_store(directory: &Directory) -> Result<Arc<HybridStore>, Error> {
    let generations = Generations::new(directory.store());
    let missing = || annals_storage::Error::Missing { path: directory.store() };
    let generation = generations.current()?.ok_or_else(missing)?;
    let store = HybridStore::open_existing_with(generations.path(generation), Options::default().store)?;
    Ok(Arc::new(store))
}

/// Refuses a store that follows another journal, or another past of this one. What is damaged there refuses nothing.
fn belongs(journal: &Path, store: &Arc<HybridStore>) -> Result<(), Error> {
    let reader = Arc::new(Reader::inspect(journal)?);
    match Projector::new(reader, Arc::clone(store)) {
        Ok(_) | Err(annals_ingest::Error::Log(LogError::Damaged { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn heal_journal(
    directory: &Directory,
    store: Option<&HybridStore>,
    apply: bool,
    mut held: Box<dyn Held>,
) -> Result<(JournalHealed, Box<dyn Held>), Error> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = directory.journal();
    let refill = |id: &RecordId| Some(store?.snapshot().ok()?.get(id).ok()??.payload.to_vec());
    let plan = salvage::plan(&disk, &path, &refill)?;
    if apply && !plan.mended.is_empty() {
        let journal = Options::default().journal;
        drop(held); // The salvage takes it itself, and plans again.
        salvage::heal(&disk, Arc::new(SystemClock), &path, journal, &refill)
            .map_err(|error| locked(directory, error))?;
        held = lock(directory)?;
    }
    let lost = plan.lost.iter().map(|loss| Damage {
        offset: loss.offset,
        len: loss.len,
        detail: loss.reason.clone(),
    });
    let list = plan.list.iter().map(|reason| Damage {
        offset: Offset::ZERO,
        len: 0,
        detail: format!("the list of holes: {reason}"),
    });
    let lost: Vec<Damage> = lost.chain(list).collect();
    let reader = Reader::inspect(&path)?;
    let begins = reader.bounds()?.oldest == Offset::ZERO;
    let whole = lost.is_empty() && begins && reader.status()?.holes.is_empty();
    Ok((JournalHealed { mended: plan.mended, lost, whole }, held))
}

/// Puts the store right, and walks it.
fn heal_store(
    reader: &Reader,
    store: &HybridStore,
    apply: bool,
    progress: &mut dyn FnMut(HealStep, u64, u64),
) -> Result<StoreHealed, Error> {
    let mut healer = store.healer(apply)?;
    let end = store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
    match read(reader, end, &mut healer, &mut |done, all| progress(HealStep::Store, done, all)) {
        Err(Error::Store(error)) if cannot_be_read(&error) => {
            let unusable = Some(error.to_string());
            return Ok(StoreHealed { unusable, unreadable: true, ..StoreHealed::default() });
        }
        read => read?,
    }
    let healing = healer.finish()?;
    let walk = match store.snapshot()?.walk(&mut |done, all| progress(HealStep::Check, done, all)) {
        Err(error) if cannot_be_read(&error) => {
            let unusable = Some(error.to_string());
            return Ok(StoreHealed { healing, unusable, unreadable: true, ..StoreHealed::default() });
        }
        walk => walk?,
    };
    Ok(if apply || healing.healed_total == 0 { left(healing, walk) } else { would_be_left(healing, walk) })
}

/// Reads the journal through the healer, up to where the store stands.
fn read(
    reader: &Reader,
    end: Offset,
    healer: &mut Healer<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    let oldest = reader.bounds()?.oldest;
    let (mut at, mut whole) = (oldest, oldest == Offset::ZERO);
    while at < end {
        let next = match reader.read(at, ReadLimit::default()) {
            Ok(batch) => {
                for entry in batch.iter() {
                    healer.add(&change(entry).map_err(annals_ingest::Error::from)?, whole)?;
                }
                batch.next()
            }
            Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) if len > 0 => {
                whole = false;
                Offset::new(offset.get().saturating_add(len))
            }
            Err(error) => return Err(error.into()),
        };
        if next <= at {
            break;
        }
        at = next;
        let covered = |upto: Offset| upto.get().saturating_sub(oldest.get());
        progress(covered(at.min(end)), covered(end));
    }
    Ok(())
}

/// What a walk found behind the healing.
fn left(healing: Healing, walk: Walk) -> StoreHealed {
    StoreHealed {
        healing,
        differing: walk.differing(),
        sums_hold: walk.digests == walk.stored_digests && walk.counts == walk.stored_counts,
        damaged: walk.damaged,
        damaged_total: walk.damaged_total,
        ..StoreHealed::default()
    }
}

/// What a walk found before, without what the healing puts right.
fn would_be_left(healing: Healing, walk: Walk) -> StoreHealed {
    let damaged: Vec<_> = walk.damaged.into_iter().filter(|damage| !healing.explains(damage)).collect();
    let damaged_total = damaged.len() as u64;
    StoreHealed { healing, damaged, damaged_total, sums_hold: true, ..StoreHealed::default() }
}

/// Whether an engine fails where it reads: a page or a block does not verify.
fn cannot_be_read(error: &annals_storage::Error) -> bool {
    matches!(error, annals_storage::Error::Engine { op: "read", .. })
}

#[cfg(test)]
mod tests;
