//! Time buckets as directories.
//!
//! ```text
//!   date=2026-03-01      date=2026-03-01T17      date=flat
//! ```

use annals_journal::Bucket;
use annals_record::{Precision, Time, format_instant};

/// What the name of a bucket's directory begins with.
const PREFIX: &str = "date=";
/// The bucket of all time.
const FLAT: &str = "flat";

/// The directory of a journal time, UTC; none if its year has no four digits.
pub(crate) fn directory(bucket: Bucket, micros: i64) -> Option<String> {
    let digits = match bucket {
        Bucket::None => return Some(format!("{PREFIX}{FLAT}")),
        Bucket::Day => 10,
        Bucket::Hour => 13,
    };
    // Beyond the years that have a name all is clamped into the last one.
    let name = format!("{PREFIX}{}", format_instant(micros).get(..digits)?);
    is_bucket(&name).then_some(name)
}

/// Whether a directory's name is that of a bucket.
pub(crate) fn is_bucket(name: &str) -> bool {
    let Some(date) = name.strip_prefix(PREFIX) else { return false };
    let is_day = |day: &str| {
        let time: Option<Time> = day.parse().ok();
        day.len() == 10
            && time.is_some_and(|time| time.precision == Precision::Day && time.to_string() == day)
    };
    match date.split_once('T') {
        _ if date == FLAT => true,
        None => is_day(date),
        Some((day, hour)) => {
            let two_digits = hour.len() == 2 && hour.bytes().all(|byte| byte.is_ascii_digit());
            is_day(day) && two_digits && hour < "24"
        }
    }
}

/// The bucket's name without its prefix, as it stands in ids and documents.
pub(crate) fn label(directory: &str) -> &str {
    directory.strip_prefix(PREFIX).unwrap_or(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_directory_of_its_day_or_hour_in_utc() {
        let micros = 1_772_387_999_999_999;
        assert_eq!(directory(Bucket::Day, micros).unwrap(), "date=2026-03-01");
        assert_eq!(directory(Bucket::Hour, micros).unwrap(), "date=2026-03-01T17");
        assert_eq!(directory(Bucket::Day, micros + 1).unwrap(), "date=2026-03-01");
        assert_eq!(directory(Bucket::Hour, micros + 1).unwrap(), "date=2026-03-01T18");
        assert_eq!(directory(Bucket::Day, -1).unwrap(), "date=1969-12-31");
        assert_eq!(directory(Bucket::None, i64::MIN).unwrap(), "date=flat");
        assert_eq!(directory(Bucket::Day, i64::MAX).unwrap(), "date=9999-12-31");
        assert_eq!(directory(Bucket::Day, i64::MIN), None);
    }

    #[test]
    fn what_is_no_bucket_is_told_from_one() {
        for name in ["date=flat", "date=2026-03-01", "date=2026-03-01T00", "date=2024-02-29T23"] {
            assert!(is_bucket(name), "{name}");
        }
        for name in [
            "flat",
            "date=",
            "date=2026-3-1",
            "date=2026-02-30",
            "date=2026-03-01T24",
            "date=2026-03-01T1",
            "date=2026-03",
            "date=2026-03-01T1x",
            "date=2026-03-01T00Z",
            "date=../..",
            "date=2026-03-01 ",
            "date=2026-03-01T+1",
        ] {
            assert!(!is_bucket(name), "{name}");
        }
    }
}
