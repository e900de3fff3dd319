//! What a line for people may hold.

/// Characters that turn the direction of text, or end a line without being a control character.
const BIDI: [char; 15] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2028}', '\u{2029}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{feff}',
];

/// Holds one line to it: no control character, and none that turns text around.
pub(crate) fn check(line: &str) {
    let found = line.chars().find(|character| character.is_control() || BIDI.contains(character));
    assert!(found.is_none(), "E1: {found:?} reaches the terminal in {line:?}");
}
