use super::*;

use std::io::Write;

use flate2::write::GzEncoder;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let stream = Stream::over(Cursor::new(bytes.to_owned()), None)?;
    let mut text = Vec::new();
    without_mark(stream.text)?.read_to_end(&mut text)?;
    Ok(text)
}

fn check(bytes: &[u8], expected: &[u8]) {
    assert_eq!(read(bytes).unwrap(), expected);
}

#[test]
fn the_first_bytes_tell_how_a_text_is_compressed() {
    for text in [&b""[..], b"a", b"line\n", &[b'x'; 1_000_000]] {
        check(text, text);
        check(&gzip(text), text);
        check(&zstandard(text), text);
    }
}

#[test]
fn several_members_or_frames_are_one_text() {
    check(&[gzip(b"one\n"), gzip(b""), gzip(b"two")].concat(), b"one\ntwo");
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0note";
    check(&[skippable.to_vec(), zstandard(b"one\n"), zstandard(b"two")].concat(), b"one\ntwo");
}

#[test]
fn a_byte_order_mark_is_no_text() {
    check(b"\xef\xbb\xbfa\xef\xbb\xbf", b"a\xef\xbb\xbf");
    check(&gzip(b"\xef\xbb\xbfa"), b"a");
    check(b"\xef\xbb", b"\xef\xbb");
}

#[test]
fn a_stream_that_was_cut_anywhere_fails_and_says_so() {
    let text: Vec<u8> = (0..20_000u32).flat_map(u32::to_le_bytes).collect();
    for whole in [gzip(&text), zstandard(&text)] {
        for cut in [8, 20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let error = read(&whole[..cut]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}: {error}");
        }
    }
}

#[test]
fn what_is_compressed_otherwise_is_named() {
    for (bytes, name) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\x04\x22\x4d\x18d@\xa7", "lz4"),
        (b"PK\x03\x04\x14\0", "zip"),
    ] {
        let stream = Stream::over(bytes, None).unwrap();
        assert_eq!(stream.compression, Compression::Foreign(name));
    }
}

#[test]
fn progress_counts_what_was_read_from_disk() {
    // More than is read ahead: noise does not compress.
    let text: Vec<u8> =
        (0..500_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let bytes = gzip(&text);
    let length = bytes.len() as u64;
    let mut stream = Stream::over(Cursor::new(bytes), Some(length)).unwrap();
    let progress = stream.progress.clone();
    assert!((1..length).contains(&progress.read_bytes()));
    io::copy(&mut stream.text, &mut io::sink()).unwrap();
    assert_eq!((progress.read_bytes(), progress.total_bytes), (length, Some(length)));
}
