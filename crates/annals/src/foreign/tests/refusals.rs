//! What is not what it seems: links, FIFOs, sizes that nobody has, directories of something else.

use std::os::unix::fs::symlink;

use fastrand::Rng;

use super::*;

#[test]
fn links_and_fifos_are_told_and_never_opened() {
    let room = tempfile::tempdir().unwrap();
    let outside = room.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("segment_1_1.opq"), b"LOPQ of somebody else").unwrap();
    let root = room.path().join("root");
    fs::create_dir_all(root.join("wal/store=x")).unwrap();
    symlink(&outside, root.join("wal/store=x/date=flat")).unwrap();
    symlink(outside.join("segment_1_1.opq"), root.join("segment_1_1.opq")).unwrap();
    let fifo = root.join("0");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(status.success());
    let before = standing(&root);
    let facts = read(igniter::open(&root).unwrap());
    assert_eq!(
        facts.losses.iter().map(|loss| &*loss.reason).collect::<Vec<_>>(),
        ["a link, which is not followed"]
    );
    let packets = read(opq::open(&root).unwrap());
    let told: Vec<String> = packets.losses.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with("0, ") && told[0].contains("no regular file"), "{told:?}");
    assert!(told[1].starts_with("segment_1_1.opq") && told[1].contains("link"), "{told:?}");
    assert_eq!(read(fact::open(&root).unwrap()).losses.len(), 2);
    assert_eq!(standing(&root), before, "FO1");
}

#[test]
fn a_file_that_becomes_a_link_meanwhile_is_not_followed() {
    let room = tempfile::tempdir().unwrap();
    let root = room.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("0"), b"1234").unwrap();
    fs::write(room.path().join("secret"), b"5678").unwrap();
    let mut reading = fact::open(&root).unwrap();
    fs::remove_file(root.join("0")).unwrap();
    symlink(room.path().join("secret"), root.join("0")).unwrap();
    let Some(Found::Lost(loss)) = reading.next() else { panic!("it was followed") };
    assert!(loss.reason.starts_with("the file cannot be read"), "{loss}");
    assert_eq!((reading.next(), reading.receipt().lost_bytes), (None, 4));
}

#[test]
fn a_directory_of_something_else_is_refused_with_what_is_missing() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("file.txt");
    fs::write(&file, b"text").unwrap();
    let told = |error: crate::Error| {
        assert_eq!(error.kind(), crate::Kind::Fix, "{error}");
        error.to_string()
    };
    assert!(told(igniter::open(room.path()).unwrap_err()).contains("wal/store="));
    assert!(told(opq::open(room.path()).unwrap_err()).contains("no `.opq` file"));
    assert!(told(stemedb::open(room.path()).unwrap_err()).contains("no `.wal` file"));
    assert!(told(fact::open(room.path()).unwrap_err()).contains("no file named"));
    assert!(told(opq::open(&file).unwrap_err()).contains("no directory"));
    assert!(opq::open(room.path().join("nothing")).is_err());
}

#[test]
fn sizes_that_nobody_has_allocate_nothing_and_are_told() {
    // A length of nearly 4 GiB, in each format's own place, before a file that is sparse and 40 GiB long.
    let heads: [(&str, Vec<u8>); 3] = [
        ("wal/store=x/date=flat/segment-000001.wal", b"\xff\xff\xff\xf0{".to_vec()),
        ("0", b"\xf0\xff\xff\xff\x83\x74\0\0\0\x05".to_vec()),
        ("0000000000000000.wal", [&b"\xf0\xff\xff\xff"[..], &[1; 37], &[0; 7]].concat()),
    ];
    for (file, head) in heads {
        let store = Store::of(file, [head, vec![7; 40]].concat());
        let whole = match file.len() {
            1 => read(fact::open(store.path()).unwrap()).receipt,
            20 => read(stemedb::open(store.path()).unwrap()).receipt,
            _ => read(igniter::open(store.path()).unwrap()).receipt,
        };
        assert_eq!((whole.items, whole.lost_bytes), (0, whole.bytes), "{file}");
    }
}

#[test]
fn a_search_that_is_led_astray_everywhere_is_given_up_and_told() {
    // Every fifth byte begins a frame that claims a megabyte and does not verify.
    let lure = [0, 0x10, 0, 0, b'{'];
    let bytes: Vec<u8> = lure.iter().copied().cycle().take(2 << 20).collect();
    let store = Store::of("wal/store=x/date=flat/segment-000001.wal", bytes);
    let whole = read(igniter::open(store.path()).unwrap());
    assert_eq!(whole.items.len(), 0);
    assert!(whole.losses.iter().any(|loss| loss.reason.contains("given up")), "{:?}", whole.losses);
}

#[test]
fn any_bytes_at_all_are_read_to_their_end() {
    let rng = &mut Rng::with_seed(7);
    let mut told = 0;
    for round in 0..150 {
        let room = tempfile::tempdir().unwrap();
        let deep = room.path().join("wal/store=x/date=flat");
        fs::create_dir_all(&deep).unwrap();
        let pieces: [&[u8]; 8] = [
            b"LWF\0",
            b"LOPQ\x01\0\0\0",
            b"{\"id\":",
            &[0; 12],
            &[131, 116, 0, 0, 0, 5],
            b"\x81\xa5store",
            b"\x78\xda",
            &[0xff; 4],
        ];
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(0..40) {
            match rng.u8(0..3) {
                0 => bytes.extend((0..rng.usize(0..30)).map(|_| rng.u8(..))),
                1 => bytes.extend_from_slice(&rng.u32(0..300).to_be_bytes()),
                _ => bytes.extend_from_slice(pieces[rng.usize(0..pieces.len())]),
            }
        }
        for file in ["0", "0000000000000000.wal", "segment_5_5.opq"] {
            fs::write(room.path().join(file), &bytes).unwrap();
        }
        fs::write(deep.join("segment-000001.wal"), &bytes).unwrap();
        let receipts = [
            read(igniter::open(room.path()).unwrap()).receipt,
            read(opq::open(room.path()).unwrap()).receipt,
            read(stemedb::open(room.path()).unwrap()).receipt,
            read(fact::open(room.path()).unwrap()).receipt,
        ];
        told += receipts.iter().filter(|receipt| receipt.losses > 0).count();
        assert!(receipts.iter().all(|receipt| receipt.files > 0), "round {round}");
    }
    assert!(told > 400, "{told}");
}
