//! In which order the columns of a block have its facts: as the log has them, or one key after the other.
//!
//! ```text
//!   log:      a1 b1 a2 c1 b2        by key:   a1 a2 | b1 b2 | c1      the runs, one for each key
//! ```
//!
//! By key, neighbours are alike. The way back is in the times, if they rise in the log; else the key of each fact is stored.

use std::collections::BTreeMap;
use std::io;

use super::super::bytes::{Bytes, Flaw, put_varint};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};
use super::texts::{self, Texts};

/// Which order it is, and how the log's comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As the log has them.
    Log = 0,
    /// By key; in the log they stand by their transaction times.
    ByKey = 1,
    /// By key; the key of each fact of the log is stored.
    ByKeyStored = 2,
}

/// The facts of a block in both orders. A *row* is a fact's place in the columns, a *fact* its number in the log.
#[derive(Debug)]
pub(crate) struct Order {
    /// The fact in each row.
    pub(crate) facts: Vec<u32>,
    /// The run of each row, rising.
    pub(crate) run_of: Vec<u32>,
    /// Where runs begin.
    pub(crate) runs: Vec<u32>,
    /// The key of each fact.
    pub(crate) key_of: Vec<u32>,
}

/// A way from the keys to the order, before the times are known.
#[derive(Debug)]
pub(crate) struct Unordered {
    mode: Mode,
    pub(crate) keys: Texts,
    /// Of each fact; or how many facts each key has.
    numbers: Vec<i64>,
    count: usize,
}

/// The keys in order, and for each fact the number of its key.
pub(crate) fn keys_of<'a>(keys: &[&'a [u8]]) -> (Vec<&'a [u8]>, Vec<u32>) {
    let mut numbers: BTreeMap<&[u8], u32> = keys.iter().map(|key| (*key, 0)).collect();
    numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    let of = keys.iter().map(|key| numbers[key]).collect();
    (numbers.into_keys().collect(), of)
}

impl Order {
    pub(crate) fn of(mode: Mode, key_count: usize, key_of: Vec<u32>) -> Self {
        let count = key_of.len();
        if mode == Mode::Log {
            let facts = (0..count as u32).collect();
            return Self { facts, run_of: vec![0; count], runs: vec![0], key_of };
        }
        let mut next = vec![0_u32; key_count];
        key_of.iter().for_each(|key| next[*key as usize] += 1);
        let (mut begin, mut runs) = (0, Vec::with_capacity(key_count));
        for next in &mut next {
            runs.push(begin);
            begin += std::mem::replace(next, begin);
        }
        let (mut facts, mut run_of) = (vec![0; count], vec![0; count]);
        for (fact, key) in key_of.iter().enumerate() {
            let row = &mut next[*key as usize];
            (facts[*row as usize], run_of[*row as usize]) = (fact as u32, *key);
            *row += 1;
        }
        Self { facts, run_of, runs, key_of }
    }

    /// Adds what is needed to find it again to `out`, but for the times.
    pub(crate) fn pack(
        &self,
        mode: Mode,
        keys: &[&[u8]],
        packer: &mut Packer,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.push(mode as u8);
        put_varint(out, keys.len() as u64);
        texts::pack(keys.iter().map(|key| Some(*key)), packer, out)?;
        let numbers: Vec<i64> = match mode {
            Mode::ByKey => {
                let ends = self.runs.iter().skip(1).copied().chain([self.facts.len() as u32]);
                self.runs.iter().zip(ends).map(|(begin, end)| i64::from(end - begin)).collect()
            }
            Mode::Log | Mode::ByKeyStored => self.key_of.iter().map(|key| i64::from(*key)).collect(),
        };
        ints::pack(&numbers, &[], packer, out)
    }
}

impl Unordered {
    /// Reads the order of `count` facts with keys of at most `most` bytes.
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let mode = match bytes.byte()? {
            0 => Mode::Log,
            1 => Mode::ByKey,
            2 => Mode::ByKeyStored,
            _ => return Err("facts in an unknown order"),
        };
        let key_count = bytes.size(count)?;
        let keys = Texts::unpack(bytes, key_count, most, unpacker)?;
        if !keys.is_full() || !keys.is_utf8() {
            return Err("a key that is no text");
        }
        let numbers = if mode == Mode::ByKey { key_count } else { count };
        let numbers = ints::unpack(bytes, numbers, &[], unpacker)?;
        let fits =
            |number: &i64, most: usize| u32::try_from(*number).is_ok_and(|number| number as usize <= most);
        let good = match mode {
            Mode::ByKey => {
                numbers.iter().all(|number| fits(number, count))
                    && numbers.iter().sum::<i64>() == count as i64
            }
            _ => {
                key_count == 0 && count == 0
                    || numbers.iter().all(|number| fits(number, key_count.wrapping_sub(1)))
            }
        };
        if !good {
            return Err("facts of keys that are not there");
        }
        Ok(Self { mode, keys, numbers, count })
    }

    /// Where runs begin: known before the order is.
    pub(crate) fn runs(&self) -> Vec<u32> {
        match self.mode {
            Mode::Log => vec![0],
            Mode::ByKey => {
                let mut begin = 0;
                let begins = self.numbers.iter().map(|number| {
                    let here = begin;
                    begin += *number as u32;
                    here
                });
                begins.collect()
            }
            Mode::ByKeyStored => self.stored().runs,
        }
    }

    fn stored(&self) -> Order {
        let key_of = self.numbers.iter().map(|key| *key as u32).collect();
        Order::of(self.mode, self.key_count(), key_of)
    }

    fn key_count(&self) -> usize {
        match self.mode {
            Mode::ByKey => self.numbers.len(),
            _ => self.numbers.iter().max().map_or(0, |most| *most as usize + 1),
        }
    }

    /// The order, with the transaction time of each row.
    pub(crate) fn order(&self, times: &[f64]) -> Result<Order, Flaw> {
        if self.mode != Mode::ByKey {
            return Ok(self.stored());
        }
        let mut run_of = Vec::with_capacity(self.count);
        for (key, number) in self.numbers.iter().enumerate() {
            run_of.resize(run_of.len() + *number as usize, key as u32);
        }
        let mut rows: Vec<(u64, u32)> = times.iter().map(|time| rising(*time)).zip(0..).collect();
        rows.sort_unstable();
        if rows.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("facts of one time, and no other order");
        }
        let (mut facts, mut key_of) = (vec![0; self.count], Vec::with_capacity(self.count));
        for (fact, (_, row)) in rows.iter().enumerate() {
            facts[*row as usize] = fact as u32;
            key_of.push(run_of[*row as usize]);
        }
        Ok(Order { facts, run_of, runs: self.runs(), key_of })
    }
}

/// Whether the times tell the order in which they are.
pub(crate) fn tell(times: &[f64]) -> bool {
    times.windows(2).all(|pair| rising(pair[0]) < rising(pair[1]))
}

/// A time's bits as a number that rises with it.
fn rising(time: f64) -> u64 {
    let bits = time.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests;
