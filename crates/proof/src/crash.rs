//! Power cuts of the journal, on a simulated disk: one number is one history, cut at many places with several survivals
//! each, recovered, compared, cut again, damaged, and gone on with.
//!
//!   number -> plan -> life -> copies of the disk at places -> crash images -> recovered | cut again | hit | lived on
//!
//! Everything follows from the number, but for what a thread of the journal does in between: see [`plan::Plan::tasks`].

mod counts;
mod flips;
mod foreign;
mod image;
pub(crate) mod life;
pub(crate) mod plan;
pub(crate) mod promise;

use fastrand::Rng;

use crate::figures::Figures;
use crate::trial::Trial;

use counts::Counts;
use image::Images;
use plan::Plan;
use promise::Promise;

/// The trial.
pub(crate) struct Crash;

impl Trial for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn block(&self) -> u64 {
        250
    }

    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String> {
        let mut rng = Rng::with_seed(number);
        let plan = Plan::any(&mut rng);
        let mut counts = Counts::default();
        let promise = Promise { remembers: plan.options.remember_keys as usize, ..Promise::default() };
        let images = Images { plan, rng: &mut rng, counts: &mut counts }.grow(plan.disk(), promise, 0);
        counts.add_to(figures);
        images.map_err(|what| format!("{what}; {plan:?}"))
    }
}

#[cfg(test)]
mod tests;
