use super::*;

use std::io::{BufReader, Read};

/// Reads the text so many bytes at a time; shows each triple behind the line that completed it, and what went wrong.
fn read(text: impl Read, capacity: usize) -> Vec<String> {
    let mut turtle = Turtle::new(BufReader::with_capacity(capacity, text));
    let mut found = Vec::new();
    loop {
        match turtle.next_triple() {
            Ok(Some((line, triple))) => found.push(format!("{line}: {triple}")),
            Ok(None) => return found,
            Err(TurtleError::Syntax { line, column, .. }) => {
                found.push(format!("{line}:{column} mistake"));
                return found;
            }
            Err(TurtleError::Read(error)) => {
                found.push(format!("after {}: {error}", turtle.lines_read()));
                return found;
            }
        }
    }
}

fn check(text: &str, expected: &[&str]) {
    for capacity in [1, 7, 1 << 16] {
        assert_eq!(read(text.as_bytes(), capacity), expected, "{capacity} bytes at a time");
    }
}

#[test]
fn a_triple_stands_on_the_line_that_completes_it() {
    let text = "@prefix : <a:> .\r\n:s :p 1 ;\r\n\r\n   :q \"\"\"two\r\nlines\"\"\" ,\r\n  :o\r\n.";
    let integer = "<http://www.w3.org/2001/XMLSchema#integer>";
    let second = "5: <a:s> <a:q> \"two\\r\\nlines\"";
    check(text, &[&format!("2: <a:s> <a:p> \"1\"^^{integer}"), second, "6: <a:s> <a:q> <a:o>"]);
}

#[test]
fn after_a_mistake_nothing_is_read() {
    // A parser that went on at the next term would read <a:c> <a:d> <a:e>, which nobody said.
    check(
        "<a:s> <a:p> <a:o> .\n<a:a> <a:b> ! <a:c> <a:d> <a:e> .\n",
        &["1: <a:s> <a:p> <a:o>", "2:13 mistake"],
    );
    check("<a:s> <a:p> <a:o> .\n<a:s> <a:p>", &["1: <a:s> <a:p> <a:o>", "2:12 mistake"]);
    check("<s> <a:p> <a:o> .", &["1:1 mistake"]);
    check("<a:s> <a:p> <<( <a:s> <a:p> <a:o> )>> .", &["1:13 mistake"]);
}

#[test]
fn nothing_and_comments_are_no_mistake() {
    check("", &[]);
    check("# nothing\n\n", &[]);
}

#[test]
fn a_failed_reading_names_the_last_whole_line() {
    let cut = b"<a:s> <a:p> <a:o> .\n<a:s> <a:p".chain(Failing);
    assert_eq!(read(cut, 64), ["1: <a:s> <a:p> <a:o>", "after 1: the disk is gone"]);
}

#[test]
fn a_term_that_never_ends_is_given_up() {
    let endless = b"<a:s> <a:p> \"\"\"".chain(io::repeat(b'\n'));
    let lines = MAX_UNANSWERED - 15 + 1;
    assert_eq!(read(endless, 1 << 16), [format!("{lines}:1 mistake")], "T2");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
