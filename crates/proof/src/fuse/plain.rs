//! What a disk has, laid down in a plain directory, and taken up from one.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::image::Image;
use super::tree::Kept;

/// Lays it down where nothing is yet.
///
/// # Errors
/// As the file system says.
pub(crate) fn lay_down(kept: &Kept, at: &Path) -> io::Result<()> {
    match kept {
        Kept::Dir(names, mode) => {
            DirBuilder::new().mode(u32::from(*mode)).create(at)?;
            names.iter().try_for_each(|(name, kept)| lay_down(kept, &at.join(name)))
        }
        Kept::File(image, mode) => {
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(u32::from(*mode)).open(at)?;
            file.set_permissions(Permissions::from_mode(u32::from(*mode)))?;
            file.set_len(image.len())?;
            image.pages().try_for_each(|(pos, bytes)| file.write_all_at(bytes, pos))
        }
    }
}

/// Takes a directory up as what a disk has.
///
/// # Errors
/// As the file system says.
pub(crate) fn take_up(at: &Path) -> io::Result<Kept> {
    let metadata = fs::symlink_metadata(at)?;
    let mode = (metadata.permissions().mode() & 0o7777) as u16;
    if metadata.is_dir() {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(at)? {
            let entry = entry?;
            names.insert(entry.file_name(), take_up(&entry.path())?);
        }
        return Ok(Kept::Dir(names, mode));
    }
    let mut image = Image::default();
    image.write(0, &fs::read(at)?);
    Ok(Kept::File(image, mode))
}
