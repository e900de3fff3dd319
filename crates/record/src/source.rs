//! What a worker accepts as its log: the log itself, or a shared handle to it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Log;

/// Something a worker can take a [`Log`] out of: a shared log, or a log behind a mutex whose handle can be cloned.
///
/// A mutex is held for the one clone only, so a worker never makes an appender wait.
pub trait IntoLog: Send + 'static {
    /// The log inside.
    type Log: Log + 'static;

    /// Takes it out. May block for a moment, so call it where blocking is allowed.
    fn into_log(self) -> Arc<Self::Log>;
}

impl<L: Log + 'static> IntoLog for Arc<L> {
    type Log = L;

    fn into_log(self) -> Self {
        self
    }
}

impl<L: Log + Clone + 'static> IntoLog for Arc<Mutex<L>> {
    type Log = L;

    fn into_log(self) -> Arc<L> {
        Arc::new(self.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(feature = "tokio")]
impl<L: Log + Clone + 'static> IntoLog for Arc<tokio::sync::Mutex<L>> {
    type Log = L;

    fn into_log(self) -> Arc<L> {
        Arc::new(self.blocking_lock().clone())
    }
}
