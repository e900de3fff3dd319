//! `annals streams replay`: records of one stream or of many, by time.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::journal::RealDisk;
use annals::streams::{Error, Fact, FactTime, JournalTime, Query, Reader, Record, Timeline};
use annals::{Log, LogId, SystemClock, format_instant};
use serde::Serialize;
use serde_json::value::RawValue;

use super::look_for_root;
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::counted;
use crate::output;
use crate::render::hex;

/// Which records.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The streams; without any, all
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// Of this time or later
    #[arg(long, value_name = "TIME", value_parser = measure::moment, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Of this time or earlier
    #[arg(long, value_name = "TIME", value_parser = measure::moment, allow_hyphen_values = true)]
    as_of: Option<i64>,
    /// By the transaction times of facts, and not by when records were written
    #[arg(long)]
    fact_time: bool,
}

/// A record, as JSON. It has one of fact, text and hex.
#[derive(Debug, Serialize)]
struct Line<'a> {
    stream: &'a str,
    offset: u64,
    id: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    look_for_root(context)?;
    let timeline: Arc<dyn Timeline> = if args.fact_time { Arc::new(FactTime) } else { Arc::new(JournalTime) };
    let reader = Reader::open_on(Arc::new(RealDisk), Arc::new(SystemClock), context.place.path(), timeline)?;
    let query = Query {
        streams: (!args.streams.is_empty()).then(|| args.streams.clone()),
        since_micros: args.since,
        as_of_micros: args.as_of,
        ..Query::default()
    };
    let mut logs = BTreeMap::new();
    let mut unread = 0_u64;
    for record in reader.replay(&query)? {
        match record {
            Ok(record) => show(&reader, &mut logs, &record, context)?,
            // What follows is shown all the same.
            Err(error @ Error::Read { .. }) => {
                unread += 1;
                output::warn(&error.into(), context.output.json);
            }
            Err(error) => return Err(error.into()),
        }
    }
    context.output.flush()?;
    if unread == 0 {
        return Ok(());
    }
    Err(Failure::new(Code::Damaged, format!("{} could not be read", counted(unread, "range"))))
}

fn show(
    reader: &Reader,
    logs: &mut BTreeMap<String, LogId>,
    record: &Record,
    context: &mut Context,
) -> Result<(), Failure> {
    let stream = record.stream.as_str();
    let fact = match Fact::from_payload(&record.payload) {
        Err(_) => None,
        Ok(fact) => {
            let log = match logs.get(stream) {
                Some(log) => *log,
                None => {
                    let log = reader.stream(stream)?.identity();
                    logs.insert(stream.to_owned(), log);
                    log
                }
            };
            fact.line(log, record.offset).ok()
        }
    };
    let text = std::str::from_utf8(&record.payload).ok().filter(|_| fact.is_none());
    if context.output.json {
        let hex = (fact.is_none() && text.is_none()).then(|| hex(&record.payload));
        let fact = fact.and_then(|line| RawValue::from_string(line).ok());
        let (id, time) = (record.id.to_string(), format_instant(record.micros));
        return context.output.object(&Line {
            stream,
            offset: record.offset.get(),
            id,
            time,
            fact,
            text,
            hex,
        });
    }
    let shown = fact.or_else(|| text.map(str::to_owned)).unwrap_or_else(|| hex(&record.payload));
    context.output.line(format_args!(
        "{}  {} {}  {}",
        format_instant(record.micros),
        Shown(stream),
        record.offset,
        Shown(&shown)
    ))
}
