//! A point in time, as precise as its source.
//!
//!   2024 · 2024-05 · 2024-05-03 · 2024-05-03T10:00Z · …:00Z · ….000Z · ….000000Z
//!
//! T1: what is written is what is read: `Display` and `FromStr` are each other's inverse on every valid time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, civil};

use crate::Kind;

mod instant;
mod text;

pub(crate) use instant::check_instant;
pub use instant::{format_instant, parse_instant};

/// The first microsecond of the year -9999, counted from 1970-01-01T00:00:00Z.
pub(crate) const MIN_MICROS: i64 = -377_705_116_800_000_000;
/// The last microsecond of the year 9999, counted from 1970-01-01T00:00:00Z.
pub(crate) const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// A point in time in the proleptic Gregorian calendar, UTC, as precise as its source. Years -9999 to 9999; the year 0
/// exists and is 1 BC.
///
/// ```
/// use annals_record::{Precision, Time};
///
/// let may: Time = "2024-05".parse()?;
/// assert_eq!(may.precision, Precision::Month);
/// assert_eq!(may.to_string(), "2024-05");
/// let noon: Time = "2024-05-03T12:00+02:00".parse()?;
/// assert_eq!(noon.to_string(), "2024-05-03T10:00Z");
/// # Ok::<(), annals_record::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Time {
    /// Microseconds since 1970-01-01T00:00:00Z of the beginning of the period that `precision` names.
    pub micros: i64,
    /// How much of it is meant.
    pub precision: Precision,
}

/// How much of a [`Time`] is meant.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum Precision {
    /// The year.
    Year,
    /// The month.
    Month,
    /// The day.
    Day,
    /// The minute.
    Minute,
    /// The second.
    Second,
    /// The millisecond.
    Millisecond,
    /// The microsecond.
    Microsecond,
}

/// A text or a number that is no [`Time`] and no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Something else than a time stands there.
    #[error("not a time at byte {at}; write it as 2024, 2024-05, 2024-05-03 or 2024-05-03T10:00:00Z")]
    Malformed {
        /// Where it stops being one.
        at: usize,
    },
    /// A month, day, hour, minute, second or offset that does not exist.
    #[error("no such {0} in the calendar")]
    NoSuch(&'static str),
    /// A time of day that does not say where.
    #[error("a time of day needs its zone: end it with Z or an offset like +02:00")]
    NoZone,
    /// A fraction of a second that is neither milliseconds nor microseconds.
    #[error("a second's fraction has 3 or 6 digits here, not {digits}")]
    Fraction {
        /// How many digits it has.
        digits: usize,
    },
    /// An instant that is finer than a microsecond.
    #[error("an instant is no finer than a microsecond")]
    TooFine,
    /// An instant without its time of day.
    #[error("an instant needs its date and its time of day, like 2024-05-03T10:00:00Z")]
    DateOnly,
    /// Before the year -9999 or after the year 9999.
    #[error("outside the years -9999 to 9999")]
    OutOfRange,
    /// Microseconds that do not stand at the beginning of the period that the precision names.
    #[error("{micros} is not the beginning of a {precision}, in microseconds since 1970")]
    NotABeginning {
        /// The microseconds.
        micros: i64,
        /// The period.
        precision: &'static str,
    },
}

impl TimeError {
    /// What to do next: always [`Kind::Fix`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Fix
    }
}

impl Time {
    /// The period of this precision that begins at these microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`], or [`TimeError::NotABeginning`] where the period began earlier.
    pub fn new(micros: i64, precision: Precision) -> Result<Self, TimeError> {
        let time = Self { micros, precision };
        time.check()?;
        Ok(time)
    }

    /// Whether the fields fit each other: bytes from elsewhere may hold anything.
    pub(crate) fn check(self) -> Result<(), TimeError> {
        if !(MIN_MICROS..=MAX_MICROS).contains(&self.micros) {
            return Err(TimeError::OutOfRange);
        }
        let begins = match self.precision {
            Precision::Microsecond => true,
            Precision::Millisecond => self.micros.rem_euclid(1_000) == 0,
            Precision::Second => self.micros.rem_euclid(1_000_000) == 0,
            Precision::Minute => self.micros.rem_euclid(60_000_000) == 0,
            Precision::Day => self.micros.rem_euclid(86_400_000_000) == 0,
            Precision::Month => self.micros == start_of(civil_of(self.micros).date().first_of_month()),
            Precision::Year => self.micros == start_of(civil_of(self.micros).date().first_of_year()),
        };
        if !begins {
            return Err(TimeError::NotABeginning { micros: self.micros, precision: self.precision.noun() });
        }
        Ok(())
    }
}

impl Precision {
    fn noun(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
            Self::Microsecond => "microsecond",
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, self.micros, self.precision)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    /// Reads the forms that `Display` writes; a time of day may have an offset instead of `Z`, and becomes UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let read = text::read(text)?;
        let precision = match (read.precision, read.fraction_digits) {
            (Precision::Second, 0) => Precision::Second,
            (Precision::Second, 3) => Precision::Millisecond,
            (Precision::Second, 6) => Precision::Microsecond,
            (Precision::Second, digits) => return Err(TimeError::Fraction { digits }),
            (precision, _) => precision,
        };
        Ok(Self { micros: read.micros()?, precision })
    }
}

const UNIX_EPOCH: DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// The date and time of day at these microseconds; beyond the calendar's ends, the nearest there is.
fn civil_of(micros: i64) -> DateTime {
    UNIX_EPOCH.saturating_add(SignedDuration::from_micros(micros))
}

/// The microseconds at which a day begins.
fn start_of(date: Date) -> i64 {
    micros_of(date.to_datetime(civil::Time::midnight()))
}

/// The microseconds at a date and time of day; what is finer is cut off, and there is nothing finer here.
fn micros_of(at: DateTime) -> i64 {
    // The whole calendar spans less than 2^60 microseconds.
    at.duration_since(UNIX_EPOCH).as_micros() as i64
}

#[cfg(test)]
mod tests;
