use annals_record::Stance;

use super::*;
use crate::scene::{Scene, assertion, change, epoch, offset, vote};
use crate::{KvStore, Sink};

/// 0..1000 assertions of 37 subjects, a vote on each of the first 200, 40 versions of 4 epochs, and all votes and three assertions again.
fn scene() -> Scene {
    let claims: Vec<_> = (0..1000).map(|n| assertion(&format!("s{}", n % 37), n)).collect();
    let votes = claims[..200].iter().map(|claim| vote(RecordId::of(claim), "ann", 1, Stance::For, 1));
    let votes: Vec<_> = votes.collect();
    let epochs = (0..40).map(|n| epoch(&format!("e{}", n % 4), &n.to_string()));
    let all = claims.iter().cloned().chain(votes.clone()).chain(epochs).chain(votes);
    let all = all.chain(claims[40..43].iter().cloned());
    Scene::new(all.chain([vec![9], vec![200]]))
}

const RECORDS: usize = 1445;

/// Puts other bytes under the keys of these records, or takes them away; and the same to their places.
fn damage(scene: &Scene, store: &HybridStore, records: impl Iterator<Item = usize>, places: bool) -> u64 {
    let mut batch = store.core.content.batch(8);
    let mut damaged = 0;
    let hit = |batch: &mut ContentBatch, key: &[u8], n: usize, payload: &[u8]| match n % 3 {
        0 => batch.remove(key),
        1 => batch.put(key, offset(n), &[payload, b"!"].concat()),
        _ => batch.put(key, Offset::new(u64::MAX - 9), payload),
    };
    for n in records {
        let all = scene.changes(n..n + 1);
        let Change { id, payload, effect, .. } = &all[0];
        let key = match effect {
            Effect::Assertion { .. } => assertion_key(id).to_vec(),
            Effect::Vote { assertion } => vote_key(assertion, id).to_vec(),
            Effect::Epoch { epoch } => epoch_key(epoch, offset(n)).to_vec(),
            _ => continue,
        };
        hit(&mut batch, &key, n, payload);
        damaged += 1;
        if places && !matches!(effect, Effect::Assertion { .. }) {
            batch.remove(&place_key(id));
            damaged += 1;
        }
    }
    store.core.content.commit(batch).unwrap();
    damaged
}

fn heal(scene: &Scene, store: &HybridStore, apply: bool, without: &[usize]) -> Healing {
    let mut healer = store.healer(apply).unwrap();
    let mut whole = true;
    for (n, change) in scene.changes(0..RECORDS).iter().enumerate() {
        if without.contains(&n) {
            whole = false;
        } else {
            healer.add(change, whole).unwrap();
        }
    }
    healer.finish().unwrap()
}

/// Every key and value of content.
fn content(store: &HybridStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = [crate::keys::ASSERTIONS, crate::keys::VOTES, crate::keys::EPOCHS, crate::keys::PLACES];
    let snapshot = store.snapshot().unwrap();
    let of = |prefix: &[u8]| snapshot.content.prefix(prefix).map(|entry| entry.unwrap()).collect::<Vec<_>>();
    all.iter().flat_map(|prefix| of(prefix)).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn filled(scene: &Scene) -> HybridStore {
    let store = scene.filled();
    store.fold().unwrap();
    store.checkpoint().unwrap();
    store
}

#[test]
fn hl1_more_than_a_thousand_damaged_keys_of_every_kind_come_back_identical() {
    let scene = scene();
    let store = filled(&scene);
    let (before, digests) = (content(&store), store.digests().unwrap());
    let damaged = damage(&scene, &store, 0..1240, true);
    assert!(damaged > 1000 && !store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap().is_sound());
    let would = heal(&scene, &store, false, &[]);
    let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
    let left: Vec<_> = walk.damaged.iter().filter(|damage| !would.explains(damage)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_ne!(content(&store), before, "without `apply` nothing is written");
    let healing = heal(&scene, &store, true, &[]);
    assert_eq!(healing, would);
    assert_eq!(healing.healed_total, damaged);
    assert_eq!((healing.healed.len(), healing.ids.len()), (1000, 1240));
    assert_eq!(content(&store), before);
    // As after a power cut: it was durable on return.
    store.abandon();
    let store = scene.open();
    assert_eq!(content(&store), before);
    let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
    assert!(walk.is_sound(), "{walk:?}");
    assert_eq!(walk.digests, digests);
    assert_eq!(heal(&scene, &store, true, &[]), Healing::default(), "a sound store is left as it is");
}

#[test]
fn hl2_of_a_log_with_a_gap_only_what_the_store_knows_the_place_of_is_healed() {
    let scene = scene();
    let store = filled(&scene);
    let before = content(&store);
    // The gap is at the beginning: no offset of the log is known to be the first.
    damage(&scene, &store, [30, 31, 32, 1030, 1031, 1210, 1211].into_iter(), false);
    let healing = heal(&scene, &store, true, &[0]);
    assert_eq!(content(&store), before, "subjects and places know where they stood: {healing:?}");
    // Where the gap has swallowed its first appearance, its subject tells where that was.
    damage(&scene, &store, [40, 41].into_iter(), false);
    heal(&scene, &store, true, &[40, 41]);
    assert_eq!(content(&store), before);
    // Neither bytes nor place: for votes that stand there twice, the first may be anywhere.
    damage(&scene, &store, [1030].into_iter(), true);
    let healing = heal(&scene, &store, true, &[0]);
    assert_eq!(healing, Healing::default());
    assert_eq!(heal(&scene, &store, true, &[]).ids.len(), 1);
    assert_eq!(content(&store), before);
}

#[test]
fn hl1_what_the_log_does_not_have_stays_damaged_and_nothing_is_invented() {
    let scene = scene();
    let store = filled(&scene);
    damage(&scene, &store, [30, 31].into_iter(), false);
    let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
    let healing = heal(&scene, &store, true, &[31]);
    let left: Vec<_> = walk.damaged.iter().filter(|damage| !healing.explains(damage)).collect();
    assert!(!left.is_empty() && left.iter().all(|damage| damage.id == Some(scene.id(31))), "{left:?}");
    assert_eq!(healing.ids.iter().collect::<Vec<_>>(), [&scene.id(30)]);
    assert!(store.snapshot().unwrap().get(&scene.id(31)).is_err());
    // Bytes that are not the id's are not written, whoever brings them.
    let payload = assertion("s31", 1);
    let false_one = Change { id: scene.id(31), ..change(offset(31), &payload) };
    let mut healer = store.healer(true).unwrap();
    healer.add(&false_one, true).unwrap();
    assert_eq!(healer.finish().unwrap(), Healing::default());
}
