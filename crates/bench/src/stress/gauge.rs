//! Counters that others read while a thread goes on, also across processes: a line of numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// What a reader counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// Where it is.
    Position,
    Records,
    /// Gaps that were named.
    Gaps,
    /// Ways through the log that were begun.
    Passages,
    /// Times that were looked for and lay within the log, with a group before them.
    Seeks,
    /// Batches read while a cursor held retention back.
    Held,
    /// Steps, also those that found nothing.
    Beats,
}

const COUNTS: usize = 7;

/// One reader's counters.
#[derive(Debug, Default)]
pub(crate) struct Gauge([AtomicU64; COUNTS]);

impl Gauge {
    pub(crate) fn add(&self, count: Count, more: u64) {
        self.0[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, count: Count, value: u64) {
        self.0[count as usize].store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    /// As it travels.
    pub(crate) fn to_json(&self) -> Value {
        json!(self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>())
    }

    /// Takes over what has travelled.
    pub(crate) fn take(&self, value: &Value) {
        let numbers = value.as_array().into_iter().flatten().filter_map(Value::as_u64);
        self.0.iter().zip(numbers).for_each(|(count, value)| count.store(value, Ordering::Relaxed));
    }
}

/// What all writers have done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Atomic batches of more than one record.
    pub(crate) batches: AtomicU64,
    /// Records and batches larger than a segment.
    pub(crate) oversized: AtomicU64,
    /// Appends on condition that nobody else was faster: those that were, and those that were not.
    pub(crate) conditional: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    /// Appends made twice under one key.
    pub(crate) repeated: AtomicU64,
    /// Records appended by tasks.
    pub(crate) asynchronous: AtomicU64,
}

/// The value of a counter.
pub(crate) fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Counts on.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}
