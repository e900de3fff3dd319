//! A fact as an assertion, and back.
//!
//! ```text
//!   key -> subject    store -> predicate    value -> object (its JSON as a text)    producer -> agent
//!   transaction time -> authored at         valid time -> valid from
//!   the rest, and the bits that microseconds do not hold -> qualifiers
//! ```

use annals_journal::Offset;
use annals_record::limits::check_name;
use annals_record::{Assertion, Interval, Precision, Qualifier, Record, Time, Value, serialize_assertion};
use uuid::Uuid;

use super::error::FactError;
use super::payload::{Instant, key};
use super::{Cause, Fact, FactId, value_hash};

/// No offset comes to here.
const OFFSETS_END: u64 = 1 << 62;

impl Fact {
    /// The assertion that says it.
    ///
    /// # Errors
    /// [`FactError::Value`] if value or derivation is no JSON, [`FactError::Time`] if a time is not a number,
    /// [`FactError::Cause`]. Limits of names are checked when it is written.
    pub fn to_assertion(&self) -> Result<Assertion, FactError> {
        value_hash::check("value", &self.value)?;
        self.derivation.iter().try_for_each(|text| value_hash::check("derivation", text))?;
        if self.transaction_time.is_nan() {
            return Err(FactError::Time { field: "transaction time" });
        }
        if self.valid_time.is_some_and(f64::is_nan) {
            return Err(FactError::Time { field: "valid time" });
        }
        if let Some(Cause::Fact(offset)) = self.causation
            && offset.get() >= OFFSETS_END
        {
            return Err(FactError::Cause { offset: offset.get() });
        }
        Ok(self.as_assertion())
    }

    /// The same of what has been checked.
    fn as_assertion(&self) -> Assertion {
        let text = |text: &String| Value::text(text.as_str());
        let mut assertion = Assertion::new(self.key.as_str(), self.store.as_str(), text(&self.value));
        let mut say = |key: &str, value| assertion.qualifiers.push(Qualifier { key: key.to_owned(), value });
        match self.causation {
            Some(Cause::Fact(offset)) => say(key::CAUSE, Value::Int(offset.get() as i64)),
            Some(Cause::Foreign(uuid)) => say(key::CAUSE, Value::Bytes(uuid.as_bytes().to_vec())),
            None => {}
        }
        if let Some(derivation) = &self.derivation {
            say(key::DERIVED, text(derivation));
        }
        if let FactId::Foreign(uuid) = self.id {
            say(key::ID, Value::Bytes(uuid.as_bytes().to_vec()));
        }
        let agent = self.producer.as_ref().filter(|producer| check_name("agent", producer).is_ok());
        if let (Some(producer), None) = (&self.producer, agent) {
            say(key::PRODUCER, text(producer));
        }
        if self.schema_version != 1 {
            say(key::SCHEMA, Value::Int(self.schema_version));
        }
        let authored = Instant::of(self.transaction_time);
        if !authored.exact {
            say(key::TIME, Value::Float(self.transaction_time));
        }
        let valid = self.valid_time.map(|time| (time, Instant::of(time)));
        if let Some((time, Instant { exact: false, .. })) = valid {
            say(key::VALID, Value::Float(time));
        }
        let valid_from = valid.and_then(|(_, instant)| instant.micros);
        assertion.valid = valid_from.map(|micros| Interval {
            from: Some(Time { micros, precision: Precision::Microsecond }),
            until: None,
        });
        assertion.agent = agent.cloned();
        assertion.authored_at_micros = authored.micros;
        assertion
    }

    /// The fact that this assertion says.
    ///
    /// # Errors
    /// [`FactError::Other`] if it says more, or something else: no fact makes exactly this assertion.
    pub fn from_assertion(assertion: &Assertion) -> Result<Self, FactError> {
        let fact = Self::read(assertion)?;
        if fact.to_assertion()? == *assertion {
            Ok(fact)
        } else {
            Err(FactError::Other { reason: "the assertion says more than a fact does" })
        }
    }

    fn read(assertion: &Assertion) -> Result<Self, FactError> {
        let other = |reason| Err(FactError::Other { reason });
        let Value::Text { text: value, language: None } = &assertion.object else {
            return other("the object is no text");
        };
        let seconds = |micros: i64| micros as f64 / 1e6;
        let mut fact = Self::new(&assertion.predicate, &assertion.subject, value, f64::NAN);
        fact.transaction_time = assertion.authored_at_micros.map_or(f64::NAN, seconds);
        fact.valid_time = assertion.valid.and_then(|valid| valid.from).map(|from| seconds(from.micros));
        fact.producer.clone_from(&assertion.agent);
        for Qualifier { key, value } in &assertion.qualifiers {
            match (&**key, value) {
                (key::CAUSE, Value::Int(offset)) if *offset >= 0 => {
                    fact.causation = Some(Cause::Fact(Offset::new(*offset as u64)));
                }
                (key::CAUSE, Value::Bytes(bytes)) => {
                    let Ok(uuid) = Uuid::from_slice(bytes) else { return other("a cause that is no UUID") };
                    fact.causation = Some(Cause::Foreign(uuid));
                }
                (key::ID, Value::Bytes(bytes)) => {
                    let Ok(uuid) = Uuid::from_slice(bytes) else { return other("an id that is no UUID") };
                    fact.id = FactId::Foreign(uuid);
                }
                (key::DERIVED, Value::Text { text, .. }) => fact.derivation = Some(text.clone()),
                (key::PRODUCER, Value::Text { text, .. }) => fact.producer = Some(text.clone()),
                (key::SCHEMA, Value::Int(version)) => fact.schema_version = *version,
                (key::TIME, Value::Float(time)) => fact.transaction_time = *time,
                (key::VALID, Value::Float(time)) => fact.valid_time = Some(*time),
                _ => return other("a qualifier that no fact has"),
            }
        }
        if fact.transaction_time.is_nan() {
            return other("it does not say when it was written");
        }
        if fact.valid_time.is_some_and(f64::is_nan) {
            return other("its valid time is not a number");
        }
        Ok(fact)
    }

    /// The payload to append.
    ///
    /// # Errors
    /// As [`Fact::to_assertion`]; [`FactError::Record`] if a limit of assertions is passed.
    pub fn to_payload(&self) -> Result<Vec<u8>, FactError> {
        Ok(serialize_assertion(&self.to_assertion()?)?)
    }

    /// The fact in a payload.
    ///
    /// # Errors
    /// [`FactError::Payload`] if it is no record of ours, [`FactError::Other`] if it is another one.
    pub fn from_payload(payload: &[u8]) -> Result<Self, FactError> {
        match Record::decode(payload)? {
            Record::Assertion(assertion) => Self::from_assertion(&assertion),
            _ => Err(FactError::Other { reason: "it is no assertion" }),
        }
    }

    /// What a codec takes for a fact: whatever comes again byte for byte, JSON or not.
    pub(crate) fn of_payload(payload: &[u8]) -> Option<Self> {
        let Ok(Record::Assertion(assertion)) = Record::decode(payload) else { return None };
        let fact = Self::read(&assertion).ok()?;
        let mut again = Vec::with_capacity(payload.len());
        fact.view().write(&mut again);
        (again == payload).then_some(fact)
    }
}
