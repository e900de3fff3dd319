//! What changes a store below its cursor: dead letters that are read again or given up; and damage that is passed.
//!
//!   everything folded and durable -> written down, durable -> content and index, visible at once -> durable
//!                                            '- after a crash: done again from what was written down
//!
//! Nothing is collected in memory meanwhile, and nobody applies.

use annals_record::{Cursor, Offset};

use super::HybridStore;
use crate::content::Content;
use crate::index::{DeadLetter, Index, IndexReader};
use crate::index_view::IndexView;
use crate::layer::Layers;
use crate::letters::{Redrive, Redriver, content_of};
use crate::order::follows;
use crate::standing::Standing;
use crate::{Change, Error, Passed, Redriven};

impl HybridStore {
    /// Reads dead letters again: `changes` are their records, as they are decoded now. What can be applied is applied as
    /// if it had been when it came, and its letter goes, all of them or none; what still cannot stays, with its new reason.
    /// What was given up may be among them. Durable on return.
    ///
    /// In whichever order and batches this is done, the store ends as one that has applied them when they came.
    ///
    /// # Errors
    /// As [`crate::Sink::apply`].
    pub fn redrive(&self, changes: &[Change<'_>]) -> Result<Redriven, Error> {
        let _committer = self.committer();
        let before = self.settle()?;
        let mut ordered: Vec<_> = changes.iter().collect();
        ordered.sort_unstable_by_key(|change| change.offset);
        ordered.dedup_by_key(|change| change.offset);
        let content = &self.core.content;
        let letters = self.core.index.read()?;
        let index = IndexView::new(self.core.index.read()?, Layers::default(), before.next());
        let redrive = Redriver::plan(&ordered, content, &letters, &index, before)?;
        drop((letters, index));
        let Redrive { steps, standing, redriven } = redrive;
        if steps.is_empty() {
            return Ok(redriven);
        }
        self.core.writing(|core| core.index.begin_redrive(&steps, &standing))?;
        self.core.change(standing, |core| {
            core.content.commit(content_of(&steps, &core.content)?)?;
            core.index.end_redrive(&steps, &standing.counts, &standing.digests, false)
        })?;
        self.core.sync(&Layers::default(), &standing)?;
        Ok(redriven)
    }

    /// Gives dead letters up: they are no longer among the parked ones, but noted, and may be read again when asked for.
    /// The log keeps their records. Returns those that were parked until now. Durable on return.
    ///
    /// The note is the store's own: one that is built from the log alone has them parked again.
    ///
    /// # Errors
    /// As [`crate::Sink::apply`].
    pub fn discard(&self, offsets: &[Offset]) -> Result<Vec<DeadLetter>, Error> {
        let _committer = self.committer();
        let before = self.settle()?;
        let reader = self.core.index.read()?;
        let mut ordered = offsets.to_vec();
        ordered.sort_unstable();
        ordered.dedup();
        let mut discards = Vec::new();
        for offset in ordered {
            discards.extend(reader.dead_letter(offset)?);
        }
        drop(reader);
        if discards.is_empty() {
            return Ok(discards);
        }
        let mut standing = before;
        let dead_letters = &mut standing.counts.dead_letters;
        *dead_letters = dead_letters.saturating_sub(discards.len() as u64);
        self.core.change(standing, |core| core.index.discard(&discards))?;
        self.core.sync(&Layers::default(), &standing)?;
        Ok(discards)
    }

    pub(super) fn pass_damage(&self, passed: &Passed, cursor: &Cursor) -> Result<(), Error> {
        let _committer = self.committer();
        let before = self.settle()?;
        follows(before.cursor, &[], cursor)?;
        let standing = Standing { cursor: Some(*cursor), ..before };
        self.core.change(standing, |core| core.index.pass(passed))?;
        self.core.sync(&Layers::default(), &standing)
    }

    /// Folds everything and makes it durable: nothing is left in memory, and nobody else writes until the committer goes.
    fn settle(&self) -> Result<Standing, Error> {
        self.fold_all()?;
        let standing = self.core.standing();
        self.core.make_durable(standing.next())?;
        Ok(standing)
    }
}

/// Does what was written down and cut off before it was done; says whether there was anything.
pub(super) fn go_on(content: &Content, index: &Index, reader: &IndexReader) -> Result<bool, Error> {
    let Some(begun) = reader.begun()? else { return Ok(false) };
    tracing::info!(letters = begun.steps.len(), "dead letters that were being read again are gone on with");
    content.commit(content_of(&begun.steps, content)?)?;
    let _synced = content.persist()?;
    index.end_redrive(&begun.steps, &begun.counts, &begun.digests, true)?;
    Ok(true)
}
