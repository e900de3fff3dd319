//! Where a log ends whose watermark is lost, as far as its segments tell. The next open for writing decides; this is for
//! those who look.

use annals_record::{Offset, Term};

use crate::catalog;
use crate::error::Error;
use crate::judgement::judge;
use crate::source::Source;

/// The end of the last group that verifies in the newest segment, and its term.
pub(super) fn end(source: &Source) -> Result<(Offset, Term), Error> {
    let segments = source.segments();
    let term = catalog::newest_term(&segments);
    let Some(last) = segments.last() else { return Ok((Offset::ZERO, term)) };
    let Ok(header) = &last.header else { return Ok((last.base, term)) };
    let failed = |error| Error::io("read", &last.path, error);
    let file = source.open(last)?;
    let judgement = judge(header, &*file, None, &source.holes(), None).map_err(failed)?;
    Ok((judgement.durable().max(judgement.written()), term))
}
