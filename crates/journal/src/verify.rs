//! Everything that is durable, read and checked: CRC and BLAKE3 of every record, every commit, every seal.

use annals_record::Offset;

use crate::catalog::Segment;
use crate::error::{Damage, Error};
use crate::scan::{self, Step, Window};
use crate::segment::SegmentHeader;
use crate::source::{Source, whole};
use crate::status::Verification;
use crate::summary::Summary;

/// Walks all segments and says what does not verify: CRC and BLAKE3 of every record, every commit, every seal.
pub(crate) fn verify(
    source: &Source,
    durable: Offset,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, Error> {
    let segments = source.segments();
    let oldest = source.oldest();
    let all = durable.get() - oldest.get().min(durable.get());
    let holes = source.holes();
    let mut found = Verification { holes: holes.list().to_vec(), ..Verification::default() };
    found.damaged.extend(holes.damage());
    for segment in &segments {
        let end = segment.next.unwrap_or(durable).min(durable);
        if segment.base >= end || holes.bridge(segment.base) >= end {
            continue;
        }
        match &segment.header {
            Err(reason) => found.damaged.push(whole(segment, segment.base, end, reason)),
            Ok(header) => verify_segment(source, segment, header, end, &mut found, &mut |at| {
                progress(at.get() - oldest.get(), all);
            })?,
        }
        progress(end.get() - oldest.get(), all);
    }
    found.bytes = all;
    Ok(found)
}

fn verify_segment(
    source: &Source,
    segment: &Segment,
    header: &SegmentHeader,
    end: Offset,
    found: &mut Verification,
    progress: &mut dyn FnMut(Offset),
) -> Result<(), Error> {
    let failed = |error| Error::io("read", &segment.path, error);
    let file = source.open(segment)?;
    let limit = if segment.next.is_some() { u64::MAX } else { header.file_pos(end).0 };
    let window = Window::new(&*file, limit).map_err(failed)?;
    let holes = source.holes();
    let sums_agree = holes.sums_agree(header, end);
    let mut scan = scan::Scan::new(header, window, segment.base, true).over(holes);
    let (mut summary, mut records, mut unbroken) = (Summary::new(header), 0, true);
    let mut reported = segment.base;
    loop {
        let at = scan.position();
        if at >= end {
            break;
        }
        if at.get() - reported.get() >= 1 << 22 {
            reported = at;
            progress(at);
        }
        match scan.step().map_err(failed)? {
            Step::Group(group) => {
                records += u64::from(group.commit.records);
                summary.absorb(&group, &scan.ids);
            }
            Step::Hole(to) => {
                unbroken &= sums_agree;
                summary.pass(to);
            }
            Step::Seal(seal) => {
                if unbroken && *seal != summary.seal(seal.next_term) {
                    let detail = scan::describe(header, at, "the seal's sums are not those of its segment");
                    found.damaged.push(Damage { offset: at, len: seal.next_base().get() - at.get(), detail });
                }
                let next = seal.next_base();
                let next = source.holes().bridge(next);
                if segment.next.is_none() && next < end {
                    let detail = format!("segment {:016x}: the segment is missing", next.get());
                    found.damaged.push(Damage { offset: next, len: end.get() - next.get(), detail });
                }
                break;
            }
            step @ (Step::End | Step::Bad(..)) => {
                unbroken = false;
                let reason = match step {
                    Step::Bad(reason) => reason,
                    _ => scan::describe(header, at, "zeros where a frame should be"),
                };
                let landmark =
                    scan::next_landmark(header, scan.window(), Offset::new(at.get() + 8)).map_err(failed)?;
                let resume = landmark.map_or(end, |landmark| landmark.resume).min(end);
                found.damaged.push(Damage { offset: at, len: resume.get() - at.get(), detail: reason });
                scan.seek(resume);
            }
        }
    }
    if let Some(flaw) = &segment.flaw
        && unbroken
        && scan.position() < end
    {
        let detail = format!("segment {:016x}: {flaw}", segment.base.get());
        found.damaged.push(Damage {
            offset: scan.position(),
            len: end.get() - scan.position().get(),
            detail,
        });
    }
    found.records += records;
    Ok(())
}
