use super::*;
use crate::{Journal, Options};

/// Whether what it gathers comes to lie in huge pages, as it does from the third block on.
fn is_in_huge_pages(load: &mut Load) -> bool {
    load.blocks.reserve(3 * BLOCK);
    load.blocks.as_slice().as_ptr().align_offset(2 << 20) == 0
}

#[test]
fn every_group_of_a_journal_with_a_thread_is_gathered_in_huge_pages_and_of_one_without_none_that_is_small() {
    for own_thread in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open_with(dir.path(), Options { own_thread, ..Options::default() }).unwrap();
        let filling = || is_in_huge_pages(&mut journal.core.commit.lock().load);
        assert_eq!(filling(), own_thread, "the first");
        for i in 0..4 {
            journal.append(vec![i; 10 << 10]).unwrap();
            assert_eq!(filling(), own_thread, "after append {i}");
        }
        journal.seal().unwrap();
        assert_eq!(filling(), own_thread, "in the next segment");
    }
}
