//! Where things lie under a root, and which names are ours.
//!
//! ```text
//!   {root}/{session}/{segment}.jsonl          a log
//!   {root}/{session}/{segment}.trace.jsonl    the trace beside it
//!   {root}/{session}/.{segment}.*.tmp         a segment that is being made
//!   {root}/.by-segment                        which session a segment is in; derived, may be deleted
//!   {root}/.deleted-{session}.*               a session that is being deleted
//! ```
//!
//! Whatever else lies there is left alone. A session is a directory and a log a plain file: a symbolic link is neither.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::at;
use crate::{SegmentId, SessionId};

pub(super) const BY_SEGMENT: &str = ".by-segment";
pub(super) const DELETED: &str = ".deleted-";

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn session(&self, session: SessionId) -> PathBuf {
        self.root.join(session.to_string())
    }

    pub(super) fn log(&self, session: SessionId, segment: SegmentId) -> PathBuf {
        self.session(session).join(format!("{segment}.jsonl"))
    }

    pub(super) fn trace(&self, session: SessionId, segment: SegmentId) -> PathBuf {
        self.session(session).join(format!("{segment}.trace.jsonl"))
    }

    /// The directory of a session, if it is one.
    pub(super) fn session_dir(&self, session: SessionId) -> io::Result<Option<PathBuf>> {
        let dir = self.session(session);
        match fs::symlink_metadata(&dir) {
            Ok(found) if found.is_dir() => Ok(Some(dir)),
            Ok(_) => Err(at("use", &dir)(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no directory (a symbolic link is not followed): it is not touched",
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at("look at", &dir)(error)),
        }
    }

    /// The sessions, in any order.
    pub(super) fn sessions(&self) -> io::Result<Vec<SessionId>> {
        let mut sessions = Vec::new();
        each(&self.root, &mut |entry, name| {
            if let Some(session) = SessionId::from_name(name)
                && entry.file_type()?.is_dir()
            {
                sessions.push(session);
            }
            Ok(())
        })?;
        Ok(sessions)
    }

    /// The segments of a session, in any order, with when each was last written to, in milliseconds since the epoch.
    pub(super) fn segments(&self, session: SessionId, times: bool) -> io::Result<Vec<(SegmentId, u64)>> {
        let mut segments = Vec::new();
        let Some(dir) = self.session_dir(session)? else { return Ok(segments) };
        each(&dir, &mut |entry, name| {
            if let Some(segment) = name.strip_suffix(".jsonl").and_then(SegmentId::from_name)
                && entry.file_type()?.is_file()
            {
                segments.push((segment, if times { millis(&entry.metadata()?)? } else { 0 }));
            }
            Ok(())
        })?;
        Ok(segments)
    }
}

/// When a file was last written to, in milliseconds since the epoch.
fn millis(found: &fs::Metadata) -> io::Result<u64> {
    let since = found.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Shows the entries of a directory whose names are text; none if it is not there. What goes while it is looked at is passed
/// over.
pub(super) fn each(dir: &Path, show: &mut dyn FnMut(&DirEntry, &str) -> io::Result<()>) -> io::Result<()> {
    let listed = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(at("list", dir))?,
    };
    for entry in listed {
        let entry = entry.map_err(at("list", dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        match show(&entry, name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("look at", &entry.path())(error));
            }
            _ => {}
        }
    }
    Ok(())
}
