use proptest::prelude::*;

use super::*;

fn packed(tokens: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(tokens, &[0], &mut Packer::new(9).unwrap(), &mut out).unwrap();
    out
}

/// Packs, reads again, compares; says in which form.
fn check(tokens: &[&str]) -> u8 {
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| token.as_bytes()).collect();
    let packed = packed(&tokens);
    let mut bytes = Bytes::new(&packed);
    let mut unpacker = Unpacker::new().unwrap();
    let mut scalars = Scalars::unpack(&mut bytes, tokens.len(), 1 << 20, &[0], &mut unpacker).unwrap();
    bytes.end().unwrap();
    for (row, token) in tokens.iter().enumerate() {
        let mut text = Vec::new();
        scalars.put(row, &mut text);
        assert_eq!(text, *token, "{}", String::from_utf8_lossy(token));
    }
    packed[0]
}

/// Numbers as JSON may have them, of every spelling, and what is no number.
fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?(0|[1-9][0-9]{0,4})\\.[0-9]{1,6}",
        2 => "-?(0|[1-9][0-9]{0,20})",
        2 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        2 => any::<f64>().prop_map(|double| format!("{double:?}")),
        1 => "[-0-9.eE+]{0,6}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_spelling_of_any_number_comes_again(tokens in prop::collection::vec(token(), 0..80)) {
        check(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn decimals_with_a_few_odd_ones_among_them_come_again(
        decimals in prop::collection::vec((-99_999_999_i64..99_999_999, 0..=6_u8), 40..90),
        odd in prop::collection::vec((0..80_usize, token()), 0..6),
        least in 0..=1_u8,
    ) {
        let text = |(number, scale)| {
            let mut out = Vec::new();
            put_decimal(number, Style { scale, least: least.min(scale) }, &mut out);
            String::from_utf8(out).unwrap()
        };
        let mut tokens: Vec<String> = decimals.into_iter().map(text).collect();
        for (at, token) in odd {
            let at = at % tokens.len();
            tokens[at] = token;
        }
        check(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_numbers_or_none(bytes: Vec<u8>, count in 0..20_usize) {
        let mut unpacker = Unpacker::new().unwrap();
        let scalars = Scalars::unpack(&mut Bytes::new(&bytes), count, 1000, &[0], &mut unpacker);
        if let Ok(mut scalars) = scalars {
            (0..count).for_each(|row| scalars.put(row, &mut Vec::new()));
        }
    }
}

#[test]
fn each_kind_of_column_has_its_form() {
    let many = |of: fn(i32) -> String| {
        let tokens: Vec<String> = (0..200).map(of).collect();
        check(&tokens.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(many(|i| format!("{}.{:06}1", 52 + i % 3, i * 7919 % 1_000_000)), DECIMAL);
    assert_eq!(many(|i| format!("{:?}", f64::from(i * 7919 % 1000) / 10.0)), DECIMAL);
    assert_eq!(many(|i| format!("{:?}", (f64::from(i) * 0.37).sin() * 50.0)), DOUBLE);
    assert_eq!(many(|i| format!("\"name {}\"", i * 7919 % 1000)), TEXT);
}

#[test]
fn spellings_that_mean_the_same_are_not_made_one() {
    assert_eq!(
        check(&["0", "-0", "0.0", "-0.0", "00", "1.50", "1.5", "1.500", "+1", "1.", ".5", "1e0", "1E0", ""]),
        TEXT
    );
    check(&["9223372036854775807", "-9223372036854775808", "9223372036854775808", "0.000000000000000001"]);
    check(&["0.0000000000000000001", "123456789012345678.9", "-9.999999999999999999"]);
}

#[test]
fn one_odd_value_does_not_cost_the_column_its_form() {
    let mut tokens: Vec<String> = (0..500).map(|i| format!("{}.{}", 20 + i % 3, i % 10)).collect();
    let pack = |tokens: &[String]| packed(&tokens.iter().map(String::as_bytes).collect::<Vec<_>>()).len();
    let before = pack(&tokens);
    tokens[250] = "null".to_owned();
    tokens[300] = "1E3".to_owned();
    assert!(pack(&tokens) < before + 60, "{} after {before}", pack(&tokens));
}
