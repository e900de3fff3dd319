use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use annals_record::{Assertion, Epoch, Log, ReadLimit, RecordId, Stance, Value, Vote};

use super::*;
use crate::{IngestOptions, JournalOptions, Options, ProjectionEntry};

const SOON: Duration = Duration::from_secs(60);
const NAMES: [&str; 4] = ["a", "a:b", "ä", "b"];

/// Numbers that are always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn name(&mut self) -> String {
        NAMES[self.below(NAMES.len())].to_owned()
    }

    fn maybe<T>(&mut self, one_in: usize, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(one_in) == 0).then(|| some(self))
    }

    /// Few names, so that some records come twice.
    fn record(&mut self) -> Record {
        if self.below(12) == 0 {
            return Record::Vote(Vote::new(RecordId::of(b"x"), self.name(), Stance::For));
        }
        if self.below(12) == 0 {
            return Record::Epoch(Epoch::new(self.name()));
        }
        let object = if self.below(2) == 0 { Value::entity(self.name()) } else { Value::text(self.name()) };
        Record::Assertion(Assertion {
            agent: self.maybe(2, Self::name),
            sources: NAMES[..self.below(3)].iter().map(|name| (*name).to_owned()).collect(),
            epoch: self.maybe(2, |random| EpochId::of(&random.name())),
            ..Assertion::new(self.name(), self.name(), object)
        })
    }

    fn query(&mut self, offsets: &[Offset]) -> Query {
        let near = |random: &mut Self| {
            let offset = offsets[random.below(offsets.len())].get();
            Offset::new((offset + random.below(3) as u64).saturating_sub(1))
        };
        Query {
            subject: self.maybe(3, Self::name),
            predicate: self.maybe(3, Self::name),
            object: self.maybe(3, Self::name),
            agent: self.maybe(3, Self::name),
            source: self.maybe(3, Self::name),
            epoch: self.maybe(3, |random| EpochId::of(&random.name())),
            since: self.maybe(3, near),
            until: self.maybe(3, near),
            after: self.maybe(4, near),
            limit: [1, 3, 1000][self.below(3)],
            as_of: self.maybe(3, near),
            scan: self.below(2) == 0,
        }
    }
}

/// Small segments and batches, so that both end in the middle of everything.
fn options() -> Options {
    Options {
        journal: JournalOptions { segment_bytes: 64 << 10, ..JournalOptions::default() },
        ingest: IngestOptions { batch: ReadLimit { records: 7, bytes: 1 << 20 }, ..IngestOptions::default() },
        ..Options::default()
    }
}

fn open(dir: &Path) -> Annals {
    Annals::open_with(dir, options()).unwrap()
}

fn catch_up(annals: &Annals) {
    annals.catch_up().unwrap();
    for built_in in BuiltIn::ALL {
        if let Ok(handle) = annals.projection(built_in.label()) {
            handle.wait_for(annals.journal().durable(), SOON).unwrap();
        }
    }
}

/// Every assertion of the journal at its first place, by reading all of it.
fn all(annals: &Annals) -> Vec<(Offset, RecordId, Assertion)> {
    let (mut next, mut seen, mut found) = (Offset::ZERO, BTreeSet::new(), Vec::new());
    loop {
        let batch = annals.journal().read(next, ReadLimit::default()).unwrap();
        for entry in batch.iter().filter(|entry| seen.insert(entry.id)) {
            if let Ok(Record::Assertion(assertion)) = Record::decode(entry.payload) {
                found.push((entry.offset, entry.id, assertion));
            }
        }
        if batch.next() <= next {
            return found;
        }
        next = batch.next();
    }
}

/// What a query should give, from its documentation alone.
fn expected(all: &[(Offset, RecordId, Assertion)], query: &Query) -> Vec<(Offset, RecordId)> {
    let is = |wanted: &Option<String>, value: Option<&str>| wanted.is_none() || wanted.as_deref() == value;
    let holds = |assertion: &Assertion| {
        let entity = if let Value::Entity(entity) = &assertion.object { Some(entity.as_str()) } else { None };
        is(&query.subject, Some(&assertion.subject))
            && is(&query.predicate, Some(&assertion.predicate))
            && is(&query.object, entity)
            && is(&query.agent, assertion.agent.as_deref())
            && query.source.as_ref().is_none_or(|source| assertion.sources.contains(source))
            && (query.epoch.is_none() || query.epoch == assertion.epoch)
    };
    let lies = |offset: Offset| {
        query.since.is_none_or(|since| offset >= since)
            && query.until.is_none_or(|until| offset < until)
            && query.as_of.is_none_or(|as_of| offset < as_of)
            && query.after.is_none_or(|after| offset > after)
    };
    let hits = all.iter().filter(|(offset, _, assertion)| lies(*offset) && holds(assertion));
    hits.map(|(offset, id, _)| (*offset, *id)).take(query.limit).collect()
}

fn places(answer: &Answer) -> Vec<(Offset, RecordId)> {
    answer.hits.iter().map(|stored| (stored.offset, stored.id)).collect()
}

#[test]
fn qu1_qu2_any_query_over_any_lists_gives_what_reading_everything_gives() {
    for seed in 0..8 {
        let mut random = Random(seed);
        let dir = tempfile::tempdir().unwrap();
        let annals = open(dir.path());
        for built_in in BuiltIn::ALL {
            if random.below(3) > 0 && seed > 0 {
                annals.enable_projection(built_in.label()).unwrap();
            }
        }
        for _ in 0..30 {
            let records: Vec<_> = (0..=random.below(40)).map(|_| random.record()).collect();
            annals.append_batch(&records).unwrap();
            if random.below(9) == 0 {
                annals.journal().append([9; 40]).unwrap();
                annals.journal().append([200; 40]).unwrap();
            }
        }
        catch_up(&annals);
        let all = all(&annals);
        let offsets: Vec<_> = all.iter().map(|(offset, ..)| *offset).collect();
        let (mut refused, mut found) = (0, 0);
        for _ in 0..300 {
            let query = random.query(&offsets);
            match annals.query(&query) {
                Ok(answer) => {
                    assert_eq!(places(&answer), expected(&all, &query), "seed {seed}: {query:?}");
                    assert_eq!(answer.as_of, query.as_of.unwrap_or(annals.journal().durable()));
                    assert_eq!(answer.ended, answer.hits.len() < query.limit);
                    found += answer.hits.len();
                }
                Err(Error::NotIndexed { wanted, unready }) => {
                    assert!(!query.scan && query.subject.is_none() && unready.is_empty());
                    assert!(wanted.iter().all(|name| annals.projection(name).is_err()), "{wanted:?}");
                    refused += 1;
                }
                Err(error) => panic!("seed {seed}: {query:?}: {error}"),
            }
        }
        assert!(found > 200 && (seed > 0 || refused > 10), "seed {seed}: {found} found, {refused} refused");
    }
}

#[test]
fn pages_of_a_question_hold_as_of_one_offset_while_more_is_appended() {
    let mut random = Random(7);
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path());
    annals.enable_projection("agent").unwrap();
    annals.append_batch(&(0..200).map(|_| random.record()).collect::<Vec<_>>()).unwrap();
    catch_up(&annals);
    let all = all(&annals);
    for (agent, scan) in [(Some("a"), false), (None, true)] {
        let query = Query { agent: agent.map(str::to_owned), limit: 1000, scan, ..Query::default() };
        let wanted = expected(&all, &Query { as_of: Some(annals.journal().durable()), ..query.clone() });
        let as_of = all.last().unwrap().0;
        let question =
            annals.question(&Query { as_of: Some(Offset::new(as_of.get() + 1)), ..query }).unwrap();
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = question.page(after, 7).unwrap();
            assert!(page.hits.len() == 7 || page.ended);
            found.extend(places(&page));
            after = found.last().map(|(offset, _)| *offset);
            annals.append_batch(&(0..9).map(|_| random.record()).collect::<Vec<_>>()).unwrap();
            catch_up(&annals);
            if page.ended {
                break;
            }
        }
        assert_eq!(found, wanted);
        assert_eq!(question.lists(), agent.map(|_| "agent").into_iter().collect::<Vec<_>>());
        assert!(question.page(None, 0).unwrap().hits.is_empty());
    }
}

#[test]
fn qu3_a_query_that_no_list_answers_is_refused_with_what_would_answer_it() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path());
    annals.append_batch(&[Record::Assertion(Assertion::new("s", "p", Value::entity("o")))]).unwrap();
    catch_up(&annals);
    let query = Query { predicate: Some("p".into()), object: Some("o".into()), ..Query::default() };
    let error = annals.query(&query).unwrap_err();
    assert!(matches!(&error, Error::NotIndexed { wanted, .. } if wanted == &["predicate", "object"]));
    for part in ["predicate, object", "annals projections enable", "--scan", "Query::scan"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    annals.enable_projection("object").unwrap().wait_for(annals.journal().durable(), SOON).unwrap();
    assert_eq!(annals.query(&query).unwrap().hits.len(), 1);
    annals.disable_projection("object").unwrap();
    assert!(annals.query(&query).is_err());
    let scanned = annals.query(&Query { scan: true, ..query }).unwrap();
    assert_eq!((scanned.hits.len(), scanned.read_from), (1, Some(Offset::ZERO)));
    // With nothing asked for, the journal is the list.
    assert_eq!(annals.query(&Query::default()).unwrap().hits.len(), 1);
}

#[test]
fn an_offset_that_was_not_come_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path());
    let query = |as_of| Query { subject: Some("s".into()), as_of: Some(as_of), ..Query::default() };
    let error = annals.query(&query(Offset::new(1))).unwrap_err();
    assert!(matches!(error, Error::NotApplied { .. }), "{error}");
    assert!(annals.query(&query(Offset::ZERO)).unwrap().hits.is_empty());
}

#[test]
fn qu1_a_list_that_is_wrong_shows_nothing_that_is_not_so() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path());
    let mut random = Random(3);
    annals.append_batch(&(0..200).map(|_| random.record()).collect::<Vec<_>>()).unwrap();
    annals.enable_projection("agent").unwrap();
    annals.enable_projection("predicate").unwrap();
    catch_up(&annals);
    let all = all(&annals);
    annals.close().unwrap();
    // Each agent's entries under another's name, and each predicate's with other ids.
    let tamper = |name: &str, change: &dyn Fn(&[u8], &[u8]) -> ProjectionEntry| {
        let table = redb::TableDefinition::<&[u8], &[u8]>::new("entries");
        let path = dir.path().join(format!("projections/{name}/v000001.redb"));
        let database = redb::Database::open(path).unwrap();
        let writing = database.begin_write().unwrap();
        {
            use redb::ReadableTable;
            let mut table = writing.open_table(table).unwrap();
            let rows: Vec<_> = table
                .iter()
                .unwrap()
                .map(|row| row.map(|(k, v)| change(k.value(), v.value())).unwrap())
                .collect();
            table.retain(|_, _| false).unwrap();
            for (key, value) in rows {
                table.insert(key.as_slice(), value.as_slice()).unwrap();
            }
        }
        writing.commit().unwrap();
    };
    tamper("agent", &|key, value| {
        (
            [b"x", key].concat()[1..].iter().map(|b| if *b == b'a' { b'b' } else { *b }).collect(),
            value.to_vec(),
        )
    });
    tamper("predicate", &|key, value| (key.to_vec(), value.iter().map(|byte| byte ^ 1).collect()));
    let annals = open(dir.path());
    for name in NAMES {
        for query in [
            Query { agent: Some(name.to_owned()), ..Query::default() },
            Query { predicate: Some(name.to_owned()), ..Query::default() },
        ] {
            let wanted = expected(&all, &Query { limit: usize::MAX, ..query.clone() });
            let found = places(&annals.query(&query).unwrap());
            assert!(found.iter().all(|hit| wanted.contains(hit)), "{query:?}");
            assert!(query.predicate.is_none() || found.is_empty());
        }
    }
}
