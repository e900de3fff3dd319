//! What every stream has accepted, and how much of that survives a power cut.

use std::collections::BTreeMap;

use annals_journal::SyncPolicy;
use serde::{Deserialize, Serialize};

use crate::pool::{Entry, has_failed};
use crate::root::Core;
use crate::settings::SCHEMA;

/// A snapshot: one stream after the other, each as it stands at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Durability {
    /// The schema of this document: 1.
    pub schema_version: u64,
    /// By name.
    pub streams: BTreeMap<String, StreamDurability>,
}

/// How one stream stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamDurability {
    /// Its sync policy: `always`, `every 64`, `interval 200 ms`, `on demand`; none if its settings do not verify.
    pub policy: Option<String>,
    /// In which form its sealed segments are kept; none as above.
    pub codec: Option<String>,
    /// How many records were accepted since the stream's beginning; none if it was not opened yet: what it holds is
    /// durable then.
    pub accepted: Option<u64>,
    /// How many of them are durable.
    pub durable: Option<u64>,
    /// How many are not: what a power cut, or a kill of the process, may take.
    pub buffered: u64,
    /// [`State::Flushed`] if nothing is buffered and nothing has failed.
    pub state: State,
    /// Why it takes nothing any more: a failed write or sync, or damage.
    pub stopped: Option<String>,
    /// Whether it is open.
    pub open: bool,
}

/// How a stream stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything accepted is on the medium.
    Flushed,
    /// Some of it would be lost now.
    Buffered,
    /// A write or sync has failed: what is durable is found out when it is opened anew.
    Poisoned,
}

pub(crate) fn snapshot(core: &Core) -> Durability {
    let streams = core.all().iter().map(|entry| (entry.name.to_string(), of(core, entry))).collect();
    Durability { schema_version: SCHEMA, streams }
}

fn of(core: &Core, entry: &std::sync::Arc<Entry>) -> StreamDurability {
    let settings = core.settings_of(entry).ok();
    let mut found = StreamDurability {
        policy: settings.map(|settings| policy(settings.sync)),
        codec: settings.map(|settings| settings.codec.name().to_owned()),
        accepted: None,
        durable: None,
        buffered: 0,
        state: State::Flushed,
        stopped: None,
        open: false,
    };
    match entry.lease_open() {
        Some(lease) => {
            let journal = &lease.journal;
            // In this order: what becomes durable in between is counted twice rather than not at all.
            found.buffered = journal.unsynced_records();
            let durable = journal.records();
            found.durable = Some(durable);
            found.accepted = Some(durable + found.buffered);
            found.stopped = journal.stopped().map(|error| error.to_string());
            found.open = true;
            found.state = match found.buffered {
                _ if has_failed(journal) => State::Poisoned,
                0 => State::Flushed,
                _ => State::Buffered,
            };
        }
        None => {
            let state = entry.lock();
            (found.accepted, found.durable) = (state.records, state.records);
            found.stopped.clone_from(&state.failed);
            if state.failed.is_some() {
                found.state = State::Poisoned;
            }
        }
    }
    found
}

fn policy(sync: SyncPolicy) -> String {
    match sync {
        SyncPolicy::Always => "always".to_owned(),
        SyncPolicy::Every(records) => format!("every {records}"),
        SyncPolicy::Interval(interval) => format!("interval {} ms", interval.as_secs_f64() * 1e3),
        SyncPolicy::OnDemand => "on demand".to_owned(),
    }
}
