use super::*;
use crate::RealDisk;

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
