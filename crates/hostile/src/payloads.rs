//! Payloads: what a record's bytes may say.
//!
//! HP1: any bytes are a record or a reason, the same wherever they lie in memory.
//! HP2: what is a record is written to the same bytes again, and its JSON is read back as the same record.

use annals_record::{Record, RecordId, record_type};
use annals_testkit::Workload;
use fastrand::Rng;

/// Throws these bytes at the decoder.
pub fn run(bytes: &[u8]) {
    let read = Record::decode(bytes);
    // One byte further on, where nothing is aligned as it was.
    let mut moved = Vec::with_capacity(bytes.len() + 1);
    moved.push(0);
    moved.extend_from_slice(bytes);
    assert_eq!(Record::decode(&moved[1..]), read, "HP1");
    assert_eq!(record_type(bytes).is_none(), bytes.is_empty(), "HP1");
    match read {
        Ok(record) => is_itself(&record, bytes),
        Err(error) => assert!(!error.to_string().is_empty(), "HP1"),
    }
}

fn is_itself(record: &Record, bytes: &[u8]) {
    assert_eq!(record.payload().as_deref(), Ok(bytes), "HP2");
    let line = record.to_json();
    let read = Record::from_json(&line);
    match read {
        Ok(read) => {
            assert_eq!(read.payload, bytes, "HP2: {line}");
            assert_eq!(read.id, RecordId::of(bytes), "HP2");
        }
        Err(error) => assert!(line.len() > annals_record::limits::MAX_LINE, "HP2: {error}: {line}"),
    }
}

/// Draws the bytes of a record, mostly a valid one.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    Workload::new(rng.u64(..)).next().map(|drawn| drawn.payload).unwrap_or_default()
}
