//! The SIM card: how its number (ICCID) is read and compared.

use std::fmt;

/// A SIM as the ledger knows it. Numbers are given by the engine and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimId(pub u32);

/// How many leading characters of an ICCID tell two cards apart. ITU-T E.118
/// allows 19 digits with the check digit; the 20th, where a modem shows one, is
/// the operator's own or padding, and modems differ in whether they show it.
const COMPARED: usize = 19;

/// A SIM card's number in one form: upper case, in order, without padding.
///
/// Two are equal when their first 19 characters are. Hexadecimal ones exist
/// (`898602F9091830030220`).
#[derive(Clone, Debug)]
pub struct Iccid(String);

/// Why a text is not an ICCID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IccidError {
    /// Not 18 to 20 characters after the padding is taken off.
    #[error("an ICCID has 18 to 20 characters, not {0}")]
    Length(usize),
    /// A character that is no hexadecimal digit.
    #[error("\"{0}\" does not belong in an ICCID")]
    Character(char),
    /// Neither as it stands nor nibble-swapped does it start with 89.
    #[error("an ICCID starts with 89 (telecom, ITU-T E.118)")]
    Prefix,
}

impl Iccid {
    /// Reads an ICCID as modems print it: with or without quotes, with a
    /// trailing `F`, in either case, and with the digits of each byte swapped.
    ///
    /// # Errors
    /// [`IccidError`] says why the text is none.
    pub fn parse(text: &str) -> Result<Self, IccidError> {
        let text = text.trim().trim_matches('"').to_ascii_uppercase();
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(IccidError::Character(wrong));
        }
        let ordered = if text.starts_with("98") && !text.starts_with("89") {
            swap_nibbles(&text)
        } else {
            text
        };
        let bare = ordered.trim_end_matches('F');
        if !(18..=20).contains(&bare.len()) {
            return Err(IccidError::Length(bare.len()));
        }
        if !bare.starts_with("89") {
            return Err(IccidError::Prefix);
        }
        Ok(Self(bare.to_owned()))
    }

    /// The number in its one form, 18 to 20 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that tells two cards apart.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.get(..COMPARED).unwrap_or(&self.0)
    }
}

fn swap_nibbles(text: &str) -> String {
    let mut swapped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(first) = chars.next() {
        swapped.extend(chars.next());
        swapped.push(first);
    }
    swapped
}

impl PartialEq for Iccid {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Iccid {}

impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_card_number_becomes_one() {
        for (printed, one_form) in [
            ("898602F9091830030220", "898602F9091830030220"),
            ("\"898602f9091830030220\"", "898602F9091830030220"),
            ("984402003576012594F9", "8944200053671052499"),
            ("8944200053671052499F", "8944200053671052499"),
            (" 8986012034567890123 ", "8986012034567890123"),
        ] {
            assert_eq!(Iccid::parse(printed).unwrap().as_str(), one_form, "{printed}");
        }
    }

    #[test]
    fn the_twentieth_character_does_not_make_another_card() {
        let long = Iccid::parse("89860120345678901234").unwrap();
        assert_eq!(long, Iccid::parse("8986012034567890123").unwrap());
        assert_ne!(long, Iccid::parse("89860120345678901334").unwrap());
    }

    #[test]
    fn what_is_no_card_number_is_refused_by_name() {
        assert_eq!(Iccid::parse(""), Err(IccidError::Length(0)));
        assert_eq!(Iccid::parse("8986"), Err(IccidError::Length(4)));
        assert_eq!(Iccid::parse("8986012O34567890123"), Err(IccidError::Character('O')));
        assert_eq!(Iccid::parse("1286012034567890123"), Err(IccidError::Prefix));
        assert_eq!(Iccid::parse("FFFFFFFFFFFFFFFFFFFF"), Err(IccidError::Length(0)));
    }
}
