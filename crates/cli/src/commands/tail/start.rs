//! Whether an offset from the command line is one at which a record begins.

use annals::{Log, LogError, Offset, ReadLimit, Reader};

use crate::exit::Failure;

/// The least there is to read: whether something can be read here is all that is asked.
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// The offset, if reading can begin there. Where the journal is damaged it can: the damage is then named.
///
/// # Errors
/// A usage error that names the records around the offset, if it is within one, or the journal's end, if it is beyond.
pub(crate) fn checked(reader: &Reader, offset: Offset) -> Result<Offset, Failure> {
    match reader.read(offset, ONE) {
        Ok(_) => Ok(offset),
        Err(LogError::Beyond { wanted, durable }) => Err(Failure::usage(format!(
            "offset {wanted} is beyond the end of the journal, which is {durable}"
        ))
        .with_help("`end` is the end")),
        Err(LogError::Damaged { offset: damaged, .. }) if damaged == offset => around(reader, offset),
        // Damage further on is the walk's to name.
        Err(LogError::Damaged { .. } | LogError::Hole { .. }) => Ok(offset),
        Err(error) => Err(error.into()),
    }
}

/// Tells an offset within a record from one where the journal is damaged, by reading the segment from its beginning.
fn around(reader: &Reader, offset: Offset) -> Result<Offset, Failure> {
    let segments = reader.status()?.segments;
    let segment = segments.iter().rev().find(|segment| segment.base <= offset);
    let mut at = segment.map_or(Offset::ZERO, |segment| segment.base);
    let mut before = None;
    loop {
        match reader.read(at, ReadLimit::default()) {
            Ok(batch) => {
                for entry in batch.iter() {
                    if entry.offset == offset {
                        return Ok(offset);
                    }
                    if entry.offset > offset {
                        return Err(within(offset, before, Some(entry.offset)));
                    }
                    before = Some(entry.offset);
                }
                if batch.is_empty() || batch.next() > offset {
                    return Err(within(offset, before, None));
                }
                at = batch.next();
            }
            Err(LogError::Damaged { offset: damaged, len, .. } | LogError::Hole { offset: damaged, len })
                if len > 0 =>
            {
                let resume = Offset::new(damaged.get().saturating_add(len));
                if damaged <= offset && offset < resume {
                    return Ok(offset);
                }
                if damaged > offset {
                    return Err(within(offset, before, None));
                }
                at = resume;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn within(offset: Offset, before: Option<Offset>, after: Option<Offset>) -> Failure {
    let near: Vec<String> = [("before", before), ("behind", after)]
        .into_iter()
        .filter_map(|(side, near)| Some(format!("{} {side} it", near?)))
        .collect();
    let near =
        if near.is_empty() { String::new() } else { format!("; the nearest are {}", near.join(" and ")) };
    Failure::usage(format!("no record begins at offset {offset}{near}"))
}
