//! What a batch puts into a store of keys and values.

use annals_storage::{Change, Effect};

use super::super::keys;

/// Where a peer keeps how far it has come.
pub(crate) const CURSOR: &[u8] = b"cursor";

/// `S:` subject and a zero byte: the beginning of all its entries.
pub(crate) fn subject(key: &mut Vec<u8>, subject: &str) {
    key.extend_from_slice(b"S:");
    key.extend_from_slice(subject.as_bytes());
    key.push(0);
}

/// What a batch puts into a peer, in the order of the keys: the order in which a tree takes it best.
#[derive(Default)]
pub(crate) struct Puts<'c> {
    keys: Vec<u8>,
    puts: Vec<Put<'c>>,
}

struct Put<'c> {
    start: u32,
    end: u32,
    value: &'c [u8],
}

impl<'c> Puts<'c> {
    /// The puts of these changes.
    pub(crate) fn of(changes: &'c [Change<'_>]) -> Self {
        let mut puts = Self::default();
        for change in changes {
            match &change.effect {
                Effect::Assertion { subject: of } => {
                    puts.put(|key| keys::assertion(key, &change.id), change.payload);
                    let entry = |key: &mut Vec<u8>| {
                        subject(key, of.as_str());
                        key.extend_from_slice(change.id.as_bytes());
                    };
                    puts.put(entry, &[]);
                }
                Effect::Vote { assertion } => {
                    puts.put(|key| keys::vote(key, assertion.as_bytes(), &change.id), change.payload);
                }
                Effect::Epoch { epoch: of } => {
                    puts.put(|key| keys::epoch(key, of.as_bytes(), change.offset.get()), change.payload);
                }
                Effect::Application | Effect::DeadLetter { .. } => {}
            }
        }
        let Self { keys, puts: all } = &mut puts;
        all.sort_unstable_by(|a, b| slice(keys, a).cmp(slice(keys, b)));
        puts
    }

    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>), value: &'c [u8]) {
        let start = self.keys.len() as u32;
        write(&mut self.keys);
        self.puts.push(Put { start, end: self.keys.len() as u32, value });
    }

    /// Keys and values.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.puts.iter().map(|put| (slice(&self.keys, put), put.value))
    }
}

fn slice<'k>(keys: &'k [u8], put: &Put<'_>) -> &'k [u8] {
    &keys[put.start as usize..put.end as usize]
}

#[cfg(test)]
mod tests {
    use annals_record::{EpochId, Offset, RecordId};
    use annals_storage::Subject;

    use super::*;

    #[test]
    fn keys_have_the_lengths_that_are_told_and_come_sorted() {
        let payload = b"payload";
        let change = |effect, byte| Change {
            offset: Offset::new(8),
            id: RecordId::from_bytes([byte; 32]),
            payload,
            effect,
        };
        let about = Subject::new(crate::ingest::set::subject(7)).unwrap();
        let changes = [
            change(Effect::Vote { assertion: RecordId::from_bytes([2; 32]) }, 4),
            change(Effect::Assertion { subject: about }, 2),
            change(Effect::Epoch { epoch: EpochId::of("an epoch") }, 3),
        ];
        let puts = Puts::of(&changes);
        let found: Vec<_> = puts.iter().map(|(key, value)| (key[0], key.len(), value.len())).collect();
        assert_eq!(found, [(b'E', 42, 7), (b'H', 34, 7), (b'S', 51, 0), (b'V', 67, 7)]);
    }
}
