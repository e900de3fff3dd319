//! Encoded segments as the journal sees them, whole and damaged.

mod damage;
mod journals;
mod scene;

use scene::{MemoryFile, Scene, encoded};

use super::*;

#[test]
fn every_segment_of_every_codec_comes_again_byte_for_byte() {
    for codec in codecs() {
        let scene = Scene::with_everything();
        for plain in scene.sealed() {
            let file = encoded(&plain, codec);
            verify(&plain, &file).unwrap();
            assert_eq!(codec_of(&file).unwrap(), codec);
            assert_eq!(plain_len(&file).unwrap(), plain.len().unwrap());
            let shown = open(Box::new(file)).unwrap();
            assert_eq!(scene::all(&*shown), plain.bytes());
            // From any place on, in pieces of any length.
            let bytes = plain.bytes();
            let mut random = 7_u64;
            for _ in 0..300 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pos = (random >> 33) as usize % (bytes.len() + 9);
                let mut piece = vec![0; (random >> 20) as usize % 700];
                let held = container::read_full(&*shown, &mut piece, pos as u64).unwrap();
                let want = &bytes[pos.min(bytes.len())..(pos + piece.len()).min(bytes.len())];
                assert_eq!(&piece[..held], want, "{} bytes at {pos}", piece.len());
            }
        }
    }
}

#[test]
fn an_encoded_segment_is_smaller_and_says_how_it_came_to_be() {
    let scene = Scene::of_facts(9_000);
    let plain = scene.sealed().remove(0);
    // Header and seal, and blocks of 4,000 records: 96 more are no whole group.
    for (codec, blocks, times) in [(Codec::Zstd, 2 + 3, 10), (Codec::Delta, 2 + 3, 40)] {
        let mut out = Vec::new();
        let encoded = encode(&plain, &mut out, codec).unwrap();
        assert_eq!(encoded.plain_len, plain.len().unwrap());
        assert_eq!(encoded.encoded_len, out.len() as u64);
        assert_eq!(encoded.records, 9_000);
        assert_eq!(encoded.blocks, blocks, "{codec}");
        assert!(encoded.verbatim_bytes < 6_000, "{encoded:?}");
        assert!(encoded.encoded_len * times < encoded.plain_len, "{codec}: {encoded:?}");
    }
}

#[test]
fn a_block_ends_where_a_group_ends_and_a_group_larger_than_a_block_is_parted() {
    let scene = Scene::of_batches(&[4_000, 90, 7, 1, 9_000, 3]);
    let [plain] = &scene.sealed()[..] else { panic!("one segment") };
    let file = encoded(plain, Codec::Zstd);
    let container = Container::of(&file).unwrap().unwrap();
    let records: Vec<u32> = container.blocks.iter().map(|block| block.records).collect();
    assert_eq!(records, [0, 4_090, 8, 4_096, 4_096, 811, 0]);
    verify(plain, &file).unwrap();
}

#[test]
fn what_is_no_sealed_segment_is_refused_and_a_plain_one_is_shown_as_it_is() {
    let scene = Scene::with_everything();
    let plain = scene.sealed().remove(0);
    let bytes = plain.bytes();
    let refused = |bytes: &[u8]| encode(&MemoryFile::new(bytes), &mut Vec::new(), Codec::Zstd);
    for wrong in
        [&b""[..], b"annalsWL", &bytes[..4095], &bytes[..4096], &bytes[..bytes.len() - 1], &[0; 9000]]
    {
        let error = refused(wrong).unwrap_err();
        assert!(matches!(error, CodecError::NotSealed { .. }), "{error}");
        let shown = open(Box::new(MemoryFile::new(wrong))).unwrap();
        assert_eq!(scene::all(&*shown), wrong);
        assert_eq!(plain_len(&MemoryFile::new(wrong)).unwrap(), wrong.len() as u64);
    }
    let error = encode(&plain, &mut Vec::new(), Codec::Plain).unwrap_err();
    assert!(matches!(error, CodecError::Plain), "{error}");
    assert!(verify(&plain, &plain).is_err());
    assert_eq!(codec_of(&plain).unwrap(), Codec::Plain);
}

#[test]
fn an_encoded_file_is_read_only_and_a_newer_one_is_not_taken_for_damage() {
    let scene = Scene::with_everything();
    let file = encoded(&scene.sealed()[0], Codec::Zstd);
    let mut bytes = file.bytes();
    let shown = open(Box::new(file)).unwrap();
    assert!(
        shown.write_at(b"x", 0).is_err() && shown.set_len(0).is_err() && shown.allocate(1 << 30).is_err()
    );
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    let error = open(Box::new(MemoryFile::new(&bytes))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
}

#[test]
fn verify_finds_a_plain_segment_that_is_another_one() {
    let scene = Scene::with_everything();
    let plain = &scene.sealed()[0];
    let file = encoded(plain, Codec::Zstd);
    let mut other = plain.bytes();
    for at in [50, 4100, other.len() / 2, other.len() - 1] {
        other[at] ^= 1;
        let error = verify(&MemoryFile::new(&other), &file).unwrap_err();
        assert!(matches!(error, CodecError::Differs { at: found } if found == at as u64), "{error} for {at}");
        other[at] ^= 1;
    }
    let error = verify(&MemoryFile::new(&other[..other.len() - 8]), &file).unwrap_err();
    assert!(matches!(error, CodecError::Differs { .. }), "{error}");
}

#[test]
fn one_form_is_encoded_from_another_and_back_to_plain() {
    let plain = Scene::with_everything().sealed().remove(0);
    let zstd = encoded(&plain, Codec::Zstd);
    let shown = open(Box::new(MemoryFile::new(&zstd.bytes()))).unwrap();
    let mut delta = Vec::new();
    encode(&*shown, &mut delta, Codec::Delta).unwrap();
    assert_eq!(delta, encoded(&plain, Codec::Delta).bytes());
    verify(&*shown, &MemoryFile::new(&delta)).unwrap();
    assert_eq!(check(&MemoryFile::new(&delta)).unwrap(), check(&zstd).unwrap());
    assert_eq!(scene::all(&*open(Box::new(MemoryFile::new(&delta))).unwrap()), plain.bytes());
}

#[test]
fn a_check_finds_a_block_that_does_not_verify() {
    let file = encoded(&Scene::of_batches(&[10]).sealed()[0], Codec::Delta);
    assert_eq!(check(&file).unwrap(), 10);
    let mut bytes = file.bytes();
    for at in [70, 200, bytes.len() - 100, bytes.len() - 200] {
        bytes[at] ^= 4;
        let error = check(&MemoryFile::new(&bytes)).unwrap_err();
        assert!(matches!(error, CodecError::Damaged { .. }), "{error}");
        bytes[at] ^= 4;
    }
    assert!(check(&MemoryFile::new(b"annalsWL")).is_err());
}

#[test]
fn names_are_read_back() {
    for codec in Codec::ALL {
        assert_eq!(codec.to_string().parse::<Codec>().unwrap(), codec);
    }
    assert!("gzip".parse::<Codec>().is_err());
}

/// Those that make another file.
fn codecs() -> impl Iterator<Item = Codec> {
    Codec::ALL.into_iter().filter(|codec| *codec != Codec::Plain)
}
