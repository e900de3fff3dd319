//! The thread that folds: a frozen layer into content, then into the index, then away.
//!
//!   apply fills the active layer -> frozen -> content, durable -> index -> nobody needs the layer any more
//!                                      ^ the next one freezes only when this one is gone: at most two are in memory
//!   whenever it is wanted, by the same thread: what is folded, or has rows by then, durable with the cursor behind it
//!
//! What a fold does changes no answer, so it may end at any time, or never: what it has not done is done again from the
//! rows of a checkpoint, or from the log.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::Error;
use crate::aside::Aside;
use crate::core::{Core, Task};

/// The thread.
pub(crate) struct Folder {
    core: Arc<Core>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    /// Starts it; first it frees what is held aside.
    pub(crate) fn start(core: &Arc<Core>, path: &Path, aside: Aside) -> Result<Self, Error> {
        let shared = Arc::clone(core);
        let thread = std::thread::Builder::new().name("annals-fold".to_owned()).spawn(move || {
            drop(aside);
            work(&shared);
        });
        let thread = thread.map_err(Error::io("start the thread that folds of", path))?;
        Ok(Self { core: Arc::clone(core), thread: Some(thread) })
    }

    /// Ends it, once the layer that it folds is folded.
    pub(crate) fn stop(&mut self) {
        self.core.stop();
        if let Some(thread) = self.thread.take() {
            // If it panicked, the store is poisoned.
            let _ = thread.join();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Folds whatever is frozen, and makes durable what is wanted, until the end.
fn work(core: &Core) {
    while let Some(task) = core.next_task() {
        core.working(|core| match &task {
            Task::Fold(layer, end) => core.fold(layer, end),
            Task::Sync(layers, standing) => core.sync(layers, standing),
        });
    }
}
