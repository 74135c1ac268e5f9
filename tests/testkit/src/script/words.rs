//! Owns the words of a script and how numbers, times and amounts are written.

use std::time::Duration;

use super::ScriptError;

/// One word, and the line it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) line: usize,
    pub(crate) token: Token,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Plain(String),
    Quoted(String),
    Open,
    Close,
    Background,
    /// The end of a line, or `;`.
    End,
}

/// A script longer than this is refused.
const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Cuts a script into words.
pub(crate) fn cut(text: &str) -> Result<Vec<Word>, ScriptError> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(ScriptError {
            line: 1,
            message: format!("the script is longer than {SCRIPT_BYTES_MAX} bytes"),
        });
    }
    let mut words = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let line = index + 1;
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, after) = match first {
                '#' => break,
                ';' => (Token::End, rest.get(1..)),
                '{' => (Token::Open, rest.get(1..)),
                '}' => (Token::Close, rest.get(1..)),
                '&' => (Token::Background, rest.get(1..)),
                '"' => {
                    let (quoted, length) = quoted(rest).ok_or_else(|| ScriptError {
                        line,
                        message: "a \" is not closed on this line".to_owned(),
                    })?;
                    (Token::Quoted(quoted), rest.get(length..))
                }
                _ => {
                    let ends =
                        |c: char| c.is_whitespace() || matches!(c, ';' | '{' | '}' | '&' | '"');
                    let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                    (Token::Plain(word.to_owned()), Some(after))
                }
            };
            words.push(Word { line, token });
            rest = after.unwrap_or_default().trim_start();
        }
        words.push(Word {
            line,
            token: Token::End,
        });
    }
    Ok(words)
}

/// A quoted word and its length with both quotes; `\` takes the next character as it is.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((word, at + 1)),
            '\\' => word.push(characters.next()?.1),
            character => word.push(character),
        }
    }
    None
}

/// `1500`, `4_294_967_290`, `64KiB`, `2MiB`, `1GiB`.
pub(crate) fn bytes(word: &str) -> Option<u64> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let found = units
        .iter()
        .find_map(|(unit, factor)| Some((word.strip_suffix(unit)?, *factor)));
    let (digits, factor) = found.unwrap_or((word, 1));
    number(digits)?.checked_mul(factor)
}

/// `1500` or `4_294_967_290`.
pub(crate) fn number(word: &str) -> Option<u64> {
    let plain = word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    let digits = word.replace('_', "");
    (plain && word.starts_with(|c: char| c.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// `500ms`, `2s`, `5m`, `1h`, `7d`, at most a year.
pub(crate) fn duration(word: &str) -> Option<Duration> {
    let split = word.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (digits, unit) = word.split_at_checked(split)?;
    let unit_us: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    let us = number(digits)?.checked_mul(unit_us)?;
    (us <= 366 * 86_400_000_000).then(|| Duration::from_micros(us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times() {
        assert_eq!(bytes("4_294_967_290"), Some(4_294_967_290));
        assert_eq!(bytes("64KiB"), Some(65_536));
        for wrong in [
            "",
            "_1",
            "1kb",
            "-1",
            "18446744073709551616",
            "99999999999GiB",
        ] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("2d"), Some(Duration::from_secs(172_800)));
        for wrong in ["", "5", "s", "1.5s", "5 s", "400d", "99999999999999d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn quotes_hold_what_separates_elsewhere() {
        let words = cut("urc \"a;b # \\\"c\\\"\" # end").unwrap();
        assert_eq!(words[1].token, Token::Quoted("a;b # \"c\"".to_owned()));
        assert_eq!(words.len(), 3);
    }
}
