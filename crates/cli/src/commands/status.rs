//! `annals status`: how journal and store stand.
//!
//!   nobody has the data -> opened, asked, closed
//!   somebody has it     -> the journal as it is, the store as its owner last said

use std::time::Duration;

use annals::{Annals, ConsumerKind, ConsumerState, ConsumerStatus, Durability, Error, Passed, Status};

use super::cursors::line;
use super::{Context, opening};
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::{Count, Size, Span, counted};
use crate::output::{self, Output};
use crate::place::Place;

mod ground;
mod report;

use ground::Ground;
use report::Report;

/// What to look at besides.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals status
  annals status --json
  annals status --probe-sync

Works while another process has the data: then the journal is read as it is, and what is said of the \
store is what that process said last, within a second. A damaged journal has a status as well. The lag \
is what the journal holds and the store does not show yet; \"caught up\" says when it will, by how fast \
the store's worker works and how fast the journal grows. Of the file system is said what is to be \
minded where promises rest on it; --probe-sync syncs a file without a name, fifteen times.")]
pub(crate) struct Args {
    /// Says how long a sync takes there, and whether that can be true
    #[arg(long)]
    probe_sync: bool,
}

/// Shows it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let status = look(context)?;
    let ground = Ground::of(context.place.path(), args.probe_sync)?;
    if context.output.json {
        return context.output.object(&Report::of(&status, &context.place, &ground));
    }
    show(&status, &ground, &context.place, &mut context.output)
}

fn look(context: &Context) -> Result<Status, Failure> {
    let path = context.place.path();
    let annals = match Annals::open_existing(path) {
        Ok(annals) => annals,
        Err(Error::Locked { holder, .. }) => {
            let mut status = annals::status_beside(path)?;
            // The owner may not have said yet who it is.
            status.owner.get_or_insert(holder);
            return Ok(status);
        }
        // A directory that cannot be written to and a store that cannot be used still have a journal to look at.
        Err(error) => {
            let failure = Failure::from(error);
            let Ok(status) = annals::status_beside(path) else { return Err(failure) };
            output::warn(&failure, context.output.json);
            return Ok(status);
        }
    };
    opening::tell(annals.journal().report(), context.output.json);
    let status = annals.status();
    annals.close()?;
    let mut status = status?;
    // Once this command has ended nobody works on what is left.
    status.catch_up = status.catch_up.filter(Duration::is_zero);
    let rests = |state| matches!(state, ConsumerState::Paused | ConsumerState::Failed);
    for consumer in status.consumers.iter_mut().filter(|consumer| !rests(consumer.state)) {
        consumer.state = ConsumerState::NotRunning;
    }
    Ok(status)
}

/// One screen.
fn show(status: &Status, ground: &Ground, place: &Place, output: &mut Output) -> Result<(), Failure> {
    let journal = &status.journal;
    let row = |output: &mut Output, name: &str, text: String| {
        output.line(format_args!("  {} {text}", output.paint.dim(format_args!("{name:<12}"))))
    };
    let path = place.path.display().to_string();
    output.line(format_args!("{}  {} (from {})", output.paint.bold("data"), Shown(&path), place.from))?;
    let owner = status.owner.clone().unwrap_or_else(|| "nobody".to_owned());
    row(output, "in use by", Shown(&owner).to_string())?;
    if let Some(file_system) = &ground.file_system {
        row(output, "lie on", Shown(file_system).to_string())?;
    }
    if let Some(time) = ground.sync {
        row(output, "a sync", format!("takes {time:.1?}"))?;
    }
    for concern in &ground.concerns {
        row(output, "mind", output.paint.red(concern).to_string())?;
    }
    output.line(output.paint.bold("journal"))?;
    row(output, "uuid", format!("{}, term {}", journal.log, journal.term))?;
    row(output, "offsets", format!("{} to {}", journal.oldest, journal.next))?;
    row(output, "durable", format!("up to {}, {}", journal.durable, durability(journal.durability)))?;
    row(output, "records", Count(journal.records).to_string())?;
    let segments = counted(journal.segments.len() as u64, "segment");
    row(output, "on disk", format!("{} in {segments}", Size(journal.bytes)))?;
    if let Some(damage) = &journal.damage {
        let range = format!("offset {}, {}: {}", damage.offset, Size(damage.len), Shown(&damage.detail));
        row(output, "damage", output.paint.red(range).to_string())?;
    }
    output.line(output.paint.bold("store"))?;
    let Some(store) = &status.store else {
        return row(output, "", "nothing is known of it; its owner has said nothing yet".to_owned());
    };
    let counts = &store.counts;
    row(output, "assertions", Count(counts.assertions).to_string())?;
    row(output, "subjects", Count(counts.subjects).to_string())?;
    row(output, "votes", Count(counts.votes).to_string())?;
    row(output, "epochs", Count(counts.epochs).to_string())?;
    let given_up = match store.discarded {
        0 => String::new(),
        discarded => format!(", and {} given up", Count(discarded)),
    };
    row(output, "dead letters", format!("{}{given_up}", Count(counts.dead_letters)))?;
    for Passed { offset, len, detail } in &store.passed {
        let range = format!("offset {offset}, {}: {}", Size(*len), Shown(detail));
        row(output, "passed", output.paint.red(range).to_string())?;
    }
    let cursor = store.cursor.map_or_else(|| "nothing applied yet".to_owned(), |cursor| cursor.to_string());
    row(output, "cursor", cursor)?;
    let lag = &status.lag;
    let behind = if lag.records == 0 {
        output.paint.green("none").to_string()
    } else {
        format!("{}, {}, {}", counted(lag.records, "record"), Size(lag.bytes), Span(lag.seconds))
    };
    row(output, "lag", behind)?;
    if lag.bytes > 0 {
        let when = match (&status.owner, status.catch_up) {
            (None, _) => "nobody is at work on it".to_owned(),
            (Some(_), Some(left)) => format!("in about {}", Span(left.as_secs_f64())),
            (Some(_), None)
                if status.consumers.iter().any(|worker| {
                    worker.state == ConsumerState::Paused && worker.kind == ConsumerKind::Store
                }) =>
            {
                "when it is resumed: it is paused".to_owned()
            }
            (Some(_), None) => {
                "not to be foreseen: it gains nothing on the appends, or has just begun".to_owned()
            }
        };
        row(output, "caught up", when)?;
    }
    if let Some(error) = &store.worker_error {
        row(output, "worker", output.paint.red(Shown(error)).to_string())?;
    }
    consumers(status, output)
}

/// One line for each worker that is paused or has failed, and for each consumer.
fn consumers(status: &Status, output: &mut Output) -> Result<(), Failure> {
    let matters = |consumer: &&ConsumerStatus| {
        let is_store = consumer.kind == ConsumerKind::Store;
        !is_store || consumer.paused.is_some()
    };
    let mut shown = status.consumers.iter().filter(matters).peekable();
    if shown.peek().is_some() {
        output.line(output.paint.bold("consumers"))?;
    }
    for consumer in shown {
        let behind = match consumer.lag {
            Some(lag) if lag.records > 0 => format!(", {} behind", counted(lag.records, "record")),
            _ => String::new(),
        };
        let why = match (&consumer.paused, &consumer.error) {
            (Some(pause), _) => format!(
                " since {} by {}; `annals cursors resume {}` has it go on",
                Shown(&pause.since),
                Shown(&pause.by),
                consumer.name
            ),
            (None, Some(error)) => format!(": {}", Shown(error)),
            (None, None) => String::new(),
        };
        let text = format!("{}{why}{behind}", line::doing(consumer).to_uppercase());
        let text = match (&consumer.paused, &consumer.error) {
            (None, None) => format!("{}{behind}", line::doing(consumer)),
            _ => output.paint.red(text).to_string(),
        };
        output.line(format_args!("  {} {text}", output.paint.dim(format_args!("{:<12}", consumer.name))))?;
    }
    Ok(())
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Memory => {
            "in this process's memory when it is acknowledged: it may be lost until it is synced"
        }
        Durability::Synced => "synced to the disk before it is acknowledged",
        Durability::PageCache => "in the page cache when it is acknowledged",
    }
}
