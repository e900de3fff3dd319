use serde_json::json;

use super::super::records::Chunk;
use super::*;

fn line(offset: u64, chunk: u64, line: u64) -> Json {
    let pad = char::from(b'a' + (line % 26) as u8).to_string().repeat((line % 50 * 3) as usize);
    json!({
        "offset": offset, "id": format!("id {offset}"), "type": "assertion", "subject": format!("s{}", line % 17),
        "predicate": format!("p{}", line % 3), "object": format!("{line} {pad}"),
        "agent": format!("chunk {chunk}"), "source": format!("f{}", line % 5),
    })
}

fn alone(offset: u64, number: u64) -> Json {
    json!({"offset": offset, "id": format!("id {offset}"), "type": "vote", "voter": format!("voter {number}")})
}

/// What is said of a log, where chunks 1 and 2 of ten lines and three single records were tried.
fn said(log: &[Json], receipts: &[(u64, &str)]) -> Result<(), String> {
    let chunk = |number| Chunk { number, lines: 10, wide: false };
    let receipts = receipts.iter().map(|(offset, id)| (*offset, (*id).to_owned())).collect();
    let truth = Truth { receipts, chunks: vec![chunk(1), chunk(2)], alone: 3, ..Truth::default() };
    let nowhere = Path::new("nowhere");
    Left { annals: nowhere, data: nowhere, out: nowhere, truth: &truth }.log(log)
}

#[test]
fn a_log_that_holds_what_was_acknowledged_in_order_holds() {
    let log = [line(0, 1, 0), alone(8, 0), line(16, 1, 1), line(24, 2, 0), alone(32, 2), line(40, 2, 1)];
    assert_eq!(said(&log, &[(0, "id 0"), (24, "id 24")]), Ok(()));
    assert_eq!(said(&log[..1], &[]), Ok(()), "what was not acknowledged may be gone");
}

#[test]
fn a_receipt_that_is_not_there_or_another_records_is_told() {
    let log = [line(0, 1, 0), line(8, 1, 1)];
    assert!(said(&log, &[(16, "id 16")]).unwrap_err().contains("LOST"));
    assert!(said(&log, &[(8, "id 7")]).unwrap_err().contains("LOST"));
}

#[test]
fn what_nobody_wrote_and_what_is_out_of_order_is_told() {
    let mut changed = line(0, 1, 0);
    changed["source"] = "f4".into();
    let refused: [&[Json]; 8] = [
        &[changed],
        &[line(0, 1, 1)],
        &[line(0, 1, 0), line(8, 1, 2)],
        &[line(0, 1, 0), line(8, 1, 0)],
        &[line(0, 2, 0), line(8, 1, 0)],
        &[line(0, 3, 0)],
        &[alone(0, 3)],
        &[alone(0, 1), alone(8, 1)],
    ];
    for log in refused {
        assert!(said(log, &[]).is_err(), "{log:?}");
    }
}
