use annals_journal::Offset;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::codec::packing::LEVEL;
use crate::fact::tests::facts;
use crate::{Cause, FactId};

/// Packs payloads as if they stood one behind the other, and holds the result to them.
fn check(payloads: &[Vec<u8>], offsets: &[u64]) -> Option<usize> {
    let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let packed = pack(&payloads, offsets, &mut Packer::new(LEVEL).unwrap()).unwrap()?;
    assert!(gives(&packed, &payloads, offsets).unwrap(), "every payload comes again");
    // Of a cut one nothing comes, and no panic.
    for len in (0..packed.len()).step_by(1 + packed.len() / 50) {
        assert!(!gives(&packed[..len], &payloads, offsets).unwrap());
    }
    Some(packed.len())
}

fn offsets(count: usize) -> Vec<u64> {
    (0..count as u64).map(|i| 4096 + i * 800).collect()
}

/// A store with few keys, causes within it and beyond, and times that rise, repeat or fall.
fn history() -> impl Strategy<Value = Vec<Fact>> {
    let one = (facts(), 0..4_usize, 0..9_u8, 0..40_usize, prop_oneof![Just(1_i32), -1..2_i32]);
    prop::collection::vec(one, 0..40).prop_map(|drawn| {
        let mut time = 1.7e9;
        let mut history: Vec<Fact> = Vec::new();
        for (number, (mut fact, key, cause, which, step)) in drawn.into_iter().enumerate() {
            time += f64::from(step) * 0.25;
            fact.key = ["a", "b", "a longer key of the store", "d"][key].to_owned();
            if cause < 7 {
                fact.transaction_time = time;
            }
            let before = history.len().checked_sub(1).map(|last| which.min(last));
            fact.causation = match (cause, before) {
                (0 | 1, Some(before)) => Some(Cause::Fact(Offset::new(4096 + before as u64 * 800))),
                (2, Some(before)) => history[before].causation,
                (3, Some(before)) => match history[before].id {
                    FactId::Foreign(id) => Some(Cause::Foreign(id)),
                    FactId::Native => None,
                },
                (4, _) => Some(Cause::Fact(Offset::new(which as u64))),
                (5, _) => Some(Cause::Foreign(Uuid::from_u128(number as u128))),
                _ => fact.causation,
            };
            history.push(fact);
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_history_comes_again_byte_for_byte(history in history()) {
        let payloads: Vec<Vec<u8>> = history.iter().map(|fact| fact.to_payload().unwrap()).collect();
        let found = check(&payloads, &offsets(payloads.len()));
        prop_assert_eq!(found.is_some(), payloads.len() >= FEW);
    }

    #[test]
    fn any_payloads_among_facts_come_again(
        history in history(),
        others in prop::collection::vec((any::<Vec<u8>>(), 0..40_usize), 1..12),
        bit in any::<usize>(),
    ) {
        let mut payloads: Vec<Vec<u8>> = history.iter().map(|fact| fact.to_payload().unwrap()).collect();
        // A fact with a flipped bit is none, or another one; nothing else is known of it.
        let mut flipped: Vec<Vec<u8>> = payloads.iter().take(5).cloned().collect();
        flipped.iter_mut().for_each(|payload| {
            let bit = bit % (payload.len() * 8);
            payload[bit / 8] ^= 1 << (bit % 8);
        });
        payloads.extend(flipped);
        for (other, at) in others {
            payloads.insert(at.min(payloads.len()), other);
        }
        check(&payloads, &offsets(payloads.len()));
    }

    #[test]
    fn any_bytes_are_facts_or_none(bytes: Vec<u8>, count in 0..20_usize) {
        let mut unpacker = Unpacker::new().unwrap();
        unpacker.allow(4000);
        if let Ok(facts) = Facts::unpack(&mut Bytes::new(&bytes), count, 4000, &mut unpacker) {
            for record in 0..count {
                prop_assert_eq!(facts.get(record, |_| 0).len(), facts.len(record));
            }
        }
    }
}

/// Readings of a few sensors, as they come.
fn readings(count: usize, mut change: impl FnMut(usize, &mut Fact)) -> Vec<Vec<u8>> {
    let mut facts = Vec::new();
    for i in 0..count {
        let value = format!(r#"{{"t":{}.{}}}"#, 20 + i % 2, i % 10);
        let mut fact = Fact::new("readings", format!("sensor-{}", i % 8), value, 1.7e9 + i as f64 * 1.25);
        fact.causation = i.checked_sub(8).map(|before| Cause::Fact(Offset::new(offsets(count)[before])));
        change(i, &mut fact);
        facts.push(fact.to_payload().unwrap());
    }
    facts
}

#[test]
fn what_can_be_derived_takes_next_to_nothing() {
    let even = check(&readings(800, |_, _| {}), &offsets(800)).unwrap();
    assert!(even < 800, "{even} bytes");
    // Random foreign ids take their 122 bits and little more, and the causes that name them nothing.
    let mut random = 1_u128;
    let mut draw = || {
        random = random.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        uuid::Builder::from_random_bytes((random ^ random >> 64).to_le_bytes()).into_uuid()
    };
    let ids: Vec<Uuid> = (0..800).map(|_| draw()).collect();
    let foreign = |i: usize, fact: &mut Fact| {
        fact.id = FactId::Foreign(ids[i]);
        fact.causation = i.checked_sub(8).map(|before| Cause::Foreign(ids[before]));
    };
    let kept = check(&readings(800, foreign), &offsets(800)).unwrap();
    assert!(kept < even + 800 * 61 / 4 + 1200, "{kept} bytes");
}

#[test]
fn late_facts_nulls_and_new_shapes_cost_what_they_are_and_no_more() {
    let even = check(&readings(800, |_, _| {}), &offsets(800)).unwrap();
    let odd = readings(800, |i, fact| match i {
        100 => fact.transaction_time -= 500.0,
        200 => fact.value = r#"{"t":null}"#.to_owned(),
        300 => fact.value = r#"{"t":20.5,"why":["new","shape"]}"#.to_owned(),
        400 => fact.value = r#"{ "t" : 2.05E1 }"#.to_owned(),
        500 => fact.value = r#"{"t":-0.0}"#.to_owned(),
        _ => {}
    });
    let odd = check(&odd, &offsets(800)).unwrap();
    // One late fact, and the key of each has to be stored.
    assert!(odd < even + 800, "{odd} bytes, {even} without");
}

#[test]
fn a_time_that_is_not_a_number_is_of_no_fact() {
    // Infinity with one more bit: found among payloads with a flipped bit.
    let mut assertion =
        Fact { valid_time: Some(f64::INFINITY), ..Fact::new("s", "k", "1", 1.5) }.to_assertion().unwrap();
    assertion.qualifiers[0].value = annals_record::Value::Float(f64::NAN);
    let odd = annals_record::serialize_assertion(&assertion).unwrap();
    assert_eq!(Fact::of_payload(&odd), None);
    let mut payloads = readings(20, |_, _| {});
    payloads.push(odd);
    assert!(check(&payloads, &offsets(21)).is_some());
}
