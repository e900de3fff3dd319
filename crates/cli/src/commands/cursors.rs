//! `annals cursors`: who reads the journal and how far each is; have one rest, go on, or read from elsewhere.
//!
//!   status.json, notes, the journal -> list
//!   pause | resume | seek -> a note -> the owner obeys within a second, or whoever opens next
//!
//! CU1: nothing here needs the data: it works beside the process that has them, and where none has.

use std::time::{Duration, Instant};

use annals::{ConsumerKind, ConsumerState, ConsumerStatus};
use clap::Subcommand;

use super::Context;
use super::log::holder;
use crate::exit::Failure;
use crate::output;

pub(crate) mod line;
mod seek;

use line::Line;

/// How long an owner is waited for that has to see a note and to do what it says.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one that has failed may take to say that it tries again, or has failed again.
const RETRY: Duration = Duration::from_secs(3);
/// How often it is looked whether it has.
const SLICE: Duration = Duration::from_millis(50);

/// What to do with the workers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals cursors                             who reads the journal, and how far each is behind
  annals cursors pause store                 no record is applied from now on, until `resume`
  annals cursors resume store
  annals cursors seek mailer --to @7d        says what would be applied again
  annals cursors seek mailer --to @7d --yes  has a consumer apply it again
  annals cursors forget mailer --yes         the journal holds nothing back for it any more

Workers fill the store, projections and an application's own consumers; a named cursor is moved by an \
application that Annals does not know. All of this works beside the process that has the data, which \
obeys within a second or so, and where none has: then whoever opens them next does, before anything is \
applied. A pause lasts until `resume`. Exit code 5: there is none of this name.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Has a worker rest: what it has applied is durable, and it applies nothing until it is resumed
    Pause(Name),
    /// Has a worker go on; a consumer that has failed tries again
    Resume(Name),
    /// Has a consumer read from elsewhere, or moves a named cursor; without --yes only says what that would do
    Seek(seek::Args),
    /// Forgets a consumer or a named cursor, so that the journal holds nothing back for it
    Forget(Forget),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals cursors pause store
  annals cursors resume store")]
struct Name {
    /// `store`, or the name of a consumer
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals cursors forget mailer --yes")]
struct Forget {
    /// A consumer that is not at work, or a named cursor that nobody holds
    #[arg(value_name = "NAME")]
    name: String,
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// What was done to a pause, as JSON.
#[derive(Debug, serde::Serialize)]
struct Told<'a> {
    name: &'a str,
    /// Whether it is to rest.
    paused: bool,
    /// Whether it does what it is told by now; false if nobody is at work to be told.
    obeyed: bool,
    state: &'static str,
    /// The next offset to apply; null if that is not known.
    next: Option<u64>,
}

/// Lists them, or tells one what to do.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        None => list(context),
        Some(Command::Pause(Name { name })) => pause(name, context),
        Some(Command::Resume(Name { name })) => resume(name, context),
        Some(Command::Seek(args)) => seek::run(args, context),
        Some(Command::Forget(args)) => forget(args, context),
    }
}

fn list(context: &mut Context) -> Result<(), Failure> {
    let cursors = look(context)?;
    let owner = owner(context)?;
    for status in &cursors {
        let line = Line::of(status);
        if context.output.json {
            context.output.object(&line)?;
        } else {
            line::show(status, owner.is_some(), &mut context.output)?;
        }
    }
    context.output.flush()
}

fn pause(name: &str, context: &mut Context) -> Result<(), Failure> {
    annals::pause(context.place.path(), name)?;
    tell(name, true, context)
}

fn resume(name: &str, context: &mut Context) -> Result<(), Failure> {
    annals::resume(context.place.path(), name)?;
    tell(name, false, context)
}

/// Waits until a worker does what it is told, if it is at work, and says how it stands.
fn tell(name: &str, paused: bool, context: &mut Context) -> Result<(), Failure> {
    let obeys = |state| match state {
        ConsumerState::Paused => paused,
        ConsumerState::Applying | ConsumerState::CaughtUp => !paused,
        _ => false,
    };
    let since = Instant::now();
    let ends = |status: &ConsumerStatus| match status.state {
        ConsumerState::NotRunning => true,
        // It tries again, and its owner has to say so first.
        ConsumerState::Failed => paused || since.elapsed() > RETRY,
        state => obeys(state),
    };
    let status = wait(name, context, ends)?;
    let (obeyed, next) = (obeys(status.state), status.next.map(annals::Offset::get));
    if context.output.json {
        return context.output.object(&Told { name, paused, obeyed, state: status.state.name(), next });
    }
    let word = if paused { "paused" } else { "resumed" };
    let at = next.map_or_else(String::new, |next| format!(" at offset {next}"));
    let when = match (obeyed, status.state) {
        (true, _) => at,
        (false, ConsumerState::Failed) => {
            format!("{at}; it has stopped by an error: `annals cursors` shows it")
        }
        (false, ConsumerState::NotRunning) => ": that holds from when it is at work next".to_owned(),
        (false, _) => ": that is noted, and its process has not obeyed yet".to_owned(),
    };
    context.output.line(format_args!("{name} is {word}{when}"))
}

fn forget(args: &Forget, context: &mut Context) -> Result<(), Failure> {
    #[derive(serde::Serialize)]
    struct Forgotten<'a> {
        name: &'a str,
        kind: &'static str,
        /// From where the journal was held for it; null if it was not.
        holds: Option<u64>,
        done: bool,
    }
    let status = one(&args.name, context)?;
    if args.yes || status.kind == ConsumerKind::Store {
        annals::forget(context.place.path(), &args.name)?;
    }
    let holds = status.holds.map(annals::Offset::get);
    if context.output.json {
        let kind = status.kind.name();
        return context.output.object(&Forgotten { name: &args.name, kind, holds, done: args.yes });
    }
    let held = holds.map_or_else(String::new, |holds| {
        format!(
            "; the journal {} what lies behind offset {holds} for it",
            if args.yes { "held" } else { "holds" }
        )
    });
    let word = if args.yes { "is forgotten" } else { "would be forgotten" };
    context.output.line(format_args!("{} {} {word}{held}", status.kind, args.name))?;
    context.output.flush()?;
    unless(args.yes);
    Ok(())
}

/// Says that nothing was done, if it was not.
fn unless(done: bool) {
    if !done {
        output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
    }
}

/// The cursors, as they are now.
fn look(context: &Context) -> Result<Vec<ConsumerStatus>, Failure> {
    Ok(annals::cursors(context.place.path(), owner(context)?.as_deref())?)
}

/// The one of this name.
fn one(name: &str, context: &Context) -> Result<ConsumerStatus, Failure> {
    let found = look(context)?.into_iter().find(|status| status.name == name);
    found.ok_or_else(|| annals::Error::NoConsumer { name: name.to_owned() }.into())
}

/// The one of this name, once it is as wanted, or as it is once that takes too long.
fn wait(
    name: &str,
    context: &Context,
    wanted: impl Fn(&ConsumerStatus) -> bool,
) -> Result<ConsumerStatus, Failure> {
    let since = Instant::now();
    loop {
        let status = one(name, context)?;
        if wanted(&status) || since.elapsed() > PATIENCE || context.interrupt.asked() {
            return Ok(status);
        }
        std::thread::park_timeout(SLICE);
    }
}

/// The process that has the data, if one has.
fn owner(context: &Context) -> Result<Option<String>, Failure> {
    let journal = annals::journal_dir(context.place.path())?;
    Ok(holder::of(&journal.join("LOCK")))
}
