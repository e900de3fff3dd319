//! What stands beside the segments and is no less true: cursors, holes, receipts, quarantine, old keys.
//!
//! The watermark is not among them: a restore writes one that says how far the backup goes.

use std::io;
use std::path::Path;

use annals_record::LogId;

use super::DOCUMENTS;
use super::manifest::{Beginning, DocumentCopy, Manifest};
use super::vault::{Vault, copy_aside};
use crate::cursors;
use crate::disk::{self, Disk, Mode};
use crate::error::Error;
use crate::purged::{self, Purged};
use crate::{holes, keys, quarantine, receipts, sidecar};

/// Where documents may belong below a journal's directory.
pub(crate) const DIRS: [&str; 3] = [cursors::DIR, receipts::ARCHIVES, quarantine::DIR];
pub(crate) const FILES: [&str; 3] = [keys::FILE_NAME, holes::FILE_NAME, purged::FILE_NAME];

/// What is read before the durable end is: it never speaks of more than that.
pub(crate) struct Early {
    /// Place and bytes.
    documents: Vec<(String, Vec<u8>)>,
}

impl Early {
    /// The cursors and the remembered keys. A cursor that does not verify is an error, unless `accept`: then it is left as
    /// it is.
    pub(crate) fn read(disk: &dyn Disk, journal: &Path, accept: bool) -> Result<Self, Error> {
        let mut documents = Vec::new();
        for registered in cursors::registered(disk, journal)? {
            let place = format!("{}/{}", cursors::DIR, cursors::file_name(&registered.name));
            let path = journal.join(&place);
            let bytes = match registered.found {
                Ok(found) => cursors::file_of(&found),
                Err(reason) if !accept => return Err(Error::Sidecar { path, reason }),
                Err(_) => read(disk, &path)?.unwrap_or_default(),
            };
            documents.push((place, bytes));
        }
        if let Some(bytes) = read(disk, &journal.join(keys::FILE_NAME))? {
            documents.push((keys::FILE_NAME.to_owned(), bytes));
        }
        Ok(Self { documents })
    }

    /// Puts all documents into the backup; `holes` are the bytes of the list of holes.
    pub(crate) fn copy(
        self,
        vault: &Vault<'_>,
        journal: &Path,
        log: LogId,
        beginning: &Beginning,
        holes: Option<&[u8]>,
    ) -> Result<Vec<DocumentCopy>, Error> {
        let mut documents = self.documents;
        documents.extend(holes.map(|bytes| (holes::FILE_NAME.to_owned(), bytes.to_vec())));
        documents.extend(
            purged_as_of(vault.disk, journal, log, beginning)?
                .map(|purged| (purged::FILE_NAME.to_owned(), sidecar::encode(&purged.to_json()))),
        );
        for name in names(vault.disk, &journal.join(receipts::ARCHIVES))? {
            let place = format!("{}/{name}", receipts::ARCHIVES);
            documents.extend(read(vault.disk, &journal.join(&place))?.map(|bytes| (place, bytes)));
        }
        let mut copies = Vec::new();
        for (place, bytes) in documents {
            copies.push(DocumentCopy { place, file: vault.put(&bytes)? });
        }
        copy_quarantine(vault, journal, &mut copies)?;
        Ok(copies)
    }
}

/// The record of purges of a journal that begins where the backup does. What was purged since is in the backup, so its
/// receipts are left out.
fn purged_as_of(
    disk: &dyn Disk,
    journal: &Path,
    log: LogId,
    beginning: &Beginning,
) -> Result<Option<Purged>, Error> {
    if beginning.base == annals_record::Offset::ZERO {
        return Ok(None);
    }
    let mut receipts = Purged::read(disk, journal)?.map(|purged| purged.receipts).unwrap_or_default();
    receipts.retain(|receipt| receipt.base < beginning.base);
    Ok(Some(Purged {
        log,
        oldest: beginning.base,
        records_end: beginning.records_end,
        records_before: beginning.records_before,
        chain: beginning.chain,
        receipts,
    }))
}

/// Bytes in quarantine never change: those that the last backup holds are not copied again.
fn copy_quarantine(vault: &Vault<'_>, journal: &Path, copies: &mut Vec<DocumentCopy>) -> Result<(), Error> {
    let known = vault.manifest.as_ref().map(|manifest: &Manifest| &*manifest.documents).unwrap_or_default();
    let there = vault.list(DOCUMENTS)?;
    let dir = journal.join(quarantine::DIR);
    for name in names(vault.disk, &dir)? {
        let place = format!("{}/{name}", quarantine::DIR);
        let path = dir.join(&name);
        let source = vault.disk.open(&path, Mode::Read).map_err(|error| Error::io("open", &path, error))?;
        let len = source.len().map_err(|error| Error::io("read", &path, error))?;
        if let Some(known) = known.iter().find(|known| {
            known.place == place && known.file.len == len && there.get(&known.file.name) == Some(&len)
        }) {
            copies.push(known.clone());
            continue;
        }
        // It gets the name of its hash once that is known.
        let passing = vault.dir.join(DOCUMENTS).join("passing");
        let aside = copy_aside(vault.disk, &*source, &path, len, &passing, &mut |_| {})?;
        let name = format!("{DOCUMENTS}/{}", aside.blake3);
        let file = super::manifest::CopiedFile { name: name.clone(), len: aside.len, blake3: aside.blake3 };
        aside.settle_as(vault.disk, &vault.dir.join(name))?;
        copies.push(DocumentCopy { place, file });
    }
    Ok(())
}

/// The bytes of a small file; none if it is not there.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let failed = |error| Error::io("read", path, error);
    let file = match disk.open(path, Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let mut bytes = vec![0; file.len().map_err(failed)? as usize];
    let read = disk::read_full(&*file, &mut bytes, 0).map_err(failed)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// The names of a directory's finished files; none if it is not there.
fn names(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, Error> {
    let listed = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("list", dir, error))?,
    };
    let mut names: Vec<String> =
        listed.into_iter().map(|listed| listed.name).filter(|name| !name.ends_with(".tmp")).collect();
    names.sort_unstable();
    Ok(names)
}
