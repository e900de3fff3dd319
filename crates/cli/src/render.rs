//! Records, for people and as JSON.
//!
//!   record -> one line      lists
//!          -> fields        one record by itself
//!          -> JSON          its JSON form, after `id` and `offset`

use annals::{Assertion, Decimal, Epoch, Interval, LinkKind, Polarity, Qualifier, Record, RecordId, Stance};
use annals::{Stored, SupersessionKind, Tally, Value, Vote, format_instant};

use crate::escape::{Quoted, Shown};
use crate::exit::{Code, Failure};
use crate::number::{Count, parts};

/// The most characters of a text that a list shows.
const LIST: usize = 100;
/// The most bytes of a value of raw bytes that a list shows.
const LIST_BYTES: usize = 16;
/// The digits of an id in a list: more than a prefix needs.
const SHORT_ID: usize = 12;

/// The beginning of an id, for lists.
pub(crate) fn short(id: &RecordId) -> String {
    let mut digits = id.to_string();
    digits.truncate(SHORT_ID);
    digits
}

/// What a stored record says.
///
/// # Errors
/// If its bytes are none of ours: a store that was put together by somebody else.
pub(crate) fn record_of(stored: &Stored) -> Result<Record, Failure> {
    let damaged = |error| format!("the record {} in the store cannot be read: {error}", stored.id);
    stored.record().map_err(|error| Failure::new(Code::Damaged, damaged(error)))
}

/// A record as a line of JSON: `id`, `offset`, `type` and its JSON form.
pub(crate) fn json(record: &Record, stored: &Stored) -> String {
    record.to_json_at(Some(stored.id), Some(stored.offset))
}

/// An object of JSON with one more key at its end.
pub(crate) fn with_key(mut object: String, key: &str, value: &str) -> String {
    object.pop();
    object.push_str(&format!(",\"{key}\":{value}}}"));
    object
}

/// A tally as JSON. Weights are in votes, to the millionth.
pub(crate) fn tally_json(tally: &Tally) -> String {
    let side = |voters: u64, ppm: u64| format!(r#"{{"voters":{voters},"weight":{}}}"#, parts(ppm.into()));
    format!(
        r#"{{"for":{},"against":{},"neutral":{},"balance":{},"superseded":{}}}"#,
        side(tally.for_voters, tally.for_ppm),
        side(tally.against_voters, tally.against_ppm),
        side(tally.neutral_voters, tally.neutral_ppm),
        parts(tally.balance_ppm()),
        tally.superseded,
    )
}

/// A tally for people: `+2 -1 (balance 1.5)`; empty if nobody has voted.
pub(crate) fn tally(tally: &Tally) -> String {
    if tally.for_voters + tally.against_voters + tally.neutral_voters == 0 {
        return String::new();
    }
    let neutral = match tally.neutral_voters {
        0 => String::new(),
        some => format!(" ={}", Count(some)),
    };
    let (yes, no) = (Count(tally.for_voters), Count(tally.against_voters));
    format!("+{yes} -{no}{neutral} (balance {})", parts(tally.balance_ppm()))
}

/// A record on one line, without its id.
pub(crate) fn line(record: &Record) -> String {
    match record {
        Record::Assertion(assertion) => {
            let Assertion { subject, .. } = assertion;
            format!("{}  {}", Shown(subject), claim(assertion))
        }
        Record::Vote(vote) => vote_line(vote),
        Record::Epoch(epoch) => epoch_line(epoch),
    }
}

/// What an assertion says of its subject, on one line.
pub(crate) fn claim(assertion: &Assertion) -> String {
    let not = if assertion.polarity == Polarity::Deny { "NOT " } else { "" };
    let object = value(&assertion.object, LIST);
    let mut notes = Vec::new();
    notes.extend(assertion.confidence_ppm.map(|ppm| format!("confidence {}", Decimal::from_ppm(ppm))));
    if !assertion.sources.is_empty() {
        notes.push(format!("source {}", Shown(&assertion.sources.join(", "))));
    }
    notes.extend(assertion.qualifiers.iter().map(qualifier));
    notes.extend(assertion.valid.as_ref().map(|valid| format!("valid {}", interval(valid))));
    notes.extend(
        assertion.links.iter().map(|link| format!("{} {}", link_name(link.kind), short(&link.target))),
    );
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) };
    format!("{not}{}  {object}{notes}", Shown(&assertion.predicate))
}

/// A vote on one line.
pub(crate) fn vote_line(vote: &Vote) -> String {
    let reason = vote.reason.as_deref().map(|text| format!("  {}", Quoted { text, longest: LIST }));
    format!(
        "{}  {} on {}  (weight {}, seq {}){}",
        Shown(&vote.voter),
        stance(vote.stance),
        short(&vote.assertion),
        Decimal::from_ppm(vote.weight_ppm),
        vote.seq,
        reason.unwrap_or_default(),
    )
}

/// An epoch on one line.
pub(crate) fn epoch_line(epoch: &Epoch) -> String {
    let span = match (epoch.starts, epoch.ends) {
        (None, None) => String::new(),
        (from, until) => format!("  {}", interval(&Interval { from, until })),
    };
    let description =
        epoch.description.as_deref().map(|text| format!("  {}", Quoted { text, longest: LIST }));
    format!("{}{span}{}", Shown(&epoch.name), description.unwrap_or_default())
}

/// Everything a record says, as names and values.
pub(crate) fn fields(record: &Record) -> Vec<(&'static str, String)> {
    match record {
        Record::Assertion(assertion) => assertion_fields(assertion),
        Record::Vote(vote) => vote_fields(vote),
        Record::Epoch(epoch) => epoch_fields(epoch),
    }
}

fn assertion_fields(assertion: &Assertion) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("subject", Shown(&assertion.subject).to_string()),
        ("predicate", Shown(&assertion.predicate).to_string()),
        ("object", value(&assertion.object, usize::MAX)),
    ];
    if assertion.polarity == Polarity::Deny {
        fields.push(("polarity", "deny".to_owned()));
    }
    fields.extend(assertion.confidence_ppm.map(|ppm| ("confidence", Decimal::from_ppm(ppm).to_string())));
    fields.extend(assertion.sources.iter().map(|source| ("source", Shown(source).to_string())));
    fields.extend(assertion.agent.iter().map(|agent| ("agent", Shown(agent).to_string())));
    fields.extend(assertion.epoch.map(|epoch| ("epoch", epoch.to_string())));
    fields.extend(assertion.qualifiers.iter().map(|one| ("qualifier", qualifier(one))));
    fields.extend(assertion.valid.as_ref().map(|valid| ("valid", interval(valid))));
    fields.extend(assertion.links.iter().map(|link| (link_name(link.kind), link.target.to_string())));
    fields.extend(assertion.authored_at_micros.map(|at| ("authored at", format_instant(at))));
    fields
}

fn vote_fields(vote: &Vote) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("assertion", vote.assertion.to_string()),
        ("voter", Shown(&vote.voter).to_string()),
        ("stance", stance(vote.stance).to_owned()),
        ("weight", Decimal::from_ppm(vote.weight_ppm).to_string()),
        ("seq", vote.seq.to_string()),
    ];
    fields.extend(vote.reason.iter().map(|reason| ("reason", Shown(reason).to_string())));
    fields.extend(vote.epoch.map(|epoch| ("epoch", epoch.to_string())));
    fields.extend(vote.cast_at_micros.map(|at| ("cast at", format_instant(at))));
    fields
}

fn epoch_fields(epoch: &Epoch) -> Vec<(&'static str, String)> {
    let mut fields = vec![("name", Shown(&epoch.name).to_string()), ("epoch", epoch.id().to_string())];
    fields.extend(epoch.description.iter().map(|text| ("description", Shown(text).to_string())));
    fields.extend(epoch.supersedes.iter().map(|one| {
        let how = match one.kind {
            SupersessionKind::Replaces => "replaces",
            SupersessionKind::Refines => "refines",
            SupersessionKind::Extends => "extends",
        };
        (how, one.epoch.to_string())
    }));
    fields.extend(epoch.starts.map(|time| ("starts", time.to_string())));
    fields.extend(epoch.ends.map(|time| ("ends", time.to_string())));
    fields.extend(epoch.author.iter().map(|author| ("author", Shown(author).to_string())));
    fields.extend(epoch.authored_at_micros.map(|at| ("authored at", format_instant(at))));
    fields
}

/// A value for people; texts longer than `longest` characters are cut.
fn value(value: &Value, longest: usize) -> String {
    match value {
        Value::Entity(name) => Shown(name).to_string(),
        Value::Text { text, language } => {
            let language = language.as_deref().map(|language| format!("@{}", Shown(language)));
            format!("{}{}", Quoted { text, longest }, language.unwrap_or_default())
        }
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Time(time) => time.to_string(),
        Value::Quantity { amount, unit } => format!("{amount} {}", Shown(unit)),
        Value::Bytes(bytes) => bytes_of(bytes, longest),
        Value::Assertion(id) => {
            format!("assertion {}", if longest == LIST { short(id) } else { id.to_string() })
        }
        Value::SomeValue => "(a value that is not known)".to_owned(),
        Value::NoValue => "(no value)".to_owned(),
        _ => "(a value of a kind that this version does not know)".to_owned(),
    }
}

fn bytes_of(bytes: &[u8], longest: usize) -> String {
    let shown = if longest == LIST { &bytes[..bytes.len().min(LIST_BYTES)] } else { bytes };
    let rest = if shown.len() < bytes.len() { "…" } else { "" };
    format!("0x{}{rest} ({} bytes)", hex(shown), Count(bytes.len() as u64))
}

/// Bytes as pairs of hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    pairs.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn qualifier(qualifier: &Qualifier) -> String {
    format!("{} = {}", Shown(&qualifier.key), value(&qualifier.value, LIST))
}

fn interval(interval: &Interval) -> String {
    let end = |time: Option<annals::Time>| time.map_or_else(|| "…".to_owned(), |time| time.to_string());
    format!("{} to {}", end(interval.from), end(interval.until))
}

fn link_name(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Supersedes => "supersedes",
        LinkKind::Corrects => "corrects",
        LinkKind::Retracts => "retracts",
        LinkKind::DerivedFrom => "derived from",
    }
}

fn stance(stance: Stance) -> &'static str {
    match stance {
        Stance::For => "for",
        Stance::Against => "against",
        Stance::Neutral => "neutral",
    }
}

#[cfg(test)]
mod tests;
