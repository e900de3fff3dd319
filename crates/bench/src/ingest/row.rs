//! A cell's samples as one row: the median, and how far they scatter.

use super::sample::{Load, Sample};
use super::work::Work;
use crate::row::median;

/// A cell, measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: Work,
    /// Beside what, where that is told apart.
    pub(crate) load: Option<Load>,
    /// Who did it.
    pub(crate) who: &'static str,
    /// Records of the set.
    pub(crate) records: u64,
    /// In the work's unit.
    pub(crate) median: f64,
    /// The least of the repetitions.
    pub(crate) min: f64,
    /// The most.
    pub(crate) max: f64,
    /// The most memory that any repetition has had, in bytes, where that was asked for.
    pub(crate) peak_bytes: Option<u64>,
}

/// Samples, as they come, by cell.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<(&'static str, Vec<Sample>)>);

impl Cells {
    /// Adds a contender's sample.
    pub(crate) fn add(&mut self, who: &'static str, sample: Sample) {
        let same = |cell: &&mut (&'static str, Vec<Sample>)| {
            let (name, samples) = &**cell;
            *name == who && samples.iter().all(|one| (one.work, one.load) == (sample.work, sample.load))
        };
        match self.0.iter_mut().find(same) {
            Some((_, samples)) => samples.push(sample),
            None => self.0.push((who, vec![sample])),
        }
    }

    /// One row for each cell: by work, then beside what, then in the order in which the contenders came first.
    pub(crate) fn rows(&self, records: u64) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.0.iter().filter_map(|(who, samples)| row(who, records, samples)).collect();
        let place = |row: &Row| {
            let work = Work::ALL.iter().position(|work| *work == row.work);
            (work, row.load == Some(Load::Full))
        };
        rows.sort_by_key(place);
        rows
    }
}

fn row(who: &'static str, records: u64, samples: &[Sample]) -> Option<Row> {
    let Sample { work, load, .. } = *samples.first()?;
    let values = || samples.iter().map(|sample| sample.value);
    Some(Row {
        work,
        load,
        who,
        records,
        median: median(values())?,
        min: values().fold(f64::INFINITY, f64::min),
        max: values().fold(f64::NEG_INFINITY, f64::max),
        peak_bytes: samples.iter().filter_map(|sample| sample.peak_bytes).max(),
    })
}

/// Rows of one cell's contenders, side by side.
pub(crate) fn blocks(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| (a.work, a.load) == (b.work, b.load))
}

/// What a block measures: `visible, under full ingest (ms, 99 of 100)`.
pub(crate) fn heading(row: &Row) -> String {
    let (name, unit) = (row.work.name(), row.work.unit());
    match row.load {
        None => format!("{name} ({unit})"),
        Some(Load::Idle) => format!("{name}, idle ({unit}, 99 of 100 within)"),
        Some(Load::Full) => format!("{name}, under full ingest ({unit}, 99 of 100 within)"),
    }
}

#[cfg(test)]
mod tests;
