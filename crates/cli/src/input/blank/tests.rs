use super::*;

fn check(names: &mut BlankNames, nodes: &[&BlankNode], expected: &[&str]) {
    let found: Vec<String> = nodes.iter().map(|node| names.name(node)).collect();
    assert_eq!(found, expected);
}

fn labelled(label: &str) -> BlankNode {
    BlankNode::new(label).unwrap()
}

#[test]
fn a_label_is_kept_within_its_scope() {
    let (alice, hex) = (labelled("alice"), labelled("b0"));
    check(
        &mut BlankNames::labelled("people.nt".into()),
        &[&alice, &hex],
        &["_:people.nt/alice", "_:people.nt/b0"],
    );
    check(
        &mut BlankNames::numbered("people.ttl".into()),
        &[&alice, &hex],
        &["_:people.ttl/alice", "_:people.ttl/b0"],
    );
}

#[test]
fn nodes_without_a_label_are_numbered_as_they_come_up() {
    let (a, b) = (BlankNode::default(), BlankNode::default());
    check(&mut BlankNames::numbered("f".into()), &[&a, &b, &a], &["_:f/#1", "_:f/#2", "_:f/#1"]);
}

#[test]
fn a_file_of_labels_keeps_even_one_that_looks_drawn() {
    let drawn = labelled("c0ffee00c0ffee00c0ffee00c0ffee00");
    check(&mut BlankNames::labelled("f".into()), &[&drawn], &["_:f/c0ffee00c0ffee00c0ffee00c0ffee00"]);
}
