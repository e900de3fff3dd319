use proptest::option;
use proptest::prelude::*;

use super::*;

fn packed(rows: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(rows.iter().map(Option::as_deref), &mut Packer::new(9).unwrap(), &mut out).unwrap();
    out
}

fn unpacked(packed: &[u8], count: usize, most: usize) -> Result<Texts, Flaw> {
    let mut bytes = Bytes::new(packed);
    let texts = Texts::unpack(&mut bytes, count, most, &mut Unpacker::new().unwrap())?;
    bytes.end().map(|()| texts)
}

proptest! {
    #[test]
    fn any_texts_come_again_absent_ones_too(
        rows in prop::collection::vec(option::of(prop_oneof![
            any::<Vec<u8>>(),
            "[ab]{0,2}".prop_map(String::into_bytes),
        ]), 0..60),
    ) {
        let most = rows.iter().flatten().map(Vec::len).sum();
        let texts = unpacked(&packed(&rows), rows.len(), most).unwrap();
        for (i, row) in rows.iter().enumerate() {
            prop_assert_eq!(texts.get(i), row.as_deref());
        }
        prop_assert_eq!(texts.is_full(), !rows.contains(&None));
        let utf8 = rows.iter().flatten().all(|row| std::str::from_utf8(row).is_ok());
        prop_assert_eq!(texts.is_utf8(), utf8);
    }

    #[test]
    fn any_bytes_are_texts_or_none(bytes: Vec<u8>, count in 0..30_usize) {
        if let Ok(texts) = unpacked(&bytes, count, 1000) {
            prop_assert!((0..count).all(|row| texts.text(row).len() <= 1000));
        }
    }
}

#[test]
fn a_text_that_comes_again_takes_next_to_nothing() {
    let long = Some(b"a longer text that is said again and again".to_vec());
    let rows: Vec<_> = (0..1000).map(|i| if i % 10 == 0 { None } else { long.clone() }).collect();
    assert!(packed(&rows).len() < 100);
}
