//! What a store must say, computed the plain way: ordered maps in memory, filled with the records of a log in order.
//!
//!   (offset, drawn record) ... -> maps -> the answers a store is compared with
//!
//! It shares no code with the store and decodes no payload: it is told what was drawn, so it also catches a codec that
//! is wrong in the same way in both directions.

use std::collections::{BTreeMap, BTreeSet};

use annals_record::{Assertion, Epoch, EpochId, Offset, RecordId, Stance, Vote};

use crate::workload::{Drawn, Meaning};

/// What a log says, by the plain rules: the first of equal records stands, at its offset; per voter and assertion the
/// vote with the highest `seq` counts, then the one with the larger id; of an epoch the latest version stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    assertions: BTreeMap<RecordId, (Offset, Assertion)>,
    subjects: BTreeMap<String, Vec<(Offset, RecordId)>>,
    votes: BTreeMap<RecordId, BTreeMap<RecordId, (Offset, Vote)>>,
    epochs: BTreeMap<EpochId, Vec<(Offset, RecordId, Epoch)>>,
    epoch_records: BTreeSet<RecordId>,
    dead_letters: Vec<(Offset, RecordId)>,
    application: Vec<(Offset, RecordId)>,
}

/// The votes that count on one assertion, summed by stance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelTally {
    /// How many voters are for it.
    pub voters_for: u64,
    /// How many are neither for nor against.
    pub voters_neutral: u64,
    /// How many are against it.
    pub voters_against: u64,
    /// The weight of those for it, in parts per million of one vote.
    pub weight_for_ppm: u64,
    /// The weight of those who are neither.
    pub weight_neutral_ppm: u64,
    /// The weight of those against it.
    pub weight_against_ppm: u64,
}

/// How much a log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelCounts {
    /// Distinct assertions.
    pub assertions: u64,
    /// Distinct votes, whether their assertion is there or not.
    pub votes: u64,
    /// Epochs, by name.
    pub epochs: u64,
    /// Distinct epoch records.
    pub epoch_versions: u64,
    /// Distinct subjects.
    pub subjects: u64,
    /// Records that cannot be applied, each time they came.
    pub dead_letters: u64,
    /// Records of the application's types, each time they came.
    pub application: u64,
}

impl Model {
    /// What an empty log says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next record of the log.
    pub fn apply(&mut self, offset: Offset, drawn: &Drawn) {
        let id = drawn.id();
        match &drawn.meaning {
            Meaning::Assertion(assertion) => {
                if self.assertions.contains_key(&id) {
                    return;
                }
                self.subjects.entry(assertion.subject.clone()).or_default().push((offset, id));
                self.assertions.insert(id, (offset, assertion.clone()));
            }
            Meaning::Vote(vote) => {
                self.votes
                    .entry(vote.assertion)
                    .or_default()
                    .entry(id)
                    .or_insert_with(|| (offset, vote.clone()));
            }
            Meaning::Epoch(epoch) => {
                if self.epoch_records.insert(id) {
                    self.epochs.entry(epoch.id()).or_default().push((offset, id, epoch.clone()));
                }
            }
            Meaning::Application => self.application.push((offset, id)),
            Meaning::Undecodable => self.dead_letters.push((offset, id)),
        }
    }

    /// Every assertion with the offset of its first appearance, by id.
    pub fn assertions(&self) -> impl Iterator<Item = (RecordId, Offset, &Assertion)> {
        self.assertions.iter().map(|(id, (offset, assertion))| (*id, *offset, assertion))
    }

    /// Every subject, sorted by bytes.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subjects.keys().map(String::as_str)
    }

    /// The assertions of a subject in the log's order, each once; none if nothing is known of it.
    #[must_use]
    pub fn subject(&self, subject: &str) -> &[(Offset, RecordId)] {
        self.subjects.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Every vote on an assertion, in the log's order, whether or not the assertion is there.
    #[must_use]
    pub fn votes(&self, assertion: RecordId) -> Vec<(Offset, RecordId, &Vote)> {
        let mut votes: Vec<_> =
            self.votes.get(&assertion).into_iter().flatten().map(|(id, (o, v))| (*o, *id, v)).collect();
        votes.sort_by_key(|(offset, _, _)| *offset);
        votes
    }

    /// Every assertion that is voted on, there or not.
    pub fn voted(&self) -> impl Iterator<Item = RecordId> {
        self.votes.keys().copied()
    }

    /// The votes that count on an assertion: one of each voter; none until the assertion is there.
    #[must_use]
    pub fn tally(&self, assertion: RecordId) -> Option<ModelTally> {
        self.assertions.get(&assertion)?;
        let mut effective: BTreeMap<&str, (u64, RecordId, &Vote)> = BTreeMap::new();
        for (_, id, vote) in self.votes(assertion) {
            let standing = effective.entry(&vote.voter).or_insert((vote.seq, id, vote));
            if (standing.0, standing.1) < (vote.seq, id) {
                *standing = (vote.seq, id, vote);
            }
        }
        let mut tally = ModelTally::default();
        for (_, _, vote) in effective.values() {
            let (voters, weight) = match vote.stance {
                Stance::For => (&mut tally.voters_for, &mut tally.weight_for_ppm),
                Stance::Neutral => (&mut tally.voters_neutral, &mut tally.weight_neutral_ppm),
                Stance::Against => (&mut tally.voters_against, &mut tally.weight_against_ppm),
            };
            *voters += 1;
            *weight += u64::from(vote.weight_ppm);
        }
        Some(tally)
    }

    /// Every epoch with its distinct versions in the log's order; the last one stands.
    pub fn epochs(&self) -> impl Iterator<Item = (EpochId, &[(Offset, RecordId, Epoch)])> {
        self.epochs.iter().map(|(id, versions)| (*id, versions.as_slice()))
    }

    /// Every record that cannot be applied, in the log's order, each time it came.
    #[must_use]
    pub fn dead_letters(&self) -> &[(Offset, RecordId)] {
        &self.dead_letters
    }

    /// Every record of the application's types, in the log's order, each time it came.
    #[must_use]
    pub fn application(&self) -> &[(Offset, RecordId)] {
        &self.application
    }

    /// How much of everything there is.
    #[must_use]
    pub fn counts(&self) -> ModelCounts {
        ModelCounts {
            assertions: self.assertions.len() as u64,
            votes: self.votes.values().map(|votes| votes.len() as u64).sum(),
            epochs: self.epochs.len() as u64,
            epoch_versions: self.epoch_records.len() as u64,
            subjects: self.subjects.len() as u64,
            dead_letters: self.dead_letters.len() as u64,
            application: self.application.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests;
