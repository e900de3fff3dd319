//! The text of one line: an entry's JSON, with the checksum of it as its last field.
//!
//! ```text
//!   {"kind":"turn_end","ts":7,"turn_count":1,"crc32c":"1f3a77b0"}\n
//!   `- body ---------------------------------'                    `- the commit mark
//! ```
//!
//! The checksum covers the body. To any other reader of JSON it is one more field, and a line without one is read as it
//! is: nothing then tells a changed letter from the one that was written. `crc32c+` in its place says that the batch goes on with
//! the next line: lines that were appended together are committed by the last of them.
//!
//! A line that ends with the control character CAN twice (0x18, "what came before is in error") was torn, and sealed off: no
//! entry ends so, and no single damaged byte makes it so.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;

use crate::StoreError;

/// A line may have so many bytes, its newline included: 64 MiB. It bounds what one damaged byte can make a reader hold.
pub const MAX_LINE_BYTES: usize = 64 << 20;
/// Seals off what a crash has left of a line.
pub(crate) const SEAL: &[u8] = b"\x18\x18\n";
/// JSON may be nested so deep: what is deeper could be written, but not read again.
const MAX_DEPTH: usize = 120;

const LAST: Frame = Frame { open: b",\"crc32c\":\"" };
const MORE: Frame = Frame { open: b",\"crc32c+\":\"" };
const CLOSE: &[u8] = b"\"}";
const HEX: usize = 8;

/// What stands around the digits of a checksum.
struct Frame {
    open: &'static [u8],
}

/// What kind of line this is, told by its end alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing stands in it.
    Blank,
    /// It was torn, and sealed off.
    Sealed,
    /// An entry of a batch that goes on.
    More,
    /// An entry, by itself or the last of its batch.
    Last,
}

/// What is wrong with a line, and at which of its bytes that shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) reason: String,
}

/// Appends the line of an entry to `lines`.
pub(crate) fn encode<T: Serialize>(entry: &T, more: bool, lines: &mut Vec<u8>) -> Result<(), StoreError> {
    let start = lines.len();
    serde_json::to_writer(&mut *lines, entry)?;
    let body = &lines[start..];
    if body.first() != Some(&b'{') || body.len() <= 2 {
        lines.truncate(start);
        return Err(serde_json::Error::custom("an entry is a JSON object with a kind").into());
    }
    if let Err(error) = check_depth(body) {
        lines.truncate(start);
        return Err(error);
    }
    lines.pop();
    let crc = crc32c::crc32c(&lines[start..]);
    let frame = if more { &MORE } else { &LAST };
    lines.extend_from_slice(frame.open);
    lines.extend_from_slice(format!("{crc:08x}").as_bytes());
    lines.extend_from_slice(CLOSE);
    lines.push(b'\n');
    let bytes = lines.len() - start;
    if bytes > MAX_LINE_BYTES {
        lines.truncate(start);
        let (bytes, limit) = (bytes as u64, MAX_LINE_BYTES as u64);
        return Err(StoreError::TooLarge { what: "a line", bytes, limit });
    }
    Ok(())
}

/// Whether JSON that was just written can be read again.
pub(crate) fn check_depth(json: &[u8]) -> Result<(), StoreError> {
    match depth(json) {
        depth if depth > MAX_DEPTH => {
            let reason = format!("nested {depth} deep, and {MAX_DEPTH} is as deep as can be read again");
            Err(serde_json::Error::custom(reason).into())
        }
        _ => Ok(()),
    }
}

/// How a line, without its newline, ends.
pub(crate) fn ending(line: &[u8]) -> Ending {
    let line = trimmed(line);
    match line.last() {
        None => Ending::Blank,
        Some(_) if line.ends_with(&SEAL[..2]) => Ending::Sealed,
        _ if MORE.misses(line) == Some(0) => Ending::More,
        _ => Ending::Last,
    }
}

/// The entry of a line, without its newline.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, Wrong> {
    let line = trimmed(line);
    for frame in [&LAST, &MORE] {
        match frame.misses(line) {
            Some(0) => return verified(frame, line),
            // One byte of what is the same in every line is another: this was one of ours.
            Some(1) => {
                let at = line.len() - frame.len();
                return Err(Wrong { at, reason: "the field of its checksum is damaged".into() });
            }
            _ => {}
        }
    }
    parse(line)
}

/// Whether this is a whole line, the last of its batch, but for its last byte: where its newline was, something else is.
pub(crate) fn lost_its_newline(tail: &[u8]) -> bool {
    let Some((_, line)) = tail.split_last() else { return false };
    LAST.misses(line) == Some(0) && decode::<serde::de::IgnoredAny>(line).is_ok()
}

fn verified<T: DeserializeOwned>(frame: &Frame, line: &[u8]) -> Result<T, Wrong> {
    let body = &line[..line.len() - frame.len()];
    let digits = &line[body.len() + frame.open.len()..line.len() - CLOSE.len()];
    let digits = String::from_utf8_lossy(digits);
    let found = format!("{:08x}", crc32c::crc32c(body));
    if found != digits {
        // Where it is no JSON any more, that tells the place.
        let at = parse::<serde_json::Value>(line).err().map_or(0, |wrong| wrong.at);
        return Err(Wrong { at, reason: format!("its checksum is {digits}, that of its bytes {found}") });
    }
    let mut object = Vec::with_capacity(body.len() + 1);
    object.extend_from_slice(body);
    object.push(b'}');
    parse(&object)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, Wrong> {
    serde_json::from_slice(line).map_err(|error| Wrong {
        at: error.column().saturating_sub(1).min(line.len()),
        reason: error.to_string().split(" at line 1 column").next().unwrap_or_default().to_owned(),
    })
}

impl Frame {
    const fn len(&self) -> usize {
        self.open.len() + HEX + CLOSE.len()
    }

    /// How many bytes of the frame are others at the end of `line`; none if it is too short to have one.
    fn misses(&self, line: &[u8]) -> Option<usize> {
        let end = line.get(line.len().checked_sub(self.len())?..)?;
        let differ = |found: &[u8], wanted: &[u8]| found.iter().zip(wanted).filter(|(a, b)| a != b).count();
        let (open, close) = (&end[..self.open.len()], &end[self.open.len() + HEX..]);
        Some(differ(open, self.open) + differ(close, CLOSE))
    }
}

/// Without the blanks at its end: a carriage return of an editor is none of ours.
fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

/// How deep JSON that was just written is nested.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut most, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests;
