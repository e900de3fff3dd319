//! An assertion's keys.

use std::collections::HashSet;

use super::error::excerpt;
use super::field::Field;
use super::fields::each_key;
use super::{Fields, JsonError, value};
use crate::limits::{LimitError, MAX_ITEMS};
use crate::{Assertion, Interval, Link, LinkKind, Polarity, Qualifier, RecordError};

/// The key of each kind of link, in the order in which they are written.
pub(super) const LINKS: [(&str, LinkKind); 4] = [
    ("supersedes", LinkKind::Supersedes),
    ("corrects", LinkKind::Corrects),
    ("retracts", LinkKind::Retracts),
    ("derived_from", LinkKind::DerivedFrom),
];

/// Takes an assertion's keys, and sorts what is written sorted.
pub(super) fn read(fields: &mut Fields<'_>) -> Result<Assertion, JsonError> {
    let mut assertion = Assertion::new(
        fields.need("subject")?.text()?,
        fields.need("predicate")?.text()?,
        value::read(fields.need("object")?)?,
    );
    assertion.polarity = fields.take("polarity").map_or(Ok(Polarity::Affirm), read_polarity)?;
    assertion.confidence_ppm = fields.take("confidence").map(|field| field.ppm(1)).transpose()?;
    assertion.sources = read_sources(fields)?;
    assertion.agent = fields.take("agent").map(|field| field.text()).transpose()?;
    assertion.epoch = fields.take("epoch").map(|field| field.epoch()).transpose()?;
    assertion.qualifiers = fields.take("qualifiers").map_or(Ok(Vec::new()), read_qualifiers)?;
    assertion.valid = fields.take("valid").map(read_interval).transpose()?;
    for (key, kind) in LINKS {
        let Some(field) = fields.take(key) else { continue };
        for entry in field.one_or_list()? {
            assertion.links.push(Link { kind, target: entry.id()? });
        }
    }
    assertion.authored_at_micros = fields.take("authored_at").map(|field| field.instant()).transpose()?;
    assertion.canonicalize();
    Ok(assertion)
}

fn read_polarity(field: Field<'_>) -> Result<Polarity, JsonError> {
    match field.raw() {
        "\"affirm\"" => Ok(Polarity::Affirm),
        "\"deny\"" => Ok(Polarity::Deny),
        _ => Err(field.says("\"affirm\" or \"deny\"")),
    }
}

/// One source is `source`, several are `sources`.
fn read_sources(fields: &mut Fields<'_>) -> Result<Vec<String>, JsonError> {
    match (fields.take("source"), fields.take("sources")) {
        (None, None) => Ok(Vec::new()),
        (Some(one), None) => Ok(vec![one.text()?]),
        (None, Some(several)) => several.list("a list of texts")?.iter().map(Field::text).collect(),
        (Some(_), Some(_)) => Err(JsonError::RepeatedKey { key: "source, sources".to_owned() }),
    }
}

/// Reads the ends of an interval; an absent end is open.
fn read_interval(field: Field<'_>) -> Result<Interval, JsonError> {
    let mut ends = field.fields(&["from", "until"], "an object with from, until or both")?;
    let mut end = |key| {
        let time = ends.take(key).map(|end| end.time()).transpose();
        time.map_err(|error| error.within(field.key()))
    };
    Ok(Interval { from: end("from")?, until: end("until")? })
}

/// Reads each qualifier: a value, or a list of values for a key that has several.
fn read_qualifiers(field: Field<'_>) -> Result<Vec<Qualifier>, JsonError> {
    if field.first() != b'{' {
        return Err(field.not("an object of qualifiers"));
    }
    let mut qualifiers = Vec::new();
    let mut seen = HashSet::new();
    let read = each_key(field.raw(), |key, raw| {
        if !seen.insert(key.to_owned()) {
            return Err(JsonError::RepeatedKey { key: excerpt(key) });
        }
        for entry in Field::new(key, raw).one_or_list()? {
            if qualifiers.len() == MAX_ITEMS {
                let refused =
                    LimitError::TooMany { field: "qualifiers", count: MAX_ITEMS + 1, limit: MAX_ITEMS };
                return Err(RecordError::from(refused).into());
            }
            qualifiers.push(Qualifier { key: key.to_owned(), value: value::read(entry)? });
        }
        Ok(())
    });
    read.map_err(|error| error.within(field.key()))?;
    Ok(qualifiers)
}
