//! Runs the plan: round robin over the contenders, each repetition in a process and a directory of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::contender::Contender;
use crate::outcome::Outcome;
use crate::plan::{Group, Scale};
use crate::row::{self, Row};
use crate::sample::Sample;
use crate::work::Work;

/// Space that must be left when a log has been written.
const SPARE_BYTES: u64 = 2 << 30;

/// Measures all groups below `dir` and leaves it as empty as it was.
pub(crate) fn all(groups: &[Group], scale: &Scale, dir: &Path) -> Outcome<Vec<Row>> {
    let dir = dir.join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    // A path with symbolic links or `..` in it would be another one for a peer that resolves it.
    let dir = dir.canonicalize()?;
    let rows = groups.iter().map(|group| measure(group, scale, &dir)).collect::<Outcome<Vec<_>>>();
    fs::remove_dir_all(&dir)?;
    Ok(rows?.concat())
}

fn measure(group: &Group, scale: &Scale, dir: &Path) -> Outcome<Vec<Row>> {
    let Group { work, size, threads, .. } = *group;
    progress(&format!("{} {size} B x {threads}", work.name()));
    let bytes = match work {
        Work::Open => size,
        _ => scale.replay_bytes,
    };
    let here = if work.is_prepared() { prepare(group, bytes, dir)? } else { group.contenders.clone() };
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); here.len()];
    let repeat = if work.is_exact() { 1 } else { scale.repeat };
    for _ in 0..repeat {
        for (contender, samples) in here.iter().zip(&mut samples) {
            let place = place(dir, *contender);
            fs::create_dir_all(&place)?;
            let size = size.to_string();
            let (threads, millis) = (threads.to_string(), scale.window.as_millis().to_string());
            let mut arguments = vec!["--size", &size, "--threads", &threads, "--millis", &millis];
            let bytes = bytes.to_string();
            if work.is_prepared() {
                arguments.extend(["--bytes", &bytes]);
            }
            samples.push(Sample::parse(&cell(work, *contender, &place, &arguments)?)?);
            if !work.is_prepared() {
                fs::remove_dir_all(&place)?;
            }
        }
    }
    for contender in &here {
        let place = place(dir, *contender);
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
    }
    let rows = here.iter().zip(&samples).filter_map(|(contender, samples)| {
        row::of((work, size, threads), contender.name(), contender.promise(work), samples)
    });
    Ok(rows.collect())
}

/// Writes the logs that the group reads or opens, and says for whom there was room.
fn prepare(group: &Group, bytes: u64, dir: &Path) -> Outcome<Vec<&'static dyn Contender>> {
    let mut here = Vec::new();
    for contender in &group.contenders {
        if contender.needs_log(group.work) {
            let free = rustix::fs::statvfs(dir)?;
            let needed = bytes + bytes / 4 + SPARE_BYTES;
            if free.f_bavail * free.f_frsize < needed {
                progress(&format!("  {} left out: it takes {needed} bytes of free space", contender.name()));
                continue;
            }
            let place = place(dir, *contender);
            fs::create_dir_all(&place)?;
            let bytes = bytes.to_string();
            let arguments =
                ["--size", "0", "--threads", "1", "--millis", "0", "--bytes", &bytes, "--prepare"];
            cell(group.work, *contender, &place, &arguments)?;
        }
        here.push(*contender);
    }
    Ok(here)
}

fn place(dir: &Path, contender: &dyn Contender) -> PathBuf {
    dir.join(contender.name())
}

/// Runs one cell in a process of its own and returns what it printed.
fn cell(work: Work, contender: &dyn Contender, place: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(["cell", "--work", work.name(), "--who", contender.name(), "--dir"])
        .arg(place)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} of {} ended with {}", work.name(), contender.name(), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
