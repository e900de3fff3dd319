//! Facts and records of another system, into the data directory's journal.

use annals::foreign::stemedb::Carried;
use annals::foreign::{Foreign, Found, OwnRecords, Taken};
use annals::streams::Fact;
use annals::{Annals, Offset, RecordId};

use super::super::append::Appending;
use super::super::rehearse::Rehearsal;
use super::super::report::Places;
use super::super::{Ended, applied};
use super::{Import, Origin};
use crate::commands::{Context, catch_up, opening};
use crate::exit::{Code, Failure};
use crate::input::Accepted;

/// Something that a journal takes.
pub(super) trait Payload {
    /// Its bytes there.
    fn payload(self) -> Result<Vec<u8>, Failure>;
}

impl Payload for Fact {
    fn payload(self) -> Result<Vec<u8>, Failure> {
        // The reading gives none that breaks a limit.
        self.to_payload().map_err(|error| Failure::new(Code::Failed, error.to_string()))
    }
}

impl Payload for Carried {
    fn payload(self) -> Result<Vec<u8>, Failure> {
        Ok(self.payload)
    }
}

/// Imports it.
pub(super) fn run<R>(mut import: Import<'_>, mut reading: R, context: &mut Context) -> Result<(), Failure>
where
    R: Foreign<Taken: Payload>,
{
    import.begin(&reading, context);
    if import.args.dry_run {
        let mut known = Rehearsal::over(context.place.path())?;
        let ended = go(&mut import, &mut reading, context, &mut known, |known, accepted| {
            known.add(&accepted);
            Ok(known.places)
        });
        let (places, next) = (known.places, known.next);
        return finish(import, &reading, places, Some(next), ended, context);
    }
    let annals = opening::existing_or_new(context)?;
    catch_up::catch_up(&annals, context)?;
    let done = append(import, &mut reading, &annals, context);
    let closed = annals.close().map_err(Failure::from);
    done.and(closed)
}

fn append<R>(
    mut import: Import<'_>,
    reading: &mut R,
    annals: &Annals,
    context: &mut Context,
) -> Result<(), Failure>
where
    R: Foreign<Taken: Payload>,
{
    // The store knows what it was given; the application's own records the journal alone does.
    let known = match import.origin {
        Origin::Stemedb => OwnRecords::of(annals.journal())?,
        _ => OwnRecords::default(),
    };
    let appending = Appending::new(annals.importer()?, import.args.batch as usize, None);
    let mut to = Journal { appending, known, twice: 0 };
    let mut ended = go(&mut import, reading, context, &mut to, Journal::add);
    if let Err(failure) = to.appending.flush() {
        ended = Ended::Failed(failure);
    }
    let places = to.places();
    drop(to);
    let next = applied(annals, context, !matches!(ended, Ended::Interrupted));
    let (next, failed) = match next {
        Ok(next) => (Some(next), None),
        Err(failure) => (None, Some(failure)),
    };
    if let (Ended::AtTheEnd, Some(failure)) = (&ended, failed) {
        ended = Ended::Failed(failure);
    }
    finish(import, reading, places, next, ended, context)
}

/// Where records go.
struct Journal<'a> {
    appending: Appending<'a>,
    known: OwnRecords,
    /// Records of an application's own that stand there already.
    twice: u64,
}

impl Journal<'_> {
    fn add(&mut self, accepted: Accepted) -> Result<Places, Failure> {
        let is_own = accepted.payload.first() >= Some(&128);
        if is_own && !self.known.insert(accepted.id) {
            self.twice += 1;
        } else {
            self.appending.add(0, accepted)?;
        }
        Ok(self.places())
    }

    fn places(&self) -> Places {
        let places = self.appending.places;
        Places { duplicates: places.duplicates + self.twice, ..places }
    }
}

/// Takes everything to where `add` puts it.
fn go<R, T>(
    import: &mut Import<'_>,
    reading: &mut R,
    context: &Context,
    to: &mut T,
    mut add: impl FnMut(&mut T, Accepted) -> Result<Places, Failure>,
) -> Ended
where
    R: Foreign<Taken: Payload>,
{
    let mut taken = Taken::default();
    for found in reading {
        let goes_on = import.watch(&found, taken, context);
        if let Found::Item(placed) = found {
            let added = placed.item.payload().and_then(|payload| {
                let id = RecordId::of(&payload);
                add(to, Accepted { payload, id })
            });
            match added {
                Ok(places) => taken = of(places),
                Err(failure) => return Ended::Failed(failure),
            }
        }
        if !goes_on {
            return Ended::Interrupted;
        }
    }
    Ended::AtTheEnd
}

fn finish(
    import: Import<'_>,
    reading: &impl Foreign,
    places: Places,
    next: Option<Offset>,
    ended: Ended,
    context: &mut Context,
) -> Result<(), Failure> {
    import.finish(reading.receipt(), of(places), places.first, next, ended, context)
}

fn of(places: Places) -> Taken {
    Taken { appended: places.appended, duplicates: places.duplicates, refused: 0 }
}
