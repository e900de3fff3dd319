//! A column of whole numbers: differences where they are smaller, then each byte of all of them beside each other.
//!
//! ```text
//!   1000 1003 2005    ->  1000; 0 +3 +1002  ->  zigzag  ->  plane 0: 00 06 d4    plane 1: 00 00 07   -> zstd, each
//!   [transform: u8][planes: u8][first: varint][step: varint, if second][plane 0][plane 1] ...
//! ```
//!
//! A column may be parted into runs of one key each: then a run's first number follows the first of the run before.

use std::io;

use super::bytes::{Bytes, Flaw, put_varint, unzigzag, zigzag};
use super::packing::{Packer, Unpacker};

/// How a number is said by those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transform {
    Raw = 0,
    /// The difference to the one before.
    Delta = 1,
    /// The difference of that to the difference before.
    Second = 2,
}

impl Transform {
    const ALL: [Self; 3] = [Self::Raw, Self::Delta, Self::Second];
}

/// Adds the column to `out`, in the transform that comes out shortest. `runs` are the places at which a run begins, the
/// first one 0, rising; none if it is one run.
pub(crate) fn pack(values: &[i64], runs: &[u32], packer: &mut Packer, out: &mut Vec<u8>) -> io::Result<()> {
    let mut best: Option<Vec<u8>> = None;
    for transform in Transform::ALL {
        let packed = pack_as(transform, values, runs, packer)?;
        if best.as_ref().is_none_or(|best| packed.len() < best.len()) {
            best = Some(packed);
        }
    }
    out.extend_from_slice(&best.unwrap_or_default());
    Ok(())
}

fn pack_as(transform: Transform, values: &[i64], runs: &[u32], packer: &mut Packer) -> io::Result<Vec<u8>> {
    let origin = Origin::of(transform, values, runs);
    let numbers = forward(transform, origin, values, runs);
    let all = numbers.iter().fold(0, |all, number| all | number);
    let planes = (64 - all.leading_zeros() as usize).div_ceil(8);
    let mut out = vec![transform as u8, planes as u8];
    put_varint(&mut out, zigzag(origin.first));
    if transform == Transform::Second {
        put_varint(&mut out, zigzag(origin.step));
    }
    let mut plane = Vec::with_capacity(values.len());
    for at in 0..planes {
        plane.clear();
        plane.extend(numbers.iter().map(|number| (number >> (8 * at)) as u8));
        packer.pack(&plane, &mut out)?;
    }
    Ok(out)
}

/// Reads a column of `count` numbers.
pub(crate) fn unpack(
    bytes: &mut Bytes<'_>,
    count: usize,
    runs: &[u32],
    unpacker: &mut Unpacker,
) -> Result<Vec<i64>, Flaw> {
    let transform = match bytes.byte()? {
        0 => Transform::Raw,
        1 => Transform::Delta,
        2 => Transform::Second,
        _ => return Err("a column of an unknown transform"),
    };
    let planes = usize::from(bytes.byte()?);
    if planes > 8 {
        return Err("a column of more than eight planes");
    }
    let first = unzigzag(bytes.varint()?);
    let step = if transform == Transform::Second { unzigzag(bytes.varint()?) } else { 0 };
    unpacker.spend(8 * count)?;
    let mut numbers = vec![0_u64; count];
    let mut plane = Vec::new();
    for at in 0..planes {
        unpacker.unpack_into(bytes, count, &mut plane)?;
        if plane.len() != count {
            return Err("a plane of another length than its column");
        }
        for (number, byte) in numbers.iter_mut().zip(&plane) {
            *number |= u64::from(*byte) << (8 * at);
        }
    }
    Ok(backward(transform, Origin { first, step }, numbers, runs))
}

/// Where a column begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Origin {
    /// The smallest number, where they are not differences; else the first one.
    first: i64,
    /// The difference that each run is expected to begin with.
    step: i64,
}

impl Origin {
    fn of(transform: Transform, values: &[i64], runs: &[u32]) -> Self {
        let first = match transform {
            Transform::Raw => values.iter().min(),
            _ => values.first(),
        };
        let first = first.copied().unwrap_or(0);
        let pair = runs_of(values.len(), runs).map(|run| &values[run]).find_map(|run| run.first_chunk());
        Self { first, step: pair.map_or(0, |[a, b]| b.wrapping_sub(*a)) }
    }
}

/// The column's differences, small numbers first: differences wrap, so that every number has one.
fn forward(transform: Transform, origin: Origin, values: &[i64], runs: &[u32]) -> Vec<u64> {
    let mut out = Vec::with_capacity(values.len());
    if transform == Transform::Raw {
        out.extend(values.iter().map(|value| value.wrapping_sub(origin.first) as u64));
        return out;
    }
    let mut before_run = origin.first;
    for run in runs_of(values.len(), runs) {
        let (mut last, mut step) = (before_run, origin.step);
        for (i, value) in values[run].iter().enumerate() {
            let delta = value.wrapping_sub(last);
            if i == 0 {
                before_run = *value;
                out.push(zigzag(delta));
            } else if transform == Transform::Second {
                out.push(zigzag(delta.wrapping_sub(step)));
                step = delta;
            } else {
                out.push(zigzag(delta));
            }
            last = *value;
        }
    }
    out
}

fn backward(transform: Transform, origin: Origin, mut numbers: Vec<u64>, runs: &[u32]) -> Vec<i64> {
    if transform == Transform::Raw {
        return numbers.iter().map(|number| origin.first.wrapping_add(*number as i64)).collect();
    }
    let second = transform == Transform::Second;
    let mut before_run = origin.first;
    let count = numbers.len();
    for run in runs_of(count, runs) {
        let Some((first, rest)) = numbers[run].split_first_mut() else { continue };
        let mut last = before_run.wrapping_add(unzigzag(*first));
        before_run = last;
        *first = last as u64;
        let mut step = origin.step;
        for number in rest {
            let delta = unzigzag(*number);
            step = if second { step.wrapping_add(delta) } else { delta };
            last = last.wrapping_add(step);
            *number = last as u64;
        }
    }
    numbers.into_iter().map(|number| number as i64).collect()
}

/// The runs as ranges. Places out of order give empty runs, and whatever is left over is the last one.
fn runs_of(count: usize, runs: &[u32]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut begin = 0;
    let ends = runs.iter().skip(1).map(|end| *end as usize).chain([count]);
    ends.map(move |end| {
        let range = begin..end.clamp(begin, count);
        begin = range.end;
        range
    })
}

#[cfg(test)]
mod tests;
