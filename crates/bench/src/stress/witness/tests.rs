use annals_journal::RecordId;

use super::*;

/// Records as `lane seq` or `lane seq nth/of`, a hundred bytes of log each, from an offset on.
fn batch(at: u64, records: &str) -> Batch {
    let mut batch = Batch::default();
    let mut random = fastrand::Rng::with_seed(1);
    let mut at = at;
    for record in records.split(", ") {
        let mut words = record.split(' ');
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (lane, seq) = (number() as u32, number());
        let (nth, of) = words.next().map_or((0, 1), |place| {
            let (nth, of) = place.split_once('/').unwrap();
            (nth.parse().unwrap(), of.parse().unwrap())
        });
        let payload = Head { run: 7, lane, nth, of, seq, micros: 0 }.with_filler(10, &mut random);
        let id = RecordId::from_bytes(*blake3::hash(&payload).as_bytes());
        batch.push(Offset::new(at), &id, &payload);
        at += 100;
    }
    batch.set_next(Offset::new(at));
    batch
}

/// What a reader forwards from 0 is told; `|` is a gap up to the next thousand. The complaint, if there is one.
fn forwards(story: &str) -> Option<String> {
    let mut witness = Witness::begin(7, 0, Offset::ZERO);
    let mut told = || -> Outcome<()> {
        for (i, part) in story.split(" | ").enumerate() {
            let at = Offset::new(1000 * i as u64);
            if i > 0 {
                witness.gap(witness.current.to, at)?;
            }
            witness.see(&batch(at.get(), part))?;
        }
        Ok(())
    };
    told().err().map(|error| error.to_string())
}

fn check(story: &str, complaint: Option<&str>) {
    let found = forwards(story);
    match complaint {
        None => assert_eq!(found, None, "{story}"),
        Some(words) => {
            assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{story}: {found:?}");
        }
    }
}

#[test]
fn what_is_in_order_is_taken() {
    check("0 0, 1 0, 0 1, 0 2, 1 1", None);
    check("0 5, 0 6", None);
    check("0 0, 0 1 0/2, 0 2 1/2, 1 0", None);
    check("0 0, 1 0 | 1 1, 0 8, 0 9", None);
}

#[test]
fn a_hole_in_a_lane_needs_a_gap() {
    check("0 0, 1 0, 0 2", Some("stands number 2 of lane 0, expected 1"));
    check("0 0, 0 1, 0 1", Some("doubled"));
    check("0 4, 0 5 | 0 5", Some("stands number 5 of lane 0, expected 6"));
    check("0 4 | 1 0 | 0 4", Some("expected 5"));
}

#[test]
fn a_batch_is_whole_or_a_complaint() {
    check("0 0 0/2, 1 0, 0 1 1/2", Some("a batch is cut"));
    check("0 0 0/2", Some("the rest of its batch is missing"));
    check("0 1 1/2", Some("a batch is cut"));
}

#[test]
fn places_rise_and_stay_below_the_end() {
    let mut witness = Witness::begin(7, 0, Offset::new(200));
    let early = witness.see(&batch(100, "0 0")).unwrap_err().to_string();
    assert!(early.contains("a record at 100, expected from 200"), "{early}");
}

#[test]
fn a_payload_is_the_one_its_id_names() {
    let sound = batch(0, "0 0");
    let mut other = Batch::default();
    other.push(Offset::ZERO, &RecordId::from_bytes([1; 32]), sound.iter().next().unwrap().payload);
    other.set_next(Offset::new(100));
    let complaint = Witness::begin(7, 0, Offset::ZERO).see(&other).unwrap_err().to_string();
    assert!(complaint.contains("not the one that its id names"), "{complaint}");
}

#[test]
fn a_gap_lies_before_the_reader() {
    for (wanted, oldest) in [(99, 200), (100, 100)] {
        let mut witness = Witness::begin(7, 0, Offset::new(100));
        assert!(witness.gap(Offset::new(wanted), Offset::new(oldest)).is_err(), "{wanted} {oldest}");
    }
}

#[test]
fn backwards_numbers_fall_and_the_sum_is_the_same() {
    let (first, second) = (batch(0, "0 0, 1 0"), batch(200, "1 1 0/2, 1 2 1/2, 0 1"));
    let mut back = Witness::begin(7, 0, Offset::new(500));
    back.see_before(&second).unwrap();
    back.see_before(&first).unwrap();
    let mut forth = Witness::begin(7, 0, Offset::ZERO);
    forth.see(&first).unwrap();
    forth.see(&second).unwrap();
    assert_eq!(back.end(), forth.end());

    let mut back = Witness::begin(7, 0, Offset::new(500));
    back.see_before(&second).unwrap();
    let twice = back.see_before(&second).unwrap_err().to_string();
    assert!(twice.contains("expected from"), "{twice}");
    let hole = back.see_before(&batch(0, "0 0, 1 5")).unwrap_err().to_string();
    assert!(hole.contains("number 5 of lane 1, expected 0"), "{hole}");
}
