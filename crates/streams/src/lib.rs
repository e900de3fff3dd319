//! Many named journals under one root.

pub mod codec;
mod fact;
pub mod queue;

pub use fact::{Cause, Fact, FactError, FactId, frame, id_at, place_of};
