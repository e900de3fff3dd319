//! How a time is written and read: ISO 8601, extended form.

use std::fmt;

use jiff::civil;

use super::{MAX_MICROS, MIN_MICROS, Precision, TimeError, civil_of, micros_of};

/// What a text says of a time: year, month, day, minute or second; a second's fraction stands apart.
pub(super) struct Reading {
    pub(super) precision: Precision,
    /// How many digits the second's fraction has: 0 to 9.
    pub(super) fraction_digits: usize,
    /// The fraction, in billionths of a second.
    pub(super) nanos: u32,
    /// Microseconds of the whole second, before the offset is taken off.
    local_micros: i64,
    /// How far local time is ahead of UTC.
    offset_minutes: i64,
}

impl Reading {
    /// Microseconds since 1970-01-01T00:00:00Z; what is finer is cut off.
    pub(super) fn micros(&self) -> Result<i64, TimeError> {
        let micros = self.local_micros + i64::from(self.nanos / 1_000) - self.offset_minutes * 60_000_000;
        if (MIN_MICROS..=MAX_MICROS).contains(&micros) { Ok(micros) } else { Err(TimeError::OutOfRange) }
    }
}

/// Reads one character after the other and knows where it stands.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// Whether the next byte is this one; if so it is passed.
    fn pass(&mut self, byte: u8) -> bool {
        let here = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(here);
        here
    }

    /// Passes this byte, or fails.
    fn need(&mut self, byte: u8) -> Result<(), TimeError> {
        if self.pass(byte) { Ok(()) } else { Err(TimeError::Malformed { at: self.at }) }
    }

    /// Passes exactly so many digits.
    fn number(&mut self, digits: usize) -> Result<i16, TimeError> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + self.digit().ok_or(TimeError::Malformed { at: self.at })?;
        }
        Ok(number)
    }

    fn digit(&mut self) -> Option<i16> {
        let byte = self.text.get(self.at).filter(|byte| byte.is_ascii_digit())?;
        self.at += 1;
        Some(i16::from(byte - b'0'))
    }

    fn done(&self) -> bool {
        self.at == self.text.len()
    }
}

/// Reads any form of a time.
pub(super) fn read(text: &str) -> Result<Reading, TimeError> {
    let mut scan = Scan { text: text.as_bytes(), at: 0 };
    let negative = scan.pass(b'-');
    let year = scan.number(4)?;
    let year = if negative { -year } else { year };
    // There is one year 0.
    if negative && year == 0 {
        return Err(TimeError::NoSuch("year"));
    }
    let mut precision = Precision::Year;
    let (mut month, mut day) = (1, 1);
    if !scan.done() {
        scan.need(b'-')?;
        (month, precision) = (scan.number(2)?, Precision::Month);
    }
    if !scan.done() {
        scan.need(b'-')?;
        (day, precision) = (scan.number(2)?, Precision::Day);
    }
    if !(1..=12).contains(&month) {
        return Err(TimeError::NoSuch("month"));
    }
    let date = civil::Date::new(year, month as i8, day as i8).map_err(|_| TimeError::NoSuch("day"))?;
    let midnight = micros_of(date.to_datetime(civil::Time::midnight()));
    if scan.done() {
        return Ok(Reading {
            precision,
            fraction_digits: 0,
            nanos: 0,
            local_micros: midnight,
            offset_minutes: 0,
        });
    }
    scan.need(b'T')?;
    let clock = read_clock(&mut scan)?;
    let offset_minutes = read_offset(&mut scan)?;
    if !scan.done() {
        return Err(TimeError::Malformed { at: scan.at });
    }
    Ok(Reading { local_micros: midnight + clock.local_micros, offset_minutes, ..clock })
}

/// Reads a time of day: hours and minutes, perhaps seconds, perhaps their fraction.
fn read_clock(scan: &mut Scan<'_>) -> Result<Reading, TimeError> {
    let hour = bounded("hour", scan.number(2)?, 23)?;
    scan.need(b':')?;
    let minute = bounded("minute", scan.number(2)?, 59)?;
    let mut clock = Reading {
        precision: Precision::Minute,
        fraction_digits: 0,
        nanos: 0,
        local_micros: (hour * 60 + minute) * 60_000_000,
        offset_minutes: 0,
    };
    if !scan.pass(b':') {
        return Ok(clock);
    }
    clock.precision = Precision::Second;
    clock.local_micros += bounded("second", scan.number(2)?, 59)? * 1_000_000;
    if scan.pass(b'.') {
        let begin = scan.at;
        let mut scale = 100_000_000;
        while let Some(digit) = scan.digit() {
            if scale == 0 {
                return Err(TimeError::Malformed { at: scan.at - 1 });
            }
            clock.nanos += digit as u32 * scale;
            scale /= 10;
        }
        clock.fraction_digits = scan.at - begin;
        if clock.fraction_digits == 0 {
            return Err(TimeError::Malformed { at: scan.at });
        }
    }
    Ok(clock)
}

/// Reads `Z` or an offset, in minutes ahead of UTC.
fn read_offset(scan: &mut Scan<'_>) -> Result<i64, TimeError> {
    if scan.done() {
        return Err(TimeError::NoZone);
    }
    if scan.pass(b'Z') {
        return Ok(0);
    }
    let west = scan.pass(b'-');
    if !west {
        scan.need(b'+')?;
    }
    let hours = bounded("offset", scan.number(2)?, 23)?;
    scan.need(b':')?;
    let minutes = hours * 60 + bounded("offset", scan.number(2)?, 59)?;
    Ok(if west { -minutes } else { minutes })
}

fn bounded(what: &'static str, number: i16, largest: i16) -> Result<i64, TimeError> {
    if number > largest { Err(TimeError::NoSuch(what)) } else { Ok(i64::from(number)) }
}

/// Writes as much of a time as its precision says.
pub(super) fn write(f: &mut fmt::Formatter<'_>, micros: i64, precision: Precision) -> fmt::Result {
    let at = civil_of(micros);
    let sign = if at.year() < 0 { "-" } else { "" };
    write!(f, "{sign}{:04}", at.year().unsigned_abs())?;
    if precision >= Precision::Month {
        write!(f, "-{:02}", at.month())?;
    }
    if precision >= Precision::Day {
        write!(f, "-{:02}", at.day())?;
    }
    if precision >= Precision::Minute {
        write!(f, "T{:02}:{:02}", at.hour(), at.minute())?;
    }
    if precision >= Precision::Second {
        write!(f, ":{:02}", at.second())?;
    }
    match precision {
        Precision::Millisecond => write!(f, ".{:03}Z", at.subsec_nanosecond() / 1_000_000),
        Precision::Microsecond => write!(f, ".{:06}Z", at.subsec_nanosecond() / 1_000),
        Precision::Minute | Precision::Second => f.write_str("Z"),
        Precision::Year | Precision::Month | Precision::Day => Ok(()),
    }
}
