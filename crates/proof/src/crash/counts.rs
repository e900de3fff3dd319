//! What a history counts.

use super::plan::FAULTS;
use crate::figures::Figures;

/// Plain numbers: they are added up by name once a history is over.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Calls of the journal that were made on the way.
    pub(crate) calls: u64,
    /// Records that were accepted, and records that were compared byte by byte.
    pub(crate) acknowledged: u64,
    pub(crate) checked: u64,
    /// Crash images that were recovered, and how many of them a recovery that was cut has left.
    pub(crate) images: u64,
    pub(crate) recoveries_cut: u64,
    /// Images from which a life went on, and second recoveries.
    pub(crate) lives_on: u64,
    pub(crate) second_recoveries: u64,
    /// Torn tails that were cut.
    pub(crate) torn: u64,
    pub(crate) purges: u64,
    pub(crate) keys: u64,
    /// Cursors of another log that were put there, and refused.
    pub(crate) foreign_cursors: u64,
    /// Damage: how often, how often it was told, how often it hit nothing that counts, and how often it fell into the
    /// window that is named: in the last group, or in what the last sync of another policy covered.
    pub(crate) flips: u64,
    pub(crate) flips_told: u64,
    pub(crate) flips_harmless: u64,
    pub(crate) flips_in_named_residual: u64,
    pub(crate) flips_in_named_residual_of_a_policy: u64,
    /// ... and sectors that were lost or came from elsewhere.
    pub(crate) sectors_in_named_residual: u64,
    /// Faults that fired, by kind.
    pub(crate) fired: [u64; FAULTS.len()],
}

impl Counts {
    pub(crate) fn add_to(&self, figures: &mut Figures) {
        figures.add("histories", 1);
        for (name, count) in [
            ("calls", self.calls),
            ("acknowledged", self.acknowledged),
            ("checked", self.checked),
            ("images", self.images),
            ("recoveries_cut", self.recoveries_cut),
            ("lives_on", self.lives_on),
            ("second_recoveries", self.second_recoveries),
            ("torn", self.torn),
            ("purges", self.purges),
            ("keys", self.keys),
            ("foreign_cursors", self.foreign_cursors),
            ("flips", self.flips),
            ("flips_told", self.flips_told),
            ("flips_harmless", self.flips_harmless),
            ("flips_in_named_residual", self.flips_in_named_residual),
            ("flips_in_named_residual_of_a_policy", self.flips_in_named_residual_of_a_policy),
            ("sectors_in_named_residual", self.sectors_in_named_residual),
        ] {
            figures.add(name, count);
        }
        for (name, count) in FAULTS.iter().zip(self.fired) {
            figures.add(name, count);
        }
    }
}
