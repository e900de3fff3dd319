//! `annals generations`: the stores that were built, which one answers, and which one is kept for going back.

use annals::{GenerationStatus, format_instant};
use serde::Serialize;

use super::Context;
use crate::exit::{Code, Failure};
use crate::number::Size;

/// What to do with a generation.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals generations                        lists them, also while another process has the data
  annals generations --remove gen-000001    takes away one that is not wanted any more

`annals rebuild --keep-old` keeps the one that answered, `annals rebuild --rollback` goes back to it. One that is \
being built is gone on with by the next `annals rebuild`. Exit code 5: there is none of that name.")]
pub(crate) struct Args {
    /// Takes away a generation that does not answer
    #[arg(long, value_name = "NAME")]
    remove: Option<String>,
}

/// A generation, as JSON.
#[derive(Debug, Serialize)]
struct Line {
    generation: String,
    current: bool,
    finished: bool,
    kept: bool,
    /// Null if nobody has said how far it has come.
    as_of: Option<u64>,
    /// Null if it is not known without opening the store.
    digest: Option<String>,
    finished_at: Option<String>,
    bytes: u64,
}

/// What was taken away, as JSON.
#[derive(Debug, Serialize)]
struct Removed<'a> {
    generation: &'a str,
    removed: bool,
}

impl From<GenerationStatus> for Line {
    fn from(status: GenerationStatus) -> Self {
        Self {
            current: status.current,
            finished: status.finished,
            kept: status.kept,
            as_of: status.as_of.map(annals::Offset::get),
            digest: status.digest,
            finished_at: status.finished_at_micros.map(format_instant),
            bytes: status.bytes,
            generation: status.name,
        }
    }
}

impl Line {
    /// What it is, in words.
    fn state(&self) -> &'static str {
        match self {
            Self { current: true, .. } => "answers",
            Self { kept: true, .. } => "kept",
            Self { finished: true, .. } => "built, never answered",
            _ => "being built, or left over",
        }
    }
}

/// Lists them, or takes one away.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let path = context.place.path();
    if let Some(name) = &args.remove {
        remove(name, path)?;
        if context.output.json {
            return context.output.object(&Removed { generation: name, removed: true });
        }
        return context.output.line(format_args!("{name} is gone"));
    }
    let output = &mut context.output;
    for line in annals::generations(path)?.into_iter().map(Line::from) {
        if output.json {
            output.object(&line)?;
            continue;
        }
        let state = line.state();
        let state = if line.current { output.paint.green(state).to_string() } else { state.to_owned() };
        let as_of = line.as_of.map_or_else(|| "unknown".to_owned(), |as_of| as_of.to_string());
        output.line(format_args!(
            "{}  {state}, as of offset {as_of}, {}",
            line.generation,
            Size(line.bytes)
        ))?;
    }
    Ok(())
}

fn remove(name: &str, path: &std::path::Path) -> Result<(), Failure> {
    let listed = "`annals generations` lists them";
    annals::remove_generation(path, name).map_err(|error| match &error {
        annals::Error::NoGeneration { .. } => {
            Failure::new(Code::NotFound, error.to_string()).with_help(listed)
        }
        // The one that answers.
        annals::Error::Store(annals::parts::StoreError::Pointer { .. }) => {
            Failure::new(Code::Failed, format!("{name} answers and stays"))
                .with_help("`annals rebuild --rollback` lets another one answer, if one is kept")
        }
        _ => Failure::from(error),
    })
}
