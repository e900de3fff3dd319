//! What the store and its worker are meant to reach, as ratios within one run, and whether they did.

use super::row::Row;
use super::sample::Load;
use super::work::Work;
use crate::target::{Goal, Verdict};

/// What is known about a run beyond its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Payload bytes of a record, on average.
    pub(crate) payload: f64,
    /// What our abandoned store takes on disk, in bytes, if one was opened again.
    pub(crate) reopened_bytes: Option<u64>,
}

const MIB: f64 = 1_048_576.0;

/// The rows of a run, to be asked.
struct Rows<'r>(&'r [Row]);

impl Rows<'_> {
    fn find(&self, work: Work, load: Option<Load>, who: &str) -> Option<&Row> {
        self.0.iter().find(|row| (row.work, row.load, row.who) == (work, load, who))
    }

    fn median(&self, work: Work, who: &str) -> Option<f64> {
        self.find(work, None, who).map(|row| row.median)
    }

    fn ours(&self, work: Work) -> Option<f64> {
        self.median(work, "annals")
    }
}

/// All goals, in the order of the works.
pub(crate) fn verdicts(rows: &[Row], facts: &Facts) -> Vec<Verdict> {
    let rows = Rows(rows);
    [rates(&rows), costs(&rows, facts), times(&rows, facts)].concat()
}

fn ratio(what: String, goal: Goal, above: Option<f64>, below: Option<f64>) -> Verdict {
    let reached = above.zip(below).map(|(above, below)| above / below);
    Verdict { what, goal, reached }
}

fn rates(rows: &Rows<'_>) -> Vec<Verdict> {
    let against = |work: Work, who: &str, goal| {
        let what = format!("{}: rate / {who}", work.name());
        ratio(what, Goal::AtLeast(goal), rows.ours(work), rows.median(work, who))
    };
    let synced = |work: Work, goal| {
        let what = format!("{}: rate / ingest synced at the end", work.name());
        ratio(what, Goal::AtLeast(goal), rows.ours(work), rows.ours(Work::Ingest))
    };
    vec![
        against(Work::Ingest, "rocksdb-nowal", 1.5),
        against(Work::Ingest, "lmdb", 2.5),
        against(Work::Ingest, "sqlite", 8.0),
        synced(Work::IngestSecond, 0.9),
        synced(Work::IngestMoment, 0.6),
        against(Work::Rebuild, "limit", 0.7),
        against(Work::Get, "lmdb", 0.9),
        against(Work::Absent, "rocksdb", 1.0),
        against(Work::Subject, "lmdb", 0.9),
    ]
}

fn costs(rows: &Rows<'_>, facts: &Facts) -> Vec<Verdict> {
    let rebuilt = rows.find(Work::Rebuild, None, "annals");
    let peak = rebuilt.and_then(|row| row.peak_bytes).map(|bytes| bytes as f64);
    let per_payload = |work: Work, goal| {
        let what = format!("{}: B / payload of {:.1} B", work.name(), facts.payload);
        ratio(what, Goal::AtMost(goal), rows.ours(work), Some(facts.payload))
    };
    vec![
        ratio("rebuild: peak memory, MiB".to_owned(), Goal::AtMost(512.0), peak, Some(MIB)),
        per_payload(Work::BytesWritten, 2.5),
        per_payload(Work::BytesDisk, 1.7),
    ]
}

fn times(rows: &Rows<'_>, facts: &Facts) -> Vec<Verdict> {
    let seen = |load| rows.find(Work::Visible, Some(load), "annals").map(|row| row.median);
    let size =
        facts.reopened_bytes.map(|bytes| format!(" of {:.0} MiB", bytes as f64 / MIB)).unwrap_or_default();
    let millis = |what: String, goal, reached| Verdict { what, goal: Goal::AtMost(goal), reached };
    vec![
        millis("hot: ms".to_owned(), 2.0, rows.ours(Work::Hot).map(|lists| 1e3 / lists)),
        millis(format!("reopen{size} after a kill: ms"), 100.0, rows.ours(Work::Reopen)),
        millis("visible, idle: ms, 99 of 100".to_owned(), 5.0, seen(Load::Idle)),
        millis("visible, under full ingest: ms, 99 of 100".to_owned(), 50.0, seen(Load::Full)),
    ]
}

#[cfg(test)]
mod tests;
