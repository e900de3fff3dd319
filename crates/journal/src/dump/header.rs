//! A segment's header; where it does not verify, the log and term that its neighbours name and its own frames confirm.

use std::path::Path;

use annals_record::{LogId, Offset, Term};

use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::Error;
use crate::frame::{self, Parsed};
use crate::scan::{self, Window};
use crate::segment::{self, FilePos, HEADER_LEN, HeaderError, SegmentHeader};

/// So many neighbours are asked at most.
const NEIGHBOURS: usize = 64;

/// The header under which the frames of `file` are to be read, and what is wrong with the one that stands there.
pub(super) fn read(
    disk: &dyn Disk,
    path: &Path,
    file: &dyn DiskFile,
) -> Result<(SegmentHeader, Option<String>), Error> {
    let reason = match decode(file).map_err(|error| Error::io("read", path, error))? {
        Ok(header) => return Ok((header, None)),
        Err(HeaderError::Newer(found)) => {
            return Err(Error::NewerFormat { path: path.to_owned(), found, known: segment::FORMAT });
        }
        Err(HeaderError::Foreign(reason) | HeaderError::Damaged(reason)) => reason,
    };
    let refused = |reason: String| Error::NotAJournal { path: path.to_owned(), reason };
    let named = path.file_name().and_then(|name| segment::base_of(name.to_str()?));
    let Some(base) = named.filter(|base| base.get() < segment::PLACES_END) else {
        return Err(refused(format!("{reason}, and its name does not say where it begins")));
    };
    for (log, term) in neighbours(disk, path, base)? {
        let header = SegmentHeader {
            log,
            term,
            term_start: base,
            base,
            chain: [0; 32],
            records_before: 0,
            created_micros: 0,
            checkpoint: None,
            keys: None,
        };
        if confirms(file, &header).map_err(|error| Error::io("read", path, error))? {
            let flaw =
                format!("{reason}; its frames verify in log {log}, term {term}, as its neighbours say");
            return Ok((header, Some(flaw)));
        }
    }
    Err(refused(format!("{reason}, and its frames verify in no log and term of its neighbours")))
}

fn decode(file: &dyn DiskFile) -> std::io::Result<Result<SegmentHeader, HeaderError>> {
    let mut block = vec![0; HEADER_LEN as usize];
    let read = disk::read_full(file, &mut block, 0)?;
    Ok(SegmentHeader::decode(&block[..read]))
}

/// The logs and terms of the segments beside this one, the nearest first; each also with the term after it, for what is
/// torn and the newest has a term of its own.
fn neighbours(disk: &dyn Disk, path: &Path, base: Offset) -> Result<Vec<(LogId, Term)>, Error> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let listed = disk.list(dir).map_err(|error| Error::io("list", dir, error))?;
    let mut bases: Vec<Offset> = listed.iter().filter_map(|listed| segment::base_of(&listed.name)).collect();
    bases.retain(|other| *other != base);
    bases.sort_unstable_by_key(|other| other.get().abs_diff(base.get()));
    let mut found = Vec::new();
    for other in bases.into_iter().take(NEIGHBOURS) {
        let other = dir.join(segment::file_name(other));
        let Ok(file) = disk.open(&other, Mode::Read) else { continue };
        let Ok(Ok(header)) = decode(&*file) else { continue };
        for term in [header.term.get(), header.term.get().saturating_add(1)] {
            let place = (header.log, Term::new(term));
            if !found.contains(&place) {
                found.push(place);
            }
        }
    }
    if let Ok(Some(mark)) = crate::watermark::any_mark(disk, dir) {
        found.push((mark.log, mark.term));
    }
    Ok(found)
}

/// Whether a frame of the file verifies under this header: the first one, or any landmark.
fn confirms(file: &dyn DiskFile, header: &SegmentHeader) -> std::io::Result<bool> {
    let mut window = Window::new(file, u64::MAX)?;
    let bytes_end = scan::end_of_bytes(&mut window, FilePos(HEADER_LEN))?;
    window.shorten(bytes_end);
    let first = window.at(FilePos(HEADER_LEN), frame::HEADER)?;
    let wanted = if first.len() < frame::HEADER { frame::HEADER } else { frame::announced(first) };
    let first = window.at(FilePos(HEADER_LEN), wanted)?;
    if let Parsed::Frame(..) = frame::parse(first, &header.place(header.base)) {
        return Ok(true);
    }
    Ok(scan::next_landmark(header, &mut window, header.base)?.is_some())
}
