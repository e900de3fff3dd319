//! What this process has cost so far, as the kernel counts it.

use std::fs;

use crate::outcome::Outcome;

/// Bytes that this process, all its threads together, has had written to the disk.
pub(crate) fn written_bytes() -> Outcome<u64> {
    number("/proc/self/io", "write_bytes:")
}

/// The most memory this process has had at once, in bytes.
pub(crate) fn peak_bytes() -> Outcome<u64> {
    Ok(number("/proc/self/status", "VmHWM:")? * 1024)
}

fn number(file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("{file} has no {name}").into())
}
