//! Damaged and forged files: never a wrong byte, never more lost than the block.

use std::ops::Range;

use super::scene::{all, fact};
use super::*;
use crate::codec::container::{BLOCK_HEAD, BlockHead, Entry, HEAD};

/// What an encoded file shows beside what it should: the ranges that are lost, none of them wrong.
fn lost(bytes: &[u8], plain: &[u8]) -> Option<Range<usize>> {
    let shown = open(Box::new(MemoryFile::new(bytes))).unwrap();
    let shown = all(&*shown);
    if shown == bytes {
        // Not known for an encoded file any more: the journal finds no header of its own.
        assert!(!shown.starts_with(b"annalsWL"));
        return Some(0..plain.len());
    }
    assert_eq!(shown.len(), plain.len(), "the length is known, or nothing is");
    let wrong = |at: &usize| shown[*at] != plain[*at];
    let first = (0..plain.len()).find(wrong)?;
    let last = (0..plain.len()).rev().find(wrong)?;
    for (at, byte) in shown.iter().enumerate().take(last + 1).skip(first) {
        let gone = if at < 4096 { 0 } else { b"lost"[at % 4] };
        assert!(*byte == gone, "byte {at} is {byte:02x}, which is neither right nor lost");
    }
    Some(first..last + 1)
}

/// A small segment, encoded; a block shorter than a kibibyte by the other.
fn small(codec: Codec) -> (Vec<u8>, Vec<u8>, Vec<Entry>) {
    let scene = Scene::empty();
    let journal = scene.open();
    journal.append_batch(&(0..12).map(fact).collect::<Vec<_>>()).unwrap();
    journal.append("plain text").unwrap();
    journal.seal().unwrap();
    journal.close().unwrap();
    let plain = scene.sealed().remove(0);
    let file = encoded(&plain, codec);
    let container = Container::of(&file).unwrap().unwrap();
    (plain.bytes(), file.bytes(), container.blocks)
}

#[test]
fn whatever_bit_is_flipped_no_wrong_byte_is_shown_and_no_other_block_is_lost() {
    for codec in codecs() {
        let (plain, bytes, blocks) = small(codec);
        assert_eq!(lost(&bytes, &plain), None);
        let mut lossless = 0;
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let Some(range) = lost(&damaged, &plain) else {
                lossless += 1;
                continue;
            };
            let of = blocks.iter().position(|block| {
                let file =
                    block.file_pos as usize..block.file_pos as usize + BLOCK_HEAD + block.body_len as usize;
                file.contains(&(bit / 8))
            });
            let of = of.unwrap_or_else(|| panic!("{codec}: bit {bit} is of no block, and {range:?} is lost"));
            let shown = blocks[of].range();
            assert!(
                shown.start <= range.start as u64 && range.end as u64 <= shown.end,
                "{range:?} of {shown:?}"
            );
        }
        // Head, index and tail: everything in them is there twice, or made anew.
        assert!(lossless >= (HEAD + 128) * 8, "{lossless} bits");
    }
}

#[test]
fn cut_at_every_length_it_shows_what_is_there_and_the_rest_as_lost() {
    for codec in codecs() {
        let (plain, bytes, blocks) = small(codec);
        for len in 0..bytes.len() {
            let range = lost(&bytes[..len], &plain);
            let behind = blocks
                .iter()
                .find(|block| block.file_pos as usize + BLOCK_HEAD + block.body_len as usize > len);
            match (range, behind) {
                (None, None) => {}
                (Some(range), Some(block)) if len >= HEAD => {
                    assert!(range.start as u64 >= block.plain_pos, "{codec}: {len}: {range:?}");
                }
                (Some(_), _) if len < HEAD => {}
                (range, behind) => panic!("{codec}: {len}: {range:?}, {behind:?}"),
            }
        }
    }
}

#[test]
fn any_sixty_four_bytes_may_be_gone() {
    for codec in codecs() {
        let (plain, bytes, _) = small(codec);
        for at in (0..bytes.len() - 64).step_by(16) {
            for fill in [0, 0xff, b'a'] {
                let mut damaged = bytes.clone();
                damaged[at..at + 64].fill(fill);
                lost(&damaged, &plain);
            }
        }
    }
}

/// The block with another head and body, under a hash that holds, and the file with it.
fn forged(bytes: &[u8], blocks: &[Entry], number: usize, head: &BlockHead, body: &[u8]) -> Vec<u8> {
    let mut container = [0; HEAD];
    container.copy_from_slice(&bytes[..HEAD]);
    let of = blocks[number];
    let mut out = bytes[..of.file_pos as usize].to_vec();
    out.extend_from_slice(&head.encode(&container, body));
    out.extend_from_slice(body);
    let mut blocks = blocks.to_vec();
    let grown = body.len() as i64 - i64::from(of.body_len);
    for later in &mut blocks[number + 1..] {
        let from = later.file_pos as usize;
        out.extend_from_slice(&bytes[from..from + BLOCK_HEAD + later.body_len as usize]);
        later.file_pos = later.file_pos.wrapping_add_signed(grown);
    }
    let BlockHead { form, body_len, plain_len, plain_pos, records } = *head;
    blocks[number] = Entry { form, body_len, plain_len, plain_pos, records, ..of };
    let head = container::head_of(&MemoryFile::new(bytes)).unwrap().unwrap();
    let index_pos = out.len() as u64;
    out.extend_from_slice(&container::end(&head, &blocks, index_pos));
    out
}

fn head_and_body(bytes: &[u8], block: &Entry) -> (BlockHead, Vec<u8>) {
    let Entry { form, body_len, plain_len, plain_pos, records, .. } = *block;
    let from = block.file_pos as usize + BLOCK_HEAD;
    (
        BlockHead { form, body_len, plain_len, plain_pos, records },
        bytes[from..from + body_len as usize].to_vec(),
    )
}

/// Opens what was forged and reads all of it: an end without a panic, and not longer than it says.
fn survives(bytes: &[u8]) {
    let Ok(shown) = open(Box::new(MemoryFile::new(bytes))) else { return };
    let mut piece = vec![0; 1 << 16];
    let mut pos = 0;
    while pos < shown.len().unwrap().min(1 << 20) {
        let held = shown.read_at(&mut piece, pos).unwrap();
        assert!(held > 0);
        pos += held as u64;
    }
}

#[test]
fn a_forged_body_under_a_hash_that_holds_is_read_without_a_panic() {
    for codec in codecs() {
        let (_, bytes, blocks) = small(codec);
        for number in 0..blocks.len() {
            let (head, body) = head_and_body(&bytes, &blocks[number]);
            assert_eq!(forged(&bytes, &blocks, number, &head, &body), bytes, "an honest forgery is the file");
            for at in 0..body.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff, body[at] ^ 1, body[at].wrapping_add(1)] {
                    let mut body = body.clone();
                    body[at] = value;
                    survives(&forged(&bytes, &blocks, number, &head, &body));
                }
            }
            for len in 0..body.len() {
                let head = BlockHead { body_len: len as u32, ..head };
                survives(&forged(&bytes, &blocks, number, &head, &body[..len]));
            }
        }
    }
}

#[test]
fn sizes_that_nothing_can_have_are_refused_before_memory_is_taken() {
    for codec in codecs() {
        let (_, bytes, blocks) = small(codec);
        for (number, block) in blocks.iter().enumerate() {
            let (head, body) = head_and_body(&bytes, block);
            let sizes = [0, 1, 8, u32::MAX / 2, u32::MAX];
            for size in sizes {
                for head in [
                    BlockHead { plain_len: size, ..head },
                    BlockHead { records: size, ..head },
                    BlockHead { body_len: size, ..head },
                    BlockHead { plain_pos: u64::from(size) << 20, ..head },
                ] {
                    survives(&forged(&bytes, &blocks, number, &head, &body));
                }
            }
            // Every number of the body as the largest there is.
            for at in 0..body.len() {
                for number_bytes in [&[0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0xff; 10], &[0xff, 0xff, 0x3f]] {
                    let mut body = body.clone();
                    body.splice(at..at + 1, number_bytes.iter().copied());
                    let head = BlockHead { body_len: body.len() as u32, ..head };
                    survives(&forged(&bytes, &blocks, number, &head, &body));
                }
            }
        }
    }
}
