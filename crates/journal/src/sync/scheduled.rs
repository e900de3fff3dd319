//! The same under a scheduler that decides at each call who goes on: what is explored is all that can happen to threads
//! whose memory is one (orderings weaker than `SeqCst` are taken for it).
//!
//! Time is what the scheduler makes of it: a look at the clock may find it where it was, or much later, and a sleep with a
//! time limit ends by it at any moment. So nothing that is awaited can be replaced by a time limit that happens to pass; but
//! a limit of an hour and more never passes, and who sleeps that long and is told nothing hangs, and is found.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::{Add, Deref, DerefMut, Sub};
use std::sync::{Arc, LockResult, PoisonError};
use std::time::Duration;

use shuttle::rand::RngCore;
pub(crate) use shuttle::sync::{RwLock, atomic};
pub(crate) use shuttle::thread;

use self::atomic::{AtomicU32, Ordering};

/// Who waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// A number below `most`, which the schedule remembers.
pub(crate) fn draw(most: u64) -> u64 {
    shuttle::rand::thread_rng().next_u64() % most
}

/// The number of the core that this runs on: one of two.
pub(crate) fn this_core() -> usize {
    draw(2) as usize
}

/// Others may go on here.
pub(crate) fn switch() {
    thread::sleep(Duration::ZERO);
}

thread_local! {
    /// The time. All threads of a schedule run on one of the system's.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// Who sleeps on which word.
    static SLEEPERS: RefCell<HashMap<usize, Vec<Arc<Sleeper>>>> = RefCell::default();
}

/// A moment of the time that passes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        let passed = match draw(16) {
            0..6 => Duration::ZERO,
            6..11 => Duration::from_micros(1),
            11..15 => Duration::from_millis(1),
            _ => Duration::from_secs(1),
        };
        NOW.set(NOW.get() + passed);
        Self(NOW.get())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now() - *self
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, passed: Duration) -> Self {
        Self(self.0 + passed)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Lets others go on until `is_told`, or the time is over; false if it is.
fn doze(most: Duration, is_told: impl Fn() -> bool) -> bool {
    let until = NOW.get() + most;
    loop {
        if is_told() {
            return true;
        }
        if NOW.get() >= until || draw(4) == 0 {
            NOW.set(NOW.get().max(until));
            return false;
        }
        thread::yield_now();
    }
}

/// A lock that is never poisoned: a panic in one thread that has not ended yet would poison those of all others.
#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(MutexGuard { guard, mutex: self })
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    guard: shuttle::sync::MutexGuard<'a, T>,
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar {
    sleepers: shuttle::sync::Condvar,
    /// How often somebody was told something. No place where the scheduler switches.
    told: Told,
}

type Told = std::sync::atomic::AtomicU64;

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        self.told.fetch_add(1, Ordering::SeqCst);
        self.sleepers.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.told.fetch_add(1, Ordering::SeqCst);
        self.sleepers.notify_all();
    }

    pub(crate) fn wait<'a, T>(&self, held: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let MutexGuard { guard, mutex } = held;
        let guard = self.sleepers.wait(guard).unwrap_or_else(PoisonError::into_inner);
        Ok(MutexGuard { guard, mutex })
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut held: MutexGuard<'a, T>,
        mut goes_on: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while goes_on(&mut held) {
            held = self.wait(held)?;
        }
        Ok(held)
    }

    /// Also says whether it was told something, or the time was over.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        held: MutexGuard<'a, T>,
        most: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        if most >= FOR_EVER {
            return Ok((self.wait(held).unwrap_or_else(PoisonError::into_inner), true));
        }
        let (mutex, before) = (held.mutex, self.told.load(Ordering::SeqCst));
        drop(held);
        let is_told = doze(most, || self.told.load(Ordering::SeqCst) != before);
        Ok((mutex.lock().unwrap_or_else(PoisonError::into_inner), is_told))
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut held: MutexGuard<'a, T>,
        most: Duration,
        mut goes_on: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        while goes_on(&mut held) {
            let (again, is_told) = self.wait_timeout(held, most).unwrap_or_else(PoisonError::into_inner);
            held = again;
            if !is_told {
                return Ok((held, false));
            }
        }
        Ok((held, true))
    }
}

/// One who sleeps on a word.
#[derive(Debug, Default)]
struct Sleeper {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

/// Sleeps if `word` is `value`, until woken or for `most` time. Never for no reason: that could hide that nobody wakes it.
pub(crate) fn wait(word: &AtomicU32, value: u32, most: Option<Duration>) {
    let sleeper = Arc::<Sleeper>::default();
    let key = std::ptr::from_ref(word).addr();
    // Nobody comes between the look at the word and the place among the sleepers.
    if word.load(Ordering::SeqCst) != value {
        return;
    }
    SLEEPERS.with_borrow_mut(|sleepers| sleepers.entry(key).or_default().push(Arc::clone(&sleeper)));
    let held = sleeper.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
    drop(sleeper.woken.wait_timeout_while(held, most.unwrap_or(FOR_EVER), |woken| !*woken));
    SLEEPERS.with_borrow_mut(|sleepers| {
        if let Some(others) = sleepers.get_mut(&key) {
            others.retain(|other| !Arc::ptr_eq(other, &sleeper));
            if others.is_empty() {
                sleepers.remove(&key);
            }
        }
    });
}

/// Wakes at most so many of those who sleep on a word, any of them.
pub(crate) fn wake(word: &AtomicU32, count: u32) {
    switch();
    let key = std::ptr::from_ref(word).addr();
    for _ in 0..count {
        let woken = SLEEPERS.with_borrow_mut(|sleepers| {
            let sleepers = sleepers.get_mut(&key).filter(|sleepers| !sleepers.is_empty())?;
            Some(sleepers.swap_remove(draw(sleepers.len() as u64) as usize))
        });
        let Some(woken) = woken else { break };
        *woken.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        woken.woken.notify_all();
    }
}
