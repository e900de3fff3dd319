//! The files of a log, whoever wrote them: read once to be warm, measured from first to last byte that is not zero.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::outcome::Outcome;

const CHUNK: usize = 1 << 20;

/// All plain files below `dir`.
pub(crate) fn files(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Reads every file once, so that all of it is in the page cache, also what was written past it.
pub(crate) fn warm(dir: &Path) -> Outcome<()> {
    let mut buffer = vec![0; CHUNK];
    for path in files(dir)? {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

/// The bytes from the first to the last that is not zero, of all files together: what the log wrote, without what it
/// only reserved.
pub(crate) fn extent(dir: &Path) -> Outcome<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut sum = 0;
    for path in files(dir)? {
        let mut file = File::open(path)?;
        let (mut at, mut first, mut end) = (0, None, 0);
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            if let Some(last) = buffer[..n].iter().rposition(|byte| *byte != 0) {
                let here = buffer[..n].iter().position(|byte| *byte != 0).unwrap_or_default();
                first = first.or(Some(at + here as u64));
                end = at + last as u64 + 1;
            }
            at += n as u64;
        }
        sum += end - first.unwrap_or(end);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
