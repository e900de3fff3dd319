//! Who holds a lock, found out without trying it: who tries it writes its own name there, and keeps others out.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use annals::journal::disk::open_plain;

/// As much of a lock file as is read: it may be anything.
const WORDS_BYTES: u64 = 1024;

/// What the holder says of itself; none if nobody holds the lock, or the system does not say.
pub(crate) fn of(lock: &Path) -> Option<String> {
    let file = open_plain(lock, fs::File::options().read(true)).ok()?;
    let inode = file.metadata().ok()?.ino();
    let mut words = String::new();
    file.take(WORDS_BYTES).read_to_string(&mut words).ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().any(|line| is_held(line, inode, &words)).then_some(words)
}

/// Whether a line such as `1: FLOCK  ADVISORY  WRITE 1234 08:02:131074 0 EOF` is of this file, held by the process that
/// is named in it: the same number stands for other files on other devices.
fn is_held(line: &str, inode: u64, words: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", process, place, ..] = fields[..] else { return false };
    place.rsplit(':').next().and_then(|inode| inode.parse().ok()) == Some(inode)
        && words.split_whitespace().any(|word| word == process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_the_process_that_its_file_names() {
        let line = "1: FLOCK  ADVISORY  WRITE 1234 08:02:77 0 EOF";
        assert!(is_held(line, 77, "process 1234 (annals)"));
        assert!(!is_held(line, 77, "process 123 (annals)") && !is_held(line, 7, "process 1234 (annals)"));
        assert!(!is_held("1: POSIX  ADVISORY  WRITE 1234 08:02:77 0 EOF", 77, "process 1234 (annals)"));
        assert!(!is_held("", 77, "process 1234 (annals)"));
    }
}
