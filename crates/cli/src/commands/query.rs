//! `annals query`: assertions by any of their parts, and by when they were appended.
//!
//!   open -> store and projections up with the journal -> pages, all as of one offset -> as of

use annals::{Annals, EpochId, Error, Log, Offset, Query, Question, Snapshot, Stored};

use super::past::{Past, When};
use super::question::{Pages, say_as_of, show_tallied};
use super::{Context, catch_up, opening};
use crate::exit::{Code, Failure};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::render;

/// Which assertions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals projections enable predicate object             indexes what is asked for, once
  annals query --predicate capital                       every capital that is named
  annals query --object Everest --limit 20               who points at Everest, the first twenty
  annals query --agent alice --source atlas              what alice has said, by that source
  annals query --subject Everest --since @2026-11-01 --until @2026-12-01
  annals query --epoch \"Unicode 15.0\" --as-of 8192       as it was before offset 8192
  annals query --agent alice --scan                      without an index: reads the whole journal

All that is given has to hold. `--object` is an entity, `--source` one of the sources. Subjects are always indexed; \
what is not is checked on what the others list, and where none is listed the command ends with 5 and says \
what to enable. `--since` and `--until` are about when a record was appended, by the journal's clock: from the \
one on, before the other.")]
pub(crate) struct Args {
    /// What they are about
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// What they say
    #[arg(long, value_name = "NAME")]
    predicate: Option<String>,
    /// The entity they point at
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    /// Who made them
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// One of their sources
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The epoch they were made in: its name, or its id in 64 hex digits
    #[arg(long, value_name = "NAME|ID")]
    epoch: Option<String>,
    /// Only what was appended from this offset, or this time of the journal, on
    #[arg(long, value_name = "N|@TIME")]
    since: Option<When>,
    /// Only what was appended before this offset, or this time of the journal
    #[arg(long, value_name = "N|@TIME")]
    until: Option<When>,
    /// Lists at most so many; without this, all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Lists only what stands behind this offset
    #[arg(long, value_name = "OFFSET")]
    after: Option<u64>,
    /// Reads the journal where nothing that is asked for is indexed
    #[arg(long)]
    scan: bool,
    #[command(flatten)]
    past: Past,
}

/// Lists them.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let annals = opening::existing(context)?;
    let answered = ask(args, &annals, context);
    // A failure to close takes nothing from the answer, and the log has everything; the next open says what is wrong.
    let closed = annals.close().map_err(Failure::from);
    answered.and(closed)
}

fn ask(args: &Args, annals: &Annals, context: &mut Context) -> Result<(), Failure> {
    let as_of = args.past.offset(annals)?;
    let query = args.query(annals, as_of)?;
    let durable = annals.journal().durable();
    match as_of {
        Some(offset) => catch_up::up_to(annals, offset, context)?,
        None => catch_up::up_to_or_paused(annals, durable, context)?,
    }
    for name in args.projections() {
        let Ok(handle) = annals.projection(name) else { continue };
        let is_complete = handle.view().is_ok_and(|view| view.is_complete());
        let end = as_of.filter(|_| is_complete).unwrap_or(durable);
        match catch_up::projection_up_to(&handle, end, context) {
            Err(failure) if failure.code == Code::Interrupted => return Err(failure),
            Err(failure) if failure.code == Code::Paused => output::warn(&failure, context.output.json),
            // One that has failed lists nothing: the others do, or the refusal says why this does not.
            _ => {}
        }
    }
    let question = annals.question(&query)?;
    let listed = list(args, annals, &question, &mut context.output).and_then(|()| context.output.flush());
    if listed.is_ok() {
        say_as_of(question.as_of(), &context.output);
    }
    listed
}

impl Args {
    fn query(&self, annals: &Annals, as_of: Option<Offset>) -> Result<Query, Failure> {
        let epoch = self.epoch.as_ref().map(|epoch| epoch.parse().unwrap_or_else(|_| EpochId::of(epoch)));
        let at = |when: Option<When>| when.map(|when| when.begins_at(annals)).transpose();
        Ok(Query {
            subject: self.subject.clone(),
            predicate: self.predicate.clone(),
            object: self.object.clone(),
            agent: self.agent.clone(),
            source: self.source.clone(),
            epoch,
            since: at(self.since)?,
            until: at(self.until)?,
            as_of,
            scan: self.scan,
            ..Query::default()
        })
    }

    /// The projections that list what is asked for.
    fn projections(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("predicate", self.predicate.is_some()),
            ("object", self.object.is_some()),
            ("agent", self.agent.is_some()),
            ("source", self.source.is_some()),
            ("epoch", self.epoch.is_some()),
        ];
        given.into_iter().filter_map(|(name, is_given)| is_given.then_some(name))
    }
}

fn list(args: &Args, annals: &Annals, question: &Question<'_>, output: &mut Output) -> Result<(), Failure> {
    let store = annals.store();
    let snapshot = store.snapshot()?.at(question.as_of());
    let pages = Pages { limit: args.limit, after: args.after.map(Offset::new) };
    let end = question.as_of().get();
    let mut progress = Progress::of_bytes(Some(end));
    let (mut told, json) = (false, output.json);
    pages.each(
        |after, limit| {
            let answer = question.page_with(after.copied(), limit, &mut |looked| {
                progress.update(looked.get().min(end), None, || "looking through the journal".to_owned());
                true
            })?;
            if let Some(from) = answer.read_from.filter(|_| !std::mem::replace(&mut told, true))
                && annals.journal().bounds()?.oldest > Offset::ZERO
            {
                let message = format!(
                    "the journal was read from offset {from} on; what was purged from it was not looked at"
                );
                output::warn(&Failure::new(Code::Failed, message), json);
            }
            Ok::<_, Error>(answer.hits)
        },
        |stored| stored.offset,
        |stored| show(&snapshot, output, &stored),
    )
}

/// Shows one of them.
fn show(snapshot: &Snapshot<'_>, output: &mut Output, stored: &Stored) -> Result<bool, Failure> {
    let record = render::record_of(stored)?;
    show_tallied(snapshot, output, stored, &record, &render::line(&record)).map(|()| true)
}
