//! `annals digest`: what the store holds, in a few lines that two machines can compare.
//!
//!   nobody has the data -> opened, up with the log, summed
//!   somebody has it     -> as its owner last said
//!   --expect            -> the families that differ

use annals::{Annals, DigestReport, Error, FamilyDigest};
use serde::Serialize;

use super::{Context, catch_up, opening};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::Count;
use crate::output::{self, Output};

mod expected;

use expected::{Expected, Found};

/// What to compare with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals digest
  annals digest --json > here.json     and on the other machine:
  annals digest --expect @here.json    exit code 4, and the families that differ, if they do

Two directories that hold the same records have the same digests, in whichever order and batches these \
came. Works while another process has the data: then it is what that process said last, within a second.")]
pub(crate) struct Args {
    /// The digest it should have, or a file that `annals digest --json` wrote; @- is standard input
    #[arg(long, value_name = "HEX|@FILE")]
    expect: Option<String>,
    /// Shows and compares only this family: assertions, votes, epochs, subjects
    #[arg(long, value_name = "NAME", value_parser = ["assertions", "votes", "epochs", "subjects"])]
    family: Option<String>,
}

/// What it holds, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    as_of: u64,
    log: String,
    term: u64,
    projection: u32,
    generation: String,
    /// Over all families.
    digest: String,
    families: Families,
    owner: Option<String>,
    /// Whether it is what was expected; null if nothing was.
    same: Option<bool>,
    /// The families that are not, where the expected ones are known.
    differing: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Families {
    #[serde(skip_serializing_if = "Option::is_none")]
    assertions: Option<Family>,
    #[serde(skip_serializing_if = "Option::is_none")]
    votes: Option<Family>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epochs: Option<Family>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjects: Option<Family>,
}

#[derive(Debug, Serialize)]
struct Family {
    count: u64,
    digest: String,
}

/// Shows it, and compares it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let only = args.family.as_deref();
    let expected = args.expect.as_deref().map(Expected::read).transpose()?;
    let digest = look(context)?;
    let found = expected.as_ref().map(|expected| expected.compare(&digest, only));
    let report = Report::of(digest, only, found.as_ref());
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    found.map_or(Ok(()), Found::verdict).and(shown)
}

fn look(context: &Context) -> Result<DigestReport, Failure> {
    let path = context.place.path();
    let annals = match Annals::open_existing(path) {
        Ok(annals) => annals,
        Err(locked @ Error::Locked { .. }) => {
            // An owner that has not said anything yet is as good as locked.
            return annals::digest_beside(path)?.ok_or_else(|| locked.into());
        }
        Err(error) => return Err(error.into()),
    };
    opening::tell(annals.journal().report(), context.output.json);
    catch_up::up_to_or_paused(&annals, annals.journal().durable(), context)?;
    let digest = annals.digest();
    annals.close()?;
    Ok(digest?)
}

impl Report {
    fn of(digest: DigestReport, only: Option<&str>, found: Option<&Found>) -> Self {
        let families = digest.families.map(|FamilyDigest { family, count, digest }| {
            only.is_none_or(|only| only == family.name()).then_some(Family { count, digest })
        });
        let [assertions, votes, epochs, subjects] = families;
        Self {
            as_of: digest.as_of.get(),
            log: digest.log.to_string(),
            term: digest.sums.term,
            projection: digest.sums.projection,
            generation: digest.generation,
            digest: digest.sums.all,
            families: Families { assertions, votes, epochs, subjects },
            owner: digest.owner,
            same: found.map(Found::is_same),
            differing: found.map(Found::differing).unwrap_or_default(),
        }
    }
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let Families { assertions, votes, epochs, subjects } = &report.families;
    let rows = [("assertions", assertions), ("votes", votes), ("epochs", epochs), ("subjects", subjects)];
    let shown = rows.iter().filter(|(_, family)| family.is_some()).count();
    for (name, family) in rows {
        if let Some(Family { count, digest }) = family {
            let mark = if report.differing.contains(&name) { "  differs" } else { "" };
            let count = Count(*count).to_string();
            output.line(format_args!("{name:<10}  {digest}  {count:>12}{}", output.paint.red(mark)))?;
        }
    }
    if shown == rows.len() {
        output.line(format_args!("{:<10}  {}", "all", report.digest))?;
    }
    output.flush()?;
    let owner = report.owner.as_deref().unwrap_or_default();
    let said = if owner.is_empty() { "" } else { ", as its owner last said: " };
    output::say(output::stderr_paint(false).dim(format_args!(
        "as of offset {} of log {}{said}{}",
        report.as_of,
        report.log,
        Shown(owner)
    )));
    Ok(())
}

/// What differs is no failure of the command, but of what was expected.
fn differs(message: String) -> Failure {
    Failure::new(Code::Damaged, message)
}
