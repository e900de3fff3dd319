//! Facts as JSON.

use annals_streams::{Cause, FactId};

use super::*;
use crate::foreign::igniter::open;

const SEGMENT: &str = "wal/store=gps/date=2026-11-20/segment-000001.wal";

/// CRC-32, bit by bit.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body, &crc32(body).to_be_bytes()].concat()
}

fn line(number: u32) -> String {
    format!(
        r#"{{"id":"00000000-0000-4000-8000-0000000000{number:02}","store":"gps","key":"van-7","value":{{"lat":52.5,"n":{number}}},"value_hash":null,"causation":null,"transaction_time":1763600000.25{number},"valid_time":null,"schema_version":1,"producer":null,"derivation":null}}"#
    )
}

fn three() -> Vec<u8> {
    (1..4).flat_map(|number| frame(line(number).as_bytes())).collect()
}

#[test]
fn a_fact_is_taken_with_every_field_and_every_bit() {
    let full = r#"{"id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","store":"crm","key":"a","value":{"b": 1.10,"a":"é"},"value_hash":"x","causation":"00000000-0000-4000-8000-000000000007","transaction_time":1763600000.123456789,"valid_time":-1.5e3,"schema_version":3,"producer":"gate 4","derivation":["rule",2]}"#;
    let store = Store::of(SEGMENT, frame(full.as_bytes()));
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.losses, []);
    let fact = &whole.items[0].item;
    let uuid = |text: &str| uuid::Uuid::parse_str(text).unwrap();
    assert_eq!(fact.id, FactId::Foreign(uuid("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")));
    assert_eq!((&*fact.store, &*fact.key, &*fact.value), ("crm", "a", r#"{"b": 1.10,"a":"é"}"#));
    assert_eq!(fact.causation, Some(Cause::Foreign(uuid("00000000-0000-4000-8000-000000000007"))));
    assert_eq!(fact.transaction_time.to_bits(), "1763600000.123456789".parse::<f64>().unwrap().to_bits());
    assert_eq!((fact.valid_time, fact.schema_version), (Some(-1500.0), 3));
    assert_eq!(
        (fact.producer.as_deref(), fact.derivation.as_deref()),
        (Some("gate 4"), Some(r#"["rule",2]"#))
    );
    assert_eq!(whole.receipt.noted(Note::HashDiffers), 1, "`x` is not its hash");
    assert!(whole.receipt.is_complete());
}

#[test]
fn what_a_fact_cannot_hold_is_noted_and_never_passed_over() {
    let odd = line(1)
        .replace(r#""causation":null"#, r#""causation":"no uuid","colour":"red""#)
        .replace(r#""producer":null"#, r#""producer":{"name":"x"}"#);
    let store = Store::of(SEGMENT, [frame(odd.as_bytes()), frame(b"{\"id\":1}")].concat());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.items[0].item.producer.as_deref(), Some(r#"{"name":"x"}"#));
    for note in [Note::CausationLeftOut, Note::FieldsLeftOut, Note::ProducerAsText] {
        assert_eq!(whole.receipt.noted(note), 1, "{note:?}");
    }
    assert!(!whole.receipt.is_complete());
    assert!(whole.losses[0].reason.contains("`store` is missing"), "{:?}", whole.losses);
    assert_eq!(whole.receipt.lost_items, 1);
}

#[test]
fn facts_cut_anywhere_lose_what_is_torn_and_say_so() {
    Store::of(SEGMENT, three()).cut_everywhere(0, |root| open(root).unwrap());
}

#[test]
fn a_flipped_byte_costs_one_fact_and_never_makes_another() {
    Store::of(SEGMENT, three()).flip_everywhere(|root| open(root).unwrap(), |_| false, its_frame);
}

#[test]
fn stretches_of_zeros_and_of_anything_are_passed_and_told() {
    let frames: Vec<Vec<u8>> = (1..4).map(|number| frame(line(number).as_bytes())).collect();
    let junk: Vec<u8> = (0..5_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let bytes = [&frames[0][..], &[0; 4_096], &frames[1], &junk, &frames[2], &[0; 100]].concat();
    let store = Store::of(SEGMENT, bytes);
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.items.len(), 3);
    assert_eq!(whole.losses.iter().map(|loss| loss.bytes).collect::<Vec<_>>(), [4_096, 5_000, 100]);
    assert_eq!(whole.losses[0].offset, frames[0].len() as u64);
}

#[test]
fn segments_come_in_order_and_documents_are_reported() {
    let store = Store::of(SEGMENT, three());
    let put = |path: &str, bytes: &[u8]| {
        let path = store.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("wal/store=crm/date=flat/segment-000002.wal", &frame(line(5).as_bytes()));
    put("wal/store=crm/date=flat/segment-000001.wal", &frame(line(4).as_bytes()));
    put(
        "wal/store=crm/date=flat/segment-000001.wal.manifest.json",
        br#"{"segment_id":"crm/flat/000001","fact_count":9}"#,
    );
    put(
        "wal/store=crm/date=flat/segment-000000.wal.purged.json",
        br#"{"segment_id":"crm/flat/000000","fact_count":64,"reason":"rolling window"}"#,
    );
    put("wal/store=crm/date=flat/segment-000003.wal.quarantine.json", br#"{"error_message":"zlib"}"#);
    put("wal/store=crm/date=flat/segment-000004.wal.purged.json", b"torn {");
    put("wal/notes.txt", b"a note");
    let whole = read(open(store.path()).unwrap());
    let numbers: Vec<String> =
        whole.items.iter().map(|item| item.item.id.to_string()[34..].to_owned()).collect();
    assert_eq!(numbers, ["04", "05", "01", "02", "03"]);
    let documents = &whole.receipt.first_documents;
    let said: Vec<_> = documents
        .iter()
        .map(|document| (document.kind, document.items, document.reason.as_deref()))
        .collect();
    assert_eq!(
        said,
        [
            (DocumentKind::Purged, Some(64), Some("rolling window")),
            (DocumentKind::Manifest, Some(9), None),
            (DocumentKind::Quarantined, None, Some("zlib"))
        ]
    );
    assert_eq!((whole.receipt.noted(Note::OtherFile), whole.receipt.noted(Note::UnreadDocument)), (1, 1));
    // The manifest knows of more than the segment holds.
    assert_eq!(whole.losses.iter().map(|loss| loss.items).collect::<Vec<_>>(), [Some(8)]);
    assert!(!whole.receipt.is_complete());
}
