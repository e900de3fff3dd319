//! A store: what it shows, and what of that is on the medium.
//!
//!   applied -> shown -> content durable -> cursor durable

use crate::log::{Log, Placed, Reached};

/// A store of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Generation {
    /// What is in it, in order. What lies at or beyond the cursor does not show.
    pub(crate) content: Vec<Placed>,
    pub(crate) cursor: Option<Reached>,
    /// The same on the medium: content and cursor are made durable one after the other.
    pub(crate) kept_content: Vec<Placed>,
    pub(crate) kept_reach: Option<Reached>,
    pub(crate) kept_cursor: Option<Reached>,
    /// It is marked as finished, durably.
    pub(crate) is_finished: bool,
}

impl Generation {
    pub(crate) fn put(&mut self, placed: Placed) {
        if let Err(at) = self.content.binary_search(&placed) {
            self.content.insert(at, placed);
        }
    }

    /// How far anything in it may lie.
    pub(crate) fn reach(&self) -> Option<Reached> {
        self.kept_reach
            .filter(|reach| self.cursor.is_none_or(|cursor| reach.next > cursor.next))
            .or(self.cursor)
    }

    /// Content becomes durable; false if all of it is.
    pub(crate) fn keep_content(&mut self) -> bool {
        let reach = self.reach();
        let is_new = self.kept_reach != reach || self.kept_content != self.content;
        self.kept_content.clone_from(&self.content);
        self.kept_reach = reach;
        is_new
    }

    /// The cursor becomes durable, as far as content is; false if it is.
    pub(crate) fn keep_cursor(&mut self) -> bool {
        let covered = self.kept_reach.map_or(0, |reach| reach.next);
        let cursor = if self.next() > covered { self.kept_reach } else { self.cursor };
        let is_new = self.kept_cursor != cursor;
        self.kept_cursor = cursor;
        is_new
    }

    /// What is left once whoever filled it is gone.
    pub(crate) fn reopen(&mut self) {
        self.content.clone_from(&self.kept_content);
        self.cursor = self.kept_cursor;
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.cursor == self.kept_cursor && self.content == self.kept_content
    }

    pub(crate) fn next(&self) -> u8 {
        self.cursor.map_or(0, |cursor| cursor.next)
    }

    /// Whether what it shows is what the log says up to its cursor.
    pub(crate) fn is_fold_of(&self, log: &Log) -> bool {
        let next = self.next();
        let shown = self.content.iter().copied().filter(|(at, _)| *at < next);
        next <= log.end() && shown.eq(log.fold(next))
    }
}
