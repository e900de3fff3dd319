//! When a record is from: by default when it was written, or what an application reads from it.

use std::fmt;

use crate::fact::Fact;

/// Says the time of each record. Retention goes by journal time, whatever this says.
pub trait Timeline: fmt::Debug + Send + Sync {
    /// Its name, and what else changes when the times do: what is remembered of segments under another name is not used.
    fn name(&self) -> &str;

    /// The time of a record of `stream`, in microseconds since 1970-01-01T00:00:00Z. The same for the same arguments, always.
    /// `journal_micros` is the journal time of the group it was appended in.
    fn time_of(&self, stream: &str, payload: &[u8], journal_micros: i64) -> i64;
}

/// A record is from when it was written: the journal time of its group.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalTime;

impl Timeline for JournalTime {
    fn name(&self) -> &str {
        "journal"
    }

    fn time_of(&self, _stream: &str, _payload: &[u8], journal_micros: i64) -> i64 {
        journal_micros
    }
}

/// A fact is from its transaction time, by microseconds; a record that is no fact, from when it was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactTime;

impl Timeline for FactTime {
    fn name(&self) -> &str {
        "fact"
    }

    fn time_of(&self, _stream: &str, payload: &[u8], journal_micros: i64) -> i64 {
        // Beyond what 64 bits hold it is the last moment they do; what is not a number makes no fact.
        Fact::from_payload(payload)
            .map_or(journal_micros, |fact| (fact.transaction_time * 1e6).round() as i64)
    }
}
