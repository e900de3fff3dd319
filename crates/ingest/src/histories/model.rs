//! What a store should answer, from a few maps.

use std::collections::{BTreeMap, BTreeSet};

use annals_record::{EpochId, Offset, RecordId, Stance};
use annals_storage::{Counts, Snapshot, Stored, Tally};

use crate::scene::{assertion, epoch, vote};

/// A record, by what it says.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// Of this subject, with this object.
    Assertion(usize, i64),
    /// On that assertion, by this voter, with this seq and stance.
    Vote((usize, i64), usize, u64, Stance),
    /// This version of that epoch.
    Epoch(usize, usize),
    /// Of a type that is not known.
    Unreadable(u8),
    /// Of a type of the application's own.
    Application(u8),
}

const SUBJECTS: [&str; 4] = ["foo", "foo:bar", "ä", "f"];
const VOTERS: [&str; 3] = ["ann", "bob", "cat"];
const EPOCHS: [&str; 3] = ["bookworm", "trixie", "forky"];

impl Entry {
    pub(super) fn payload(&self) -> Vec<u8> {
        match self {
            Self::Assertion(subject, object) => assertion(SUBJECTS[*subject], *object),
            Self::Vote(claim, voter, seq, stance) => {
                let claim = Self::Assertion(claim.0, claim.1).id();
                vote(claim, VOTERS[*voter], *seq, *stance, Self::weight(*voter, *seq))
            }
            Self::Epoch(name, version) => epoch(EPOCHS[*name], &version.to_string()),
            Self::Unreadable(byte) | Self::Application(byte) => vec![*byte; 16],
        }
    }

    fn id(&self) -> RecordId {
        RecordId::of(&self.payload())
    }

    fn weight(voter: usize, seq: u64) -> u32 {
        (voter as u32 + 1) * 1000 + seq as u32
    }
}

/// A vote as far as it counts.
type Ballot = (u64, RecordId, Stance, u32);

#[derive(Default)]
pub(super) struct Model {
    /// Every assertion, vote and epoch record, and where it came first.
    records: BTreeMap<RecordId, Offset>,
    subjects: BTreeMap<&'static str, Vec<(Offset, RecordId)>>,
    votes: BTreeMap<RecordId, BTreeMap<RecordId, (usize, Ballot)>>,
    /// In the order in which the names came.
    epochs: Vec<(EpochId, Vec<(Offset, RecordId)>)>,
    dead_letters: Vec<(Offset, RecordId)>,
    application: u64,
}

impl Model {
    pub(super) fn add(&mut self, offset: Offset, entry: &Entry) {
        let id = entry.id();
        match entry {
            Entry::Unreadable(_) => return self.dead_letters.push((offset, id)),
            Entry::Application(_) => return self.application += 1,
            _ if self.records.contains_key(&id) => return,
            Entry::Assertion(subject, _) => {
                self.subjects.entry(SUBJECTS[*subject]).or_default().push((offset, id));
            }
            Entry::Vote(claim, voter, seq, stance) => {
                let claim = Entry::Assertion(claim.0, claim.1).id();
                let ballot = (*seq, id, *stance, Entry::weight(*voter, *seq));
                self.votes.entry(claim).or_default().insert(id, (*voter, ballot));
            }
            Entry::Epoch(name, _) => {
                let epoch = EpochId::of(EPOCHS[*name]);
                match self.epochs.iter_mut().find(|(known, _)| *known == epoch) {
                    Some((_, versions)) => versions.push((offset, id)),
                    None => self.epochs.push((epoch, vec![(offset, id)])),
                }
            }
        }
        self.records.insert(id, offset);
    }

    /// These dead letters were given up.
    pub(super) fn give_up(&mut self, offsets: &[Offset]) {
        self.dead_letters.retain(|(offset, _)| !offsets.contains(offset));
    }

    /// Asks a store everything and compares.
    pub(super) fn check(&self, snapshot: &Snapshot<'_>) {
        assert_eq!(snapshot.counts().unwrap(), self.counts());
        for (id, offset) in &self.records {
            let stored = snapshot.get(id).unwrap().unwrap();
            assert_eq!((stored.offset, RecordId::of(&stored.payload)), (*offset, *id));
            let found = snapshot.find(&id.to_string()[..16].parse().unwrap()).unwrap();
            assert_eq!(found, Some(stored));
        }
        let subjects = snapshot.subjects("", None, usize::MAX).unwrap();
        let names: Vec<_> = subjects.iter().map(|entry| entry.subject.as_str()).collect();
        assert_eq!(names, self.subjects.keys().copied().collect::<Vec<_>>());
        for (entry, listed) in subjects.iter().zip(self.subjects.values()) {
            assert_eq!((entry.assertions, entry.first), (listed.len() as u64, listed[0].0));
            assert_eq!(places(&snapshot.subject(&entry.subject, None, usize::MAX).unwrap()), *listed);
        }
        for (claim, votes) in &self.votes {
            let stored = snapshot.votes(claim, None, usize::MAX).unwrap();
            assert!(stored.iter().map(|vote| &vote.id).eq(votes.keys()));
            let expected = self.records.contains_key(claim).then(|| tally(votes.values()));
            assert_eq!(snapshot.tally(claim).unwrap(), expected);
        }
        let epochs = snapshot.epochs(None, usize::MAX).unwrap();
        assert_eq!(epochs.len(), self.epochs.len());
        for (entry, (epoch, versions)) in epochs.iter().zip(&self.epochs) {
            assert_eq!((entry.epoch, entry.first), (*epoch, versions[0].0));
            assert_eq!((entry.latest.offset, entry.latest.id), versions[versions.len() - 1]);
            assert_eq!(places(&snapshot.epoch_versions(epoch, None, usize::MAX).unwrap()), *versions);
        }
        let parked = snapshot.dead_letters(None, usize::MAX).unwrap();
        let parked: Vec<_> = parked.iter().map(|letter| (letter.offset, letter.id)).collect();
        assert_eq!(parked, self.dead_letters);
    }

    fn counts(&self) -> Counts {
        Counts {
            assertions: self.subjects.values().map(|listed| listed.len() as u64).sum(),
            votes: self.votes.values().map(|votes| votes.len() as u64).sum(),
            epochs: self.epochs.len() as u64,
            epoch_versions: self.epochs.iter().map(|(_, versions)| versions.len() as u64).sum(),
            subjects: self.subjects.len() as u64,
            dead_letters: self.dead_letters.len() as u64,
            application: self.application,
        }
    }
}

fn places(stored: &[Stored]) -> Vec<(Offset, RecordId)> {
    stored.iter().map(|stored| (stored.offset, stored.id)).collect()
}

/// One voice per voter: the highest seq, then the larger id.
fn tally<'v>(votes: impl ExactSizeIterator<Item = &'v (usize, Ballot)>) -> Tally {
    let cast = votes.len() as u64;
    let (mut voters, mut standing) = (BTreeSet::new(), BTreeMap::new());
    for (voter, ballot) in votes {
        voters.insert(*voter);
        let key = (ballot.0, ballot.1);
        let best = standing.entry(*voter).or_insert((key, ballot.2, ballot.3));
        if best.0 < key {
            *best = (key, ballot.2, ballot.3);
        }
    }
    let of = |stance: Stance| {
        let counted = standing.values().filter(|(_, voted, _)| *voted == stance);
        counted.fold((0, 0), |(voters, ppm), (_, _, weight)| (voters + 1, ppm + u64::from(*weight)))
    };
    let (for_voters, for_ppm) = of(Stance::For);
    let (against_voters, against_ppm) = of(Stance::Against);
    let (neutral_voters, neutral_ppm) = of(Stance::Neutral);
    Tally {
        for_voters,
        against_voters,
        neutral_voters,
        for_ppm,
        against_ppm,
        neutral_ppm,
        superseded: cast - voters.len() as u64,
    }
}
