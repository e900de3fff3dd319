//! Numbers for people, and numbers of JSON that no float has rounded. Counts have their thousands apart; offsets are
//! written as they are taken back.

use std::fmt::{self, Display};
use std::time::Duration;

/// A count with its thousands apart: `1,234,567`.
pub(crate) struct Count(pub(crate) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        f.pad(&grouped)
    }
}

/// A count with its noun: `1 record`, `2 records`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", Count(count), if count == 1 { "" } else { "s" })
}

/// A size in bytes: `999 B`, `1.5 KiB`, `64.0 MiB`.
pub(crate) struct Size(pub(crate) u64);

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut size = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // What would be shown as 1024.0 is shown in the next unit.
        while size >= 1023.95 && unit + 1 < UNITS.len() {
            size /= 1024.0;
            unit += 1;
        }
        f.pad(&format!("{size:.1} {}", UNITS[unit]))
    }
}

/// A stretch of time: `0.25 s`, `12.3 s`, `4 min 5 s`, `3 h 20 min`, `2 d 4 h`.
pub(crate) struct Span(pub(crate) f64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let whole = seconds as u64;
        match seconds {
            short if short < 10.0 => write!(f, "{short:.2} s"),
            short if short < 60.0 => write!(f, "{short:.1} s"),
            short if short < 3_600.0 => write!(f, "{} min {} s", whole / 60, whole % 60),
            short if short < 86_400.0 => write!(f, "{} h {} min", whole / 3_600, whole / 60 % 60),
            _ => write!(f, "{} d {} h", whole / 86_400, whole / 3_600 % 24),
        }
    }
}

/// How many a second, rounded: 0 where no time has passed.
pub(crate) fn rate(count: u64, elapsed: Duration) -> u64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds) as u64 } else { 0 }
}

/// Seconds for a report, to the millisecond.
pub(crate) fn seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e3).round() / 1e3
}

/// A number in parts per million, exactly: 2,500,000 is `2.5`, 1,000,000 is `1.0`.
pub(crate) fn parts(ppm: i128) -> String {
    let (whole, fraction) = (ppm.unsigned_abs() / 1_000_000, ppm.unsigned_abs() % 1_000_000);
    let fraction = format!("{fraction:06}");
    let fraction = fraction.trim_end_matches('0');
    let sign = if ppm < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", if fraction.is_empty() { "0" } else { fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(Count(0).to_string(), "0");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Count(1_000).to_string(), "1,000");
        assert_eq!(Count(u64::MAX).to_string(), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(0, "record"), "0 records");
    }

    #[test]
    fn sizes_never_show_a_thousand_of_a_unit_that_has_a_next() {
        assert_eq!(Size(1023).to_string(), "1023 B");
        assert_eq!(Size(1024).to_string(), "1.0 KiB");
        assert_eq!(Size((1 << 20) - 1).to_string(), "1.0 MiB");
        assert_eq!(Size(64 << 20).to_string(), "64.0 MiB");
        assert_eq!(Size(u64::MAX).to_string(), "16.0 EiB");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        assert_eq!(Span(0.25).to_string(), "0.25 s");
        assert_eq!(Span(12.34).to_string(), "12.3 s");
        assert_eq!(Span(245.0).to_string(), "4 min 5 s");
        assert_eq!(Span(12_000.0).to_string(), "3 h 20 min");
        assert_eq!(Span(187_200.0).to_string(), "2 d 4 h");
    }

    #[test]
    fn parts_are_exact() {
        assert_eq!(parts(2_500_000), "2.5");
        assert_eq!(parts(0), "0.0");
        assert_eq!(parts(-1), "-0.000001");
        assert_eq!(parts(4_000_000_000_000_000_001), "4000000000000.000001");
    }
}
