//! Several lanes from one thread: an append of each is under way at once.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

use annals_journal::{Clock, SystemClock};

use super::{FILLER, Writing};
use crate::outcome::Outcome;
use crate::stress::gauge;
use crate::stress::record::Head;
use crate::work::asynchronous::{Unpark, wait};

pub(super) fn run(writing: &Writing<'_>, first: u32, lanes: u32, mut random: fastrand::Rng) -> Outcome<()> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut seq = 0;
    while !writing.course.is_stopped() {
        let micros = SystemClock.now_micros();
        let under_way: Vec<_> = (first..first + lanes)
            .map(|lane| {
                let filler = random.usize(0..FILLER);
                let head = Head { run: writing.run, lane, nth: 0, of: 1, seq, micros };
                let record = head.with_filler(filler, &mut random);
                (lane, record.len(), writing.journal.append_async(record))
            })
            .collect();
        for (lane, bytes, mut appending) in under_way {
            let appended = wait(&mut appending, &mut context)?;
            writing.note(lane, &appended, bytes)?;
            gauge::add(&writing.written.asynchronous, 1);
        }
        seq += 1;
    }
    Ok(())
}
