//! What the compiler can check of the archives' layout, so that most wrong builds do not build.
//!
//! docs/payload.md gives the places of all fields; what cannot be named here, [`check_encoding`](super::check_encoding)
//! compares once at start.

use std::mem::{align_of, offset_of, size_of};

use rkyv::Archived;

use crate::{
    Assertion, Epoch, EpochId, Interval, Link, Qualifier, RecordId, Supersession, Time, Value, Vote,
};

/// Checks a type's size and alignment in an archive, and where its fields stand.
macro_rules! laid_out {
    ($type:ty, size $size:literal, align $align:literal $(, $field:ident at $place:literal)* $(,)?) => {
        const _: () = assert!(size_of::<Archived<$type>>() == $size, "R3: rkyv's layout differs in this build");
        const _: () = assert!(align_of::<Archived<$type>>() == $align, "R3: rkyv's layout differs in this build");
        // A journal aligns payloads to 8 bytes: an archive that needs more could not be read in place.
        const _: () = assert!($align <= 8, "R3: the archive needs more than a payload's alignment");
        $(const _: () = assert!(offset_of!(Archived<$type>, $field) == $place, "R3: rkyv's layout differs in this build");)*
    };
}

laid_out!(String, size 8, align 4);
laid_out!(Vec<u8>, size 8, align 4);
laid_out!(Option<String>, size 12, align 4);
laid_out!(Option<u32>, size 8, align 4);
laid_out!(Option<i64>, size 16, align 8);
laid_out!(Option<Time>, size 24, align 8);
laid_out!(Option<Interval>, size 56, align 8);
laid_out!(Option<EpochId>, size 33, align 1);
laid_out!(RecordId, size 32, align 1);
laid_out!(EpochId, size 32, align 1);
laid_out!(Value, size 40, align 8);
laid_out!(Time, size 16, align 8, micros at 0, precision at 8);
laid_out!(Interval, size 48, align 8, from at 0, until at 24);
laid_out!(Qualifier, size 48, align 8, key at 0, value at 8);
laid_out!(Link, size 33, align 1, kind at 0, target at 1);
laid_out!(Supersession, size 33, align 1, kind at 0, epoch at 1);
laid_out!(
    Assertion,
    size 216,
    align 8,
    subject at 0,
    predicate at 8,
    object at 16,
    polarity at 56,
    qualifiers at 60,
    valid at 72,
    confidence_ppm at 128,
    sources at 136,
    links at 144,
    epoch at 152,
    agent at 188,
    authored_at_micros at 200,
);
laid_out!(
    Vote,
    size 120,
    align 8,
    assertion at 0,
    voter at 32,
    stance at 40,
    weight_ppm at 44,
    seq at 48,
    reason at 56,
    epoch at 68,
    cast_at_micros at 104,
);
laid_out!(
    Epoch,
    size 112,
    align 8,
    name at 0,
    description at 8,
    supersedes at 20,
    starts at 32,
    ends at 56,
    author at 80,
    authored_at_micros at 96,
);
