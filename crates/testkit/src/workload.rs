//! Records and payloads drawn from a seed.
//!
//!   seed -> [`Workload`] -> assertions, votes, epochs, the application's records, bytes that decode to nothing
//!   seed -> [`payload`]  -> bytes for a journal, which does not care what they mean
//!
//! W1: the same seed gives the same records, in the same order, on every machine.

use std::collections::VecDeque;

use annals_record::{
    Assertion, Epoch, EpochId, Interval, Link, LinkKind, Polarity, Precision, Qualifier, RecordId, Stance,
    Supersession, SupersessionKind, Time, Value, Vote, serialize_assertion, serialize_epoch, serialize_vote,
};
use fastrand::Rng;

/// A record that was drawn: its bytes, and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The payload to append.
    pub payload: Vec<u8>,
    /// What a reader must make of it.
    pub meaning: Meaning,
}

/// What a payload means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A claim.
    Assertion(Assertion),
    /// A voice on a claim.
    Vote(Vote),
    /// A paradigm.
    Epoch(Epoch),
    /// The application's own: its first byte is 128 or more.
    Application,
    /// Of no known type, of a newer version, or with bytes that do not decode: a dead letter.
    Undecodable,
}

impl Drawn {
    /// The record's identity.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.payload)
    }
}

/// How many subjects, voters and epochs a workload draws from.
const SUBJECTS: usize = 200;
const VOTERS: usize = 12;
const EPOCHS: usize = 6;
/// How many records back a vote or a duplicate may point.
const REMEMBERED: usize = 256;

/// An endless stream of records: subjects by a Zipf-like law, one record in twenty a duplicate, votes on assertions that
/// come later or never, epochs in several versions, and now and then bytes that decode to nothing.
#[derive(Clone, Debug)]
pub struct Workload {
    rng: Rng,
    recent: VecDeque<Drawn>,
    /// Assertions that were voted on and have not come yet.
    held_back: Vec<Drawn>,
}

impl Workload {
    /// The workload of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), recent: VecDeque::new(), held_back: Vec::new() }
    }

    fn draw(&mut self) -> Drawn {
        match self.rng.u32(..100) {
            0..5 => match self.rng.choice(&self.recent) {
                Some(drawn) => drawn.clone(),
                None => self.assertion(),
            },
            5..10 => match self.held_back.pop() {
                Some(drawn) => drawn,
                None => self.assertion(),
            },
            10..35 => self.vote(),
            35..40 => self.epoch(),
            40..42 => self.undecodable(),
            42..44 => self.application(),
            _ => self.assertion(),
        }
    }

    fn assertion(&mut self) -> Drawn {
        let subject = format!("subject/{}", zipf(&mut self.rng, SUBJECTS));
        let object = self.value();
        let mut assertion = Assertion::new(subject, format!("predicate/{}", zipf(&mut self.rng, 10)), object);
        let rng = &mut self.rng;
        assertion.polarity = if rng.u32(..10) == 0 { Polarity::Deny } else { Polarity::Affirm };
        if rng.u32(..4) == 0 {
            assertion.qualifiers = vec![Qualifier { key: "rank".into(), value: Value::Int(rng.i64(0..9)) }];
        }
        if rng.u32(..6) == 0 {
            assertion.valid = Some(Interval { from: Some(day(rng)), until: None });
        }
        assertion.confidence_ppm = rng.bool().then(|| rng.u32(..=1_000_000));
        if rng.bool() {
            assertion.sources = vec![format!("source/{}", rng.u32(..5))];
        }
        assertion.epoch = (rng.u32(..4) == 0).then(|| EpochId::of(&epoch_name(rng)));
        assertion.agent = (rng.u32(..3) == 0).then(|| format!("agent/{}", rng.u32(..3)));
        assertion.authored_at_micros = rng.bool().then(|| rng.i64(0..2_000_000_000_000_000));
        if rng.u32(..8) == 0
            && let Some(target) = self.recent_assertion()
        {
            assertion.links = vec![Link { kind: LinkKind::Supersedes, target }];
        }
        drawn(serialize_assertion(&assertion), Meaning::Assertion(assertion))
    }

    fn value(&mut self) -> Value {
        let rng = &mut self.rng;
        match rng.u32(..9) {
            0 => Value::Entity(format!("subject/{}", zipf(rng, SUBJECTS))),
            1 => Value::Bool(rng.bool()),
            2 => Value::Float(f64::from(rng.i32(..)) / 8.0),
            3 => Value::Time(day(rng)),
            4 => Value::Bytes((0..rng.usize(..40)).map(|_| rng.u8(..)).collect()),
            5 => {
                if rng.bool() {
                    Value::SomeValue
                } else {
                    Value::NoValue
                }
            }
            6 => Value::Text { text: "long ".repeat(rng.usize(..400)), language: Some("en".into()) },
            7 => Value::Text { text: format!("text {}", rng.u32(..)), language: None },
            _ => Value::Int(rng.i64(..)),
        }
    }

    fn vote(&mut self) -> Drawn {
        let assertion = match self.rng.u32(..10) {
            // One that comes later.
            0 => {
                let later = self.assertion();
                let id = later.id();
                self.held_back.push(later);
                id
            }
            // One that never comes.
            1 => RecordId::from_bytes(std::array::from_fn(|_| self.rng.u8(..))),
            _ => match self.recent_assertion() {
                Some(id) => id,
                None => return self.assertion(),
            },
        };
        let rng = &mut self.rng;
        let vote = Vote {
            assertion,
            voter: format!("voter/{}", zipf(rng, VOTERS)),
            stance: [Stance::Against, Stance::Neutral, Stance::For, Stance::For][rng.usize(..4)],
            weight_ppm: if rng.bool() { 1_000_000 } else { rng.u32(..=2_000_000) },
            seq: rng.u64(1..6),
            reason: (rng.u32(..4) == 0).then(|| format!("reason {}", rng.u32(..100))),
            epoch: None,
            cast_at_micros: rng.bool().then(|| rng.i64(0..2_000_000_000_000_000)),
        };
        drawn(serialize_vote(&vote), Meaning::Vote(vote))
    }

    fn epoch(&mut self) -> Drawn {
        let rng = &mut self.rng;
        let mut epoch = Epoch::new(epoch_name(rng));
        epoch.description = rng.bool().then(|| format!("version {}", rng.u32(..4)));
        epoch.starts = rng.bool().then(|| day(rng));
        if rng.u32(..3) == 0 {
            let other = EpochId::of(&epoch_name(rng));
            epoch.supersedes = vec![Supersession { kind: SupersessionKind::Replaces, epoch: other }];
        }
        drawn(serialize_epoch(&epoch), Meaning::Epoch(epoch))
    }

    /// Bytes that no reader of this version decodes.
    fn undecodable(&mut self) -> Drawn {
        let mut payload = match self.rng.u32(..2) {
            0 => self.assertion().payload,
            _ => self.epoch().payload,
        };
        match self.rng.u32(..5) {
            0 => payload.clear(),
            1 => payload.truncate(self.rng.usize(1..9)),
            2 => payload[0] = self.rng.u8(3..128),
            3 => payload[1] = 255,
            // The root of an archive stands at its end.
            _ => payload.truncate(payload.len() - 8),
        }
        Drawn { payload, meaning: Meaning::Undecodable }
    }

    fn application(&mut self) -> Drawn {
        let mut payload = payload(&mut self.rng);
        payload.insert(0, self.rng.u8(128..));
        Drawn { payload, meaning: Meaning::Application }
    }

    fn recent_assertion(&mut self) -> Option<RecordId> {
        let assertions = self.recent.iter().filter(|drawn| matches!(drawn.meaning, Meaning::Assertion(_)));
        self.rng.choice(assertions.collect::<Vec<_>>()).map(Drawn::id)
    }
}

impl Iterator for Workload {
    type Item = Drawn;

    fn next(&mut self) -> Option<Drawn> {
        let drawn = self.draw();
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(drawn.clone());
        Some(drawn)
    }
}

/// A payload for a journal: mostly short, now and then empty, all zeros, of several thousand bytes, or bytes that look
/// like the journal's own frames, as a payload from a hostile hand would.
pub fn payload(rng: &mut Rng) -> Vec<u8> {
    let mut random = |len: usize| (0..len).map(|_| rng.u8(..)).collect::<Vec<u8>>();
    let kind = random(1)[0];
    let len = usize::from(random(1)[0]);
    match kind {
        0..8 => Vec::new(),
        8..16 => vec![0; len],
        16..32 => random(len * 12),
        // A commit frame's first word, at a place where a frame could begin.
        32..48 => [vec![0, 0, 0, 0x80], random(36), vec![0, 0, 0, 0x80], random(36)].concat(),
        _ => random(len),
    }
}

fn drawn<E: std::fmt::Debug>(payload: Result<Vec<u8>, E>, meaning: Meaning) -> Drawn {
    match payload {
        Ok(payload) => Drawn { payload, meaning },
        Err(error) => unreachable!("W1: a drawn record is valid: {error:?}"),
    }
}

/// A rank below `count`, small ones more likely, somewhat as 1 / (rank + 1). In whole numbers, for W1.
fn zipf(rng: &mut Rng, count: usize) -> usize {
    (0..3).fold(count - 1, |most, _| rng.usize(..=most))
}

/// A day in one of fifty that begin with 2000-01-01.
fn day(rng: &mut Rng) -> Time {
    const ORIGIN_MICROS: i64 = 946_684_800_000_000;
    const DAY_MICROS: i64 = 86_400_000_000;
    Time { micros: ORIGIN_MICROS + rng.i64(0..50) * DAY_MICROS, precision: Precision::Day }
}

fn epoch_name(rng: &mut Rng) -> String {
    format!("epoch {}", zipf(rng, EPOCHS))
}

#[cfg(test)]
mod tests;
