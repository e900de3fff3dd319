//! The log, read from end to end beside whatever process writes it.
//!
//!   log -> groups of records -> each payload as what it is
//!       -> damaged ranges and holes, named and passed
//!
//! K1: what cannot be read is named with its range; what stands behind it is read all the same.

use std::time::Duration;

use annals::{Batch, Damage, DecodeError, LogError, Offset, Reader, Record, Tail};

use crate::exit::{Code, Failure};
use crate::number::counted;
use crate::output;
use crate::progress::Progress;

/// A reading of the log that goes on behind damage.
pub(crate) struct LogWalk {
    tail: Tail<Reader>,
    damaged: u64,
}

/// The next part of the log.
pub(crate) enum Part {
    /// Records.
    Records(Batch),
    /// A range that cannot be read.
    Damaged(Damage),
    /// A range that is lost and was listed as lost.
    Hole {
        /// Where it begins.
        offset: Offset,
        /// How many bytes it covers.
        len: u64,
    },
    /// The durable end, as far as there was time to wait for more.
    End,
}

impl LogWalk {
    /// Reads from an offset on.
    pub(crate) fn new(reader: &Reader, from: Offset) -> Self {
        Self { tail: reader.tail(from), damaged: 0 }
    }

    /// The next part; waits up to `timeout` for one.
    ///
    /// # Errors
    /// If the log fails in another way than by damage.
    pub(crate) fn next(&mut self, timeout: Duration) -> Result<Part, Failure> {
        match self.tail.next_batch(timeout) {
            Ok(Some(batch)) => Ok(Part::Records(batch)),
            Ok(None) => Ok(Part::End),
            Err(LogError::Damaged { offset, len, detail }) if len > 0 => {
                self.tail.skip_to(Offset::new(offset.get().saturating_add(len)));
                self.damaged += 1;
                Ok(Part::Damaged(Damage { offset, len, detail }))
            }
            Err(LogError::Hole { offset, len }) => {
                self.tail.skip_to(Offset::new(offset.get().saturating_add(len)));
                Ok(Part::Hole { offset, len })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where the next part begins.
    pub(crate) fn position(&self) -> Offset {
        self.tail.position()
    }

    /// How it ends if ranges could not be read.
    ///
    /// # Errors
    /// Exit code 4 if there was one.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        if self.damaged == 0 {
            return Ok(());
        }
        let ranges = counted(self.damaged, "range");
        Err(Failure::new(Code::Damaged, format!("{ranges} of the journal cannot be read; the rest was"))
            .with_help("`annals verify` lists the damage"))
    }
}

/// Says on stderr which range cannot be read.
pub(crate) fn tell_damage(damage: &Damage, json: bool, progress: Option<&Progress>) {
    let Damage { offset, len, detail } = damage;
    let talk = if json {
        format!("{{\"damaged\":{}}}", damage_json(damage))
    } else {
        let resume = offset.get().saturating_add(*len);
        format!(
            "{} offset {} to {resume} ({len} bytes): {}",
            output::stderr_paint(json).red("damaged:"),
            offset,
            crate::escape::Shown(detail)
        )
    };
    match progress {
        Some(progress) => progress.say(talk),
        None => output::say(talk),
    }
}

/// Says on stderr which range is a hole. That somebody has acknowledged: it is no failure.
pub(crate) fn tell_hole(offset: Offset, len: u64, json: bool, progress: Option<&Progress>) {
    #[derive(serde::Serialize)]
    struct Range {
        offset: u64,
        len: u64,
    }
    let talk = if json {
        format!("{{\"hole\":{}}}", output::json(&Range { offset: offset.get(), len }))
    } else {
        let resume = offset.get().saturating_add(len);
        let hole = output::stderr_paint(json).dim("hole:");
        format!("{hole} offset {offset} to {resume} ({len} bytes) was lost and is listed as lost")
    };
    match progress {
        Some(progress) => progress.say(talk),
        None => output::say(talk),
    }
}

/// A damaged range as JSON.
pub(crate) fn damage_json(damage: &Damage) -> String {
    #[derive(serde::Serialize)]
    struct Range<'a> {
        offset: u64,
        len: u64,
        detail: &'a str,
    }
    output::json(&Range { offset: damage.offset.get(), len: damage.len, detail: &damage.detail })
}

/// What a payload is.
pub(crate) enum Said {
    /// A record of ours.
    Record(Box<Record>),
    /// A record of the application, with its type.
    Application(u8),
    /// Neither; why.
    Undecodable(String),
}

/// Looks at a payload.
pub(crate) fn said(payload: &[u8]) -> Said {
    match Record::decode(payload) {
        Ok(record) => Said::Record(Box::new(record)),
        Err(DecodeError::Application(byte)) => Said::Application(byte),
        Err(error) => Said::Undecodable(error.to_string()),
    }
}
