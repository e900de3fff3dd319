//! Going back to the generation that answered before, and what generations there are.
//!
//!   rollback: former opens and fits -> the one that answers is kept -> pointer

use std::fs;
use std::path::Path;
use std::sync::Arc;

use annals_ingest::Projector;
use annals_record::{Log, Offset};
use annals_storage::{Generation, HybridStore};

use crate::annals::open_journal;
use crate::digest::Sums;
use crate::directory::Directory;
use crate::error::Error;
use crate::lineage::{Lineage, release};
use crate::options::Options;
use crate::rebuild::reached;
use crate::status::read_words;

/// What going back did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolledBack {
    /// The generation that answered until now, such as `gen-000002`, and is kept; none if the pointer named none.
    pub from: Option<String>,
    /// The one that answers from now on.
    pub to: String,
    /// How many records of the journal it has not applied yet; the worker does so at the next open.
    pub records_to_apply: u64,
}

/// Makes the generation answer that answered before and was kept, in a data directory that no process has open. The one
/// that answers now is kept in its place: going back again undoes it.
///
/// # Errors
/// [`Error::NoFormer`] if none was kept; [`Error::Store`] or [`Error::Ingest`] if the kept one cannot be used or does not
/// fit the journal: then nothing is changed. Otherwise as [`crate::Annals::open_existing`].
pub fn rollback(dir: &Path) -> Result<RolledBack, Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let lineage = Lineage::of(&directory);
    let generations = &lineage.generations;
    let Some(to) = lineage.former()? else {
        return Err(Error::NoFormer { path: directory.store() });
    };
    let store = Arc::new(HybridStore::open_existing_with(generations.path(to), options.store)?);
    // Whether it fits the log is asked before anything is changed.
    Projector::new(Arc::new(journal.clone()), Arc::clone(&store))?;
    let records_to_apply = journal.lag(reached(&store)?)?.records;
    // The one that answers may be what drives somebody back: it need not open to be kept.
    let from = generations.current().ok().flatten();
    if let Some(from) = from {
        let answers = HybridStore::open_existing_with(generations.path(from), options.store);
        if let Err(error) = &answers {
            tracing::warn!(%error, generation = %from, "it is kept as it is");
        }
        lineage.retire(from, answers.as_ref().ok(), &journal)?;
    }
    generations.switch(to)?;
    release(&journal, to);
    tracing::info!(generation = %to, records_to_apply, "went back to the generation that answered before");
    drop(store);
    journal.close()?;
    Ok(RolledBack { from: from.map(|from| from.to_string()), to: to.to_string(), records_to_apply })
}

/// A generation of the store, as its directory shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationStatus {
    /// Its name, such as `gen-000002`.
    pub name: String,
    /// Whether it answers.
    pub current: bool,
    /// Whether it is whole: it answers, has answered, or was built to its end.
    pub finished: bool,
    /// Whether it is kept for going back.
    pub kept: bool,
    /// Up to where it has applied the journal: when it was built or retired; of the one that answers, as its owner said
    /// last. None if nobody has said so.
    pub as_of: Option<Offset>,
    /// The digest as of there, if it is known without opening the store.
    pub digest: Option<String>,
    /// When it was built or retired, microseconds since 1970-01-01T00:00:00Z.
    pub finished_at_micros: Option<i64>,
    /// How many bytes its files have.
    pub bytes: u64,
}

/// The generations of a data directory, oldest first, also while another process has it. Touches nothing.
///
/// # Errors
/// [`Error::Missing`] or [`Error::NotOurs`] if there is no data; [`Error::Store`] if the directory cannot be read.
pub fn generations(dir: &Path) -> Result<Vec<GenerationStatus>, Error> {
    let directory = Directory::existing(dir)?;
    let lineage = Lineage::of(&directory);
    // A pointer that names nothing leaves everything to be seen.
    let current = lineage.generations.current().ok().flatten();
    let listed = lineage.generations.list()?;
    listed.into_iter().map(|generation| look(&directory, &lineage, generation, current)).collect()
}

/// Takes away a generation that is kept or left over, of a data directory that no process has open.
///
/// # Errors
/// [`Error::NoGeneration`] if there is none of this name; [`Error::Store`] if it is the one that answers. Otherwise as
/// [`crate::Annals::open_existing`].
pub fn remove_generation(dir: &Path, name: &str) -> Result<(), Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let lineage = Lineage::of(&directory);
    let known = Generation::named(name).filter(|named| lineage.generations.path(*named).is_dir());
    let Some(generation) = known else {
        return Err(Error::NoGeneration { name: name.to_owned() });
    };
    lineage.remove(generation, &journal)?;
    journal.close()?;
    Ok(())
}

fn look(
    directory: &Directory,
    lineage: &Lineage,
    generation: Generation,
    current: Option<Generation>,
) -> Result<GenerationStatus, Error> {
    let is_current = Some(generation) == current;
    let name = generation.to_string();
    let finished = lineage.finished(generation)?;
    let mut as_of = finished.as_ref().and_then(|finished| finished.next);
    let mut digest = finished.as_ref().and_then(|finished| finished.digest.clone());
    if is_current {
        // Words about another generation were said before this one answered: it stands where it was left.
        let said = read_words(&directory.status_file()).filter(|words| words.generation == name);
        if let Some(words) = said.filter(|words| words.cursor != as_of) {
            let sums = words.digests.filter(Sums::are_digests);
            (as_of, digest) = (words.cursor, sums.map(|sums| sums.all));
        }
    }
    Ok(GenerationStatus {
        current: is_current,
        finished: is_current || finished.is_some(),
        kept: lineage.is_kept(generation)?,
        as_of: as_of.map(Offset::new),
        digest,
        finished_at_micros: finished.map(|finished| finished.finished_at_micros),
        bytes: bytes_of(&lineage.generations.path(generation)),
        name,
    })
}

/// The bytes of all files in a directory. What goes while it is read is not counted.
fn bytes_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}
