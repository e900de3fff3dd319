//! Facts in packed batches.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::facts::frame;
use super::*;
use crate::foreign::igniter::open;

const SEGMENT: &str = "wal/store=gps/date=2026-11-20T08/segment-000001.wal";

/// MessagePack, by hand.
enum Pack<'a> {
    Nil,
    Int(i64),
    Float(f64),
    Text(&'a str),
    List(Vec<Self>),
    Map(Vec<(&'a str, Self)>),
}

impl Pack<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Nil => vec![0xc0],
            Self::Int(number) => [&[0xd3], &number.to_be_bytes()[..]].concat(),
            Self::Float(number) => [&[0xcb], &number.to_be_bytes()[..]].concat(),
            Self::Text(text) => [&[0xd9, text.len() as u8], text.as_bytes()].concat(),
            Self::List(all) => {
                let parts = all.iter().flat_map(Self::bytes);
                [0xdc, 0, all.len() as u8].into_iter().chain(parts).collect()
            }
            Self::Map(all) => {
                let parts =
                    all.iter().flat_map(|(key, value)| [Self::Text(key).bytes(), value.bytes()].concat());
                [0x80 | all.len() as u8].into_iter().chain(parts).collect()
            }
        }
    }
}

fn header() -> Vec<u8> {
    let fields = Pack::List(vec![Pack::Text("lat"), Pack::Text("n")]);
    let parts = vec![
        ("store", Pack::Text("gps")),
        ("fields", fields),
        ("valid_time", Pack::Nil),
        ("schema_version", Pack::Int(2)),
    ];
    frame(&Pack::Map(parts).bytes())
}

fn batch(count: u32, keys: Vec<(&str, Pack<'_>)>, entries: Vec<(i64, i64, Vec<Pack<'_>>)>) -> Vec<u8> {
    let entries = entries
        .into_iter()
        .map(|(key, delta, values)| Pack::List(vec![Pack::Int(key), Pack::Int(delta), Pack::List(values)]));
    let packed = Pack::Map(vec![("km", Pack::Map(keys)), ("e", Pack::List(entries.collect()))]).bytes();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&packed).unwrap();
    frame(&[&count.to_be_bytes()[..], &zlib.finish().unwrap()].concat())
}

fn values(n: i64) -> Vec<Pack<'static>> {
    vec![Pack::Float(52.25 + n as f64 / 4.0), Pack::Int(n)]
}

/// A header and two batches: three facts, then two that lean on them.
fn five() -> [Vec<u8>; 3] {
    let first = batch(
        3,
        vec![("0", Pack::Text("van-7")), ("1", Pack::Text("van-8"))],
        vec![(0, 1_763_600_000_000, values(1)), (1, 250, values(2)), (0, -1, values(3))],
    );
    let second = batch(2, vec![("2", Pack::Text("van-9"))], vec![(2, 1_000, values(4)), (1, 0, values(5))]);
    [header(), first, second]
}

#[test]
fn batches_give_their_facts_with_times_keys_and_values() {
    let store = Store::of(SEGMENT, five().concat());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.losses, []);
    let said: Vec<(&str, &str, f64)> = whole
        .items
        .iter()
        .map(|item| (&*item.item.key, &*item.item.value, item.item.transaction_time))
        .collect();
    assert_eq!(
        said,
        [
            ("van-7", r#"{"lat":52.5,"n":1}"#, 1_763_600_000.0),
            ("van-8", r#"{"lat":52.75,"n":2}"#, 1_763_600_000.25),
            ("van-7", r#"{"lat":53.0,"n":3}"#, 1_763_600_000.249),
            ("van-9", r#"{"lat":53.25,"n":4}"#, 1_763_600_001.249),
            ("van-8", r#"{"lat":53.5,"n":5}"#, 1_763_600_001.249),
        ]
    );
    let first = &whole.items[0].item;
    assert_eq!((&*first.store, first.schema_version, first.valid_time), ("gps", 2, None));
    assert_eq!((whole.receipt.noted(Note::MadeId), whole.receipt.noted(Note::NoProvenance)), (5, 5));
    let ids: std::collections::HashSet<String> =
        whole.items.iter().map(|item| item.item.id.to_string()).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(read(open(store.path()).unwrap()).items, whole.items, "FO5: the same ids each time");
}

#[test]
fn batches_cut_anywhere_lose_what_is_torn_and_say_so() {
    Store::of(SEGMENT, five().concat()).cut_everywhere(header().len() as u64, |root| open(root).unwrap());
}

#[test]
fn a_flipped_byte_costs_its_batch_and_what_leans_on_it_and_never_makes_another_fact() {
    Store::of(SEGMENT, five().concat()).flip_everywhere(
        |root| open(root).unwrap(),
        |_| false,
        |place, at| at < place.offset + place.bytes,
    );
}

#[test]
fn what_leans_on_a_lost_batch_is_counted_as_lost() {
    let [header, mut first, second] = five();
    first[20] ^= 1;
    let third = batch(4, vec![], (0..4).map(|n| (0, 1, values(n))).collect());
    let store = Store::of(SEGMENT, [header, first, second, third].concat());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.items.len(), 0);
    assert_eq!(whole.losses.len(), 3, "{:?}", whole.losses);
    assert_eq!(whole.losses[1].items, Some(2));
    assert!(whole.losses[2].reason.contains("lean on a batch before them"), "{}", whole.losses[2]);
    assert_eq!(whole.receipt.lost_items, 6);
}

#[test]
fn batches_that_do_not_keep_their_word_are_told_and_the_rest_is_taken() {
    let keys = || vec![("0", Pack::Text("van-7"))];
    let odd = batch(
        5,
        keys(),
        vec![
            (0, 5_000, values(1)),
            (7, 1, values(2)),
            (0, 1, vec![Pack::Float(f64::NAN), Pack::Nil]),
            (0, 1, vec![Pack::Text("short")]),
        ],
    );
    let store = Store::of(SEGMENT, [header(), odd].concat());
    let whole = read(open(store.path()).unwrap());
    let values: Vec<&str> = whole.items.iter().map(|item| &*item.item.value).collect();
    assert_eq!(values, [r#"{"lat":52.5,"n":1}"#, r#"{"lat":"short","n":null}"#]);
    let reasons: Vec<&str> = whole.losses.iter().map(|loss| &*loss.reason).collect();
    assert!(reasons[0].contains("its key is not named"), "{reasons:?}");
    assert!(reasons[1].contains("NaN"), "{reasons:?}");
    assert!(reasons[2].contains("says that it has 5 facts, and has 4"), "{reasons:?}");
    assert_eq!(whole.receipt.lost_items, 3);
}

#[test]
fn bombs_of_bytes_depth_and_values_are_refused_and_cost_nothing_else() {
    let zlib = |bytes: &[u8]| {
        let mut zlib = ZlibEncoder::new(vec![0, 0, 0, 64], Compression::best());
        zlib.write_all(bytes).unwrap();
        frame(&zlib.finish().unwrap())
    };
    let good = |n| batch(1, vec![("0", Pack::Text("van-7"))], vec![(0, n, values(n))]);
    for (bomb, word) in [
        (vec![0xc0; 17 << 20], "unpacks to more than"),
        ([&[0xdd, 0, 0x20, 0, 0][..], &vec![0xc0; 2 << 20]].concat(), "more than 1048576 values"),
        (vec![0x91; 200_000], "no MessagePack"),
        (vec![0xdd, 0xff, 0xff, 0xff, 0xff], "no MessagePack"),
        (vec![0xc6, 0xff, 0xff, 0xff, 0xff], "no MessagePack"),
    ] {
        let store = Store::of(SEGMENT, [header(), good(1), zlib(&bomb)].concat());
        let whole = read(open(store.path()).unwrap());
        assert_eq!((whole.items.len(), whole.losses.len()), (1, 1));
        assert!(whole.losses[0].reason.contains(word), "{word}: {}", whole.losses[0]);
    }
}
