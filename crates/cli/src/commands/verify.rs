//! `annals verify`: everything checked.
//!
//!   journal: every CRC, every BLAKE3, every seal -> store: every key against itself -> store against the journal

use std::time::Instant;

use annals::{Damage, Index, Step, Verified};
use serde::Serialize;

use super::Context;
use super::log_walk::tell_damage;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, Size, counted, seconds};
use crate::output::{self, Output};
use crate::progress::Progress;

/// The most damaged keys that people are told of one by one.
const SHOWN: usize = 20;

/// Nothing to choose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals verify
  annals verify --json

Reads the whole journal twice and the whole store once. Exit code 4: something does not verify; it \
is listed. What is wrong with the store only, `annals rebuild` mends.")]
pub(crate) struct Args {}

/// What was found, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    records: u64,
    bytes: u64,
    damaged: Vec<Range>,
    index: IndexReport,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

/// What was found in the store.
#[derive(Debug, Default, Serialize)]
struct IndexReport {
    ok: bool,
    /// Records of the journal that were looked up in the store.
    compared: u64,
    /// Keys that are not as they should be, the first thousand of each check.
    damaged: Vec<Key>,
    /// How many such keys there are.
    damaged_total: u64,
    /// What else is wrong.
    differing: Vec<String>,
    /// One line that is the same for two stores that hold the same; none if the store cannot be used.
    digest: Option<String>,
    /// Why the store cannot be used.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    key: String,
    detail: String,
}

/// Checks it.
pub(crate) fn run(_args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut progress = Progress::of_steps(Some(100));
    let verified = annals::verify_at(context.place.path(), &mut |step, done, all| {
        let (name, share) = match step {
            Step::Journal => ("the journal's checksums and hashes", 0),
            Step::Store => ("the store's keys", 1),
            Step::Comparison => ("the store against the journal", 2),
        };
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100).min(100);
        progress.update((share * 100 + percent) / 3, None, || name.to_owned());
    })?;
    drop(progress);
    let report = Report::of(verified, seconds(begun.elapsed()));
    // What was found says more than whether somebody still listened.
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    verdict(&report).and(shown)
}

/// How the check ended.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.ok {
        return Ok(());
    }
    let journal = counted(report.damaged.len() as u64, "range");
    let message = match (report.damaged.is_empty(), report.index.ok) {
        (false, true) => format!("damage found in the journal: {journal}"),
        (false, false) => format!("damage found in the journal ({journal}) and in the store"),
        (true, _) => "the store is not what the journal says".to_owned(),
    };
    let failure = Failure::new(Code::Damaged, message);
    if report.damaged.is_empty() {
        return Err(failure.with_help("`annals rebuild` makes the store anew; the journal is sound"));
    }
    Err(failure.with_help("what can still be read, `annals export` writes; put the journal back from a copy"))
}

impl Report {
    fn of(verified: Verified, seconds: f64) -> Self {
        let ok = verified.is_ok();
        let range =
            |damage: Damage| Range { offset: damage.offset.get(), len: damage.len, detail: damage.detail };
        Self {
            ok,
            records: verified.journal.records,
            bytes: verified.journal.bytes,
            index: IndexReport::of(verified.index),
            damaged: verified.journal.damaged.into_iter().map(range).collect(),
            seconds,
        }
    }
}

impl IndexReport {
    fn of(index: Index) -> Self {
        let mut report = Self { ok: index.is_ok(), ..Self::default() };
        match index {
            Index::Checked { walk, compared } => {
                report.digest = Some(walk.digests.to_string());
                report.differing.extend(
                    walk.differing()
                        .iter()
                        .map(|family| format!("the store's own sum over its {family} does not hold")),
                );
                if walk.counts != walk.stored_counts {
                    report.differing.push("the store's own counts do not hold".to_owned());
                }
                let mut keys = walk.damaged;
                report.damaged_total = walk.damaged_total;
                match compared {
                    Err(reason) => {
                        report.differing.push(format!("the journal could not be read to its end: {reason}"));
                    }
                    Ok(compared) => {
                        report.compared = compared.records;
                        report.differing.extend(
                            compared
                                .differing()
                                .iter()
                                .map(|family| format!("journal and store differ in their {family}")),
                        );
                        if compared.counts != compared.stored_counts {
                            report.differing.push("journal and store count differently".to_owned());
                        }
                        report.damaged_total += compared.damaged_total;
                        keys.extend(compared.damaged);
                    }
                }
                report.damaged =
                    keys.into_iter().map(|key| Key { key: key.key, detail: key.detail }).collect();
            }
            Index::Unusable(reason) => report.error = Some(reason),
            _ => report.error = Some("the check said what this version does not know".to_owned()),
        }
        report
    }
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let verdict = |output: &Output, ok: bool| match ok {
        true => output.paint.green("sound").to_string(),
        false => output.paint.red("damaged").to_string(),
    };
    let journal = verdict(output, report.damaged.is_empty());
    output.line(format_args!(
        "journal  {journal}  {} verify, {} read",
        counted(report.records, "record"),
        Size(report.bytes)
    ))?;
    output.flush()?;
    for Range { offset, len, detail } in &report.damaged {
        let damage = Damage { offset: annals::Offset::new(*offset), len: *len, detail: detail.clone() };
        tell_damage(&damage, false, None);
    }
    let index = &report.index;
    let store = verdict(output, index.ok);
    output.line(format_args!(
        "store    {store}  {} compared with the journal",
        counted(index.compared, "record")
    ))?;
    output.flush()?;
    let red = output::stderr_paint(false);
    for wrong in index.error.iter().chain(&index.differing) {
        output::say(format_args!("{} {}", red.red("store:"), Shown(wrong)));
    }
    for Key { key, detail } in index.damaged.iter().take(SHOWN) {
        output::say(format_args!("{} {}: {}", red.red("damaged:"), Shown(key), Shown(detail)));
    }
    let told = index.damaged.len().min(SHOWN) as u64;
    if index.damaged_total > told {
        output::say(format_args!(
            "… and {} more; --json lists more of them",
            Count(index.damaged_total - told)
        ));
    }
    Ok(())
}
