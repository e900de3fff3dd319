use std::collections::BTreeMap;
use std::fs;

use annals_journal::Log;
use annals_testkit::{ManualClock, SimDisk, Survival};
use fastrand::Rng;

use super::*;

const SECOND: i64 = 1_000_000;

/// A queue with small segments on a real disk, at a time that stands still.
struct Scene {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    queue: Queue,
}

impl Scene {
    fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(1_000 * SECOND)));
        let queue = open(dir.path(), &clock).unwrap();
        Self { dir, clock, queue }
    }

    fn reopened(self) -> Self {
        let Self { dir, clock, queue } = self;
        queue.close().unwrap();
        let queue = open(dir.path(), &clock).unwrap();
        Self { dir, clock, queue }
    }

    fn put(&self, text: &str, priority: Priority) -> Location {
        self.queue.append(text.as_bytes(), priority, None).unwrap()
    }

    /// A frame that fills a good part of a segment.
    fn put_large(&self, priority: Priority, lives: Option<u64>) -> Location {
        self.queue.append(&[b'A'; 1_500], priority, lives.map(Duration::from_secs)).unwrap()
    }

    fn drained(&self, order: Order) -> Vec<u64> {
        sequences(&self.queue, order)
    }

    /// As if this much time had passed, on the wall and for the machine.
    fn pass(&mut self, seconds: i64) {
        self.clock.advance(seconds * SECOND);
        self.queue.steady = still(&*self.clock);
    }
}

fn still(clock: &dyn Clock) -> Steady {
    Steady::by(clock, || Duration::from_secs(77))
}

fn disk(disk: impl Disk + 'static) -> Arc<dyn Disk> {
    Arc::new(disk)
}

fn options() -> QueueOptions {
    QueueOptions { segment_bytes: 8 << 10, ..QueueOptions::default() }
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Result<Queue, QueueError> {
    let clock = Arc::clone(clock);
    let mut queue = Queue::open_on(&disk(RealDisk), Arc::clone(&clock) as Arc<dyn Clock>, dir, options())?;
    queue.steady = still(&*clock);
    Ok(queue)
}

fn sequences(queue: &Queue, order: Order) -> Vec<u64> {
    queue.drain(order).map(|delivery| delivery.unwrap().location.sequence).collect()
}

fn segments(scene: &Scene, priority: Priority) -> Vec<std::path::PathBuf> {
    scene.queue.journal(priority).status().segments.into_iter().map(|segment| segment.path).collect()
}

#[test]
fn an_append_says_where_the_frame_lies_and_a_drain_brings_it_in_order() {
    use Priority::{High, Low, Normal};
    let scene = Scene::new();
    let placed: Vec<Location> = [(Normal, "a"), (High, "b"), (Low, "c"), (Normal, "d"), (High, "e")]
        .map(|(priority, text)| scene.put(text, priority))
        .into();
    assert_eq!(placed.iter().map(|location| location.sequence).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let deliveries: Vec<Delivery> = scene.queue.drain(Order::Sequence).map(Result::unwrap).collect();
    for (delivery, placed) in deliveries.iter().zip(&placed) {
        let next = delivery.location.next;
        assert_eq!(delivery.location, Location { next, ..*placed });
        assert!(placed.offset < placed.next && placed.next <= next);
    }
    assert_eq!(deliveries[4].frame, b"e");
    assert_eq!(deliveries[0].created_micros, 1_000 * SECOND);
    assert_eq!(scene.drained(Order::Priority), [1, 4, 0, 3, 2]);
    let record = scene.queue.journal(High).read(placed[1].offset, Default::default()).unwrap();
    assert_eq!(record.iter().next().unwrap().payload[32..], *b"b", "the location is the record's");
}

#[test]
fn q1_what_was_acknowledged_is_not_drained_again_and_all_else_is_also_after_a_restart() {
    let mut scene = Scene::new();
    let placed: Vec<Location> = (0..40).map(|i| scene.put_large(Priority::ALL[i % 3], None)).collect();
    scene.queue.acknowledge(&placed[10]).unwrap();
    scene.queue.acknowledge(&placed[4]).unwrap();
    for _ in 0..2 {
        let left: Vec<u64> = (0..40).filter(|i| i % 3 != 1 || *i > 10).collect();
        assert_eq!(scene.drained(Order::Sequence), left, "10 is of the priority normal, as 1, 4 and 7 are");
        scene = scene.reopened();
    }
}

#[test]
fn q2_numbers_go_on_after_a_restart_and_after_everything_was_pruned() {
    let mut scene = Scene::new();
    for i in 0..9 {
        assert_eq!(scene.put_large(Priority::ALL[i % 3], None).sequence, i as u64);
    }
    scene = scene.reopened();
    assert_eq!(scene.put("on", Priority::Low).sequence, 9);
    for priority in Priority::ALL {
        scene.queue.journal(priority).seal().unwrap();
    }
    let pruned = scene.queue.prune_to_size(0).unwrap();
    assert_eq!((pruned.frames, pruned.undelivered), (10, 10));
    assert_eq!(scene.drained(Order::Sequence), [0_u64; 0]);
    assert_eq!(scene.queue.usage().unwrap().frames, 0);
    scene = scene.reopened();
    assert_eq!(scene.queue.next_sequence(), 10);
    assert_eq!(scene.put("still on", Priority::High).sequence, 10);
}

#[test]
fn q2_threads_that_append_at_once_share_no_number_and_the_log_has_their_order() {
    let scene = Scene::new();
    let mut all: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let scene = &scene;
                scope.spawn(move || {
                    (0..50).map(|_| scene.put("x", Priority::ALL[thread % 3]).sequence).collect()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| -> Vec<u64> { thread.join().unwrap() }).collect()
    });
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
    assert_eq!(scene.drained(Order::Sequence), all);
}

#[test]
fn a_frame_that_has_expired_is_passed_over_and_counted() {
    let mut scene = Scene::new();
    scene.queue.append(b"short", Priority::High, Some(Duration::from_secs(10))).unwrap();
    scene.put("for ever", Priority::High);
    scene.pass(9);
    assert_eq!(scene.drained(Order::Sequence), [0, 1]);
    scene.pass(1);
    let mut drain = scene.queue.drain(Order::Sequence);
    assert_eq!(drain.by_ref().map(|delivery| delivery.unwrap().frame).collect::<Vec<_>>(), [b"for ever"]);
    assert_eq!(drain.expired(), 1);
}

#[test]
fn q3_a_prune_of_any_age_right_after_an_append_removes_nothing() {
    let scene = Scene::new();
    for _ in 0..8 {
        scene.put_large(Priority::Normal, None);
    }
    assert_eq!(scene.queue.prune_older_than(Duration::ZERO).unwrap(), Pruned::default());
    assert_eq!(scene.drained(Order::Sequence).len(), 8);
}

#[test]
fn q3_what_is_too_old_goes_by_whole_segments_and_never_a_fresh_frame_with_an_old_one() {
    let mut scene = Scene::new();
    for _ in 0..5 {
        scene.put_large(Priority::Normal, None);
    }
    scene.pass(100);
    for _ in 0..4 {
        scene.put_large(Priority::Normal, None);
    }
    let before = scene.queue.usage().unwrap();
    let pruned = scene.queue.prune_older_than(Duration::from_secs(50)).unwrap();
    assert_eq!((pruned.segments, pruned.frames, pruned.undelivered), (2, 4, 4), "two frames a segment");
    assert_eq!(scene.drained(Order::Sequence), [4, 5, 6, 7, 8], "4 shares its segment with 5");
    let after = scene.queue.usage().unwrap();
    assert_eq!((before.segments - after.segments, before.frames - after.frames), (2, 4));
    assert!(after.bytes < before.bytes);
    scene.pass(100);
    scene.queue.prune_older_than(Duration::from_secs(50)).unwrap();
    assert_eq!(scene.drained(Order::Sequence), [8], "the active segment stays");
    assert_eq!(scene.queue.journal(Priority::Normal).receipts(&Default::default()).unwrap().purged.len(), 4);
}

#[test]
fn frames_of_their_own_time_go_once_all_of_a_segment_have_expired() {
    let mut scene = Scene::new();
    for lives in [10, 10, 10, 1_000, 10, 10, 10, 10] {
        scene.put_large(Priority::Low, Some(lives));
    }
    scene.pass(20);
    let pruned = scene.queue.maintain(&Limits::default()).unwrap();
    assert_eq!(
        (pruned.aged.segments, pruned.sized),
        (1, Pruned::default()),
        "the second holds one that lives"
    );
    assert_eq!(scene.drained(Order::Sequence), [3]);
}

#[test]
fn what_was_delivered_goes_and_nothing_else() {
    let scene = Scene::new();
    let placed: Vec<Location> = (0..7).map(|_| scene.put_large(Priority::High, None)).collect();
    scene.queue.acknowledge(&placed[2]).unwrap();
    let pruned = scene.queue.prune_delivered().unwrap();
    assert_eq!((pruned.segments, pruned.frames, pruned.undelivered), (1, 2, 0), "3 was not, and is with 2");
    assert_eq!(scene.drained(Order::Sequence), [3, 4, 5, 6]);
}

#[test]
fn room_is_made_of_the_lowest_priority_first_and_there_of_the_oldest() {
    let scene = Scene::new();
    for i in 0..18 {
        scene.put_large([Priority::High, Priority::Low, Priority::Normal][i % 3], None);
    }
    let usage = scene.queue.usage().unwrap().bytes;
    assert_eq!(scene.queue.prune_to_size(usage).unwrap(), Pruned::default(), "it is no more than that");
    scene.queue.prune_to_size(usage - 1).unwrap();
    assert_eq!(
        scene.drained(Order::Sequence).iter().filter(|i| **i % 3 == 1).copied().collect::<Vec<_>>(),
        [7, 10, 13, 16]
    );
    assert_eq!(scene.drained(Order::Sequence).len(), 16);
    let limits = Limits { max_bytes: Some(usage * 2 / 3), ..Limits::default() };
    let pruned = scene.queue.maintain(&limits).unwrap();
    assert!(pruned.sized.undelivered > 0);
    let left = scene.drained(Order::Sequence);
    assert_eq!(left.iter().filter(|i| **i % 3 == 0).count(), 6, "none of the highest went: {left:?}");
    assert!(scene.queue.usage().unwrap().bytes <= usage * 2 / 3);
    scene.queue.prune_to_size(0).unwrap();
    assert_eq!(scene.queue.usage().unwrap().segments, 3, "the active ones stay, whatever is asked for");
}

#[test]
fn q3_a_clock_that_jumped_prunes_nothing_by_age() {
    let mut scene = Scene::new();
    for _ in 0..8 {
        scene.put_large(Priority::Normal, None);
    }
    for jump in [3_600, -7_200] {
        scene.clock.advance(jump * SECOND);
        let refused = scene.queue.prune_older_than(Duration::from_secs(60)).unwrap_err();
        assert!(matches!(refused, QueueError::ClockJumped { .. }), "{refused}");
        assert_eq!(refused.kind(), annals_record::Kind::Fix);
    }
    scene.clock.advance(3_600 * SECOND + 30 * SECOND);
    scene.queue.prune_older_than(Duration::from_secs(60)).unwrap();
    assert_eq!(scene.queue.usage().unwrap().frames, 8);
    scene.pass(3_600);
    assert_eq!(
        scene.queue.prune_older_than(Duration::from_secs(60)).unwrap().frames,
        6,
        "time that passed is none"
    );
}

#[test]
fn q4_damage_costs_the_frames_it_covers_and_the_drain_goes_on() {
    let mut scene = Scene::new();
    for _ in 0..8 {
        scene.put_large(Priority::Normal, None);
    }
    let first = segments(&scene, Priority::Normal)[0].clone();
    scene.queue.sync().unwrap();
    let mut bytes = fs::read(&first).unwrap();
    bytes[4_096 + 100] ^= 1;
    fs::write(&first, bytes).unwrap();
    scene = scene.reopened();
    let (read, unread): (Vec<_>, Vec<_>) = scene.queue.drain(Order::Sequence).partition(Result::is_ok);
    assert_eq!(
        read.into_iter().map(|read| read.unwrap().location.sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7]
    );
    let unread: Vec<QueueError> = unread.into_iter().map(Result::unwrap_err).collect();
    assert!(matches!(&unread[..], [QueueError::Unread { priority: Priority::Normal, .. }]), "{unread:?}");
    assert!(unread[0].to_string().contains("damaged at offset 0"), "{}", unread[0]);
    let refused = scene.queue.prune_older_than(Duration::MAX).unwrap_err();
    assert!(matches!(refused, QueueError::Unread { .. }), "what cannot be read has not been seen to expire");
}

#[test]
fn what_no_queue_has_put_there_is_told_and_not_delivered() {
    let scene = Scene::new();
    scene.put("a", Priority::Low);
    scene.queue.journal(Priority::Low).append("a stranger's").unwrap();
    scene.queue.sync().unwrap();
    let drained: Vec<_> = scene.queue.drain(Order::Sequence).collect();
    assert!(
        matches!(drained[..], [Ok(_), Err(QueueError::Foreign { priority: Priority::Low, .. })]),
        "{drained:?}"
    );
    let Scene { dir, clock, queue } = scene;
    queue.close().unwrap();
    let refused = open(dir.path(), &clock).unwrap_err();
    assert!(matches!(refused, QueueError::Foreign { .. }), "its numbers are unknown: {refused}");
}

#[test]
fn one_process_has_a_queue() {
    let scene = Scene::new();
    let refused = open(scene.dir.path(), &scene.clock).unwrap_err();
    assert!(matches!(refused, QueueError::Journal(annals_journal::Error::Locked { .. })), "{refused}");
    assert_eq!(refused.kind(), annals_record::Kind::Retry);
}

#[test]
fn a_frame_beyond_the_limit_is_refused_and_takes_no_number() {
    let scene = Scene::new();
    let refused = scene.queue.append(&vec![0; MAX_FRAME + 1], Priority::Low, None).unwrap_err();
    assert!(matches!(refused, QueueError::Journal(annals_journal::Error::TooLarge { .. })), "{refused}");
    let whole = vec![7; 20 << 10];
    let placed = scene.queue.append(&whole, Priority::Low, None).unwrap();
    assert_eq!((placed.sequence, placed.bytes), (0, 20 << 10), "larger than a segment, and taken");
    assert_eq!(scene.queue.drain(Order::Sequence).next().unwrap().unwrap().frame, whole);
}

/// Lives on a disk until its power goes. What was returned is in `kept`, what may be gone is not.
fn live(disk: &SimDisk, rng: &mut Rng, kept: &mut BTreeMap<u64, Vec<u8>>) -> Result<(), QueueError> {
    let clock = Arc::new(ManualClock::at(1_000 * SECOND));
    let queue = Queue::open_on(
        &self::disk(disk.clone()),
        Arc::clone(&clock) as Arc<dyn Clock>,
        Path::new("/q"),
        options(),
    )?;
    loop {
        match rng.u32(..20) {
            0 => {
                let all: Vec<Delivery> = queue.drain(Order::Sequence).collect::<Result<_, _>>()?;
                let Some(delivery) = all.get(rng.usize(..all.len().max(1))) else { continue };
                // From here on they may come again or not.
                let passed = |other: &&Delivery| {
                    let (one, until) = (other.location, delivery.location);
                    one.priority == until.priority && one.sequence <= until.sequence
                };
                for passed in all.iter().filter(passed) {
                    kept.remove(&passed.location.sequence);
                }
                queue.acknowledge(&delivery.location)?;
            }
            1 => {
                let bytes = queue.usage()?.bytes / 2;
                let before = std::mem::take(kept);
                queue.prune_to_size(bytes)?;
                for delivery in queue.drain(Order::Sequence) {
                    let sequence = delivery?.location.sequence;
                    kept.extend(before.get(&sequence).map(|frame| (sequence, frame.clone())));
                }
            }
            _ => {
                let frame: Vec<u8> = (0..rng.usize(..900)).map(|_| rng.u8(..)).collect();
                let placed = queue.append(&frame, Priority::ALL[rng.usize(..3)], None)?;
                kept.insert(placed.sequence, frame);
            }
        }
    }
}

#[test]
fn q1_q2_a_power_cut_anywhere_loses_no_frame_that_was_returned_and_gives_no_number_twice() {
    let (mut cuts, mut frames) = (0, 0);
    for seed in 0..150 {
        let rng = &mut Rng::with_seed(seed);
        let (mut disk, mut kept) = (SimDisk::new(), BTreeMap::new());
        let mut least = 0;
        for _ in 0..4 {
            disk.cut_power_after(disk.steps() + rng.u64(..400));
            let died = live(&disk, rng, &mut kept);
            assert!(died.is_err() && disk.is_off(), "seed {seed}: {died:?}");
            cuts += 1;
            disk = disk.crash(Survival::any(rng), rng);
            let clock = Arc::new(ManualClock::at(2_000 * SECOND));
            let queue = Queue::open_on(&self::disk(disk.clone()), clock, Path::new("/q"), options()).unwrap();
            let found: BTreeMap<u64, Vec<u8>> = queue
                .drain(Order::Sequence)
                .map(|delivery| {
                    delivery.map(|delivery| (delivery.location.sequence, delivery.frame)).unwrap()
                })
                .collect();
            for (sequence, frame) in &kept {
                assert_eq!(found.get(sequence), Some(frame), "seed {seed}, number {sequence}");
            }
            least = least.max(kept.keys().last().map_or(0, |last| last + 1));
            assert!(queue.next_sequence() >= least, "seed {seed}: {} again", queue.next_sequence());
            frames += kept.len();
            queue.close().unwrap();
        }
    }
    assert!(cuts == 600 && frames > 2_000, "{cuts} cuts, {frames} frames");
}
