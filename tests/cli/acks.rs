//! Receipts: line, id and offset of each record, once it is durable.

use std::fs;

use super::{Data, Run};

/// The receipts that an import wrote: line, id, offset.
fn receipts(data: &Data, input: &str, batch: u32) -> Vec<(u64, String, u64)> {
    let (input, acks) = (data.with_file("a.jsonl", input), data.file("acks.tsv"));
    let line = format!("import {} --batch {batch} --acks {}", input.display(), acks.display());
    let run: Run = data.json(&line);
    assert!([0, 3].contains(&run.code), "{run:?}");
    let receipt = |line: &str| {
        let [line, id, offset] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (line.parse().unwrap(), id.to_owned(), offset.parse().unwrap())
    };
    fs::read_to_string(acks).unwrap().lines().map(receipt).collect()
}

#[test]
fn every_record_has_a_receipt_duplicates_where_they_stand_already() {
    let line = |object: u32| format!("{{\"subject\":\"s\",\"predicate\":\"p\",\"object\":{object}}}\n");
    // 2 stands there before; 1 comes again within its batch, and again in another.
    let text =
        [line(1), line(2), "nonsense\n".to_owned(), line(1), "\n".to_owned(), line(3), line(1), line(4)]
            .concat();
    for batch in [1, 2, 3, 100] {
        let data = Data::of(&line(2));
        let receipts = receipts(&data, &text, batch);
        assert_eq!(
            receipts.iter().map(|receipt| receipt.0).collect::<Vec<_>>(),
            [1, 2, 4, 6, 7, 8],
            "{batch}"
        );
        let journal = data.json("tail").lines();
        assert_eq!(journal.len(), 4);
        let objects: Vec<_> = receipts
            .iter()
            .map(|(_, id, offset)| {
                let record = journal.iter().find(|record| record["offset"] == *offset).unwrap();
                assert_eq!(record["id"], *id);
                record["object"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(objects, [1, 2, 1, 3, 1, 4], "{batch}");
    }
}

#[test]
fn an_import_again_writes_its_receipts_again_over_the_old_ones() {
    let data = Data::new();
    let text = super::claims(20);
    let first = receipts(&data, &text, 7);
    assert_eq!(first.len(), 20);
    assert_eq!(receipts(&data, &text, 7), first);
}
