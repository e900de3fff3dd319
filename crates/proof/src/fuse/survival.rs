//! What a cut leaves of what was not synced: drawn, so that a number leaves the same again where it finds the same.

use fastrand::Rng;

/// What survives of a file's dirty sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfFile {
    /// None of them.
    Nothing,
    /// All of them.
    All,
    /// Those of the first writes.
    First,
    /// Any pages.
    Pages,
    /// Any sectors.
    Sectors,
}

/// What survives of changes to directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfNames {
    /// None of them.
    Nothing,
    /// All of them.
    All,
    /// The first ones.
    First,
    /// Any of them.
    Some,
}

/// One cut's choice, and what it came to.
#[derive(Debug)]
pub(crate) struct Survival {
    pub(crate) random: Rng,
    /// For all files; none: each its own.
    pub(crate) files: Option<OfFile>,
    pub(crate) names: OfNames,
    /// Sectors that were not synced and are gone.
    pub(crate) lost: u64,
    /// Sectors that were not synced and are there.
    pub(crate) survived: u64,
    /// Changes to directories that are gone.
    pub(crate) names_lost: u64,
}

impl Survival {
    /// Draws the kind of a cut.
    pub(crate) fn draw(mut random: Rng) -> Self {
        let names = [OfNames::Nothing, OfNames::All, OfNames::First, OfNames::Some];
        let (files, names) = match random.u8(0..8) {
            // The strictest disk, and the kindest.
            0 | 1 => (Some(OfFile::Nothing), OfNames::Nothing),
            2 => (Some(OfFile::All), OfNames::All),
            // Names without data, data without names.
            3 => (Some(OfFile::Nothing), OfNames::All),
            4 => (Some(OfFile::All), OfNames::Nothing),
            _ => (None, names[random.usize(0..4)]),
        };
        Self { random, files, names, lost: 0, survived: 0, names_lost: 0 }
    }

    /// Of everything, or of nothing.
    #[cfg(test)]
    pub(crate) fn only(files: OfFile, names: OfNames) -> Self {
        let random = Rng::with_seed(7);
        Self { random, files: Some(files), names, lost: 0, survived: 0, names_lost: 0 }
    }

    /// How far a file's length came: 0 not at all, 1 as far as its data, 2 all the way.
    pub(super) fn lengths(&mut self, whole: bool) -> u8 {
        match self.files {
            Some(OfFile::Nothing) => 0,
            Some(OfFile::All) => 2,
            _ if whole => 2,
            _ => self.random.u8(0..3),
        }
    }

    /// Which of so many changes to directories survive.
    pub(super) fn changes(&mut self, count: usize) -> Vec<bool> {
        let first = self.random.usize(0..=count);
        let kept: Vec<bool> = (0..count)
            .map(|index| match self.names {
                OfNames::Nothing => false,
                OfNames::All => true,
                OfNames::First => index < first,
                OfNames::Some => self.random.bool(),
            })
            .collect();
        self.names_lost += kept.iter().filter(|kept| !**kept).count() as u64;
        kept
    }
}

impl OfFile {
    pub(super) fn draw(random: &mut Rng) -> Self {
        match random.u8(0..10) {
            0..3 => Self::Nothing,
            3..5 => Self::All,
            5..7 => Self::First,
            7 => Self::Pages,
            _ => Self::Sectors,
        }
    }
}
