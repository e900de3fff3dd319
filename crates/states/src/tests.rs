//! Each mistake is noticed, and by the property that it breaks.

use stateright::{Checker as _, Model as _};

use crate::{Bounds, Mistake, Pipeline};

/// Looks at all states until this property is seen violated.
fn violates(mistake: Mistake, bounds: Bounds, property: &'static str) {
    let model = Pipeline { bounds, mistake: Some(mistake) };
    let checker =
        model.checker().finish_when(stateright::HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{mistake:?} is not noticed");
    let model = Pipeline { bounds, mistake: None };
    let checker = model.checker().target_state_count(50_000).spawn_bfs().join();
    assert!(checker.discovery(property).is_none(), "{property}: without the mistake too");
}

const FOLD: &str = "W1: a store that works is what the log says up to its cursor";

#[test]
fn an_acknowledgement_before_the_sync_is_noticed() {
    let bounds = Bounds { cuts: 1, ..Bounds::NONE };
    violates(Mistake::AcknowledgesUnsynced, bounds, "I1, I2: what was acknowledged stands in the log");
}

#[test]
fn a_second_writer_is_noticed() {
    violates(Mistake::IgnoresTheLock, Bounds::NONE, "I1, I2: what was acknowledged stands in the log");
}

#[test]
fn a_cursor_that_is_durable_before_the_content_is_noticed() {
    violates(Mistake::CursorBeforeContent, Bounds { stops: 1, ..Bounds::NONE }, FOLD);
}

#[test]
fn content_of_another_future_that_nobody_is_told_of_is_noticed() {
    let bounds = Bounds { appends: 4, kills: 1, restores: 1, ..Bounds::NONE };
    violates(Mistake::ForgetsTheReach, bounds, FOLD);
}

#[test]
fn a_cursor_without_term_and_record_is_noticed() {
    let bounds = Bounds { appends: 4, kills: 1, restores: 1, ..Bounds::NONE };
    violates(Mistake::CursorWithoutIdentity, bounds, FOLD);
}

#[test]
fn a_restore_that_keeps_the_term_is_noticed() {
    let bounds = Bounds { appends: 4, kills: 1, restores: 1, ..Bounds::NONE };
    violates(Mistake::KeepsTheTerm, bounds, FOLD);
}

#[test]
fn a_purge_past_the_slowest_cursor_is_noticed() {
    let bounds = Bounds { seals: 1, purges: 1, consumer: true, ..Bounds::NONE };
    violates(Mistake::PurgesPastTheSlowest, bounds, "R4: no purge passes a cursor");
}

#[test]
fn a_reader_past_the_watermark_is_noticed() {
    let bounds = Bounds { consumer: true, ..Bounds::NONE };
    violates(Mistake::ReadsPastTheWatermark, bounds, "I5: nothing is served that is not durable");
}

#[test]
fn a_pointer_that_changes_before_the_marks_is_noticed() {
    let bounds = Bounds { rebuilds: 1, kills: 1, ..Bounds::NONE };
    violates(Mistake::PointerBeforeTheMarks, bounds, "G1, G4: the pointer names a store that is finished");
}
