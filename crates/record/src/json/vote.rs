//! A vote's keys.

use super::{Fields, JsonError};
use crate::{Stance, Vote};

/// The largest weight that can be written, in votes.
const MAX_WEIGHT: u32 = crate::limits::MAX_WEIGHT_PPM / 1_000_000;

/// Takes a vote's keys. Without `weight` it counts as one vote, without `seq` as the voter's first.
pub(super) fn read(fields: &mut Fields<'_>) -> Result<Vote, JsonError> {
    let assertion = fields.need("assertion")?.id()?;
    let voter = fields.need("voter")?.text()?;
    let stance = fields.need("stance")?;
    let number = stance.whole("-1, 0 or 1")?;
    let stance = Stance::from_number(number).ok_or_else(|| stance.says("-1, 0 or 1"))?;
    let mut vote = Vote::new(assertion, voter, stance);
    if let Some(weight) = fields.take("weight") {
        vote.weight_ppm = weight.ppm(MAX_WEIGHT)?;
    }
    if let Some(seq) = fields.take("seq") {
        vote.seq = seq.whole("a whole number from 0 to 18446744073709551615")?;
    }
    vote.reason = fields.take("reason").map(|field| field.text()).transpose()?;
    vote.epoch = fields.take("epoch").map(|field| field.epoch()).transpose()?;
    vote.cast_at_micros = fields.take("cast_at").map(|field| field.instant()).transpose()?;
    Ok(vote)
}
