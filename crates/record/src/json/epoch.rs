//! An epoch's keys.

use super::field::Field;
use super::{Fields, JsonError};
use crate::{Epoch, Supersession, SupersessionKind};

/// The key of each kind of supersession. The first needs none: a plain name or id replaces.
pub(super) const KINDS: [(&str, SupersessionKind); 3] = [
    ("replaces", SupersessionKind::Replaces),
    ("refines", SupersessionKind::Refines),
    ("extends", SupersessionKind::Extends),
];

/// Takes an epoch's keys, and sorts what is written sorted.
pub(super) fn read(fields: &mut Fields<'_>) -> Result<Epoch, JsonError> {
    let mut epoch = Epoch::new(fields.need("name")?.text()?);
    epoch.description = fields.take("description").map(|field| field.text()).transpose()?;
    if let Some(field) = fields.take("supersedes") {
        epoch.supersedes =
            field.one_or_list()?.into_iter().map(read_supersession).collect::<Result<_, _>>()?;
    }
    epoch.starts = fields.take("starts").map(|field| field.time()).transpose()?;
    epoch.ends = fields.take("ends").map(|field| field.time()).transpose()?;
    epoch.author = fields.take("author").map(|field| field.text()).transpose()?;
    epoch.authored_at_micros = fields.take("authored_at").map(|field| field.instant()).transpose()?;
    epoch.canonicalize();
    Ok(epoch)
}

/// A name or an id, or an object whose one key says how it is followed.
fn read_supersession(field: Field<'_>) -> Result<Supersession, JsonError> {
    const EXPECTED: &str = "an epoch's name or id, or an object that names one of replaces, refines, extends";
    if field.is_text() {
        return Ok(Supersession { kind: SupersessionKind::Replaces, epoch: field.epoch()? });
    }
    let mut fields = field.fields(&KINDS.map(|(key, _)| key), EXPECTED)?;
    let named = KINDS.iter().find_map(|(key, kind)| fields.take(key).map(|epoch| (*kind, epoch)));
    let Some((kind, epoch)) = named else {
        return Err(field.says(EXPECTED));
    };
    let epoch = epoch.epoch().and_then(|epoch| fields.finish().map(|()| epoch));
    epoch.map(|epoch| Supersession { kind, epoch }).map_err(|error| error.within(field.key()))
}
