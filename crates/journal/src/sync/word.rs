//! A word that threads sleep on while it has a value.

#[cfg(test)]
#[cfg(shuttle)]
pub(crate) use super::scheduled::{wait, wake};
#[cfg(all(not(all(test, shuttle)), target_os = "linux"))]
pub(crate) use futex::{wait, wake};
#[cfg(all(not(all(test, shuttle)), not(target_os = "linux")))]
pub(crate) use portable::{wait, wake};

#[cfg(all(not(all(test, shuttle)), target_os = "linux"))]
mod futex {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use rustix::thread::futex::{self, Flags};
    use rustix::time::Timespec;

    /// Sleeps if `word` is `value`, until woken, for `most` time, or for no reason at all.
    pub(crate) fn wait(word: &AtomicU32, value: u32, most: Option<Duration>) {
        let most = most.map(|most| Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        });
        // Another value, a signal, the time: the caller looks again.
        let _ = futex::wait(word, Flags::PRIVATE, value, most.as_ref());
    }

    pub(crate) fn wake(word: &AtomicU32, count: u32) {
        let _ = futex::wake(word, Flags::PRIVATE, count);
    }
}

/// The same with what the standard library has: every sleeper looks again at each change.
#[cfg(all(not(all(test, shuttle)), not(target_os = "linux")))]
mod portable {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Duration;

    static LOCK: Mutex<()> = Mutex::new(());
    static CHANGED: Condvar = Condvar::new();

    pub(crate) fn wait(word: &AtomicU32, value: u32, most: Option<Duration>) {
        let held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        if word.load(Ordering::SeqCst) == value {
            let most = most.unwrap_or(Duration::from_secs(3600));
            drop(CHANGED.wait_timeout(held, most).unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(crate) fn wake(_word: &AtomicU32, _count: u32) {
        drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
        CHANGED.notify_all();
    }
}
