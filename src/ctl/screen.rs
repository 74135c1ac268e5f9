//! What the text goes to: a terminal so wide, with or without Unicode and
//! colours, or a pipe; and the local time zone.

use std::env;
use std::io::{self, IsTerminal as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Narrower than this nothing is laid out any more; wider lines wrap.
const COLUMNS_MIN: usize = 30;

/// A terminal that does not tell its width.
const COLUMNS_DEFAULT: usize = 80;

/// What can be shown, and how.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    /// The terminal's width; `None` where the output is piped, and made for programs.
    pub(super) columns: Option<usize>,
    /// The terminal's height; `None` where that is not known.
    pub(super) rows: Option<usize>,
    /// Whether the locale is UTF-8.
    pub(super) unicode: bool,
    /// Whether colours are wanted.
    pub(super) colour: bool,
    /// The local time zone.
    pub(super) zone: TimeZone,
}

/// A colour, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// All is well.
    Good,
    /// Look at it.
    Warn,
    /// Act.
    Bad,
    /// Less important.
    Dim,
    /// A heading.
    Bold,
    /// Received bytes.
    Rx,
    /// Sent bytes.
    Tx,
    /// Where, in a bar, the received end and the sent begin.
    RxOnTx,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Rx => "36",
            Self::Tx => "35",
            Self::RxOnTx => "36;45",
        }
    }
}

impl Screen {
    /// What standard output is.
    pub(super) fn of_stdout() -> Self {
        let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
        let locale =
            set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_uppercase();
        let terminal = io::stdout().is_terminal();
        let window = if terminal { window() } else { None };
        let columns = terminal.then(|| {
            let told = set("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .filter(|columns| *columns > 0);
            told.or(window.map(|(columns, _)| columns)).unwrap_or(COLUMNS_DEFAULT).max(COLUMNS_MIN)
        });
        Self {
            columns,
            rows: window.map(|(_, rows)| rows).filter(|rows| *rows > 0),
            unicode: locale.contains("UTF-8") || locale.contains("UTF8"),
            colour: terminal
                && set("NO_COLOR").is_none()
                && set("TERM").is_none_or(|term| term != "dumb"),
            zone: TimeZone::system(),
        }
    }

    /// The text in that colour, where colours are wanted.
    pub(super) fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", colour.code())
        } else {
            text.to_owned()
        }
    }

    /// A local time to the minute, with its zone: `2026-11-24 10:10 +08:00`.
    pub(super) fn minute(&self, at: impl Into<Timestamp>) -> String {
        self.time(at, "%Y-%m-%d %H:%M %:z")
    }

    /// A local time to the second, with its zone.
    pub(super) fn second(&self, at: impl Into<Timestamp>) -> String {
        self.time(at, "%Y-%m-%d %H:%M:%S %:z")
    }

    /// A local time in that form.
    pub(super) fn time(&self, at: impl Into<Timestamp>, form: &str) -> String {
        at.into().to_zoned(self.zone.clone()).strftime(form).to_string()
    }
}

/// Text of the daemon or the modem, made harmless: a control character could
/// otherwise drive the terminal.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The window's columns and rows.
#[allow(unsafe_code)]
fn window() -> Option<(usize, usize)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, to memory that is ours for the call.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0 && size.ws_col > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A screen for tests, in a zone that needs no zone files.
    pub(in crate::ctl) fn screen(columns: Option<usize>) -> Screen {
        Screen {
            columns,
            rows: None,
            unicode: true,
            colour: false,
            zone: TimeZone::posix("CST-8").unwrap(),
        }
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(harmless("OK\r\n\u{1b}[2J中"), "OK\\r\\n\\u{1b}[2J中");
    }

    #[test]
    fn times_are_local_and_say_their_zone() {
        let at: Timestamp = "2026-11-24T02:10:15Z".parse().unwrap();
        assert_eq!(screen(None).minute(at), "2026-11-24 10:10 +08:00");
        assert_eq!(screen(None).second(at), "2026-11-24 10:10:15 +08:00");
    }
}
