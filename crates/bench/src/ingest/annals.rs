//! Ours: a projector between the journal and a store with its own defaults.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_ingest::{Options, Progress, Projector};
use annals_journal::Reader;
use annals_record::{Offset, RecordId};
use annals_storage::{HybridStore, Sink, Snapshot};

use super::contender::{Answers, Contender, Store, Syncs};
use super::work::Work;
use crate::outcome::Outcome;

/// The store of this workspace.
pub(crate) struct Annals;

impl Contender for Annals {
    fn name(&self) -> &'static str {
        "annals"
    }

    fn takes(&self, _work: Work) -> bool {
        true
    }

    fn promise(&self) -> &'static str {
        "journal offsets, digests, counts; BLAKE3 of what is read"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let store = Arc::new(HybridStore::open(dir.join("store"))?);
        // What a worker asks first.
        store.cursor()?;
        Ok(Box::new(Open(store)))
    }
}

struct Open(Arc<HybridStore>);

impl Store for Open {
    fn pour(&mut self, log: &Arc<Reader>, batches: Option<u64>, syncs: Syncs) -> Outcome<()> {
        let mut projector = Projector::new(Arc::clone(log), Arc::clone(&self.0))?;
        let mut left = batches.unwrap_or(u64::MAX);
        let checkpoint_every = match syncs {
            Syncs::Never => {
                while left > 0 && projector.step()? != Progress::Idle {
                    left -= 1;
                }
                return Ok(());
            }
            Syncs::AtEnd => Duration::MAX,
            Syncs::Every(time) => time,
        };
        let options = Options { checkpoint_every, ..Options::default() };
        projector.run_to(Offset::new(u64::MAX), &options, &mut |_| {
            left -= 1;
            left > 0
        })?;
        Ok(())
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        Ok(Box::new(self.0.snapshot()?))
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        let store = Arc::into_inner(self.0).ok_or("somebody still has the store")?;
        Ok(store.close()?)
    }
}

impl Answers for Snapshot<'_> {
    // The others look under the one key of an assertion too.
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        let found = Snapshot::assertion(self, id)?;
        Ok(found.is_some_and(|stored| !std::hint::black_box(&stored.payload).is_empty()))
    }

    fn list(&mut self, subject: &str) -> Outcome<usize> {
        let listed = self.subject_ids(subject, None, usize::MAX)?;
        Ok(std::hint::black_box(&listed).len())
    }
}
