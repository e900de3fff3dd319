//! How many bytes a record takes as a line of JSON: every valid record has one that `import` takes back.

use super::{LimitError, MAX_LINE};
use crate::{Assertion, Epoch, Value, Vote};

/// More than all keys, numbers, times, one id, one offset and one epoch of a line take.
const FIXED: usize = 2_048;
/// More than a value takes besides its texts, its bytes and its digits.
const VALUE: usize = 128;
/// More than a link or a supersession takes.
const LINK: usize = 96;
/// What JSON puts around one text more of a list.
const QUOTES: usize = 4;

/// Adds up what a line takes; never less than it really takes.
struct LineSize {
    bytes: usize,
    /// Count each text's escapes, instead of taking all of it as escaped.
    exact: bool,
}

impl LineSize {
    fn text(&mut self, text: &str) {
        let size = if self.exact { text.chars().map(escaped).sum() } else { text.len().saturating_mul(6) };
        self.add(size);
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn value(&mut self, value: &Value) {
        self.add(VALUE);
        match value {
            Value::Entity(name) => self.text(name),
            Value::Text { text, language } => {
                self.text(text);
                self.text(language.as_deref().unwrap_or_default());
            }
            Value::Decimal(number) => self.add(number.as_str().len()),
            Value::Quantity { amount, unit } => {
                self.add(amount.as_str().len());
                self.text(unit);
            }
            Value::Bytes(bytes) => self.add(bytes.len().saturating_mul(2)),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Time(_)
            | Value::Assertion(_)
            | Value::SomeValue
            | Value::NoValue => {}
        }
    }
}

/// How many bytes JSON takes for a character of a text.
fn escaped(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        control if control.is_control() => 6,
        plain => plain.len_utf8(),
    }
}

/// Checks that the line is not too long; `add` adds up all there is.
fn check<T>(record: &T, add: impl Fn(&mut LineSize, &T)) -> Result<(), LimitError> {
    // Almost every record is short enough even if all of it were escaped.
    let mut size = LineSize { bytes: FIXED, exact: false };
    add(&mut size, record);
    if size.bytes > MAX_LINE {
        size = LineSize { bytes: FIXED, exact: true };
        add(&mut size, record);
    }
    match size.bytes {
        0..=MAX_LINE => Ok(()),
        bytes => Err(LimitError::RecordTooLarge { form: "a line of JSON", bytes, limit: MAX_LINE }),
    }
}

/// Checks that an assertion's line of JSON is not too long.
pub(crate) fn check_assertion(assertion: &Assertion) -> Result<(), LimitError> {
    check(assertion, add_assertion)
}

/// Checks that a vote's line of JSON is not too long.
pub(crate) fn check_vote(vote: &Vote) -> Result<(), LimitError> {
    check(vote, add_vote)
}

/// Checks that an epoch's line of JSON is not too long.
pub(crate) fn check_epoch(epoch: &Epoch) -> Result<(), LimitError> {
    check(epoch, add_epoch)
}

fn add_assertion(size: &mut LineSize, assertion: &Assertion) {
    size.text(&assertion.subject);
    size.text(&assertion.predicate);
    size.value(&assertion.object);
    for qualifier in &assertion.qualifiers {
        size.text(&qualifier.key);
        size.value(&qualifier.value);
    }
    for source in &assertion.sources {
        size.add(QUOTES);
        size.text(source);
    }
    size.add(assertion.links.len().saturating_mul(LINK));
    size.text(assertion.agent.as_deref().unwrap_or_default());
}

fn add_vote(size: &mut LineSize, vote: &Vote) {
    size.text(&vote.voter);
    size.text(vote.reason.as_deref().unwrap_or_default());
}

fn add_epoch(size: &mut LineSize, epoch: &Epoch) {
    size.text(&epoch.name);
    size.text(epoch.description.as_deref().unwrap_or_default());
    size.add(epoch.supersedes.len().saturating_mul(LINK));
    size.text(epoch.author.as_deref().unwrap_or_default());
}

#[cfg(all(test, feature = "json"))]
mod tests;
