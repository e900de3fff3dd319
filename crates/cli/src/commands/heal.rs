//! `annals heal`: what is damaged in journal or store, restored from the other.
//!
//!   found -> named, with where it would come from | --yes: restored, and what is left named

use annals::parts::{HealedKey, StoreDamage};
use annals::{Damage, HealStep, Healed, StoreHealed};
use serde::Serialize;

use super::Context;
use super::log::{how, known};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, counted};
use crate::output::{self, Output};
use crate::progress::Progress;

/// The most places or keys that people are told of one by one.
const SHOWN: usize = 20;

/// Whether it is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals heal          names what is damaged, and from where it would be restored
  annals heal --yes    restores it
  annals heal --json   the same for scripts

Journal and store each hold the bytes of every assertion, vote and epoch. What is damaged in the journal comes \
from the store, by its id; what is damaged in the store, from the journal: and only bytes whose BLAKE3 proves them. \
What was damaged is kept in quarantine. Nothing is given up: what neither side has stays as it is, is named, and \
makes the exit code 4; `annals log salvage` lists it as lost, so that the journal goes on. Subjects and other keys of \
the index are no bytes that prove themselves: `annals rebuild` makes them anew. A store of which a file does not verify \
is built anew, if the journal is whole. Reads journal and store whole. Exit \
code 4 also: there is damage, and --yes was not given.")]
pub(crate) struct Args {
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// What was restored, or would be, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    applied: bool,
    /// Whether nothing is left damaged, once it is done.
    sound: bool,
    journal: JournalReport,
    store: StoreReport,
}

#[derive(Debug, Serialize)]
struct JournalReport {
    mended: Vec<Mended>,
    lost: Vec<Lost>,
    /// Whether a store that is built from it lacks nothing.
    whole: bool,
}

#[derive(Debug, Serialize)]
struct Mended {
    offset: u64,
    file: String,
    pos: u64,
    bytes: u64,
    how: &'static str,
}

#[derive(Debug, Serialize)]
struct Lost {
    offset: u64,
    len: u64,
    detail: String,
}

#[derive(Debug, Serialize)]
struct StoreReport {
    healed: Vec<Key>,
    healed_total: u64,
    damaged: Vec<DamagedKey>,
    damaged_total: u64,
    differing: Vec<&'static str>,
    /// Why it cannot be used or read whole; null if it can.
    error: Option<String>,
    /// The generation that was built in its place; null if none was.
    rebuilt: Option<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    key: String,
    id: String,
    offset: u64,
    from: u64,
    detail: &'static str,
}

#[derive(Debug, Serialize)]
struct DamagedKey {
    key: String,
    detail: String,
}

/// Says what is damaged, and restores it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let mut progress = Progress::of_steps(Some(100));
    let healed = annals::heal(context.place.path(), args.yes, &mut |step, done, all| {
        let (name, share) = match step {
            HealStep::Journal => ("the journal, and what it lacks in the store", 0),
            HealStep::Store => ("the store, and what it lacks in the journal", 1),
            HealStep::Check => ("what is left", 2),
            HealStep::Rebuild => ("the store, anew from the journal", 2),
        };
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(0).min(100);
        progress.update((share * 100 + percent) / 3, None, || name.to_owned());
    })?;
    drop(progress);
    let report = Report::from(&healed);
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    // What was found says more than whether somebody still listened.
    verdict(&healed).and(shown)
}

/// How it ended.
fn verdict(healed: &Healed) -> Result<(), Failure> {
    let Healed { applied, journal, store, .. } = healed;
    let is_done = *applied || healed.is_empty();
    if healed.is_all() {
        if is_done {
            return Ok(());
        }
        let message = "there is damage that can be restored, and nothing was done about it";
        return Err(Failure::new(Code::Damaged, message).with_help("`annals heal --yes` restores it"));
    }
    let mut help = Vec::new();
    if !is_done && (!journal.mended.is_empty() || store.healing.healed_total > 0) {
        help.push("`annals heal --yes` restores what can be");
    }
    if !journal.lost.is_empty() {
        help.push("put a good copy of the journal back, if there is one; else `annals log salvage` lists what is lost, and the journal goes on");
    }
    if !*applied && store.unreadable && journal.whole {
        let message = "the store cannot be read, and nothing was done about it";
        let help = "`annals heal --yes` builds it anew from the journal, which is whole";
        return Err(Failure::new(Code::Damaged, message).with_help(help));
    }
    let message = match (journal.lost.is_empty(), store.is_sound()) {
        (false, true) => "neither side has what is damaged in the journal",
        (false, false) => {
            "not everything can be restored: neither side has what is damaged in the journal, and the store is damaged, too"
        }
        _ if store.unusable.is_some() => "the store cannot be used",
        _ => "the store has damage that no bytes of the journal restore",
    };
    if !store.is_sound() {
        // One that can be read is compared with the new one, and differs.
        help.push(if journal.whole && store.unusable.is_some() {
            "`annals rebuild` makes the store anew from the journal, which is whole"
        } else if journal.whole {
            "`annals rebuild --accept` makes the store anew from the journal, which is whole"
        } else {
            "`annals rebuild --accept` makes the store anew, but without what the journal has no more: keep a copy of the store first"
        });
    }
    Err(Failure::new(Code::Damaged, message).with_help(help.join("; ")))
}

impl From<&Healed> for Report {
    fn from(healed: &Healed) -> Self {
        let Healed { applied, journal, store, .. } = healed;
        let mended = journal.mended.iter().map(|mending| Mended {
            offset: mending.offset.get(),
            file: mending.path.display().to_string(),
            pos: mending.pos,
            bytes: mending.bytes.len() as u64,
            how: how(mending.how),
        });
        let lost = |damage: &Damage| {
            let Damage { offset, len, detail } = damage;
            Lost { offset: offset.get(), len: *len, detail: detail.clone() }
        };
        let key = |healed: &HealedKey| Key {
            key: healed.key.clone(),
            id: healed.id.to_string(),
            offset: healed.offset.get(),
            from: healed.from.get(),
            detail: healed.detail,
        };
        let damaged =
            |damage: &StoreDamage| DamagedKey { key: damage.key.clone(), detail: damage.detail.clone() };
        Self {
            applied: *applied,
            sound: healed.is_all(),
            journal: JournalReport {
                mended: mended.collect(),
                lost: journal.lost.iter().map(lost).collect(),
                whole: journal.whole,
            },
            store: StoreReport {
                healed: store.healing.healed.iter().map(key).collect(),
                healed_total: store.healing.healed_total,
                damaged: store.damaged.iter().map(damaged).collect(),
                damaged_total: store.damaged_total,
                differing: differing(store),
                error: store.unusable.clone(),
                rebuilt: store.rebuilt.clone(),
            },
        }
    }
}

/// What does not come to what stands beside the cursor.
fn differing(store: &StoreHealed) -> Vec<&'static str> {
    let counts = !store.sums_hold && store.unusable.is_none() && store.differing.is_empty();
    let families = store.differing.iter().map(|family| family.name());
    families.chain(counts.then_some("counts")).collect()
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let Report { applied, journal, store, .. } = report;
    let verb = if *applied { "restored" } else { "can be restored" };
    let (mended, healed) = (journal.mended.len() as u64, store.healed_total);
    output.line(format_args!("journal  {verb}: {}", counted(mended, "place")))?;
    for Mended { offset, bytes, how, file, .. } in journal.mended.iter().take(SHOWN) {
        output.line(format_args!("  offset {offset}, {bytes} bytes: {} ({})", known(how), Shown(file)))?;
    }
    more(mended, output)?;
    for Lost { offset, len, detail } in &journal.lost {
        let range = format!("lost: offset {offset} to {}, {len} bytes", offset.saturating_add(*len));
        output.line(format_args!("  {}: {}", output.paint.red(range), Shown(detail)))?;
    }
    output.line(format_args!("store    {verb}: {}", counted(healed, "key")))?;
    for Key { key, from, detail, .. } in store.healed.iter().take(SHOWN) {
        output.line(format_args!("  {}: {detail}; the journal has it at offset {from}", Shown(key)))?;
    }
    more(healed, output)?;
    for DamagedKey { key, detail } in store.damaged.iter().take(SHOWN) {
        let key = format!("damaged: {}", Shown(key));
        output.line(format_args!("  {}: {}", output.paint.red(key), Shown(detail)))?;
    }
    more(store.damaged_total, output)?;
    for wrong in &store.differing {
        output.line(format_args!("  {}", output.paint.red(format!("the sums do not hold: {wrong}"))))?;
    }
    if let Some(rebuilt) = &store.rebuilt {
        output.line(format_args!("  it could not be read, and was built anew: {rebuilt}"))?;
    }
    if let Some(reason) = &store.error {
        output.line(format_args!("  {}", output.paint.red(Shown(reason))))?;
    }
    if report.sound && mended + healed == 0 {
        output.line(format_args!("{}  there is nothing to heal", output.paint.green("sound")))?;
    } else if report.sound && *applied {
        output.line(format_args!("{}  nothing is left damaged", output.paint.green("sound")))?;
    } else if !*applied && mended + healed > 0 {
        output.flush()?;
        output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
    }
    output.flush()
}

/// Says how many there are beyond those that were named.
fn more(total: u64, output: &mut Output) -> Result<(), Failure> {
    match total.saturating_sub(SHOWN as u64) {
        0 => Ok(()),
        more => output.line(format_args!("  … and {} more; --json lists more of them", Count(more))),
    }
}
