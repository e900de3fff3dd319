//! Zipf's law: the n-th of some things is named a n-th as often as the first.

use fastrand::Rng;

/// Draws ranks from 0 on, each with a weight of 1 / (rank + 1).
#[derive(Debug)]
pub(crate) struct Zipf {
    /// The weights of all ranks up to and with each.
    sums: Vec<f64>,
}

impl Zipf {
    /// Over so many ranks, at least one.
    pub(crate) fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        let weights = (1..=ranks.max(1)).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self { sums: weights.collect() }
    }

    /// The next rank.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let all = self.sums.last().copied().unwrap_or_default();
        let place = rng.f64() * all;
        self.sums.partition_point(|sum| *sum <= place).min(self.sums.len() - 1)
    }

    /// How often rank 0 comes in so many draws, on average.
    #[cfg(test)]
    pub(crate) fn expected_first(&self, draws: f64) -> f64 {
        draws / self.sums.last().copied().unwrap_or(1.0)
    }
}
