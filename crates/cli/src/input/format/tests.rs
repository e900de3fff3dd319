use super::*;

fn check(name: &str, expected: Option<Format>) {
    assert_eq!(Format::of(Path::new(name)), expected, "{name}");
}

#[test]
fn a_name_tells_the_format_with_or_without_compression() {
    check("people.jsonl", Some(Format::Jsonl));
    check("people.ndjson.zst", Some(Format::Jsonl));
    check("dir.ttl/people.nt.gz", Some(Format::Nt));
    check("PEOPLE.NQ.GZ", Some(Format::Nq));
    check("people.v2.ttl", Some(Format::Ttl));
}

#[test]
fn a_name_that_tells_nothing_is_not_guessed_at() {
    check("people", None);
    check("people.gz", None);
    check("people.json", None);
    check("dir.nt/people", None);
    check(".gz", None);
    check("", None);
}
