use proptest::prelude::*;

use super::*;

/// Packs the order of facts with these keys and times, reads it again and compares.
fn check(mode: Mode, keys: &[String], times: &[f64]) {
    let of: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
    let (different, key_of) = keys_of(&of);
    let order = Order::of(mode, different.len(), key_of);
    let mut out = Vec::new();
    order.pack(mode, &different, &mut Packer::new(9).unwrap(), &mut out).unwrap();
    let mut bytes = Bytes::new(&out);
    let unordered =
        Unordered::unpack(&mut bytes, keys.len(), 1 << 20, &mut Unpacker::new().unwrap()).unwrap();
    bytes.end().unwrap();
    assert_eq!(unordered.runs(), order.runs);
    let rows: Vec<f64> = order.facts.iter().map(|fact| times[*fact as usize]).collect();
    let found = unordered.order(&rows).unwrap();
    assert_eq!((&found.facts, &found.run_of, &found.runs), (&order.facts, &order.run_of, &order.runs));
    for (fact, key) in found.key_of.iter().enumerate() {
        assert_eq!(unordered.keys.text(*key as usize), keys[fact].as_bytes());
    }
    // Each fact once, and by key they stand as in the log.
    let mut facts = found.facts.clone();
    facts.sort_unstable();
    assert!(facts.into_iter().eq(0..keys.len() as u32));
    if mode != Mode::Log {
        let of = |row: usize| (found.key_of[found.facts[row] as usize], found.facts[row]);
        assert!((1..keys.len()).all(|row| of(row - 1) < of(row)));
    }
}

proptest! {
    #[test]
    fn the_order_of_the_log_comes_again(keys in prop::collection::vec("[a-d]{0,2}", 1..60), begin in -5.0..5.0_f64) {
        let times: Vec<f64> = (0..keys.len()).map(|i| begin + i as f64 * 0.1).collect();
        prop_assert!(tell(&times));
        for mode in [Mode::Log, Mode::ByKey, Mode::ByKeyStored] {
            check(mode, &keys, &times);
        }
        // Late and reordered ones, and several at once.
        let times: Vec<f64> = (0..keys.len()).map(|i| ((i * 7) % 5) as f64).collect();
        for mode in [Mode::Log, Mode::ByKeyStored] {
            check(mode, &keys, &times);
        }
    }

    #[test]
    fn any_bytes_are_an_order_or_none(bytes: Vec<u8>, times: Vec<f64>) {
        let mut unpacker = Unpacker::new().unwrap();
        if let Ok(unordered) = Unordered::unpack(&mut Bytes::new(&bytes), times.len(), 1000, &mut unpacker)
            && let Ok(order) = unordered.order(&times)
        {
            prop_assert_eq!(order.facts.len(), times.len());
        }
    }
}

#[test]
fn only_times_that_rise_strictly_tell_an_order() {
    assert!(tell(&[]) && tell(&[1.0]) && tell(&[f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1e-300, f64::INFINITY]));
    assert!(!tell(&[1.0, 1.0]) && !tell(&[2.0, 1.0]) && !tell(&[0.0, -0.0]));
}
