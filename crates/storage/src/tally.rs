//! Votes, counted: one voice per voter, in whole numbers, so that every machine comes to the same result.

use std::collections::HashMap;

use annals_record::{Record, RecordId, Stance, Vote};

use crate::{Error, Stored};

/// The votes on one assertion, one per voter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Voters for it.
    pub for_voters: u64,
    /// Voters against it.
    pub against_voters: u64,
    /// Voters that are undecided or have withdrawn.
    pub neutral_voters: u64,
    /// The weight of those for it, in parts per million of one vote.
    pub for_ppm: u64,
    /// The weight of those against it.
    pub against_ppm: u64,
    /// The weight of the neutral ones.
    pub neutral_ppm: u64,
    /// Votes that do not count because the same voter has cast a later one.
    pub superseded: u64,
}

impl Tally {
    /// The weight for it less the weight against it, in parts per million of one vote.
    #[must_use]
    pub fn balance_ppm(&self) -> i128 {
        i128::from(self.for_ppm) - i128::from(self.against_ppm)
    }
}

/// Votes on one assertion while they are being counted.
#[derive(Default)]
pub(crate) struct Ballots {
    /// By the BLAKE3 of the voter's name, which bounds what a voter costs.
    standing: HashMap<RecordId, Ballot>,
    superseded: u64,
}

/// The vote that stands for a voter.
struct Ballot {
    seq: u64,
    id: RecordId,
    stance: Stance,
    weight_ppm: u32,
}

impl Ballots {
    /// Takes a stored vote, in any order.
    pub(crate) fn cast(&mut self, assertion: &RecordId, stored: &Stored) -> Result<(), Error> {
        let damaged = |detail: String| Error::Damaged { key: format!("V:{assertion}:{}", stored.id), detail };
        match stored.record() {
            Ok(Record::Vote(vote)) if vote.assertion == *assertion => self.count_in(&vote, stored.id),
            Ok(_) => return Err(damaged("it is no vote on this assertion".to_owned())),
            Err(error) => return Err(damaged(error.to_string())),
        }
        Ok(())
    }

    fn count_in(&mut self, vote: &Vote, id: RecordId) {
        let ballot = Ballot { seq: vote.seq, id, stance: vote.stance, weight_ppm: vote.weight_ppm };
        let Some(standing) = self.standing.get_mut(&RecordId::of(vote.voter.as_bytes())) else {
            self.standing.insert(RecordId::of(vote.voter.as_bytes()), ballot);
            return;
        };
        self.superseded += 1;
        if (standing.seq, standing.id) < (ballot.seq, ballot.id) {
            *standing = ballot;
        }
    }

    /// The sums. Four billion voters at the greatest weight there is fit.
    pub(crate) fn count(self) -> Tally {
        let mut tally = Tally { superseded: self.superseded, ..Tally::default() };
        for ballot in self.standing.into_values() {
            let (voters, ppm) = match ballot.stance {
                Stance::For => (&mut tally.for_voters, &mut tally.for_ppm),
                Stance::Against => (&mut tally.against_voters, &mut tally.against_ppm),
                Stance::Neutral => (&mut tally.neutral_voters, &mut tally.neutral_ppm),
            };
            *voters += 1;
            *ppm += u64::from(ballot.weight_ppm);
        }
        tally
    }
}

#[cfg(test)]
mod tests;
