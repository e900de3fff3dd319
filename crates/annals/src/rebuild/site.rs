//! Where a generation is built: begun or gone on with, filled from the journal, and then a store.
//!
//!   begun -> spill, from the journal's beginning -> sorted, written -> a store at the old one's cursor
//!   gone on with: from the spill, or from the store that it was already

use std::sync::Arc;
use std::time::Instant;

use annals_ingest::{Source, check_beginning, load, load_from};
use annals_journal::{Journal, Replay};
use annals_record::{Batch, Log, LogError, Offset};
use annals_storage::{BulkBuilder, BulkOptions, Generation, HybridStore, Sink};

use super::throttle::Throttle;
use super::{Build, Meter, RebuildPhase};
use crate::error::Error;
use crate::lineage::Lineage;

/// A generation that is begun.
pub(crate) struct Site<'l> {
    stage: Stage,
    generation: Generation,
    lineage: &'l Lineage,
    resumed_at: Option<Offset>,
    options: annals_storage::Options,
}

enum Stage {
    Spilling(Box<BulkBuilder>),
    Store(Arc<HybridStore>),
}

impl Stage {
    fn reached(&self) -> Result<Option<Offset>, Error> {
        let cursor = match self {
            Self::Spilling(builder) => builder.cursor(),
            Self::Store(store) => store.cursor()?,
        };
        Ok(cursor.map(|cursor| cursor.next))
    }
}

impl<'l> Site<'l> {
    /// Goes on with the generation that a rebuild has left, or begins a new one.
    pub(crate) fn begin(
        lineage: &'l Lineage,
        journal: &Journal,
        options: &crate::Options,
        start_over: bool,
    ) -> Result<Self, Error> {
        let bulk = BulkOptions { note_every: options.ingest.checkpoint_every, ..BulkOptions::default() };
        let left = if start_over { None } else { lineage.resumable(journal.identity())? };
        if let Some(generation) = left {
            match resume(lineage, generation, journal, options.store, &bulk) {
                Ok(Some(stage)) => {
                    let resumed_at = stage.reached()?;
                    tracing::info!(%generation, ?resumed_at, "going on with a rebuild that was cut off");
                    return Ok(Self { stage, generation, lineage, resumed_at, options: options.store });
                }
                Ok(None) => tracing::info!(%generation, "a rebuild was cut off at its very beginning"),
                // What it is wrong with does not matter: all of it can be made again (G5).
                Err(error) => tracing::warn!(%error, %generation, "a rebuild that was cut off is begun anew"),
            }
        }
        // Of a log whose beginning retention has removed nothing can be made, and nothing is begun.
        check_beginning(journal)?;
        lineage.sweep(false)?;
        let generation = lineage.generations.create_next()?;
        let stage =
            Stage::Spilling(Box::new(BulkBuilder::begin(lineage.generations.path(generation), &bulk)?));
        lineage.begin(generation, journal.identity())?;
        Ok(Self { stage, generation, lineage, resumed_at: None, options: options.store })
    }

    /// Builds the store up to `end`, at which a group of the journal ends. What was resumed may be beyond it already.
    pub(crate) fn build(
        self,
        journal: &Journal,
        end: Offset,
        options: &annals_ingest::Options,
        throttle: Option<u64>,
        meter: &mut Meter<'_>,
    ) -> Result<Build<'l>, Error> {
        let Self { stage, generation, lineage, resumed_at, options: store_options } = self;
        let build = |store| Build { store, generation, lineage, resumed_at };
        let mut builder = match stage {
            Stage::Spilling(builder) => builder,
            Stage::Store(store) => {
                let build = build(store);
                build.run(journal, end, RebuildPhase::Building, options, throttle, meter)?;
                return Ok(build);
            }
        };
        let from = load_from(journal, &builder)?;
        let oldest = journal.bounds()?.oldest.get();
        let of = |offset: Offset| offset.get().saturating_sub(oldest);
        meter.begin(RebuildPhase::Building, of(from), of(end.max(from)));
        let mut source: Box<dyn Source> = match throttle {
            None => Box::new(Fast(journal.replay(from))),
            Some(rate) => Box::new(Slow { journal, at: from, throttle: Throttle::new(rate, Instant::now()) }),
        };
        load(journal, &mut builder, &mut *source, end, &mut |loaded| {
            meter.step(loaded.records, of(loaded.next), of(end));
        })?;
        drop(source);
        meter.begin(RebuildPhase::Writing, 0, 0);
        builder.finish(&mut |done, all| meter.step(0, done, all))?;
        let path = lineage.generations.path(generation);
        Ok(build(Arc::new(HybridStore::open_existing_with(path, store_options)?)))
    }
}

/// Opens what was cut off in its making, if it fits the log (G5); `None` if there is nothing of it.
fn resume(
    lineage: &Lineage,
    generation: Generation,
    journal: &Journal,
    options: annals_storage::Options,
    bulk: &BulkOptions,
) -> Result<Option<Stage>, Error> {
    let path = lineage.generations.path(generation);
    if BulkBuilder::is_begun(&path) {
        let Some(builder) = BulkBuilder::resume(path, bulk)? else { return Ok(None) };
        load_from(journal, &builder)?;
        return Ok(Some(Stage::Spilling(Box::new(builder))));
    }
    let store = Arc::new(HybridStore::open_existing_with(path, options)?);
    annals_ingest::Projector::new(Arc::new(journal.clone()), Arc::clone(&store))?;
    Ok(Some(Stage::Store(store)))
}

/// The journal, on all cores.
struct Fast(Replay);

impl Source for Fast {
    fn next_into(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        self.0.next_into(batch)
    }

    fn skip_to(&mut self, offset: Offset) {
        self.0.skip_to(offset);
    }
}

/// The journal, no faster than it is allowed to be read.
struct Slow<'j> {
    journal: &'j Journal,
    at: Offset,
    throttle: Throttle,
}

impl Source for Slow<'_> {
    fn next_into(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        self.journal.read_into(self.at, self.throttle.batch(), batch)?;
        let bytes = batch.next().get().saturating_sub(self.at.get());
        self.throttle.pay(bytes);
        self.at = batch.next();
        Ok(!batch.is_empty() || bytes > 0)
    }

    fn skip_to(&mut self, offset: Offset) {
        self.at = offset;
    }
}
