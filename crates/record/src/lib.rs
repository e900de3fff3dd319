//! The words of Annals: what every crate says, and none of them owns.
//!
//!   payload -> [`RecordId`] -> [`Offset`] -> [`Batch`] -> [`Cursor`]
//!
//! Without features this crate knows positions, hashes and the [`Log`] trait. Feature `model` adds the payloads
//! (assertions, votes, epochs and their bytes), feature `json` the form a person writes by hand. It knows nothing of
//! files, clocks or threads, but for what feature `conformance` adds for tests: a log in memory, and the suite that every
//! implementation of [`Log`] has to pass.
//!
//! A record has one payload, and the BLAKE3 of that is its identity, on every machine and in every build:
//!
#![cfg_attr(feature = "json", doc = "```")]
#![cfg_attr(not(feature = "json"), doc = "```ignore")]
//! use annals_record::{Assertion, Record, RecordId, Stance, Value, Vote, serialize_assertion};
//!
//! let mut height = Assertion::new("Everest", "height", Value::Quantity { amount: "8848.86".parse()?, unit: "m".into() });
//! height.sources.push("survey 2020".into());
//! let payload = serialize_assertion(&height)?;
//! let id = RecordId::of(&payload);
//!
//! // The same, as a person writes it.
//! let line = r#"{"subject":"Everest","predicate":"height","object":{"quantity":"8848.86","unit":"m"},"source":"survey 2020"}"#;
//! assert_eq!(Record::from_json(line)?.id, id);
//!
//! // Bytes from elsewhere are checked before anything is believed.
//! assert_eq!(Record::decode(&payload)?, Record::Assertion(height));
//! assert!(Record::decode(&payload[1..]).is_err());
//!
//! let vote = Record::Vote(Vote::new(id, "ada", Stance::For));
//! assert!(vote.to_json().starts_with(r#"{"type":"vote","assertion":""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! docs/payload.md has the bytes, docs/json.md the lines, `limits` what a record may hold.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod identity;
mod kind;
mod log;
#[cfg(feature = "conformance")]
mod memory;
mod offset;
mod record_type;
#[cfg(all(test, feature = "model"))]
mod samples;
#[doc(hidden)]
pub mod seeded;
mod source;

#[cfg(feature = "model")]
mod assertion;
#[cfg(feature = "model")]
mod decimal;
#[cfg(feature = "model")]
mod epoch;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "model")]
pub mod limits;
#[cfg(feature = "model")]
mod payload;
#[cfg(feature = "model")]
mod record;
#[cfg(feature = "model")]
mod time;
#[cfg(feature = "model")]
mod value;
#[cfg(feature = "model")]
mod vote;

pub use batch::{Batch, Entry, Place};
pub use cursor::{Applied, Cursor, CursorRefusal, Refusal, Repair};
/// What a log's tail is for tasks: the trait of `futures-core`, from which every combinator of streams begins.
#[cfg(feature = "tokio")]
pub use futures_core::Stream;
pub use identity::{LogId, ParseIdError, RecordId, Term};
pub use kind::Kind;
pub use log::{Appended, Bounds, Durability, Lag, Log, LogError, ReadLimit, TermStart};
#[cfg(feature = "conformance")]
pub use memory::MemoryLog;
pub use offset::Offset;
pub use record_type::RecordType;
pub use source::IntoLog;

#[cfg(feature = "model")]
pub use assertion::{Assertion, Interval, Link, LinkKind, Polarity, Qualifier};
#[cfg(feature = "model")]
pub use decimal::{Decimal, DecimalError};
#[cfg(feature = "model")]
pub use epoch::{Epoch, EpochId, Supersession, SupersessionKind};
#[cfg(feature = "json")]
pub use json::{JsonError, JsonRecord};
#[cfg(feature = "model")]
pub use limits::LimitError;
#[cfg(feature = "model")]
pub use payload::{
    DecodeError, EncodingMismatch, PAYLOAD_HEADER, RecordError, check_encoding, record_type,
    serialize_assertion, serialize_epoch, serialize_vote,
};
#[cfg(feature = "model")]
pub use record::Record;
#[cfg(feature = "model")]
pub use time::{Precision, Time, TimeError, format_instant, parse_instant};
#[cfg(feature = "model")]
pub use value::Value;
#[cfg(feature = "model")]
pub use vote::{Stance, Vote};
