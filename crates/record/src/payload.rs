//! A record's bytes: what the journal stores, and what its identity is the hash of.
//!
//!   [type:u8][version:u8][flags:u8][0;5][rkyv archive, its root at the end]      docs/payload.md
//!
//! R1: a record has one payload: the same record gives the same bytes on every machine and in every build.
//! R2: decoding any bytes ends in a record or an error, and what it accepts encodes to the same bytes again.
//! R3: a build that lays records out differently neither writes nor reads one.

use std::borrow::Cow;

use rkyv::Archive;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator, access, deserialize, to_bytes_in};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;

use crate::limits::{LimitError, MAX_PAYLOAD};
use crate::{Assertion, Epoch, Record, RecordId, RecordType, Vote};

mod echo;
mod error;
mod golden;
mod layout;

use echo::Echo;
pub use error::{DecodeError, EncodingMismatch, RecordError};
pub use golden::check_encoding;

/// The bytes before the archive. Eight, so that the archive in an aligned payload is itself aligned.
pub const PAYLOAD_HEADER: usize = 8;

/// The version of all three types.
const VERSION: u8 = 0;

/// The bytes of an assertion. Qualifiers and links are sorted, and floats that are not a number are made one; nothing
/// else is changed.
///
/// # Errors
/// [`RecordError::Invalid`] when a limit is passed, [`RecordError::Encoding`] when this build encodes differently.
pub fn serialize_assertion(assertion: &Assertion) -> Result<Vec<u8>, RecordError> {
    serialize(assertion)
}

/// The bytes of a vote.
///
/// # Errors
/// As [`serialize_assertion`].
pub fn serialize_vote(vote: &Vote) -> Result<Vec<u8>, RecordError> {
    serialize(vote)
}

/// The bytes of an epoch. Supersessions are sorted; nothing else is changed.
///
/// # Errors
/// As [`serialize_assertion`].
pub fn serialize_epoch(epoch: &Epoch) -> Result<Vec<u8>, RecordError> {
    serialize(epoch)
}

/// The type of a payload, from its first byte; none if there is no byte.
#[must_use]
pub fn record_type(payload: &[u8]) -> Option<RecordType> {
    payload.first().copied().map(RecordType::from)
}

/// Reads any payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Record, DecodeError> {
    check_encoding()?;
    let record_type = check_header(payload)?;
    match record_type {
        RecordType::Assertion => read(payload).map(Record::Assertion),
        RecordType::Vote => read(payload).map(Record::Vote),
        RecordType::Epoch => read(payload).map(Record::Epoch),
        RecordType::Reserved(byte) => Err(DecodeError::Reserved(byte)),
        RecordType::Application(byte) => Err(DecodeError::Application(byte)),
    }
}

/// What a type of record gives to be written and read: its number, its one form, its limits.
trait Form:
    Clone
    + Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, Failure>>
                      + rkyv::Deserialize<Self, HighDeserializer<Failure>>,
    > + for<'a> rkyv::Serialize<HighSerializer<Vec<u8>, ArenaHandle<'a>, Failure>>
    + for<'a, 'b> rkyv::Serialize<HighSerializer<Echo<'b>, ArenaHandle<'a>, Failure>>
{
    const TYPE: RecordType;

    /// Whether it has the one form that is written.
    fn is_canonical(&self) -> bool;
    /// Gives it that form.
    fn canonicalize(&mut self);
    /// Checks the limits of that form.
    fn check(&self) -> Result<(), LimitError>;
}

fn serialize<T: Form>(record: &T) -> Result<Vec<u8>, RecordError> {
    check_encoding()?;
    let record = canonical(record);
    record.check()?;
    let payload = encode(record.as_ref());
    match payload.len() {
        0..=MAX_PAYLOAD => Ok(payload),
        bytes => Err(LimitError::RecordTooLarge { form: "a payload", bytes, limit: MAX_PAYLOAD }.into()),
    }
}

/// Sorts a copy of a record, if it is not sorted.
fn canonical<T: Form>(record: &T) -> Cow<'_, T> {
    let mut record = Cow::Borrowed(record);
    if !record.is_canonical() {
        record.to_mut().canonicalize();
    }
    record
}

/// Lays out a checked record.
fn encode<T: Form>(record: &T) -> Vec<u8> {
    // Most records are smaller; a larger one grows the buffer once or twice.
    let mut header = Vec::with_capacity(512);
    header.extend_from_slice(&[u8::from(T::TYPE), VERSION, 0, 0, 0, 0, 0, 0]);
    let Ok(payload) = to_bytes_in::<_, Failure>(record, header) else {
        unreachable!("R1: a record within its limits has a payload");
    };
    payload
}

/// Reads the payload of one type, whose header is good.
fn read<T: Form>(payload: &[u8]) -> Result<T, DecodeError> {
    let needed = PAYLOAD_HEADER + size_of::<T::Archived>();
    if payload.len() < needed {
        return Err(DecodeError::TooShort { found: payload.len(), needed });
    }
    let copy: AlignedVec<8>;
    let payload = if payload.as_ptr().cast::<u64>().is_aligned() {
        payload
    } else {
        copy = aligned_copy(payload);
        &copy
    };
    let refused = DecodeError::Archive { record_type: u8::from(T::TYPE) };
    let archived = access::<T::Archived, Failure>(&payload[PAYLOAD_HEADER..]);
    let Ok(record) = archived.and_then(|archived| deserialize::<T, Failure>(archived)) else {
        return Err(refused);
    };
    let one = canonical(&record);
    one.check()?;
    if matches!(one, Cow::Owned(_)) || !Echo::answers(&record, payload) {
        return Err(DecodeError::NotCanonical { expected: RecordId::of(&encode(one.as_ref())) });
    }
    Ok(record)
}

fn aligned_copy(payload: &[u8]) -> AlignedVec<8> {
    let mut copy = AlignedVec::with_capacity(payload.len());
    copy.extend_from_slice(payload);
    copy
}

/// Checks length, type, version, flags and padding.
fn check_header(payload: &[u8]) -> Result<RecordType, DecodeError> {
    let too_short = DecodeError::TooShort { found: payload.len(), needed: PAYLOAD_HEADER };
    let Some(record_type) = record_type(payload) else {
        return Err(too_short);
    };
    match record_type {
        // What follows the type is its owner's.
        RecordType::Reserved(_) | RecordType::Application(_) => return Ok(record_type),
        RecordType::Assertion | RecordType::Vote | RecordType::Epoch => {}
    }
    let Some(header) = payload.first_chunk::<PAYLOAD_HEADER>() else {
        return Err(too_short);
    };
    if header[1] != VERSION {
        return Err(DecodeError::UnknownVersion { record_type: header[0], found: header[1] });
    }
    if let Some((at, found)) = header.iter().enumerate().skip(2).find(|(_, byte)| **byte != 0) {
        return Err(DecodeError::Header { at, found: *found });
    }
    if payload.len() > MAX_PAYLOAD {
        return Err(DecodeError::TooLong { found: payload.len() });
    }
    Ok(record_type)
}

impl Form for Assertion {
    const TYPE: RecordType = RecordType::Assertion;

    fn is_canonical(&self) -> bool {
        self.is_canonical()
    }

    fn canonicalize(&mut self) {
        self.canonicalize();
    }

    fn check(&self) -> Result<(), LimitError> {
        self.check()
    }
}

impl Form for Vote {
    const TYPE: RecordType = RecordType::Vote;

    fn is_canonical(&self) -> bool {
        true
    }

    fn canonicalize(&mut self) {}

    fn check(&self) -> Result<(), LimitError> {
        self.validate()
    }
}

impl Form for Epoch {
    const TYPE: RecordType = RecordType::Epoch;

    fn is_canonical(&self) -> bool {
        self.is_canonical()
    }

    fn canonicalize(&mut self) {
        self.canonicalize();
    }

    fn check(&self) -> Result<(), LimitError> {
        self.check()
    }
}

#[cfg(test)]
mod tests;
