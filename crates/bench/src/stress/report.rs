//! How it goes, and how it went.

use std::io::Write as _;
use std::time::Duration;

use annals_journal::Log as _;
use serde_json::{Map, Value, json};

use super::Run;
use super::gauge::{Count, read};
use super::reader::Kind;
use crate::outcome::Outcome;

/// What happened how often. What is marked has to happen, or the run shows nothing.
pub(crate) struct Report {
    seconds: f64,
    lines: Vec<(&'static str, u64, bool)>,
}

impl Report {
    /// Of a run whose threads are done.
    pub(crate) fn new(run: &Run<'_>, time: Duration) -> Self {
        let (written, chores) = (&run.written, run.chores());
        let inside = run.options.inside();
        let all = |count: Count| run.gauges.iter().map(|gauge| gauge.get(count)).sum::<u64>();
        let gaps = |from: usize, to: usize| {
            run.gauges[from..to].iter().map(|gauge| gauge.get(Count::Gaps)).sum::<u64>()
        };
        let rolls = (run.journal.status().segments.len() as u64 + chores.purged_segments).saturating_sub(1);
        let has = |kind: Kind| (0..run.gauges.len()).any(|reader| Kind::of(reader, inside) == kind);
        let lines = vec![
            ("records", read(&written.records), true),
            ("bytes", read(&written.bytes), true),
            ("batches", read(&written.batches), true),
            ("larger than a segment", read(&written.oversized), true),
            ("appends on a condition", read(&written.conditional) + read(&written.conflicts), true),
            ("of them conflicts", read(&written.conflicts), run.options.writers > 1),
            ("appends made twice under a key", read(&written.repeated), true),
            ("records by tasks", read(&written.asynchronous), false),
            ("rolls", rolls, true),
            ("seals on request", chores.seals, true),
            ("purges", chores.purges, true),
            ("purged segments", chores.purged_segments, true),
            ("plans a cursor held back", chores.held_back, has(Kind::Slow)),
            ("plans refused as stale", chores.refused, false),
            ("scrub passes", run.journal.scrub_status().passes, true),
            ("bytes scrubbed", run.journal.scrub_status().bytes, true),
            ("passages", all(Count::Passages), true),
            ("records read", all(Count::Records), true),
            ("gaps named here", gaps(0, inside), inside > 2),
            ("gaps named in the other process", gaps(inside, run.gauges.len()), inside > 2),
            ("batches behind a cursor", all(Count::Held), has(Kind::Slow)),
            ("times found", all(Count::Seeks), has(Kind::Seek)),
        ];
        Self { seconds: time.as_secs_f64(), lines }
    }

    /// As a table, or as one JSON object.
    pub(crate) fn print(&self, as_json: bool) -> Outcome<()> {
        let text = if as_json {
            let mut object: Map<String, Value> =
                self.lines.iter().map(|(name, count, _)| (name.replace(' ', "_"), json!(count))).collect();
            object.insert("seconds".to_owned(), json!(self.seconds));
            format!("{}\n", Value::Object(object))
        } else {
            let lines = self.lines.iter().map(|(name, count, _)| format!("{count:>15}  {name}\n"));
            format!("{:>15.1}  seconds\n{}", self.seconds, lines.collect::<String>())
        };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }

    /// Whether everything happened that has to.
    pub(crate) fn check(&self) -> Outcome<()> {
        let never: Vec<&str> = self
            .lines
            .iter()
            .filter(|(_, count, must)| *must && *count == 0)
            .map(|(name, ..)| *name)
            .collect();
        if never.is_empty() {
            return Ok(());
        }
        Err(format!("nothing was broken, but these never happened: {}; run it longer", never.join(", "))
            .into())
    }
}

/// A line of how it goes.
pub(crate) fn progress(run: &Run<'_>, rate: f64) {
    let durable = run.journal.durable().get();
    let oldest = run.journal.bounds().map(|bounds| bounds.oldest.get()).unwrap_or_default();
    let chores = run.chores();
    let inside = run.options.inside();
    let lag = |reader: usize| {
        let behind = durable.saturating_sub(run.gauges[reader].get(Count::Position));
        format!("{} {:.1}", Kind::of(reader, inside).name(), behind as f64 / f64::from(1 << 20))
    };
    let lags: Vec<String> = (0..run.gauges.len()).map(lag).collect();
    let gaps: u64 = run.gauges.iter().map(|gauge| gauge.get(Count::Gaps)).sum();
    say(&format!(
        "{rate:.0} records/s, held {:.1} MiB, purged {} segments, {} scrub passes, {gaps} gaps; MiB behind: {}",
        durable.saturating_sub(oldest) as f64 / f64::from(1 << 20),
        chores.purged_segments,
        run.journal.scrub_status().passes,
        lags.join(", "),
    ));
}

pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
