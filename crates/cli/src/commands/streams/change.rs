//! What changes streams: one process at a time has the root.

use std::io::{self, BufRead};
use std::time::Duration;

use annals::streams::{Bucket, Codec, Consent, Keep, Settings, Streams, SyncPolicy};
use serde::Serialize;

use super::look::told;
use super::look_for_root;
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::{Size, counted};

/// So many lines are appended at once.
const BATCH: usize = 1_000;
/// The longest line that is a record, in bytes.
const LONGEST: u64 = 16 << 20;

/// What to set.
#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// The stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// The form of sealed segments: plain, zstd, delta
    #[arg(long, value_name = "CODEC", value_parser = str::parse::<Codec>)]
    codec: Option<Codec>,
    /// When an append is durable: always, on-demand, every N records, or within a time such as 200ms
    #[arg(long, value_name = "POLICY", value_parser = sync)]
    sync: Option<SyncPolicy>,
    /// How large a segment grows, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = measure::size)]
    segment_bytes: Option<u64>,
    /// The stretch of time that no segment spans: day, hour, none
    #[arg(long, value_name = "BUCKET", value_parser = bucket)]
    bucket: Option<Bucket>,
    #[command(flatten)]
    keep: Keeping,
}

#[derive(Debug, clap::Args)]
#[group(required = false, multiple = false)]
struct Keeping {
    /// A purge leaves everything
    #[arg(long)]
    keep_everything: bool,
    /// A purge leaves what is not older, such as 30d
    #[arg(long, value_name = "AGE", value_parser = measure::age)]
    keep_age: Option<Duration>,
    /// A purge leaves so many bytes of segments, such as 10GiB
    #[arg(long, value_name = "SIZE", value_parser = measure::size)]
    keep_bytes: Option<u64>,
    /// A purge leaves so many segments, the active one counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep_segments: Option<u64>,
    /// A purge leaves the active segment and the newest sealed one
    #[arg(long)]
    keep_newest: bool,
}

impl Keeping {
    fn keep(&self) -> Option<Keep> {
        let Self { keep_everything, keep_age, keep_bytes, keep_segments, keep_newest } = self;
        let each = [
            keep_everything.then_some(Keep::Everything),
            keep_age.map(Keep::Age),
            keep_bytes.map(Keep::Bytes),
            keep_segments.map(Keep::Segments),
            keep_newest.then_some(Keep::Newest),
        ];
        each.into_iter().flatten().next()
    }
}

/// What to purge.
#[derive(Debug, clap::Args)]
pub(super) struct Purge {
    /// The stream; without one, each that has a policy
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
    /// Purges by age although the clock has jumped
    #[arg(long)]
    accept_clock_jump: bool,
    /// It is meant
    #[arg(long)]
    yes: bool,
}

fn sync(text: &str) -> Result<SyncPolicy, String> {
    let expected = || "always, on-demand, every N, or a time such as 200ms is expected".to_owned();
    match text {
        "always" => return Ok(SyncPolicy::Always),
        "on-demand" => return Ok(SyncPolicy::OnDemand),
        _ => {}
    }
    if let Some(records) = text.strip_prefix("every ") {
        return records.trim().parse().map(SyncPolicy::Every).map_err(|_| expected());
    }
    if let Some(millis) = text.strip_suffix("ms") {
        let millis = millis.parse().map_err(|_| expected())?;
        return Ok(SyncPolicy::Interval(Duration::from_millis(millis)));
    }
    measure::age(text).map(SyncPolicy::Interval).map_err(|_| expected())
}

fn bucket(text: &str) -> Result<Bucket, String> {
    match text {
        "day" => Ok(Bucket::Day),
        "hour" => Ok(Bucket::Hour),
        "none" => Ok(Bucket::None),
        _ => Err("day, hour or none is expected".to_owned()),
    }
}

/// The root that is there, for this process alone.
fn opened(context: &Context) -> Result<Streams, Failure> {
    look_for_root(context)?;
    Ok(Streams::open(context.place.path())?)
}

/// What was appended, as JSON.
#[derive(Debug, Default, Serialize)]
struct Written {
    records: u64,
    bytes: u64,
    /// Where the first of them stands; null if there was none.
    first: Option<u64>,
    /// The place behind the last.
    next: Option<u64>,
}

pub(super) fn write(stream: &str, context: &mut Context) -> Result<(), Failure> {
    let streams = Streams::open(context.place.path())?;
    let mut written = Written::default();
    let mut input = io::stdin().lock();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut limited = io::Read::take(&mut input, LONGEST + 2);
        let read = limited
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::new(Code::Failed, format!("cannot read standard input: {error}")))?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() as u64 > LONGEST {
            let message =
                format!("line {} is longer than {}", written.records + lines.len() as u64 + 1, Size(LONGEST));
            return Err(Failure::new(Code::Rejected, message)
                .with_help("the lines before it were appended as far as they are reported"));
        }
        if read > 0 {
            lines.push(line);
        }
        if (read == 0 || lines.len() == BATCH) && !lines.is_empty() {
            let receipts = streams.write(stream, &lines)?;
            written.records += receipts.len() as u64;
            written.bytes += lines.iter().map(|line| line.len() as u64).sum::<u64>();
            written.first = written.first.or(receipts.first().map(|first| first.offset.get()));
            written.next = receipts.last().map(|last| last.next.get()).or(written.next);
            lines.clear();
        }
        if read == 0 {
            break;
        }
    }
    // What a policy has only accepted is durable once this has returned.
    streams.close()?;
    if context.output.json {
        context.output.object(&written)?;
    } else {
        let records = counted(written.records, "record");
        context.output.line(format_args!(
            "appended {records}, {} to {}",
            Size(written.bytes),
            Shown(stream)
        ))?;
    }
    context.output.flush()
}

pub(super) fn set(args: &Set, context: &mut Context) -> Result<(), Failure> {
    let streams = opened(context)?;
    let now = streams.settings(&args.stream)?;
    let wanted = Settings {
        codec: args.codec.unwrap_or(now.codec),
        sync: args.sync.unwrap_or(now.sync),
        segment_bytes: args.segment_bytes.unwrap_or(now.segment_bytes),
        bucket: args.bucket.unwrap_or(now.bucket),
        keep: args.keep.keep().unwrap_or(now.keep),
    };
    if wanted != now {
        streams.set(&args.stream, wanted)?;
    }
    let settings = streams.settings(&args.stream)?;
    streams.close()?;
    if context.output.json {
        context.output.object(&settings.to_json())?;
    } else {
        context.output.line(format_args!("codec          {}", settings.codec.name()))?;
        context.output.line(format_args!("sync           {:?}", settings.sync))?;
        context.output.line(format_args!("segment bytes  {}", Size(settings.segment_bytes)))?;
        context.output.line(format_args!("bucket         {:?}", settings.bucket))?;
        context.output.line(format_args!("keep           {}", settings.keep))?;
    }
    context.output.flush()
}

/// What was sealed, as JSON.
#[derive(Debug, Serialize)]
struct Sealed {
    stream: String,
    sealed: bool,
    next: u64,
}

pub(super) fn checkpoint(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let streams = opened(context)?;
    let done = streams.checkpoint(stream)?;
    streams.close()?;
    for one in done {
        let line = Sealed { stream: one.stream, sealed: one.sealed, next: one.next.get() };
        if context.output.json {
            context.output.object(&line)?;
        } else {
            let what = if line.sealed { "sealed" } else { "it holds nothing" };
            context.output.line(format_args!(
                "{}  {what}, goes on at offset {}",
                Shown(&line.stream),
                line.next
            ))?;
        }
    }
    context.output.flush()
}

/// What was encoded, as JSON.
#[derive(Debug, Serialize)]
struct Encoded {
    stream: String,
    base: u64,
    codec: &'static str,
    bytes: u64,
    stored_bytes: u64,
}

pub(super) fn encode(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let streams = opened(context)?;
    let done = streams.encode_now(stream)?;
    streams.close()?;
    for one in done {
        let (base, codec) = (one.base.get(), one.codec.name());
        let line =
            Encoded { stream: one.stream, base, codec, bytes: one.bytes, stored_bytes: one.stored_bytes };
        if context.output.json {
            context.output.object(&line)?;
        } else {
            let (bytes, stored) = (Size(line.bytes), Size(line.stored_bytes));
            context
                .output
                .line(format_args!("{} {base}  {bytes} as {stored} ({codec})", Shown(&line.stream)))?;
        }
    }
    context.output.flush()
}

/// What a policy would remove, as JSON.
#[derive(Debug, Serialize)]
struct Planned {
    stream: String,
    keep: String,
    segments: u64,
    bytes: u64,
    records: u64,
    oldest_after: u64,
    /// What is in the way of more, in words.
    blocked: Vec<String>,
}

pub(super) fn plan(stream: Option<&str>, context: &mut Context) -> Result<(), Failure> {
    let streams = opened(context)?;
    let plans = streams.plan_purge(stream)?;
    streams.close()?;
    for one in plans {
        let plan = &one.plan;
        let line = Planned {
            stream: one.stream.clone(),
            keep: plan.keep.to_string(),
            segments: plan.purge.len() as u64,
            bytes: plan.purge.iter().map(|segment| segment.bytes).sum(),
            records: plan.purge.iter().filter_map(|segment| segment.records).sum(),
            oldest_after: plan.oldest_after.get(),
            blocked: plan.blocked.iter().flat_map(|blocked| &blocked.by).map(ToString::to_string).collect(),
        };
        if context.output.json {
            context.output.object(&line)?;
            continue;
        }
        let (segments, records) = (counted(line.segments, "segment"), counted(line.records, "record"));
        context.output.line(format_args!(
            "{}  {}: {segments}, {records}, {} would go",
            Shown(&line.stream),
            line.keep,
            Size(line.bytes)
        ))?;
        for by in &line.blocked {
            context.output.line(format_args!("  {}", Shown(by)))?;
        }
    }
    context.output.flush()
}

pub(super) fn purge(args: &Purge, context: &mut Context) -> Result<(), Failure> {
    if !args.yes {
        return Err(Failure::usage("a purge removes for good: nothing was removed")
            .with_help("`annals streams plan` shows what would go; --yes removes it"));
    }
    let streams = opened(context)?;
    let purged = streams.purge(args.stream.as_deref(), Consent { clock_jump: args.accept_clock_jump })?;
    streams.close()?;
    for receipt in &purged.receipts {
        if context.output.json {
            context.output.object(receipt)?;
            continue;
        }
        let (store, records) = (Shown(&receipt.store), counted(receipt.records, "record"));
        context.output.line(format_args!(
            "{store}  {records} up to offset {}, {}",
            receipt.end,
            Size(receipt.bytes)
        ))?;
    }
    context.output.flush()?;
    told(&purged.refused, context).map_err(|failure| Failure { code: Code::Failed, ..failure })
}
