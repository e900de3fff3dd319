//! `--as-of`: the offset or the time of the journal that a question is about.
//!
//!   N | @TIME -> offset -> the store's answers as of it

use std::str::FromStr;

use annals::{Annals, Error, Log, Offset, Reader};

use crate::exit::Failure;
use crate::measure::moment;

/// As of when.
#[derive(Debug, clap::Args)]
pub(crate) struct Past {
    /// Answers as of this offset, or this time of the journal: what came before, with the votes there were then
    #[arg(long, value_name = "N|@TIME")]
    as_of: Option<When>,
}

/// A place in the journal, or a time of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Offset(Offset),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(time) => match time.parse() {
                Ok(micros) => Ok(Self::Time(micros)),
                Err(_) => moment(time)
                    .map(Self::Time)
                    .map_err(|expected| format!("{expected}, or microseconds since 1970, each behind an @")),
            },
            None => match text.parse() {
                Ok(offset) => Ok(Self::Offset(Offset::new(offset))),
                Err(_) => Err("an offset is expected, or @ and a time".to_owned()),
            },
        }
    }
}

impl Past {
    /// The offset that is meant; none if the present is.
    ///
    /// # Errors
    /// A usage error if it lies beyond the journal's end; exit code 5 for a time that was purged; what reading says.
    pub(crate) fn offset(&self, annals: &Annals) -> Result<Option<Offset>, Failure> {
        let journal = annals.journal();
        self.place(journal.durable(), |micros| annals.offset_at(micros))
    }

    /// As [`Past::offset`], beside the process that has the data.
    ///
    /// # Errors
    /// As [`Past::offset`].
    pub(crate) fn offset_beside(&self, reader: &Reader) -> Result<Option<Offset>, Failure> {
        self.place(reader.bounds()?.durable, |micros| annals::offset_at(reader, micros))
    }

    fn place(
        &self,
        end: Offset,
        offset_at: impl FnOnce(i64) -> Result<Offset, Error>,
    ) -> Result<Option<Offset>, Failure> {
        match self.as_of {
            None => Ok(None),
            Some(When::Offset(offset)) if offset > end => Err(Failure::usage(format!(
                "offset {offset} is beyond the end of the journal, which is {end}"
            ))
            .with_help("without --as-of the answer holds as of the end")),
            Some(When::Offset(offset)) => Ok(Some(offset)),
            Some(When::Time(micros)) => Ok(Some(offset_at(micros)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: When) {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }

    #[test]
    fn a_number_is_an_offset_and_what_follows_an_at_is_a_time() {
        check("0", When::Offset(Offset::ZERO));
        check("28252320", When::Offset(Offset::new(28_252_320)));
        check("@1000000", When::Time(1_000_000));
        check("@-1", When::Time(-1));
        check("@1970-01-01T00:00:01Z", When::Time(1_000_000));
        check("@1970-01-02", When::Time(86_400_000_000));
        for wrong in ["", "@", "-1", "1970-01-02", "@yesterday", "@@5", "1.5"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
