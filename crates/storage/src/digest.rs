//! Sums that tell whether two stores hold the same, whatever the order it came in.
//!
//!   element -> BLAKE3, 64 bytes -> 8 numbers -> added to 8 sums
//!
//! Each distinct element of a family is added once: an id, or the ids and names that make up a key. Offsets stay out,
//! so two logs with the same records give the same digest.
//!
//! A digest protects against loss, damage and bugs: an element too many, too few, or changed in one bit changes the
//! sums, but for a chance of 2^-512. 64 bytes are what BLAKE3 gives in one step: an element costs as much as hashing one
//! block, and twice as many bytes would cost twice as much for a chance that is nil already. It is no signature: whoever may choose records freely could search for two sets
//! with the same sums, at far less than the cost of breaking BLAKE3. Where that matters, compare the logs by their
//! hash chains; a store is rebuilt from a log that is known to be good.

use std::fmt;

use annals_record::{EpochId, RecordId};

/// Eight sums modulo 2^64 over the elements of one family. Adding is commutative and associative; there is no order.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest([u64; Digest::LANES]);

impl Digest {
    const LANES: usize = 8;
    /// The length of the stored form.
    pub(crate) const BYTES: usize = Self::LANES * 8;

    /// Adds one element: `family` keeps equal keys of two families apart.
    pub(crate) fn add(&mut self, family: Family, key: &[&[u8]]) {
        // The family is the key of the hash, so that nearly every element fits one block.
        let mut hasher = blake3::Hasher::new_keyed(family.tag());
        for part in key {
            hasher.update(part);
        }
        let mut expanded = [0; Self::BYTES];
        hasher.finalize_xof().fill(&mut expanded);
        self.merge(&Self::from_bytes(&expanded));
    }

    /// Adds all elements of another digest.
    pub fn merge(&mut self, other: &Self) {
        for (sum, lane) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(lane);
        }
    }

    /// The stored form: the sums, little-endian.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&lane.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut lanes = [0; Self::LANES];
        for (lane, place) in lanes.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *lane = u64::from_le_bytes(*place);
        }
        Self(lanes)
    }
}

impl fmt::Display for Digest {
    /// 64 hex digits: the BLAKE3 of the sums, so that people compare one short line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordId::of(&self.to_bytes()).fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&RecordId::of(&self.to_bytes()), f)
    }
}

/// A family of keys with a digest of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `H:`, assertions by id.
    Assertions,
    /// `V:`, votes by assertion and id.
    Votes,
    /// `E:`, epoch records by epoch and id.
    Epochs,
    /// `S:`, assertions by subject.
    Subjects,
}

impl Family {
    /// All of them, in the order in which they are stored.
    pub const ALL: [Self; 4] = [Self::Assertions, Self::Votes, Self::Epochs, Self::Subjects];

    /// The letter its keys begin with.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Assertions => 'H',
            Self::Votes => 'V',
            Self::Epochs => 'E',
            Self::Subjects => 'S',
        }
    }

    /// Its name, for people and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assertions => "assertions",
            Self::Votes => "votes",
            Self::Epochs => "epochs",
            Self::Subjects => "subjects",
        }
    }

    fn tag(self) -> &'static [u8; 32] {
        match self {
            Self::Assertions => b"annals digest of assertions, H: ",
            Self::Votes => b"annals digest of votes, V:      ",
            Self::Epochs => b"annals digest of epochs, E:     ",
            Self::Subjects => b"annals digest of subjects, S:   ",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The digest of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// Over the ids of assertions.
    pub assertions: Digest,
    /// Over (assertion, vote) pairs.
    pub votes: Digest,
    /// Over (epoch, record) pairs.
    pub epochs: Digest,
    /// Over (subject, assertion) pairs.
    pub subjects: Digest,
}

impl Digests {
    /// The length of the stored form.
    const BYTES: usize = Digest::BYTES * Family::ALL.len();

    /// The digest of one family.
    #[must_use]
    pub fn of(&self, family: Family) -> &Digest {
        match family {
            Family::Assertions => &self.assertions,
            Family::Votes => &self.votes,
            Family::Epochs => &self.epochs,
            Family::Subjects => &self.subjects,
        }
    }

    /// The families in which two stores differ; empty if they hold the same.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<Family> {
        Family::ALL.into_iter().filter(|family| self.of(*family) != other.of(*family)).collect()
    }

    /// Adds all elements of other digests.
    pub fn merge(&mut self, other: &Self) {
        self.assertions.merge(&other.assertions);
        self.votes.merge(&other.votes);
        self.epochs.merge(&other.epochs);
        self.subjects.merge(&other.subjects);
    }

    pub(crate) fn add_assertion(&mut self, id: &RecordId) {
        self.assertions.add(Family::Assertions, &[id.as_bytes()]);
    }

    pub(crate) fn add_vote(&mut self, assertion: &RecordId, vote: &RecordId) {
        self.votes.add(Family::Votes, &[assertion.as_bytes(), vote.as_bytes()]);
    }

    pub(crate) fn add_epoch(&mut self, epoch: &EpochId, record: &RecordId) {
        self.epochs.add(Family::Epochs, &[epoch.as_bytes(), record.as_bytes()]);
    }

    /// The id has a fixed length and stands last, so a subject cannot be mistaken for another with part of an id.
    pub(crate) fn add_subject(&mut self, subject: &str, id: &RecordId) {
        self.subjects.add(Family::Subjects, &[subject.as_bytes(), id.as_bytes()]);
    }

    /// The stored form: the families in their order.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, family) in bytes.chunks_exact_mut(Digest::BYTES).zip(Family::ALL) {
            place.copy_from_slice(&self.of(family).to_bytes());
        }
        bytes
    }

    /// Reads the stored form; `None` if it has another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let [assertions, votes, epochs, subjects] =
            <[_; 4]>::try_from(bytes.as_chunks::<{ Digest::BYTES }>().0)
                .ok()?
                .map(|part| Digest::from_bytes(&part));
        Some(Self { assertions, votes, epochs, subjects })
    }
}

impl fmt::Display for Digests {
    /// 64 hex digits: the BLAKE3 of all families' sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordId::of(&self.to_bytes()).fmt(f)
    }
}

#[cfg(test)]
mod tests;
