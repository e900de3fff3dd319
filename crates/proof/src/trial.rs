//! What can be tried: a function from a number to figures, or to what went wrong.

use crate::figures::Figures;

/// One kind of trial. Everything it does follows from the number, so a failure is repeated by its number.
pub(crate) trait Trial: Sync {
    /// Its name: the subcommand, and what a ledger calls it.
    fn name(&self) -> &'static str;

    /// How many numbers there are, where they have an end.
    fn total(&self) -> Option<u64> {
        None
    }

    /// How many numbers share a line of the ledger: some seconds of work.
    fn block(&self) -> u64;

    /// Tries one number and counts what it did.
    ///
    /// # Errors
    /// What does not hold, with all that is needed to understand it. A panic counts as well.
    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String>;
}
