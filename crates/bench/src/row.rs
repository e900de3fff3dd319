//! A cell's samples as one row: the median, and how far they scatter.

use crate::contender::Promise;
use crate::sample::Sample;
use crate::svg::{Bar, Panel, Side};
use crate::table::heading;
use crate::work::Work;

/// A cell, measured.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: Work,
    /// Bytes of a record, or of the log that was opened.
    pub(crate) size: u64,
    /// Threads that appended; 1 where it has no meaning.
    pub(crate) threads: usize,
    /// Who did it.
    pub(crate) who: &'static str,
    /// What it stands for.
    pub(crate) promise: Promise,
    /// In the work's unit.
    pub(crate) median: f64,
    /// The least of the repetitions.
    pub(crate) min: f64,
    /// The most.
    pub(crate) max: f64,
    /// The median of the repetitions' medians, where single appends were timed.
    pub(crate) p50_us: Option<f64>,
    /// The median of their 99th percentiles.
    pub(crate) p99_us: Option<f64>,
}

impl Row {
    /// Whether this is a limit and no log.
    pub(crate) fn is_limit(&self) -> bool {
        self.who.starts_with("raw-")
    }

    /// Whether this is ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.who == "annals"
    }

    /// Whether this is another log.
    pub(crate) fn is_peer(&self) -> bool {
        !self.is_limit() && !self.is_ours()
    }
}

/// All rows as panels of bars, one for each cell.
pub(crate) fn panels(rows: &[Row]) -> Vec<Panel> {
    let bar = |row: &Row| {
        let side = if row.is_ours() {
            Side::Ours
        } else if row.is_limit() {
            Side::Limit
        } else {
            Side::Peer
        };
        Bar { who: row.who, side, median: row.median, min: row.min, max: row.max }
    };
    rows.chunk_by(|a, b| (a.work, a.size, a.threads) == (b.work, b.size, b.threads))
        .map(|rows| Panel { heading: heading(&rows[0]), bars: rows.iter().map(bar).collect() })
        .collect()
}

/// The middle of some values; the mean of the two in the middle if they are even.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// The row of these samples; none of none.
pub(crate) fn of(
    (work, size, threads): (Work, u64, usize),
    who: &'static str,
    promise: Promise,
    samples: &[Sample],
) -> Option<Row> {
    let values = || samples.iter().map(|sample| sample.value);
    Some(Row {
        work,
        size,
        threads,
        who,
        promise,
        median: median(values())?,
        min: values().fold(f64::INFINITY, f64::min),
        max: values().fold(f64::NEG_INFINITY, f64::max),
        p50_us: median(samples.iter().filter_map(|sample| sample.p50_us)),
        p99_us: median(samples.iter().filter_map(|sample| sample.p99_us)),
    })
}

#[cfg(test)]
mod tests;
