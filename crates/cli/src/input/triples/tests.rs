use super::*;

/// What a line of N-Quads holds: its statement, `comment`, or `error`.
fn read(line: &str, parse: fn(&str) -> Result<Option<Quad>, String>) -> String {
    match parse(line) {
        Ok(Some(quad)) => quad.to_string(),
        Ok(None) => "comment".to_owned(),
        Err(_) => "error".to_owned(),
    }
}

fn check(line: &str, expected: &str) {
    assert_eq!(read(line, triple), expected, "{line:?}");
}

#[test]
fn a_line_holds_one_statement_or_a_comment() {
    check("<a:s> <a:p> <a:o> .", "<a:s> <a:p> <a:o>");
    check("\t<a:s>\t<a:p><a:o>.#comment", "<a:s> <a:p> <a:o>");
    check("_:b0 <a:p> _:B0 .", "_:b0 <a:p> _:B0");
    check("# <a:s> <a:p> <a:o> .", "comment");
    check("   ", "comment");
}

#[test]
fn escapes_are_resolved_and_unicode_is_kept() {
    check(r#"<a:s> <a:p> "\u00E9\U0001F600\t\"\\" ."#, "<a:s> <a:p> \"é😀\\t\\\"\\\\\"");
    check("<a:s> <a:p> \"行\"@zh-Hans .", "<a:s> <a:p> \"行\"@zh-hans");
    check(r"<a:\u00E9> <a:p> <a:o> .", "<a:é> <a:p> <a:o>");
}

#[test]
fn a_line_with_any_mistake_is_no_statement() {
    for line in [
        "<a:s> <a:p> <a:o>",
        "<a:s> <a:p> .",
        "<a:s> <a:p> <a:o> . <a:s> <a:p> <a:x> .",
        "<a:s> <a:p> <a:o> .\r<a:s> <a:p> <a:x> .",
        "<a:s> <a:p> <a:o> . junk",
        "<s> <a:p> <a:o> .",
        "<a:s> \"p\" <a:o> .",
        "\"s\" <a:p> <a:o> .",
        "<a:s> <a:p> \"open .",
        r#"<a:s> <a:p> "\x" ."#,
        r#"<a:s> <a:p> "\uD800" ."#,
        "<a:s> <a:p> \"x\"@ .",
        "<a:s> <a:p> \"x\"^^\"y\" .",
        "<a:s> <a:p> 5 .",
        "@prefix a: <a:> .",
        "<a:s> <a:p> <<( <a:s> <a:p> <a:o> )>> .",
        "<< <a:s> <a:p> <a:o> >> <a:p> <a:o> .",
        "{\"subject\":\"s\"}",
    ] {
        check(line, "error");
    }
}

#[test]
fn only_n_quads_name_a_graph() {
    for line in ["<a:s> <a:p> <a:o> <a:g> .", "<a:s> <a:p> \"o\" _:g ."] {
        check(line, "error");
        assert_ne!(read(line, quad), "error", "{line}");
    }
    assert_eq!(read("<a:s> <a:p> <a:o> <a:g> <a:h> .", quad), "error");
}
