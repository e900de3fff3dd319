//! Frames of a foreign queue into one of ours.
//!
//! What a queue holds is known by its bytes: the n-th frame of some bytes is appended only if the queue holds fewer than
//! n of them, delivered or not. So an import that is done again, or goes on where one was stopped, appends nothing twice;
//! and frames that are the same there are as many here.

use std::collections::HashMap;

use annals_streams::queue::{Priority, Queue, QueueError};

use super::opq::Packet;
use super::{Found, Taken};
use crate::error::Error;

/// So many bytes are made durable at once.
const SYNC_BYTES: usize = 8 << 20;

/// Appends the frames, in their order, each as made when its segment was. `watch` sees everything that is found, with how
/// many were appended so far and how many are there already; while it says true, the import goes on.
///
/// # Errors
/// [`Error::Queue`] if the queue cannot be read or written; what was appended stays.
pub fn into_queue(
    packets: impl Iterator<Item = Found<Packet>>,
    queue: &Queue,
    mut watch: impl FnMut(&Found<Packet>, Taken) -> bool,
) -> Result<Taken, Error> {
    let mut held = held(queue)?;
    let (mut taken, mut unsynced) = (Taken::default(), 0);
    for found in packets {
        if let Found::Item(placed) = &found {
            let packet = &placed.item;
            match held.get_mut(blake3::hash(&packet.frame).as_bytes()) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    taken.duplicates += 1;
                }
                _ => {
                    let priority = if packet.is_urgent { Priority::High } else { Priority::Normal };
                    let created = packet.created_seconds.map(|seconds| seconds.saturating_mul(1_000_000));
                    queue.append_created(&packet.frame, priority, None, created)?;
                    taken.appended += 1;
                    unsynced += packet.frame.len();
                }
            }
        }
        if unsynced > SYNC_BYTES {
            queue.sync()?;
            unsynced = 0;
        }
        if !watch(&found, taken) {
            break;
        }
    }
    queue.sync()?;
    Ok(taken)
}

/// How often a queue holds each frame, by the frame's BLAKE3. What is damaged there holds nothing.
fn held(queue: &Queue) -> Result<HashMap<[u8; 32], u64>, Error> {
    let mut held = HashMap::new();
    for delivery in queue.held() {
        match delivery {
            Ok(delivery) => *held.entry(*blake3::hash(&delivery.frame).as_bytes()).or_insert(0) += 1,
            Err(QueueError::Unread { .. } | QueueError::Foreign { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(held)
}
