//! The worker of Annals: from a log into a store, exactly once in effect.
//!
//!   read batch -> decode -> apply -> cursor moves -> checkpoint, now and then
//!
//! [`Projector::step`] is all of it, without a thread; [`Ingestor`] runs it in the background, waits, backs off and
//! stops. Neither knows which log it reads or how the store keeps anything.
//!
//! W1: The cursor moves only together with the effects of all records before it.
//! W2: A cursor that does not fit the log is refused with the repair, never reset.
//! W3: A record that cannot be applied is parked with its reason, and counted; the ones after it go on.
//! W4: Whoever waits for an offset wakes: when it is visible, when the worker stops, or when the time is up.
//! W5: Damage of the log stops the work with a sentence; where it is passed instead, the store notes the range.
//! W6: A dead letter that is read again is applied as if it had been when it came, in whichever order that is done.
//! W7: A store that is built from the log at once gets the same records in the same order ([`load`]).
//! W8: A worker that is paused has made durable exactly what it has shown, applies nothing, and goes on as if it had never
//!     rested.

mod backoff;
mod board;
mod compare;
mod decode;
mod error;
#[cfg(test)]
mod histories;
mod ingestor;
mod late;
mod load;
mod options;
mod pace;
#[cfg(test)]
mod projecting;
mod projector;
mod redrive;
mod restart;
mod resume;
mod rhythm;
#[cfg(test)]
mod scene;
mod seed;
mod seek;
mod worker;

pub use board::{State, Status};
pub use compare::compare;
pub use decode::{change, decode};
pub use error::Error;
pub use ingestor::Ingestor;
pub use late::{apply_late, check_cursor};
pub use load::{Loaded, Plain, Source, check_beginning, load, load_from};
pub use options::{OnDamage, Options};
pub use pace::Pace;
pub use projector::{Progress, Projector};
pub use redrive::{Redrive, Unread, Which, record_of, redrive};
pub use restart::{Restart, Restarts};
pub use seed::seed;
pub use seek::seek;
