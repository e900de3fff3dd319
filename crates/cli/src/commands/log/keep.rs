//! What is to be kept, from flags that `plan` and `purge` share, and what stands in the way of it.

use std::time::Duration;

use annals::journal::{Blocker, ClockJump, Keep, Plan};
use annals::{Offset, STORE_CURSOR, format_instant};
use serde::Serialize;

use super::segment::{self, Segment};
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::{Size, counted};
use crate::output::Output;

/// What a rebuild loses if the store's cursor goes.
pub(super) const STORE_HELP: &str = "it holds what a rebuild of the store needs; once it is removed (`annals log cursors --remove store`), what is purged is gone from the next rebuild";

/// What to keep.
#[derive(Debug, clap::Args)]
pub(super) struct Policy {
    #[command(flatten)]
    keeping: Keeping,
    /// Purges by age although the clock has jumped
    #[arg(long)]
    pub(super) accept_clock_jump: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Keeping {
    /// Keeps what is not older, such as 30d; measured against the newest record, so a quiet log loses nothing
    #[arg(long, value_name = "AGE", value_parser = measure::age)]
    keep_age: Option<Duration>,
    /// Keeps so many bytes of segments, such as 10GiB
    #[arg(long, value_name = "SIZE", value_parser = measure::size)]
    keep_bytes: Option<u64>,
    /// Keeps so many segments, the active one counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep_segments: Option<u64>,
    /// Keeps the active segment and the newest sealed one
    #[arg(long)]
    keep_newest: bool,
    /// Keeps what stands at or after an offset
    #[arg(long, value_name = "OFFSET")]
    keep_from: Option<u64>,
}

impl Policy {
    pub(super) fn keep(&self) -> Keep {
        let Keeping { keep_age, keep_bytes, keep_segments, keep_newest, keep_from } = self.keeping;
        if let Some(offset) = keep_from {
            return Keep::From(Offset::new(offset));
        }
        match (keep_age, keep_bytes, keep_segments) {
            (Some(age), ..) => Keep::Age(age),
            (_, Some(bytes), _) => Keep::Bytes(bytes),
            (_, _, Some(segments)) => Keep::Segments(segments),
            _ if keep_newest => Keep::Newest,
            _ => Keep::Everything,
        }
    }
}

/// What a purge would do, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    pub(super) keep: String,
    oldest: u64,
    oldest_after: u64,
    pub(super) purge: Vec<Segment>,
    pub(super) purge_bytes: u64,
    pub(super) purge_records: u64,
    kept_segments: u64,
    kept_bytes: u64,
    #[serde(flatten)]
    pub(super) in_the_way: InTheWay,
    /// Null where the clock is not in doubt, or ages do not matter.
    clock: Option<Jump>,
    /// The one made last first.
    backups: Vec<Backup>,
}

/// A backup that the journal knows of, as it was when it was made.
#[derive(Debug, Serialize)]
struct Backup {
    dir: String,
    oldest: u64,
    durable: u64,
    made_at: String,
    /// Whether it holds all that would go.
    covers: bool,
}

/// What the policy would let go and cannot.
#[derive(Debug, Serialize)]
pub(super) struct InTheWay {
    pub(super) blocked_segments: u64,
    blocked_bytes: u64,
    blockers: Vec<Block>,
}

/// One thing that is in the way.
#[derive(Debug, Serialize)]
struct Block {
    kind: &'static str,
    detail: String,
    help: Option<&'static str>,
    /// How many segments it holds.
    segments: u64,
    /// The first of them.
    from: String,
}

/// A step of the clock.
#[derive(Debug, Serialize)]
struct Jump {
    at: u64,
    from: String,
    to: String,
}

impl From<&Plan> for Planned {
    fn from(plan: &Plan) -> Self {
        let jump = |jump: &ClockJump| Jump {
            at: jump.at.get(),
            from: format_instant(jump.from_micros),
            to: format_instant(jump.to_micros),
        };
        Self {
            keep: plan.keep.to_string(),
            oldest: plan.oldest.get(),
            oldest_after: plan.oldest_after.get(),
            purge: plan.purge.iter().map(Segment::from).collect(),
            purge_bytes: plan.purge.iter().map(|segment| segment.bytes).sum(),
            purge_records: plan.purge.iter().filter_map(|segment| segment.records).sum(),
            kept_segments: plan.kept_segments,
            kept_bytes: plan.kept_bytes,
            in_the_way: InTheWay::of(plan),
            clock: plan.clock.as_ref().map(jump),
            backups: Backup::all(plan),
        }
    }
}

impl Backup {
    fn all(plan: &Plan) -> Vec<Self> {
        let covering: Vec<_> = plan.covering().collect();
        let backups = plan.backups.iter().map(|backup| Self {
            dir: backup.dir.display().to_string(),
            oldest: backup.oldest.get(),
            durable: backup.durable.get(),
            made_at: format_instant(backup.made_at_micros),
            covers: covering.contains(&backup),
        });
        backups.collect()
    }
}

impl InTheWay {
    fn of(plan: &Plan) -> Self {
        let mut blockers: Vec<Block> = Vec::new();
        for blocked in &plan.blocked {
            for by in &blocked.by {
                block(&mut blockers, by, blocked.segment.base);
            }
        }
        Self {
            blocked_segments: plan.blocked.len() as u64,
            blocked_bytes: plan.blocked.iter().map(|blocked| blocked.segment.bytes).sum(),
            blockers,
        }
    }

    /// How a purge ends that leaves more than it should.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let Some(first) = self.blockers.first() else { return Ok(()) };
        let stay = counted(self.blocked_segments, "segment");
        let message = format!("{stay} should go and cannot: {}", first.detail);
        let failure = Failure::new(Code::Failed, message);
        Err(match first.help {
            Some(help) => failure.with_help(help),
            None => failure,
        })
    }

    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        if self.blocked_segments == 0 {
            return Ok(());
        }
        let stay = counted(self.blocked_segments, "segment");
        output.line(format_args!("held back  {stay} more, {}:", Size(self.blocked_bytes)))?;
        for Block { detail, segments, from, help, .. } in &self.blockers {
            let segments = counted(*segments, "segment");
            let detail = output.paint.red(Shown(detail));
            output.line(format_args!("  {detail} ({segments} from {from} on)"))?;
            if let Some(help) = help {
                output.line(format_args!("    {help}"))?;
            }
        }
        Ok(())
    }
}

/// Counts a blocker; what is in the way of one segment is in the way of those behind it, and said once.
fn block(blockers: &mut Vec<Block>, by: &Blocker, base: Offset) {
    if matches!(by, Blocker::Earlier { .. }) {
        return;
    }
    let detail = by.to_string();
    if let Some(known) = blockers.iter_mut().find(|known| known.detail == detail) {
        known.segments += 1;
        return;
    }
    let (kind, help) = match by {
        Blocker::Active => ("active", Some("`annals log seal` seals it")),
        Blocker::Cursor { name, .. } if name == STORE_CURSOR => ("cursor", Some(STORE_HELP)),
        Blocker::Cursor { .. } => ("cursor", Some("`annals log cursors` lists cursors and removes them")),
        Blocker::UnusableCursor { .. } => {
            ("unusable_cursor", Some("`annals log cursors --remove NAME` removes it"))
        }
        Blocker::Checkpoint { .. } => ("checkpoint", Some("`annals log checkpoint --body TEXT` makes one")),
        Blocker::Damaged { .. } => ("damaged", Some("`annals log salvage` shows what can be mended")),
        Blocker::Purged { .. } => ("purged", None),
        _ => ("other", None),
    };
    blockers.push(Block { kind, detail, help, segments: 1, from: segment::name(base) });
}

impl Planned {
    /// For people.
    pub(super) fn show(&self, accepted: bool, output: &mut Output) -> Result<(), Failure> {
        output.line(format_args!("keep       {}", self.keep))?;
        if let Some(Jump { at, from, to }) = self.clock.as_ref().filter(|_| !accepted) {
            let jump = format!("the clock went from {from} to {to} at offset {at}: ages are doubtful");
            output.line(format_args!("clock      {}", output.paint.red(jump)))?;
            output.line("           nothing goes by age without --accept-clock-jump")?;
        }
        let (segments, records) =
            (counted(self.purge.len() as u64, "segment"), counted(self.purge_records, "record"));
        output.line(format_args!("goes       {segments}, {records}, {}", Size(self.purge_bytes)))?;
        for segment in &self.purge {
            output.line(format_args!("  {}", segment.line()))?;
        }
        if !self.purge.is_empty() {
            match self.backups.iter().find(|backup| backup.covers) {
                Some(Backup { dir, durable, made_at, .. }) => output.line(format_args!(
                    "backup     {} held all of it, up to offset {durable}, when it was made, {made_at}",
                    Shown(dir)
                ))?,
                None => output.line(
                    "backup     none that is known of holds all of it: `annals backup DIR` makes one",
                )?,
            }
        }
        self.in_the_way.show(output)?;
        let (stay, bytes) = (counted(self.kept_segments, "segment"), Size(self.kept_bytes));
        output.line(format_args!("stays      {stay}, {bytes}, from offset {} on", self.oldest_after))
    }
}
