//! A column of numbers as they are written in JSON: by what they mean, where the text comes again of that.
//!
//! ```text
//!   52.5  52.520008  52.0   ->  52500000 52520008 52000000, 6 digits behind the point, at least 1 is written
//!   52.52000812345678       ->  the bits of the double of which this is the shortest text
//!   1E3                     ->  an exception: its text
//! ```

use std::collections::HashSet;
use std::io;
use std::io::Write as _;

use super::super::bytes::{Bytes, Flaw, put_varint};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};
use super::texts::{self, Texts};

const DECIMAL: u8 = 0;
const DOUBLE: u8 = 1;
const TEXT: u8 = 2;

/// No number has more digits behind its point: 19 digits do not fit into 63 bits.
const MOST_SCALE: u8 = 18;

/// How decimals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Digits behind the point that a number can have.
    scale: u8,
    /// ... and has at least: zeros behind these are not written.
    least: u8,
}

/// A decoded column.
#[derive(Debug)]
pub(crate) enum Scalars {
    Decimals { numbers: Vec<i64>, style: Style, exceptions: Exceptions },
    Doubles { bits: Vec<i64>, exceptions: Exceptions },
    Texts(Texts),
}

/// Rows whose text is kept.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    rows: Vec<i64>,
    texts: Texts,
    /// The next one: rows are asked for in order.
    next: usize,
}

/// Adds the column to `out`, in the shortest of the forms that fit.
pub(crate) fn pack(tokens: &[&[u8]], runs: &[u32], packer: &mut Packer, out: &mut Vec<u8>) -> io::Result<()> {
    let mut best = None;
    let style = style(tokens);
    // Numbers of many kinds are never shorter as texts, and packing those takes longest.
    if style.is_none() || are_few(tokens) {
        let mut packed = vec![TEXT];
        texts::pack(tokens.iter().map(|token| Some(*token)), packer, &mut packed)?;
        shorter(packed, &mut best);
    }
    if let Some(style) = style {
        let mut numbers = Vec::with_capacity(tokens.len());
        let exceptions = convert(tokens, &mut numbers, |token, text| {
            let number = decimal(token)?.at(style.scale)?;
            put_decimal(number, style, text);
            Some(number)
        });
        let mut packed = vec![DECIMAL, style.scale, style.least];
        put_numbers(&numbers, &exceptions, runs, packer, &mut packed)?;
        shorter(packed, &mut best);
    }
    // Doubles are worth a try where decimals are as long as doubles are.
    if tokens.iter().any(|token| token.len() > 12) {
        let mut numbers = Vec::with_capacity(tokens.len());
        let exceptions = convert(tokens, &mut numbers, |token, text| {
            let double: f64 = std::str::from_utf8(token).ok()?.parse().ok()?;
            put_double(double, text);
            Some(double.to_bits() as i64)
        });
        if exceptions.len() * 4 <= tokens.len() {
            let mut packed = vec![DOUBLE];
            put_numbers(&numbers, &exceptions, runs, packer, &mut packed)?;
            shorter(packed, &mut best);
        }
    }
    out.extend_from_slice(&best.unwrap_or_default());
    Ok(())
}

/// Whether at most a quarter of the tokens are different ones.
fn are_few(tokens: &[&[u8]]) -> bool {
    let mut different = HashSet::new();
    tokens.iter().all(|token| !different.insert(*token) || different.len() * 4 <= tokens.len())
}

/// Takes the packed one if it is shorter, or the first.
fn shorter(packed: Vec<u8>, best: &mut Option<Vec<u8>>) {
    if best.as_ref().is_none_or(|best| packed.len() < best.len()) {
        *best = Some(packed);
    }
}

/// Numbers for all tokens, and the rows whose token does not come again: there the number is that of the row before.
fn convert<'a>(
    tokens: &[&'a [u8]],
    numbers: &mut Vec<i64>,
    mut of: impl FnMut(&[u8], &mut Vec<u8>) -> Option<i64>,
) -> Vec<(i64, &'a [u8])> {
    let (mut exceptions, mut text) = (Vec::new(), Vec::new());
    for (row, token) in tokens.iter().enumerate() {
        text.clear();
        match of(token, &mut text) {
            Some(number) if text == *token => numbers.push(number),
            _ => {
                exceptions.push((row as i64, *token));
                numbers.push(numbers.last().copied().unwrap_or(0));
            }
        }
    }
    exceptions
}

fn put_numbers(
    numbers: &[i64],
    exceptions: &[(i64, &[u8])],
    runs: &[u32],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    ints::pack(numbers, runs, packer, out)?;
    put_varint(out, exceptions.len() as u64);
    if exceptions.is_empty() {
        return Ok(());
    }
    let rows: Vec<i64> = exceptions.iter().map(|(row, _)| *row).collect();
    ints::pack(&rows, &[], packer, out)?;
    texts::pack(exceptions.iter().map(|(_, token)| Some(*token)), packer, out)
}

impl Scalars {
    /// Reads a column of `count` numbers, with texts of at most `most` bytes in all.
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        runs: &[u32],
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        match bytes.byte()? {
            DECIMAL => {
                let style = Style { scale: bytes.byte()?, least: bytes.byte()? };
                if style.scale > MOST_SCALE || style.least > style.scale {
                    return Err("decimals of an unknown style");
                }
                let numbers = ints::unpack(bytes, count, runs, unpacker)?;
                let exceptions = Exceptions::unpack(bytes, count, most, unpacker)?;
                Ok(Self::Decimals { numbers, style, exceptions })
            }
            DOUBLE => {
                let bits = ints::unpack(bytes, count, runs, unpacker)?;
                Ok(Self::Doubles { bits, exceptions: Exceptions::unpack(bytes, count, most, unpacker)? })
            }
            TEXT => {
                let texts = Texts::unpack(bytes, count, most, unpacker)?;
                if texts.is_full() { Ok(Self::Texts(texts)) } else { Err("a number that is absent") }
            }
            _ => Err("numbers in an unknown form"),
        }
    }

    /// Adds the text of a row to `out`. Rows are asked for in order.
    pub(crate) fn put(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Decimals { numbers, style, exceptions } => {
                if !exceptions.put(row, out) {
                    put_decimal(numbers[row], *style, out);
                }
            }
            Self::Doubles { bits, exceptions } => {
                if !exceptions.put(row, out) {
                    put_double(f64::from_bits(bits[row] as u64), out);
                }
            }
            Self::Texts(texts) => out.extend_from_slice(texts.text(row)),
        }
    }
}

impl Exceptions {
    fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let exceptions = bytes.size(count)?;
        if exceptions == 0 {
            return Ok(Self::default());
        }
        let rows = ints::unpack(bytes, exceptions, &[], unpacker)?;
        let texts = Texts::unpack(bytes, exceptions, most, unpacker)?;
        if texts.is_full() { Ok(Self { rows, texts, next: 0 }) } else { Err("an exception that is absent") }
    }

    /// Adds the text of the row, if it is an exception.
    fn put(&mut self, row: usize, out: &mut Vec<u8>) -> bool {
        let here = self.rows.get(self.next) == Some(&(row as i64));
        if here {
            out.extend_from_slice(self.texts.text(self.next));
            self.next += 1;
        }
        here
    }
}

/// A number's digits, and how many of them stand behind the point.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: i64,
    scale: u8,
}

impl Decimal {
    /// The digits at another scale, if they fit.
    fn at(self, scale: u8) -> Option<i64> {
        let more = scale.checked_sub(self.scale)?;
        self.digits.checked_mul(10_i64.checked_pow(u32::from(more))?)
    }
}

/// Reads digits with a point; none if it is anything else, or too long.
fn decimal(token: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match token.split_first()? {
        (b'-', digits) => (true, digits),
        _ => (false, token),
    };
    let (mut number, mut scale, mut point) = (0_i64, 0_u8, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                scale += u8::from(point);
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    (scale <= MOST_SCALE).then_some(Decimal { digits: if negative { -number } else { number }, scale })
}

/// The style in which most of the tokens come again; none if too few are decimals.
fn style(tokens: &[&[u8]]) -> Option<Style> {
    let scales = || tokens.iter().filter_map(|token| decimal(token)).map(|decimal| decimal.scale);
    if scales().count() * 4 < tokens.len() * 3 {
        return None;
    }
    let (scale, shortest) = (scales().max()?, scales().min()?);
    let least = if shortest == scale { scale } else { shortest.min(1) };
    Some(Style { scale, least })
}

/// Two digits for each number below 100.
const PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
}

/// Adds a decimal to `out`.
fn put_decimal(number: i64, style: Style, out: &mut Vec<u8>) {
    let (scale, least) = (usize::from(style.scale), usize::from(style.least));
    let mut digits = [b'0'; 40];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    while rest >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest > 0 {
        at -= 1;
        digits[at] = b'0' + rest as u8;
    }
    // A leading zero that a pair has brought is none of the number's.
    while at < digits.len() && digits[at] == b'0' {
        at += 1;
    }
    let whole = digits.len() - scale;
    let begin = at.min(whole - 1);
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[begin..whole]);
    let written = (least..=scale).rev().find(|len| *len == least || digits[whole + len - 1] != b'0');
    let written = written.unwrap_or(least);
    if written > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[whole..whole + written]);
    }
}

/// Adds the shortest text of a double to `out`, with a point or an exponent.
fn put_double(double: f64, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{double:?}");
}

#[cfg(test)]
mod tests;
