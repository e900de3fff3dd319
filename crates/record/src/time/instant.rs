//! An instant: when something was written down. Microseconds, without a precision of their own.

use super::{MAX_MICROS, MIN_MICROS, Precision, Time, TimeError, text};

/// Reads an instant, as RFC 3339 writes it, into microseconds since 1970-01-01T00:00:00Z. Seconds may be left out, an
/// offset may stand for `Z`.
///
/// # Errors
/// [`TimeError`]; in particular [`TimeError::DateOnly`] and [`TimeError::TooFine`].
pub fn parse_instant(text: &str) -> Result<i64, TimeError> {
    let read = text::read(text)?;
    if read.precision < Precision::Minute {
        return Err(TimeError::DateOnly);
    }
    if read.nanos % 1_000 != 0 {
        return Err(TimeError::TooFine);
    }
    read.micros()
}

/// Writes microseconds since 1970-01-01T00:00:00Z as RFC 3339 does, in UTC; the second's fraction has no digits, three
/// or six, as few as say all of it. Outside the years -9999 to 9999, which no valid record holds, the nearest instant
/// inside.
#[must_use]
pub fn format_instant(micros: i64) -> String {
    let micros = micros.clamp(MIN_MICROS, MAX_MICROS);
    let precision = match micros {
        whole if whole.rem_euclid(1_000_000) == 0 => Precision::Second,
        milli if milli.rem_euclid(1_000) == 0 => Precision::Millisecond,
        _ => Precision::Microsecond,
    };
    Time { micros, precision }.to_string()
}

/// Whether an instant lies within the years that can be written.
pub(crate) fn check_instant(micros: i64) -> Result<(), TimeError> {
    if (MIN_MICROS..=MAX_MICROS).contains(&micros) { Ok(()) } else { Err(TimeError::OutOfRange) }
}
