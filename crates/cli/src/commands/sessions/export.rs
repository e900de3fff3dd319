//! `annals sessions export`: every session as files again.

use std::path::Path;

use annals::foreign::Found;
use annals::foreign::sessions::{into_sessions, logs_of};
use annals::sessions::{FsStore, Store};
use serde::Serialize;

use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::interrupt::stopped;
use crate::number::{Count, counted};
use crate::output;

/// What it came to.
#[derive(Debug, Default, Serialize)]
struct Exported {
    segments: u64,
    appended: u64,
    duplicates: u64,
    refused: u64,
    lost: u64,
}

/// Writes them below `dir`.
pub(super) fn run(store: &dyn Store, dir: &Path, context: &mut Context) -> Result<(), Failure> {
    let files = FsStore::new(dir)?;
    let mut exported = Exported::default();
    context.interrupt.gently();
    let (mut losses, json) = (Vec::new(), context.output.json);
    let taken = into_sessions(logs_of(store)?, &files, |found, _| {
        match found {
            Found::Item(_) => exported.segments += 1,
            Found::Lost(loss) => losses.push(loss.clone()),
        }
        !context.interrupt.asked()
    })?;
    for loss in &losses {
        if json {
            #[derive(Serialize)]
            struct Lost<'a> {
                file: String,
                offset: u64,
                bytes: u64,
                items: Option<u64>,
                reason: &'a str,
            }
            let (file, reason) = (loss.file.display().to_string(), &*loss.reason);
            let lost = Lost { file, offset: loss.offset, bytes: loss.bytes, items: loss.items, reason };
            output::say(format_args!("{{\"lost\":{}}}", output::json(&lost)));
        } else {
            output::say(Shown(&loss.to_string()));
        }
    }
    (exported.appended, exported.duplicates) = (taken.appended, taken.duplicates);
    (exported.refused, exported.lost) = (taken.refused, losses.len() as u64);
    if json {
        context.output.object(&exported)?;
    } else {
        let entries = counted(taken.appended, "line");
        let segments = counted(exported.segments, "segment");
        context
            .output
            .line(format_args!("{segments}: {entries} written, {} stood there", Count(taken.duplicates)))?;
    }
    context.output.flush()?;
    if context.interrupt.asked() {
        return Err(stopped("interrupted; what was written stays").with_help("export again to go on"));
    }
    if exported.lost > 0 {
        let message = format!("{} left out", counted(exported.lost, "range"));
        return Err(Failure::new(Code::Rejected, message));
    }
    Ok(())
}
