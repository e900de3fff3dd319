//! Putting bytes at the end of a file: all of them, or none.
//!
//! ```text
//!   length before -> one write -> sync -> done
//!                      `- short, or refused: what is there of it is cut off again
//! ```

use std::fs::File;
use std::io::{self, Write};

/// A file that is appended to, under a lock that keeps every other writer away.
pub(super) trait Appendable {
    /// Writes some of `bytes` at the end, and says how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// How long the file is.
    fn len(&self) -> io::Result<u64>;
    /// Cuts the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes data and length durable.
    fn sync(&self) -> io::Result<()>;
}

impl Appendable for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        Write::write(&mut file, bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Why bytes were not put there.
#[derive(Debug)]
pub(super) enum Failed {
    /// They were not, and nothing of them is left.
    Undone(io::Error),
    /// They were not, but some are left, and no newline behind them: whoever comes next seals them off.
    Left(io::Error),
    /// They are there, and it is unknown whether they, and what came before them, are durable.
    Unsynced(io::Error),
}

/// Appends all of `bytes`, which end with a newline and have `before` in front of them in the file.
pub(super) fn commit(file: &dyn Appendable, before: u64, bytes: &[u8], durable: bool) -> Result<(), Failed> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return Err(undo(file, before, done, io::ErrorKind::WriteZero.into())),
            // The rest is tried once more: the answer says why it does not fit.
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(undo(file, before, done, error)),
        }
    }
    if durable && let Err(error) = file.sync() {
        return Err(Failed::Unsynced(error));
    }
    Ok(())
}

/// Cuts off what was written, if nothing else has come behind it: a program that knows no lock may have written, too.
fn undo(file: &dyn Appendable, before: u64, done: usize, cause: io::Error) -> Failed {
    match file.len() {
        Ok(len) if len == before => Failed::Undone(cause),
        Ok(len) if len == before + done as u64 => match file.set_len(before) {
            Ok(()) => Failed::Undone(cause),
            Err(_) => Failed::Left(cause),
        },
        _ => Failed::Left(cause),
    }
}

#[cfg(test)]
mod tests;
