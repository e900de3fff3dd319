//! A column of texts, of which some may be absent: each different one once, and for each row which one it is.
//!
//! ```text
//!   "a" "a" "b" none "a"  ->  codes: new, same, new, none, 0    texts: "a" "b"
//! ```
//!
//! Texts that never come twice are all new ones: the codes take nothing then.

use std::collections::HashMap;
use std::io;

use super::super::bytes::{Bytes, Flaw, put_varint};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};

/// As the row before it.
const SAME: i64 = 0;
/// The next text that was not there yet.
const NEW: i64 = 1;
const NONE: i64 = 2;
/// From here on, a text by its number.
const FIRST: i64 = 3;

/// The number of a row without a text.
const ABSENT: u32 = u32::MAX;

/// A decoded column.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where each different text ends.
    ends: Vec<u32>,
    /// For each row, its text's number.
    rows: Vec<u32>,
}

/// Adds the column to `out`.
pub(crate) fn pack<'a>(
    rows: impl Iterator<Item = Option<&'a [u8]>>,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let (mut numbers, mut texts) = (HashMap::new(), Vec::new());
    let (mut codes, mut lens) = (Vec::new(), Vec::new());
    let mut before = None;
    for row in rows {
        codes.push(match row {
            _ if before == Some(row) => SAME,
            None => NONE,
            Some(text) => {
                let next = numbers.len() as i64;
                let number = *numbers.entry(text).or_insert(next);
                if number == next {
                    lens.push(text.len() as i64);
                    texts.extend_from_slice(text);
                    NEW
                } else {
                    FIRST + number
                }
            }
        });
        before = Some(row);
    }
    put_varint(out, lens.len() as u64);
    ints::pack(&codes, &[], packer, out)?;
    ints::pack(&lens, &[], packer, out)?;
    packer.pack(&texts, out)
}

impl Texts {
    /// Reads a column of `count` rows with texts of at most `most` bytes in all.
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let different = bytes.size(count)?;
        let codes = ints::unpack(bytes, count, &[], unpacker)?;
        let lens = ints::unpack(bytes, different, &[], unpacker)?;
        let texts = unpacker.unpack(bytes, most)?;
        let mut end = 0_usize;
        let mut ends = Vec::with_capacity(different);
        for len in lens {
            let len = usize::try_from(len).map_err(|_| "a text of fewer than no bytes")?;
            end = end.checked_add(len).filter(|end| *end <= texts.len()).ok_or("texts that are cut")?;
            ends.push(end as u32);
        }
        if end != texts.len() {
            return Err("bytes behind the last text");
        }
        let (mut before, mut next) = (None, 0_u32);
        let mut rows = Vec::with_capacity(count);
        for code in codes {
            let row = match code {
                SAME => before.ok_or("a first row that is as the one before it")?,
                NEW => {
                    next += 1;
                    next - 1
                }
                NONE => ABSENT,
                code => u32::try_from(code - FIRST).map_err(|_| "a text that is not there")?,
            };
            if row != ABSENT && row as usize >= different {
                return Err("a text that is not there");
            }
            before = Some(row);
            rows.push(row);
        }
        Ok(Self { bytes: texts, ends, rows })
    }

    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        let number = self.rows[row];
        if number == ABSENT {
            return None;
        }
        let start = (number as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start as usize..self.ends[number as usize] as usize])
    }

    /// The number of a row's text among the different ones.
    pub(crate) fn number(&self, row: usize) -> Option<usize> {
        Some(self.rows[row]).filter(|number| *number != ABSENT).map(|number| number as usize)
    }

    /// All different texts.
    pub(crate) fn different(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start as usize..*end as usize])
    }

    /// The text of a row, or nothing.
    pub(crate) fn text(&self, row: usize) -> &[u8] {
        self.get(row).unwrap_or_default()
    }

    /// Whether all rows have a text that is UTF-8; a column of parts of texts need not be.
    pub(crate) fn is_utf8(&self) -> bool {
        self.different().all(|text| std::str::from_utf8(text).is_ok())
    }

    /// Whether every row has a text.
    pub(crate) fn is_full(&self) -> bool {
        !self.rows.contains(&ABSENT)
    }
}

#[cfg(test)]
mod tests;
