use super::*;

const LIMIT: usize = 8;

/// Reads the text a few bytes at a time, as a pipe would give it, and shows each line as `number:text`, a `+` behind
/// what was too long.
fn check(text: &[u8], expected: &[&str]) {
    for capacity in [1, 3, 4096] {
        let mut lines = Lines::new(io::BufReader::with_capacity(capacity, text), LIMIT);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            assert!(line.bytes.len() <= LIMIT, "L1");
            let more = if line.too_long { "+" } else { "" };
            found.push(format!("{}:{}{more}", line.number, String::from_utf8_lossy(line.bytes)));
        }
        assert_eq!(found, expected, "{capacity} bytes at a time");
        assert!(lines.buffer.capacity() <= 4 * LIMIT, "L1: a line held {} bytes", lines.buffer.capacity());
    }
}

#[test]
fn lines_end_with_either_break_or_with_the_text() {
    check(b"a\nb\r\nc", &["1:a", "2:b", "3:c"]);
    check(b"a\n", &["1:a"]);
    check(b"a\r", &["1:a"]);
}

#[test]
fn blank_lines_are_passed_over_but_numbered() {
    check(b"\n\n a \n \t\r\n\r\nb\n\n", &["3: a ", "6:b"]);
    check(b"", &[]);
    check(b"\n", &[]);
}

#[test]
fn a_line_of_the_limit_is_whole_and_one_byte_more_is_too_long() {
    check(b"12345678\n12345678\r\n123456789\n1", &["1:12345678", "2:12345678", "3:12345678+", "4:1"]);
    check(b"123456789\r\n", &["1:12345678+"]);
    check(b"123456789", &["1:12345678+"]);
}

#[test]
fn a_line_far_too_long_costs_no_memory_and_the_next_is_read() {
    let mut text = vec![b'x'; 100_000];
    text.extend_from_slice(b"\nnext\n");
    check(&text, &["1:xxxxxxxx+", "2:next"]);
}

#[test]
fn what_stands_before_a_failure_is_no_line() {
    let broken = b"whole\nhal".chain(Failing);
    let mut lines = Lines::new(io::BufReader::new(broken), LIMIT);
    assert_eq!(lines.next_line().unwrap().unwrap().bytes, b"whole");
    assert!(lines.next_line().is_err());
    assert_eq!(lines.number(), 1);
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
