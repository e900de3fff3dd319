//! `annals projections`: the indexes behind `query`, and those of an application's own.
//!
//!   list    -> how each stands, also while another process has the data
//!   enable  -> kept from here on, and filled
//!   disable -> taken away
//!   rebuild -> filled anew, beside what answers

use annals::{Annals, Offset, ProjectionState, ProjectionStatus};
use clap::Subcommand;
use serde::Serialize;

use super::{Context, catch_up, opening};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, Size, counted};
use crate::output::{self, Output};

/// What to do with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals projections                          how each of them stands
  annals projections enable predicate agent   indexes assertions by these, from here on
  annals projections disable agent --yes      takes one away
  annals projections rebuild predicate        fills one anew from the journal

Built in are predicate, object (the entity that is pointed at), agent, source and epoch; each is off until it is \
enabled, and then filled by every command that opens the data. Subjects and times need none. An application's own \
are listed too; only the application fills them. The list takes no lock.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keeps projections from here on, and fills them
    Enable(Enable),
    /// Takes projections away, with all they hold
    Disable(Disable),
    /// Fills a projection anew from the journal
    Rebuild(Rebuild),
}

/// Which to enable.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals projections enable predicate                          one of them
  annals projections enable predicate object agent source epoch

Returns once they are up with the journal. Enabling what is enabled changes nothing. What a projection has not applied \
is not purged from the journal. Exit code 5: there is none of that name.")]
struct Enable {
    /// predicate, object, agent, source, epoch
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Which to disable.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals projections disable agent         says what would go
  annals projections disable agent --yes   takes it away

It is derived from the journal: enabled again, it is filled again. An application's own is taken away as well, until \
the application hands it in again. Exit code 5: there is none of that name.")]
struct Disable {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// Which to fill anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals projections rebuild predicate

The one that is there goes once the new one has come up with the journal; cut off, it is gone on with. Exit code 5: \
none of that name is enabled.")]
struct Rebuild {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

/// A projection as JSON.
#[derive(Debug, Serialize)]
struct Line {
    projection: String,
    built_in: bool,
    state: &'static str,
    version: Option<u32>,
    /// The version that answers; null if none has come up with the journal yet.
    answers: Option<u32>,
    cursor: Option<u64>,
    lag: Option<Lag>,
    /// Null while its file is in use, and after a crash, as are the next two.
    entries: Option<u64>,
    undecoded: Option<u64>,
    passed: Option<u64>,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Lag {
    records: u64,
    bytes: u64,
    seconds: f64,
}

/// What was taken away, as JSON.
#[derive(Debug, Serialize)]
struct Disabled<'a> {
    disabled: &'a [String],
    bytes: u64,
    done: bool,
}

/// Does it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        None => {
            for status in annals::projections_beside(context.place.path())? {
                show(&mut context.output, status)?;
            }
            Ok(())
        }
        Some(Command::Enable(args)) => enable(args, context),
        Some(Command::Disable(args)) => disable(args, context),
        Some(Command::Rebuild(args)) => rebuild(&args.name, context),
    }
}

fn enable(args: &Enable, context: &mut Context) -> Result<(), Failure> {
    // Before anything is opened, and all or none.
    if let Some(name) = args.names.iter().find(|name| annals::BuiltIn::named(name).is_none()) {
        return Err(annals::Error::NoProjection { name: name.clone() }.into());
    }
    with_annals(context, |annals, context| {
        let handles =
            args.names.iter().map(|name| annals.enable_projection(name)).collect::<Result<Vec<_>, _>>()?;
        for handle in &handles {
            catch_up::projection_up_to(handle, annals.journal().durable(), context)?;
        }
        show_named(&args.names, annals, &mut context.output)
    })
}

fn disable(args: &Disable, context: &mut Context) -> Result<(), Failure> {
    let listed = annals::projections_beside(context.place.path())?;
    let mut bytes = 0;
    for name in &args.names {
        let found = listed.iter().find(|status| status.name == *name && status.state != ProjectionState::Off);
        let Some(status) = found else {
            return Err(Failure::new(Code::NotFound, format!("the projection {name:?} is not enabled"))
                .with_help("`annals projections` lists them"));
        };
        bytes += status.bytes;
    }
    if args.yes {
        with_annals(context, |annals, _| {
            Ok(args.names.iter().try_for_each(|name| annals.disable_projection(name))?)
        })?;
    }
    let output = &mut context.output;
    if output.json {
        return output.object(&Disabled { disabled: &args.names, bytes, done: args.yes });
    }
    let verb = if args.yes { "taken away" } else { "would be taken away" };
    output.line(format_args!("{verb}: {}, {}", Shown(&args.names.join(", ")), Size(bytes)))?;
    output.flush()?;
    if !args.yes {
        output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
    }
    Ok(())
}

fn rebuild(name: &str, context: &mut Context) -> Result<(), Failure> {
    with_annals(context, |annals, context| {
        let handle = annals.rebuild_projection(name)?;
        catch_up::projection_up_to(&handle, annals.journal().durable(), context)?;
        show_named(&[name.to_owned()], annals, &mut context.output)
    })
}

/// Opens the data and does something with it.
fn with_annals(
    context: &mut Context,
    work: impl FnOnce(&Annals, &mut Context) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let annals = opening::existing(context)?;
    let worked = work(&annals, context);
    let closed = annals.close().map_err(Failure::from);
    worked.and(closed)
}

fn show_named(names: &[String], annals: &Annals, output: &mut Output) -> Result<(), Failure> {
    let listed = annals.projections()?;
    listed
        .into_iter()
        .filter(|status| names.contains(&status.name))
        .try_for_each(|status| show(output, status))
}

fn show(output: &mut Output, status: ProjectionStatus) -> Result<(), Failure> {
    if output.json {
        return output.object(&Line::from(status));
    }
    let state = match status.state {
        ProjectionState::Answers => output.paint.green("answers").to_string(),
        ProjectionState::Failed => output.paint.red("failed").to_string(),
        other => other.name().to_owned(),
    };
    let name = Shown(&status.name).to_string();
    let mut told = vec![state];
    told.extend(status.version.map(|version| format!("version {version}")));
    // A version before the one that is being built.
    let before = status.answers.filter(|answers| Some(*answers) != status.version);
    told.extend(before.map(|before| format!("version {before} answers until then")));
    told.extend(status.cursor.map(|cursor| format!("at offset {cursor}")));
    told.extend(status.lag.map(|lag| match lag.records {
        0 => "up to date".to_owned(),
        records => format!("{} behind", counted(records, "record")),
    }));
    told.extend(status.entries.map(|entries| match entries {
        1 => "1 entry".to_owned(),
        entries => format!("{} entries", Count(entries)),
    }));
    let unread = status.undecoded.filter(|undecoded| *undecoded > 0);
    told.extend(unread.map(|unread| format!("{} not read", counted(unread, "record"))));
    let passed = status.passed.filter(|passed| *passed > 0);
    told.extend(passed.map(|passed| format!("{} passed", counted(passed, "damaged range"))));
    told.extend((status.bytes > 0).then(|| Size(status.bytes).to_string()));
    output.line(format_args!("{name:<12} {}", told.join(", ")))
}

impl From<ProjectionStatus> for Line {
    fn from(status: ProjectionStatus) -> Self {
        let lag = |lag: annals::Lag| Lag { records: lag.records, bytes: lag.bytes, seconds: lag.seconds };
        Self {
            built_in: status.built_in,
            state: status.state.name(),
            version: status.version,
            answers: status.answers,
            cursor: status.cursor.map(Offset::get),
            lag: status.lag.map(lag),
            entries: status.entries,
            undecoded: status.undecoded,
            passed: status.passed,
            bytes: status.bytes,
            projection: status.name,
        }
    }
}
