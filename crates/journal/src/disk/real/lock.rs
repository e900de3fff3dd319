//! The lock that a file stands for, and the words in it of who holds it.
//!
//!   taken -> words written          held by another -> its words, once they are its own
//!
//! The lock is the operating system's and ends with the process, however it ends; its words stay. So between the moment in
//! which a process has the lock and the one in which it has said so, the file is empty or names one that is dead.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::open_plain;
use crate::disk::Held;

/// How often who finds a lock taken looks for the holder's own words, and how long it waits in between: writing them takes
/// microseconds, but for a machine that is busy.
const LOOKS: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(1);
/// As much of the words as is read: the file may be anyone's.
const WORDS_BYTES: u64 = 1024;

#[derive(Debug)]
struct RealLock {
    file: File,
}

impl Held for RealLock {}

impl Drop for RealLock {
    fn drop(&mut self) {
        // Closing would do, but for a child process that was forked and has not become another program yet: it holds the
        // descriptor too.
        let _ = self.file.unlock();
    }
}

/// Takes the lock, or says in whose hands it is.
pub(super) fn take(path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
    let mut options = OpenOptions::new();
    let mut file = open_plain(path, options.read(true).write(true).create(true).truncate(false))?;
    let mut looks = 0;
    loop {
        match file.try_lock() {
            Ok(()) => {
                file.rewind()?;
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                return Ok(Box::new(RealLock { file }));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let words = words(&mut file)?;
        looks += 1;
        if are_of_a_holder(&words) || looks == LOOKS {
            let known = if words.is_empty() { "another process" } else { &words };
            return Err(io::Error::new(io::ErrorKind::WouldBlock, known));
        }
        std::thread::park_timeout(BETWEEN);
    }
}

fn words(file: &mut File) -> io::Result<String> {
    let mut words = Vec::new();
    file.rewind()?;
    file.take(WORDS_BYTES).read_to_end(&mut words)?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}

/// Whether words may be those of who holds the lock: they do not name a process that is gone.
fn are_of_a_holder(words: &str) -> bool {
    let Some(named) = words.strip_prefix("process ") else { return !words.is_empty() };
    let pid = named.split(' ').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

#[cfg(test)]
mod tests;
