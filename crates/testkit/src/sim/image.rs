//! The bytes of one simulated file: what a reader sees, and what a crash leaves of it.
//!
//!   volatile = durable + pending changes, in order
//!   crash    = durable + those pending changes that got as far, sector by sector
//!
//! A sector of 512 bytes is never torn: it survives as it was after one of the writes to it, or as it was synced.
//!
//! Bytes are shared until they are written to, so a copy of a disk and a crash cost next to nothing for what is settled.

use std::sync::Arc;

use super::survival::{Chooser, Tick};

/// What a disk writes whole or not at all, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    volatile: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    pending: Vec<(Tick, Change)>,
    reserved: u64,
    /// A sync has lost bytes: what a reader sees is not what waits and what is durable.
    lossy: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write { pos: usize, bytes: Arc<[u8]> },
    Len(usize),
}

impl Image {
    /// A file that holds `bytes` in both images.
    pub(super) fn settled(bytes: Arc<Vec<u8>>) -> Self {
        Self {
            reserved: bytes.len() as u64,
            volatile: Arc::clone(&bytes),
            durable: bytes,
            pending: Vec::new(),
            lossy: false,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.volatile
    }

    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn len(&self) -> usize {
        self.volatile.len()
    }

    /// The bytes of the disk that this file takes: up to the end of what was written or reserved.
    pub(super) fn reserved(&self) -> u64 {
        self.reserved
    }

    pub(super) fn reserve(&mut self, len: u64) {
        self.reserved = self.reserved.max(len);
    }

    /// Writes `bytes`, sector by sector, from `tick` on.
    pub(super) fn write(&mut self, tick: Tick, pos: usize, bytes: &[u8]) {
        self.reserve((pos + bytes.len()) as u64);
        self.change(tick, Change::Write { pos, bytes: bytes.into() });
    }

    /// How many steps a write of `len` bytes at `pos` takes: one for each sector.
    pub(super) fn steps(pos: usize, len: usize) -> usize {
        (pos + len).div_ceil(SECTOR_BYTES) - pos / SECTOR_BYTES
    }

    pub(super) fn set_len(&mut self, tick: Tick, len: usize) {
        self.reserved = self.reserved.min(len as u64);
        self.change(tick, Change::Len(len));
    }

    fn change(&mut self, tick: Tick, change: Change) {
        make(Arc::make_mut(&mut self.volatile), &change);
        self.pending.push((tick, change));
    }

    /// A sync that works.
    pub(super) fn sync(&mut self) {
        if !self.lossy {
            self.pending.clear();
            self.durable = Arc::clone(&self.volatile);
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        for (_, change) in self.pending.drain(..) {
            make(durable, &change);
        }
    }

    /// The sync that a write of whole blocks brings along: it covers that write, and no other.
    pub(super) fn sync_last(&mut self) {
        let Some((_, last)) = self.pending.pop() else { return };
        let durable = Arc::make_mut(&mut self.durable);
        let durable_len = durable.len();
        let begin = if let Change::Write { pos, .. } = &last { *pos } else { 0 };
        for (tick, change) in std::mem::take(&mut self.pending) {
            match change {
                // What it overwrites is not waited for any more.
                Change::Write { pos, bytes } if pos < last.end() && begin < pos + bytes.len() => {
                    let behind = (pos + bytes.len()).saturating_sub(last.end());
                    if behind > 0 {
                        let rest = bytes[bytes.len() - behind..].into();
                        let tick = tick.plus(last.end() / SECTOR_BYTES - pos / SECTOR_BYTES);
                        self.pending.push((tick, Change::Write { pos: last.end(), bytes: rest }));
                    }
                    let bytes = bytes[..begin.saturating_sub(pos)].into();
                    self.pending.push((tick, Change::Write { pos, bytes }));
                }
                // A longer file goes with it.
                Change::Len(len) if len >= durable_len => resize(durable, &change),
                other => self.pending.push((tick, other)),
            }
        }
        make(durable, &last);
    }

    /// A sync that fails and takes what was dirty for clean: it stays readable and never reaches the medium.
    pub(super) fn lose_pending(&mut self) {
        self.lossy |= !self.pending.is_empty();
        self.pending.clear();
    }

    /// The page cache lets go of what it takes for clean, so that reads see the medium again.
    pub(super) fn evict(&mut self) {
        self.volatile.clone_from(&self.durable);
        self.lossy = false;
        for (_, change) in &self.pending {
            make(Arc::make_mut(&mut self.volatile), change);
        }
    }

    /// When the oldest change that still waits was made.
    pub(super) fn oldest_pending(&self) -> Option<Tick> {
        self.pending.first().map(|(tick, _)| *tick)
    }

    /// Changes both images behind every reader's back.
    pub(super) fn tamper(&mut self, change: impl Fn(&mut Vec<u8>)) {
        change(Arc::make_mut(&mut self.volatile));
        change(Arc::make_mut(&mut self.durable));
    }

    /// What is on the medium after a crash.
    pub(super) fn survivor(&self, chooser: &mut Chooser<'_>) -> Arc<Vec<u8>> {
        if self.pending.is_empty() {
            return Arc::clone(&self.durable);
        }
        let (pending, mut bytes) = (&self.pending, Vec::clone(&self.durable));
        let extent = pending.iter().map(|(_, change)| change.end()).fold(bytes.len(), usize::max);
        let mut reached = Vec::with_capacity(extent.div_ceil(SECTOR_BYTES));
        let mut ticks = Vec::with_capacity(pending.len());
        for sector in 0..extent.div_ceil(SECTOR_BYTES) {
            ticks.clear();
            let changed = pending.iter().filter(|(_, change)| change.sectors(extent).contains(&sector));
            ticks.extend(changed.map(|(tick, change)| change.reaches(*tick, sector)));
            reached.push(chooser.sector(&ticks));
        }
        for (tick, change) in pending {
            apply(&mut bytes, change, |sector| change.reaches(*tick, sector) <= reached[sector]);
        }

        let mut len = self.durable.len();
        let mut lens = vec![(Tick::NONE, len)];
        for (tick, change) in pending {
            let changed = match change {
                Change::Write { .. } => len.max(change.end()),
                Change::Len(to) => *to,
            };
            if changed != len {
                len = changed;
                lens.push((*tick, len));
            }
        }
        let ticks: Vec<Tick> = lens[1..].iter().map(|(tick, _)| *tick).collect();
        let reached = chooser.length(&ticks);
        let survived = lens.iter().rev().find(|(tick, _)| *tick <= reached).map_or(0, |(_, len)| *len);
        bytes.resize(survived, 0);
        Arc::new(bytes)
    }
}

impl Change {
    fn end(&self) -> usize {
        match self {
            Self::Write { pos, bytes } => pos + bytes.len(),
            Self::Len(len) => *len,
        }
    }

    /// When a change that began at `tick` gets to this sector.
    fn reaches(&self, tick: Tick, sector: usize) -> Tick {
        match self {
            Self::Write { pos, .. } => tick.plus(sector - pos / SECTOR_BYTES),
            Self::Len(_) => tick,
        }
    }

    /// The sectors it changes of a file that is `extent` bytes long at most.
    fn sectors(&self, extent: usize) -> std::ops::Range<usize> {
        match self {
            Self::Write { bytes, .. } if bytes.is_empty() => 0..0,
            Self::Write { pos, .. } => pos / SECTOR_BYTES..self.end().div_ceil(SECTOR_BYTES),
            Self::Len(len) => len / SECTOR_BYTES..extent.div_ceil(SECTOR_BYTES),
        }
    }
}

/// Makes a whole change.
fn make(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { bytes, .. } if bytes.is_empty() => {}
        Change::Write { pos, bytes } => {
            let end = pos + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*pos..end].copy_from_slice(bytes);
        }
        // What is cut off is zeros, should the file grow again.
        Change::Len(len) => file.resize(*len, 0),
    }
}

/// Makes a change to the sectors that `reached` names; the file grows for it, and a cut zeroes what it cuts off.
fn apply(file: &mut Vec<u8>, change: &Change, reached: impl Fn(usize) -> bool) {
    for sector in change.sectors(file.len().max(change.end())).filter(|sector| reached(*sector)) {
        let (first, end) = (sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
        match change {
            Change::Write { pos, bytes } => {
                let (first, end) = (first.max(*pos), end.min(pos + bytes.len()));
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[first..end].copy_from_slice(&bytes[first - pos..end - pos]);
            }
            Change::Len(len) => {
                let (first, end) = (first.max(*len), end.min(file.len()));
                if first < end {
                    file[first..end].fill(0);
                }
            }
        }
    }
}

fn resize(file: &mut Vec<u8>, change: &Change) {
    if let Change::Len(len) = change {
        file.resize(*len, 0);
    }
}
