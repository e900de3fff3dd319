//! What a number does: drawn whole before anything runs.

use std::time::Duration;

use fastrand::Rng;

use super::base::{Base, FIRST_CHUNK};
use super::records::Chunk;
use crate::fuse::{Call, Fault};

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Import {
        chunk: Chunk,
        batch: u64,
    },
    /// The chunk before, once more: what it lacks goes in, and what is there gets its receipt again.
    Again {
        batch: u64,
    },
    Append,
    Vote,
    Rebuild {
        keep_old: bool,
    },
    Rollback,
    Seal,
    Checkpoint,
    Purge,
    Enable(&'static str),
    Refill(&'static str),
    Disable(&'static str),
    Backup,
    Pause,
    Resume,
    Verify,
}

/// When a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before the change of this number of the last command.
    Change(u64),
    /// So long after the last command has begun.
    After(Duration),
    /// Once the last command has ended.
    End,
}

/// From one time that there is power to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) steps: Vec<Step>,
    pub(super) moment: Moment,
    /// Goes wrong in the last command.
    pub(super) fault: Option<Fault>,
    /// Some of what is dirty is written back unasked.
    pub(super) trickle: bool,
    /// What survives its end.
    pub(super) survival: u64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    pub(super) base: Base,
    pub(super) lives: Vec<Life>,
    /// Somebody follows the log in the first life.
    pub(super) followed: bool,
    /// A backup is made beside the last command of the first life.
    pub(super) backed_up: bool,
    /// The backup is restored in the end, if there is one.
    pub(super) restored: bool,
}

impl Step {
    /// Its name among the figures.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Import { chunk: Chunk { wide: true, .. }, .. } => "import_wide",
            Self::Import { .. } => "import",
            Self::Again { .. } => "import_again",
            Self::Append => "append",
            Self::Vote => "vote",
            Self::Rebuild { .. } => "rebuild",
            Self::Rollback => "rollback",
            Self::Seal => "seal",
            Self::Checkpoint => "checkpoint",
            Self::Purge => "purge",
            Self::Enable(_) | Self::Refill(_) | Self::Disable(_) => "projection",
            Self::Backup => "backup",
            Self::Pause | Self::Resume => "pause",
            Self::Verify => "verify",
        }
    }

    /// About how many changes it makes on the disk, as was counted: a cut is drawn below a little more.
    fn changes(&self) -> u64 {
        match self {
            Self::Import { chunk: Chunk { wide: true, .. }, .. } => 750,
            Self::Import { chunk, batch } => 100 + (chunk.lines / batch * 3).min(300),
            Self::Again { .. } => 150,
            Self::Rebuild { .. } => 600,
            Self::Append | Self::Vote => 120,
            Self::Enable(_) | Self::Refill(_) | Self::Disable(_) => 160,
            Self::Backup | Self::Verify => 40,
            Self::Purge | Self::Seal | Self::Checkpoint => 24,
            Self::Rollback => 12,
            Self::Pause | Self::Resume => 3,
        }
    }
}

/// Draws one step after the other.
struct Drawing {
    random: Rng,
    base: Base,
    chunk: u64,
}

impl Drawing {
    fn import(&mut self, wide: bool) -> Step {
        self.chunk += 1;
        let lines = if wide { self.random.u64(2900..3300) } else { self.random.u64(20..600) };
        let chunk = Chunk { number: self.chunk - 1, lines, wide };
        let batch = if wide { 500 } else { [1, 7, 20, 100, 1000][self.random.usize(0..5)] };
        // One record a time is slow.
        let chunk = if batch == 1 { Chunk { lines: lines.min(60), ..chunk } } else { chunk };
        Step::Import { chunk, batch }
    }

    fn step(&mut self) -> Step {
        if self.base == Base::Empty {
            return match self.random.u8(0..4) {
                0 => Step::Append,
                1 if self.chunk > FIRST_CHUNK => Step::Again { batch: 20 },
                _ => self.import(false),
            };
        }
        let kept = if self.random.bool() { "agent" } else { "source" };
        match self.random.u8(0..32) {
            0..9 => self.import(false),
            9..11 => self.import(true),
            11..13 => Step::Again { batch: self.random.u64(5..200) },
            13..15 => Step::Append,
            15 => Step::Vote,
            16..19 if self.base == Base::Purgeable => Step::Purge,
            16..20 => Step::Rebuild { keep_old: self.random.u8(0..3) == 0 },
            20 => Step::Rollback,
            21..23 => Step::Seal,
            23 => Step::Checkpoint,
            24 => Step::Enable(if self.base == Base::Small { kept } else { "predicate" }),
            25 => Step::Refill(kept),
            26 => Step::Disable(kept),
            27..29 => Step::Backup,
            29 => Step::Pause,
            30 => Step::Resume,
            _ => Step::Verify,
        }
    }

    /// One of those that open the data, as somebody does who looks what is left.
    fn first(&mut self) -> Step {
        match self.random.u8(0..3) {
            0 if self.base != Base::Empty => Step::Verify,
            1 if self.base != Base::Empty => Step::Append,
            _ => self.step(),
        }
    }

    fn moment(&mut self, last: &Step) -> Moment {
        match self.random.u8(0..12) {
            0 => Moment::End,
            1 => Moment::After(Duration::from_micros(self.random.u64(0..300_000))),
            // Early changes more often: that is where things are made.
            2..5 => Moment::Change(self.random.u64(0..20 + last.changes() / 4)),
            _ => Moment::Change(self.random.u64(0..last.changes() * 5 / 4)),
        }
    }

    fn fault(&mut self, last: &Step) -> Fault {
        let random = &mut self.random;
        let times = if random.bool() { 1 } else { u64::MAX };
        let few = last.changes();
        match random.u8(0..16) {
            0..6 => Fault::Fails { call: Call::Sync, after: random.u64(0..few / 8 + 4), times },
            6..8 => Fault::Fails { call: Call::Write, after: random.u64(0..few / 2 + 1), times },
            8..10 => Fault::Fails { call: Call::Read, after: random.u64(0..16), times },
            10..12 => Fault::Fails { call: Call::Rename, after: random.u64(0..3), times },
            12 => Fault::Fails { call: Call::Name, after: random.u64(0..20), times },
            13 => Fault::Full { bytes: random.u64(0..(96 << 20)) },
            14 => Fault::Full { bytes: random.u64(0..(2 << 20)) },
            _ => Fault::FullAtSync { bytes: random.u64(0..(80 << 20)) },
        }
    }
}

impl Scenario {
    /// What this number does.
    pub(super) fn draw(number: u64) -> Self {
        let mut random = Rng::with_seed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let base = match random.u8(0..20) {
            0..3 => Base::Empty,
            3..11 => Base::Small,
            11..18 => Base::Rich,
            _ => Base::Purgeable,
        };
        let (followed, backed_up, restored) = (
            base != Base::Empty && random.u8(0..4) == 0,
            base != Base::Empty && random.u8(0..12) == 0,
            random.u8(0..3) == 0,
        );
        let again = [0, 0, 0, 0, 0, 1, 1, 1, 2, 3][random.usize(0..10)];
        let faulty = random.u8(0..4) == 0;
        let mut drawing = Drawing { random, base, chunk: FIRST_CHUNK };
        let lives = (0..=again)
            .map(|life| {
                let mut steps = Vec::new();
                if life > 0 {
                    steps.push(drawing.first());
                } else {
                    let count = [1, 1, 1, 2, 2, 3][drawing.random.usize(0..6)];
                    steps.extend((0..count).map(|_| drawing.step()));
                }
                let last = steps[steps.len() - 1];
                let fault = (faulty && life == 0).then(|| drawing.fault(&last));
                let moment = match fault {
                    // What an error does is seen to its end.
                    Some(_) => Moment::End,
                    None => drawing.moment(&last),
                };
                Life {
                    steps,
                    moment,
                    fault,
                    trickle: drawing.random.bool(),
                    survival: drawing.random.u64(..),
                }
            })
            .collect();
        // One backup at a time.
        let lives: Vec<Life> = lives;
        let backed_up = backed_up && lives[0].steps.last() != Some(&Step::Backup);
        Self { base, lives, followed, backed_up, restored }
    }
}

#[cfg(test)]
mod tests;
