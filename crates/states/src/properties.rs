//! What is never so, and what happens somewhere.

use stateright::{Model, Property};

use crate::consumer::Doing;
use crate::model::Pipeline;
use crate::world::{Refused, Work, World, Wrong};

/// All properties.
pub(crate) fn all() -> Vec<Property<Pipeline>> {
    let mut all = never_otherwise();
    all.extend(somewhere());
    all
}

fn never(world: &World, wrong: Wrong) -> bool {
    world.wrong != Some(wrong)
}

fn never_otherwise() -> Vec<Property<Pipeline>> {
    vec![
        Property::always("I1, I2: what was acknowledged stands in the log", |_, world: &World| {
            world.log.records.starts_with(&world.log.acknowledged)
        }),
        Property::always("I3: no watermark leads what is durable", |_, world: &World| {
            let log = &world.log;
            log.watermark <= log.durable && log.mark <= log.durable && log.durable <= log.end()
        }),
        Property::always("I5: nothing is served that is not durable", |_, world: &World| {
            let runs = world.work == Work::Runs;
            let next = world.answering().map_or(0, crate::generation::Generation::next);
            never(world, Wrong::ServedEarly) && (!runs || next <= world.log.durable)
        }),
        Property::always("no reader is given another record than the next", |_, world: &World| {
            never(world, Wrong::Skipped)
        }),
        Property::always("no store that works lies ahead of the log", |_, world: &World| {
            let next = world.answering().map_or(0, crate::generation::Generation::next);
            world.work != Work::Runs || next <= world.log.end()
        }),
        Property::always(
            "W1: a store that works is what the log says up to its cursor",
            |_, world: &World| {
                world.work != Work::Runs
                    || world.answering().is_some_and(|store| store.is_fold_of(&world.log))
            },
        ),
        Property::always("a store that works goes on working", |_, world: &World| {
            never(world, Wrong::RefusedWhileRunning)
        }),
        Property::always("R4: no purge passes a cursor", |_, world: &World| {
            never(world, Wrong::PurgedTooFar)
        }),
        Property::always("G1, G4: the pointer names a store that is finished", |_, world: &World| {
            world.answering().is_some_and(|store| store.is_finished)
        }),
        Property::always("a rebuild is what the log says", |_, world: &World| {
            never(world, Wrong::RebuiltOtherwise)
        }),
        Property::always("one writes", |_, world: &World| world.writers.iter().flatten().count() <= 1),
        Property::always(
            "whoever rests has been told why, or has nothing to do",
            |model: &Pipeline, world| is_settled(world) || !model.next_states(world).is_empty(),
        ),
    ]
}

/// Everything that was acknowledged shows, or whoever asks is told why not.
fn is_settled(world: &World) -> bool {
    match world.work {
        Work::Runs => {
            world.answering().is_some_and(|store| usize::from(store.next()) == world.log.records.len())
        }
        Work::IsRefused(_) => true,
        Work::Rests => false,
    }
}

fn is_refused(world: &World, refused: Refused) -> bool {
    world.work == Work::IsRefused(refused)
}

fn somewhere() -> Vec<Property<Pipeline>> {
    vec![
        Property::sometimes(
            "everything is appended, durable and shown",
            |model: &Pipeline, world: &World| {
                world.work == Work::Runs && is_settled(world) && world.log.end() == model.bounds.appends
            },
        ),
        Property::sometimes("a store of another future is refused", |_, world| {
            is_refused(world, Refused::Forked)
        }),
        Property::sometimes("so is one whose content alone is of another future", |_, world| {
            is_refused(world, Refused::Content)
        }),
        Property::sometimes("so is one that a purge has left behind", |model: &Pipeline, world| {
            model.bounds.store_copies == 0 || is_refused(world, Refused::Purged)
        }),
        Property::sometimes("a store works on a log that was restored", |_, world: &World| {
            world.was.restored
                && world.work == Work::Runs
                && is_settled(world)
                && !world.log.records.is_empty()
        }),
        Property::sometimes("a crash leaves more content than the cursor covers", |_, world: &World| {
            world.work == Work::Rests && world.answering().is_some_and(|store| store.reach() > store.cursor)
        }),
        Property::sometimes("a torn tail is cut, and the log goes on", |_, world: &World| {
            let newest = world.log.terms.last().filter(|_| world.log.terms.len() > 1);
            !world.was.restored && newest.is_some_and(|(_, start)| world.log.watermark > *start)
        }),
        Property::sometimes("a purge lets go what all have passed", |_, world: &World| world.log.oldest > 0),
        Property::sometimes("a rebuild takes the store's place, and works", |_, world: &World| {
            world.was.switched
                && world.work == Work::Runs
                && world.answering().is_some_and(|store| store.next() > 1)
        }),
        Property::sometimes("a consumer has read everything", |model: &Pipeline, world: &World| {
            let read = world.consumer.as_ref().map(|consumer| consumer.read.len());
            read.is_none_or(|read| read == usize::from(model.bounds.appends))
        }),
        Property::sometimes("a consumer is refused or told of a gap", |_, world: &World| {
            world.consumer.as_ref().is_none_or(|consumer| consumer.doing == Doing::IsRefused)
        }),
    ]
}
