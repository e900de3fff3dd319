//! What a crash leaves of what was not synced.

use fastrand::Rng;

/// When a change was made, counted over the whole disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Tick {
    /// Before every change.
    pub(super) const NONE: Self = Self(0);

    /// The moment of the next change.
    pub(super) fn advance(&mut self) -> Self {
        self.advance_by(1)
    }

    /// The first of so many moments: those of a change that is made in steps.
    pub(super) fn advance_by(&mut self, steps: usize) -> Self {
        let first = Self(self.0 + 1);
        self.0 += steps as u64;
        first
    }

    /// So many moments later.
    pub(super) fn plus(self, steps: usize) -> Self {
        Self(self.0 + steps as u64)
    }
}

/// Which of the changes that were not synced survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// None of them.
    Nothing,
    /// Those made before some moment, drawn once for the whole disk. It may lie within a write.
    Prefix,
    /// Any of them, each drawn for itself: later ones without earlier ones, too.
    Some,
    /// All of them.
    Everything,
}

/// What a crash leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survival {
    /// Of the bytes of files, by sectors of 512.
    pub sectors: Survives,
    /// Of the lengths of files.
    pub lengths: Survives,
    /// Of the names made, renamed and removed.
    pub names: Survives,
}

impl Survival {
    /// Only what was synced.
    pub const NOTHING: Self = Self::all(Survives::Nothing);
    /// A process that was killed: the operating system still has everything.
    pub const EVERYTHING: Self = Self::all(Survives::Everything);

    /// The same for bytes, lengths and names.
    #[must_use]
    pub const fn all(survives: Survives) -> Self {
        Self { sectors: survives, lengths: survives, names: survives }
    }

    /// One of the 64, drawn; those in which a part survives are drawn more often.
    #[must_use]
    pub fn any(rng: &mut Rng) -> Self {
        let mut draw = || match rng.u32(..8) {
            0 => Survives::Nothing,
            1 => Survives::Everything,
            2..4 => Survives::Prefix,
            _ => Survives::Some,
        };
        Self { sectors: draw(), lengths: draw(), names: draw() }
    }
}

/// Decides for one crash.
pub(super) struct Chooser<'a> {
    rng: &'a mut Rng,
    survival: Survival,
    /// The moment that `Prefix` means.
    cut: Tick,
    /// How likely `Some` keeps the newest, in this crash.
    likely: f32,
}

impl<'a> Chooser<'a> {
    /// For a disk that has seen changes up to `last`, synced before `first`.
    pub(super) fn new(rng: &'a mut Rng, survival: Survival, first: Tick, last: Tick) -> Self {
        let cut = Tick(rng.u64(first.0.saturating_sub(1).min(last.0)..=last.0));
        let likely = rng.f32();
        Self { rng, survival, cut, likely }
    }

    /// Up to which of these writes to one sector it has got; [`Tick::NONE`] for none.
    pub(super) fn sector(&mut self, ticks: &[Tick]) -> Tick {
        self.reached(self.survival.sectors, ticks)
    }

    /// Up to which of these changes of one file's length it has got.
    pub(super) fn length(&mut self, ticks: &[Tick]) -> Tick {
        self.reached(self.survival.lengths, ticks)
    }

    /// Whether this change of a name got there.
    pub(super) fn name(&mut self, tick: Tick) -> bool {
        self.reached(self.survival.names, &[tick]) == tick
    }

    fn reached(&mut self, survives: Survives, ticks: &[Tick]) -> Tick {
        let newest = ticks.last().copied().unwrap_or(Tick::NONE);
        match survives {
            Survives::Everything => newest,
            Survives::Nothing => Tick::NONE,
            Survives::Prefix => {
                ticks.iter().rev().copied().find(|tick| *tick <= self.cut).unwrap_or(Tick::NONE)
            }
            Survives::Some if ticks.is_empty() || self.rng.f32() < self.likely => newest,
            Survives::Some => match self.rng.usize(..ticks.len()) {
                0 => Tick::NONE,
                older => ticks[older - 1],
            },
        }
    }
}
