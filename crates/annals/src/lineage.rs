//! The generations of a data directory: which one answers, which is kept for going back, which is being built, and what
//! is waste.
//!
//!   answers       CURRENT names it
//!   kept          finished.json says when it was retired
//!   being built   rebuild.json, and newer than the one that answers; finished.json too, just before it answers
//!   waste         had a mark once and is none of these
//!
//! G3: A generation that is kept goes only when a newer one is kept in its place, or somebody removes it.
//! G4: A mark is durable before the pointer changes, and the pointer before anything is taken away.

use std::sync::{Mutex, PoisonError};

use annals_journal::{Clock, Journal, SystemClock};
use annals_record::{Cursor, LogId};
use annals_storage::{Generation, Generations, HybridStore, KvStore, Mark, Sink};
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::error::Error;

/// The version of what the marks say.
const SCHEMA: u32 = 1;
/// What the names of the journal's cursors that stand for kept generations begin with.
const CURSOR_PREFIX: &str = "store.";

/// The generations of a data directory.
#[derive(Debug)]
pub(crate) struct Lineage {
    pub(crate) generations: Generations,
    /// What is to be taken away once nobody in this process has it open any more.
    waiting: Mutex<Vec<Generation>>,
}

/// What `rebuild.json` says.
#[derive(Serialize, Deserialize)]
struct Begun {
    schema: u32,
    log: String,
}

/// What `finished.json` says: how far a generation had come when it was built, or when it was retired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finished {
    schema: u32,
    pub(crate) log: Option<String>,
    pub(crate) term: Option<u64>,
    /// The next offset to apply.
    pub(crate) next: Option<u64>,
    pub(crate) digest: Option<String>,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(crate) finished_at_micros: i64,
    /// The how manieth of its directory to be kept when it stopped answering; none if it has not.
    retired: Option<u64>,
}

impl Finished {
    /// What a store holds now.
    fn of(store: &HybridStore) -> Result<Self, Error> {
        let cursor = store.cursor()?;
        Ok(Self {
            log: cursor.map(|cursor| cursor.log.to_string()),
            term: cursor.map(|cursor| cursor.term.get()),
            next: cursor.map(|cursor| cursor.next.get()),
            digest: Some(store.digests()?.to_string()),
            ..Self::unknown()
        })
    }

    fn unknown() -> Self {
        Self { schema: SCHEMA, finished_at_micros: SystemClock.now_micros(), ..Self::default() }
    }
}

impl Lineage {
    pub(crate) fn of(directory: &Directory) -> Self {
        Self { generations: Generations::new(directory.store()), waiting: Mutex::default() }
    }

    /// What a generation's `finished.json` says. One that says nothing we know counts as none.
    pub(crate) fn finished(&self, generation: Generation) -> Result<Option<Finished>, Error> {
        let text = self.generations.marked(generation, Mark::Finished)?;
        let finished: Option<Finished> = text.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(finished.filter(|finished| finished.schema == SCHEMA))
    }

    /// Whether a generation is kept for going back.
    pub(crate) fn is_kept(&self, generation: Generation) -> Result<bool, Error> {
        let answers = self.generations.current()? == Some(generation);
        Ok(!answers && self.retired(generation)?.is_some())
    }

    /// The generation to go back to: the one that stopped answering last, if it was kept.
    pub(crate) fn former(&self) -> Result<Option<Generation>, Error> {
        // A pointer that names nothing is a reason to go back, not an obstacle.
        let current = self.generations.current().ok().flatten();
        let mut former = None;
        for generation in self.generations.list()?.into_iter().filter(|listed| Some(*listed) != current) {
            let retired = self.retired(generation)?;
            former = former.max(retired.map(|retired| (retired, generation)));
        }
        Ok(former.map(|(_, generation)| generation))
    }

    /// A generation whose making was cut off and may be gone on with, if it was made from this log.
    pub(crate) fn resumable(&self, log: LogId) -> Result<Option<Generation>, Error> {
        let current = self.generations.current().ok().flatten();
        let newest = self.generations.list()?.pop().filter(|newest| Some(*newest) > current);
        let Some(generation) = newest else { return Ok(None) };
        let begun = self.generations.marked(generation, Mark::Begun)?;
        let begun: Option<Begun> = begun.and_then(|text| serde_json::from_slice(&text).ok());
        let ours = begun.is_some_and(|begun| begun.schema == SCHEMA && begun.log == log.to_string());
        Ok((ours && self.retired(generation)?.is_none()).then_some(generation))
    }

    /// Notes that the making of a generation from this log has begun. Its store is there already: whoever finds the
    /// note finds a store.
    pub(crate) fn begin(&self, generation: Generation, log: LogId) -> Result<(), Error> {
        let text = to_text(&Begun { schema: SCHEMA, log: log.to_string() });
        Ok(self.generations.mark(generation, Mark::Begun, &text)?)
    }

    /// Notes that a generation is built.
    pub(crate) fn finish(&self, generation: Generation, store: &HybridStore) -> Result<(), Error> {
        Ok(self.generations.mark(generation, Mark::Finished, &to_text(&Finished::of(store)?))?)
    }

    /// Notes that a generation is kept from here on, with what it holds, if it can be read. A cursor of the journal
    /// holds what it would have to apply.
    pub(crate) fn retire(
        &self,
        generation: Generation,
        store: Option<&HybridStore>,
        journal: &Journal,
    ) -> Result<(), Error> {
        let mut newest = 0;
        for other in self.generations.list()? {
            newest = newest.max(self.retired(other)?.unwrap_or(0));
        }
        let known = match store {
            Some(store) => Finished::of(store)?,
            None => self.finished(generation)?.unwrap_or_else(Finished::unknown),
        };
        if let Some(cursor) = store.map(Sink::cursor).transpose()?.flatten() {
            hold(journal, generation, &cursor);
        }
        let text = to_text(&Finished { retired: Some(newest.saturating_add(1)), ..known });
        Ok(self.generations.mark(generation, Mark::Finished, &text)?)
    }

    /// Notes that a generation that is about to stop answering is not kept: should the process die before it is taken
    /// away, it is waste.
    pub(crate) fn dismiss(&self, generation: Generation) -> Result<(), Error> {
        Ok(self.generations.mark(generation, Mark::Finished, &to_text(&Finished::unknown()))?)
    }

    /// Takes away the kept generations older than this one: one way back is kept, not all of them.
    pub(crate) fn forget_before(&self, kept: Generation, journal: &Journal) -> Result<(), Error> {
        for generation in self.generations.list()?.into_iter().filter(|listed| *listed < kept) {
            if self.is_kept(generation)? {
                self.remove(generation, journal)?;
            }
        }
        Ok(())
    }

    /// Takes away a generation that does not answer, and lets go of what it held of the journal; later, if somebody in
    /// this process still reads it.
    pub(crate) fn remove(&self, generation: Generation, journal: &Journal) -> Result<(), Error> {
        release(journal, generation);
        match self.generations.remove(generation) {
            Err(annals_storage::Error::Locked { .. }) => {
                self.waiting().push(generation);
                Ok(())
            }
            removed => Ok(removed?),
        }
    }

    /// Takes away what nobody reads any more.
    pub(crate) fn remove_waiting(&self) {
        self.waiting().retain(|generation| match self.generations.remove(*generation) {
            Ok(()) => false,
            Err(annals_storage::Error::Locked { .. }) => true,
            Err(error) => {
                tracing::warn!(%error, %generation, "an old generation cannot be taken away; the next open tries again");
                false
            }
        });
    }

    /// Takes away what is waste, and what was being built as well unless it is to be spared. What stands there without
    /// any mark and is older than the one that answers is left alone: nobody knows whose it is.
    pub(crate) fn sweep(&self, spare_begun: bool) -> Result<(), Error> {
        self.generations.remove_gone()?;
        // With a pointer that names nothing anybody could be the one that answers.
        let Ok(current) = self.generations.current() else { return Ok(()) };
        for generation in self.generations.list()?.into_iter().filter(|listed| Some(*listed) != current) {
            let begun = self.generations.marked(generation, Mark::Begun)?.is_some();
            let finished = self.generations.marked(generation, Mark::Finished)?.is_some();
            let newer = Some(generation) > current;
            let stays = self.retired(generation)?.is_some()
                || (newer && begun && spare_begun)
                || (!newer && !begun && !finished);
            if stays {
                continue;
            }
            match self.generations.remove(generation) {
                // Somebody in this process still reads it; it waits for that already.
                Err(annals_storage::Error::Locked { .. }) => {}
                removed => {
                    removed?;
                    tracing::info!(%generation, "removed a generation that was left over");
                }
            }
        }
        Ok(())
    }

    fn retired(&self, generation: Generation) -> Result<Option<u64>, Error> {
        Ok(self.finished(generation)?.and_then(|finished| finished.retired))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Generation>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a mark, for people too.
fn to_text<T: Serialize>(mark: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec(mark).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The name of the journal's cursor that stands for a kept generation.
fn cursor_name(generation: Generation) -> String {
    format!("{CURSOR_PREFIX}{generation}")
}

/// Whether a cursor of the journal stands for a kept generation.
pub(crate) fn is_cursor_name(name: &str) -> bool {
    name.starts_with(CURSOR_PREFIX)
}

/// Holds what a kept generation would have to apply. Where that cannot be, going back may be refused one day; it is no
/// reason to lose the generation now.
fn hold(journal: &Journal, generation: Generation, cursor: &Cursor) {
    release(journal, generation);
    if let Err(error) = journal.cursor_at(&cursor_name(generation), cursor.next) {
        tracing::warn!(%error, %generation, "the journal does not hold what this generation would have to apply");
    }
}

/// Lets go of what a kept generation held.
pub(crate) fn release(journal: &Journal, generation: Generation) {
    match journal.remove_cursor(&cursor_name(generation)) {
        Ok(()) | Err(annals_journal::Error::NoCursor { .. }) => {}
        Err(error) => tracing::warn!(%error, %generation, "the cursor of a generation stays in the journal"),
    }
}

#[cfg(test)]
mod tests;
