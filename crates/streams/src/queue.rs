//! An offline queue: frames wait, in order, each with a priority and a time to live, until they are delivered or expire.
//!
//! ```text
//!   append -> priority=high/   one journal for each priority      drain: by sequence, or the highest priority first
//!             priority=normal/ [segment][segment][active]   ->    acknowledge -> a durable cursor in each
//!             priority=low/     pruned <-- oldest first, the lowest priority first, never the active one
//! ```
//!
//! Q1: what `append` has returned is durable, keeps its sequence number, and is drained until it is acknowledged, expires
//! or is pruned. Q2: sequence numbers rise with every frame and are never given twice to frames that were returned,
//! also after a restart and after everything was pruned. Q3: no prune touches an active segment, and none by age goes by
//! a clock that has jumped. Q4: damage costs the frames it covers, which are told, and the drain goes on behind them.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_journal::{Clock, Disk, Journal, NamedCursor, Offset, Options, RealDisk, SyncPolicy, SystemClock};

mod drain;
mod envelope;
mod error;
mod prune;
mod steady;

pub use drain::{Delivery, Drain, Order};
pub use envelope::{FRAME_TYPE, MAX_FRAME};
pub use error::QueueError;
pub use prune::{Limits, Pruned, Prunes};

use envelope::Envelope;
use steady::Steady;

/// The cursor, in each priority's journal, behind what was acknowledged.
const CURSOR: &str = "drain";

/// So much disk a new segment takes before it has frames: most queues are empty most of the time.
const RESERVE_BYTES: u64 = 64 << 10;

/// How much a frame matters when room has to be made: the lower goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Goes first.
    Low,
    /// Goes once nothing lower is left to go.
    #[default]
    Normal,
    /// Goes last.
    High,
}

impl Priority {
    /// All of them, the lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// Its name, as it stands in the directory's: `low`, `normal`, `high`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// A queue's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// How large a segment grows, in bytes: what a prune takes away at once. Default: 4 MiB. At least 4 KiB.
    pub segment_bytes: u64,
    /// How long a frame lives that says nothing of it. Default: for ever.
    pub lives: Option<Duration>,
    /// Whether an append is durable before it returns. Without it [`Queue::sync`] makes it so. Default: yes.
    pub durable: bool,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, lives: None, durable: true }
    }
}

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// In which priority's journal.
    pub priority: Priority,
    /// Its number among all frames of the queue, from 0.
    pub sequence: u64,
    /// Where it stands in that journal.
    pub offset: Offset,
    /// A place behind it, and before the frame that follows.
    pub next: Offset,
    /// The frame's length in bytes.
    pub bytes: u64,
}

/// What a queue takes, and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all segments, the active ones as if they were cut to their ends.
    pub bytes: u64,
    /// How many segments there are.
    pub segments: u64,
    /// Frames that the segments still hold, delivered or not.
    pub frames: u64,
}

/// An offline queue, open for this process alone. Every method takes `&self`: threads share it as it is.
#[derive(Debug)]
pub struct Queue {
    classes: [Class; Priority::ALL.len()],
    next: Mutex<u64>,
    options: QueueOptions,
    clock: Arc<dyn Clock>,
    steady: Steady,
}

/// One priority's journal.
#[derive(Debug)]
struct Class {
    priority: Priority,
    journal: Journal,
    cursor: Mutex<NamedCursor>,
}

impl Queue {
    /// Opens the queue in `dir`, creating it if nothing is there.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use annals_streams::queue::{Order, Priority, Queue, QueueOptions};
    ///
    /// let queue = Queue::open(dir.path().join("outbox"), QueueOptions::default())?;
    /// queue.append(b"hello", Priority::Normal, None)?;
    /// for delivery in queue.drain(Order::Sequence) {
    ///     let delivery = delivery?;
    ///     // ... send delivery.frame, then:
    ///     queue.acknowledge(&delivery.location)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`QueueError::Journal`]: another process has it, it is damaged, or something else is there.
    pub fn open(dir: impl AsRef<Path>, options: QueueOptions) -> Result<Self, QueueError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Self::open_on(&disk, Arc::new(SystemClock), dir.as_ref(), options)
    }

    /// Opens the queue in `dir` of this disk, with this clock.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        options: QueueOptions,
    ) -> Result<Self, QueueError> {
        let steady = Steady::new(&*clock);
        let open = |priority| Class::open(Arc::clone(disk), Arc::clone(&clock), dir, priority, &options);
        let [low, normal, high] = Priority::ALL;
        let classes = [open(low)?, open(normal)?, open(high)?];
        let mut next = 0;
        for class in &classes {
            next = next.max(class.next_sequence()?);
        }
        Ok(Self { classes, next: Mutex::new(next), options, clock, steady })
    }

    /// Puts a frame at the end, and says where it lies. It lives for `lives`, or as the queue's options say.
    ///
    /// # Errors
    /// [`QueueError::Journal`]: `Full` if there is no room, and then nothing of it was kept; `TooLarge` beyond
    /// [`MAX_FRAME`]; `Poisoned` if it is unknown whether it is durable.
    pub fn append(
        &self,
        frame: &[u8],
        priority: Priority,
        lives: Option<Duration>,
    ) -> Result<Location, QueueError> {
        self.append_created(frame, priority, lives, None)
    }

    /// As [`Queue::append`], for a frame that was made at this time, in microseconds since 1970-01-01T00:00:00Z, and came
    /// from elsewhere: its life began then.
    ///
    /// # Errors
    /// As [`Queue::append`].
    pub fn append_created(
        &self,
        frame: &[u8],
        priority: Priority,
        lives: Option<Duration>,
        created_micros: Option<i64>,
    ) -> Result<Location, QueueError> {
        envelope::check(frame)?;
        let class = self.class(priority);
        let location = {
            // The order of numbers is the order in the log; syncs are shared outside.
            let mut next = lock(&self.next);
            let created = created_micros.unwrap_or_else(|| self.clock.now_micros());
            let lives = lives.or(self.options.lives);
            let expires = lives.map(|lives| created.saturating_add(micros(lives)));
            let envelope = Envelope { priority, sequence: *next, created, expires };
            let appended = class.journal.append(envelope.around(frame))?;
            let location = Location {
                priority,
                sequence: *next,
                offset: appended.offset,
                next: appended.next,
                bytes: frame.len() as u64,
            };
            *next += 1;
            location
        };
        if self.options.durable {
            class.journal.sync()?;
        }
        Ok(location)
    }

    /// Makes all that was appended durable.
    ///
    /// # Errors
    /// [`QueueError::Journal`]: `Poisoned`, and then what was not durable may be lost.
    pub fn sync(&self) -> Result<(), QueueError> {
        self.classes.iter().try_for_each(|class| class.journal.sync().map(drop).map_err(QueueError::from))
    }

    /// The number that the next frame gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        *lock(&self.next)
    }

    /// What was not acknowledged, up to what is durable now. Frames that have expired are passed over and counted.
    #[must_use]
    pub fn drain(&self, order: Order) -> Drain<'_> {
        Drain::new(self, order)
    }

    /// All frames that the segments still hold and that are durable now, delivered, expired or not.
    #[must_use]
    pub fn held(&self) -> Drain<'_> {
        Drain::of_all(self)
    }

    /// This frame was delivered, and all before it in its priority: they are not drained again. Durable when it returns.
    /// What was acknowledged before is no error.
    ///
    /// # Errors
    /// [`QueueError::Journal`] if it cannot be noted: then they may come again.
    pub fn acknowledge(&self, location: &Location) -> Result<(), QueueError> {
        self.class(location.priority).pass(location.next)
    }

    /// What the queue takes on the disk.
    ///
    /// # Errors
    /// [`QueueError::Journal`] if a file cannot be read.
    pub fn usage(&self) -> Result<Usage, QueueError> {
        let mut usage = Usage::default();
        for class in &self.classes {
            let status = class.journal.status();
            usage.bytes += class.kept_bytes()?;
            usage.segments += status.segments.len() as u64;
            usage.frames += status.segments.iter().map(|segment| segment.records).sum::<u64>();
        }
        Ok(usage)
    }

    /// The journal of one priority: to verify it, to back it up, to see its receipts.
    #[must_use]
    pub fn journal(&self, priority: Priority) -> &Journal {
        &self.class(priority).journal
    }

    /// Closes the queue and says whether that worked; dropping it does the same without a word.
    ///
    /// # Errors
    /// [`QueueError::Journal`]: what was acknowledged is durable all the same.
    pub fn close(self) -> Result<(), QueueError> {
        for class in self.classes {
            drop(class.cursor);
            class.journal.close()?;
        }
        Ok(())
    }

    fn class(&self, priority: Priority) -> &Class {
        &self.classes[priority as usize]
    }
}

impl Class {
    fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        priority: Priority,
        options: &QueueOptions,
    ) -> Result<Self, QueueError> {
        let options = Options {
            segment_bytes: options.segment_bytes,
            sync: SyncPolicy::OnDemand,
            remember_keys: 0,
            fill_ahead: false,
            reserve_bytes: RESERVE_BYTES,
            ..Options::default()
        };
        let dir = dir.join(format!("priority={}", priority.name()));
        let journal = Journal::open_on(disk, clock, &dir, options)?;
        let oldest = journal.status().oldest;
        let cursor = Mutex::new(journal.cursor_at(CURSOR, oldest)?);
        Ok(Self { priority, journal, cursor })
    }

    /// Behind the last frame it ever held: the newest it holds, or what a prune has noted.
    fn next_sequence(&self) -> Result<u64, QueueError> {
        let noted = match self.journal.latest_checkpoint()? {
            Some(checkpoint) => prune::noted_sequence(&checkpoint.body),
            None => 0,
        };
        let mut next = noted;
        for group in self.journal.backward(self.journal.durable()) {
            // What is damaged at the end may have had any number below its count.
            let Ok(group) = group else { continue };
            if let Some(last) = group.iter().last() {
                let (envelope, _) = self.read(last.offset, last.payload)?;
                next = next.max(envelope.sequence + 1);
                break;
            }
        }
        Ok(next)
    }

    fn read<'a>(&self, offset: Offset, payload: &'a [u8]) -> Result<(Envelope, &'a [u8]), QueueError> {
        let foreign = |reason| QueueError::Foreign { priority: self.priority, offset, reason };
        let (envelope, frame) = Envelope::read(payload).map_err(foreign)?;
        if envelope.priority != self.priority {
            return Err(foreign(format!("it has the priority {}", envelope.priority.name())));
        }
        Ok((envelope, frame))
    }

    /// Passes all before `to`; going back is left to nobody.
    fn pass(&self, to: Offset) -> Result<(), QueueError> {
        let mut cursor = lock(&self.cursor);
        if to > cursor.position() {
            cursor.advance(to, None)?;
        }
        Ok(())
    }

    fn position(&self) -> Offset {
        lock(&self.cursor).position()
    }

    fn kept_bytes(&self) -> Result<u64, QueueError> {
        Ok(self.journal.plan(&annals_journal::Keep::Everything)?.kept_bytes)
    }
}

/// Microseconds, as far as they go.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A panic in another thread leaves nothing half done here: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
