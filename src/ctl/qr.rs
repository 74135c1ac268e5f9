//! A payment code as a QR code, drawn in half-height blocks.

use qrcodegen::{QrCode, QrCodeEcc};

use super::screen::Screen;

/// The light edge that readers need around it, modules (ISO/IEC 18004).
const QUIET: i32 = 4;

/// Black on white, whatever the terminal's own colours are.
const PAPER: &str = "\x1b[30;47m";
const PLAIN: &str = "\x1b[0m";

/// The lines of it; `None` where it would not be seen whole: in a pipe, without
/// block characters, or in too small a window.
pub(super) fn draw(code: &str, screen: &Screen) -> Option<String> {
    let columns = screen.columns.filter(|_| screen.unicode)?;
    // With more correction it is read from worse screens; with less it is smaller.
    let drawn = [QrCodeEcc::Medium, QrCodeEcc::Low]
        .into_iter()
        .filter_map(|correction| QrCode::encode_text(code, correction).ok())
        .find(|code| {
            let side = usize::try_from(code.size() + 2 * QUIET).unwrap_or(usize::MAX);
            // A line is left for what stands below.
            let fits_below = screen.rows.is_none_or(|rows| side.div_ceil(2) < rows);
            side <= columns && fits_below
        })?;
    Some(lines(&drawn, screen.colour))
}

fn lines(code: &QrCode, colour: bool) -> String {
    let (from, to) = (-QUIET, code.size() + QUIET);
    let mut text = String::new();
    for y in (from..to).step_by(2) {
        let line = (from..to).map(|x| {
            // Beyond its edge every module is light. Where no colours are to be had
            // the ink is light, as it is on most terminals.
            let (top, bottom) =
                (code.get_module(x, y) == colour, code.get_module(x, y + 1) == colour);
            match (top, bottom) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }
        });
        let line: String = line.collect();
        text.push_str(&if colour {
            format!("{PAPER}{line}{PLAIN}\n")
        } else {
            format!("{line}\n")
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::layout::width;
    use super::super::screen::tests::screen;
    use super::*;

    const CODE: &str = "https://pay.example/q/T-1010?amount=503&sign=8d969eef6ecad3c2";

    /// Reads it as a camera would: 4 points a module.
    fn read(drawn: &str, ink_is_dark: bool) -> String {
        let rows: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let dark = |x: usize, y: usize| {
            let ink = match rows[y / 2][x] {
                '█' => true,
                '▀' => y.is_multiple_of(2),
                '▄' => !y.is_multiple_of(2),
                _ => false,
            };
            ink == ink_is_dark
        };
        let (wide, high) = (rows[0].len(), rows.len() * 2);
        let mut image =
            rqrr::PreparedImage::prepare_from_bitmap(wide * 4, high * 4, |x, y| dark(x / 4, y / 4));
        image.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn what_is_drawn_can_be_scanned() {
        for code in ["x", CODE, &"A7-".repeat(80)] {
            let light_ink = draw(code, &screen(Some(80))).unwrap();
            assert!(light_ink.lines().all(|line| width(line) <= 80), "{light_ink}");
            assert_eq!(read(&light_ink, false), code);
            let coloured = draw(code, &Screen { colour: true, ..screen(Some(80)) }).unwrap();
            assert!(coloured.lines().all(|line| line.starts_with(PAPER) && line.ends_with(PLAIN)));
            assert_eq!(read(&coloured.replace(PAPER, "").replace(PLAIN, ""), true), code);
        }
    }

    #[test]
    fn where_it_would_not_be_seen_whole_there_is_none() {
        assert_eq!(draw(CODE, &screen(None)), None, "a pipe");
        assert_eq!(draw(CODE, &screen(Some(40))), None, "too narrow");
        assert_eq!(draw(CODE, &Screen { rows: Some(12), ..screen(Some(80)) }), None, "too low");
        assert_eq!(draw(CODE, &Screen { unicode: false, ..screen(Some(80)) }), None, "no blocks");
        assert_eq!(draw(&"a7-".repeat(170), &screen(Some(80))), None, "too much to say");
        assert!(draw(CODE, &Screen { rows: Some(24), ..screen(Some(80)) }).is_some());
    }
}
