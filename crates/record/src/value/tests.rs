use proptest::prelude::*;

use super::*;
use crate::samples;

#[test]
fn floats_are_equal_by_their_bits() {
    assert_eq!(Value::Float(f64::NAN), Value::Float(-f64::NAN));
    assert_ne!(Value::Float(0.0), Value::Float(-0.0));
    assert_ne!(Value::Float(1.0), Value::Int(1));
}

#[test]
fn absent_and_empty_are_two_things() {
    let without = Value::text("");
    let with = |language: &str| Value::Text { text: String::new(), language: Some(language.to_owned()) };
    assert_ne!(without, with("de"));
    assert!(without.stored_order(&with("de")).is_lt());
    assert!(with("de").stored_order(&with("en")).is_lt());
}

proptest! {
    #[test]
    fn the_stored_order_is_an_order(mut values in proptest::collection::vec(samples::value(), 3)) {
        for a in &values {
            prop_assert_eq!(a, a);
            for b in &values {
                prop_assert_eq!(a.stored_order(b), b.stored_order(a).reverse());
                prop_assert_eq!(a == b, a.stored_order(b).is_eq());
            }
        }
        values.sort_by(Value::stored_order);
        prop_assert!(values[0].stored_order(&values[2]).is_le());
        prop_assert!(values.is_sorted_by_key(Value::kind_number));
    }
}
