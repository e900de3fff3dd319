//! Histories of facts, each drawn from its seed. What is noise in them decides how small they get, so it is said here and
//! in docs/codecs.md.

use std::fmt;

use annals_streams::{Cause, Fact, FactId};
use clap::ValueEnum;

use super::dice::Dice;
use crate::outcome::Outcome;

mod customers;
mod knowledge;
mod positions;
mod readings;

/// When histories begin, seconds since 1970.
const BEGIN: f64 = 1_780_000_000.0;

/// A kind of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum History {
    /// Positions of 200 technicians, 6 decimals.
    Gps,
    /// The same with 7 decimals, and 2 of everything else.
    Gps7,
    /// The same with positions as full doubles.
    Gpsraw,
    /// Readings of 1,000 sensors.
    Sensor,
    /// Customers, the whole record each time.
    Crm,
    /// Assertions of the shipped set.
    Know,
}

/// A fact, and the fact before it that it follows.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) fact: Fact,
    pub(crate) follows: Option<usize>,
}

impl History {
    pub(crate) const ALL: [Self; 6] =
        [Self::Gps, Self::Gps7, Self::Gpsraw, Self::Sensor, Self::Crm, Self::Know];

    /// How many times smaller than json_crc32 it is meant to be.
    pub(crate) const fn goal(self, foreign: bool) -> f64 {
        match (self, foreign) {
            (Self::Gps | Self::Gps7 | Self::Sensor | Self::Know, false) => 40.0,
            (Self::Gpsraw, false) => 25.0,
            (Self::Crm, false) => 10.0,
            (Self::Gps | Self::Gps7 | Self::Gpsraw | Self::Sensor, true) => 15.0,
            (Self::Know, true) => 18.0,
            (Self::Crm, true) => 7.0,
        }
    }

    /// So many facts of it, in the order in which they are written, with native ids.
    pub(crate) fn draw(self, count: usize) -> Outcome<Vec<Drawn>> {
        let mut dice = Dice::new(0x00a7_7a15 + self as u64);
        let mut facts = match self {
            Self::Gps => positions::draw(&mut dice, count, &positions::SIX),
            Self::Gps7 => positions::draw(&mut dice, count, &positions::SEVEN),
            Self::Gpsraw => positions::draw(&mut dice, count, &positions::RAW),
            Self::Sensor => readings::draw(&mut dice, count),
            Self::Crm => customers::draw(&mut dice, count)?,
            Self::Know => knowledge::draw(&mut dice, count)?,
        };
        arrive(&mut facts);
        Ok(facts)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gps => "gps",
            Self::Gps7 => "gps7",
            Self::Gpsraw => "gpsraw",
            Self::Sensor => "sensor",
            Self::Crm => "crm",
            Self::Know => "know",
        })
    }
}

/// Puts facts in the order in which they arrive, no two at once, and has each follow the one before of its key.
fn arrive(facts: &mut [Drawn]) {
    facts.sort_by(|a, b| a.fact.transaction_time.total_cmp(&b.fact.transaction_time));
    let mut last = std::collections::HashMap::new();
    let mut before = f64::MIN;
    for (number, drawn) in facts.iter_mut().enumerate() {
        if drawn.fact.transaction_time <= before {
            drawn.fact.transaction_time = before.next_up();
        }
        before = drawn.fact.transaction_time;
        drawn.follows = last.insert(drawn.fact.key.clone(), number);
    }
}

/// Gives every fact a random id that was given elsewhere, and names the fact that it follows by that.
pub(crate) fn make_foreign(facts: &mut [Drawn]) {
    let mut dice = Dice::new(0xf02e_1611);
    let ids: Vec<uuid::Uuid> = facts.iter().map(|_| dice.uuid()).collect();
    for (drawn, id) in facts.iter_mut().zip(&ids) {
        drawn.fact.id = FactId::Foreign(*id);
        drawn.fact.causation = drawn.follows.map(|before| Cause::Foreign(ids[before]));
    }
}

/// A number with so many decimals, without the zeros that say nothing, as JSON has doubles.
fn decimal(number: f64, decimals: i32) -> f64 {
    let power = 10_f64.powi(decimals);
    (number * power).round() / power
}
