//! Colours, where they are wanted.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Effects, Style};

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

/// Something with a style around it.
pub(crate) struct Painted<T> {
    content: T,
    style: Style,
}

impl Paint {
    /// Paints if `on`.
    pub(crate) fn new(on: bool) -> Self {
        Self { on }
    }

    /// Whether it paints.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// What matters most.
    pub(crate) fn bold<T: Display>(self, content: T) -> Painted<T> {
        self.with(content, Style::new().effects(Effects::BOLD))
    }

    /// What matters least.
    pub(crate) fn dim<T: Display>(self, content: T) -> Painted<T> {
        self.with(content, Style::new().effects(Effects::DIMMED))
    }

    /// What is wrong.
    pub(crate) fn red<T: Display>(self, content: T) -> Painted<T> {
        self.with(content, AnsiColor::Red.on_default().effects(Effects::BOLD))
    }

    /// What is right.
    pub(crate) fn green<T: Display>(self, content: T) -> Painted<T> {
        self.with(content, AnsiColor::Green.on_default())
    }

    fn with<T: Display>(self, content: T, style: Style) -> Painted<T> {
        Painted { content, style: if self.on { style } else { Style::new() } }
    }
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, style } = self;
        write!(f, "{style}{content}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_nothing_but_the_text_is_written() {
        assert_eq!(Paint::new(false).red("x").to_string(), "x");
        assert_eq!(Paint::new(true).red("x").to_string(), "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
    }
}
