//! `annals get`: one record by its id.

use annals::{IdPrefix, Record, Snapshot};

use super::Context;
use super::past::Past;
use super::question::{ask, find, id_prefix};
use crate::escape::Shown;
use crate::exit::Failure;
use crate::render;

/// Which record.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals get 3f2a91c04d7e            the record whose id begins so
  annals get 3f2a91c04d7e --json     as JSON, which `import` takes
  annals get 3f2a91c04d7e --as-of @2026-11-20T08:00Z   with the votes there were then

Exit code 5: no record's id begins so, or several do; then they are listed. A record that was appended \
later than --as-of is not there.")]
pub(crate) struct Args {
    /// The id of a record, or its first digits: 8 to 64 hex digits
    #[arg(value_name = "ID", value_parser = id_prefix)]
    id: IdPrefix,
    #[command(flatten)]
    past: Past,
}

/// Shows it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    ask(&args.past, context, |snapshot, output| {
        let stored = find(snapshot, &args.id)?;
        let record = render::record_of(&stored)?;
        if output.json {
            return output.line(render::json(&record, &stored));
        }
        let kind = match &record {
            Record::Assertion(_) => "assertion",
            Record::Vote(_) => "vote",
            Record::Epoch(_) => "epoch",
        };
        output.line(format_args!("{} {}", output.paint.bold(kind), stored.id))?;
        let mut fields = vec![("offset", stored.offset.to_string())];
        fields.extend(render::fields(&record));
        if let Some(name) = epoch_name(snapshot, &record)? {
            for (_, id) in fields.iter_mut().filter(|(field, _)| *field == "epoch") {
                *id = format!("{} ({id})", Shown(&name));
            }
        }
        let tally = snapshot.tally(&stored.id)?.map(|tally| render::tally(&tally));
        fields.extend(tally.filter(|tally| !tally.is_empty()).map(|tally| ("votes", tally)));
        for (name, field) in fields {
            output.line(format_args!("  {} {field}", output.paint.dim(format_args!("{name:<12}"))))?;
        }
        Ok(())
    })
}

/// The name of the epoch a claim or a vote was made in, if that epoch is known.
fn epoch_name(snapshot: &Snapshot<'_>, record: &Record) -> Result<Option<String>, Failure> {
    let epoch = match record {
        Record::Assertion(assertion) => assertion.epoch,
        Record::Vote(vote) => vote.epoch,
        Record::Epoch(_) => None,
    };
    let Some(stored) = epoch.map(|epoch| snapshot.epoch(&epoch)).transpose()?.flatten() else {
        return Ok(None);
    };
    Ok(match render::record_of(&stored)? {
        Record::Epoch(epoch) => Some(epoch.name),
        _ => None,
    })
}
