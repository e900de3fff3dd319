use super::*;

fn check(text: &str, shown: &str) {
    assert_eq!(Shown(text).to_string(), shown);
}

#[test]
fn what_moves_the_cursor_is_written_out() {
    check("red\u{1b}[31m", "red\\u{1b}[31m");
    check("a\nb\rc\td", "a\\nb\\rc\\td");
    check("bell\u{7} del\u{7f} csi\u{9b}", "bell\\u{7} del\\u{7f} csi\\u{9b}");
}

#[test]
fn what_turns_the_direction_of_text_is_written_out() {
    check("\u{202e}gnp.exe", "\\u{202e}gnp.exe");
    check("a\u{2066}b\u{2028}", "a\\u{2066}b\\u{2028}");
}

#[test]
fn letters_of_every_language_stay_as_they_are() {
    check("Größe · 漢字 · עברית · 🜁", "Größe · 漢字 · עברית · 🜁");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(Quoted { text: "漢字漢字", longest: 2 }.to_string(), "\"漢字\"…");
    assert_eq!(Quoted { text: "漢字", longest: 2 }.to_string(), "\"漢字\"");
    assert_eq!(Quoted { text: "", longest: 2 }.to_string(), "\"\"");
}
