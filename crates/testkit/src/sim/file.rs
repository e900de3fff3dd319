//! An open file of a simulated disk.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use annals_journal::{DiskFile, Mode, Written};

use super::{FileId, Image, SimDisk};
use crate::calls::Call;

pub(super) struct SimFile {
    disk: SimDisk,
    id: FileId,
    path: Arc<Path>,
    writable: bool,
}

impl SimFile {
    pub(super) fn new(disk: SimDisk, id: FileId, path: &Path, mode: Mode) -> Self {
        Self { disk, id, path: path.into(), writable: mode != Mode::Read }
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        let message = format!("{}: opened for reading only", self.path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }
}

impl SimFile {
    fn sync_with(&self, sync: impl FnOnce(&mut Image)) -> io::Result<()> {
        let mut state = self.disk.state();
        state.called_on(Call::Sync, &self.path)?;
        let nth = state.calls.count(Call::Sync);
        if state.lossy_syncs.contains(&nth) {
            state.fired += 1;
            state.image_mut(self.id)?.lose_pending();
            let message =
                format!("{}: the sync failed, and the dirty pages are dropped", self.path.display());
            return Err(io::Error::other(message));
        }
        state.image_mut(self.id).map(sync)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.called_on(Call::Read, &self.path)?;
        let bytes = state.image(self.id)?.bytes();
        let rest = bytes.get(place(pos)?..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.check_writable()?;
        let mut state = self.disk.state();
        state.called_on(Call::Write, &self.path)?;
        let room = state.limit(self.id)?.saturating_sub(pos).min(buf.len() as u64) as usize;
        if room == 0 && !buf.is_empty() {
            return Err(state.full(&self.path));
        }
        let pos = place(pos)?;
        let tick = state.tick.advance_by(Image::steps(pos, room));
        state.image_mut(self.id)?.write(tick, pos, &buf[..room]);
        Ok(room)
    }

    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        // Two steps, between which the power may be cut.
        let bytes = self.write_at(buf, pos)?;
        let durable = durable && self.disk.state().past_cache;
        if durable {
            self.sync_with(Image::sync_last)?;
        }
        Ok(Written { bytes, durable })
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_with(Image::sync)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.called_on(Call::Len, &self.path)?;
        state.image(self.id).map(|image| image.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        state.called_on(Call::SetLen, &self.path)?;
        if state.largest.is_some_and(|largest| largest < len) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let tick = state.tick.advance();
        let len = place(len)?;
        state.image_mut(self.id).map(|image| image.set_len(tick, len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        state.called_on(Call::Allocate, &self.path)?;
        if state.limit(self.id)? < len {
            return Err(state.full(&self.path));
        }
        let tick = state.tick.advance();
        let end = place(len)?;
        let image = state.image_mut(self.id)?;
        if image.len() < end {
            image.set_len(tick, end);
        }
        image.reserve(len);
        Ok(())
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn place(pos: u64) -> io::Result<usize> {
    usize::try_from(pos).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
