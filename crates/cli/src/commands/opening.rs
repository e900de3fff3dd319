//! A data directory opened, and what the open found said aloud.

use annals::{Annals, OpenReport};
use serde::Serialize;

use super::Context;
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::Size;
use crate::output;

/// Opens a data directory that exists.
///
/// # Errors
/// Exit codes 10 to 14.
pub(crate) fn existing(context: &Context) -> Result<Annals, Failure> {
    told(Annals::open_existing(context.place.path())?, context)
}

/// Opens a data directory, and makes it if nothing is there.
///
/// # Errors
/// Exit codes 10 to 14; never does this touch a directory that holds something else.
pub(crate) fn existing_or_new(context: &Context) -> Result<Annals, Failure> {
    told(Annals::open(context.place.path())?, context)
}

fn told(annals: Annals, context: &Context) -> Result<Annals, Failure> {
    tell(annals.journal().report(), context.output.json);
    Ok(annals)
}

/// Says on stderr what the last stop had left behind, if it left something.
pub(crate) fn tell(report: &OpenReport, json: bool) {
    if let Some(torn) = &report.torn {
        if json {
            #[derive(Serialize)]
            struct Recovered<'a> {
                offset: u64,
                bytes: u64,
                reason: &'a str,
                quarantine: String,
            }
            let recovered = output::json(&Recovered {
                offset: torn.offset.get(),
                bytes: torn.bytes,
                reason: &torn.reason,
                quarantine: torn.quarantine.display().to_string(),
            });
            output::say(format_args!("{{\"recovered\":{recovered}}}"));
        } else {
            let quarantine = torn.quarantine.display().to_string();
            output::say(format_args!(
                "recovered: {} at offset {} were being written when the last run stopped and were never acknowledged; a copy is in {}",
                Size(torn.bytes),
                torn.offset,
                Shown(&quarantine)
            ));
        }
    }
    if let Some(damage) = &report.damage {
        super::log_walk::tell_damage(damage, json, None);
    }
}
