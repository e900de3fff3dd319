//! What could not be taken: told one by one.

use annals::foreign::Loss;
use serde::Serialize;

use crate::escape::Shown;
use crate::number::counted;
use crate::output;
use crate::progress::Progress;

/// The most losses that people are told one by one. JSON tells them all.
const TOLD: u64 = 20;

/// The losses of an import.
pub(super) struct Losses {
    json: bool,
    count: u64,
}

/// A loss, for machines.
#[derive(Serialize)]
struct Lost<'a> {
    file: String,
    offset: u64,
    bytes: u64,
    items: Option<u64>,
    reason: &'a str,
}

impl Losses {
    pub(super) fn new(json: bool) -> Self {
        Self { json, count: 0 }
    }

    /// Tells one.
    pub(super) fn tell(&mut self, loss: &Loss, progress: &Progress) {
        self.count += 1;
        if self.json {
            let (file, reason) = (loss.file.display().to_string(), &*loss.reason);
            let Loss { offset, bytes, items, .. } = *loss;
            let lost = output::json(&Lost { file, offset, bytes, items, reason });
            progress.say(format_args!("{{\"lost\":{lost}}}"));
        } else if self.count <= TOLD {
            progress.say(Shown(&loss.to_string()));
        }
    }

    /// Says how many were not told one by one.
    pub(super) fn tell_rest(&self) {
        if !self.json && self.count > TOLD {
            let more = counted(self.count - TOLD, "range");
            output::say(format_args!("… and {more} more; --json tells all of them"));
        }
    }
}
