//! The store built anew: a generation beside the one that answers, compared with it, and put in its place.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_ingest::{Progress, Projector};
use annals_journal::Journal;
use annals_record::{Log, Offset};
use annals_storage::{Counts, Digests, Generation, Generations, HybridStore, KvStore, Walk};

use crate::annals::open_journal;
use crate::bounded::Bounded;
use crate::error::Error;
use crate::options::Options;

/// What a rebuild did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Records of the journal that were applied.
    pub records: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether the old store was sound and held the same; none if there was none that could be read.
    pub same: Option<bool>,
    /// What differs, if something does; why the old one could not be read, if it could not.
    pub difference: Option<String>,
    /// Whether the new one answers now.
    pub switched: bool,
    /// What the new one holds.
    pub counts: Counts,
    /// The sums over what the new one holds.
    pub digests: Digests,
}

/// A generation being built.
pub(crate) struct Build {
    store: Arc<HybridStore>,
    generation: Generation,
    generations: Generations,
    records: u64,
}

/// A generation that is built.
pub(crate) struct Finished {
    pub(crate) store: Arc<HybridStore>,
    pub(crate) generation: Generation,
    pub(crate) switched: bool,
    rebuilt: Rebuilt,
}

impl Build {
    pub(crate) fn begin(generations: &Generations, options: annals_storage::Options) -> Result<Self, Error> {
        let left_over = generations.remove_unfinished()?;
        if !left_over.is_empty() {
            tracing::info!(generations = left_over.len(), "removed what a rebuild that was cut off had left");
        }
        let generation = generations.create_next()?;
        let store = Arc::new(HybridStore::open_with(generations.path(generation), options)?);
        Ok(Self { store, generation, generations: generations.clone(), records: 0 })
    }

    /// Applies the journal up to `end`, at which a group of it ends.
    pub(crate) fn run(
        &mut self,
        journal: &Journal,
        end: Offset,
        options: &annals_ingest::Options,
        progress: &mut dyn FnMut(u64, u64, u64),
    ) -> Result<(), Error> {
        let log = Arc::new(Bounded::new(journal.clone(), end));
        let oldest = log.bounds()?.oldest.get();
        let mut projector = Projector::new(log, Arc::clone(&self.store))?;
        let done = &mut self.records;
        projector.run_to(end, options, &mut |step| {
            if let Progress::Applied { next, records, .. } = step {
                *done += records;
                progress(*done, next.get() - oldest, end.get() - oldest);
            }
            true
        })?;
        Ok(())
    }

    /// Compares with the old store and its walk, and switches if they hold the same or the caller accepts it.
    pub(crate) fn finish(self, old: Option<(&HybridStore, &Walk)>, accept: bool) -> Result<Finished, Error> {
        let (counts, digests) = (self.store.counts()?, self.store.digests()?);
        let difference = match old {
            None => None,
            Some((old, walk)) => difference(&counts, &digests, old, walk)?,
        };
        let same = old.map(|_| difference.is_none());
        let switched = same != Some(false) || accept;
        if switched {
            self.generations.switch(self.generation)?;
            tracing::info!(generation = %self.generation, ?same, "switched to the rebuilt store");
        } else {
            tracing::error!(
                difference = difference.as_deref(),
                "the rebuilt store differs; the old one stays"
            );
        }
        let rebuilt =
            Rebuilt { records: self.records, seconds: 0.0, same, difference, switched, counts, digests };
        Ok(Finished { store: self.store, generation: self.generation, switched, rebuilt })
    }
}

impl Finished {
    pub(crate) fn report(&self, took: Duration) -> Rebuilt {
        Rebuilt { seconds: took.as_secs_f64(), ..self.rebuilt.clone() }
    }
}

/// How the old store differs from the new one; none if it does not and is sound.
fn difference(
    counts: &Counts,
    digests: &Digests,
    old: &HybridStore,
    walk: &Walk,
) -> Result<Option<String>, Error> {
    if let Some(damage) = walk.damaged.first() {
        let more = walk.damaged_total;
        return Ok(Some(format!(
            "the old store has {more} damaged keys, the first is {}: {}",
            damage.key, damage.detail
        )));
    }
    if !walk.is_sound() {
        return Ok(Some(format!("the old store's own sums do not hold: {:?}", walk.differing())));
    }
    let (old_counts, old_digests) = (old.counts()?, old.digests()?);
    if old_digests != *digests {
        return Ok(Some(format!("the digests differ in {:?}", digests.differing(&old_digests))));
    }
    Ok((old_counts != *counts)
        .then(|| format!("the old store counts {old_counts:?}, the new one {counts:?}")))
}

/// Rebuilds the store of a data directory that no process has open, also when the old store cannot be read.
///
/// # Errors
/// As [`crate::Annals::rebuild`] and [`crate::Annals::open_existing`], but a store that cannot be used is no error.
pub fn rebuild(dir: &Path, accept: bool, progress: &mut dyn FnMut(u64, u64, u64)) -> Result<Rebuilt, Error> {
    let begun = Instant::now();
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let generations = Generations::new(directory.store());
    let (former, old, reason) = old_store(&generations, &journal, &options);
    let end = match &old {
        Some(old) => old.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next),
        None => journal.durable(),
    };
    let walk = old.as_ref().map(|old| Ok::<_, Error>(old.snapshot()?.walk(&mut |_, _| {})?)).transpose()?;
    let mut build = Build::begin(&generations, options.store)?;
    build.run(&journal, end, &options.ingest, progress)?;
    let finished = build.finish(old.as_deref().zip(walk.as_ref()), accept)?;
    drop(old);
    let mut report = finished.report(begun.elapsed());
    let unwanted = if finished.switched { former } else { Some(finished.generation) };
    finished.store.checkpoint()?;
    drop(finished);
    if let Some(unwanted) = unwanted {
        generations.remove(unwanted)?;
    }
    report.difference = report.difference.or(reason);
    journal.close()?;
    Ok(report)
}

/// The store that was there, up with the journal; or why it cannot be used.
fn old_store(
    generations: &Generations,
    journal: &Journal,
    options: &Options,
) -> (Option<Generation>, Option<Arc<HybridStore>>, Option<String>) {
    let former = match generations.current() {
        Ok(former) => former,
        Err(error) => return (None, None, Some(error.to_string())),
    };
    let Some(generation) = former else { return (None, None, None) };
    let caught_up = || -> Result<_, Error> {
        let store = Arc::new(HybridStore::open_existing_with(generations.path(generation), options.store)?);
        let mut projector = Projector::new(Arc::new(journal.clone()), Arc::clone(&store))?;
        projector.run_to(journal.durable(), &options.ingest, &mut |_| true)?;
        Ok(store)
    };
    match caught_up() {
        Ok(store) => (former, Some(store), None),
        Err(error) => (former, None, Some(error.to_string())),
    }
}
