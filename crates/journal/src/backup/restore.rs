//! A backup made a journal again, in a directory of its own and a term of its own.
//!
//!   manifest -> watermark (durable) -> documents -> segments, the last one sealed into the new term -> opened, closed
//!
//! B6: the watermark goes first: until the last segment is there, whoever opens the journal finds that durable bytes are
//! missing. The last segment's seal names the new term, so a journal that is whole is never one of the old term.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{Offset, Term};

use super::manifest::{CopiedFile, Manifest, SegmentCopy};
use super::vault::{Aside, Vault, copy_aside};
use crate::clock::{Clock, SystemClock};
use crate::disk::{self, Disk, Held, Mode, RealDisk};
use crate::error::{Damage, Error};
use crate::holes::Holes;
use crate::journal;
use crate::judgement::{Ending, judge};
use crate::options::Options;
use crate::recovery;
use crate::segment::{HEADER_LEN, SegmentHeader};
use crate::watermark::{Mark, Slots};

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// What the backup holds.
    pub manifest: Manifest,
    /// The term in which the journal goes on; none if what was backed up is damaged where it would go on, so that a
    /// salvage has to come first, which begins a term of its own.
    pub term: Option<Term>,
    /// Where it goes on: behind the seal of what was restored.
    pub next: Offset,
    /// What cannot be served where the journal would go on.
    pub damage: Option<Damage>,
}

/// Makes a journal in `to`, which must be missing or empty, of the backup in `from`. Every file is compared with the
/// manifest as it is copied.
///
/// The journal goes on in a term of its own, far above that of the backup: what was appended to the other one after the
/// backup is another future, which may raise its term as well, and a cursor that comes from there is refused.
/// `progress` is told the bytes done and the bytes in all.
///
/// # Errors
/// As [`describe`](super::describe); [`Error::NotEmpty`]; [`Error::DamagedBackup`] with the file that does not verify;
/// [`Error::Full`]. After an error, as after a crash, what is in `to` is incomplete and opens as a damaged journal:
/// remove it.
pub fn restore(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Restored, Error> {
    let (disk, clock): (Arc<dyn Disk>, Arc<dyn Clock>) = (Arc::new(RealDisk), Arc::new(SystemClock));
    restore_on(&disk, &clock, from.as_ref(), to.as_ref(), progress)
}

/// As [`restore`], on this disk, with this clock.
///
/// # Errors
/// As [`restore`].
pub fn restore_on(
    disk: &Arc<dyn Disk>,
    clock: &Arc<dyn Clock>,
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Restored, Error> {
    let (vault, manifest) = Vault::existing(&**disk, from)?;
    let lock = make_room(&**disk, to)?;
    let term = new_term(manifest.term, to)?;
    let mark = Mark { log: manifest.log, term: manifest.term, durable: manifest.durable, clean: false };
    let writing = |error| Error::io("write", to, error);
    // Before any segment (B6).
    let (mut slots, _) = Slots::open(&**disk, to, manifest.log).map_err(writing)?;
    slots.publish_durably(&mark).map_err(writing)?;
    drop(slots);
    let (all, mut done) = (manifest.bytes(), 0);
    let mut tell = |bytes| {
        done += bytes;
        progress(done, all);
    };
    for document in &manifest.documents {
        let path = to.join(&document.place);
        let parent = path.parent().unwrap_or(to);
        disk.create_dir(parent).map_err(|error| Error::io("create", parent, error))?;
        copy_out(&vault, &document.file, &path, &mut tell)?.settle(&**disk)?;
        disk.sync_dir(parent).map_err(|error| Error::io("sync", parent, error))?;
    }
    let holes = Holes::load(&**disk, to, manifest.log)?;
    let last = manifest.segments.len() - 1;
    for (i, segment) in manifest.segments.iter().enumerate() {
        let path = to.join(segment.journal_name());
        let aside = copy_out(&vault, &segment.file, &path, &mut tell)?;
        if i == last && !segment.sealed {
            // All others have their names for good: a crash leaves the last one missing, not one in between.
            disk.sync_dir(to).map_err(|error| Error::io("sync", to, error))?;
            seal(&aside, segment, mark, &holes, term, &path)?;
        }
        aside.settle(&**disk)?;
    }
    disk.sync_dir(to).map_err(|error| Error::io("sync", to, error))?;
    let restored = open(disk, clock, to, &manifest, term)?;
    drop(lock);
    tracing::info!(from = %from.display(), to = %to.display(), durable = %manifest.durable, term = ?restored.term, "restored a journal");
    Ok(restored)
}

/// Makes the directory, durably, and takes its lock.
fn make_room(disk: &dyn Disk, to: &Path) -> Result<Box<dyn Held>, Error> {
    match disk.list(to) {
        Ok(listed) => {
            if let Some(found) = listed.first() {
                return Err(Error::NotEmpty { path: to.to_owned(), found: found.name.clone() });
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("list", to, error)),
    }
    let born = journal::missing(disk, to);
    disk.create_dir(to).map_err(|error| Error::io("create", to, error))?;
    let lock = journal::take_lock(disk, to)?;
    for path in born.iter().map(PathBuf::as_path).chain([to]) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk.sync_dir(parent).map_err(|error| Error::io("sync", parent, error))?;
    }
    Ok(lock)
}

/// A term that no other future of the log comes to: each cut, salvage or restore there raises its own.
fn new_term(term: Term, to: &Path) -> Result<Term, Error> {
    let mut drawn = [0; 4];
    rustix::rand::getrandom(&mut drawn, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::io("draw a term for", to, errno.into()))?;
    Ok(Term::new(term.get().saturating_add(1).saturating_add(u64::from(u32::from_le_bytes(drawn)))))
}

/// Copies a file out of the backup and compares it with what the manifest says.
fn copy_out(
    vault: &Vault<'_>,
    file: &CopiedFile,
    to: &Path,
    tell: &mut dyn FnMut(u64),
) -> Result<Aside, Error> {
    let path = vault.dir.join(&file.name);
    let damaged = |reason: String| Error::DamagedBackup { path: path.clone(), reason };
    let source = match vault.disk.open(&path, Mode::Read) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("it is missing".to_owned()));
        }
        opened => opened.map_err(|error| Error::io("open", &path, error))?,
    };
    let len = source.len().map_err(|error| Error::io("read", &path, error))?;
    if len != file.len {
        return Err(damaged(format!("it has {len} bytes, not {}", file.len)));
    }
    let aside = copy_aside(vault.disk, &*source, &path, len, to, tell)?;
    if (aside.len, aside.blake3) != (file.len, file.blake3) {
        let found = aside.blake3;
        aside.discard(vault.disk);
        return Err(damaged(format!("its BLAKE3 is {found}, not {}", file.blake3)));
    }
    Ok(aside)
}

/// Seals the last segment, before it has its name, into the new term. One that is damaged is left as it is: a salvage
/// goes on from there.
fn seal(
    aside: &Aside,
    segment: &SegmentCopy,
    mark: Mark,
    holes: &Holes,
    term: Term,
    path: &Path,
) -> Result<(), Error> {
    let failed = |error| Error::io("seal", path, error);
    let mut block = vec![0; HEADER_LEN as usize];
    let read = disk::read_full(&*aside.file, &mut block, 0).map_err(failed)?;
    let Ok(header) = SegmentHeader::decode(&block[..read]) else { return Ok(()) };
    let judgement = judge(&header, &*aside.file, Some(mark), holes, None).map_err(failed)?;
    if !matches!(judgement.ending, Ending::Clean) || judgement.summary.end != segment.end {
        return Ok(());
    }
    let bytes = judgement.summary.seal(term).encode(&header);
    let at = header.file_pos(segment.end).0;
    disk::write_full(&*aside.file, &bytes, at).map_err(failed)?;
    aside.file.set_len(at + bytes.len() as u64).map_err(failed)
}

/// Opens what was restored, so that the segment of the new term is born, writes down where it comes from, and closes it.
fn open(
    disk: &Arc<dyn Disk>,
    clock: &Arc<dyn Clock>,
    to: &Path,
    manifest: &Manifest,
    term: Term,
) -> Result<Restored, Error> {
    let recovered =
        recovery::recover(Arc::clone(disk), Arc::clone(clock), to.to_owned(), Options::default())?;
    let Some(mut writer) = recovered.writer else {
        let damage = recovered.report.damage;
        if let Some(damage) = damage.clone().filter(|_| manifest.damaged.is_empty()) {
            return Err(Error::Damaged(damage));
        }
        let next = manifest.durable;
        return Ok(Restored { manifest: manifest.clone(), term: None, next, damage });
    };
    let next = writer.active.header.base;
    if writer.active.header.term != term || next < manifest.durable {
        let detail = format!(
            "{}: it ends at {next} in term {}, expected {} or more in term {term}",
            to.display(),
            writer.active.header.term,
            manifest.durable
        );
        return Err(Error::Damaged(Damage { offset: next, len: 0, detail }));
    }
    let body = audit_body(manifest, clock.now_micros());
    writer.audit(&body, &recovered.watermark)?;
    writer.close()?;
    Ok(Restored { manifest: manifest.clone(), term: Some(term), next, damage: None })
}

/// What an audit frame says of a restore.
fn audit_body(manifest: &Manifest, now_micros: i64) -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&3_u64.to_le_bytes());
    body.extend_from_slice(&manifest.durable.get().to_le_bytes());
    body.extend_from_slice(&manifest.term.get().to_le_bytes());
    body.extend_from_slice(&now_micros.to_le_bytes());
    body.extend_from_slice(manifest.id().as_bytes());
    body
}
