//! The watermark and the ticket by themselves: the first under all schedules there are.

use std::sync::Arc;
use std::time::Duration;

use annals_record::Offset;

use super::explore::{Seen, exhaust, explore};
use crate::error::Error;
use crate::sync::thread;
use crate::ticket::{Ticket, Woken};
use crate::watermark::Watermark;

fn wait_for_a_move(_: &Seen) {
    let watermark = Arc::new(Watermark::new(Offset::new(8)));
    let waiting = Arc::clone(&watermark);
    let waiter = thread::spawn(move || waiting.wait(Offset::new(8), Duration::MAX));
    watermark.advance(Offset::new(16));
    assert_eq!(waiter.join().unwrap(), Offset::new(16));
}

#[test]
fn a_move_of_the_watermark_is_told() {
    exhaust("a move of the watermark is told", wait_for_a_move);
}

fn wait_for_a_close(_: &Seen) {
    let watermark = Arc::new(Watermark::new(Offset::new(8)));
    let waiting = Arc::clone(&watermark);
    let waiter = thread::spawn(move || waiting.wait(Offset::new(16), Duration::MAX));
    watermark.advance(Offset::new(16));
    watermark.close();
    assert_eq!(waiter.join().unwrap(), Offset::new(16));
}

#[test]
fn a_close_of_the_watermark_is_told() {
    exhaust("a close of the watermark is told", wait_for_a_close);
}

/// More than there are cores: some are woken by others.
const SLEEPERS: u32 = 5;

fn end(seen: &Seen) {
    let ticket = Arc::new(Ticket::default());
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            let (ticket, seen) = (Arc::clone(&ticket), seen.clone());
            thread::spawn(move || {
                seen.count(if ticket.outcome().is_some() { "came late" } else { "came in time" });
                assert_eq!(ticket.sleep(None), Woken::Over);
                assert!(matches!(ticket.outcome(), Some(Err(Error::Closed))));
            })
        })
        .collect();
    ticket.complete(Err(Error::Closed));
    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
}

#[test]
fn the_end_of_a_ticket_is_told_to_all() {
    explore("the end of a ticket is told to all", 1, &["came late", "came in time"], end);
}

fn offer(seen: &Seen) {
    let ticket = Arc::new(Ticket::default());
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            let (ticket, seen) = (Arc::clone(&ticket), seen.clone());
            thread::spawn(move || {
                seen.count(if ticket.outcome().is_some() { "came late" } else { "came in time" });
                let led = ticket.sleep(None) == Woken::ToLead;
                if led {
                    // Whoever is called ends it for all.
                    ticket.complete(Ok(()));
                }
                assert_eq!(ticket.sleep(None), Woken::Over);
                u32::from(led)
            })
        })
        .collect();
    ticket.offer();
    let led: u32 = sleepers.into_iter().map(|sleeper| sleeper.join().unwrap()).sum();
    assert_eq!(led, 1, "an offer is taken once");
}

#[test]
fn an_offer_wakes_one_who_leads() {
    explore("an offer wakes one who leads", 1, &["came late", "came in time"], offer);
}
