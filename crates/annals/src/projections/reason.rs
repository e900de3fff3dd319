//! Why a projection is not filled, in words that are about it: a worker speaks of the store it fills.

use annals_ingest::Error;
use annals_record::CursorRefusal;

/// What stopped a projection's worker, and what mends it.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Refused { refusal, .. } => {
            let mends = match refusal {
                CursorRefusal::Purged { .. } => "put back a journal that holds it",
                _ => "build it anew, or put back what belongs there",
            };
            format!("it does not belong to the journal: {}; {mends}", how(refusal))
        }
        Error::Failed(error) => reason(error),
        Error::Stopped { cursor, .. } => format!("its worker was stopped at offset {cursor}"),
        error => error.to_string(),
    }
}

fn how(refusal: &CursorRefusal) -> String {
    match refusal {
        CursorRefusal::ForeignLog { cursor, log } => format!("it follows log {cursor}, this one is {log}"),
        CursorRefusal::AheadOfLog { cursor, durable } => {
            format!("it has applied it up to {cursor}, and it ends at {durable}")
        }
        CursorRefusal::Forked { cursor, end, .. } => {
            format!("it has applied it up to {cursor}, and what stood behind {end} was cut off since")
        }
        CursorRefusal::UnknownTerm { term, newest } => {
            format!("it comes from its term {term}, and it has not come further than {newest}")
        }
        CursorRefusal::Purged { cursor, oldest } => {
            format!("it lacks what stood from {cursor} to {oldest}, which retention has removed")
        }
        CursorRefusal::OtherRecord { offset } => {
            format!("the record at {offset} is not the one that it applied last")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use annals_record::{LogId, Offset, RecordId, Term};

    use super::*;

    #[test]
    fn no_reason_speaks_of_a_store() {
        let (cursor, offset) = (Offset::new(9), Offset::new(9));
        let (oldest, durable, end) = (Offset::new(12), Offset::new(5), Offset::new(4));
        let (one, other) = (LogId::from_bytes([1; 16]), LogId::from_bytes([2; 16]));
        for (refusal, words) in [
            (CursorRefusal::ForeignLog { cursor: one, log: other }, "follows log"),
            (CursorRefusal::AheadOfLog { cursor, durable }, "up to 9, and it ends at 5"),
            (CursorRefusal::Forked { cursor, term: Term::FIRST, end }, "behind 4 was cut off"),
            (CursorRefusal::UnknownTerm { term: Term::new(3), newest: Term::FIRST }, "its term 3"),
            (CursorRefusal::Purged { cursor, oldest }, "from 9 to 12"),
            (CursorRefusal::OtherRecord { offset }, "the record at 9"),
        ] {
            let error = Error::Failed(Arc::new(Error::Refused { part: "cursor", refusal }));
            let said = reason(&error);
            let anew = !matches!(refusal, CursorRefusal::Purged { .. });
            assert!(said.contains(words) && !said.contains("store"), "{said}");
            assert_eq!(said.contains("build it anew"), anew, "{said}");
        }
        let failed = annals_storage::Error::ProjectionFailed {
            name: "agents".to_owned(),
            version: 2,
            offset,
            source: RecordId::of(b"x").to_string().into(),
        };
        assert!(reason(&Error::Store(failed)).contains("version 2"));
    }
}
