//! Ages, sizes and moments as people write them: `30d`, `10GiB`, `2026-11-20`, `7d` ago.

use std::time::Duration;

use annals::{Clock, SystemClock, parse_instant};

/// A stretch of time: a number and `s`, `m`, `h`, `d` or `w`.
///
/// # Errors
/// What is expected instead.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let expected = || "a number and s, m, h, d or w is expected, such as 30d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

/// A size in bytes: a number, and a unit of 1,024 (`KiB`, `MiB`, `GiB`, `TiB`), of 1,000 (`kB`, `MB`, `GB`, `TB`), or `B`.
///
/// # Errors
/// What is expected instead.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let expected = || "a number of bytes, KiB, MiB, GiB or TiB is expected, such as 10GiB".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let bytes: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(bytes).ok_or_else(|| "that is too much".to_owned())
}

/// A moment, in microseconds since 1970-01-01T00:00:00Z: an instant, a date (its beginning), or how long ago it was.
///
/// # Errors
/// What is expected instead.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(age) = age(text) {
        let micros = i64::try_from(age.as_micros()).map_err(|_| "that is too long ago".to_owned())?;
        return Ok(SystemClock.now_micros().saturating_sub(micros));
    }
    let date = || parse_instant(&format!("{text}T00:00Z")).ok();
    parse_instant(text).ok().or_else(date).ok_or_else(|| {
        "a time such as 2026-11-20T08:00Z, a date, or an age such as 7d is expected".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_numbers_with_units() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("0s"), Ok(Duration::ZERO));
        for wrong in ["", "30", "d", "-1d", "1.5h", "30 days", "99999999999999999w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            (size("10GiB"), size("0"), size("4096 B"), size("1kB")),
            (Ok(10 << 30), Ok(0), Ok(4096), Ok(1000))
        );
        for wrong in ["", "GiB", "10G", "1.5GiB", "-1", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_an_instant_a_date_or_an_age() {
        assert_eq!(moment("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1_000_000));
        let hour = moment("0s").unwrap() - moment("1h").unwrap();
        assert!((0..=3_600_000_000).contains(&hour), "{hour}");
        for wrong in ["", "yesterday", "1970", "1970-01-01T00:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
