//! An exact decimal number, digit by digit as its source gave it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::Kind;
use crate::limits::MAX_DIGITS;

/// An exact decimal number: an optional `-`, digits without needless leading zeros, and an optional fraction.
///
/// `5.2` and `5.20` are two numbers here: how precisely a source speaks is part of what it says. They differ under
/// `==`; [`Decimal::cmp_amount`] says that they are the same amount. At most 1,000 digits.
///
/// ```
/// use annals_record::Decimal;
///
/// let price: Decimal = "5.20".parse()?;
/// assert_eq!(price.to_string(), "5.20");
/// assert_eq!(Decimal::from_scientific("1.5e3")?.as_str(), "1500");
/// # Ok::<(), annals_record::DecimalError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Decimal(pub(crate) String);

/// A text that is no [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Something else than a number stands there.
    #[error("not a decimal number at byte {at}; write it as -12.50")]
    Malformed {
        /// Where it stops being one.
        at: usize,
    },
    /// A zero before the first digit that counts.
    #[error("a decimal number has no needless leading zero")]
    LeadingZero,
    /// Too many digits, written or meant by an exponent.
    #[error("more than {MAX_DIGITS} digits in a decimal number")]
    TooLong,
}

impl DecimalError {
    /// What to do next: always [`Kind::Fix`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Fix
    }
}

/// A decimal number cut into its pieces.
#[derive(Clone, Copy)]
struct Pieces<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// What follows the digits: nothing, or an exponent.
    rest: &'a str,
}

impl Decimal {
    /// The digits, as they are written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a number that may have an exponent, as JSON and XML write it: `1.5e3` is `1500`, `5.20e-1` is `0.520`.
    /// Every digit that was written is kept.
    ///
    /// # Errors
    /// [`DecimalError`]; an exponent that would take more than 1,000 digits to write out is [`DecimalError::TooLong`].
    pub fn from_scientific(text: &str) -> Result<Self, DecimalError> {
        let pieces = cut(text)?;
        let Some(exponent) = pieces.rest.strip_prefix(['e', 'E']) else {
            return text.parse();
        };
        let exponent = read_exponent(exponent, text.len() - exponent.len())?;
        let digits = format!("{}{}", pieces.whole, pieces.fraction);
        // How many of the digits stand behind the point; negative: how many zeros are still to come before it.
        let behind = pieces.fraction.len() as i32 - exponent;
        let (whole, fraction) = match usize::try_from(behind) {
            Err(_) => (digits + &"0".repeat(behind.unsigned_abs() as usize), String::new()),
            Ok(behind) if behind < digits.len() => {
                let (whole, fraction) = digits.split_at(digits.len() - behind);
                (whole.to_owned(), fraction.to_owned())
            }
            Ok(behind) => ("0".to_owned(), "0".repeat(behind - digits.len()) + &digits),
        };
        let trimmed = whole.trim_start_matches('0');
        let whole = if trimmed.is_empty() { "0" } else { trimmed };
        let sign = if pieces.negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}").parse()
    }

    /// Compares two amounts: `5.2` and `5.20` are equal here, and so are `0` and `-0.0`.
    #[must_use]
    pub fn cmp_amount(&self, other: &Self) -> Ordering {
        let (a, b) = (self.pieces(), other.pieces());
        match (a.is_negative(), b.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => a.cmp_size(&b),
            (true, true) => b.cmp_size(&a),
        }
    }

    /// The number in parts per million of one; none if it is negative, finer than that, or 2^64 ppm and more.
    #[must_use]
    pub fn to_ppm(&self) -> Option<u64> {
        let pieces = self.pieces();
        let fraction = pieces.fraction.trim_end_matches('0');
        if pieces.is_negative() || fraction.len() > 6 {
            return None;
        }
        format!("{}{fraction:0<6}", pieces.whole).parse().ok()
    }

    /// The number of parts per million, with at least one digit after the point: 950,000 ppm is `0.95`.
    #[must_use]
    pub fn from_ppm(ppm: u32) -> Self {
        let digits = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
        let trimmed = digits.trim_end_matches('0');
        let point = if trimmed.ends_with('.') { "0" } else { "" };
        Self(format!("{trimmed}{point}"))
    }

    /// Whether the text inside is a decimal number: bytes from elsewhere may hold anything.
    pub(crate) fn check(&self) -> Result<(), DecimalError> {
        check(&self.0)
    }

    fn pieces(&self) -> Pieces<'_> {
        cut(&self.0).unwrap_or(Pieces { negative: false, whole: "0", fraction: "", rest: "" })
    }
}

impl Pieces<'_> {
    /// Below zero: `-0.0` is not.
    fn is_negative(&self) -> bool {
        self.negative && self.whole.bytes().chain(self.fraction.bytes()).any(|digit| digit != b'0')
    }

    /// Compares without the sign.
    fn cmp_size(&self, other: &Self) -> Ordering {
        let fractions = self.fraction.trim_end_matches('0').cmp(other.fraction.trim_end_matches('0'));
        self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole)).then(fractions)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads the form that `Display` writes; it has no exponent.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

fn check(text: &str) -> Result<(), DecimalError> {
    let pieces = cut(text)?;
    if pieces.rest.is_empty() {
        Ok(())
    } else {
        Err(DecimalError::Malformed { at: text.len() - pieces.rest.len() })
    }
}

/// Cuts a number into its pieces and checks all of them but the rest.
fn cut(text: &str) -> Result<Pieces<'_>, DecimalError> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, after) = unsigned.split_at(digits_before(unsigned));
    if whole.is_empty() {
        return Err(DecimalError::Malformed { at: text.len() - after.len() });
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(DecimalError::LeadingZero);
    }
    let (fraction, rest) = match after.strip_prefix('.') {
        None => ("", after),
        Some(after) => after.split_at(digits_before(after)),
    };
    if after.starts_with('.') && fraction.is_empty() {
        return Err(DecimalError::Malformed { at: text.len() - rest.len() });
    }
    if whole.len() + fraction.len() > MAX_DIGITS {
        return Err(DecimalError::TooLong);
    }
    Ok(Pieces { negative: unsigned.len() < text.len(), whole, fraction, rest })
}

/// Reads an exponent that stands at byte `at` of its number.
fn read_exponent(text: &str, at: usize) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits_before(digits) < digits.len() {
        return Err(DecimalError::Malformed { at: at + text.len() - digits.len() + digits_before(digits) });
    }
    let size = digits.trim_start_matches('0');
    if size.len() > 4 {
        return Err(DecimalError::TooLong);
    }
    let size = size.bytes().fold(0, |size, digit| size * 10 + i32::from(digit - b'0'));
    if size > MAX_DIGITS as i32 {
        return Err(DecimalError::TooLong);
    }
    Ok(if text.starts_with('-') { -size } else { size })
}

/// How many digits the text begins with.
fn digits_before(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests;
