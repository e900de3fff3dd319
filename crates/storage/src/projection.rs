//! An index of one's own over the log: what a projection makes of each record, kept in a file of its own.
//!
//!   record -> apply -> entries, and the cursor, in one transaction -> get, range          store.rs, view.rs
//!                 '-> it fails or panics: nothing of the batch is there, the cursor stays
//!
//! PJ1: Entries and cursor move together: a crash replays, never skips, and what is replayed ends in the same entries.
//! PJ2: A projection that fails or panics changes nothing, stops itself alone, and is told with its version and the offset.
//! PJ3: A version that has not come up with the log does not answer while one that had is there; then it does, at once.
//! PJ4: A record that cannot be read is noted; once it can be, it is applied, and the entries are what they would have been.

mod built_in;
mod entries;
mod file;
mod postings;
mod shelf;
mod store;
mod txn;
mod view;

use std::error::Error as StdError;

use annals_record::{Offset, Record, RecordId, RecordType, record_type};

use crate::Error;

pub use built_in::BuiltIn;
pub use entries::ProjectionEntry;
pub use postings::Postings;
pub use shelf::{Shelf, ShelfContent, ShelfVersion};
pub use store::{ProjectionOptions, ProjectionStore};
pub use txn::ProjectionTxn;
pub use view::ProjectionView;

/// An application's own index: a function from the log's records, in their order, to entries of bytes.
///
/// ```
/// use annals_record::Record;
/// use annals_storage::{Projected, Projection, ProjectionError, ProjectionTxn};
///
/// /// How often each agent has said something.
/// struct Agents;
///
/// impl Projection for Agents {
///     fn name(&self) -> &str {
///         "agents"
///     }
///     fn version(&self) -> u32 {
///         1
///     }
///     fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
///         let Some(Record::Assertion(assertion)) = record.record else { return Ok(()) };
///         let Some(agent) = &assertion.agent else { return Ok(()) };
///         let count = match txn.get(agent.as_bytes())? {
///             Some(count) => u64::from_le_bytes(count[..].try_into()?),
///             None => 0,
///         };
///         txn.put(agent.as_bytes(), &(count + 1).to_le_bytes());
///         Ok(())
///     }
/// }
/// ```
pub trait Projection: Send + Sync {
    /// Its name, and that of its directory: 1 to 48 of `a` to `z`, `0` to `9` and `-`, a letter first. It never changes.
    fn name(&self) -> &str;

    /// Which rules it follows. Raise it when [`Projection::apply`] does something else with the same records: it is then
    /// built anew beside the version before, which answers until the new one has come up with the log. A version that was
    /// lowered is built anew as well.
    fn version(&self) -> u32;

    /// Adds one record. It sees what the records before it have left, and must depend on nothing else: no clock, no
    /// chance, no other file, or what is built again differs. It may be called again for a record whose transaction a
    /// crash has undone.
    ///
    /// # Errors
    /// Whatever keeps it from going on: the records since the last batch leave nothing behind, the cursor stays, and the
    /// worker of this projection stops with an error that names it. A panic is an error as well.
    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError>;
}

/// Why a projection cannot go on.
pub type ProjectionError = Box<dyn StdError + Send + Sync>;

/// A record of the log, lent to a projection.
///
/// The log may hold the same record more than once: it comes as often, each time with its offset.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Projected<'a> {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity: the BLAKE3 of its payload.
    pub id: RecordId,
    /// Its bytes, as they stand in the log.
    pub payload: &'a [u8],
    /// What they say; `None` for the application's own types (128 to 255), which only the application can read.
    pub record: Option<&'a Record>,
    /// Whether an earlier build could not read it: then it comes after records that stand behind it in the log. What
    /// depends on the order raises its version with such a build, and has all of them in order.
    pub late: bool,
}

impl Projected<'_> {
    /// The type in its first byte; `None` if it has no byte.
    #[must_use]
    pub fn record_type(&self) -> Option<RecordType> {
        record_type(self.payload)
    }
}

/// The longest name of a projection, in bytes: that of its cursor in the journal has to hold it.
const MAX_NAME: usize = 48;

/// Checks a name as [`Projection::name`] says.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let fits = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    match fits {
        true => Ok(()),
        false => Err(Error::ProjectionName { name: name.chars().take(80).collect() }),
    }
}

#[cfg(test)]
mod tests;
