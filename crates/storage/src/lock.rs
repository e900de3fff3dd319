//! One process owns a store: the lock on its directory, and who holds it.
//!
//! The lock is the operating system's and ends with the process, however it ends. What stands in the file is only for
//! people to read.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::{Error, plain};

/// The file that is locked.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// As much of it as is read: it may be anyone's.
const HOLDER_BYTES: u64 = 64;

/// A held lock; dropping it lets go.
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a child process that was forked and has not become another program yet: it holds the
        // descriptor too.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a store's directory, or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(LOCK_FILE);
        let mut file = plain::open_or_create(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: directory.to_owned(), holder: holder(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
        }
        let holder = format!("process {}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(Error::io("write", &path))?;
        Ok(Self { file })
    }
}

/// Who has written into a lock file.
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES).read_to_string(&mut text);
    match (read, text.trim()) {
        (Ok(_), holder) if holder.starts_with("process ") => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}
