//! Instructions of the hot paths, counted by callgrind and compared with what is on record.
//!
//! ```text
//!   (instructions of 3 times - instructions of once) / 2 / records -> per record -> crates/bench/counts.json
//! ```
//!
//! Unlike times, they are the same on a busy machine. All threads count; the kernel does not. The difference of two runs
//! leaves out whatever comes before and after.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum as _};
use serde_json::Value;

use crate::hot::{HotPath, MOST_TIMES};
use crate::outcome::Outcome;

/// Where counts are on record.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.json");

/// How to accept new counts.
const ACCEPT: &str = "cargo run --release -p annals-bench -- counts --accept";

/// By path: instructions per record, and by how many percent they may be off, more or fewer.
type Counted<'c> = BTreeMap<&'c str, (u64, u64)>;

/// Counts instructions per record of the hot paths.
#[derive(Args)]
pub(crate) struct Counts {
    /// Put what is counted on record, and compare with nothing.
    #[arg(long)]
    accept: bool,
}

impl Counts {
    /// Counts, and compares or records.
    pub(crate) fn run(&self) -> Outcome<()> {
        let mut counted = BTreeMap::new();
        for path in HotPath::value_variants() {
            counted.insert(path.name(), (per_record(*path)?, path.tolerance()));
        }
        if self.accept {
            return Ok(fs::write(RECORD, text(&counted))?);
        }
        let record: Value = serde_json::from_slice(&fs::read(RECORD)?)?;
        let (table, changed) = compare(&counted, &record);
        std::io::stdout().write_all(table.as_bytes())?;
        if changed.is_empty() { Ok(()) } else { Err(changed.into()) }
    }
}

/// The counts as they are recorded.
fn text(counted: &Counted<'_>) -> String {
    let lines: Vec<String> =
        counted.iter().map(|(name, (count, _))| format!("  \"{name}\": {count}")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// All counts as a table, and what is to be said about those that changed: nothing, if none did.
fn compare(counted: &Counted<'_>, record: &Value) -> (String, String) {
    let mut table = format!("{:<14} {:>9} {:>9} {:>8}\n", "instructions", "recorded", "counted", "change");
    let mut changed = String::new();
    for (name, (count, tolerance)) in counted {
        let Some(recorded) = record.get(name).and_then(Value::as_u64) else {
            let _ = writeln!(
                changed,
                "{name}: {count} instructions per record, none on record; accept: {ACCEPT}"
            );
            continue;
        };
        let percent = (*count as f64 / recorded.max(1) as f64 - 1.0) * 100.0;
        let _ = writeln!(table, "{name:<14} {recorded:>9} {count:>9} {percent:>7.1}%");
        if count.abs_diff(recorded) * 100 > recorded * tolerance {
            let why = if percent > 0.0 { "find out why, or accept" } else { "keep the gain: accept" };
            let _ = writeln!(
                changed,
                "{name}: {count} instructions per record, {recorded} on record ({percent:+.1} %, {tolerance} % is \
                 allowed); {why}: {ACCEPT}, and commit crates/bench/counts.json"
            );
        }
    }
    (table, changed)
}

fn per_record(path: HotPath) -> Outcome<u64> {
    let (once, most) = (instructions(path, 1)?, instructions(path, MOST_TIMES)?);
    let work = most.checked_sub(once).ok_or("more work took fewer instructions")?;
    let records = path.records() * u64::from(MOST_TIMES - 1);
    Ok((work + records / 2) / records)
}

/// The instructions of a process that takes this path so many times.
fn instructions(path: HotPath, times: u32) -> Outcome<u64> {
    let out = out_file();
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        // Without it glibc clears and copies with one `rep` instruction, which valgrind counts once a byte.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS")
        .args(["hot", "--path", path.name(), "--times", &times.to_string()])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("valgrind does not start: {error}; install it, as .ci/run does"))?;
    let counted = fs::read_to_string(&out);
    let _ = fs::remove_file(&out);
    if !status.success() {
        return Err(format!("{}: ended with {status} under valgrind", path.name()).into());
    }
    total(&counted?).ok_or_else(|| "callgrind wrote no total".into())
}

fn out_file() -> PathBuf {
    Path::new(&std::env::temp_dir()).join(format!("annals-bench-callgrind-{}", std::process::id()))
}

/// The total of a file of callgrind's: the first number after `summary:` or `totals:`.
fn total(file: &str) -> Option<u64> {
    let after =
        |line: &str| line.strip_prefix("summary:").or(line.strip_prefix("totals:")).map(str::to_owned);
    file.lines().find_map(after)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
