//! Bytes to lines. Fed one byte or many: how they were split makes no difference,
//! because the state changes by the byte.

/// The longest line that is kept, bytes. The longest reply known to carry a
/// counter has about 100; the rest is room for operators' names and cell lists.
pub const LINE_BYTES_MAX: usize = 512;

/// What the bytes so far have completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lexed {
    /// A line without its end, never empty. Bytes that are no UTF-8 stand as
    /// U+FFFD, so that an operator's name in GBK harms nobody and no digit can
    /// come out of a broken byte. Blanks at its end are kept: `+CME ERROR: `
    /// means something else than `+CME ERROR:`.
    Line(String),
    /// A line with a control character inside: nothing in it can be relied on.
    Garbled,
    /// More than [`LINE_BYTES_MAX`] bytes without an end; what follows up to the
    /// next line end belongs to it and is gone.
    Overlong,
}

/// Takes bytes, gives lines.
#[derive(Clone, Debug, Default)]
pub struct Lexer {
    line: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Sound,
    /// A control character was seen in this line.
    Spoilt,
    /// The line was given up; waiting for its end.
    Skipping,
}

impl Lexer {
    /// A lexer at the start of a line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one byte. CR, LF and CRLF all end a line; empty lines are nothing.
    pub fn push(&mut self, byte: u8) -> Option<Lexed> {
        match byte {
            b'\r' | b'\n' => return self.end(),
            // A UART that wakes up sends NULs in front of its first line (`RDY`).
            0 if self.line.is_empty() && self.state == State::Sound => return None,
            _ => {}
        }
        match self.state {
            State::Skipping => return None,
            State::Sound if is_control(byte) => self.state = State::Spoilt,
            State::Sound | State::Spoilt => {}
        }
        if self.line.len() >= LINE_BYTES_MAX {
            self.line.clear();
            self.state = State::Skipping;
            return Some(Lexed::Overlong);
        }
        self.line.push(byte);
        None
    }

    /// Takes many bytes and gives all lines that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Lexed> {
        bytes.iter().filter_map(|byte| self.push(*byte)).collect()
    }

    /// Forgets an unfinished line: the port was opened again.
    pub fn clear(&mut self) {
        self.line.clear();
        self.state = State::Sound;
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn in_line(&self) -> bool {
        !self.line.is_empty() || self.state != State::Sound
    }

    fn end(&mut self) -> Option<Lexed> {
        let state = std::mem::take(&mut self.state);
        let lexed = match state {
            State::Skipping => None,
            State::Spoilt => Some(Lexed::Garbled),
            State::Sound if self.line.iter().all(u8::is_ascii_whitespace) => None,
            State::Sound => Some(Lexed::Line(String::from_utf8_lossy(&self.line).into_owned())),
        };
        self.line.clear();
        lexed
    }
}

/// A tab is only a blank.
fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Lexed> {
        Lexer::new().feed(bytes)
    }

    fn line(text: &str) -> Lexed {
        Lexed::Line(text.to_owned())
    }

    #[test]
    fn every_line_end_ends_a_line() {
        assert_eq!(
            lines(b"AT\r\r\nOK\r\nA\nB\r\n\r\nC"),
            [line("AT"), line("OK"), line("A"), line("B")]
        );
    }

    #[test]
    fn blanks_at_the_end_are_kept_and_blank_lines_are_not() {
        assert_eq!(lines(b"+CME ERROR: \r\n  \t\r\n"), [line("+CME ERROR: ")]);
    }

    #[test]
    fn nuls_before_a_line_are_nothing_and_inside_spoil_it() {
        assert_eq!(lines(b"\0\0RDY\r\n"), [line("RDY")]);
        assert_eq!(lines(b"+QGDCNT: 1\0" as &[u8]), []);
        assert_eq!(lines(b"+QGDCNT: 1\x002,3\r\nOK\r\n"), [Lexed::Garbled, line("OK")]);
        assert_eq!(lines(b"\x1bfoo\nOK\n"), [Lexed::Garbled, line("OK")]);
    }

    #[test]
    fn a_byte_that_is_no_text_never_becomes_a_digit() {
        assert_eq!(lines(b"+QGDCNT: 1\xb2,3\r\n"), [line("+QGDCNT: 1\u{fffd},3")]);
    }

    #[test]
    fn a_line_has_a_limit_and_the_next_is_read_again() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX];
        bytes.push(b'\n');
        assert_eq!(lines(&bytes), [line(&"x".repeat(LINE_BYTES_MAX))]);
        let mut bytes = vec![b'x'; LINE_BYTES_MAX * 3];
        bytes.extend(b"\r\nOK\r\n");
        assert_eq!(lines(&bytes), [Lexed::Overlong, line("OK")]);
    }

    #[test]
    fn clear_forgets_the_unfinished_line() {
        let mut lexer = Lexer::new();
        lexer.feed(b"+QGDCNT: 12");
        assert!(lexer.in_line());
        lexer.clear();
        assert!(!lexer.in_line());
        assert_eq!(lexer.feed(b"OK\r\n"), [line("OK")]);
    }
}
