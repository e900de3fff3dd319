//! What was asked for and what was answered, against what stands on a disk.

use std::collections::BTreeMap;
use std::fmt;

use annals_record::{Appended, Kind, Offset};

use crate::error::Error;

/// How a call came out, as far as that is known.
#[derive(Clone, Debug)]
pub(super) enum Came {
    Durable(Vec<Appended>),
    /// The policy promises no more.
    Accepted(Vec<Appended>),
    /// Of kind `Retry` or `Fix`: nothing was kept.
    Refused,
    /// Nobody has answered, or it is not known what is durable.
    Unknown,
}

#[derive(Clone)]
pub(super) struct Asked {
    pub(super) payloads: Vec<Vec<u8>>,
    /// Others may have asked for the same.
    pub(super) keyed: bool,
    pub(super) expected: Option<Offset>,
    pub(super) came: Came,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |payload: &Vec<u8>| String::from_utf8_lossy(&payload[..payload.len().min(8)]).into_owned();
        let payloads: Vec<String> = self.payloads.iter().map(head).collect();
        write!(f, "{payloads:?} if {:?}: {:?}", self.expected, self.came)
    }
}

impl Asked {
    pub(super) fn new(payloads: Vec<Vec<u8>>) -> Self {
        Self { payloads, keyed: false, expected: None, came: Came::Unknown }
    }

    pub(super) fn answer(&mut self, came: Result<Vec<Appended>, Error>, durable: bool) {
        self.came = match came {
            Ok(receipts) if durable => Came::Durable(receipts),
            Ok(receipts) => Came::Accepted(receipts),
            Err(error) if error.kind() == Kind::Stop => Came::Unknown,
            Err(_) => Came::Refused,
        };
    }

    fn receipts(&self) -> Option<&[Appended]> {
        match &self.came {
            Came::Durable(receipts) | Came::Accepted(receipts) => Some(receipts),
            Came::Refused | Came::Unknown => None,
        }
    }
}

/// Everything that was asked for at a site.
#[derive(Clone, Debug, Default)]
pub(super) struct Book(pub(super) Vec<Asked>);

impl Book {
    /// The end of what was told to be accepted.
    pub(super) fn accepted(&self) -> Offset {
        let receipts = self.0.iter().filter_map(Asked::receipts).flatten();
        receipts.map(|receipt| receipt.next).max().unwrap_or(Offset::ZERO)
    }

    /// Against the records of a log, in its order: whole batches, each once, nothing else; all that is durable is there.
    /// `all`: also what was accepted only.
    pub(super) fn check(&self, records: &[(Offset, Vec<u8>)], all: bool) {
        let mut known = 0;
        let places: BTreeMap<&[u8], usize> =
            records.iter().enumerate().map(|(i, (_, payload))| (&payload[..], i)).collect();
        assert_eq!(places.len(), records.len(), "a record stands twice");
        let mut keyed: Vec<&[u8]> = Vec::new();
        for asked in &self.0 {
            let first = places.get(&asked.payloads[0][..]).copied();
            if let Some(first) = first {
                let stands = records[first..].iter().take(asked.payloads.len()).map(|(_, payload)| payload);
                assert!(
                    stands.eq(&asked.payloads),
                    "I4: not the whole batch, or not in its order: {asked:?}"
                );
                if !keyed.contains(&&asked.payloads[0][..]) {
                    known += asked.payloads.len();
                }
                keyed.extend(asked.keyed.then_some(&asked.payloads[0][..]));
            } else {
                let others = asked.payloads.iter().find(|payload| places.contains_key(&payload[..]));
                assert!(others.is_none(), "I4: the rest of a batch: {asked:?}");
            }
            match &asked.came {
                Came::Durable(receipts) => self.stands(records, first, receipts),
                Came::Accepted(receipts) if all || first.is_some() => self.stands(records, first, receipts),
                Came::Refused => assert!(first.is_none() || asked.keyed, "refused, and there: {asked:?}"),
                Came::Accepted(_) | Came::Unknown => {}
            }
        }
        assert_eq!(known, records.len(), "somebody else's records");
        self.check_conditions();
    }

    fn stands(&self, records: &[(Offset, Vec<u8>)], first: Option<usize>, receipts: &[Appended]) {
        let Some(first) = first else { panic!("I2: acknowledged and lost: {receipts:?} of {self:?}") };
        for ((offset, _), receipt) in records[first..].iter().zip(receipts) {
            assert_eq!(*offset, receipt.offset, "it stands elsewhere");
        }
    }

    /// What was appended if nothing had been since: nothing had.
    fn check_conditions(&self) {
        for asked in &self.0 {
            let (Some(expected), Some(mine)) = (asked.expected, asked.receipts()) else { continue };
            let between = self.0.iter().filter_map(Asked::receipts).flatten();
            let mut between = between.filter(|other| (expected..mine[0].offset).contains(&other.offset));
            assert!(between.next().is_none(), "appended at {expected} if nothing was: {asked:?}");
        }
    }
}
