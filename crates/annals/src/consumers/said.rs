//! What the owner says of its workers, in the status file, and what that comes to for whoever asks.

use std::fmt;

use annals_ingest::{State, Status};
use annals_record::{Lag, Offset};
use serde::{Deserialize, Serialize};

use super::{Pause, SeekAsked};

/// What a worker fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ConsumerKind {
    /// The store that answers questions.
    Store,
    /// An index of an application.
    Projection,
    /// A sink of an application.
    Consumer,
    /// Nothing that Annals knows of: a cursor of the journal that an application moves itself.
    Named,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsumerState {
    /// It looks whether its sink belongs to the journal.
    Starting,
    /// It applies.
    Applying,
    /// It is up with the journal.
    CaughtUp,
    /// Something failed that may pass; it tries again soon.
    Retrying,
    /// It rests until it is resumed.
    Paused,
    /// It stopped because of an error.
    Failed,
    /// It was stopped, or no process has the data, or nobody has started it.
    NotRunning,
}

/// A worker, or a named cursor of the journal, as it stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Its name; the store's is `store`.
    pub name: String,
    /// What it fills.
    pub kind: ConsumerKind,
    /// What it does; as of its owner's last word, where another process has the data.
    pub state: ConsumerState,
    /// The next offset to apply; none if that is not known.
    pub next: Option<Offset>,
    /// How far what it has applied is known to be durable.
    pub durable: Option<Offset>,
    /// From where the journal is held for it: retention removes nothing behind it. None if nothing is held.
    pub holds: Option<Offset>,
    /// How far it is behind the journal; none if that is not known.
    pub lag: Option<Lag>,
    /// Why it has failed, or why it tries again, or why a cursor cannot be used.
    pub error: Option<String>,
    /// If it is to rest: since when, and who said so. It may not rest yet, if its owner has not looked.
    pub paused: Option<Pause>,
    /// A seek that was asked for and is not done, or was refused.
    pub seek: Option<SeekAsked>,
}

/// What the owner says of one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) kind: ConsumerKind,
    pub(crate) state: ConsumerState,
    pub(crate) next: Option<u64>,
    pub(crate) durable: Option<u64>,
    pub(crate) error: Option<String>,
}

impl Said {
    /// What there is to say of a worker.
    pub(crate) fn of(name: &str, kind: ConsumerKind, status: &Status) -> Self {
        let state = ConsumerState::of(status.state);
        let tells = matches!(state, ConsumerState::Failed | ConsumerState::Retrying);
        Self {
            name: name.to_owned(),
            kind,
            state,
            next: status.cursor.map(|cursor| cursor.next.get()),
            durable: status.checkpointed.map(Offset::get),
            error: status.last_error.as_ref().filter(|_| tells).map(ToString::to_string),
        }
    }

    /// What nobody has said anything of.
    pub(crate) fn nothing(name: &str, kind: ConsumerKind) -> Self {
        let state = ConsumerState::NotRunning;
        Self { name: name.to_owned(), kind, state, next: None, durable: None, error: None }
    }

    pub(crate) fn status(self, lag: Option<Lag>) -> ConsumerStatus {
        let Self { name, kind, state, next, durable, error } = self;
        let (next, durable) = (next.map(Offset::new), durable.map(Offset::new));
        ConsumerStatus { name, kind, state, next, durable, holds: None, lag, error, paused: None, seek: None }
    }
}

impl ConsumerState {
    fn of(state: State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Applying => Self::Applying,
            State::CaughtUp => Self::CaughtUp,
            State::Retrying => Self::Retrying,
            State::Paused => Self::Paused,
            State::Failed => Self::Failed,
            State::New | State::Stopped => Self::NotRunning,
        }
    }

    /// Its name: small letters and underscores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Applying => "applying",
            Self::CaughtUp => "caught_up",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::NotRunning => "not_running",
        }
    }
}

impl ConsumerKind {
    /// Its name: small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Projection => "projection",
            Self::Consumer => "consumer",
            Self::Named => "named",
        }
    }
}

impl fmt::Display for ConsumerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for ConsumerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
