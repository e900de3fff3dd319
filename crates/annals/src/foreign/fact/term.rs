//! The one term that the log has, in Erlang's external format: a map of five keys.
//!
//! ```text
//!   131 116 [5: u32 BE]  { __struct__: Elixir.Fact.WriteAheadLog.Entry, lsn: integer, data: binary, crc: integer,
//!                          is_checkpoint: true | false }, in any order
//! ```
//!
//! Read here and not by a crate for that format (`eetf` was looked at): those allocate whatever a length claims, go as deep
//! as the bytes say, and have panics for tags that no file has. What is read here is a view into the bytes.

/// How every term begins: the version, a map, of five.
pub(super) const BEGIN: &[u8] = &[131, 116, 0, 0, 0, 5];

const STRUCT: &[u8] = b"Elixir.Fact.WriteAheadLog.Entry";

/// An entry, its data where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read<'a> {
    pub(super) lsn: u64,
    pub(super) data: &'a [u8],
    pub(super) is_checkpoint: bool,
}

/// Reads a term, and the checksum it has.
pub(super) fn read(term: &[u8]) -> Result<(Read<'_>, u32), String> {
    let Some(mut left) = term.strip_prefix(BEGIN) else { return Err("it is no map of five".to_owned()) };
    let (mut is_entry, mut lsn, mut data, mut crc, mut is_checkpoint) = (false, None, None, None, None);
    for _ in 0..5 {
        match atom(&mut left)? {
            b"__struct__" if !is_entry => is_entry = atom(&mut left)? == STRUCT,
            b"lsn" if lsn.is_none() => lsn = Some(integer(&mut left)?),
            b"data" if data.is_none() => data = Some(binary(&mut left)?),
            b"crc" if crc.is_none() => crc = Some(integer(&mut left)?),
            b"is_checkpoint" if is_checkpoint.is_none() => {
                is_checkpoint = Some(match atom(&mut left)? {
                    b"true" => true,
                    b"false" => false,
                    _ => return Err("`is_checkpoint` is neither true nor false".to_owned()),
                });
            }
            other => return Err(format!("a key {:?} that no entry has", String::from_utf8_lossy(other))),
        }
    }
    let (Some(lsn), Some(data), Some(crc), Some(is_checkpoint), true, []) =
        (lsn, data, crc, is_checkpoint, is_entry, left)
    else {
        return Err("it is no entry of the log, or bytes stand behind it".to_owned());
    };
    let crc = u32::try_from(crc).map_err(|_| format!("the checksum {crc} is none"))?;
    Ok((Read { lsn, data, is_checkpoint }, crc))
}

fn take<'a>(left: &mut &'a [u8], len: usize) -> Result<&'a [u8], String> {
    let Some((taken, rest)) = left.split_at_checked(len) else {
        return Err(format!("it ends where {len} bytes more are claimed"));
    };
    *left = rest;
    Ok(taken)
}

fn number(left: &mut &[u8], len: usize) -> Result<usize, String> {
    let digits = take(left, len)?;
    Ok(digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)))
}

/// A name, in any of the forms that names have had.
fn atom<'a>(left: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let len = match number(left, 1)? {
        119 | 115 => number(left, 1)?,
        118 | 100 => number(left, 2)?,
        tag => return Err(format!("the tag {tag} where a name is expected")),
    };
    take(left, len)
}

/// A number from 0 to 2^64 - 1.
fn integer(left: &mut &[u8]) -> Result<u64, String> {
    let (digits, negative) = match number(left, 1)? {
        97 => return Ok(number(left, 1)? as u64),
        98 => {
            let bytes = take(left, 4)?;
            let value = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            return if value < 1 << 31 { Ok(value) } else { Err("a number below zero".to_owned()) };
        }
        110 => {
            let len = number(left, 1)?;
            let negative = number(left, 1)? != 0;
            (take(left, len)?, negative)
        }
        tag => return Err(format!("the tag {tag} where a number is expected")),
    };
    if negative || digits.len() > 8 {
        return Err("a number that is negative or too large".to_owned());
    }
    Ok(digits.iter().rev().fold(0, |value, digit| value << 8 | u64::from(*digit)))
}

fn binary<'a>(left: &mut &'a [u8]) -> Result<&'a [u8], String> {
    match number(left, 1)? {
        109 => {
            let len = number(left, 4)?;
            take(left, len)
        }
        tag => Err(format!("the tag {tag} where bytes are expected")),
    }
}
