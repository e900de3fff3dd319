//! Making a segment whole: under another name first, then under its own, unless that is taken.
//!
//! ```text
//!   mkdir session -> write .{segment}.*.tmp -> sync -> rename, never over another -> sync session -> sync root
//! ```
//!
//! A crash leaves the segment with all its entries, or a temporary file that nobody reads.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use annals_journal::disk::{open_plain, sync_directory};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::layout::Layout;
use crate::error::at;
use crate::{SegmentId, SessionId, StoreError};

/// Makes the segment of these lines.
pub(super) fn make(
    layout: &Layout,
    session: SessionId,
    segment: SegmentId,
    lines: &[u8],
    durable: bool,
) -> Result<(), StoreError> {
    let dir = match layout.session_dir(session)? {
        Some(dir) => dir,
        None => {
            make_directory(&layout.session(session))?;
            layout.session_dir(session)?.ok_or(StoreError::NotFound(segment))?
        }
    };
    let path = layout.log(session, segment);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(StoreError::Exists(segment));
    }
    let temporary = dir.join(format!(".{segment}.{:016x}.tmp", fastrand::u64(..)));
    let made = write(&temporary, lines, durable).and_then(|()| {
        renameat_with(CWD, &temporary, CWD, &path, RenameFlags::NOREPLACE)
            .map_err(|errno| at("make", &path)(errno.into()))
    });
    if let Err(error) = made {
        // What is left of it is in nobody's way.
        let _ = fs::remove_file(&temporary);
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Err(StoreError::Exists(segment));
        }
        return Err(error.into());
    }
    if durable && let Err(error) = sync_names(layout, &dir) {
        // It is there, and may not be after a power cut.
        return Err(StoreError::Poisoned { path, reason: format!("its name may not be durable ({error})") });
    }
    Ok(())
}

/// Makes the names of a session's segments durable, and its own.
pub(super) fn sync_names(layout: &Layout, dir: &Path) -> io::Result<()> {
    for dir in [dir, &layout.root] {
        sync_directory(dir).map_err(at("sync", dir))?;
    }
    Ok(())
}

fn write(path: &Path, lines: &[u8], durable: bool) -> io::Result<()> {
    let mut file =
        open_plain(path, OpenOptions::new().write(true).create_new(true)).map_err(at("create", path))?;
    file.write_all(lines).map_err(at("write", path))?;
    if durable { file.sync_all().map_err(at("sync", path)) } else { Ok(()) }
}

/// Makes a directory, its owner's alone; one that is there is fine.
pub(super) fn make_directory(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at("create", dir))
}
