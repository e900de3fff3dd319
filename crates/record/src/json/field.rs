//! One value of an object, still as it is written, and what it can be read as.

use std::str::FromStr;

use serde_json::value::RawValue;

use super::error::excerpt;
use super::fields::noun;
use super::{Fields, JsonError};
use crate::{Decimal, EpochId, ParseIdError, Time, parse_instant};

/// One value of an object, still as it is written.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    /// Its key, for errors.
    key: &'a str,
    /// Its text, without white space around it.
    raw: &'a str,
}

impl<'a> Field<'a> {
    pub(super) fn new(key: &'a str, value: &'a RawValue) -> Self {
        Self { key, raw: value.get() }
    }

    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    /// Its text, as it is written.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }

    /// The first byte, which tells what kind of JSON it is.
    pub(super) fn first(&self) -> u8 {
        self.raw.as_bytes().first().copied().unwrap_or_default()
    }

    pub(super) fn is_text(&self) -> bool {
        self.first() == b'"'
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self.first(), b'-' | b'0'..=b'9')
    }

    /// An error about its form.
    pub(super) fn not(&self, expected: &'static str) -> JsonError {
        // A number or a word is shown as it is written; the rest may be long.
        let found = match self.first() {
            b'"' | b'{' | b'[' | b'n' => noun(self.raw).to_owned(),
            _ => excerpt(self.raw),
        };
        JsonError::Form { key: self.key.to_owned(), expected, found }
    }

    /// An error about what it says, shown as it is written.
    pub(super) fn says(&self, expected: &'static str) -> JsonError {
        JsonError::Form { key: self.key.to_owned(), expected, found: excerpt(self.raw) }
    }

    pub(super) fn text(&self) -> Result<String, JsonError> {
        if !self.is_text() {
            return Err(self.not("a text in quotes"));
        }
        serde_json::from_str(self.raw).map_err(|error| {
            // The column would count within this value only.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            JsonError::Text { key: self.key.to_owned(), reason }
        })
    }

    pub(super) fn truth(&self) -> Result<bool, JsonError> {
        match self.raw {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.not("true or false")),
        }
    }

    /// A whole number, written without fraction and exponent.
    pub(super) fn whole<T: FromStr>(&self, expected: &'static str) -> Result<T, JsonError> {
        if !self.is_number() {
            return Err(self.not(expected));
        }
        self.raw.parse().map_err(|_| self.not(expected))
    }

    /// A number with every digit that is written; an exponent is written out.
    pub(super) fn decimal(&self) -> Result<Decimal, JsonError> {
        if !self.is_number() {
            return Err(self.not("a number"));
        }
        Decimal::from_scientific(self.raw)
            .map_err(|source| JsonError::Number { key: self.key.to_owned(), source })
    }

    /// A number, or a text that is one, with every digit that is written.
    pub(super) fn decimal_or_text(&self) -> Result<Decimal, JsonError> {
        if !self.is_text() {
            return self.decimal();
        }
        self.text()?.parse().map_err(|source| JsonError::Number { key: self.key.to_owned(), source })
    }

    /// A number from 0 to `limit` in steps of a millionth, in parts per million.
    pub(super) fn ppm(&self, limit: u32) -> Result<u32, JsonError> {
        let ppm = self.decimal()?.to_ppm().filter(|ppm| *ppm <= u64::from(limit) * 1_000_000);
        let refused = || JsonError::Parts { key: self.key.to_owned(), found: excerpt(self.raw), limit };
        ppm.and_then(|ppm| u32::try_from(ppm).ok()).ok_or_else(refused)
    }

    /// A time, as a text.
    pub(super) fn time(&self) -> Result<Time, JsonError> {
        self.text()?.parse().map_err(|source| JsonError::Time { key: self.key.to_owned(), source })
    }

    /// An instant, as a text, in microseconds since 1970-01-01T00:00:00Z.
    pub(super) fn instant(&self) -> Result<i64, JsonError> {
        parse_instant(&self.text()?).map_err(|source| JsonError::Time { key: self.key.to_owned(), source })
    }

    /// An identity, as 64 hex digits.
    pub(super) fn id<T: FromStr<Err = ParseIdError>>(&self) -> Result<T, JsonError> {
        self.text()?.parse().map_err(|source| JsonError::Id { key: self.key.to_owned(), source })
    }

    /// An epoch: 64 hex digits are its id, anything else its name.
    pub(super) fn epoch(&self) -> Result<EpochId, JsonError> {
        let text = self.text()?;
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        crate::limits::check_name("epoch", &text).map_err(crate::RecordError::from)?;
        Ok(EpochId::of(&text))
    }

    /// An object whose keys are among these.
    pub(super) fn fields(
        &self,
        known: &[&'static str],
        expected: &'static str,
    ) -> Result<Fields<'a>, JsonError> {
        if self.first() != b'{' {
            return Err(self.not(expected));
        }
        Fields::read(self.raw, known).map_err(|error| error.within(self.key))
    }

    /// The entries of a list; of anything else, the one thing it is.
    pub(super) fn one_or_list(&self) -> Result<Vec<Self>, JsonError> {
        if self.first() == b'[' { self.list("a list") } else { Ok(vec![*self]) }
    }

    /// The entries of a list.
    pub(super) fn list(&self, expected: &'static str) -> Result<Vec<Self>, JsonError> {
        if self.first() != b'[' {
            return Err(self.not(expected));
        }
        let entries: Vec<&'a RawValue> = serde_json::from_str(self.raw).map_err(|_| self.not(expected))?;
        Ok(entries.into_iter().map(|entry| Self::new(self.key, entry)).collect())
    }
}
