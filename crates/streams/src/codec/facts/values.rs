//! The values of facts: JSON texts of which many have one shape. The shape stands once, each scalar in it has a column.
//!
//! ```text
//!   {"lat":52.52,"tags":["a",null]}    ->   shape  {"lat":_,"tags":[_,_]}    columns  52.52    "a"    null
//! ```
//!
//! A shape keeps every byte around its scalars, so spaces and the order of keys come again as they were written, and a text
//! that is no JSON is one scalar. Nothing is parsed further than to where its scalars begin and end.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use super::super::bytes::{Bytes, Flaw, put_varint};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};
use super::numbers::{self, Scalars};
use super::texts::{self, Texts};

/// What stands for a scalar in a shape. A text that has it is one scalar.
const SLOT: u8 = 0;
/// Values with more scalars than this are one scalar.
const MOST_SLOTS: usize = 256;
/// Values of more shapes than this in a block: the rest of them are one scalar each.
const MOST_SHAPES: usize = 64;

/// Adds the values to `out`. `run_of` tells the run of each row, rising.
pub(crate) fn pack(
    values: &[&[u8]],
    run_of: &[u32],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut shapes: Vec<(Vec<u8>, Vec<Row<'_>>)> = vec![(vec![SLOT], Vec::new())];
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::from([(vec![SLOT], 0)]);
    let mut of = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let (shape, mut slots) = apart(value).unwrap_or_else(|| (vec![SLOT], Vec::new()));
        let next = shapes.len();
        let number = match numbers.get(&shape) {
            Some(number) => *number,
            None if next < MOST_SHAPES => {
                numbers.insert(shape.clone(), next);
                shapes.push((shape, Vec::new()));
                next
            }
            None => 0,
        };
        if number == 0 {
            slots.clear();
            slots.push(0..value.len());
        }
        let scalars = slots.into_iter().map(|slot| &value[slot]).collect();
        shapes[number].1.push(Row { run: run_of[row], scalars });
        of.push(number as i64);
    }
    put_varint(out, shapes.len() as u64);
    texts::pack(shapes.iter().map(|(shape, _)| Some(&**shape)), packer, out)?;
    ints::pack(&of, &[], packer, out)?;
    for (shape, rows) in &shapes {
        let runs = runs(rows.iter().map(|row| row.run));
        for slot in 0..slots(shape) {
            let tokens: Vec<&[u8]> = rows.iter().map(|row| row.scalars[slot]).collect();
            numbers::pack(&tokens, &runs, packer, out)?;
        }
    }
    Ok(())
}

/// A value's scalars, and the run it is in.
struct Row<'a> {
    run: u32,
    scalars: Vec<&'a [u8]>,
}

/// Where runs begin in rows of these runs.
fn runs(of: impl Iterator<Item = u32>) -> Vec<u32> {
    let (mut begins, mut before) = (Vec::new(), None);
    for (row, run) in of.enumerate() {
        if before != Some(run) {
            begins.push(row as u32);
        }
        before = Some(run);
    }
    begins
}

fn slots(shape: &[u8]) -> usize {
    shape.iter().filter(|byte| **byte == SLOT).count()
}

/// Reads the values and adds them to `arena`, row by row: where each ends. They have at most `most` bytes in all.
pub(crate) fn unpack(
    bytes: &mut Bytes<'_>,
    run_of: &[u32],
    most: usize,
    arena: &mut Vec<u8>,
    unpacker: &mut Unpacker,
) -> Result<Vec<u32>, Flaw> {
    let count = run_of.len();
    let shape_count = bytes.size(MOST_SHAPES)?;
    // No shape is longer than the values that have it; that of a single scalar is there whether one has it or not.
    let shapes = Texts::unpack(bytes, shape_count, most.saturating_add(1), unpacker)?;
    let of = ints::unpack(bytes, count, &[], unpacker)?;
    let mut rows_of = vec![Vec::new(); shape_count];
    for (row, number) in of.iter().enumerate() {
        let number = usize::try_from(*number).ok().filter(|number| *number < shape_count);
        rows_of[number.ok_or("a shape that is not there")?].push(run_of[row]);
    }
    let mut columns = Vec::with_capacity(shape_count);
    let mut all_slots = 0;
    for (number, rows) in rows_of.iter().enumerate() {
        let runs = runs(rows.iter().copied());
        let slots = slots(shapes.text(number));
        all_slots += slots;
        if all_slots > MOST_SLOTS * MOST_SHAPES {
            return Err("more scalars than a block has");
        }
        let columns_of: Result<Vec<Scalars>, Flaw> =
            (0..slots).map(|_| Scalars::unpack(bytes, rows.len(), most, &runs, unpacker)).collect();
        columns.push(columns_of?);
    }
    let parts: Vec<Vec<&[u8]>> =
        (0..shape_count).map(|number| shapes.text(number).split(|byte| *byte == SLOT).collect()).collect();
    let mut next = vec![0; shape_count];
    let mut ends = Vec::with_capacity(count);
    for number in of {
        let number = number as usize;
        let row = next[number];
        next[number] += 1;
        let mut columns = columns[number].iter_mut();
        for (i, part) in parts[number].iter().enumerate() {
            if i > 0
                && let Some(column) = columns.next()
            {
                column.put(row, arena);
            }
            arena.extend_from_slice(part);
            if arena.len() > most {
                return Err("values of more bytes than the block");
            }
        }
        ends.push(arena.len() as u32);
    }
    Ok(ends)
}

/// A value's shape and where its scalars stand; none if it is better kept as one scalar.
fn apart(value: &[u8]) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let (mut shape, mut slots) = (Vec::with_capacity(value.len()), Vec::new());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let end = match byte {
            b'"' => {
                let end = string_end(value, at)?;
                let behind = value[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                if behind == Some(&b':') {
                    shape.extend_from_slice(&value[at..end]);
                    at = end;
                    continue;
                }
                end
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                let scalar =
                    |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'-' | b'.');
                at + value[at..].iter().take_while(scalar).count()
            }
            byte => {
                shape.push(*byte);
                at += 1;
                continue;
            }
        };
        shape.push(SLOT);
        slots.push(at..end);
        at = end;
    }
    let kept = slots.len() <= MOST_SLOTS && !slots.is_empty() && !value.contains(&SLOT);
    kept.then_some((shape, slots))
}

/// The end of the string that begins at `at`.
fn string_end(value: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    loop {
        match value.get(end)? {
            b'"' => return Some(end + 1),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

#[cfg(test)]
mod tests;
