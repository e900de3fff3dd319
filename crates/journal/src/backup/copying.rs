//! A journal copied into a backup: what is there already stays, what is new is copied and checked as copied.
//!
//! A purge or a salvage that comes in between is noticed, for a file is gone or the list of holes is another one, and the
//! copying begins anew; what was copied stays copied.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use annals_record::{LogId, Offset, Term};

use super::documents::{self, Early};
use super::manifest::{Beginning, CopiedFile, Manifest, SegmentCopy};
use super::vault::{self, Vault, copy_aside};
use super::{BackedUp, BackupOptions, SEGMENTS};
use super::{past, receipt};
use crate::catalog::Segment;
use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::holes::{self, Holes};
use crate::inspection::{Inspection, Subject, inspect};
use crate::purged::Purged;
use crate::segment::{HEADER_LEN, SegmentHeader};
use crate::verify::{self, Depth, VerifyOptions};
use crate::view::View;

/// How often a purge or a salvage may come in between.
const ATTEMPTS: u32 = 8;

/// Why an attempt did not end in a backup.
enum Failed {
    /// The journal changed under it.
    Overtaken(Error),
    For(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

pub(super) fn back_up(
    view: &dyn View,
    disk: &dyn Disk,
    dir: &Path,
    options: BackupOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, Error> {
    let vault = Vault::open(disk, dir, view.log())?;
    let mut attempt = 0;
    let (manifest, report) = loop {
        attempt += 1;
        match Attempt::new(view, &vault, options, progress).run() {
            Ok(done) => break done,
            Err(Failed::For(error)) => return Err(error),
            Err(Failed::Overtaken(error)) if attempt >= ATTEMPTS => return Err(error),
            Err(Failed::Overtaken(error)) => tracing::info!(%error, "the journal changed; backing up anew"),
        }
    };
    vault.sync()?;
    // The backup is the new one from here on (B1).
    manifest.write(disk, &vault.dir)?;
    vault.sweep(&manifest);
    let source = view.source();
    if let Err(error) = receipt::leave(&*source.disk, &source.dir, dir, &manifest) {
        tracing::warn!(%error, "the journal does not know of this backup");
    }
    tracing::info!(dir = %dir.display(), durable = %manifest.durable, copied = report.copied_bytes, "backed up");
    Ok(BackedUp { manifest, ..report })
}

/// One look at the journal, and what of it has been copied.
struct Attempt<'a> {
    view: &'a dyn View,
    vault: &'a Vault<'a>,
    options: BackupOptions,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    all: u64,
    damaged: Vec<Damage>,
    copied_segments: u64,
    copied_bytes: u64,
    kept_segments: u64,
}

/// A copy, and what was found in it if it has a header.
struct Copied {
    copy: SegmentCopy,
    found: Option<Inspection>,
}

/// What was found of the last segment.
struct Newest {
    term: Term,
    records: u64,
    newest_micros: Option<i64>,
}

impl<'a> Attempt<'a> {
    fn new(
        view: &'a dyn View,
        vault: &'a Vault<'a>,
        options: BackupOptions,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Self {
            view,
            vault,
            options,
            progress,
            done: 0,
            all: 0,
            damaged: Vec::new(),
            copied_segments: 0,
            copied_bytes: 0,
            kept_segments: 0,
        }
    }

    fn run(mut self) -> Result<(Manifest, BackedUp), Failed> {
        let (view, vault, source) = (self.view, self.vault, self.view.source());
        let (disk, journal, log) = (&*source.disk, &*source.dir, view.log());
        // In this order: what speaks of places is never newer than the end, and the list of segments never older.
        let early = Early::read(disk, journal, self.options.accept_damage)?;
        let (durable, segments) = view.look()?;
        let list = documents::read(disk, &journal.join(holes::FILE_NAME))?;
        let holes = Holes::load(disk, journal, log)?;
        self.refuse_damage(durable, &holes)?;
        if let Some(former) = &vault.manifest {
            past::check(vault, disk, former, &segments, &holes, durable).map_err(overtaken)?;
        }
        let begins = self.beginning(log)?;
        if vault.manifest.is_none() && segments.first().is_some_and(|first| first.base < begins.base) {
            return Err(Failed::Overtaken(Error::Gap { wanted: Offset::ZERO, oldest: begins.base }));
        }
        let (copies, newest) = match self.nothing_new(durable)? {
            Some(same) => same,
            None => self.copy_segments(&segments, &holes, durable)?,
        };
        let documents = early.copy(vault, journal, log, &begins, list.as_deref())?;
        if documents::read(disk, &journal.join(holes::FILE_NAME))? != list {
            let reason = "a salvage changed it while the journal was backed up".to_owned();
            return Err(Failed::Overtaken(Error::Sidecar { path: journal.join(holes::FILE_NAME), reason }));
        }
        let former = vault.manifest.as_ref();
        let manifest = Manifest {
            log,
            term: newest.term,
            oldest: begins.records_end,
            durable,
            records: newest.records,
            newest_micros: newest.newest_micros,
            made_at_micros: view.clock().now_micros(),
            sequence: former.map_or(0, |former| former.sequence) + 1,
            damaged: self.damaged,
            holes: holes.list().iter().map(|hole| (hole.offset, hole.len)).collect(),
            segments: copies,
            documents,
            begins,
        };
        let report = BackedUp {
            manifest: manifest.clone(),
            former: former.map(|former| former.durable),
            copied_segments: self.copied_segments,
            copied_bytes: self.copied_bytes,
            kept_segments: self.kept_segments,
        };
        Ok((manifest, report))
    }

    /// Headers, seals and how they continue each other, before anything is copied.
    fn refuse_damage(&mut self, durable: Offset, holes: &Holes) -> Result<(), Failed> {
        let options = VerifyOptions { depth: Depth::Quick, subset: None };
        let found =
            verify::verify(self.view.source(), durable, options, &mut |_, _| {}).map_err(overtaken)?;
        let damaged = found.damaged.into_iter().chain(holes.damage());
        for damage in damaged {
            self.damage(damage)?;
        }
        Ok(())
    }

    fn damage(&mut self, damage: Damage) -> Result<(), Failed> {
        if !self.options.accept_damage {
            return Err(Error::Damaged(damage).into());
        }
        if !self.damaged.contains(&damage) {
            self.damaged.push(damage);
        }
        Ok(())
    }

    /// How the first segment of the backup begins.
    fn beginning(&self, log: LogId) -> Result<Beginning, Failed> {
        if let Some(former) = &self.vault.manifest {
            return Ok(former.begins);
        }
        let source = self.view.source();
        let purged = Purged::read(&*source.disk, &source.dir)?;
        Ok(purged.filter(|purged| purged.log == log).as_ref().map(Beginning::from).unwrap_or_default())
    }

    /// The segments of the last backup, where nothing was made durable since and they are all there.
    fn nothing_new(&mut self, durable: Offset) -> Result<Option<(Vec<SegmentCopy>, Newest)>, Failed> {
        let Some(former) = self.vault.manifest.as_ref().filter(|former| former.durable == durable) else {
            return Ok(None);
        };
        let there = self.vault.list(SEGMENTS)?;
        if former.segments.iter().any(|copy| there.get(&copy.file.name) != Some(&copy.file.len)) {
            return Ok(None);
        }
        self.damaged.clone_from(&former.damaged);
        self.kept_segments = former.segments.len() as u64;
        let Manifest { term, records, newest_micros, .. } = *former;
        Ok(Some((former.segments.clone(), Newest { term, records, newest_micros })))
    }

    fn copy_segments(
        &mut self,
        segments: &[Arc<Segment>],
        holes: &Holes,
        durable: Offset,
    ) -> Result<(Vec<SegmentCopy>, Newest), Failed> {
        let vault = self.vault;
        let there = vault.list(SEGMENTS)?;
        let has = |copy: &SegmentCopy| there.get(&copy.file.name) == Some(&copy.file.len);
        // Finished segments that are in the backup, whether the journal still has them or not.
        let former = vault.manifest.iter().flat_map(|manifest| &manifest.segments);
        let mut copies: BTreeMap<Offset, SegmentCopy> =
            former.filter(|copy| copy.sealed && has(copy)).map(|copy| (copy.base, copy.clone())).collect();
        self.kept_segments = copies.len() as u64;
        let wanted: Vec<&Arc<Segment>> = segments.iter().filter(|segment| segment.base <= durable).collect();
        let of = |segment: &Segment| {
            segment.next.unwrap_or(durable).min(durable).get() - segment.base.get() + HEADER_LEN
        };
        let new = wanted.iter().filter(|segment| !copies.contains_key(&segment.base));
        self.all = new.map(|segment| of(segment)).sum();
        let mut newest = Newest { term: Term::FIRST, records: 0, newest_micros: None };
        for segment in wanted {
            if !copies.contains_key(&segment.base)
                && let Some(Copied { copy, found }) = self.copy_segment(segment, holes, durable, &there)?
            {
                if let (Ok(header), Some(found)) = (&segment.header, &found) {
                    newest.term = header.term;
                    newest.records = header.records_before + found.summary.records;
                    let seal = found.summary.seal(header.term);
                    newest.newest_micros =
                        (seal.groups > 0).then_some(seal.last_micros).or(newest.newest_micros);
                }
                copies.insert(segment.base, copy);
            } else if let Some(seal) = &segment.seal {
                newest.newest_micros = seal.times.map(|(_, last)| last).or(newest.newest_micros);
            }
        }
        if let Some(lost) = vault.manifest.iter().flat_map(|manifest| &manifest.segments).find(|copy| {
            let replaced = copies.contains_key(&copy.base);
            !replaced && copy.sealed
        }) {
            let path = vault.dir.join(&lost.file.name);
            let reason = "it is missing or cut, and the log does not hold it any more".to_owned();
            return Err(Error::DamagedBackup { path, reason }.into());
        }
        Ok((copies.into_values().collect(), newest))
    }

    /// Copies one segment as far as it is durable, and checks the copy. None if there is no file.
    fn copy_segment(
        &mut self,
        segment: &Segment,
        holes: &Holes,
        durable: Offset,
        there: &BTreeMap<String, u64>,
    ) -> Result<Option<Copied>, Failed> {
        let disk = self.vault.disk;
        let source = match self.view.source().disk.open(&segment.path, Mode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.gone(segment, holes, durable);
            }
            opened => opened.map_err(|error| Error::io("open", &segment.path, error))?,
        };
        let end = segment.next.unwrap_or(durable).min(durable);
        let sealed = segment.next.is_some_and(|next| next <= durable);
        let mut len = source.len().map_err(|error| Error::io("read", &segment.path, error))?;
        if let (Ok(header), false) = (&segment.header, sealed) {
            len = len.min(header.file_pos(end).0);
        }
        let base = segment.base.get();
        let name = match sealed {
            true => format!("{SEGMENTS}/{base:016x}.wal"),
            false => format!("{SEGMENTS}/{base:016x}-{:016x}.part", end.get()),
        };
        let path = self.vault.dir.join(&name);
        if there.get(&name) == Some(&len)
            && let Some(adopted) = self.adopt(segment, holes, end, sealed, &name)?
        {
            self.kept_segments += 1;
            self.tell(len);
            return Ok(Some(adopted));
        }
        let (progress, done, all) = (&mut *self.progress, &mut self.done, self.all);
        let mut tell = |bytes| {
            *done += bytes;
            progress(*done, all.max(*done));
        };
        let aside = copy_aside(disk, &*source, &segment.path, len, &path, &mut tell)?;
        let found = match self.inspect(segment, holes, end, &*aside.file) {
            Ok(found) => found,
            Err(failed) => {
                aside.discard(disk);
                return Err(failed);
            }
        };
        let file = CopiedFile { name, len: aside.len, blake3: aside.blake3 };
        self.copied_segments += 1;
        self.copied_bytes += aside.len;
        aside.settle(disk)?;
        Ok(Some(Copied { copy: copy_of(segment, end, sealed, file, found.as_ref()), found }))
    }

    /// What is there under this name already, if it is this very segment: from a backup that was cut off, or the last part
    /// of the one before.
    fn adopt(
        &mut self,
        segment: &Segment,
        holes: &Holes,
        end: Offset,
        sealed: bool,
        name: &str,
    ) -> Result<Option<Copied>, Failed> {
        let path = self.vault.dir.join(name);
        let failed = |error| Error::io("read", &path, error);
        let former = self.vault.manifest.iter().flat_map(|manifest| &manifest.segments);
        let named = former.map(|copy| &copy.file).find(|file| file.name == name);
        let (Ok(header), true) = (&segment.header, sealed || named.is_some()) else { return Ok(None) };
        let file = self.vault.disk.open(&path, Mode::Read).map_err(failed)?;
        if read_header(&*file).map_err(failed)?.as_ref() != Some(header) {
            return Ok(None);
        }
        let subject = Subject { file: &*file, header, end, holes, content: true };
        let found = inspect(&subject).map_err(failed)?;
        let (len, blake3) = vault::hash(&*file, &mut |_| {}).map_err(failed)?;
        let same = match sealed {
            true => found.seal.as_ref().map(|seal| seal.sealed()) == segment.seal && segment.seal.is_some(),
            // That its records are those of the journal was found before.
            false => named.is_some_and(|named| (named.len, named.blake3) == (len, blake3)),
        };
        if !same || !found.damaged.is_empty() {
            return Ok(None);
        }
        // It may never have reached the medium.
        let file = self.vault.disk.open(&path, Mode::Write).map_err(failed)?;
        file.sync().map_err(|error| Error::io("sync", &path, error))?;
        let file = CopiedFile { name: name.to_owned(), len, blake3 };
        Ok(Some(Copied { copy: copy_of(segment, end, sealed, file, Some(&found)), found: Some(found) }))
    }

    /// Checks a copy. None if the segment has no header that verifies, and that is accepted.
    fn inspect(
        &mut self,
        segment: &Segment,
        holes: &Holes,
        end: Offset,
        copy: &dyn DiskFile,
    ) -> Result<Option<Inspection>, Failed> {
        let Ok(header) = &segment.header else {
            return Ok(None);
        };
        let failed = |error| Error::io("read the copy of", &segment.path, error);
        let damage = |from: Offset, detail: String| {
            let detail = format!("segment {:016x}: {detail}", segment.base.get());
            Damage { offset: from, len: end.get() - from.get(), detail }
        };
        if read_header(copy).map_err(failed)?.as_ref() != Some(header) {
            self.damage(damage(segment.base, "its header changed while it was copied".to_owned()))?;
        }
        let mut found =
            inspect(&Subject { file: copy, header, end, holes, content: true }).map_err(failed)?;
        let unbroken = found.unbroken;
        for damaged in std::mem::take(&mut found.damaged) {
            self.damage(damaged)?;
        }
        if let Some(flaw) = segment.flaw.as_ref().filter(|_| unbroken) {
            self.damage(damage(found.at.min(end), flaw.clone()))?;
        }
        Ok(Some(found))
    }

    /// A segment whose file is not there: purged since the list was read, or missing.
    fn gone(&mut self, segment: &Segment, holes: &Holes, durable: Offset) -> Result<Option<Copied>, Failed> {
        if segment.header.is_ok() {
            let (wanted, source) = (segment.base, self.view.source());
            source.refresh().map_err(overtaken)?;
            return Err(Failed::Overtaken(Error::Gap { wanted, oldest: source.oldest() }));
        }
        let end = segment.next.unwrap_or(durable).min(durable);
        let listed = holes.bridge(segment.base) >= end;
        if !listed {
            let detail = format!("segment {:016x}: the segment is missing", segment.base.get());
            let len = end.get() - segment.base.get();
            self.damage(Damage { offset: segment.base, len, detail })?;
        }
        Ok(None)
    }

    fn tell(&mut self, bytes: u64) {
        self.done += bytes;
        (self.progress)(self.done, self.all.max(self.done));
    }
}

fn copy_of(
    segment: &Segment,
    end: Offset,
    sealed: bool,
    file: CopiedFile,
    found: Option<&Inspection>,
) -> SegmentCopy {
    let term = segment.header.as_ref().ok().map(|header| header.term);
    let chain = match (sealed, segment.seal) {
        (true, seal) => seal.map(|seal| seal.chain),
        (false, _) => found.zip(term).map(|(found, term)| found.summary.seal(term).chain),
    };
    SegmentCopy { base: segment.base, end, sealed, term, chain, file }
}

fn read_header(file: &dyn DiskFile) -> io::Result<Option<SegmentHeader>> {
    let mut block = vec![0; HEADER_LEN as usize];
    let read = disk::read_full(file, &mut block, 0)?;
    Ok(SegmentHeader::decode(&block[..read]).ok())
}

/// A file that is gone was purged since the list was read.
fn overtaken(error: Error) -> Failed {
    match &error {
        Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Failed::Overtaken(error),
        _ => Failed::For(error),
    }
}
