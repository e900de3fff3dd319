//! What the tests of Annals stand on: a disk that crashes, a disk that fails, the workloads, and the plain model that a
//! store is compared with.
//!
//!   workload -> journal on a [`SimDisk`] or [`FaultDisk`] -> crash -> reopen -> compare with what was acknowledged
//!
//! Everything is drawn from seeds, so a failure is repeated by its seed. Nothing here is built into a product.

mod calls;
mod clock;
mod fault;
mod model;
mod sim;
mod workload;

pub use calls::{Call, Made};
pub use clock::ManualClock;
pub use fault::{Fault, FaultDisk, Outcome, PANIC};
pub use model::{Model, ModelCounts, ModelTally};
pub use sim::{SimDisk, Survival, Survives};
pub use workload::{Drawn, Meaning, Workload, payload};
