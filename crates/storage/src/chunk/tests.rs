use super::*;

fn pieces() -> Vec<Piece<'static>> {
    let piece = |offset, part, content: &'static [u8]| Piece {
        offset: Offset::new(offset),
        id: RecordId::of(content),
        part,
        content,
    };
    let (assertion, epoch) = (RecordId::of(b"a"), EpochId::from_bytes([4; 32]));
    vec![
        piece(3, Part::Assertion { subject: "foo" }, b"bytes"),
        piece(7, Part::Vote { assertion }, b"more"),
        piece(8, Part::Epoch { epoch, new_name: true }, b""),
        piece(9, Part::Epoch { epoch, new_name: false }, b"x"),
        piece(u64::MAX, Part::DeadLetter, "grünlich".as_bytes()),
    ]
}

fn chunks(pieces: &[Piece<'_>]) -> Vec<Chunk> {
    let mut writer = ChunkWriter::default();
    pieces.iter().for_each(|piece| writer.push(piece));
    writer.finish()
}

fn row(chunk: &Chunk) -> Vec<u8> {
    let mut row = vec![0; chunk.row_len()];
    chunk.write_row(&mut row);
    row
}

#[test]
fn pieces_read_back_as_they_were_pushed_from_memory_and_from_a_row() {
    let pushed = pieces();
    let written = chunks(&pushed);
    let [chunk] = &written[..] else { panic!("{} chunks", written.len()) };
    let again = Chunk::from_row(&row(chunk)).unwrap();
    for chunk in [chunk, &again] {
        assert_eq!(chunk.first(), Offset::new(3));
        assert_eq!(chunk.pieces().map(|(piece, _)| piece).collect::<Vec<_>>(), pushed);
        for (piece, value) in chunk.pieces() {
            let expected = [&piece.offset.get().to_le_bytes()[..], piece.content].concat();
            assert_eq!(&value[..], expected);
        }
    }
}

#[test]
fn large_batches_become_chunks_of_a_mebibyte() {
    let content = vec![7; 300_000];
    let piece = |offset| Piece {
        offset: Offset::new(offset),
        id: RecordId::of(b"x"),
        part: Part::DeadLetter,
        content: &content,
    };
    let pushed: Vec<_> = (0..10).map(piece).collect();
    let written = chunks(&pushed);
    assert_eq!(written.iter().map(|chunk| chunk.pieces().count()).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(written[1].first(), Offset::new(4));
    assert!(chunks(&[]).is_empty());
}

#[test]
fn a_row_of_which_any_byte_is_another_is_none() {
    let row = row(&chunks(&pieces())[0]);
    for place in 0..row.len() {
        let mut damaged = row.clone();
        damaged[place] ^= 0x10;
        assert!(Chunk::from_row(&damaged).is_none(), "byte {place}");
        assert!(Chunk::from_row(&row[..place]).is_none(), "cut at {place}");
    }
}

#[test]
fn hostile_pieces_under_a_good_checksum_are_none() {
    let good = row(&chunks(&pieces()[..1])[0]);
    let with_crc = |pieces: &[u8]| [&crc32c::crc32c(pieces).to_le_bytes()[..], pieces].concat();
    assert!(Chunk::from_row(&with_crc(&good[4..])).is_some());
    for place in 0..8 {
        for value in 0..=255 {
            let mut pieces = good[4..].to_vec();
            pieces[place] = value;
            // Whatever it is taken for, it ends in an answer and within its bytes.
            if let Some(chunk) = Chunk::from_row(&with_crc(&pieces)) {
                assert_eq!(chunk.pieces().count(), 1);
            }
        }
    }
    let twice = [&good[4..], &good[4..]].concat();
    assert!(Chunk::from_row(&with_crc(&twice)).is_none(), "offsets rise");
    assert!(Chunk::from_row(&with_crc(&[])).is_none());
}
