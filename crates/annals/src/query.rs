//! Assertions by any of their parts: criteria that all have to hold, answered from the lists that there are.
//!
//!   criteria -> lists in the order of offsets (subject: the store's; others: projections) -> what stands in all of them
//!            -> fetched from the store, bytes checked -> every criterion checked again -> answer, as of one offset
//!
//! QU1: An answer holds as of the offset it names, and what it shows holds by its bytes: a list that is wrong can leave
//!     something out, never show something that is not so.
//! QU2: A record that the journal holds more than once is shown at its first place, once.
//! QU3: A query that no list answers is refused with what would answer it; it is never answered by reading everything
//!     unless that was asked for.

mod criteria;
mod lists;
mod scan;

use std::sync::Arc;

use annals_record::{EpochId, Offset, Record};
use annals_storage::{BuiltIn, HybridStore, Listed, Projection, ProjectionView, Sink, Snapshot, Stored};

use crate::annals::Annals;
use crate::error::Error;
use crate::projections::reason;
use criteria::Criteria;
use lists::{Candidates, Lists};

/// Which assertions: those for which everything holds that is given. With nothing given, all of them.
///
/// ```
/// # fn example(annals: &annals::Annals) -> Result<(), annals::Error> {
/// use annals::Query;
///
/// annals.enable_projection("agent")?.wait_for(annals.journal().durable(), std::time::Duration::from_secs(60))?;
/// let query = Query { agent: Some("alice".to_owned()), ..Query::default() };
/// for stored in annals.query(&query)?.hits {
///     println!("{} {:?}", stored.offset, stored.record());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What it is about. The store lists its subjects itself: this needs no projection.
    pub subject: Option<String>,
    /// What is said.
    pub predicate: Option<String>,
    /// The entity that is the object: who points at it.
    pub object: Option<String>,
    /// Who has made it.
    pub agent: Option<String>,
    /// One of its sources.
    pub source: Option<String>,
    /// The epoch it was made in.
    pub epoch: Option<EpochId>,
    /// The first offset. [`Annals::offset_at`] finds that of a time at which the journal was written.
    pub since: Option<Offset>,
    /// The first offset that is too far.
    pub until: Option<Offset>,
    /// The last answer of the page before: only what stands behind it.
    pub after: Option<Offset>,
    /// How many answers at most. Default: 100.
    pub limit: usize,
    /// Answers as of this offset: what came before, and nothing else. None: as of now.
    pub as_of: Option<Offset>,
    /// Whether the journal may be read from `since` to `until` where no list answers. Default: false.
    pub scan: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            subject: None,
            predicate: None,
            object: None,
            agent: None,
            source: None,
            epoch: None,
            since: None,
            until: None,
            after: None,
            limit: 100,
            as_of: None,
            scan: false,
        }
    }
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The assertions, in the order of the journal.
    pub hits: Vec<Stored>,
    /// The offset the answer holds as of.
    pub as_of: Offset,
    /// Whether there are no further ones: the next page would be empty.
    pub ended: bool,
    /// Where reading began, if the journal was read because no list answers: behind `since` where retention has removed
    /// what stood there. What was removed is not in the answer.
    pub read_from: Option<Offset>,
}

/// The projections that answer, and what keeps others from it.
struct ListsFor {
    views: Vec<(BuiltIn, ProjectionView)>,
    unready: Vec<(&'static str, String)>,
}

/// A query whose pages all hold as of one offset.
pub struct Question<'a> {
    annals: &'a Annals,
    store: Arc<HybridStore>,
    criteria: Criteria,
    /// The projections that list what is asked for.
    views: Vec<(BuiltIn, ProjectionView)>,
    since: Offset,
    end: Offset,
    as_of: Offset,
    by_subject: bool,
}

impl Annals {
    /// The assertions for which everything holds that the query gives, in the order of the journal: at most `limit`, those
    /// behind `after`.
    ///
    /// The answer holds as of how far the store and the projections it uses have come, whichever is least, or as of
    /// [`Query::as_of`]. A criterion whose projection is not kept, is still being built or has failed is checked on what
    /// the others list.
    ///
    /// # Errors
    /// [`Error::NotIndexed`] if none of them is listed and [`Query::scan`] is not set; [`Error::NotApplied`] or
    /// [`Error::ProjectionBehind`] if `as_of` was not come to yet; [`Error::Store`] if the bytes of a record do not hash to
    /// its id, or something cannot be read; [`Error::Log`] where a scan meets damage.
    pub fn query(&self, query: &Query) -> Result<Answer, Error> {
        self.question(query)?.page(query.after, query.limit)
    }

    /// As [`Annals::query`], for whoever wants several pages that hold as of the same offset. It keeps pages of the
    /// projections from being used again, so let go of it soon.
    ///
    /// # Errors
    /// As [`Annals::query`].
    pub fn question(&self, query: &Query) -> Result<Question<'_>, Error> {
        let store = self.store();
        let criteria = Criteria::of(query);
        let ListsFor { views, unready } = self.lists_for(&criteria)?;
        let by_subject = criteria.subject().is_some();
        if views.is_empty() && !by_subject && !query.scan && !criteria.is_empty() {
            return Err(Error::NotIndexed { wanted: criteria.wanted(), unready });
        }
        let applied = store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
        let least = views.iter().map(|(_, view)| view.as_of()).fold(applied, Offset::min);
        let as_of = query.as_of.unwrap_or(least);
        if as_of > applied {
            return Err(Error::NotApplied { offset: as_of, applied, durable: self.journal().durable() });
        }
        if let Some((built_in, view)) = views.iter().find(|(_, view)| view.as_of() < as_of) {
            let (name, applied) = (built_in.label(), view.as_of());
            return Err(Error::ProjectionBehind { name, applied, wanted: as_of });
        }
        let end = query.until.map_or(as_of, |until| until.min(as_of));
        let since = query.since.unwrap_or(Offset::ZERO);
        Ok(Question { annals: self, store, criteria, views, since, end, as_of, by_subject })
    }

    /// The projections that list what the criteria ask for; of the others, what keeps those from it that are kept.
    fn lists_for(&self, criteria: &Criteria) -> Result<ListsFor, Error> {
        let (mut views, mut unready) = (Vec::new(), Vec::new());
        for built_in in criteria.built_in() {
            let Ok(running) = self.projections.running(built_in.label()) else { continue };
            if let Some(error) = running.error() {
                unready.push((built_in.label(), reason(&error)));
                continue;
            }
            let view = running.view()?;
            // An earlier version may list otherwise.
            match view.is_complete() && view.version() == built_in.version() {
                true => views.push((built_in, view)),
                false => unready.push((
                    built_in.label(),
                    "it is being built and has not come up with the journal yet".to_owned(),
                )),
            }
        }
        Ok(ListsFor { views, unready })
    }
}

impl Question<'_> {
    /// The offset all pages hold as of.
    #[must_use]
    pub fn as_of(&self) -> Offset {
        self.as_of
    }

    /// The names of the lists it is answered from: `subject`, and those of projections. None: the journal is read.
    #[must_use]
    pub fn lists(&self) -> Vec<&'static str> {
        let subject = self.by_subject.then_some("subject");
        subject.into_iter().chain(self.views.iter().map(|(built_in, _)| built_in.label())).collect()
    }

    /// A page: at most `limit` answers, those behind the offset `after`.
    ///
    /// # Errors
    /// As [`Annals::query`].
    pub fn page(&self, after: Option<Offset>, limit: usize) -> Result<Answer, Error> {
        self.page_with(after, limit, &mut |_| true)
    }

    /// As [`Question::page`]. `progress` hears now and then how far the journal was looked through, and ends the page early
    /// by returning false.
    ///
    /// # Errors
    /// As [`Annals::query`].
    pub fn page_with(
        &self,
        after: Option<Offset>,
        limit: usize,
        progress: &mut dyn FnMut(Offset) -> bool,
    ) -> Result<Answer, Error> {
        let behind = after.map_or(Offset::ZERO, |after| Offset::new(after.get().saturating_add(1)));
        let from = self.since.max(behind);
        let snapshot = self.store.snapshot()?.at(self.as_of);
        let mut answer = Answer { hits: Vec::new(), as_of: self.as_of, ended: false, read_from: None };
        if limit == 0 {
            return Ok(answer);
        }
        if self.views.is_empty() && !self.by_subject {
            return self.scan(&snapshot, from, limit, answer, progress);
        }
        let mut lists = Lists::new(self.lists_over(&snapshot));
        let mut from = from;
        let mut looked_at = 0_u64;
        while let Some(listed) = lists.next(from)?.filter(|listed| listed.offset < self.end) {
            answer.hits.extend(self.fetch(&snapshot, &listed)?);
            from = Offset::new(listed.offset.get().saturating_add(1));
            looked_at += 1;
            if answer.hits.len() >= limit || (looked_at.is_multiple_of(1024) && !progress(from)) {
                return Ok(answer);
            }
        }
        answer.ended = true;
        Ok(answer)
    }

    fn lists_over<'q>(&'q self, snapshot: &'q Snapshot<'q>) -> Vec<Box<dyn Candidates + 'q>> {
        let subject = self.criteria.subject().filter(|_| self.by_subject);
        let subject = subject.map(|subject| lists::of_subject(snapshot, subject));
        let others = self.views.iter().filter_map(|(built_in, view)| {
            let postings = view.postings(self.criteria.term(*built_in)?);
            Some(Box::new(postings) as Box<dyn Candidates>)
        });
        subject.into_iter().chain(others).collect()
    }

    /// The record of an entry, if it is the assertion that is asked for, and this is its first place (QU1, QU2).
    fn fetch(&self, snapshot: &Snapshot<'_>, listed: &Listed) -> Result<Option<Stored>, Error> {
        // What the store does not have is a dead letter to it, or was passed.
        let Some(stored) = snapshot.get(&listed.id)?.filter(|stored| stored.offset == listed.offset) else {
            return Ok(None);
        };
        match stored.record() {
            Ok(Record::Assertion(assertion)) if self.criteria.hold(&assertion) => Ok(Some(stored)),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
