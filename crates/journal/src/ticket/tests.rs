use super::*;

#[test]
fn an_offer_is_taken_once() {
    let ticket = Ticket::default();
    ticket.offer();
    assert_eq!(ticket.sleep(Some(Instant::now())), Woken::ToLead);
    assert_eq!(ticket.sleep(Some(Instant::now())), Woken::TimedOut);
    assert!(ticket.outcome().is_none());
}

#[test]
fn what_is_over_stays_over() {
    let ticket = Ticket::default();
    ticket.offer();
    ticket.complete(Err(Error::Closed));
    ticket.offer();
    assert_eq!(ticket.sleep(None), Woken::Over);
    assert!(matches!(ticket.outcome(), Some(Err(Error::Closed))));
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_that_comes_late_is_told_at_once() {
    let ticket = Ticket::default();
    assert!(ticket.wake_later(Waker::noop()));
    ticket.complete(Ok(()));
    assert!(!ticket.wake_later(Waker::noop()));
}
