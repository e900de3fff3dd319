//! Ctrl-C: once to stop well, twice to stop at once.
//!
//!   Ctrl-C -> a command that only reads: the process ends
//!          -> a command that writes: it is told, ends its batch, reports; a second Ctrl-C ends the process
//!
//! Ending the process at once loses nothing that was acknowledged: the journal is made for that.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{Code, Failure};
use crate::output;

/// What Ctrl-C does to this run.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    gently: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes Ctrl-C over. Until a command asks otherwise, the first one ends the process.
    ///
    /// # Errors
    /// If the system does not let the signal be handled.
    pub(crate) fn install(json: bool) -> Result<Self, Failure> {
        let interrupt = Self { asked: Arc::default(), gently: Arc::default() };
        let Self { asked, gently } = interrupt.clone();
        let handler = move || {
            let again = asked.swap(true, Ordering::SeqCst);
            if again || !gently.load(Ordering::SeqCst) {
                output::report(&stopped("interrupted"), json);
                process::exit(Code::Interrupted.number().into());
            }
        };
        ctrlc::set_handler(handler)
            .map_err(|error| Failure::new(Code::Failed, format!("cannot handle Ctrl-C: {error}")))?;
        Ok(interrupt)
    }

    /// From now on the first Ctrl-C is only noted: the command ends by itself, soon.
    pub(crate) fn gently(&self) {
        self.gently.store(true, Ordering::SeqCst);
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The end of a run that Ctrl-C stopped.
pub(crate) fn stopped(message: impl Into<String>) -> Failure {
    Failure::new(Code::Interrupted, message)
}
