//! Text of users, made safe to show on a terminal.
//!
//!   "red\u{1b}[31m" -> red\u{1b}[31m, as it is written here
//!
//! E1: no character that moves the cursor, changes colours or turns the direction of text reaches the terminal from a
//!     record, a file or a name.

use std::fmt::{self, Display, Write};

/// A text whose control characters are shown as escapes.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_plain(character) {
                f.write_char(character)?;
            } else {
                write!(f, "{}", escape(character))?;
            }
        }
        Ok(())
    }
}

/// A text in quotes, cut where it is longer than a line should be.
pub(crate) struct Quoted<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The most characters of it to show.
    pub(crate) longest: usize,
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.text.char_indices().nth(self.longest).map_or(self.text.len(), |(at, _)| at);
        let (shown, rest) = self.text.split_at(end);
        write!(f, "\"{}\"{}", Shown(shown), if rest.is_empty() { "" } else { "…" })
    }
}

/// Whether a terminal takes this character as one that stands there and does nothing else.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            // Line and paragraph separators; marks and overrides that turn the direction of text.
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        other => format!("\\u{{{:x}}}", u32::from(other)),
    }
}

#[cfg(test)]
mod tests;
