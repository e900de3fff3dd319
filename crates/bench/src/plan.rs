//! What is measured: each work at its sizes and threads, and who takes part.

use std::time::Duration;

use crate::contender::{self, Contender};
use crate::work::Work;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// The time of one repetition of a rate.
    pub(crate) window: Duration,
    /// Repetitions of each cell.
    pub(crate) repeat: u32,
    /// Payload bytes of the log that is replayed.
    pub(crate) replay_bytes: u64,
    /// Payload bytes of the logs that are opened.
    pub(crate) open_bytes: &'static [u64],
    /// From this size on only ours is opened: it is the one that promises the same time at any size, and the others'
    /// logs take long to write.
    pub(crate) ours_alone_bytes: u64,
}

impl Scale {
    /// Full, or quick; the number of repetitions can be had otherwise.
    pub(crate) fn new(quick: bool, repeat: Option<u32>) -> Self {
        if quick {
            Self {
                window: Duration::from_millis(150),
                repeat: repeat.unwrap_or(3),
                replay_bytes: 256 << 20,
                open_bytes: &[1 << 30],
                ours_alone_bytes: 1 << 30,
            }
        } else {
            Self {
                window: Duration::from_millis(300),
                repeat: repeat.unwrap_or(5),
                replay_bytes: 1 << 30,
                open_bytes: &[1 << 30, 10 << 30],
                ours_alone_bytes: 4 << 30,
            }
        }
    }
}

/// Cells that are measured side by side.
pub(crate) struct Group {
    /// What is done.
    pub(crate) work: Work,
    /// Bytes of a record, or of the log that is opened.
    pub(crate) size: u64,
    /// Threads that append; 1 where it has no meaning.
    pub(crate) threads: usize,
    /// By whom.
    pub(crate) contenders: Vec<&'static dyn Contender>,
}

/// Payload bytes of a record where the work does not vary it.
pub(crate) const RECORD_BYTES: u64 = 1024;

/// All groups with somebody in them; with names in `only` or `who`, those alone.
pub(crate) fn groups(scale: &Scale, only: &[Work], who: &[String]) -> Vec<Group> {
    let group = |work, size, threads| Group {
        work,
        size,
        threads,
        contenders: takers(scale, work, size, threads, who),
    };
    let mut groups = Vec::new();
    for threads in [1, 8, 64] {
        groups.extend([128, 1024, 16384].map(|size| group(Work::Durable, size, threads)));
    }
    for work in [Work::Async, Work::Batch, Work::Buffered] {
        groups.extend([128, 1024].map(|size| group(work, size, 1)));
    }
    groups.extend([Work::Replay, Work::ReplayHash].map(|work| group(work, RECORD_BYTES, 1)));
    groups.extend(scale.open_bytes.iter().map(|bytes| group(Work::Open, *bytes, 1)));
    groups.extend([Work::Bytes, Work::BytesBatch].map(|work| group(work, 128, 1)));
    for work in [Work::DurableHogs, Work::DurableThink] {
        groups.extend([2, 8, 64].map(|threads| group(work, 128, threads)));
    }
    groups.retain(|group| !group.contenders.is_empty() && (only.is_empty() || only.contains(&group.work)));
    groups
}

fn takers(
    scale: &Scale,
    work: Work,
    size: u64,
    threads: usize,
    who: &[String],
) -> Vec<&'static dyn Contender> {
    let mut takers = contender::all();
    takers.retain(|contender| {
        contender.takes(work, threads)
            && (who.is_empty() || who.iter().any(|name| name == contender.name()))
            && (work != Work::Open || size < scale.ours_alone_bytes || contender.name() == "annals")
    });
    takers
}
