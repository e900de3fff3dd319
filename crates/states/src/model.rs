//! What can happen in a world, and what comes of it.

use std::sync::Arc;

use annals_ingest::{Error, Progress, Projector};
use annals_record::{CursorRefusal, ReadLimit};
use stateright::{Model, Property};

use crate::bounds::Bounds;
use crate::consumer::Doing;
use crate::generation::Generation;
use crate::happening::Happening;
use crate::judged::{Filled, Readable};
use crate::log::{Log, Reached};
use crate::mistake::Mistake;
use crate::properties;
use crate::world::{Refused, Work, World, Writer, Wrong};

/// The record that is appended in more than one future.
const SAME: u8 = 0;

/// The model: how much happens, and what is got wrong in it.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline {
    /// How much happens.
    pub bounds: Bounds,
    /// What is got wrong; none to be published.
    pub mistake: Option<Mistake>,
}

impl Pipeline {
    /// Nothing is got wrong.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, mistake: None }
    }

    fn gets_wrong(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// How far readers of the writer's process read.
    fn readable(&self, log: &Log, mark: u8) -> u8 {
        if self.gets_wrong(Mistake::ReadsPastTheWatermark) { log.end() } else { mark }
    }

    /// The store as its worker finds it.
    fn told(&self, generation: &Generation, log: &Log) -> Filled {
        let mut told = generation.clone();
        if self.gets_wrong(Mistake::ForgetsTheReach) {
            told.kept_reach = None;
        }
        if self.gets_wrong(Mistake::CursorWithoutIdentity) {
            let nameless = |reached: Reached| Reached { term: log.newest_term(), last: None, ..reached };
            told.cursor = told.cursor.map(nameless);
            told.kept_reach = told.kept_reach.map(nameless);
        }
        Filled::new(told)
    }

    /// Whether a store fits the log, as the product's worker judges it when it begins; and its next step, if it is to make one.
    fn work(&self, generation: &mut Generation, log: &Log, steps: bool) -> Result<bool, Refused> {
        let readable = Arc::new(Readable { log, durable: self.readable(log, log.watermark) });
        let filled = Arc::new(self.told(generation, log));
        let begun = Projector::new(readable, Arc::clone(&filled)).map_err(|error| refused(&error))?;
        if !steps {
            return Ok(false);
        }
        let mut begun = begun.with_limit(ReadLimit { records: 1, bytes: 1 << 10 });
        let progress = begun.step().map_err(|error| refused(&error))?;
        let Generation { content, cursor, .. } = filled.get();
        (generation.content, generation.cursor) = (content, cursor);
        Ok(progress != Progress::Idle)
    }

    /// The first place that a purge has to keep; none if a cursor does not fit.
    fn kept_from(&self, world: &World) -> Option<u8> {
        let named = world.consumer.as_ref().and_then(|consumer| consumer.named);
        let mut cursors = vec![world.registered];
        cursors.extend(named);
        if self.gets_wrong(Mistake::PurgesPastTheSlowest) {
            let fastest = cursors.iter().copied().max()?;
            cursors = vec![fastest];
        }
        let fits = cursors.iter().all(|cursor| world.log.fits(*cursor, world.log.watermark));
        let slowest = cursors.iter().map(|cursor| cursor.next).min()?;
        fits.then_some(slowest)
    }

    /// Where the log would begin after a purge: whole sealed segments go that lie before all cursors.
    fn purged_to(&self, world: &World) -> Option<u8> {
        let kept = self.kept_from(world)?;
        let to =
            world.log.bases.iter().copied().rfind(|base| *base <= kept && *base <= world.log.watermark)?;
        (to > world.log.oldest).then_some(to)
    }
}

/// What the product says to a store that does not fit, or a log that does not hold what comes next.
fn refused(error: &Error) -> Refused {
    match error {
        Error::Refused { part: "content", .. } => Refused::Content,
        Error::Refused { refusal, .. } => match refusal {
            CursorRefusal::AheadOfLog { .. } => Refused::AheadOfLog,
            CursorRefusal::Forked { .. } => Refused::Forked,
            CursorRefusal::UnknownTerm { .. } => Refused::UnknownTerm,
            CursorRefusal::OtherRecord { .. } => Refused::OtherRecord,
            _ => Refused::Purged,
        },
        _ => Refused::Purged,
    }
}

/// Takes one of what may still happen.
fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

impl Model for Pipeline {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds)]
    }

    fn actions(&self, _: &World, happenings: &mut Vec<Happening>) {
        use Happening as H;
        // What cannot happen comes to nothing in `next_state`.
        happenings.extend([
            H::Opens(0),
            H::Appends(0, true),
            H::Appends(0, false),
            H::Syncs(0),
            H::Shows,
            H::Marks,
        ]);
        if self.gets_wrong(Mistake::IgnoresTheLock) {
            happenings.extend([H::Opens(1), H::Appends(1, true), H::Syncs(1)]);
        }
        happenings.extend([H::Seals(0), H::IsKilled]);
        happenings.extend((0..=2).flat_map(|survive| [false, true].map(|torn| H::PowerGoes(survive, torn))));
        happenings.extend([
            H::WorkBegins,
            H::Applies,
            H::KeepsContent,
            H::KeepsCursor,
            H::Registers,
            H::WorkStops,
        ]);
        happenings.extend([H::Purges, H::IsBackedUp, H::IsRestored, H::StoreIsCopied, H::StoreIsPutBack]);
        happenings.extend([
            H::BuildBegins,
            H::Builds,
            H::BuildIsKept,
            H::BuildIsMarked,
            H::Switches,
            H::OldGoes,
        ]);
        happenings.extend([H::ConsumerBegins, H::ConsumerReads, H::ConsumerCommits, H::ConsumerIsForgotten]);
    }

    fn next_state(&self, last: &World, happening: Happening) -> Option<World> {
        let mut world = last.clone();
        match happening {
            Happening::Opens(_)
            | Happening::Appends(..)
            | Happening::Syncs(_)
            | Happening::Shows
            | Happening::Marks
            | Happening::Seals(_)
            | Happening::IsKilled
            | Happening::PowerGoes(..) => self.write(&mut world, happening),
            Happening::WorkBegins
            | Happening::Applies
            | Happening::KeepsContent
            | Happening::KeepsCursor
            | Happening::Registers
            | Happening::WorkStops => self.apply(&mut world, happening),
            Happening::Purges
            | Happening::IsBackedUp
            | Happening::IsRestored
            | Happening::StoreIsCopied
            | Happening::StoreIsPutBack => self.keep(&mut world, happening),
            Happening::BuildBegins
            | Happening::Builds
            | Happening::BuildIsKept
            | Happening::BuildIsMarked
            | Happening::Switches
            | Happening::OldGoes => self.build(&mut world, happening),
            Happening::ConsumerBegins
            | Happening::ConsumerReads
            | Happening::ConsumerCommits
            | Happening::ConsumerIsForgotten => self.consume(&mut world, happening),
        }?;
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// What comes of each happening; none if it cannot be.
impl Pipeline {
    fn write(&self, world: &mut World, happening: Happening) -> Option<()> {
        let log = &mut world.log;
        match happening {
            Happening::Opens(who) => {
                let is_locked = world.writers.iter().any(Option::is_some);
                if world.writers[who].is_some() || is_locked && !self.gets_wrong(Mistake::IgnoresTheLock) {
                    return None;
                }
                log.recover();
                world.writers[who] = Some(Writer { end: log.end() });
            }
            Happening::Appends(who, is_new) => {
                let writer = world.writers[who].as_mut()?;
                spend(&mut world.left.appends)?;
                let record = if is_new { world.next_record } else { SAME };
                world.next_record += u8::from(is_new);
                match log.records.get_mut(usize::from(writer.end)) {
                    // Somebody else has written there.
                    Some(theirs) => *theirs = record,
                    None => log.records.push(record),
                }
                writer.end += 1;
                if self.gets_wrong(Mistake::AcknowledgesUnsynced) {
                    log.acknowledged.push(record);
                }
            }
            Happening::Syncs(who) => {
                let writer = world.writers[who]?;
                log.durable = log.durable.max(writer.end);
                let known = log.acknowledged.len();
                log.acknowledged.extend_from_slice(log.records.get(known..usize::from(writer.end))?);
            }
            Happening::Shows => {
                world.writers[0]?;
                log.watermark = log.durable;
            }
            Happening::Marks => {
                world.writers[0]?;
                log.mark = log.watermark;
            }
            Happening::Seals(who) => {
                world.writers[who].filter(|_| log.watermark == log.end() && log.active() < log.end())?;
                spend(&mut world.left.seals)?;
                log.begin_segment();
            }
            Happening::IsKilled => {
                world.is_open().then_some(())?;
                spend(&mut world.left.kills)?;
                world.owner_ends();
            }
            Happening::PowerGoes(survive, is_torn) => {
                let lost = log.end() - log.durable;
                (survive < lost || survive == lost && !is_torn).then_some(())?;
                spend(&mut world.left.cuts)?;
                log.cut(survive, is_torn);
                world.owner_ends();
                world.consumer.iter_mut().for_each(crate::consumer::Consumer::ends);
            }
            _ => return None,
        }
        Some(())
    }

    fn apply(&self, world: &mut World, happening: Happening) -> Option<()> {
        world.is_open().then_some(())?;
        let log = &world.log;
        let generation = world.generations[world.answers].as_mut()?;
        match happening {
            Happening::WorkBegins => {
                (world.work == Work::Rests).then_some(())?;
                world.work = match self.work(generation, log, false) {
                    Ok(_) => Work::Runs,
                    Err(refused) => Work::IsRefused(refused),
                };
                return Some(());
            }
            _ if world.work != Work::Runs => return None,
            // G7: the old one stands still from the comparison on until the pointer has changed.
            Happening::Applies | Happening::KeepsContent | Happening::KeepsCursor | Happening::Registers
                if world.is_compared && !world.was.switched =>
            {
                return None;
            }
            Happening::Applies => match self.work(generation, log, true) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) => world.wrong = Some(Wrong::RefusedWhileRunning),
            },
            Happening::KeepsContent => {
                let may = !self.gets_wrong(Mistake::CursorBeforeContent)
                    || generation.kept_cursor == generation.cursor;
                (may && generation.keep_content()).then_some(())?;
            }
            Happening::KeepsCursor if self.gets_wrong(Mistake::CursorBeforeContent) => {
                generation.kept_cursor = generation.cursor;
            }
            Happening::KeepsCursor => generation.keep_cursor().then_some(())?,
            Happening::Registers => {
                let kept = generation.kept_cursor.filter(|kept| kept.next > world.registered.next)?;
                // C3: one that does not fit is not moved.
                log.fits(world.registered, log.watermark).then_some(())?;
                world.registered = Reached { last: None, ..kept };
            }
            Happening::WorkStops => {
                spend(&mut world.left.stops)?;
                world.worker_ends();
            }
            _ => return None,
        }
        Some(())
    }

    fn keep(&self, world: &mut World, happening: Happening) -> Option<()> {
        match happening {
            Happening::Purges => {
                world.is_open().then_some(())?;
                let to = self.purged_to(world)?;
                spend(&mut world.left.purges)?;
                let named = world.consumer.as_ref().and_then(|consumer| consumer.named);
                let mut needed = [Some(world.registered), named].into_iter().flatten();
                if needed.any(|cursor| cursor.next < to) {
                    world.wrong = Some(Wrong::PurgedTooFar);
                }
                world.log.oldest = to;
                // R1: the watermark on disk covers what goes.
                world.log.mark = world.log.watermark;
            }
            Happening::IsBackedUp => {
                (world.is_open() && world.left.restores > 0 && world.backup.is_none()).then_some(())?;
                world.backup = Some(world.log.backed_up());
            }
            Happening::IsRestored => {
                let reads = world.consumer.as_ref().is_some_and(|consumer| consumer.doing == Doing::Reads);
                (!world.is_open() && !reads).then_some(())?;
                spend(&mut world.left.restores)?;
                world.log = world.backup.take()?;
                if !self.gets_wrong(Mistake::KeepsTheTerm) {
                    world.log.fork(world.next_term);
                    world.next_term += 1;
                }
                if let Some(consumer) =
                    world.consumer.as_mut().filter(|consumer| consumer.doing == Doing::IsRefused)
                {
                    consumer.doing = Doing::Rests;
                }
                world.was.restored = true;
            }
            Happening::StoreIsCopied => {
                (world.work == Work::Rests && world.store_copy.is_none()).then_some(())?;
                (world.left.store_copies > 0).then_some(())?;
                world.store_copy = world.answering().cloned();
            }
            Happening::StoreIsPutBack => {
                (!world.is_open()).then_some(())?;
                spend(&mut world.left.store_copies)?;
                world.generations[world.answers] = Some(world.store_copy.take()?);
            }
            _ => return None,
        }
        Some(())
    }

    fn build(&self, world: &mut World, happening: Happening) -> Option<()> {
        world.is_open().then_some(())?;
        let (answers, other) = (world.answers, world.other());
        if happening == Happening::BuildBegins {
            world.generations[other].is_none().then_some(())?;
            spend(&mut world.left.rebuilds)?;
            world.generations[other] = Some(Generation::default());
            return Some(());
        }
        let log = &world.log;
        let built = world.generations[other].as_mut()?;
        match happening {
            Happening::Builds => {
                (!world.is_compared && !world.was.switched).then_some(())?;
                match self.work(built, log, true) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    // It is told, and what was built is of no use: G5.
                    Err(_) => world.generations[other] = None,
                }
            }
            Happening::BuildIsKept => {
                let any = built.keep_content() | built.keep_cursor();
                any.then_some(())?;
            }
            Happening::BuildIsMarked => {
                (built.is_durable() && built.next() == log.watermark && !world.was.switched).then_some(())?;
                (!world.is_compared && built.cursor.is_some()).then_some(())?;
                if self.work(built, log, false).is_err() {
                    world.generations[other] = None;
                    return Some(());
                }
                built.is_finished = true;
                world.is_compared = true;
            }
            Happening::Switches => {
                let may = world.is_compared || self.gets_wrong(Mistake::PointerBeforeTheMarks);
                (may && !world.was.switched && built.cursor.is_some()).then_some(())?;
                if !built.is_fold_of(log) {
                    world.wrong = Some(Wrong::RebuiltOtherwise);
                }
                world.answers = other;
                world.was.switched = true;
                world.work = Work::Rests;
                // The worker of the old one has gone with all it had in memory.
                world.generations[answers].iter_mut().for_each(Generation::reopen);
            }
            Happening::OldGoes => {
                world.was.switched.then_some(())?;
                world.generations[other] = None;
            }
            _ => return None,
        }
        Some(())
    }

    fn consume(&self, world: &mut World, happening: Happening) -> Option<()> {
        let log = &world.log;
        let mark = self.readable(log, log.mark);
        let consumer = world.consumer.as_mut()?;
        match happening {
            Happening::ConsumerBegins => {
                (consumer.doing == Doing::Rests).then_some(())?;
                let fits = consumer.named.is_some_and(|named| log.fits(named, log.mark));
                consumer.doing = if fits { Doing::Reads } else { Doing::IsRefused };
            }
            Happening::ConsumerReads => {
                (consumer.doing == Doing::Reads).then_some(())?;
                let next = consumer.read.len() as u8;
                if next < log.oldest {
                    consumer.doing = Doing::IsRefused;
                    world.was.told_gap = true;
                    return Some(());
                }
                (next < mark).then_some(())?;
                if next >= log.durable {
                    world.wrong = Some(Wrong::ServedEarly);
                }
                consumer.read.push(*log.records.get(usize::from(next))?);
                if !log.records.starts_with(&consumer.read) {
                    world.wrong = Some(Wrong::Skipped);
                }
            }
            Happening::ConsumerCommits => {
                (consumer.doing == Doing::Reads && consumer.named.is_some()).then_some(())?;
                let next = consumer.read.len() as u8;
                (next > consumer.committed).then_some(())?;
                consumer.committed = next;
                consumer.named = Some(Reached { next, term: log.newest_term(), last: None });
            }
            Happening::ConsumerIsForgotten => {
                (consumer.doing != Doing::IsRefused && world.left.purges > 0).then_some(())?;
                consumer.named.take()?;
            }
            _ => return None,
        }
        Some(())
    }
}
