//! The same for each of many streams, by a few threads at once: what they wait for is the disk, and it takes several syncs in
//! little more time than one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does `work` with each item, by at most `most` threads, the caller's among them; the results in the items' order.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], most: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some((at, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..most.min(items.len()) {
            // Without another thread it takes longer.
            if std::thread::Builder::new().name("annals-streams".to_owned()).spawn_scoped(scope, run).is_err()
            {
                break;
            }
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn each_item_is_done_once_and_results_keep_their_order() {
        let items: Vec<usize> = (0..100).collect();
        for most in [1, 3, 64] {
            assert_eq!(each(&items, most, |item| item * 2), (0..200).step_by(2).collect::<Vec<_>>());
        }
        assert!(each(&[] as &[u8], 4, |_| ()).is_empty());
    }

    #[test]
    fn as_many_are_under_way_at_once_as_there_may_be() {
        // Nobody passes the barrier alone.
        let barrier = Barrier::new(3);
        assert_eq!(
            each(&[1, 2, 3], 3, |_| barrier.wait().is_leader()).iter().filter(|leads| **leads).count(),
            1
        );
    }
}
