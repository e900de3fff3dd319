//! What a caller may choose, checked once.

use std::time::Duration;

use annals_record::Offset;

use crate::{Error, frame};

/// A journal's settings: plain data, checked by `open`. Components (disk, clock) are arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment is sealed before it would grow past this size, in bytes. Larger means fewer files; smaller means that
    /// damage, retention and recovery have smaller units. An atomic batch larger than this gets a segment of its own.
    /// Default: 64 MiB. At least 4 KiB, at most 4 GiB.
    pub segment_bytes: u64,
    /// The largest atomic batch, frames included, in bytes. Larger ones are refused as [`Error::TooLarge`]. It bounds
    /// the memory that one append, and one read, can take. Default: 256 MiB + 64 KiB, which holds one record of the
    /// largest size. At least 4 KiB, at most 2 GiB.
    pub max_batch_bytes: u64,
    /// When an append is durable. Default: always, before it returns.
    pub sync: SyncPolicy,
    /// When a segment is sealed other than by its size. Default: never.
    pub seal: SealPolicy,
    /// How many idempotency keys are remembered, the newest ones. Default: 65,536. At most 1,048,576.
    pub remember_keys: u32,
    /// Segments are filled with zeros before they are used: a sync of blocks that exist takes half the time. It costs a
    /// second write of each byte, in the background, and up to 50 ms when a log is made. Segments under 1 MiB, and disks
    /// without a way past their cache, do without. Default: yes.
    pub fill_ahead: bool,
    /// So many bytes of disk are reserved for a new segment; when they are used up, as many again as it holds by then, until
    /// it is whole. Reserving a whole segment at once makes appends fast; but then a log of a few records takes a segment's
    /// worth of disk while it is open. Default: 4 GiB, which is always the whole segment. At least 4 KiB, at most 4 GiB.
    pub reserve_bytes: u64,
    /// The journal may start a thread of its own: to prepare the next segment while this one fills, and to write, and from 8 MiB
    /// on sync, what was accepted and nobody waits for. Without it the thread that appends does either when it is due. A thread
    /// is started all the same for [`SyncPolicy::Interval`] and for tasks. A journal without is taken for one of many: its groups
    /// are gathered in huge pages, 2 MiB at least for each of two, only from 256 KiB on. Default: yes.
    pub own_thread: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            max_batch_bytes: frame::MAX_PAYLOAD as u64 + (64 << 10),
            sync: SyncPolicy::Always,
            seal: SealPolicy::default(),
            remember_keys: 65_536,
            fill_ahead: true,
            reserve_bytes: 4 << 30,
            own_thread: true,
        }
    }
}

/// What one append asks for beyond its journal's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppendOptions<'a> {
    /// Durable when it returns, whatever [`Options::sync`] says. Default: no.
    pub durable: bool,
    /// Refuse with [`Error::Conflict`] if a record was appended at or after this place. Default: none.
    pub next: Option<Offset>,
    /// An idempotency key of 1 to 255 bytes: an append with a key that is remembered is not made again, but answered
    /// with the receipts of the first one. The newest [`Options::remember_keys`] keys are remembered, also after a crash.
    /// The same key with other payloads is refused with [`Error::KeyReused`]. Default: none.
    pub key: Option<&'a [u8]>,
}

/// When what was appended becomes durable. All but `Always` may lose what they have accepted: an append returns once it
/// is in this process's memory, and [`crate::Journal::durability`] tells how far it has come. An append can ask for more
/// than its journal's policy, never for less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// An append returns once it is durable.
    #[default]
    Always,
    /// The append that makes it so many records since the last sync returns once all of them are durable. At least 1.
    Every(u32),
    /// Everything accepted becomes durable within about this time, by a thread of the journal. At least 10 ms: less is
    /// taken for 10 ms. See [`SyncPolicy::DEFAULT_INTERVAL`].
    Interval(Duration),
    /// Only by [`crate::Journal::sync`], by an append that asks for it, by a seal, and at close. A journal with a thread of its own
    /// also syncs what is written once that is 8 MiB, under every policy, so that a seal has little left to sync: nobody may
    /// rely on it.
    OnDemand,
}

impl SyncPolicy {
    /// 200 ms.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(200);
    /// The shortest interval: 10 ms.
    pub const LEAST_INTERVAL: Duration = Duration::from_millis(10);
}

/// When a segment is sealed other than by its size: at the next append, or by [`crate::Journal::seal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealPolicy {
    /// Once it was created this long ago, in journal time. Default: never.
    pub age: Option<Duration>,
    /// Once another time bucket has begun, so that no segment spans two. Default: none.
    pub bucket: Bucket,
}

/// A stretch of journal time, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bucket {
    /// All time is one.
    #[default]
    None,
    /// From minute 0 to minute 0.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Bucket {
    const fn micros(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Hour => Some(3_600_000_000),
            Self::Day => Some(86_400_000_000),
        }
    }
}

impl SealPolicy {
    /// Whether a segment whose time began at `began` is over at `now`. A clock that went back ends no segment by age.
    pub(crate) fn is_over(&self, began: i64, now: i64) -> bool {
        let aged = self.age.is_some_and(|age| now.saturating_sub(began) as i128 >= age.as_micros() as i128);
        aged || self.bucket.micros().is_some_and(|bucket| began.div_euclid(bucket) != now.div_euclid(bucket))
    }

    pub(crate) fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

impl Options {
    /// Smaller segments are made when they are needed.
    pub(crate) const PREPARE_FROM: u64 = 1 << 20;

    /// Whether segments are filled before they are used: with a policy that syncs now and then it is not worth it.
    pub(crate) fn fills_ahead(&self) -> bool {
        self.fill_ahead && self.segment_bytes >= Self::PREPARE_FROM && self.sync == SyncPolicy::Always
    }

    /// Whether the next segment's file is made while the active one fills.
    pub(crate) fn prepares_ahead(&self) -> bool {
        self.own_thread && self.segment_bytes >= Self::PREPARE_FROM
    }

    /// How long a segment's file is made that nothing was written to yet.
    pub(crate) fn first_reserve(&self) -> u64 {
        self.reserve_bytes.min(self.segment_bytes)
    }

    /// How long the active segment's file is made so that `needed` bytes have their space.
    pub(crate) fn reserve(&self, needed: u64) -> u64 {
        self.reserve_bytes.max(needed.saturating_mul(2)).min(self.segment_bytes).max(needed)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |option, value, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::Option { option, value, least, most })
            }
        };
        within("segment_bytes", self.segment_bytes, 4 << 10, 4 << 30)?;
        within("max_batch_bytes", self.max_batch_bytes, 4 << 10, 2 << 30)?;
        within("reserve_bytes", self.reserve_bytes, 4 << 10, 4 << 30)?;
        within("remember_keys", self.remember_keys.into(), 0, 1 << 20)?;
        match self.sync {
            SyncPolicy::Every(records) => within("sync: every", records.into(), 1, u32::MAX.into()),
            _ => Ok(()),
        }
    }
}
