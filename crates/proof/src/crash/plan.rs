//! How a history is drawn: settings, sizes, which calls it makes, and what goes wrong in it.

use std::sync::Arc;
use std::time::Duration;

use annals_journal::{Bucket, Options, SealPolicy, SyncPolicy};
use annals_testkit::{Call, Fault, Outcome, SimDisk};
use fastrand::Rng;

/// A history's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) options: Options,
    /// The disk can make a write durable at once.
    pub(crate) past_cache: bool,
    /// All records have so many bytes; none: each its own.
    pub(crate) size: Option<usize>,
    /// Calls fail now and then.
    pub(crate) faults: bool,
    /// Appends of tasks: the journal leads by a thread of its own, so a number may need several runs to be repeated.
    pub(crate) tasks: bool,
    /// How many calls it makes at most.
    pub(crate) calls: usize,
    /// So many steps lie between two places where it is cut, on the average.
    pub(crate) gap: u64,
}

/// What may go wrong with one call, by the name under which it is counted.
pub(crate) const FAULTS: [&str; 8] = [
    "fired_eio_once",
    "fired_eio_sticky",
    "fired_enospc",
    "fired_emfile",
    "fired_eintr",
    "fired_short",
    "fired_after_made",
    "fired_lossy_sync",
];

impl Plan {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let sync = match rng.u32(..10) {
            0..6 => SyncPolicy::Always,
            6..8 => SyncPolicy::OnDemand,
            8 => SyncPolicy::Every(rng.u32(2..9)),
            // Longer than any history: the thread is there, and has nothing to do.
            _ => SyncPolicy::Interval(Duration::from_secs(3600)),
        };
        // A thread costs as much as an image.
        let sync = if matches!(sync, SyncPolicy::Interval(_)) && rng.u32(..4) > 0 {
            SyncPolicy::OnDemand
        } else {
            sync
        };
        let segment_bytes =
            [5 << 10, 6 << 10, 6 << 10, 8 << 10, 12 << 10, 16 << 10, 32 << 10][rng.usize(..7)];
        let hour = rng.u32(..16) == 0;
        // Drawn apart: whatever came to be an option later changes no history of a number.
        let mut apart = Rng::with_seed(rng.get_seed() ^ 0x5EED);
        let quiet = apart.u32(..4) == 0;
        Self {
            options: Options {
                segment_bytes,
                max_batch_bytes: 64 << 10,
                sync,
                seal: SealPolicy { age: None, bucket: if hour { Bucket::Hour } else { Bucket::None } },
                remember_keys: [0, 2, 8, 40][rng.usize(..4)],
                fill_ahead: true,
                reserve_bytes: if quiet { [4 << 10, 5 << 10, 8 << 10][apart.usize(..3)] } else { 4 << 30 },
                own_thread: !quiet,
            },
            past_cache: rng.bool(),
            size: [None, None, Some(48), Some(64), Some(200)][rng.usize(..5)],
            faults: rng.u32(..3) == 0,
            tasks: rng.u32(..32) == 0,
            calls: rng.usize(4..40),
            gap: rng.u64(2..10),
        }
    }

    pub(crate) fn disk(&self) -> SimDisk {
        let disk = SimDisk::new();
        if self.past_cache { disk.past_cache() } else { disk }
    }

    /// A record, which says of itself which one it is.
    pub(crate) fn payload(&self, rng: &mut Rng) -> Arc<[u8]> {
        let len = self.size.unwrap_or_else(|| match rng.u32(..16) {
            0 => 0,
            1..9 => rng.usize(1..80),
            9..15 => rng.usize(80..400),
            _ => rng.usize(400..3000),
        });
        let mut payload = vec![rng.u8(..); len];
        let head = rng.u64(..).to_le_bytes();
        payload.iter_mut().zip(head).for_each(|(byte, head)| *byte = head);
        payload.into()
    }

    /// The records of an append.
    pub(crate) fn payloads(&self, rng: &mut Rng) -> Vec<Arc<[u8]>> {
        let records = match rng.u32(..24) {
            0..14 => 1,
            14..23 => rng.usize(2..8),
            // More than a segment holds, now and then.
            _ => rng.usize(8..40),
        };
        (0..records).map(|_| self.payload(rng)).collect()
    }
}

/// A fault, and under which of [`FAULTS`] it counts.
pub(crate) fn fault(rng: &mut Rng) -> (usize, Fault) {
    const EIO: i32 = 5;
    let changing = [Call::Write, Call::Sync, Call::SyncDir, Call::Rename, Call::SetLen, Call::Allocate];
    let (which, calls, outcome): (usize, &[Call], Outcome) = match rng.u32(..14) {
        0..3 => (0, &changing, Outcome::Os(EIO)),
        3 => (0, &[Call::Read, Call::Open, Call::List, Call::Len], Outcome::Os(EIO)),
        4..6 => (1, &[Call::Sync, Call::Write], Outcome::Os(EIO)),
        6..8 => (2, &[Call::Write, Call::Allocate, Call::Open], Outcome::Os(28)),
        8 => (3, &[Call::Open], Outcome::Os(24)),
        9 => (4, &[Call::Write, Call::Read], Outcome::Os(4)),
        10..12 => (5, &[Call::Write, Call::Read], if rng.bool() { Outcome::Half } else { Outcome::Short(1) }),
        _ => (6, &changing, Outcome::OsAfter(if rng.bool() { EIO } else { 28 })),
    };
    let one = [calls[rng.usize(..calls.len())]];
    let calls = if rng.bool() { calls } else { &one };
    let fault = Fault::of(calls, outcome).nth(rng.u64(1..7));
    let fault = match which {
        1 => fault.forever(),
        4 | 5 => fault.times(rng.u64(1..5)),
        _ => fault,
    };
    (which, fault)
}
