//! A model of what happens around a log: a writer, its store's worker, a consumer in a process of its own, purges, a backup,
//! restores, rebuilds; each killed at any point, and the power cut. Every state that can come of it is looked at.
//!
//!   world -> what can happen -> world      all of them, breadth first, each once
//!                |                |
//!                |                `-> properties: none is ever violated, each of what should happen does
//!                `-> the worker's steps are the product's: `annals_ingest::Projector` over a log and a store of the model
//!
//! What is the product's code here: everything that judges a cursor (`Cursor::check`, and with it what an open of a store
//! does, W2), and a step of the worker. What is restated: what a crash leaves of a log, what a recovery makes of that,
//! the order of a checkpoint, which segments a purge takes, how a rebuild takes the place of a store. Those are what
//! [`Mistake`] can get wrong, one at a time, so that it is seen that somebody notices.

mod bounds;
mod consumer;
mod generation;
mod happening;
mod judged;
mod log;
mod mistake;
mod model;
mod properties;
mod world;

pub use bounds::Bounds;
pub use happening::Happening;
pub use mistake::Mistake;
pub use model::Pipeline;
pub use world::World;

#[cfg(test)]
mod tests;
