use super::*;

fn location() -> SegmentLocation {
    SegmentLocation { session_id: SessionId::new(), segment_id: SegmentId::new() }
}

#[test]
fn a_segment_and_its_tally_are_swapped_together() {
    // The tally tells which of the two segments it belongs to.
    let (first, second) = (location(), location());
    let state = SegmentState::new(first, 1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0_u32; 2];
                    while seen.iter().any(|times| *times < 500) {
                        let (here, tally) = state.snapshot();
                        assert_eq!(here == first, tally == 1, "{tally} entries of the other segment");
                        seen[usize::from(here == first)] += 1;
                    }
                })
            })
            .collect();
        // Until each reader has seen both, often.
        while readers.iter().any(|reader| !reader.is_finished()) {
            state.swap(second, 1000);
            std::thread::yield_now();
            state.swap(first, 1);
            std::thread::yield_now();
        }
    });
}

#[test]
fn what_was_written_to_another_segment_does_not_count_here() {
    let (first, second) = (location(), location());
    let state = SegmentState::new(first, 1);
    state.wrote(first, 2);
    state.swap(second, 1);
    state.wrote(first, 99);
    assert_eq!(state.snapshot(), (second, 1));
    assert_eq!((state.location(), state.entries_written()), (second, 1));
}
