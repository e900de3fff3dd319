//! Several lists in the order of offsets, and what stands in all of them.
//!
//!   a: 1   3 4     8      a is sought at 1, b from there at 3, c from there at 8, a from there at 8, b ...
//!   b:     3   5   8 9
//!   c:             8      Each round moves the shortest list on by one entry at least: it alone bounds the work, in
//!                         whichever order the lists are asked.

use annals_record::Offset;
use annals_storage::{Listed, Postings, Snapshot};

use crate::error::Error;

/// The fewest and the most entries of a subject that are read at once.
const PAGE: std::ops::RangeInclusive<usize> = 16..=1024;

/// A list of records in the order of their offsets.
pub(super) trait Candidates {
    /// The first at or behind an offset, which is never one before the last that was sought.
    fn seek(&mut self, from: Offset) -> Result<Option<Listed>, Error>;
}

/// What stands in all of several lists.
pub(super) struct Lists<'l> {
    lists: Vec<Box<dyn Candidates + 'l>>,
}

impl<'l> Lists<'l> {
    /// Over one list at least.
    pub(super) fn new(lists: Vec<Box<dyn Candidates + 'l>>) -> Self {
        Self { lists }
    }

    /// The first at or behind an offset that stands in all of them.
    pub(super) fn next(&mut self, from: Offset) -> Result<Option<Listed>, Error> {
        let (mut wanted, mut agreed, mut found) = (from, 0, None);
        let mut at = 0;
        while agreed < self.lists.len() {
            let Some(listed) = self.lists[at].seek(wanted)? else { return Ok(None) };
            agreed = if found.is_some() && listed.offset == wanted { agreed + 1 } else { 1 };
            wanted = listed.offset;
            found = Some(listed);
            at = (at + 1) % self.lists.len();
        }
        Ok(found)
    }
}

impl Candidates for Postings {
    fn seek(&mut self, from: Offset) -> Result<Option<Listed>, Error> {
        Ok(Postings::seek(self, from)?)
    }
}

/// The store's own list of a subject.
pub(super) fn of_subject<'s>(snapshot: &'s Snapshot<'s>, subject: &'s str) -> Box<dyn Candidates + 's> {
    Box::new(OfSubject { snapshot, subject, page: Vec::new(), at: 0, limit: *PAGE.start(), ended: false })
}

/// A subject's list, read in pages that grow.
struct OfSubject<'s> {
    snapshot: &'s Snapshot<'s>,
    subject: &'s str,
    page: Vec<Listed>,
    at: usize,
    limit: usize,
    /// Whether nothing stands behind the page.
    ended: bool,
}

impl Candidates for OfSubject<'_> {
    fn seek(&mut self, from: Offset) -> Result<Option<Listed>, Error> {
        self.at += self.page[self.at..].partition_point(|listed| listed.offset < from);
        if self.at == self.page.len() && !self.ended {
            let after = from.get().checked_sub(1).map(Offset::new);
            self.page = self.snapshot.subject_ids(self.subject, after, self.limit)?;
            self.ended = self.page.len() < self.limit;
            self.at = 0;
            self.limit = (self.limit * 2).min(*PAGE.end());
        }
        Ok(self.page.get(self.at).copied())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use annals_record::RecordId;

    use super::*;

    /// A list of these offsets that counts how often it is asked.
    struct Counted<'c>(Vec<u64>, &'c std::cell::Cell<usize>);

    impl Candidates for Counted<'_> {
        fn seek(&mut self, from: Offset) -> Result<Option<Listed>, Error> {
            self.1.set(self.1.get() + 1);
            let found = self.0.iter().find(|offset| **offset >= from.get());
            Ok(found.map(|offset| Listed { offset: Offset::new(*offset), id: RecordId::of(b"") }))
        }
    }

    fn common(lists: &[Vec<u64>]) -> (Vec<u64>, usize) {
        let asked = std::cell::Cell::new(0);
        let boxed = lists.iter().map(|list| Box::new(Counted(list.clone(), &asked)) as Box<dyn Candidates>);
        let mut lists = Lists::new(boxed.collect());
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(listed) = lists.next(Offset::new(from)).unwrap() {
            found.push(listed.offset.get());
            from = listed.offset.get() + 1;
        }
        (found, asked.get())
    }

    #[test]
    fn what_stands_in_all_lists_is_found_and_nothing_else() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for lists in 1..5 {
            for _ in 0..200 {
                let lists: Vec<BTreeSet<u64>> =
                    (0..lists).map(|_| (0..next(30)).map(|_| next(40)).collect()).collect();
                let all = lists.iter().skip(1).fold(lists[0].clone(), |all, list| &all & list);
                let lists: Vec<Vec<u64>> = lists.into_iter().map(|list| list.into_iter().collect()).collect();
                assert_eq!(common(&lists).0, all.into_iter().collect::<Vec<_>>(), "{lists:?}");
            }
        }
    }

    #[test]
    fn the_shortest_list_bounds_the_work_wherever_it_stands() {
        let (short, long) = (vec![10, 70_000], (0..100_000).collect::<Vec<_>>());
        for lists in
            [[short.clone(), long.clone(), long.clone()], [long.clone(), long.clone(), short.clone()]]
        {
            let (found, asked) = common(&lists);
            assert_eq!(found, [10, 70_000]);
            assert!(asked < 20, "{asked}");
        }
    }
}
