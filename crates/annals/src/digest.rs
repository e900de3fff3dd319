//! What a store holds, in a few lines that two machines can compare.
//!
//!   one snapshot -> counts, sums -> 64 hex digits for each family, and for all of them
//!
//! Sums leave offsets out: two directories that hold the same records have the same digests, in whichever order and
//! batches they came. See [`annals_storage::Digest`] for what they protect against.

use std::path::Path;

use annals_record::{LogId, Offset, Term};
use annals_storage::{Family, HybridStore, Snapshot};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::status::{Beside, StoreStatus, beside};

/// What a store holds, as of one offset of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DigestReport {
    /// The offset it holds as of.
    pub as_of: Offset,
    /// The log it was applied from.
    pub log: LogId,
    /// Its sums.
    pub sums: Sums,
    /// Each family, in the order of [`Family::ALL`].
    pub families: [FamilyDigest; 4],
    /// The generation that answers.
    pub generation: String,
    /// The process that said so, if it is another one: then it holds as of what that process said last.
    pub owner: Option<String>,
}

/// One family of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyDigest {
    /// Which.
    pub family: Family,
    /// How many there are: assertions, votes, epoch records, subjects.
    pub count: u64,
    /// 64 hex digits over its keys.
    pub digest: String,
}

/// The sums of a store as text, 64 hex digits each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums {
    /// The term of the log in which the cursor moved last.
    pub term: u64,
    /// The rules by which records became keys: digests of different rules say nothing about each other.
    pub projection: u32,
    /// Over all families.
    pub all: String,
    /// Over the ids of assertions.
    pub assertions: String,
    /// Over (assertion, vote) pairs.
    pub votes: String,
    /// Over (epoch, record) pairs.
    pub epochs: String,
    /// Over (subject, assertion) pairs.
    pub subjects: String,
}

impl Sums {
    pub(crate) fn of(snapshot: &Snapshot<'_>) -> Result<Self, annals_storage::Error> {
        let digests = snapshot.digests()?;
        let text = |family| digests.of(family).to_string();
        Ok(Self {
            term: snapshot.cursor().map_or(Term::FIRST, |cursor| cursor.term).get(),
            projection: HybridStore::PROJECTION,
            all: digests.to_string(),
            assertions: text(Family::Assertions),
            votes: text(Family::Votes),
            epochs: text(Family::Epochs),
            subjects: text(Family::Subjects),
        })
    }

    /// 64 hex digits over one family.
    #[must_use]
    pub fn family(&self, family: Family) -> &str {
        match family {
            Family::Assertions => &self.assertions,
            Family::Votes => &self.votes,
            Family::Epochs => &self.epochs,
            Family::Subjects => &self.subjects,
        }
    }

    /// Whether all of them can be digests: they may come from a file.
    pub(crate) fn are_digests(&self) -> bool {
        let families = Family::ALL.into_iter().map(|family| self.family(family));
        families.chain([self.all.as_str()]).all(is_digest)
    }
}

/// Whether a text is 64 hex digits, small ones.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl DigestReport {
    /// The digest of one family.
    #[must_use]
    pub fn family(&self, family: Family) -> &str {
        self.sums.family(family)
    }

    pub(crate) fn of(store: StoreStatus, sums: Sums, log: LogId, owner: Option<String>) -> Self {
        let counts = store.counts;
        let families = Family::ALL.map(|family| FamilyDigest {
            family,
            count: match family {
                Family::Assertions => counts.assertions,
                Family::Votes => counts.votes,
                Family::Epochs => counts.epoch_versions,
                Family::Subjects => counts.subjects,
            },
            digest: sums.family(family).to_owned(),
        });
        let as_of = store.cursor.unwrap_or(Offset::ZERO);
        Self { as_of, log, sums, families, generation: store.generation, owner }
    }
}

/// What the store of a data directory holds, as the process that owns it said last, at most a second ago. None if it
/// has not said anything yet.
///
/// # Errors
/// As [`crate::status_beside`].
pub fn digest_beside(dir: &Path) -> Result<Option<DigestReport>, Error> {
    let Beside { reader, store, owner, .. } = beside(dir)?;
    let log = reader.status()?.log;
    let said = store.and_then(|mut store| store.sums.take().map(|sums| (store, sums)));
    Ok(said.map(|(store, sums)| DigestReport::of(store, sums, log, owner)))
}
