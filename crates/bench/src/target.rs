//! What the journal is meant to reach, as ratios within one run, and whether it did.

use crate::row::Row;
use crate::work::Work;

/// What was aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    /// Whether a value reaches it.
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// One goal and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What is compared with what.
    pub(crate) what: String,
    /// The goal.
    pub(crate) goal: Goal,
    /// What was reached; none if one side of it was not measured.
    pub(crate) reached: Option<f64>,
}

/// The rows of a run, to be asked.
struct Rows<'a>(&'a [Row]);

impl<'a> Rows<'a> {
    fn cell(&self, work: Work, size: u64, threads: usize) -> impl Iterator<Item = &'a Row> {
        self.0.iter().filter(move |row| (row.work, row.size, row.threads) == (work, size, threads))
    }

    fn who(&self, work: Work, size: u64, threads: usize, who: &str) -> Option<&'a Row> {
        self.cell(work, size, threads).find(|row| row.who == who)
    }

    fn ours(&self, work: Work, size: u64, threads: usize) -> Option<&'a Row> {
        self.who(work, size, threads, "annals")
    }

    /// The fastest peer with our promise, hashes aside: no peer hashes.
    fn best(&self, work: Work, size: u64, threads: usize) -> Option<&'a Row> {
        let ours = self.ours(work, size, threads)?;
        let same = |row: &&Row| {
            row.is_peer() && row.promise.checksums && row.promise.durable == ours.promise.durable
        };
        self.cell(work, size, threads).filter(same).max_by(|a, b| a.median.total_cmp(&b.median))
    }
}

/// All goals, in the order of the works.
pub(crate) fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let rows = Rows(rows);
    [durable(&rows), other_appends(&rows), reads(&rows), space(&rows), neighbours(&rows)].concat()
}

fn verdict(what: String, goal: Goal, above: Option<f64>, below: Option<f64>) -> Verdict {
    let reached = above.zip(below).map(|(above, below)| above / below);
    Verdict { what, goal, reached }
}

fn rate(row: Option<&Row>) -> Option<f64> {
    row.map(|row| row.median)
}

fn durable(rows: &Rows<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (threads, goals) in [(1, [1.0, 1.0, 1.1]), (8, [1.6, 1.5, 2.0]), (64, [1.6, 1.4, 2.5])] {
        for (size, goal) in [128, 1024, 16384].into_iter().zip(goals) {
            let (ours, best) =
                (rows.ours(Work::Durable, size, threads), rows.best(Work::Durable, size, threads));
            let name = format!("durable {size} B x {threads}");
            let against = best.map_or("best peer", |best| best.who);
            let what = format!("{name}: rate / {against}");
            verdicts.push(verdict(what, Goal::AtLeast(goal), rate(ours), rate(best)));
            let plain = rows.who(Work::Durable, size, threads, "raw-fdatasync");
            if threads == 1 {
                let (ours, plain) = (ours.and_then(|row| row.p50_us), plain.and_then(|row| row.p50_us));
                verdicts.push(verdict(
                    format!("{name}: p50 / raw-fdatasync"),
                    Goal::AtMost(1.0),
                    ours,
                    plain,
                ));
            }
            if threads == 64 {
                let (ours, best) = (ours.and_then(|row| row.p99_us), best.and_then(|row| row.p99_us));
                verdicts.push(verdict(format!("{name}: p99 / {against}"), Goal::AtMost(1.0), ours, best));
            }
        }
    }
    verdicts
}

fn other_appends(rows: &Rows<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (size, goal) in [(128, 12.0), (1024, 4.0)] {
        let threads = rate(rows.who(Work::Durable, size, 64, "raft-engine"));
        let what = format!("async {size} B, 512 in flight: rate / raft-engine's 64 threads");
        verdicts.push(verdict(what, Goal::AtLeast(goal), rate(rows.ours(Work::Async, size, 1)), threads));
    }
    for (size, goal) in [(128, 1.3), (1024, 1.5)] {
        let best = rows.best(Work::Batch, size, 1);
        let what = format!("batch {size} B: rate / {}", best.map_or("best peer", |best| best.who));
        verdicts.push(verdict(what, Goal::AtLeast(goal), rate(rows.ours(Work::Batch, size, 1)), rate(best)));
    }
    let (ours, limit) = (rows.ours(Work::Buffered, 128, 1), rows.who(Work::Buffered, 128, 1, "raw-buffered"));
    let what = "buffered 128 B: rate / BLAKE3, CRC32C and one copy alone".to_owned();
    verdicts.push(verdict(what, Goal::AtLeast(0.85), rate(ours), rate(limit)));
    verdicts
}

fn reads(rows: &Rows<'_>) -> Vec<Verdict> {
    let size = crate::plan::RECORD_BYTES;
    let best = rows
        .cell(Work::Replay, size, 1)
        .filter(|row| row.is_peer() && row.promise.checksums)
        .max_by(|a, b| a.median.total_cmp(&b.median));
    let mut verdicts = vec![
        verdict(
            format!("replay: rate / {}", best.map_or("best checksumming peer", |best| best.who)),
            Goal::AtLeast(3.5),
            rate(rows.ours(Work::Replay, size, 1)),
            rate(best),
        ),
        verdict(
            "replay with hashes: rate / BLAKE3 alone on all cores".to_owned(),
            Goal::AtLeast(0.9),
            rate(rows.ours(Work::ReplayHash, size, 1)),
            rate(rows.who(Work::ReplayHash, size, 1, "raw-blake3")),
        ),
    ];
    let opened = [1_u64 << 30, 10 << 30].map(|bytes| rate(rows.ours(Work::Open, bytes, 1)));
    for (gib, millis) in [1, 10].into_iter().zip(opened) {
        verdicts.push(verdict(format!("open of {gib} GiB: ms"), Goal::AtMost(25.0), millis, Some(1.0)));
    }
    // "The same" for two medians of a few milliseconds.
    verdicts.push(verdict("open: 10 GiB / 1 GiB".to_owned(), Goal::AtMost(1.5), opened[1], opened[0]));
    verdicts
}

fn space(rows: &Rows<'_>) -> Vec<Verdict> {
    let payload = 128;
    [(Work::Bytes, "alone", 1.65), (Work::BytesBatch, "in batches", 1.35)]
        .map(|(work, how, goal)| {
            let what = format!("bytes of a {payload} B record {how} / payload");
            verdict(what, Goal::AtMost(goal), rate(rows.ours(work, payload, 1)), Some(payload as f64))
        })
        .to_vec()
}

fn neighbours(rows: &Rows<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for work in [Work::DurableHogs, Work::DurableThink] {
        for threads in [2, 8, 64] {
            let (ours, plain) = (rows.ours(work, 128, threads), rows.who(work, 128, threads, "raw-group"));
            let what = format!("{} 128 B x {threads}: rate / raw-group", work.name());
            verdicts.push(verdict(what, Goal::AtLeast(0.9), rate(ours), rate(plain)));
        }
    }
    verdicts
}

#[cfg(test)]
mod tests;
