use super::*;
use crate::{Precision, TimeError};

/// What is wrong with an epoch that is changed so.
fn check(change: impl FnOnce(&mut Epoch)) -> Option<LimitError> {
    let mut epoch = Epoch::new("trixie");
    change(&mut epoch);
    epoch.validate().err()
}

#[test]
fn each_field_keeps_its_limit() {
    let at = |micros| Some(Time { micros, precision: Precision::Second });
    assert_eq!(check(|_| ()), None);
    assert_eq!(check(|e| e.name.clear()), Some(LimitError::Empty { field: "name" }));
    assert_eq!(check(|e| e.author = Some("\n".to_owned())).map(|e| e.kind()), Some(crate::Kind::Fix));
    assert_eq!(check(|e| e.description = Some("any\0text".to_owned())), None);
    assert_eq!(
        check(|e| e.starts = at(1)),
        Some(LimitError::Time {
            field: "starts",
            source: TimeError::NotABeginning { micros: 1, precision: "second" }
        })
    );
    assert_eq!(
        check(|e| (e.starts, e.ends) = (at(1_000_000), at(0))),
        Some(LimitError::Backwards { field: "the epoch" })
    );
    let out_of_range = LimitError::Time { field: "authored_at", source: TimeError::OutOfRange };
    assert_eq!(check(|e| e.authored_at_micros = Some(i64::MAX)), Some(out_of_range));
}

#[test]
fn nothing_is_superseded_twice_in_the_same_way() {
    let of = |kind| Supersession { kind, epoch: EpochId::of("bookworm") };
    let (refines, extends) = (of(SupersessionKind::Refines), of(SupersessionKind::Extends));
    assert_eq!(check(|e| e.supersedes = vec![extends, refines]), None);
    let again = Some(LimitError::Repeated { field: "supersedes" });
    assert_eq!(check(|e| e.supersedes = vec![extends, refines, extends]), again);
    let many = (0..1_025).map(|i| Supersession { epoch: EpochId::of(&i.to_string()), ..refines }).collect();
    let too_many = LimitError::TooMany { field: "supersedes", count: 1_025, limit: 1_024 };
    assert_eq!(check(|e| e.supersedes = many), Some(too_many));
}

#[test]
fn an_epoch_is_its_name() {
    let mut later = Epoch::new("trixie");
    later.description = Some("Debian 13".to_owned());
    assert_eq!(later.id(), Epoch::new("trixie").id());
    assert_eq!(later.id().as_bytes(), blake3::hash(b"trixie").as_bytes());
}
