//! The bytes of one simulated file: what a reader sees, and what a crash leaves of it.
//!
//!   volatile = durable + pending changes, in order
//!   crash    = durable + those pending changes that got as far, sector by sector
//!
//! A sector of 512 bytes is never torn: it survives as it was after one of the writes to it, or as it was synced.

use super::survival::{Chooser, Tick};

/// What a disk writes whole or not at all, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    volatile: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(Tick, Change)>,
    reserved: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { pos: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Image {
    /// A file that holds `bytes` in both images.
    pub(super) fn settled(bytes: Vec<u8>) -> Self {
        Self { reserved: bytes.len() as u64, volatile: bytes.clone(), durable: bytes, pending: Vec::new() }
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
        self.change(tick, Change::Write { pos, bytes: bytes.to_vec() });
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
        apply(&mut self.volatile, &change, |_| true);
        resize(&mut self.volatile, &change);
        self.pending.push((tick, change));
    }

    /// A sync that works.
    pub(super) fn sync(&mut self) {
        for (_, change) in self.pending.drain(..) {
            apply(&mut self.durable, &change, |_| true);
            resize(&mut self.durable, &change);
        }
    }

    /// The sync that a write of whole blocks brings along: it covers that write, and no other.
    pub(super) fn sync_last(&mut self) {
        let Some((_, last)) = self.pending.pop() else { return };
        let durable = self.durable.len();
        let begin = if let Change::Write { pos, .. } = &last { *pos } else { 0 };
        for (tick, change) in std::mem::take(&mut self.pending) {
            match change {
                // What it overwrites is not waited for any more.
                Change::Write { pos, mut bytes } if pos < last.end() && begin < pos + bytes.len() => {
                    let behind = (pos + bytes.len()).saturating_sub(last.end());
                    if behind > 0 {
                        let rest = bytes.split_off(bytes.len() - behind);
                        let tick = tick.plus(last.end() / SECTOR_BYTES - pos / SECTOR_BYTES);
                        self.pending.push((tick, Change::Write { pos: last.end(), bytes: rest }));
                    }
                    bytes.truncate(begin.saturating_sub(pos));
                    self.pending.push((tick, Change::Write { pos, bytes }));
                }
                // A longer file goes with it.
                Change::Len(len) if len >= durable => resize(&mut self.durable, &change),
                other => self.pending.push((tick, other)),
            }
        }
        apply(&mut self.durable, &last, |_| true);
        resize(&mut self.durable, &last);
    }

    /// A sync that fails and takes what was dirty for clean: it stays readable and never reaches the medium.
    pub(super) fn lose_pending(&mut self) {
        self.pending.clear();
    }

    /// The page cache lets go of what it takes for clean, so that reads see the medium again.
    pub(super) fn evict(&mut self) {
        self.volatile.clone_from(&self.durable);
        for (_, change) in &self.pending {
            apply(&mut self.volatile, change, |_| true);
            resize(&mut self.volatile, change);
        }
    }

    /// When the oldest change that still waits was made.
    pub(super) fn oldest_pending(&self) -> Option<Tick> {
        self.pending.first().map(|(tick, _)| *tick)
    }

    /// Changes both images behind every reader's back.
    pub(super) fn tamper(&mut self, change: impl Fn(&mut Vec<u8>)) {
        change(&mut self.volatile);
        change(&mut self.durable);
    }

    /// What is on the medium after a crash.
    pub(super) fn survivor(&self, chooser: &mut Chooser<'_>) -> Vec<u8> {
        let (pending, mut bytes) = (&self.pending, self.durable.clone());
        let extent = pending.iter().map(|(_, change)| change.end()).fold(bytes.len(), usize::max);
        let mut written = vec![Vec::new(); extent.div_ceil(SECTOR_BYTES)];
        for (tick, change) in pending {
            for sector in change.sectors(extent) {
                written[sector].push(change.reaches(*tick, sector));
            }
        }
        let reached: Vec<Tick> = written.iter().map(|ticks| chooser.sector(ticks)).collect();
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
        bytes
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
