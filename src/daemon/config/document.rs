//! One parsed file: its table with the place of every key and value.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::TextFile;
use super::finding::{Finding, Level, Position};

/// A value and where it stands.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A parsed file.
pub(super) struct Document<'a> {
    path: &'a Path,
    text: &'a str,
    table: DeTable<'a>,
    /// Lines that are not TOML; what the parser guessed of them is not judged.
    broken_lines: Vec<usize>,
}

impl<'a> Document<'a> {
    /// Parses a file as far as it goes and says every mistake of its grammar.
    pub(super) fn parse(file: &'a TextFile) -> (Self, Vec<Finding>) {
        let (table, errors) = DeTable::parse_recoverable(&file.text);
        let mut document = Self {
            path: &file.path,
            text: &file.text,
            table: table.into_inner(),
            broken_lines: Vec::new(),
        };
        let mut findings: Vec<Finding> = Vec::new();
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            let position = Position::of(document.text, offset);
            // One mistake makes the parser stumble several times: the first counts.
            if !document.broken_lines.contains(&position.line) {
                document.broken_lines.push(position.line);
                findings.push(Finding {
                    file: document.path.to_owned(),
                    position: Some(position),
                    level: Level::Error,
                    text: format!("not TOML: {}", error.message()),
                    help: Some(grammar_help(error.message(), document.text, position.line)),
                });
            }
        }
        (document, findings)
    }

    /// Whether all of it was TOML.
    pub(super) fn is_whole(&self) -> bool {
        self.broken_lines.is_empty()
    }

    /// The top of the file: its sections.
    pub(super) fn table(&self) -> &DeTable<'a> {
        &self.table
    }

    /// The key and value of `section.key`, if they are set here.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<(Range<usize>, &Value<'a>)> {
        let DeValue::Table(keys) = self.table.get(section)?.get_ref() else { return None };
        keys.get_key_value(key).map(|(key, value)| (key.span(), value))
    }

    /// A finding at a byte of this file; none where the line is no TOML anyway.
    pub(super) fn finding(&self, offset: usize, level: Level, said: Said) -> Option<Finding> {
        let position = Position::of(self.text, offset);
        (!self.broken_lines.contains(&position.line)).then(|| Finding {
            file: self.path.to_owned(),
            position: Some(position),
            level,
            text: said.text,
            help: said.help,
        })
    }
}

/// What a finding says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// What is wrong.
    pub(super) text: String,
    /// What to do.
    pub(super) help: Option<String>,
}

/// The usual reasons: a text without quotes, a section's bracket.
fn grammar_help(message: &str, text: &str, line: usize) -> String {
    if message.starts_with("duplicate") {
        return "it stands once in a file: take one out".to_owned();
    }
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    if line.starts_with('[') {
        return "a section is written [modem], alone on its line".to_owned();
    }
    match line.split_once('=') {
        Some((_, value)) if !value.trim_start().starts_with(['"', '\'', '[']) => {
            "texts, sizes and durations stand in quotes, as in poll = \"10s\"".to_owned()
        }
        Some(_) => {
            "a line is written key = \"value\"; see that quotes and brackets are closed".to_owned()
        }
        None => "a line is written key = \"value\", a comment starts with #".to_owned(),
    }
}
