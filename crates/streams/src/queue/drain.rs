//! Reading what was not acknowledged, in order, out of the priorities' journals.
//!
//! ```text
//!   high:   3 7 9      by sequence: 1 2 3 4 7 8 9
//!   normal: 1 2 8      by priority: 3 7 9 1 2 8 4
//!   low:    4
//! ```

use annals_journal::{Batch, Log, LogError, Offset, ReadLimit};

use super::envelope::Envelope;
use super::{Class, Location, Queue, QueueError};

/// In which order a drain delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the frames were appended.
    #[default]
    Sequence,
    /// The highest priority first; within one as the frames were appended.
    Priority,
}

/// A frame that is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it lies: what [`Queue::acknowledge`] takes.
    pub location: Location,
    /// When it was appended, in microseconds since 1970-01-01T00:00:00Z.
    pub created_micros: i64,
    /// When it expires, if it does.
    pub expires_micros: Option<i64>,
    /// The frame.
    pub frame: Vec<u8>,
}

/// Frames to deliver. It ends at what was durable when it began. After an error it goes on behind what cannot be read.
#[derive(Debug)]
pub struct Drain<'a> {
    queue: &'a Queue,
    order: Order,
    /// Whether expired frames are delivered as well.
    expired_too: bool,
    /// The highest first.
    lanes: Vec<Lane<'a>>,
    expired: u64,
}

/// One priority's share of a drain.
#[derive(Debug)]
struct Lane<'a> {
    class: &'a Class,
    at: Offset,
    end: Offset,
    /// What was read and not delivered, the next one last.
    read: Vec<Delivery>,
    /// What stands behind that, if it is no frame.
    failed: Option<QueueError>,
}

impl<'a> Drain<'a> {
    pub(super) fn new(queue: &'a Queue, order: Order) -> Self {
        Self::from(queue, order, false, Class::position)
    }

    /// Everything that is held, by sequence.
    pub(super) fn of_all(queue: &'a Queue) -> Self {
        Self::from(queue, Order::Sequence, true, |class| class.journal.status().oldest)
    }

    fn from(queue: &'a Queue, order: Order, expired_too: bool, begin: fn(&Class) -> Offset) -> Self {
        let lane = |class: &'a Class| Lane {
            class,
            at: begin(class),
            end: class.journal.durable(),
            read: Vec::new(),
            failed: None,
        };
        Self { queue, order, expired_too, lanes: queue.classes.iter().rev().map(lane).collect(), expired: 0 }
    }

    /// How many frames were passed over because they had expired.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }
}

impl Iterator for Drain<'_> {
    type Item = Result<Delivery, QueueError>;

    fn next(&mut self) -> Option<Self::Item> {
        let now = self.queue.clock.now_micros();
        let mut best: Option<usize> = None;
        for i in 0..self.lanes.len() {
            let peeked = loop {
                match self.lanes[i].peek() {
                    Ok(Some(next))
                        if !self.expired_too && next.expires_micros.is_some_and(|expires| expires <= now) =>
                    {
                        self.lanes[i].read.pop();
                        self.expired += 1;
                    }
                    Ok(next) => break next.map(|next| next.location.sequence),
                    Err(error) => return Some(Err(error)),
                }
            };
            let Some(sequence) = peeked else { continue };
            match (self.order, best) {
                (_, None) => best = Some(i),
                (Order::Priority, Some(_)) => {}
                (Order::Sequence, Some(other)) => {
                    let known = self.lanes[other].read.last().map(|next| next.location.sequence);
                    if known > Some(sequence) {
                        best = Some(i);
                    }
                }
            }
            if self.order == Order::Priority && best.is_some() {
                break;
            }
        }
        self.lanes[best?].read.pop().map(Ok)
    }
}

impl Lane<'_> {
    /// So much is in memory for each priority.
    const LIMIT: ReadLimit = ReadLimit { records: 1_000, bytes: 1 << 20 };

    fn peek(&mut self) -> Result<Option<&Delivery>, QueueError> {
        while self.read.is_empty() {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.at >= self.end {
                break;
            }
            match self.class.journal.read(self.at, Self::LIMIT) {
                Ok(batch) => self.take(&batch),
                Err(LogError::Gap { oldest, .. }) => self.at = oldest,
                Err(error) => {
                    self.at = match error {
                        LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len } => {
                            Offset::new(offset.get().saturating_add(len)).max(Offset::new(self.at.get() + 1))
                        }
                        // Asked again, it would fail again.
                        _ => self.end,
                    };
                    return Err(QueueError::Unread { priority: self.class.priority, source: error });
                }
            }
        }
        Ok(self.read.last())
    }

    /// Takes the frames of a batch up to the end, or up to what is none: the next read begins behind it.
    fn take(&mut self, batch: &Batch) {
        self.at = if batch.is_empty() { self.end } else { batch.next() };
        let ends = batch.iter().skip(1).map(|entry| entry.offset).chain([batch.next()]);
        for (entry, next) in batch.iter().zip(ends).take_while(|(entry, _)| entry.offset < self.end) {
            let (Envelope { sequence, created, expires, priority }, frame) =
                match self.class.read(entry.offset, entry.payload) {
                    Ok(read) => read,
                    Err(error) => {
                        (self.at, self.failed) = (next, Some(error));
                        break;
                    }
                };
            let bytes = frame.len() as u64;
            self.read.push(Delivery {
                location: Location { priority, sequence, offset: entry.offset, next, bytes },
                created_micros: created,
                expires_micros: expires,
                frame: frame.to_vec(),
            });
        }
        self.read.reverse();
    }
}
