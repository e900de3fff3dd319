//! What was answered, against itself and against what stands in an image.

use super::*;

/// What the receipts say of each other.
pub(super) fn receipts(made: &[Made]) {
    let mut places: BTreeMap<Offset, &[u8]> = BTreeMap::new();
    let mut keys: HashMap<&[u8], &[Appended]> = HashMap::new();
    for made in made {
        let Came::Kept(receipts) = &made.came else { continue };
        for (receipt, payload) in receipts.iter().zip(&made.payloads) {
            assert_eq!(receipt.id, annals_record::RecordId::of(payload));
            let other = places.insert(receipt.offset, payload);
            assert!(other.is_none_or(|other| other == payload), "two records at {}", receipt.offset);
        }
        if let Some(key) = &made.key {
            let first = keys.entry(key).or_insert(receipts);
            assert_eq!(*first, &receipts[..], "P2: one key, two answers");
        }
    }
    for made in made {
        if let (Some(expected), Came::Kept(receipts)) = (made.expected, &made.came) {
            let between = places.range(expected..receipts[0].offset).next();
            assert!(between.is_none(), "appended at {expected} if nothing was: {between:?}");
        }
    }
}

/// What stands in an image, against what was answered. `settled`: the answers were given before it.
pub(super) fn image(round: &Round, image: &Memory, durable: Offset, made: &[Made], settled: bool) {
    let journal = open_on(image, Options { sync: SyncPolicy::Always, ..round.options });
    assert!(journal.report().damage.is_none(), "{:?}", journal.report());
    let all = journal.latest(1 << 20).unwrap();
    let mut stands: HashMap<&[u8], Offset> = HashMap::new();
    for entry in all.iter() {
        let other = stands.insert(entry.payload, entry.offset);
        assert!(other.is_none(), "the record at {} stands at {other:?} too", entry.offset);
    }
    let mut known = 0;
    let mut by_key: BTreeMap<&[u8], &Made> = BTreeMap::new();
    for made in made {
        let places: Vec<_> = made.payloads.iter().filter_map(|payload| stands.get(&payload[..])).collect();
        assert!(places.is_empty() || places.len() == made.payloads.len(), "I4: half a batch: {places:?}");
        let is_new = made.key.as_ref().is_none_or(|key| by_key.insert(key, made).is_none());
        known += if is_new { places.len() } else { 0 };
        match &made.came {
            Came::Kept(receipts) => {
                if places.is_empty() {
                    let next = receipts[receipts.len() - 1].next;
                    assert!(next > durable, "I2: {next} was durable and is lost, of {durable}");
                    count(&round.seen.lost);
                }
                for (place, receipt) in places.iter().zip(receipts) {
                    assert_eq!(**place, receipt.offset, "it stands elsewhere");
                    assert_eq!(journal.core.source.term_at(**place), receipt.term);
                }
            }
            Came::Refused if settled && made.key.is_none() => {
                assert!(places.is_empty(), "refused, and there all the same: {places:?}");
            }
            Came::Refused | Came::Unknown => {}
        }
    }
    assert_eq!(known, all.len(), "somebody else's records");
    for (key, made) in by_key {
        let stood = stands.get(&made.payloads[0][..]);
        let how = AppendOptions { key: Some(key), ..AppendOptions::default() };
        let again = journal.append_with(&made.payloads, &how).unwrap();
        assert!(stood.is_none_or(|stood| *stood == again[0].offset), "P2: made twice: {stood:?}, {again:?}");
        assert!(stood.is_some() || again[0].offset >= all.next(), "P2: answered for a lost record");
        assert!(matches!(journal.append_with(&["other"], &how), Err(Error::KeyReused { .. })));
    }
    let checkpoint = round.checkpoint.lock().unwrap().filter(|offset| settled && *offset < durable);
    let found = journal.latest_checkpoint().unwrap().map(|checkpoint| checkpoint.offset);
    assert!(found >= checkpoint, "P3: {checkpoint:?} is lost, {found:?} is there");
    journal.append("the log goes on").unwrap();
    assert!(journal.verify(&mut |_, _| ()).unwrap().is_ok());
    journal.close().unwrap();
}
