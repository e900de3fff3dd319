//! What is tried with each call failing: what stands before, and the act.

use std::path::Path;
use std::sync::Arc;

use annals_journal::backup::{self, BackupOptions};
use annals_journal::{
    AppendOptions, Clock, Consent, Disk, Error, Journal, Keep, Options, SyncPolicy, repair,
};
use annals_record::{Kind, Log, LogError, Offset};
use annals_testkit::{Call, ManualClock, SimDisk, Survival};

use super::stand::{Acted, CURSOR, OPTIONS, Stand, Stop, salvage, told, tolerate};
use crate::crash::life::{DIR, block_on, open, open_reader};
use crate::crash::promise::{Promise, Unsure};

const BACKUP: &str = "/backup";
const RESTORED: &str = "/restored";

/// A scenario.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) stand: fn() -> Result<Stand, Stop>,
    pub(super) act: fn(&mut Stand) -> Acted,
    /// What must work once nothing fails any more, besides what must work after every scenario.
    pub(super) then: fn(&mut Stand) -> Result<(), String>,
}

/// All of them, in the order of their numbers: new ones go to the end.
pub(super) const SCENES: &[Scene] = &[
    Scene { name: "create", stand: nothing, act: Stand::open, then: no_more },
    Scene { name: "append", stand: grown, act: append, then: no_more },
    Scene { name: "append on demand", stand: on_demand, act: append_and_sync, then: no_more },
    Scene { name: "append of a task", stand: grown, act: task, then: no_more },
    Scene { name: "roll", stand: grown, act: roll, then: no_more },
    Scene { name: "seal", stand: grown, act: seal, then: no_more },
    Scene { name: "checkpoint", stand: grown, act: checkpoint, then: no_more },
    Scene { name: "settle and close", stand: grown, act: close, then: no_more },
    Scene { name: "recover, clean", stand: clean, act: Stand::open, then: no_more },
    Scene { name: "recover, torn", stand: torn, act: Stand::open, then: no_more },
    Scene { name: "recover, sealed and not gone on", stand: half_rolled, act: Stand::open, then: no_more },
    Scene { name: "recover, a purge cut off", stand: half_purged, act: Stand::open, then: no_more },
    Scene { name: "purge", stand: long, act: purge, then: no_more },
    Scene { name: "cursor", stand: grown, act: cursor, then: no_more },
    Scene { name: "tail", stand: long, act: tail, then: no_more },
    Scene { name: "scrub and verify", stand: long, act: scrub, then: no_more },
    Scene { name: "repair", stand: torn, act: mend, then: no_more },
    Scene { name: "salvage", stand: hurt, act: salvaged, then: no_more },
    Scene { name: "backup", stand: long, act: back_up, then: backed_up },
    Scene { name: "backup that goes on", stand: begun, act: back_up, then: backed_up },
    Scene { name: "restore", stand: begun, act: restore, then: restored },
];

fn no_more(_: &mut Stand) -> Result<(), String> {
    Ok(())
}

// What stands before.

fn nothing() -> Result<Stand, Stop> {
    Ok(Stand::new(OPTIONS))
}

fn with(options: Options, appends: usize) -> Result<Stand, Stop> {
    let mut stand = Stand::new(options);
    stand.open()?;
    stand.grow(appends)?;
    Ok(stand)
}

fn grown() -> Result<Stand, Stop> {
    with(OPTIONS, 4)
}

fn on_demand() -> Result<Stand, Stop> {
    with(Options { sync: SyncPolicy::OnDemand, ..OPTIONS }, 1)
}

/// Several segments, and an old checkpoint's worth of everything.
fn long() -> Result<Stand, Stop> {
    let mut stand = with(OPTIONS, 12)?;
    let key = AppendOptions { key: Some(b"a key"), ..AppendOptions::default() };
    stand.append(2, 90, &key)?;
    Ok(stand)
}

fn clean() -> Result<Stand, Stop> {
    let mut stand = long()?;
    stand.journal()?.settle()?;
    stand.journal = None;
    Ok(stand)
}

/// The disk as it stands before one of the steps of an act, with all that was written or with what was synced.
fn cut(
    mut stand: Stand,
    act: fn(&mut Stand) -> Acted,
    allow: fn(&mut Promise),
    wanted: impl Fn(&SimDisk) -> bool,
) -> Result<Stand, Stop> {
    let sim = stand.disk.disk().clone();
    let mut promise = stand.promise.clone();
    allow(&mut promise);
    sim.keep_copies(sim.steps()..sim.steps() + 60);
    act(&mut stand)?;
    for (_, copy) in sim.take_copies() {
        let image = copy.crash(Survival::EVERYTHING, &mut stand.rng);
        if wanted(&image) {
            return Ok(Stand::on(image, stand.options, promise));
        }
    }
    Err(Stop::Broken("no place to cut it at".into()))
}

fn opens_so(image: &SimDisk, options: Options, found: impl Fn(&Journal) -> bool) -> bool {
    let shared: Arc<dyn Disk> = Arc::new(image.copy());
    open(&shared, options).is_ok_and(|journal| found(&journal))
}

/// A tail of bytes that nobody vouches for.
fn torn() -> Result<Stand, Stop> {
    let mut stand = grown()?;
    stand.journal()?.settle()?;
    let image = stand.disk.disk().crash(Survival::EVERYTHING, &mut stand.rng);
    let newest = image
        .files(DIR)
        .unwrap_or_default()
        .into_iter()
        .rfind(|path| path.to_string_lossy().ends_with(".wal"));
    let path = newest.ok_or_else(|| Stop::Broken("no segment".into()))?;
    let mut bytes = image.read_file(&path).map_err(|error| Stop::Broken(error.to_string()))?;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 40;
    bytes.resize(bytes.len().max(end + 300), 0);
    bytes[end..end + 300].fill(0x5a);
    image.write_file(&path, &bytes).map_err(|error| Stop::Broken(error.to_string()))?;
    let stand = Stand::on(image, stand.options, stand.promise.clone());
    let is_torn = opens_so(stand.disk.disk(), stand.options, |journal| journal.report().torn.is_some());
    if is_torn { Ok(stand) } else { Err(Stop::Broken("it is not torn".into())) }
}

/// Cut between the seal and the segment after it.
fn half_rolled() -> Result<Stand, Stop> {
    let stand = grown()?;
    let segments = |disk: &SimDisk| {
        let files = disk.files(DIR).unwrap_or_default();
        files.iter().filter(|path| path.to_string_lossy().ends_with(".wal")).count()
    };
    let before = segments(stand.disk.disk());
    cut(
        stand,
        seal,
        |_| {},
        |image| {
            segments(image) == before
                && opens_so(image, OPTIONS, |journal| {
                    journal.report().torn.is_none() && journal.status().segments.len() > before
                })
        },
    )
}

fn half_purged() -> Result<Stand, Stop> {
    let stand = long()?;
    let plan = stand.journal()?.plan(&Keep::Segments(1))?;
    let mut cut = cut(
        stand,
        purge,
        |_| {},
        |image| {
            let files = image.files(DIR).unwrap_or_default();
            files.iter().any(|path| path.ends_with(".purged.json"))
                && files.iter().any(|path| path.ends_with("0000000000000000.wal"))
        },
    )?;
    cut.promise.purging.push(plan.oldest_after);
    Ok(cut)
}

/// A byte of a record is wrong, in a finished segment.
fn hurt() -> Result<Stand, Stop> {
    let mut stand = long()?;
    stand.journal()?.settle()?;
    let image = stand.disk.disk().crash(Survival::EVERYTHING, &mut stand.rng);
    let first = format!("{DIR}/0000000000000000.wal");
    for bit in [3, 77] {
        image.flip(&first, 4096 + 40 + bit, 1).map_err(|error| Stop::Broken(error.to_string()))?;
    }
    let promise = Promise { hurt: true, ..stand.promise.clone() };
    Ok(Stand::on(image, stand.options, promise))
}

/// A backup was made, and the log has gone on.
fn begun() -> Result<Stand, Stop> {
    let mut stand = long()?;
    back_up(&mut stand)?;
    stand.grow(6)?;
    Ok(stand)
}

// The acts.

fn append(stand: &mut Stand) -> Acted {
    stand.append(1, 60, &AppendOptions::default())?;
    stand.append(3, 60, &AppendOptions::default())?;
    let next = stand.journal()?.durability().accepted;
    stand.append(1, 60, &AppendOptions { next: Some(next), ..AppendOptions::default() })?;
    stand.append(2, 60, &AppendOptions { key: Some(b"one"), ..AppendOptions::default() })?;
    stand.append(1, 60, &AppendOptions { key: Some(b"two"), durable: true, ..AppendOptions::default() })
}

fn append_and_sync(stand: &mut Stand) -> Acted {
    stand.grow(2)?;
    let journal = stand.journal()?;
    let synced = journal.sync();
    stand.promise.durable_to(journal.durable());
    match synced {
        Ok(_) if stand.promise.certain < stand.promise.kept.len() => {
            Err(Stop::Broken("P1: synced, and not durable".into()))
        }
        Ok(_) => stand.grow(6),
        Err(error) => tolerate(error),
    }
}

fn task(stand: &mut Stand) -> Acted {
    for _ in 0..3 {
        let (journal, payload) = (stand.journal()?, stand.payload(60));
        stand.promise.unsure = Some(Unsure { payloads: vec![Arc::clone(&payload)], key: None });
        let appended = block_on(journal.append_async(Arc::clone(&payload)))?;
        stand.promise.unsure = None;
        stand.promise.accept(&[payload], &[appended], None).map_err(Stop::Broken)?;
        stand.promise.durable_to(journal.durable());
    }
    Ok(())
}

fn roll(stand: &mut Stand) -> Acted {
    stand.append(1, 60, &AppendOptions { key: Some(b"kept over the roll"), ..AppendOptions::default() })?;
    stand.grow(5)
}

fn seal(stand: &mut Stand) -> Acted {
    let sealed = stand.journal()?.seal();
    sealed.map(drop).or_else(tolerate)?;
    stand.append(1, 60, &AppendOptions::default())
}

fn checkpoint(stand: &mut Stand) -> Acted {
    for (body, seal) in [("first", false), ("second", true)] {
        stand.promise.checkpoint_tried = Some(body.into());
        let made = stand.journal()?.checkpoint(body, seal)?;
        stand.promise.checkpoint = Some((made.offset, made.body));
        stand.promise.checkpoint_tried = None;
    }
    Ok(())
}

fn close(stand: &mut Stand) -> Acted {
    stand.journal()?.settle()?;
    stand.grow(1)?;
    let journal = stand.journal()?;
    stand.journal = None;
    journal.close().map_err(Stop::Failed)
}

fn purge(stand: &mut Stand) -> Acted {
    let journal = stand.journal()?;
    let plan = journal.plan(&Keep::Segments(1))?;
    stand.promise.purging.push(plan.oldest_after);
    journal.apply(&plan, Consent::default())?;
    stand.promise.oldest = plan.oldest_after;
    stand.promise.purging.clear();
    Ok(())
}

fn cursor(stand: &mut Stand) -> Acted {
    let journal = stand.journal()?;
    let places: Vec<Offset> = stand.promise.kept.iter().map(|kept| kept.offset).collect();
    told(&mut stand.promise, 0, Some(Offset::ZERO));
    let mut cursor = journal.cursor_at(CURSOR, Offset::ZERO)?;
    stood(stand, Some(Offset::ZERO));
    for (to, back) in [(places[1], false), (places[3], false), (places[2], true)] {
        told(&mut stand.promise, 0, Some(to));
        if back {
            cursor.rewind(to)?;
        } else {
            cursor.advance(to, None)?;
        }
        stood(stand, Some(to));
    }
    drop(cursor);
    drop(journal.cursor(CURSOR)?);
    told(&mut stand.promise, 0, None);
    journal.remove_cursor(CURSOR)?;
    stood(stand, None);
    Ok(())
}

fn stood(stand: &mut Stand, at: Option<Offset>) {
    let place = &mut stand.promise.cursors[0];
    (place.certain, place.told) = (at, Vec::new());
}

fn tail(stand: &mut Stand) -> Acted {
    let reader = open_reader(&stand.shared)?;
    let compared = stand.promise.compare(&reader, &mut stand.rng);
    compared.map(drop).or_else(|what| stand.lies(what))?;
    let journal = stand.journal()?;
    let seen = |batches: &mut dyn Iterator<Item = Result<annals_record::Batch, LogError>>| {
        let mut offsets = Vec::new();
        for batch in batches {
            match batch {
                Ok(batch) => offsets.extend(batch.iter().map(|entry| entry.offset)),
                Err(_) => return None,
            }
        }
        Some(offsets)
    };
    let promised: Vec<Offset> = stand.promise.kept.iter().map(|kept| kept.offset).collect();
    let forwards = seen(&mut reader.tail(Offset::ZERO));
    let mut backwards = seen(&mut journal.backward(journal.durable()));
    if let Some(backwards) = &mut backwards {
        backwards.sort_unstable();
    }
    for (what, found) in [("forwards", forwards), ("backwards", backwards)] {
        // A watermark that cannot be read may pass for an older one.
        let fired = stand.disk.fired() > 0;
        let fits = found.as_ref().map_or(fired, |found| {
            *found == promised || fired && what == "forwards" && promised.starts_with(found)
        });
        if !fits {
            return Err(Stop::Broken(format!("L2: {what}: {found:?}, promised {promised:?}")));
        }
    }
    Ok(())
}

fn scrub(stand: &mut Stand) -> Acted {
    let journal = stand.journal()?;
    while !journal.scrub_step(2_000)? {}
    journal.verify(&mut |_, _| {})?;
    Ok(())
}

fn mend(stand: &mut Stand) -> Acted {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(2_000_000));
    repair::repair(&stand.shared, clock, Path::new(DIR), stand.options)?;
    Ok(())
}

fn salvaged(stand: &mut Stand) -> Acted {
    salvage(&stand.shared, stand.options, &stand.promise)?;
    Ok(())
}

fn back_up(stand: &mut Stand) -> Acted {
    let backed_up = open_reader(&stand.shared)?.backup(BACKUP, BackupOptions::default(), &mut |_, _| {})?;
    if stand.disk.fired() == 0 && backed_up.manifest.durable != stand.journal()?.durable() {
        return Err(Stop::Broken("B3: a backup of less than was durable".into()));
    }
    Ok(())
}

fn backed_up(stand: &mut Stand) -> Result<(), String> {
    let failed = |error: Error| format!("a backup once it has healed: {error}");
    let reader = open_reader(&stand.shared).map_err(failed)?;
    reader.backup(BACKUP, BackupOptions::default(), &mut |_, _| {}).map_err(failed)?;
    whole_restore(stand, "/another")
}

fn restore_to(stand: &Stand, to: &str) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(2_000_000));
    backup::restore_on(&stand.shared, &clock, Path::new(BACKUP), Path::new(to), &mut |_, _| {}).map(drop)
}

fn restore(stand: &mut Stand) -> Acted {
    restore_to(stand, RESTORED).map_err(Stop::Failed)
}

/// The backup checks, and gives a journal that is a beginning of this one.
fn whole_restore(stand: &Stand, to: &str) -> Result<(), String> {
    let checked = backup::check_on(&*stand.shared, Path::new(BACKUP), &mut |_, _| {});
    let checked = checked.map_err(|error| format!("B1: {error}"))?;
    if !checked.is_ok() {
        return Err(format!("B1: {:?}", checked.damaged));
    }
    restore_to(stand, to).map_err(|error| format!("a restore once it has healed: {error}"))?;
    is_whole(stand, to, checked.manifest.durable)
}

fn is_whole(stand: &Stand, at: &str, durable: Offset) -> Result<(), String> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(2_000_000));
    let journal = Journal::open_on(Arc::clone(&stand.shared), clock, Path::new(at), stand.options)
        .map_err(|error| format!("B6: {error}"))?;
    let mut begun = Promise { oldest: stand.promise.oldest, ..Promise::default() };
    begun.kept = stand.promise.kept.iter().filter(|kept| kept.offset < durable).cloned().collect();
    begun.certain = begun.kept.len();
    begun.compare(&journal, &mut stand.rng.clone()).map(drop).map_err(|what| format!("B6: {what}"))
}

/// What was restored is whole, or it is loud: no journal, or one of which durable bytes are missing.
fn restored(stand: &mut Stand) -> Result<(), String> {
    let durable =
        backup::describe_on(&*stand.shared, Path::new(BACKUP)).map_err(|error| error.to_string())?.durable;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(2_000_000));
    let is_there = stand.shared.list(Path::new(RESTORED)).is_ok_and(|files| !files.is_empty());
    let half = is_there
        && match annals_journal::Reader::open_on(Arc::clone(&stand.shared), clock, Path::new(RESTORED)) {
            Ok(reader) => {
                let bounds = reader.bounds().map_err(|error| error.to_string())?;
                let all = reader.verify(&mut |_, _| {}).is_ok_and(|verified| verified.is_ok());
                bounds.durable < durable || !all
            }
            Err(error) => error.kind() != Kind::Retry,
        };
    if is_there && !half {
        is_whole(stand, RESTORED, durable)?;
    }
    whole_restore(stand, "/another")
}

/// Which calls may fail so, in every scenario.
pub(super) fn meets(call: Call) -> &'static [super::Way] {
    use super::Way;
    match call {
        Call::Read => {
            &[Way::Eio, Way::Sticky, Way::Eintr, Way::Short(0), Way::Short(1), Way::Half, Way::Panic]
        }
        Call::Write => &[
            Way::Eio,
            Way::EioAfter,
            Way::Sticky,
            Way::Enospc,
            Way::EnospcAfter,
            Way::Eintr,
            Way::Short(0),
            Way::Short(1),
            Way::Half,
            Way::Panic,
        ],
        Call::Open => {
            &[Way::Eio, Way::EioAfter, Way::Sticky, Way::Enospc, Way::Emfile, Way::Eintr, Way::Panic]
        }
        Call::List | Call::Lock | Call::CreateDir => {
            &[Way::Eio, Way::EioAfter, Way::Sticky, Way::Emfile, Way::Eintr, Way::Panic]
        }
        Call::Len => &[Way::Eio, Way::Sticky, Way::Eintr, Way::Panic],
        Call::Rename
        | Call::Remove
        | Call::RemoveDir
        | Call::SyncDir
        | Call::Sync
        | Call::SetLen
        | Call::Allocate => {
            &[Way::Eio, Way::EioAfter, Way::Sticky, Way::Enospc, Way::EnospcAfter, Way::Eintr, Way::Panic]
        }
    }
}
