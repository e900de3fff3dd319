//! What every step of a measurement gives: a value, or a reason to stop.

use std::error::Error;

/// Any failure ends the run: a figure of something that half worked is worse than none.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The contender was asked for what it does not claim to do: a mistake in the plan.
pub(crate) fn unable<T>(who: &str, what: &str) -> Outcome<T> {
    Err(format!("{who} cannot do {what}: the plan should not ask").into())
}
