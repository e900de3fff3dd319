//! Flags as the line of JSON that says the same: one place knows what a record may hold, and it reads JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::flags::{Args, Claim, Epoch, Object, Vote};
use crate::exit::Failure;

/// All digits of an id.
const ID_DIGITS: usize = 64;

/// Completes the id of a record that is there.
type Complete<'a> = dyn FnMut(&str) -> Result<String, Failure> + 'a;

/// A key of JSON with its value.
type Raw = Box<RawValue>;

/// The line that the flags make. `complete` is asked for every id of a record.
///
/// # Errors
/// A usage error if a flag does not make a value.
pub(super) fn json(args: &Args, complete: &mut Complete<'_>) -> Result<String, Failure> {
    let mut line = Line::default();
    if args.claim.subject.is_some() {
        line.claim(&args.claim, complete)?;
        line.object(&args.object, complete)?;
    } else if args.vote.vote_on.is_some() {
        line.vote(&args.vote, complete)?;
    } else {
        line.epoch(&args.epoch)?;
    }
    line.text("epoch", args.in_epoch.as_deref())?;
    line.text("authored_at", args.authored_at.as_deref())?;
    Ok(raw(&line.keys)?.get().to_owned())
}

/// Whether an id is given by its first digits.
pub(super) fn shortened_ids(args: &Args) -> bool {
    let Claim { supersedes, corrects, retracts, derived_from, .. } = &args.claim;
    let links = [supersedes, corrects, retracts, derived_from].into_iter().flatten();
    let mut ids = links.chain(&args.object.claim).chain(&args.vote.vote_on);
    ids.any(|id| id.len() < ID_DIGITS)
}

/// A line while it is put together.
#[derive(Default)]
struct Line {
    keys: BTreeMap<&'static str, Raw>,
}

impl Line {
    fn claim(&mut self, claim: &Claim, complete: &mut Complete<'_>) -> Result<(), Failure> {
        self.text("subject", claim.subject.as_deref())?;
        self.text("predicate", claim.predicate.as_deref())?;
        self.text("polarity", claim.deny.then_some("deny"))?;
        self.number("confidence", claim.confidence.as_deref())?;
        self.list("sources", &claim.source)?;
        self.text("agent", claim.agent.as_deref())?;
        self.qualifiers(&claim.qualifier)?;
        let ends = [("from", &claim.valid_from), ("until", &claim.valid_until)];
        let ends: BTreeMap<_, _> =
            ends.into_iter().filter_map(|(end, time)| Some((end, time.as_ref()?))).collect();
        if !ends.is_empty() {
            self.keys.insert("valid", raw(&ends)?);
        }
        for (key, ids) in [
            ("supersedes", &claim.supersedes),
            ("corrects", &claim.corrects),
            ("retracts", &claim.retracts),
            ("derived_from", &claim.derived_from),
        ] {
            let ids = ids.iter().map(|id| complete(id)).collect::<Result<Vec<_>, _>>()?;
            self.list(key, &ids)?;
        }
        Ok(())
    }

    fn object(&mut self, object: &Object, complete: &mut Complete<'_>) -> Result<(), Failure> {
        let value = value(object, complete)?;
        self.keys.extend(value.map(|value| ("object", value)));
        Ok(())
    }

    fn vote(&mut self, vote: &Vote, complete: &mut Complete<'_>) -> Result<(), Failure> {
        self.text("type", Some("vote"))?;
        self.text("assertion", vote.vote_on.as_deref().map(complete).transpose()?.as_deref())?;
        self.text("voter", vote.voter.as_deref())?;
        self.keys
            .extend(vote.stance.map(|stance| raw(&stance)).transpose()?.map(|stance| ("stance", stance)));
        self.number("weight", vote.weight.as_deref())?;
        self.keys.extend(vote.seq.map(|seq| raw(&seq)).transpose()?.map(|seq| ("seq", seq)));
        self.text("reason", vote.reason.as_deref())?;
        self.text("cast_at", vote.cast_at.as_deref())
    }

    fn epoch(&mut self, epoch: &Epoch) -> Result<(), Failure> {
        self.text("type", Some("epoch"))?;
        self.text("name", epoch.epoch_name.as_deref())?;
        self.text("description", epoch.description.as_deref())?;
        self.text("starts", epoch.starts.as_deref())?;
        self.text("ends", epoch.ends.as_deref())?;
        self.text("author", epoch.author.as_deref())?;
        let how = [("replaces", &epoch.replaces), ("refines", &epoch.refines), ("extends", &epoch.extends)];
        let followed: Vec<BTreeMap<&str, &String>> = how
            .into_iter()
            .flat_map(|(how, names)| names.iter().map(move |name| BTreeMap::from([(how, name)])))
            .collect();
        if !followed.is_empty() {
            self.keys.insert("supersedes", raw(&followed)?);
        }
        Ok(())
    }

    fn text(&mut self, key: &'static str, text: Option<&str>) -> Result<(), Failure> {
        self.keys.extend(text.map(|text| raw(&text)).transpose()?.map(|text| (key, text)));
        Ok(())
    }

    fn list(&mut self, key: &'static str, texts: &[String]) -> Result<(), Failure> {
        if !texts.is_empty() {
            self.keys.insert(key, raw(&texts)?);
        }
        Ok(())
    }

    fn number(&mut self, key: &'static str, digits: Option<&str>) -> Result<(), Failure> {
        self.keys.extend(digits.map(|digits| number(key, digits)).transpose()?.map(|number| (key, number)));
        Ok(())
    }

    fn qualifiers(&mut self, given: &[String]) -> Result<(), Failure> {
        let mut qualifiers: BTreeMap<&str, Vec<Raw>> = BTreeMap::new();
        for qualifier in given {
            let Some((key, text)) = qualifier.split_once('=') else {
                return Err(Failure::usage(format!(
                    "--qualifier is \"{qualifier}\", expected KEY=TEXT or KEY:=JSON"
                )));
            };
            let (key, value) = match key.strip_suffix(':') {
                Some(key) => (key, json_value("qualifier", text)?),
                None => (key, raw(&text)?),
            };
            qualifiers.entry(key).or_default().push(value);
        }
        if !qualifiers.is_empty() {
            self.keys.insert("qualifiers", raw(&qualifiers)?);
        }
        Ok(())
    }
}

/// The one value that is given; none if none is.
fn value(object: &Object, complete: &mut Complete<'_>) -> Result<Option<Raw>, Failure> {
    let named = |kind: &str, text: &str| raw(&BTreeMap::from([(kind, text)])).map(Some);
    if let Some(text) = &object.object {
        return match &object.language {
            Some(language) => raw(&BTreeMap::from([("text", text), ("language", language)])).map(Some),
            None => raw(text).map(Some),
        };
    }
    if let Some(quantity) = &object.quantity {
        let Some((amount, unit)) = quantity.trim().split_once(char::is_whitespace) else {
            return Err(Failure::usage(format!(
                "--quantity is \"{quantity}\", expected an amount and its unit: '5.2 kg'"
            )));
        };
        return raw(&BTreeMap::from([("quantity", amount), ("unit", unit.trim_start())])).map(Some);
    }
    if let Some(float) = &object.float {
        let float = match float.as_str() {
            "NaN" | "inf" | "-inf" => raw(float)?,
            digits => number("float", digits)?,
        };
        return raw(&BTreeMap::from([("float", float)])).map(Some);
    }
    if let Some(id) = &object.claim {
        return named("assertion", &complete(id)?);
    }
    let texts = [
        ("entity", &object.entity),
        ("decimal", &object.decimal),
        ("time", &object.time),
        ("bytes", &object.bytes),
    ];
    if let Some((kind, text)) = texts.into_iter().find_map(|(kind, text)| Some((kind, text.as_ref()?))) {
        return named(kind, text);
    }
    match object {
        Object { int: Some(number), .. } => raw(number).map(Some),
        Object { bool: Some(truth), .. } => raw(truth).map(Some),
        Object { some: true, .. } => json_value("some", r#"{"some":true}"#).map(Some),
        Object { none: true, .. } => json_value("none", r#"{"none":true}"#).map(Some),
        Object { object_json: Some(json), .. } => json_value("object-json", json).map(Some),
        _ => Ok(None),
    }
}

fn raw(value: &(impl Serialize + ?Sized)) -> Result<Raw, Failure> {
    to_raw_value(value).map_err(|error| Failure::usage(format!("this cannot be written as JSON: {error}")))
}

/// A number with every digit as it is given.
fn number(flag: &str, digits: &str) -> Result<Raw, Failure> {
    let number = RawValue::from_string(digits.to_owned()).ok();
    let number = number
        .filter(|number| number.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()));
    number.ok_or_else(|| Failure::usage(format!("--{flag} is \"{digits}\", expected a number")))
}

/// A value that is given as JSON.
fn json_value(flag: &str, json: &str) -> Result<Raw, Failure> {
    let refused = |error| Failure::usage(format!("--{flag} is no JSON: {error}"));
    RawValue::from_string(json.to_owned()).map_err(refused)
}

#[cfg(test)]
mod tests;
