//! Every call of every scenario fails once, in every way: one number is one scenario, one call, and one way.
//!
//!   counted without faults -> (scenario, kind of call, n-th, way) -> act -> heal -> reopened, crashed: as promised
//!
//! For each: no panic but the one that is injected, no hang, nobody left asleep, nothing acknowledged lost; and the fault
//! has fired.

mod crowd;
mod scenes;
mod stand;

use annals_testkit::{Call, Fault, Outcome};

use crate::figures::Figures;
use crate::trial::Trial;

use scenes::{SCENES, Scene};
use stand::Stop;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Eio,
    EioAfter,
    /// That call and all later ones of its kind.
    Sticky,
    Enospc,
    EnospcAfter,
    Emfile,
    Eintr,
    Short(usize),
    Half,
    Panic,
}

/// One position.
#[derive(Clone, Copy, Debug)]
struct Position {
    what: What,
    call: Call,
    nth: u64,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The number of a scene.
    Scene(usize),
    Threads,
    Tasks,
}

/// The trial, with all positions.
pub(crate) struct Sweep {
    positions: Vec<Position>,
}

impl Way {
    fn fault(self, call: Call, nth: u64) -> Fault {
        let outcome = match self {
            Self::Eio | Self::Sticky => Outcome::Os(5),
            Self::EioAfter => Outcome::OsAfter(5),
            Self::Enospc => Outcome::Os(28),
            Self::EnospcAfter => Outcome::OsAfter(28),
            Self::Emfile => Outcome::Os(24),
            Self::Eintr => Outcome::Os(4),
            Self::Short(most) => Outcome::Short(most),
            Self::Half => Outcome::Half,
            Self::Panic => Outcome::Panic,
        };
        let fault = Fault::of(&[call], outcome).nth(nth);
        if self == Self::Sticky { fault.forever() } else { fault }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Eio => "by_way_eio",
            Self::EioAfter => "by_way_eio_after_it_was_made",
            Self::Sticky => "by_way_eio_sticky",
            Self::Enospc => "by_way_enospc",
            Self::EnospcAfter => "by_way_enospc_after_it_was_made",
            Self::Emfile => "by_way_emfile",
            Self::Eintr => "by_way_eintr",
            Self::Short(0) => "by_way_nothing_moved",
            Self::Short(_) => "by_way_one_byte_moved",
            Self::Half => "by_way_half_moved",
            Self::Panic => "by_way_panic",
        }
    }
}

impl Sweep {
    /// Counts the calls of each scenario without a fault.
    ///
    /// # Errors
    /// A scenario that does not hold even so.
    pub(crate) fn new() -> Result<Self, String> {
        let mut positions = Vec::new();
        for (number, scene) in SCENES.iter().enumerate() {
            // What a second that passed has made due is no part of it: the lesser count is that of a quick run.
            let (once, again) = (counted(scene)?, counted(scene)?);
            for ((call, one), (_, other)) in once.into_iter().zip(again) {
                let count = one.min(other);
                for nth in 1..=count {
                    let ways = scenes::meets(call).iter();
                    positions.extend(ways.map(|way| Position {
                        what: What::Scene(number),
                        call,
                        nth,
                        way: *way,
                    }));
                }
            }
        }
        for what in [What::Threads, What::Tasks] {
            for (call, count) in crowd::CALLS {
                for nth in 1..=count {
                    let ways = scenes::meets(call).iter();
                    positions.extend(ways.map(|way| Position { what, call, nth, way: *way }));
                }
            }
        }
        // In an order that is always the same, and in which any stretch of numbers is of all scenarios.
        fastrand::Rng::with_seed(0).shuffle(&mut positions);
        Ok(Self { positions })
    }
}

/// How many calls of each kind a scenario makes.
fn counted(scene: &Scene) -> Result<Vec<(Call, u64)>, String> {
    let failed = |stop: Stop| format!("{}, without a fault: {stop:?}", scene.name);
    let mut stand = (scene.stand)().map_err(failed)?;
    let before: Vec<u64> = Call::ALL.iter().map(|call| stand.disk.count(*call)).collect();
    stand.act(scene.act).map_err(failed)?;
    let counts = Call::ALL.iter().zip(before).map(|(call, before)| (*call, stand.disk.count(*call) - before));
    let counts = counts.collect();
    (scene.then)(&mut stand)?;
    stand.check(false).map_err(|what| format!("{}, without a fault: {what}", scene.name))?;
    Ok(counts)
}

fn one_scene(scene: &Scene, position: &Position) -> Result<u64, String> {
    let mut stand = (scene.stand)().map_err(|stop| format!("before: {stop:?}"))?;
    stand.disk.inject(position.way.fault(position.call, position.nth));
    let stopped = match stand.act(scene.act) {
        Ok(()) => false,
        Err(Stop::Broken(what)) => return Err(what),
        Err(Stop::Panicked) if position.way != Way::Panic => return Err("a panic out of nothing".into()),
        Err(Stop::Failed(_) | Stop::Panicked) => true,
    };
    let fired = stand.disk.fired();
    stand.disk.heal();
    if fired == 0 {
        let calls = counted(scene)?.into_iter().find(|(call, _)| *call == position.call);
        // A call that only a slow moment makes is not there to fail.
        let is_there = calls.is_some_and(|(_, count)| count >= position.nth);
        return if is_there { Err("the fault did not fire".into()) } else { Ok(0) };
    }
    (scene.then)(&mut stand)?;
    stand.check(stopped)?;
    Ok(fired)
}

impl Trial for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn total(&self) -> Option<u64> {
        Some(self.positions.len() as u64)
    }

    fn block(&self) -> u64 {
        500
    }

    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String> {
        let Some(position) = usize::try_from(number).ok().and_then(|number| self.positions.get(number))
        else {
            return Err(format!("there are {} positions", self.positions.len()));
        };
        let Position { what, call, nth, way } = *position;
        let (name, fired) = match what {
            What::Scene(number) => (SCENES[number].name, one_scene(&SCENES[number], position)),
            What::Threads => ("threads in one group", crowd::try_one(false, call, nth, way)),
            What::Tasks => ("tasks in one group", crowd::try_one(true, call, nth, way)),
        };
        let fired = fired.map_err(|what| format!("{name}: {call:?} number {nth} gets {way:?}: {what}"))?;
        if fired == 0 {
            figures.add("not_there", 1);
            return Ok(());
        }
        figures.add("positions", 1);
        figures.add(way.name(), 1);
        figures.add("fired", fired);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
