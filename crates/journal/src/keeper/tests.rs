//! What tests of the group commit want to know of its thread.

use super::*;

impl Keeper {
    /// From here on no thread can be started.
    pub(crate) fn refuse_threads(&self) {
        lock(&self.state).spawn = Spawn(|_| Err(io::ErrorKind::WouldBlock.into()));
    }

    pub(crate) fn is_alive(&self) -> bool {
        lock(&self.state).thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}
