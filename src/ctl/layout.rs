//! Lines of text: labelled values, and tables; aligned, wrapped at the
//! terminal's width, never at all where the output is piped.

use unicode_width::UnicodeWidthStr as _;

use super::screen::{Colour, Screen, harmless};

/// A piece of text with a colour of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    /// In that colour.
    pub(super) fn coloured(text: impl AsRef<str>, colour: Colour) -> Self {
        Self { text: harmless(text.as_ref()), colour: Some(colour) }
    }

    fn show(&self, screen: &Screen, text: &str) -> String {
        self.colour.map_or_else(|| text.to_owned(), |colour| screen.paint(colour, text))
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: harmless(text.as_ref()), colour: None }
    }
}

/// Labels in front, values behind them.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    rows: Vec<(&'static str, Cell)>,
}

impl Sheet {
    /// The room that labels have.
    pub(super) const LABEL: usize = 12;

    /// Adds a value.
    pub(super) fn row(&mut self, label: &'static str, value: impl Into<Cell>) {
        self.rows.push((label, value.into()));
    }

    /// Adds a value if it is known.
    pub(super) fn known(&mut self, label: &'static str, value: Option<impl Into<Cell>>) {
        if let Some(value) = value {
            self.row(label, value);
        }
    }

    /// The lines.
    pub(super) fn render(&self, screen: &Screen) -> String {
        let mut text = String::new();
        for (label, value) in &self.rows {
            let room = screen.columns.map(|columns| columns.saturating_sub(Self::LABEL).max(10));
            for (at, line) in wrap(&value.text, room).iter().enumerate() {
                let label =
                    format!("{:<width$}", if at == 0 { label } else { "" }, width = Self::LABEL);
                let shown =
                    format!("{}{}", screen.paint(Colour::Dim, &label), value.show(screen, line));
                text.push_str(shown.trim_end());
                text.push('\n');
            }
        }
        text
    }
}

/// Breaks a text between words, so that no line is longer than the room there is.
pub(super) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let room = room.unwrap_or(usize::MAX);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let used = width(line);
        if used == 0 {
            line.push_str(word);
        } else if used.saturating_add(1 + width(word)) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// How wide a text is shown, columns: an offer's name may well be Chinese, two
/// columns a character.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// On which side a column keeps its edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Columns under headings.
#[derive(Debug)]
pub(super) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty one, its headings in bold.
    pub(super) fn new(headings: &[(&str, Side)]) -> Self {
        Self {
            sides: headings.iter().map(|(_, side)| *side).collect(),
            rows: vec![
                headings.iter().map(|(text, _)| Cell::coloured(text, Colour::Bold)).collect(),
            ],
        }
    }

    /// Adds a row, a cell for each heading.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The width of each column.
    pub(super) fn widths(&self) -> Vec<usize> {
        let cell_width =
            |row: &Vec<Cell>, at| row.get(at).map_or(0, |cell: &Cell| width(&cell.text));
        (0..self.sides.len())
            .map(|at| self.rows.iter().map(|row| cell_width(row, at)).max().unwrap_or(0))
            .collect()
    }

    /// The lines, two blanks between columns.
    pub(super) fn render(&self, screen: &Screen) -> Vec<String> {
        let widths = self.widths();
        let line = |row: &Vec<Cell>| {
            let mut line = String::new();
            for ((cell, width), side) in row.iter().zip(&widths).zip(&self.sides) {
                let blanks = " ".repeat(width.saturating_sub(self::width(&cell.text)));
                let padded = match side {
                    Side::Left => format!("{}{blanks}", cell.text),
                    Side::Right => format!("{blanks}{}", cell.text),
                };
                let gap = if line.is_empty() { "" } else { "  " };
                line = format!("{line}{gap}{}", cell.show(screen, &padded));
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::screen::tests::screen;
    use super::*;

    #[test]
    fn values_wrap_under_themselves_on_a_terminal_and_not_in_a_pipe() {
        let mut sheet = Sheet::default();
        sheet.row("Reason", "the operator has stopped the service");
        sheet.row("SIM", "89860012345678901234");
        assert_eq!(
            sheet.render(&screen(Some(40))),
            "Reason      the operator has stopped the\n            service\nSIM         89860012345678901234\n"
        );
        assert_eq!(
            sheet.render(&screen(None)),
            "Reason      the operator has stopped the service\nSIM         89860012345678901234\n"
        );
    }

    #[test]
    fn words_longer_than_the_room_stay_whole() {
        assert_eq!(wrap("a 0123456789 b", Some(5)), ["a", "0123456789", "b"]);
        assert_eq!(wrap("", Some(5)), [""]);
    }

    #[test]
    fn wide_letters_are_two_columns() {
        let mut table = Table::new(&[("NAME", Side::Left), ("BYTES", Side::Right)]);
        table.row(vec!["月包".into(), "1".into()]);
        table.row(vec!["day".into(), "2".into()]);
        assert_eq!(table.render(&screen(None)), ["NAME  BYTES", "月包      1", "day       2"]);
    }

    #[test]
    fn tables_are_aligned() {
        let mut table =
            Table::new(&[("NAME", Side::Left), ("BYTES", Side::Right), ("WHY", Side::Left)]);
        table.row(vec!["at".into(), "1.0 KiB".into(), "".into()]);
        table.row(vec!["netdev".into(), "0 B".into(), "fault\u{1b}".into()]);
        assert_eq!(
            table.render(&screen(None)),
            ["NAME      BYTES  WHY", "at      1.0 KiB", "netdev      0 B  fault\\u{1b}"]
        );
    }
}
