//! What a check found, as JSON.

use annals::parts::StoreDamage;
use annals::{Compared, Damage, Family, Index, Passed, Verified, Walk};
use serde::Serialize;

/// What was found. What was not asked for is null.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) ok: bool,
    pub(super) records: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) damaged: Option<Vec<Range>>,
    pub(super) index: Option<IndexReport>,
    pub(super) seconds: f64,
}

/// A range of the journal that does not verify.
#[derive(Debug, Serialize)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) detail: String,
}

impl Range {
    fn of(Passed { offset, len, detail }: Passed) -> Self {
        Self { offset: offset.get(), len, detail }
    }
}

/// What was found in the store.
#[derive(Debug, Default, Serialize)]
pub(super) struct IndexReport {
    pub(super) ok: bool,
    /// Records of the journal that were looked up in the store.
    pub(super) compared: u64,
    /// The offset of the first of them: what retention has removed before it only the store knows.
    pub(super) compared_from: u64,
    /// Keys that are not as they should be, the first thousand of each check.
    pub(super) damaged: Vec<Key>,
    /// How many such keys there are.
    pub(super) damaged_total: u64,
    /// Ranges of the journal that do not verify and that the store has passed: nothing of them was compared.
    pub(super) passed: Vec<Range>,
    /// What else is wrong.
    pub(super) differing: Vec<String>,
    /// One line that is the same for two stores that hold the same; none if the store cannot be used.
    digest: Option<String>,
    /// The sums of each family; none if the store cannot be used.
    families: Option<Families>,
    /// Why the store cannot be used.
    pub(super) error: Option<String>,
}

/// A key that is not as it should be.
#[derive(Debug, Serialize)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) detail: String,
}

#[derive(Debug, Serialize)]
struct Families {
    assertions: Sums,
    votes: Sums,
    epochs: Sums,
    subjects: Sums,
}

/// A family summed three times.
#[derive(Debug, Serialize)]
struct Sums {
    /// What the journal says; none if it could not be read to its end.
    log: Option<String>,
    /// What the keys come to.
    store: String,
    /// What stands beside the cursor.
    stored: String,
    /// Whether these agree and none of its keys is damaged.
    same: bool,
}

impl Report {
    pub(super) fn of(verified: Verified, seconds: f64) -> Self {
        let range =
            |damage: Damage| Range { offset: damage.offset.get(), len: damage.len, detail: damage.detail };
        let ok = verified.is_ok();
        let index = verified.index.map(IndexReport::of);
        let Some(journal) = verified.journal else {
            return Self { ok, records: None, bytes: None, damaged: None, index, seconds };
        };
        let damaged = journal.damaged.into_iter().map(range).collect();
        let (records, bytes) = (Some(journal.records), Some(journal.bytes));
        Self { ok, records, bytes, damaged: Some(damaged), index, seconds }
    }
}

impl IndexReport {
    fn of(index: Index) -> Self {
        let mut report = Self { ok: index.is_ok(), ..Self::default() };
        match index {
            Index::Checked { walk, compared } => report.checked(*walk, compared.map(|compared| *compared)),
            Index::Unusable(reason) => report.error = Some(reason),
            _ => report.error = Some("the check said what this version does not know".to_owned()),
        }
        report
    }

    fn checked(&mut self, walk: Walk, compared: Result<Compared, String>) {
        self.digest = Some(walk.digests.to_string());
        self.families = Some(Families::of(&walk, compared.as_ref().ok()));
        let own = walk.differing();
        self.differing
            .extend(own.iter().map(|family| format!("the store's own sum over its {family} does not hold")));
        if walk.counts != walk.stored_counts {
            self.differing.push("the store's own counts do not hold".to_owned());
        }
        let mut keys = walk.damaged;
        self.damaged_total = walk.damaged_total;
        match compared {
            Err(reason) => {
                self.differing.push(format!("the journal could not be read to its end: {reason}"));
            }
            Ok(compared) => {
                (self.compared, self.compared_from) = (compared.records, compared.from.get());
                self.passed = compared.passed.iter().cloned().map(Range::of).collect();
                let families = compared.differing();
                self.differing.extend(
                    families.iter().map(|family| format!("journal and store differ in their {family}")),
                );
                if compared.counts != compared.stored_counts {
                    self.differing.push("journal and store count differently".to_owned());
                }
                self.damaged_total += compared.damaged_total;
                keys.extend(compared.damaged);
            }
        }
        self.damaged = keys.into_iter().map(|key| Key { key: key.key, detail: key.detail }).collect();
    }

    /// Whether nothing is wrong but that damage of the journal was passed.
    pub(super) fn only_passed(&self) -> bool {
        !self.passed.is_empty()
            && self.damaged_total == 0
            && self.differing.is_empty()
            && self.error.is_none()
    }

    /// The families that are not what they should be.
    pub(super) fn named(&self) -> Vec<&'static str> {
        let Some(Families { assertions, votes, epochs, subjects }) = &self.families else {
            return Vec::new();
        };
        let each = Family::ALL.into_iter().zip([assertions, votes, epochs, subjects]);
        each.filter(|(_, sums)| !sums.same).map(|(family, _)| family.name()).collect()
    }
}

impl Families {
    fn of(walk: &Walk, compared: Option<&Compared>) -> Self {
        let [assertions, votes, epochs, subjects] =
            Family::ALL.map(|family| Sums::of(family, walk, compared));
        Self { assertions, votes, epochs, subjects }
    }
}

impl Sums {
    fn of(family: Family, walk: &Walk, compared: Option<&Compared>) -> Self {
        let (store, stored) = (walk.digests.of(family), walk.stored_digests.of(family));
        let log = compared.map(|compared| compared.digests.of(family));
        let hit = |keys: &[StoreDamage]| keys.iter().any(|key| key.family == Some(family));
        let damaged = hit(&walk.damaged) || compared.is_some_and(|compared| hit(&compared.damaged));
        let same = store == stored && log.is_none_or(|log| log == stored) && !damaged;
        Self { log: log.map(ToString::to_string), store: store.to_string(), stored: stored.to_string(), same }
    }
}
