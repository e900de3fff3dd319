use super::*;
use crate::RealDisk;
use crate::commit::memory::{Call, Memory};

const LOG: LogId = LogId::from_bytes([1; 16]);

fn mark(durable: u64) -> Mark {
    Mark { log: LOG, term: Term::FIRST, durable: Offset::new(durable), clean: false }
}

#[test]
fn the_newest_mark_that_verifies_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut slots, found) = Slots::open(&RealDisk, dir.path(), LOG).unwrap();
    assert_eq!(found, None);
    slots.publish_durably(&mark(100)).unwrap();
    slots.publish_durably(&mark(200)).unwrap();
    let reader = SlotReader::open(&RealDisk, dir.path(), LOG).unwrap();
    assert_eq!(reader.newest().unwrap(), Some(mark(200)));

    // The slot of 200 is torn: 100 was left alone and stands.
    slots.file.write_at(&[0xff; 30], SLOT_SPACING).unwrap();
    assert_eq!(reader.newest().unwrap(), Some(mark(100)));
    assert_eq!(Slots::open(&RealDisk, dir.path(), LOG).unwrap().1, Some(mark(100)));
}

#[test]
fn marks_between_two_syncs_stay_in_one_slot() {
    let dir = tempfile::tempdir().unwrap();
    let (mut slots, _) = Slots::open(&RealDisk, dir.path(), LOG).unwrap();
    slots.publish_durably(&mark(100)).unwrap();
    let slot = slots.slot;
    slots.synced_at = Instant::now() + Duration::from_secs(3600);
    for durable in [110, 120, 130] {
        slots.publish(&mark(durable)).unwrap();
        assert_eq!(slots.slot, slot);
    }
    slots.publish(&mark(100 + SYNC_BYTES)).unwrap();
    assert_ne!(slots.slot, slot, "enough log has passed for a sync");
}

#[test]
fn a_mark_of_another_log_is_none() {
    let dir = tempfile::tempdir().unwrap();
    Slots::open(&RealDisk, dir.path(), LOG).unwrap().0.publish_durably(&mark(100)).unwrap();
    let other = LogId::from_bytes([2; 16]);
    assert_eq!(SlotReader::open(&RealDisk, dir.path(), other).unwrap().newest().unwrap(), None);
}

#[test]
fn a_slot_lies_as_drawn_and_nothing_else_is_one() {
    let said = Mark { clean: true, term: Term::new(3), ..mark(0x1234_5678) };
    let slot = encode(&said, 7);
    let words = [3, 0x1234_5678, 7_u64].map(u64::to_le_bytes).concat();
    assert_eq!(slot[..60], [&b"annalsWM"[..], &[1; 16], &words, &[1, 0, 0, 0], &[0; 8]].concat());
    assert_eq!(slot[60..], crc32c::crc32c(&slot[..60]).to_le_bytes());
    assert_eq!(decode(&slot), Some((said, 7)));
    assert_eq!(decode(&encode(&mark(8), 9)), Some((mark(8), 9)));
    assert_eq!(decode(&slot[..SLOT - 1]), None);
    for at in 0..SLOT {
        let mut other = slot;
        other[at] ^= 1;
        assert_eq!(decode(&other), None, "byte {at}");
    }
    // Another magic, with a checksum that holds.
    let mut other = slot;
    other[0] ^= 1;
    let crc = crc32c::crc32c(&other[..60]).to_le_bytes();
    other[60..].copy_from_slice(&crc);
    assert_eq!(decode(&other), None);
}

#[test]
fn a_file_that_cannot_be_opened_is_not_missing() {
    let (disk, dir) = (Memory::new(), Path::new("/log"));
    assert_eq!(any_mark(&disk, dir).unwrap(), None);
    assert_eq!(mark_of(&disk, dir, LOG).unwrap(), None);
    Slots::open(&disk, dir, LOG).unwrap().0.publish_durably(&mark(100)).unwrap();
    disk.rule(|call, _| if call == Call::Open { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) });
    let raised = |error: io::Error| error.raw_os_error();
    assert_eq!(any_mark(&disk, dir).map_err(raised), Err(Some(5)));
    assert_eq!(mark_of(&disk, dir, LOG).map_err(raised), Err(Some(5)));
    assert_eq!(Slots::open(&disk, dir, LOG).map_err(raised).err(), Some(Some(5)));
    // Nor is it made anew by a writer who could not open it once.
    let failed = std::sync::atomic::AtomicBool::new(false);
    disk.rule(move |call, _| {
        let fails = call == Call::Open && !failed.swap(true, Ordering::SeqCst);
        if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    });
    assert_eq!(Slots::open(&disk, dir, LOG).map_err(raised).err(), Some(Some(5)));
    assert_eq!(any_mark(&disk, dir).unwrap(), Some(mark(100)));
}

#[test]
fn a_file_is_blank_until_it_says_something_and_is_behind_until_that_is_synced() {
    let (disk, dir) = (Memory::new(), Path::new("/log"));
    let (mut slots, _) = Slots::open(&disk, dir, LOG).unwrap();
    assert_eq!(slots.file.len().unwrap(), 2 * SLOT_SPACING);
    let reader = SlotReader::open(&disk, dir, LOG).unwrap();
    assert!(reader.is_blank().unwrap());
    slots.synced_at = Instant::now() + Duration::from_secs(3600);
    slots.publish(&mark(100)).unwrap();
    assert!(!reader.is_blank().unwrap() && slots.is_behind(Offset::new(100)));
    assert!(!slots.is_behind(Offset::ZERO));
    slots.publish_durably(&mark(200)).unwrap();
    assert!(!slots.is_behind(Offset::new(200)) && slots.is_behind(Offset::new(201)));
    // The second slot alone says something, too.
    slots.file.write_at(&[0; SLOT], (1 - slots.slot) * SLOT_SPACING).unwrap();
    slots.file.write_at(&[0; SLOT], slots.slot * SLOT_SPACING).unwrap();
    assert!(reader.is_blank().unwrap());
    slots.file.write_at(&encode(&mark(300), 9), SLOT_SPACING).unwrap();
    assert!(!reader.is_blank().unwrap());
}

#[test]
fn a_waiter_wakes_when_the_watermark_moves_and_when_it_closes() {
    let watermark = Watermark::new(Offset::new(8));
    let patience = Duration::from_secs(60);
    std::thread::scope(|scope| {
        let moved = scope.spawn(|| watermark.wait(Offset::new(8), patience));
        watermark.advance(Offset::new(16));
        assert_eq!(moved.join().unwrap(), Offset::new(16));
        let closed = scope.spawn(|| watermark.wait(Offset::new(16), patience));
        watermark.close();
        assert_eq!(closed.join().unwrap(), Offset::new(16));
    });
}

#[test]
fn a_task_is_woken_once_when_it_moves_or_closes_and_at_once_when_it_has() {
    #[derive(Default)]
    struct Count(AtomicU64);
    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let count = std::sync::Arc::new(Count::default());
    let (waker, woken) = (Waker::from(std::sync::Arc::clone(&count)), || count.0.load(Ordering::SeqCst));
    let watermark = Watermark::new(Offset::new(8));
    watermark.watch(Offset::ZERO, &waker);
    assert_eq!(woken(), 1, "it is beyond already");
    for _ in 0..3 {
        watermark.watch(Offset::new(8), &waker);
    }
    assert_eq!(woken(), 1);
    watermark.advance(Offset::new(16));
    assert_eq!(woken(), 2, "once, however often it asked");
    watermark.advance(Offset::new(24));
    assert_eq!(woken(), 2, "it asks again if it wants to know again");
    watermark.watch(Offset::new(24), &waker);
    watermark.close();
    watermark.watch(Offset::new(24), &waker);
    assert_eq!(woken(), 4);
    assert_eq!(watermark.waiting.load(Ordering::SeqCst), 0, "nobody is left waiting");
}
