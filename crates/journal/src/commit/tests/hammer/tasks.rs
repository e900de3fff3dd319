//! The tasks of a round: a few appends in flight at once, some of them dropped.
//!
//!   begun -> polled -> woken -> polled, or dropped -> what came of it

use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

struct Woken(u64, Mutex<Sender<u64>>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.1.lock().unwrap().send(self.0);
    }
}

type Flying = Pin<Box<dyn Future<Output = Result<Appended, Error>>>>;

/// Tasks that append, a few at a time. One is polled only when it is woken; some are dropped.
pub(super) fn call_all(round: &Round, who: u64) -> Vec<Made> {
    let mut caller = Caller::new(round, who);
    let (sender, woken) = channel();
    let mut flying: BTreeMap<u64, (Vec<u8>, Flying)> = BTreeMap::new();
    let mut begun = 0;
    loop {
        while flying.len() < 8 && begun < 2 * CALLS && round.goes_on(&mut caller.chance) {
            let payload = caller.payload();
            flying.insert(begun, (payload.clone(), Box::pin(round.journal.append_async(payload))));
            sender.send(begun).unwrap();
            begun += 1;
        }
        if flying.is_empty() {
            return caller.made;
        }
        let task = woken.recv_timeout(HANG).expect("a task was never woken");
        let Some((payload, mut future)) = flying.remove(&task) else { continue };
        let waker = Waker::from(Arc::new(Woken(task, Mutex::new(sender.clone()))));
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending if caller.chance.one_in(10) => {
                count(&round.seen.dropped);
                drop(future);
                caller.made.push(Made {
                    payloads: vec![payload],
                    key: None,
                    expected: None,
                    came: Came::Unknown,
                });
            }
            Poll::Pending => drop(flying.insert(task, (payload, future))),
            Poll::Ready(came) => {
                // They end in any order.
                caller.last = Offset::ZERO;
                let durable = round.options.sync == SyncPolicy::Always;
                caller.keep(vec![payload], None, None, came.map(|appended| vec![appended]), durable);
            }
        }
    }
}
