//! Which session a segment is in, without looking through all of them: a file beside the sessions, derived from them.
//!
//! ```text
//!   segment:16 session:16 crc32c:4   segment:16 session:16 crc32c:4   ...
//! ```
//!
//! A segment is entered before it is made, so whatever this crate has made is found here; an entry is a hint, and is believed
//! once the file it names is there. What another program has made is found by asking each session, once, and entered then.
//! Two processes append under a lock and read on where they stopped. It is never synced, and may be deleted at any time.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use annals_journal::disk::open_plain;

use crate::{SegmentId, SessionId};

const RECORD: usize = 36;

#[derive(Debug)]
pub(super) struct Places {
    path: PathBuf,
    known: HashMap<SegmentId, SessionId>,
    /// The file that was read, and how far.
    read: (u64, u64),
}

impl Places {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, known: HashMap::new(), read: (0, 0) }
    }

    /// Where a segment was entered. The caller looks whether it is there.
    pub(super) fn find(&mut self, segment: SegmentId) -> Option<SessionId> {
        if let Err(error) = self.catch_up() {
            tracing::debug!(%error, path = %self.path.display(), "the list of segments cannot be read");
        }
        self.known.get(&segment).copied()
    }

    /// Enters a segment. A hint that cannot be written costs the next one who asks a longer look.
    pub(super) fn enter(&mut self, segment: SegmentId, session: SessionId) {
        if self.known.insert(segment, session) == Some(session) {
            return;
        }
        let mut record = [0; RECORD];
        record[..16].copy_from_slice(segment.as_bytes());
        record[16..32].copy_from_slice(session.as_bytes());
        let crc = crc32c::crc32c(&record[..32]);
        record[32..].copy_from_slice(&crc.to_le_bytes());
        if let Err(error) = self.append(&record) {
            tracing::debug!(%error, path = %self.path.display(), "the list of segments cannot be written");
        }
    }

    fn append(&self, record: &[u8]) -> io::Result<()> {
        let mut file = open_plain(&self.path, OpenOptions::new().read(true).append(true).create(true))?;
        file.lock()?;
        // What a crash has left of a record would put all that follow out of step.
        let len = file.metadata()?.len();
        let whole = len - len % RECORD as u64;
        if whole < len {
            file.set_len(whole)?;
        }
        if let Err(error) = file.write_all(record) {
            file.set_len(whole)?;
            return Err(error);
        }
        Ok(())
    }

    fn catch_up(&mut self) -> io::Result<()> {
        let mut file = match open_plain(&self.path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let found = file.metadata()?;
        if self.read.0 != found.ino() || found.len() < self.read.1 {
            self.read = (found.ino(), 0);
        }
        if found.len() - self.read.1 < RECORD as u64 {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read.1))?;
        self.read_on(BufReader::new(file), found.len())
    }

    fn read_on(&mut self, mut reader: BufReader<File>, len: u64) -> io::Result<()> {
        let mut record = [0; RECORD];
        while self.read.1 + RECORD as u64 <= len {
            reader.read_exact(&mut record)?;
            self.read.1 += RECORD as u64;
            let (mut segment, mut session, mut crc) = ([0; 16], [0; 16], [0; 4]);
            segment.copy_from_slice(&record[..16]);
            session.copy_from_slice(&record[16..32]);
            crc.copy_from_slice(&record[32..]);
            if crc32c::crc32c(&record[..32]) == u32::from_le_bytes(crc) {
                self.known.insert(SegmentId::from_bytes(segment), SessionId::from_bytes(session));
            }
        }
        Ok(())
    }
}
