//! For a device that is often offline: packets wait in a queue, each with a priority and a time to live, and are sent in
//! order once there is a link. Room is made of what matters least.
//!
//!   offline: append, append, append ... -> online: drain, send, acknowledge -> maintain
//!
//!   cargo run --example offline_queue

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::time::Duration;

use annals::streams::queue::{Limits, Order, Priority, Queue, QueueOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let outbox = dir.path().join("outbox");
    let options = QueueOptions { segment_bytes: 16 << 10, ..QueueOptions::default() };
    let minute = Some(Duration::from_secs(60));

    // Offline: readings of no great matter, a message that is worth nothing in a moment, one of a friend, one of the net itself.
    let queue = Queue::open(&outbox, options)?;
    for reading in 0..40 {
        queue.append(format!("{reading:>900} mV").as_bytes(), Priority::Low, minute)?;
    }
    queue.append(b"are you there right now?", Priority::Normal, Some(Duration::ZERO))?;
    let hello = queue.append(b"hello, read this when you can", Priority::Normal, None)?;
    let route = queue.append(b"route: the bridge is down", Priority::High, None)?;
    println!(
        "{} waits at offset {} of the priority {}, {} at {}",
        hello.sequence,
        hello.offset.get(),
        hello.priority.name(),
        route.sequence,
        route.priority.name()
    );
    queue.close()?;

    // Another run. There is little room: readings go, the oldest first, and nothing else.
    let queue = Queue::open(&outbox, options)?;
    let before = queue.usage()?;
    let pruned = queue.maintain(&Limits { max_bytes: Some(before.bytes / 2), ..Limits::default() })?.sized;
    println!(
        "{} of {} frames went to make room, in {} segments",
        pruned.frames, before.frames, pruned.segments
    );
    assert!(pruned.frames > 0 && queue.usage()?.bytes <= before.bytes / 2);

    // A link: the most important first. It breaks after the two that matter most.
    let mut link = Vec::new();
    let mut drain = queue.drain(Order::Priority);
    for delivery in drain.by_ref().take(2) {
        let delivery = delivery?;
        link.push(String::from_utf8(delivery.frame)?);
        queue.acknowledge(&delivery.location)?;
    }
    println!("sent: {link:?}; {} had expired", drain.expired());
    assert_eq!(link, ["route: the bridge is down", "hello, read this when you can"]);
    assert_eq!(drain.expired(), 1);
    queue.close()?;

    // The next run goes on with what was not acknowledged, and with the next number.
    let queue = Queue::open(&outbox, options)?;
    let left = queue.drain(Order::Sequence).collect::<Result<Vec<_>, _>>()?;
    assert!(left.iter().all(|delivery| delivery.location.priority == Priority::Low));
    assert_eq!(left.len() as u64, 40 - pruned.frames);
    let next = queue.append(b"back again", Priority::Normal, None)?;
    println!("{} readings are left, and the next frame is number {}", left.len(), next.sequence);
    assert_eq!(next.sequence, 43);
    Ok(())
}
