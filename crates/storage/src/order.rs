//! What may follow what: one place where a store refuses what cannot be.

use std::path::Path;

use annals_record::{Applied, Cursor, Offset};

use crate::cursor_bytes::Reach;
use crate::identity::StoreId;
use crate::{Change, Error};

/// Checks that changes and the cursor after them follow the cursor before.
pub(crate) fn follows(at: Option<Cursor>, changes: &[Change<'_>], cursor: &Cursor) -> Result<(), Error> {
    let applied = |change: &Change<'_>| Applied { offset: change.offset, id: change.id };
    let span = changes.first().zip(changes.last()).map(|(first, last)| (first.offset, applied(last)));
    follows_span(at, span, changes.is_sorted_by(|a, b| a.offset < b.offset), cursor)
}

/// As [`follows`], for changes of which the first offset and the last record are known, and whether their offsets rise.
pub(crate) fn follows_span(
    at: Option<Cursor>,
    span: Option<(Offset, Applied)>,
    rises: bool,
    cursor: &Cursor,
) -> Result<(), Error> {
    let from = at.map_or(Offset::ZERO, |at| at.next);
    let refuse = |reason| Err(Error::OutOfOrder { cursor: from, next: cursor.next, reason });
    if at.is_some_and(|at| at.log != cursor.log) {
        return refuse("they come from another log");
    }
    if at.is_some_and(|at| at.term > cursor.term) {
        return refuse("their term lies before the cursor's");
    }
    if cursor.next < from {
        return refuse("they would move the cursor back");
    }
    if !rises {
        return refuse("their offsets do not rise");
    }
    let (first, last) = match span {
        None if cursor.last == at.and_then(|at| at.last) => return Ok(()),
        None => return refuse("nothing was applied, yet the last record is another one"),
        Some(span) => span,
    };
    if first < from {
        return refuse("they begin before the cursor");
    }
    if last.offset >= cursor.next {
        return refuse("they end beyond the cursor they bring");
    }
    if cursor.last != Some(last) {
        return refuse("the cursor they bring names another last record");
    }
    Ok(())
}

/// Checks that content is the index's own and has everything that the index says was folded into it. Returns the store
/// both belong to, if one of them says it.
pub(crate) fn belong_together(
    path: &Path,
    cursor: Option<Cursor>,
    folded: Option<Cursor>,
    index: Option<StoreId>,
    reach: Option<Reach>,
) -> Result<Option<StoreId>, Error> {
    let path = path.to_owned();
    let content = reach.and_then(|reach| reach.store);
    let Some(cursor) = cursor else {
        // An index that was lost begins anew over the content that is left.
        return Ok(content.or(index));
    };
    match (reach, index, content) {
        (Some(reach), ..) if cursor.log != reach.cursor.log => {
            Err(Error::Swapped { path, content: reach.cursor.log, index: cursor.log })
        }
        (_, Some(index), Some(content)) if index != content => {
            Err(Error::TwoStores { path, content: content.to_string(), index: index.to_string() })
        }
        (Some(reach), ..) if folded.is_none_or(|folded| folded.next <= reach.cursor.next) => {
            Ok(index.or(content))
        }
        // Every checkpoint is preceded by content saying whose it is.
        (reach, ..) => Err(Error::ContentBehind {
            path,
            cursor: folded.unwrap_or(cursor).next,
            reach: reach.map_or(Offset::ZERO, |reach| reach.cursor.next),
        }),
    }
}
