//! How much of what a store holds.

/// How many distinct things a store holds, kept in the cursor's transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Distinct assertions.
    pub assertions: u64,
    /// Distinct votes.
    pub votes: u64,
    /// Epochs, by name.
    pub epochs: u64,
    /// Distinct epoch records: every version of every epoch.
    pub epoch_versions: u64,
    /// Distinct subjects.
    pub subjects: u64,
    /// Records that could not be applied, each time they came.
    pub dead_letters: u64,
    /// Records of the application's own types, each time they came.
    pub application: u64,
}

impl Counts {
    /// Adds what another counts. Stored counts may be damaged, so the sum stops at the largest number.
    pub(crate) fn merge(&mut self, other: &Self) {
        let sum = self.fields().into_iter().zip(other.fields()).map(|(a, b)| a.saturating_add(b));
        let mut fields = [0; 7];
        fields.iter_mut().zip(sum).for_each(|(field, sum)| *field = sum);
        *self = Self::from_fields(fields);
    }

    /// The length of the stored form.
    const BYTES: usize = 7 * 8;

    /// The stored form: the fields in their order, u64 little-endian each.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, count) in bytes.chunks_exact_mut(8).zip(self.fields()) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    /// Reads the stored form; `None` if it has another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (fields, _) = bytes.as_chunks::<8>();
        Some(Self::from_fields(<[_; 7]>::try_from(fields).ok()?.map(u64::from_le_bytes)))
    }

    fn from_fields(fields: [u64; 7]) -> Self {
        let [assertions, votes, epochs, epoch_versions, subjects, dead_letters, application] = fields;
        Self { assertions, votes, epochs, epoch_versions, subjects, dead_letters, application }
    }

    fn fields(self) -> [u64; 7] {
        let Self { assertions, votes, epochs, epoch_versions, subjects, dead_letters, application } = self;
        [assertions, votes, epochs, epoch_versions, subjects, dead_letters, application]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_back_as_they_were_stored() {
        let counts = Counts {
            assertions: 1,
            votes: 2,
            epochs: 3,
            epoch_versions: 4,
            subjects: u64::MAX,
            dead_letters: 6,
            application: 7,
        };
        assert_eq!(Counts::from_bytes(&counts.to_bytes()), Some(counts));
        assert_eq!(Counts::from_bytes(&counts.to_bytes()[1..]), None);
    }
}
