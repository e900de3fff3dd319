//! The assertions of the shipped set as facts: real text, in the order of the set. Only the times of their import are drawn:
//! one every 200 microseconds, 50 more or less.

use std::fmt::Write as _;

use annals_streams::Fact;

use super::super::dice::Dice;
use super::super::words;
use super::{BEGIN, Drawn};
use crate::outcome::Outcome;

pub(super) fn draw(dice: &mut Dice, count: usize) -> Outcome<Vec<Drawn>> {
    let mut time = BEGIN;
    let mut drawn = Vec::new();
    for statement in words::statements()?.into_iter().take(count) {
        time += 200e-6 + dice.between(-50e-6, 50e-6);
        let mut value = format!(r#"{{"predicate":"{}","object":{}"#, statement.predicate, statement.object);
        let fields =
            [("language", &statement.language), ("source", &statement.source), ("epoch", &statement.epoch)];
        for (name, field) in fields {
            if let Some(field) = field {
                let _ = write!(value, r#","{name}":{}"#, serde_json::to_string(field)?);
            }
        }
        value.push('}');
        let mut fact = Fact::new("knowledge", statement.subject, value, time);
        fact.valid_time = Some(1_662_940_800.0);
        fact.producer = Some("import unihan 15.0.0".to_owned());
        drawn.push(Drawn { fact, follows: None });
    }
    Ok(drawn)
}
