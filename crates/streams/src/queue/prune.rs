//! Making room: whole sealed segments go, oldest first, the lowest priority first, with a receipt for each.
//!
//!   what goes -> the number of the next frame is noted -> the drain passes it -> the journal's own purge
//!
//! A crash between the last two steps has pruned it for the drain and not yet on the disk; the next prune does that.

use std::time::Duration;

use annals_journal::{Consent, Keep, Log, LogError, Offset, PlannedSegment, ReadLimit};

use super::{Class, Queue, QueueError, micros};

/// What a queue may take, for [`Queue::maintain`]. By default anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Nothing is kept that is older, delivered or not.
    pub max_age: Option<Duration>,
    /// At most so many bytes of segments; the active ones stay, so it may be more.
    pub max_bytes: Option<u64>,
}

impl Limits {
    /// Of a device: an hour, 5 MiB. Segments of 1 MiB go with it.
    pub const CLIENT: Self = Self { max_age: Some(Duration::from_secs(3_600)), max_bytes: Some(5 << 20) };
    /// Of a relay or a gateway: 96 hours, 10 GiB. Segments of 4 MiB go with it.
    pub const RELAY: Self =
        Self { max_age: Some(Duration::from_secs(96 * 3_600)), max_bytes: Some(10 << 30) };
}

/// What a prune has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many segments.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Frames they held.
    pub frames: u64,
    /// Those of them that were not acknowledged.
    pub undelivered: u64,
}

/// What both prunes of [`Queue::maintain`] have removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prunes {
    /// For their age.
    pub aged: Pruned,
    /// For their size.
    pub sized: Pruned,
}

impl Queue {
    /// Removes the segments of which every frame has expired or is older than `age`, delivered or not. `Duration::MAX`
    /// leaves it to the frames' own times.
    ///
    /// # Errors
    /// [`QueueError::ClockJumped`]; [`QueueError::Journal`], also if something stands in the way that the journal names.
    pub fn prune_older_than(&self, age: Duration) -> Result<Pruned, QueueError> {
        let now = self.steady.now(&*self.clock)?;
        let oldest = now.saturating_sub(micros(age));
        self.prune_while(|_, lived| lived.last_created < oldest || lived.last_expiry <= now)
    }

    /// Removes the segments of which every frame was acknowledged.
    ///
    /// # Errors
    /// [`QueueError::Journal`].
    pub fn prune_delivered(&self) -> Result<Pruned, QueueError> {
        let mut pruned = Pruned::default();
        for class in &self.classes {
            let position = class.position();
            let goes = class.sealed()?.into_iter().take_while(|segment| segment.end <= position);
            pruned += self.prune(class, goes.last().as_ref())?;
        }
        Ok(pruned)
    }

    /// Removes segments until all take at most so many bytes: of the lowest priority first, and there the oldest first.
    ///
    /// # Errors
    /// [`QueueError::Journal`].
    pub fn prune_to_size(&self, bytes: u64) -> Result<Pruned, QueueError> {
        let mut pruned = Pruned::default();
        for class in &self.classes {
            loop {
                // Measured again: what a prune notes takes room too.
                let mut over = self.usage()?.bytes.saturating_sub(bytes);
                let segments = class.sealed()?;
                let goes = segments.iter().take_while(|segment| {
                    let goes = over > 0;
                    over = over.saturating_sub(segment.bytes);
                    goes
                });
                let gone = self.prune(class, goes.last())?;
                if gone.segments == 0 {
                    break;
                }
                pruned += gone;
            }
        }
        Ok(pruned)
    }

    /// Prunes by age, then to the size: what the owner of a queue calls now and then.
    ///
    /// # Errors
    /// As [`Queue::prune_older_than`].
    pub fn maintain(&self, limits: &Limits) -> Result<Prunes, QueueError> {
        let aged = self.prune_older_than(limits.max_age.unwrap_or(Duration::MAX))?;
        let sized = match limits.max_bytes {
            Some(bytes) => self.prune_to_size(bytes)?,
            None => Pruned::default(),
        };
        Ok(Prunes { aged, sized })
    }

    fn prune_while(&self, goes: impl Fn(&Class, &Lived) -> bool) -> Result<Pruned, QueueError> {
        let mut pruned = Pruned::default();
        for class in &self.classes {
            let mut last = None;
            for segment in class.sealed()? {
                if !goes(class, &class.lived(&segment)?) {
                    break;
                }
                last = Some(segment);
            }
            pruned += self.prune(class, last.as_ref())?;
        }
        Ok(pruned)
    }

    /// Removes all up to `last`.
    fn prune(&self, class: &Class, last: Option<&PlannedSegment>) -> Result<Pruned, QueueError> {
        let Some(last) = last else { return Ok(Pruned::default()) };
        let journal = &class.journal;
        let position = class.position();
        let before = journal.records_before(position)?;
        journal.checkpoint(self.next_sequence().to_le_bytes(), false)?;
        class.pass(last.end)?;
        let plan = journal.plan(&Keep::From(last.end))?;
        let (goes, end) = (plan.purge.len(), plan.oldest_after);
        let receipts = journal.apply(&plan, Consent::default())?;
        if let Some(blocked) = plan.blocked.first() {
            tracing::warn!(segment = %blocked.segment.base, by = %blocked.by[0], "a segment of a queue cannot be pruned");
        }
        let frames = receipts.iter().map(|receipt| receipt.records).sum();
        let undelivered = if goes == 0 || end <= position {
            0
        } else {
            journal.records_before(end)?.saturating_sub(before)
        };
        Ok(Pruned {
            segments: receipts.len() as u64,
            bytes: receipts.iter().map(|receipt| receipt.bytes).sum(),
            frames,
            undelivered,
        })
    }
}

/// The times of a segment's frames, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Lived {
    last_created: i64,
    /// The largest number if one of them does not expire.
    last_expiry: i64,
}

impl Class {
    /// The sealed segments, oldest first.
    fn sealed(&self) -> Result<Vec<PlannedSegment>, QueueError> {
        let plan = self.journal.plan(&Keep::Segments(1))?;
        let blocked = plan.blocked.into_iter().map(|blocked| blocked.segment);
        Ok(plan.purge.into_iter().chain(blocked).collect())
    }

    /// Reads a segment's frames. What cannot be read has not been seen to expire.
    fn lived(&self, segment: &PlannedSegment) -> Result<Lived, QueueError> {
        let mut lived = Lived { last_created: i64::MIN, last_expiry: i64::MIN };
        let mut at = segment.base;
        while at < segment.end {
            let batch = match self.journal.read(at, ReadLimit::default()) {
                Ok(batch) => batch,
                Err(LogError::Gap { oldest, .. }) => {
                    at = oldest;
                    continue;
                }
                Err(LogError::Hole { offset, len }) => {
                    at = Offset::new(offset.get().saturating_add(len));
                    continue;
                }
                Err(source) => return Err(QueueError::Unread { priority: self.priority, source }),
            };
            for entry in batch.iter().take_while(|entry| entry.offset < segment.end) {
                let (envelope, _) = self.read(entry.offset, entry.payload)?;
                lived.last_created = lived.last_created.max(envelope.created);
                lived.last_expiry = lived.last_expiry.max(envelope.expires.unwrap_or(i64::MAX));
            }
            if batch.next() <= at {
                break;
            }
            at = batch.next();
        }
        Ok(lived)
    }
}

impl std::ops::AddAssign for Pruned {
    fn add_assign(&mut self, other: Self) {
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.frames += other.frames;
        self.undelivered += other.undelivered;
    }
}

/// The number that a prune has noted; 0 for a checkpoint of somebody else's.
pub(super) fn noted_sequence(body: &[u8]) -> u64 {
    body.try_into().map_or(0, u64::from_le_bytes)
}
