//! What the reader has to say about a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use crate::daemon::logging::printable;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The configuration is refused.
    Error,
    /// It is used, but does not do what its writer may think.
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in a text, as editors count: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

impl Position {
    /// Where the byte at `offset` stands in `text`. A byte order mark has no column.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: in_line.trim_start_matches('\u{feff}').chars().count() + 1,
        }
    }
}

/// One finding, printed as `FILE:LINE:COLUMN: error: KEY: what (help: what to do)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file it is about.
    pub file: PathBuf,
    /// Where in it, unless it is about the file as a whole.
    pub position: Option<Position>,
    /// How bad it is.
    pub level: Level,
    /// What is wrong, with the key in front.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}: {}", self.level, self.what())
    }
}

impl Finding {
    /// The finding where its level is told otherwise, as in the journal.
    #[must_use]
    pub fn said(&self) -> String {
        let place =
            self.position.map_or_else(String::new, |at| format!("{}:{}:", at.line, at.column));
        format!("{}:{place} {}", self.file.display(), self.what())
    }

    fn what(&self) -> String {
        let text = printable(&self.text);
        match &self.help {
            Some(help) => format!("{text} (help: {})", printable(help)),
            None => text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        let text = "\u{feff}a = 1\r\n# 终端 é\nid = \"终端\" x";
        for (needle, line, column) in [("a", 1, 1), ("1", 1, 5), ("é", 2, 6), ("x", 3, 11)] {
            let offset = text.find(needle).unwrap();
            assert_eq!(Position::of(text, offset), Position { line, column }, "{needle}");
        }
        assert_eq!(Position::of(text, 9_999), Position { line: 3, column: 12 });
    }
}
