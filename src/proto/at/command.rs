//! What is asked of the modem, and the shape that its answer has.

/// How the information lines of a command's answer look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only a final result.
    Nothing,
    /// Lines that begin with one of these (`+QGDCNT:`).
    Prefixed(&'static [&'static str]),
    /// A bare line (`AT+CGMI` → `Quectel`), or with one of these prefixes: firmwares
    /// differ.
    Bare(&'static [&'static str]),
}

/// One AT command with the shape of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// As it is sent, without the line end: `AT+QGDCNT?`.
    pub text: &'static str,
    /// How its answer looks.
    pub shape: Shape,
}

impl Command {
    /// A command that only answers with a final result.
    #[must_use]
    pub const fn plain(text: &'static str) -> Self {
        Self { text, shape: Shape::Nothing }
    }

    /// A command whose answer has lines with one of these prefixes.
    #[must_use]
    pub const fn asks(text: &'static str, prefixes: &'static [&'static str]) -> Self {
        Self { text, shape: Shape::Prefixed(prefixes) }
    }

    /// A command whose answer is a bare line, on some firmwares with a prefix.
    #[must_use]
    pub const fn asks_bare(text: &'static str, prefixes: &'static [&'static str]) -> Self {
        Self { text, shape: Shape::Bare(prefixes) }
    }

    /// The bytes on the wire: the text and a carriage return (V.250, 5.2.1).
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.text.as_bytes().to_vec();
        bytes.push(b'\r');
        bytes
    }

    /// Whether a line is this command come back (echo is on until `ATE0`).
    #[must_use]
    pub fn is_echoed_by(self, line: &str) -> bool {
        line.trim().eq_ignore_ascii_case(self.text)
    }

    /// Whether a line begins as this command's answer does.
    #[must_use]
    pub fn prefixes_match(self, line: &str) -> bool {
        match self.shape {
            Shape::Nothing => false,
            Shape::Prefixed(prefixes) | Shape::Bare(prefixes) => {
                prefixes.iter().any(|prefix| line.trim_start().starts_with(prefix))
            }
        }
    }

    /// Whether a bare line may be this command's answer.
    #[must_use]
    pub fn takes_bare_lines(self) -> bool {
        matches!(self.shape, Shape::Bare(_))
    }
}
