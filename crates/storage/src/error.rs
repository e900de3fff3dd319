//! Why a store could not do it: place, cause and next step.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use annals_record::{Kind, LogId, Offset, RecordId, Refusal, Repair};

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store.
    #[error("there is no store at {path}: rebuild it from the log")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is something else.
    #[error("{path} is not a store of Annals: {reason}; nothing was touched, choose another directory")]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process has it open, or this one has it open twice.
    #[error("the store at {path} is in use by {holder}: close it there, or ask that process")]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who has it, as far as is known.
        holder: String,
    },
    /// A later version of Annals wrote it.
    #[error(
        "the store at {path} has format {found}, this version of Annals knows up to {known}: use a newer version"
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// It was built by other rules.
    #[error(
        "the store at {path} was built by projection {found}, this version of Annals builds {known}: rebuild it from the log"
    )]
    OtherProjection {
        /// The directory.
        path: PathBuf,
        /// Its projection.
        found: u32,
        /// The projection built here.
        known: u32,
    },
    /// Its content ends before its cursor: an older copy of it was put in place, or the disk lost what it had synced.
    #[error(
        "the store at {path} has applied the log up to {cursor}, but its content ends at {reach}: rebuild it from the log"
    )]
    ContentBehind {
        /// The directory.
        path: PathBuf,
        /// Where its cursor stands.
        cursor: Offset,
        /// Where its content ends.
        reach: Offset,
    },
    /// Its two parts come from two stores.
    #[error(
        "the store at {path} is put together of two: its content follows log {content}, its index log {index}; rebuild it from the log"
    )]
    Swapped {
        /// The directory.
        path: PathBuf,
        /// The log its content follows.
        content: LogId,
        /// The log its index follows.
        index: LogId,
    },
    /// The disk is full. What was being written is not in the store; the log has it.
    #[error(
        "no space left for the store at {path} ({op}): make room, then open it again; the log holds everything"
    )]
    Full {
        /// The directory.
        path: PathBuf,
        /// What was being done.
        op: &'static str,
    },
    /// A write failed before.
    #[error(
        "the store takes no more writes after an error ({reason}): open it again; the log holds everything"
    )]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// One of the two engines failed.
    #[error("the {engine} at {path} failed ({op}): {source}")]
    Engine {
        /// `content` or `index`.
        engine: &'static str,
        /// What was being done.
        op: &'static str,
        /// Its directory or file.
        path: PathBuf,
        /// What it says.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Its content belongs to another store of the same log.
    #[error(
        "the store at {path} is put together of two stores of one log: its content belongs to store {content}, its index to store {index}; put the right directory back, or rebuild it from the log"
    )]
    TwoStores {
        /// The directory.
        path: PathBuf,
        /// The store its content belongs to, in hex.
        content: String,
        /// The store its index belongs to, in hex.
        index: String,
    },
    /// An older copy of it was put in its place, or the disk lost what it had synced.
    #[error(
        "the store at {path} has applied the log up to {cursor}, but had come as far as {seen}: an older copy of it was put in its place; rewind to where it stands, or rebuild it from the log"
    )]
    OlderStore {
        /// The directory.
        path: PathBuf,
        /// Where its cursor stands.
        cursor: Offset,
        /// Where it stood before.
        seen: Offset,
    },
    /// A file could not be read or written.
    #[error("could not {op} {path}: {source}")]
    Io {
        /// What was being done.
        op: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What stands under a key cannot be.
    #[error("{key} is damaged: {detail}; rebuild the store from the log")]
    Damaged {
        /// The key, readable.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// More than one record begins so.
    #[error("{prefix} is the beginning of {} records: {}", count_of(candidates, *more), list(candidates))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The first few records that begin so.
        candidates: Vec<RecordId>,
        /// Whether there are more than these.
        more: bool,
    },
    /// That is no beginning of an id.
    #[error("{text:?} is not the beginning of an id: 8 to 64 hex digits are")]
    NotAPrefix {
        /// What was given.
        text: String,
    },
    /// Changes that do not follow what was applied before.
    #[error("changes up to {next} do not follow the cursor at {cursor}: {reason}")]
    OutOfOrder {
        /// Where the store's cursor stands.
        cursor: Offset,
        /// Where it was to stand.
        next: Offset,
        /// What is wrong.
        reason: &'static str,
    },
    /// That cannot be the name of a projection.
    #[error(
        "{name:?} is no name for a projection: 1 to 48 of `a` to `z`, `0` to `9` and `-` are, a letter first"
    )]
    ProjectionName {
        /// What was given.
        name: String,
    },
    /// The file of a projection cannot be used.
    #[error("{path} cannot be used as a projection: {reason}; build the projection anew")]
    ProjectionFile {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A projection could not take a record. Nothing of the batch is in it, and its cursor stands before the batch.
    #[error(
        "projection {name:?}, version {version}, cannot take the record at offset {offset}: {source}; its worker stops \
         and everything else goes on. Mend the projection and open it again"
    )]
    ProjectionFailed {
        /// The projection.
        name: String,
        /// Its version.
        version: u32,
        /// The record.
        offset: Offset,
        /// What the projection says, or its panic.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It holds all of the log before its cursor, which therefore cannot be put elsewhere.
    #[error(
        "this store holds what the log says up to its cursor, so the cursor cannot be moved to offset {to}: to apply the \
         log again, rebuild it (`annals rebuild`); an older copy that was put in its place is taken as it stands by \
         `annals rewind`"
    )]
    NoSeek {
        /// Where the cursor was to stand.
        to: Offset,
    },
    /// The file that names the current generation names none.
    #[error("{path} does not name a generation ({detail}): rebuild the store from the log")]
    Pointer {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Locked { .. } => Kind::Retry,
            Self::Full { .. }
            | Self::Poisoned { .. }
            | Self::Engine { .. }
            | Self::Io { .. }
            | Self::ProjectionFile { .. }
            | Self::ProjectionFailed { .. }
            | Self::Damaged { .. } => Kind::Stop,
            Self::Missing { .. }
            | Self::NotAStore { .. }
            | Self::NewerFormat { .. }
            | Self::OtherProjection { .. }
            | Self::ContentBehind { .. }
            | Self::Swapped { .. }
            | Self::TwoStores { .. }
            | Self::OlderStore { .. }
            | Self::Ambiguous { .. }
            | Self::NotAPrefix { .. }
            | Self::OutOfOrder { .. }
            | Self::ProjectionName { .. }
            | Self::NoSeek { .. }
            | Self::Pointer { .. } => Kind::Fix,
        }
    }

    /// If the store was refused because it is not the one that belongs here: the refusal's name, and what mends it.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        const MIXED: &[Repair] = &[Repair::RightDirectory, Repair::Rebuild];
        let (name, repairs) = match self {
            Self::ContentBehind { .. } => ("content_behind", MIXED),
            Self::Swapped { .. } => ("swapped", MIXED),
            Self::TwoStores { .. } => ("two_stores", MIXED),
            Self::OlderStore { .. } => ("older_store", &[Repair::Rewind, Repair::Rebuild] as &[_]),
            _ => return None,
        };
        Some(Refusal { name, repairs })
    }

    /// An error of one engine; a full disk is told by its kind, never by its text.
    pub(crate) fn engine(
        engine: &'static str,
        op: &'static str,
        path: &Path,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        if is_full(source.as_ref()) {
            return Self::Full { path: path.to_owned(), op };
        }
        Self::Engine { engine, op, path: path.to_owned(), source }
    }

    /// An error of the file system, for use in `map_err`.
    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::Full { path: path.to_owned(), op },
            _ => Self::Io { op, path: path.to_owned(), source },
        }
    }
}

/// Whether an error or one of its causes is a full disk.
fn is_full(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = match error.downcast_ref::<redb::Error>() {
            // redb names no cause.
            Some(redb::Error::Io(io)) => Some(io),
            _ => error.downcast_ref::<io::Error>(),
        };
        if io.is_some_and(|io| io.kind() == io::ErrorKind::StorageFull) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn count_of(candidates: &[RecordId], more: bool) -> String {
    let count = candidates.len();
    if more { format!("more than {count}") } else { count.to_string() }
}

fn list(candidates: &[RecordId]) -> String {
    candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_by_its_kind_in_either_engine() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let path = Path::new("store");
        let errors: [Box<dyn StdError + Send + Sync>; 4] = [
            Box::new(fjall::Error::Io(full())),
            Box::new(fjall::Error::Storage(full().into())),
            Box::new(redb::Error::Io(full())),
            Box::new(full()),
        ];
        for error in errors {
            assert!(matches!(Error::engine("index", "commit", path, error), Error::Full { .. }));
        }
        let text_only = io::Error::other("No space left on device");
        assert!(matches!(Error::engine("index", "commit", path, text_only), Error::Engine { .. }));
        assert!(matches!(Error::io("write", path)(full()), Error::Full { .. }));
    }

    #[test]
    fn an_ambiguous_prefix_lists_what_it_could_mean() {
        let (a, b) = (RecordId::of(b"a"), RecordId::of(b"b"));
        let error = Error::Ambiguous { prefix: "17".into(), candidates: vec![a, b], more: false };
        assert_eq!(error.to_string(), format!("17 is the beginning of 2 records: {a}, {b}"));
        assert_eq!(error.kind(), Kind::Fix);
    }
}
