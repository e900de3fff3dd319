//! How far the store may be behind while appends go on, and what an append does beyond that.

use std::fmt;
use std::time::Duration;

use annals_record::Lag;

/// What an append through [`crate::Annals`] or its importer does while the store is further behind the journal than a
/// bound.
///
/// What is looked at is the lag before the append: what many threads append at once, and the append itself, may pass the
/// bound by that much. Appends straight to [`crate::Annals::journal`] are not held back; they count as lag all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backpressure {
    /// It goes on, however far the store is behind: the journal takes all that the disk takes. The default.
    #[default]
    None,
    /// It waits until the lag is within the bound.
    Wait {
        /// The most lag at which appends go on.
        lag: LagBound,
        /// How long an append waits at most before it fails with [`crate::Error::Behind`].
        timeout: Duration,
    },
    /// It fails at once, with [`crate::Error::Behind`].
    Fail {
        /// The most lag at which appends go on.
        lag: LagBound,
    },
}

/// The most lag at which appends go on: each limit that is given has to be kept. Default: none is given, so all lag is
/// within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagBound {
    /// Records that are durable and not applied.
    pub records: Option<u64>,
    /// Bytes of the journal that are durable and not applied.
    pub bytes: Option<u64>,
    /// The age of the oldest record that is not applied, by the journal's clock.
    pub age: Option<Duration>,
}

impl LagBound {
    /// So many records, and as many bytes and as old as one likes.
    #[must_use]
    pub fn records(records: u64) -> Self {
        Self { records: Some(records), ..Self::default() }
    }

    /// So many bytes of the journal, and as many records and as old as one likes.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..Self::default() }
    }

    /// Not older than this, and as many records and bytes as one likes.
    #[must_use]
    pub fn age(age: Duration) -> Self {
        Self { age: Some(age), ..Self::default() }
    }

    /// Whether this much lag is within the bound.
    #[must_use]
    pub fn holds(&self, lag: &Lag) -> bool {
        self.records.is_none_or(|most| lag.records <= most)
            && self.bytes.is_none_or(|most| lag.bytes <= most)
            && self.age.is_none_or(|most| lag.seconds <= most.as_secs_f64())
    }
}

impl fmt::Display for LagBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = [
            self.records.map(|records| format!("{records} records")),
            self.bytes.map(|bytes| format!("{bytes} bytes")),
            self.age.map(|age| format!("{age:?}")),
        ];
        let given: Vec<String> = limits.into_iter().flatten().collect();
        f.write_str(if given.is_empty() { "no bound" } else { "" })?;
        f.write_str(&given.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_that_is_given_has_to_be_kept() {
        let lag = Lag { records: 10, bytes: 1_000, seconds: 2.5 };
        assert!(LagBound::default().holds(&lag));
        assert!(LagBound::records(10).holds(&lag) && !LagBound::records(9).holds(&lag));
        assert!(LagBound::bytes(1_000).holds(&lag) && !LagBound::bytes(999).holds(&lag));
        assert!(LagBound::age(Duration::from_millis(2_500)).holds(&lag));
        assert!(!LagBound::age(Duration::from_millis(2_499)).holds(&lag));
        let both = LagBound { records: Some(10), bytes: Some(999), age: None };
        assert!(!both.holds(&lag));
        assert!(LagBound::records(0).holds(&Lag::default()));
    }

    #[test]
    fn a_bound_says_what_it_is() {
        let all = LagBound { records: Some(9), bytes: Some(1_000), age: Some(Duration::from_millis(1_500)) };
        assert_eq!(all.to_string(), "9 records, 1000 bytes, 1.5s");
        assert_eq!(LagBound::default().to_string(), "no bound");
    }
}
