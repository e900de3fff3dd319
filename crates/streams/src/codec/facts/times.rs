//! A column of times in seconds, to the last bit: as decimals where the bits come again of them, else the bits.
//!
//! ```text
//!   1700000000.125  ->  1700000000125, 3 digits behind the point      or the bits: neighbours differ by little
//!   and if another column tells about when: the difference to that
//! ```

use std::io;

use super::super::bytes::{Bytes, Flaw, put_varint};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};

/// The scales that are tried, from whole seconds to microseconds. The bits have a number of their own.
const SCALES: [u8; 5] = [0, 1, 2, 3, 6];
const BITS: u8 = 0xff;
/// Beyond this not every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Adds the column to `out`. `about` is a column of times near these, for as many rows.
pub(crate) fn pack(
    times: &[f64],
    about: Option<&[f64]>,
    runs: &[u32],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let bits: Vec<i64> = times.iter().map(|time| time.to_bits() as i64).collect();
    let mut best = vec![BITS];
    ints::pack(&bits, runs, packer, &mut best)?;
    let found = SCALES.iter().map(|scale| (*scale, exceptions(times, *scale)));
    let scale = found.into_iter().find(|(_, exceptions)| exceptions.len() * 8 <= times.len());
    if let Some((scale, exceptions)) = scale {
        for about in [None, about] {
            let mut packed = vec![scale, u8::from(about.is_some())];
            let mut before = 0;
            let decimals: Vec<i64> = times
                .iter()
                .enumerate()
                .map(|(row, time)| {
                    // An exception's number is never looked at: the one before it costs least.
                    if exceptions.binary_search(&(row as i64)).is_err() {
                        before = scaled(*time, scale).wrapping_sub(near(about, row, scale));
                    }
                    before
                })
                .collect();
            ints::pack(&decimals, runs, packer, &mut packed)?;
            put_varint(&mut packed, exceptions.len() as u64);
            if !exceptions.is_empty() {
                let bits: Vec<i64> = exceptions.iter().map(|row| bits[*row as usize]).collect();
                ints::pack(&exceptions, &[], packer, &mut packed)?;
                ints::pack(&bits, &[], packer, &mut packed)?;
            }
            if packed.len() < best.len() {
                best = packed;
            }
        }
    }
    out.extend_from_slice(&best);
    Ok(())
}

/// Reads a column of `count` times.
pub(crate) fn unpack(
    bytes: &mut Bytes<'_>,
    count: usize,
    about: Option<&[f64]>,
    runs: &[u32],
    unpacker: &mut Unpacker,
) -> Result<Vec<f64>, Flaw> {
    let scale = bytes.byte()?;
    if scale == BITS {
        let bits = ints::unpack(bytes, count, runs, unpacker)?;
        return Ok(bits.into_iter().map(|bits| f64::from_bits(bits as u64)).collect());
    }
    if !SCALES.contains(&scale) {
        return Err("times of an unknown scale");
    }
    let about = match bytes.byte()? {
        0 => None,
        1 => Some(about.filter(|about| about.len() == count).ok_or("times without those they are near to")?),
        _ => return Err("times near to an unknown column"),
    };
    let decimals = ints::unpack(bytes, count, runs, unpacker)?;
    let power = power(scale);
    let mut times: Vec<f64> = decimals
        .into_iter()
        .enumerate()
        .map(|(row, decimal)| decimal.wrapping_add(near(about, row, scale)) as f64 / power)
        .collect();
    let exceptions = bytes.size(count)?;
    if exceptions > 0 {
        let rows = ints::unpack(bytes, exceptions, &[], unpacker)?;
        let bits = ints::unpack(bytes, exceptions, &[], unpacker)?;
        for (row, bits) in rows.into_iter().zip(bits) {
            let row =
                usize::try_from(row).ok().filter(|row| *row < count).ok_or("a time that is not there")?;
            times[row] = f64::from_bits(bits as u64);
        }
    }
    Ok(times)
}

/// The rows that do not come again at this scale.
fn exceptions(times: &[f64], scale: u8) -> Vec<i64> {
    let power = power(scale);
    let again = |time: f64| {
        let number = (time * power).round();
        number.abs() < EXACT && (number as i64 as f64 / power).to_bits() == time.to_bits()
    };
    times.iter().enumerate().filter(|(_, time)| !again(**time)).map(|(row, _)| row as i64).collect()
}

fn scaled(time: f64, scale: u8) -> i64 {
    (time * power(scale)).round() as i64
}

fn near(about: Option<&[f64]>, row: usize, scale: u8) -> i64 {
    about.map_or(0, |about| scaled(about[row], scale))
}

fn power(scale: u8) -> f64 {
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6][usize::from(scale)]
}

#[cfg(test)]
mod tests;
