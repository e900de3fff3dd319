//! The store built anew: a generation beside the one that answers, compared with it, and put in its place.
//!
//!   resume or begin -> build -> run, run again for what came meanwhile -> compare -> marks -> pointer -> the old one goes
//!
//! G5: A generation is gone on with only where it fits the log; otherwise it is begun anew.
//! G6: Until the pointer is changed, nothing of the old generation is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_ingest::{Progress, Projector};
use annals_journal::Journal;
use annals_record::{Log, Offset};
use annals_storage::{Counts, Digests, Generation, HybridStore, KvStore, Sink, Walk};

use crate::annals::{STORE_CURSOR, open_journal};
use crate::bounded::Bounded;
use crate::consumers::Notes;
use crate::error::Error;
use crate::letters::take_over_discards;
use crate::lineage::Lineage;
use crate::options::Options;

mod progress;
mod site;
mod throttle;

pub(crate) use progress::Meter;
pub use progress::{RebuildPhase, RebuildProgress};
pub(crate) use site::Site;
use throttle::Throttle;

/// How to rebuild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Whether the new store takes the place of an old one that differs. Default: false.
    pub accept: bool,
    /// Whether the old store is kept, so that [`rollback`](crate::rollback) can go back to it. A generation that was
    /// kept before it goes. Default: false.
    pub keep_old: bool,
    /// How many bytes of the journal are read a second at most, of what it holds when the rebuild begins; what comes
    /// meanwhile is caught up with at full speed. Default: none.
    pub throttle_bytes_per_second: Option<u64>,
    /// Whether a rebuild that was cut off is forgotten instead of being gone on with. Default: false.
    pub start_over: bool,
}

/// What a rebuild did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Records of the journal that were applied, without those that a rebuild that was cut off had applied before.
    pub records: u64,
    /// How long it took.
    pub seconds: f64,
    /// Where it went on with a rebuild that was cut off; none if it began at the beginning.
    pub resumed_at: Option<Offset>,
    /// Whether the old store was sound and held the same; none if there was none that could be read.
    pub same: Option<bool>,
    /// What differs, if something does; why the old one could not be read, if it could not.
    pub difference: Option<String>,
    /// Whether the new one answers now.
    pub switched: bool,
    /// The generation that answers now, such as `gen-000002`; none if none does.
    pub generation: Option<String>,
    /// The generation that answered before, if it is kept.
    pub kept: Option<String>,
    /// What the new one holds.
    pub counts: Counts,
    /// The sums over what the new one holds.
    pub digests: Digests,
}

/// A generation whose store is there, and catches up.
pub(crate) struct Build<'l> {
    pub(crate) store: Arc<HybridStore>,
    pub(crate) generation: Generation,
    lineage: &'l Lineage,
    resumed_at: Option<Offset>,
}

/// The store that a new one is compared with, and what reading all of it has found.
pub(crate) type Old<'o> = Option<(&'o HybridStore, &'o Walk)>;

impl Build<'_> {
    /// How far it has come.
    pub(crate) fn reached(&self) -> Result<Offset, Error> {
        reached(&self.store)
    }

    /// Applies the journal up to `end`, at which a group of it ends. It may be beyond it already.
    pub(crate) fn run(
        &self,
        journal: &Journal,
        end: Offset,
        phase: RebuildPhase,
        options: &annals_ingest::Options,
        throttle: Option<u64>,
        meter: &mut Meter<'_>,
    ) -> Result<(), Error> {
        let oldest = journal.bounds()?.oldest.get();
        let of = |offset: Offset| offset.get().saturating_sub(oldest);
        let reached = self.reached()?;
        meter.begin(phase, of(reached), of(end.max(reached)));
        if reached >= end {
            return Ok(());
        }
        let log = Arc::new(Bounded::new(journal.clone(), end));
        let mut projector = Projector::new(log, Arc::clone(&self.store))?;
        let mut throttle = throttle.map(|rate| Throttle::new(rate, Instant::now()));
        if let Some(throttle) = &throttle {
            projector.set_limit(throttle.batch());
        }
        let mut before = projector.cursor().next;
        projector.run_to(end, options, &mut |step| {
            if let Progress::Applied { next, records, .. } = step {
                meter.step(*records, of(*next), of(end));
                if let Some(throttle) = &mut throttle {
                    throttle.pay(next.get().saturating_sub(before.get()));
                }
                before = *next;
            }
            true
        })?;
        Ok(())
    }

    /// Compares with the old store and its walk, and switches if they hold the same or the caller accepts it. `former`
    /// is the generation that answers, whether or not its store can be read.
    pub(crate) fn finish(
        &self,
        old: Old<'_>,
        former: Option<Generation>,
        journal: &Journal,
        options: &RebuildOptions,
        meter: &Meter<'_>,
    ) -> Result<Rebuilt, Error> {
        // In its final shape: what is still in memory goes into its tables.
        self.store.fold()?;
        if let Some((old, _)) = old {
            take_over_discards(old, &self.store)?;
        }
        let (counts, digests) = (self.store.counts()?, self.store.digests()?);
        let difference = match old {
            None => None,
            Some((old, walk)) => difference(&counts, &digests, old, walk)?,
        };
        let same = old.map(|_| difference.is_none());
        let switched = same != Some(false) || options.accept;
        if switched {
            self.lineage.finish(self.generation, &self.store)?;
            match former {
                Some(former) if options.keep_old => {
                    self.lineage.retire(former, old.map(|(old, _)| old), journal)?;
                }
                Some(former) => self.lineage.dismiss(former)?,
                None => {}
            }
            // The pointer goes last (G4).
            self.lineage.generations.switch(self.generation)?;
            tracing::info!(generation = %self.generation, ?same, "switched to the rebuilt store");
        } else {
            tracing::error!(
                difference = difference.as_deref(),
                "the rebuilt store differs; the old one stays"
            );
        }
        let answers = if switched { Some(self.generation) } else { former };
        let kept = former.filter(|_| switched && options.keep_old);
        Ok(Rebuilt {
            records: meter.records(),
            seconds: 0.0,
            resumed_at: self.resumed_at,
            same,
            difference,
            switched,
            generation: answers.map(|answers| answers.to_string()),
            kept: kept.map(|kept| kept.to_string()),
            counts,
            digests,
        })
    }

    /// Takes away what is not wanted after `finish`, once whoever called has let go of it. Consumes the build, for one
    /// of the two may be its own.
    pub(crate) fn clear(
        self,
        rebuilt: Rebuilt,
        former: Option<Generation>,
        journal: &Journal,
        took: Duration,
    ) -> Result<Rebuilt, Error> {
        let Self { store, generation, lineage, .. } = self;
        store.checkpoint()?;
        drop(store);
        match former {
            _ if !rebuilt.switched => lineage.remove(generation, journal)?,
            Some(former) if rebuilt.kept.is_some() => lineage.forget_before(former, journal)?,
            Some(former) => lineage.remove(former, journal)?,
            None => {}
        }
        Ok(Rebuilt { seconds: took.as_secs_f64(), ..rebuilt })
    }
}

/// How far a store has come.
pub(crate) fn reached(store: &HybridStore) -> Result<Offset, Error> {
    Ok(store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next))
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
        let differing = digests.differing(&old_digests);
        let read = old_counts.dead_letters.saturating_sub(counts.dead_letters);
        let letters = match read {
            0 => String::new(),
            _ => format!("; the new one has applied {read} dead letters of the old one, as a redrive does"),
        };
        let passed = match old.snapshot()?.passed(None, 1)?.first() {
            Some(passed) => {
                format!("; the old one has passed damage of the journal at offset {}", passed.offset)
            }
            None => String::new(),
        };
        return Ok(Some(format!("the digests differ in {differing:?}{letters}{passed}")));
    }
    Ok((old_counts != *counts)
        .then(|| format!("the old store counts {old_counts:?}, the new one {counts:?}")))
}

/// Rebuilds the store of a data directory that no process has open, also when the old store cannot be read.
///
/// # Errors
/// As [`crate::Annals::rebuild`] and [`crate::Annals::open_existing`], but a store that cannot be used is no error.
pub fn rebuild(
    dir: &Path,
    rebuild: &RebuildOptions,
    progress: &mut dyn FnMut(&RebuildProgress),
) -> Result<Rebuilt, Error> {
    let begun = Instant::now();
    let mut meter = Meter::new(progress);
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let lineage = Lineage::of(&directory);
    let paused = Notes::of(&directory).paused(STORE_CURSOR)?.is_some();
    let (former, old, mut reason) = old_store(&lineage, &journal, &options, paused);
    let end = match &old {
        Some(old) => reached(old)?,
        None => journal.durable(),
    };
    let walk = match &old {
        // One that opens and cannot be read to its end is as good as none.
        Some(old) => match old.snapshot()?.walk(&mut |done, all| meter.step(0, done, all)) {
            Ok(walk) => Some(walk),
            Err(error) => {
                reason = Some(error.to_string());
                None
            }
        },
        None => None,
    };
    let site = Site::begin(&lineage, &journal, &options, rebuild.start_over)?;
    let throttle = rebuild.throttle_bytes_per_second;
    let build = site.build(&journal, end, &options.ingest, throttle, &mut meter)?;
    meter.begin(RebuildPhase::Switching, end.get(), end.get());
    let finished = build.finish(old.as_deref().zip(walk.as_ref()), former, &journal, rebuild, &meter)?;
    drop(old);
    let mut report = build.clear(finished, former, &journal, begun.elapsed())?;
    report.difference = report.difference.or(reason);
    journal.close()?;
    Ok(report)
}

/// The store that was there, up with the journal unless it is paused; or why it cannot be used.
fn old_store(
    lineage: &Lineage,
    journal: &Journal,
    options: &Options,
    paused: bool,
) -> (Option<Generation>, Option<Arc<HybridStore>>, Option<String>) {
    let former = match lineage.generations.current() {
        Ok(former) => former,
        Err(error) => return (None, None, Some(error.to_string())),
    };
    let Some(generation) = former else { return (None, None, None) };
    let caught_up = || -> Result<_, Error> {
        let path = lineage.generations.path(generation);
        let store = Arc::new(HybridStore::open_existing_with(path, options.store)?);
        let mut projector = Projector::new(Arc::new(journal.clone()), Arc::clone(&store))?;
        if !paused {
            projector.run_to(journal.durable(), &options.ingest, &mut |_| true)?;
        }
        Ok(store)
    };
    match caught_up() {
        Ok(store) => (former, Some(store), None),
        Err(error) => (former, None, Some(error.to_string())),
    }
}
