//! What a reader saw on its way through the log, small enough to travel between processes.
//!
//!   stretch | named gap | stretch | named gap | stretch
//!   from..to            from..to               from..to, each with how many records and a sum over them

use annals_journal::Offset;
use serde_json::{Value, json};

use crate::outcome::Outcome;

/// How many records, and a number that depends on who wrote each, its number and its place, whatever the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) records: u64,
    pub(crate) mixed: u64,
}

impl Sum {
    /// Adds a record.
    pub(crate) fn add(&mut self, lane: u32, seq: u64, offset: Offset) {
        self.records += 1;
        let of_lane = mix(u64::from(lane).wrapping_add(0x5eed));
        self.mixed = self.mixed.wrapping_add(mix(mix(of_lane ^ seq) ^ offset.get()));
    }
}

/// Spreads each bit over all (the end of SplitMix64).
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A part of the log in which a reader claims to have seen every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Offset,
    pub(crate) to: Offset,
    pub(crate) sum: Sum,
}

/// A place that was looked for by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    pub(crate) micros: i64,
    /// When it was looked for; a time that had not come yet is found at the end as it was then.
    pub(crate) asked: i64,
    pub(crate) found: Offset,
}

/// One way through the log. Between two stretches lies a gap that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Which of the run's readers.
    pub(crate) reader: usize,
    pub(crate) stretches: Vec<Stretch>,
    /// If it began at a time.
    pub(crate) sought: Option<Sought>,
}

impl Passage {
    /// As it travels.
    pub(crate) fn to_json(&self) -> Value {
        let stretches = self.stretches.iter();
        let numbers: Vec<[u64; 4]> = stretches
            .map(|stretch| [stretch.from.get(), stretch.to.get(), stretch.sum.records, stretch.sum.mixed])
            .collect();
        let sought = self.sought.map(|sought| json!([sought.micros, sought.asked, sought.found.get()]));
        json!({ "reader": self.reader, "stretches": numbers, "sought": sought })
    }

    /// From what has travelled.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let stretch = |value: &Value| {
            let number = |i: usize| value.get(i).and_then(Value::as_u64);
            let sum = Sum { records: number(2)?, mixed: number(3)? };
            Some(Stretch { from: Offset::new(number(0)?), to: Offset::new(number(1)?), sum })
        };
        let sought = value.get("sought").filter(|sought| !sought.is_null()).map(|sought| {
            let found = Offset::new(sought.get(2)?.as_u64()?);
            Some(Sought { micros: sought.get(0)?.as_i64()?, asked: sought.get(1)?.as_i64()?, found })
        });
        Some(Self {
            reader: usize::try_from(value.get("reader")?.as_u64()?).ok()?,
            stretches: value.get("stretches")?.as_array()?.iter().map(stretch).collect::<Option<_>>()?,
            sought: match sought {
                Some(sought) => Some(sought?),
                None => None,
            },
        })
    }

    /// All that a process has to tell.
    pub(crate) fn all_from_json(value: &Value) -> Outcome<Vec<Self>> {
        let passages = value.as_array().ok_or("no passages")?;
        passages
            .iter()
            .map(|passage| Self::from_json(passage).ok_or_else(|| format!("no passage: {passage}").into()))
            .collect()
    }

    /// Where it ended.
    pub(crate) fn end(&self) -> Option<Offset> {
        self.stretches.last().map(|stretch| stretch.to)
    }
}
