//! The hot paths of worker and store: from a log in memory into a store in a directory of its own, and questions to it.
//!
//! A store on disk takes instructions of its own threads too; a fold that is waited for has them counted with the work.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use annals_ingest::{Progress, Projector};
use annals_journal::{Journal, ReadLimit};
use annals_record::RecordId;
use annals_storage::{HybridStore, Options};

use super::{HotPath, MOST_TIMES, RECORDS, expect, open};
use crate::ingest::set::{Set, subject};
use crate::memory_disk::MemoryDisk;
use crate::outcome::Outcome;

/// Batches that are applied, and then folded, at one time.
const BATCHES: usize = 5;
/// Records that are applied at one time.
pub(super) const APPLIED: usize = BATCHES * RECORDS;
/// Records that are asked for at one time.
pub(super) const ASKED: usize = RECORDS;
/// Subjects that are listed at one time.
pub(super) const LISTED: usize = 100;
/// How often the same is asked at one time: what threads of the store do on the side is small beside it.
pub(super) const ROUNDS: usize = 40;

/// A log, a store, and what is known of both.
struct Scene {
    store: Arc<HybridStore>,
    projector: Projector<Journal, HybridStore>,
    assertions: Vec<RecordId>,
    dir: PathBuf,
}

impl Scene {
    fn new() -> Outcome<Self> {
        let journal = open(&MemoryDisk::default())?;
        let records = APPLIED as u64 * u64::from(MOST_TIMES);
        let (mut set, mut assertions) = (Set::new(records), Vec::new());
        for _ in 0..records / RECORDS as u64 {
            let mut payloads = Vec::with_capacity(RECORDS);
            while payloads.len() < RECORDS {
                let made = set.next()?.ok_or("the set has ended before its time")?;
                assertions.extend(made.subject.map(|_| made.id));
                payloads.push(made.payload);
            }
            journal.append_batch(&payloads)?;
        }
        let dir = std::env::temp_dir().join(format!("annals-bench-store-{}", std::process::id()));
        let options = Options {
            content_cache_bytes: 64 << 20,
            record_cache_bytes: 8 << 20,
            index_cache_bytes: 64 << 20,
            ..Options::default()
        };
        let store = Arc::new(HybridStore::open_with(&dir, options)?);
        let limit = ReadLimit { records: RECORDS, ..ReadLimit::default() };
        let projector = Projector::new(Arc::new(journal), Arc::clone(&store))?.with_limit(limit);
        Ok(Self { store, projector, assertions, dir })
    }

    fn filled() -> Outcome<Self> {
        let mut scene = Self::new()?;
        (0..MOST_TIMES).try_for_each(|_| scene.apply())?;
        Ok(scene)
    }

    /// Applies so many batches, and folds them.
    fn apply(&mut self) -> Outcome<()> {
        let mut applied = 0;
        for _ in 0..BATCHES {
            if let Progress::Applied { records, .. } = self.projector.step()? {
                applied += records as usize;
            }
        }
        self.store.fold()?;
        expect(applied, APPLIED)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left of it is a few megabytes in a directory for what may go.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Takes a path so many times.
pub(super) fn run(path: HotPath, times: u32) -> Outcome<()> {
    let mut scene = if path == HotPath::Ingest { Scene::new()? } else { Scene::filled()? };
    if path == HotPath::Ingest {
        return (0..times).try_for_each(|_| scene.apply());
    }
    let snapshot = scene.store.snapshot()?;
    let get = |id: &RecordId| Ok(snapshot.assertion(id)?.is_some());
    let found = |ids: &[RecordId]| -> Outcome<usize> {
        ids.iter().try_fold(0, |found, id| get(id).map(|is_there| found + usize::from(is_there)))
    };
    let first = &scene.assertions[..ASKED];
    if path == HotPath::GetAgain {
        expect(found(first)?, ASKED)?;
    }
    let unknown: Vec<_> = (0..ASKED as u64).map(|number| RecordId::of(&number.to_le_bytes())).collect();
    for time in 0..times as usize {
        match path {
            HotPath::Get => expect(found(&scene.assertions[time * ASKED..][..ASKED])?, ASKED)?,
            HotPath::GetAgain => (0..ROUNDS).try_for_each(|_| expect(found(first)?, ASKED))?,
            HotPath::Absent => (0..ROUNDS).try_for_each(|_| expect(found(&unknown)?, 0))?,
            _ => {
                for rank in (0..LISTED).cycle().take(LISTED * ROUNDS) {
                    std::hint::black_box(snapshot.subject_ids(&subject(rank), None, usize::MAX)?);
                }
            }
        }
    }
    Ok(())
}
