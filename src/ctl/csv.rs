//! CSV for spreadsheets: RFC 4180, a header, CRLF line ends, and no cell that a
//! spreadsheet would run.

use csv::{Terminator, WriterBuilder};

use super::failure::Failure;
use super::model::Instant;

/// A row, cell by cell.
#[derive(Debug, Default)]
pub(super) struct Row(Vec<String>);

impl Row {
    /// A text of someone else: the operator's, the cashier app's. One that begins
    /// as a formula does would be computed by a spreadsheet, and could send the
    /// sheet away; with an apostrophe in front it is a text (OWASP, CSV injection).
    pub(super) fn text(mut self, text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let formula =
            text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        self.0.push(format!("{}{text}", if formula { "'" } else { "" }));
        self
    }

    /// A figure, or nothing where it is not known.
    pub(super) fn figure(mut self, figure: Option<impl ToString>) -> Self {
        self.0.push(figure.map_or_else(String::new, |figure| figure.to_string()));
        self
    }

    /// A time, RFC 3339 in UTC.
    pub(super) fn time(self, at: Option<Instant>) -> Self {
        self.figure(at.map(|at| at.0))
    }
}

/// The whole document.
pub(super) fn document(
    header: &[&str],
    rows: impl IntoIterator<Item = Row>,
) -> Result<String, Failure> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let wrong = |error: &dyn ToString| Failure::Internal(format!("no CSV: {}", error.to_string()));
    writer.write_record(header).map_err(|error| wrong(&error))?;
    for row in rows {
        writer.write_record(&row.0).map_err(|error| wrong(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| wrong(&error))?;
    String::from_utf8(bytes).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_comma_a_quote_or_a_line_is_quoted() {
        let row = Row::default().text(Some("a,b")).text(Some("say \"x\"")).text(Some("1\n2"));
        assert_eq!(
            document(&["A", "B", "C"], [row]).unwrap(),
            "A,B,C\r\n\"a,b\",\"say \"\"x\"\"\",\"1\n2\"\r\n"
        );
    }

    #[test]
    fn no_text_is_a_formula_and_every_figure_stays_one() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            let shown = document(&["A", "B"], [Row::default().text(Some(text)).figure(Some(-1))]);
            assert_eq!(shown.unwrap(), format!("A,B\r\n'{text},-1\r\n"));
        }
        let shown = document(&["A", "B"], [Row::default().text(None).figure(None::<u64>)]);
        assert_eq!(shown.unwrap(), "A,B\r\n,\r\n");
    }

    #[test]
    fn a_times_form_is_that_of_the_json() {
        let at = "2026-11-24T02:10:15Z".parse().ok().map(Instant);
        assert_eq!(
            document(&["AT"], [Row::default().time(at)]).unwrap(),
            "AT\r\n2026-11-24T02:10:15Z\r\n"
        );
    }
}
