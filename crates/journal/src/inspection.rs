//! What does not verify in one segment, group by group, every BLAKE3 computed.

use std::io;

use annals_record::Offset;

use crate::disk::DiskFile;
use crate::error::Damage;
use crate::holes::Holes;
use crate::scan::{self, Scan, Step, Window};
use crate::seal::Seal;
use crate::segment::SegmentHeader;
use crate::summary::Summary;

/// What was found in one segment.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// What does not verify, in order.
    pub(crate) damaged: Vec<Damage>,
    /// What does: the groups that are served.
    pub(crate) summary: Summary,
    /// Its seal, if one was reached.
    pub(crate) seal: Option<Box<Seal>>,
}

/// Walks a segment up to `end`: the next one's base, or what is durable of the newest one.
pub(crate) fn inspect(
    header: &SegmentHeader,
    file: &dyn DiskFile,
    end: Offset,
    holes: &Holes,
) -> io::Result<Inspection> {
    let sums_agree = holes.sums_agree(header, end);
    let window = Window::new(file, header.file_pos(end).0)?;
    let mut scan = Scan::new(header, window, header.base, true).over(holes.clone());
    let mut found = Inspection { damaged: Vec::new(), summary: Summary::new(header), seal: None };
    let mut unbroken = true;
    loop {
        let at = scan.position();
        if at >= end {
            break;
        }
        let reason = match scan.step()? {
            Step::Group(group) => {
                found.summary.absorb(&group, &scan.ids);
                continue;
            }
            Step::Hole(to) => {
                found.summary.pass(to);
                unbroken &= sums_agree;
                continue;
            }
            Step::Seal(seal) => {
                if unbroken && *seal != found.summary.seal(seal.next_term) {
                    let detail = scan::describe(header, at, "the seal's sums are not those of its segment");
                    found.damaged.push(Damage { offset: at, len: seal.next_base().get() - at.get(), detail });
                }
                found.seal = Some(seal);
                break;
            }
            Step::Bad(reason) => reason,
            Step::End => scan::describe(header, at, "zeros where a frame should be"),
        };
        unbroken = false;
        let landmark = scan::next_landmark(header, scan.window(), Offset::new(at.get() + 8))?;
        // A hole is a landmark, too: what lies in it is known.
        let resume = landmark.map_or(end, |landmark| landmark.resume).min(end).min(holes.next(at));
        found.damaged.push(Damage { offset: at, len: resume.get() - at.get(), detail: reason });
        found.summary.pass(resume);
        scan.seek(resume);
    }
    Ok(found)
}
