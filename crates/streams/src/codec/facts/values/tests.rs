use proptest::prelude::*;

use super::*;

fn packed(values: &[&[u8]], run_of: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(values, run_of, &mut Packer::new(9).unwrap(), &mut out).unwrap();
    out
}

fn check(values: &[&[u8]], run_of: &[u32]) -> usize {
    let packed = packed(values, run_of);
    let most = values.iter().map(|value| value.len()).sum();
    let (mut bytes, mut arena) = (Bytes::new(&packed), Vec::new());
    let mut unpacker = Unpacker::new().unwrap();
    let ends = unpack(&mut bytes, run_of, most, &mut arena, &mut unpacker).unwrap();
    bytes.end().unwrap();
    let mut start = 0;
    for (value, end) in values.iter().zip(ends) {
        assert_eq!(&arena[start as usize..end as usize], *value);
        start = end;
    }
    assert_eq!(start as usize, arena.len());
    packed.len()
}

proptest! {
    #[test]
    fn any_values_come_again(
        json in prop::collection::vec(
            "\\{\"a\": ?-?[0-9]{1,4}(\\.[0-9]{1,3})?,\"b\":(null|true|\"x*\"|\\[[0-9](,[0-9]){0,3}\\])\\}", 0..60),
        bytes in prop::collection::vec(prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)], 0..60),
        runs in 1..9_u32,
    ) {
        let run_of = |count: usize| (0..count as u32).map(|row| row / runs).collect::<Vec<_>>();
        check(&json.iter().map(String::as_bytes).collect::<Vec<_>>(), &run_of(json.len()));
        check(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>(), &run_of(bytes.len()));
        let mixed: Vec<&[u8]> = json.iter().map(String::as_bytes).chain(bytes.iter().map(Vec::as_slice)).collect();
        check(&mixed, &run_of(mixed.len()));
    }

    #[test]
    fn any_bytes_are_values_or_none(bytes: Vec<u8>, count in 0..20_usize) {
        let mut arena = Vec::new();
        let run_of = vec![0; count];
        let found = unpack(&mut Bytes::new(&bytes), &run_of, 1000, &mut arena, &mut Unpacker::new().unwrap());
        prop_assert!(found.is_err() || arena.len() <= 1000);
    }
}

#[test]
fn a_shape_keeps_all_but_the_scalars() {
    let shape = |value: &'static str| {
        let (shape, slots) = apart(value.as_bytes())?;
        let scalars: Vec<&str> = slots.into_iter().map(|slot| &value[slot]).collect();
        Some((String::from_utf8(shape).unwrap().replace('\0', "_"), scalars))
    };
    let all = shape(r#"{"a" : [1.5, -2E+3,"x\"y:"], "b":{"c":null},"d":"" }"#).unwrap();
    assert_eq!(all.0, r#"{"a" : [_, _,_], "b":{"c":_},"d":_ }"#);
    assert_eq!(all.1, ["1.5", "-2E+3", r#""x\"y:""#, "null", r#""""#]);
    assert_eq!(shape("12.5"), Some(("_".to_owned(), vec!["12.5"])));
    assert_eq!(shape(r#"{"cut":"#), None);
    assert_eq!(shape(r#""not closed\""#), None);
    assert_eq!(shape("{}"), None);
    assert_eq!(shape("nul\0"), None);
}

#[test]
fn more_shapes_than_a_block_has_and_more_scalars_than_a_shape_has_come_again() {
    let shapes: Vec<String> = (0..200).map(|i| format!(r#"{{"field {i}":{i}}}"#)).collect();
    check(&shapes.iter().map(String::as_bytes).collect::<Vec<_>>(), &vec![0; shapes.len()]);
    let long = format!("[{}]", vec!["7"; 300].join(","));
    check(&[long.as_bytes(), b"[7]", long.as_bytes()], &[0, 0, 1]);
}
