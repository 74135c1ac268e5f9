//! The texts of the contract, each read by its own rule.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" is not {what}")]
pub struct TextError {
    /// The text's beginning, escaped: it comes from outside and goes to a journal.
    shown: String,
    /// What was expected.
    what: &'static str,
}

impl TextError {
    fn new(text: &str, what: &'static str) -> Self {
        Self { shown: text.chars().take(40).flat_map(char::escape_debug).collect(), what }
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads the text.
            ///
            /// # Errors
            /// [`TextError`] shows it and says what was expected.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(TextError::new(text, $what))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text!(
    /// The backend's id of something.
    Id, "an id of 1 to 64 printable ASCII characters", |text| printable(text, 64)
);
text!(
    /// The caller's own id for what it asks, unique within its terminal.
    RequestId, "a request id of 1 to 64 printable ASCII characters without spaces",
    |text| printable(text, 64)
);
text!(
    /// A terminal's serial, and an acquirer's terminal id.
    Serial, "1 to 32 letters, digits, dots, dashes and underlines",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
);
text!(
    /// A UUID in lower case (RFC 9562, 4): the Idempotency-Key.
    Key, "a UUID in lower case",
    |text| text.len() == 36 && text.bytes().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
    })
);
text!(
    /// A SIM's number.
    Iccid, "an ICCID of 18 to 20 hexadecimal digits that begins with 89",
    |text| (18..=20).contains(&text.len())
        && text.starts_with("89")
        && text.bytes().all(|b| b.is_ascii_hexdigit())
);
text!(
    /// Words for people, in the operator's language, without control characters.
    Name, "a text of 1 to 400 characters without control characters",
    |text| (1..=400).contains(&text.chars().count()) && !text.chars().any(char::is_control)
);
text!(
    /// One word of a list, which may be longer than this program knows.
    Word, "a word of 1 to 32 small letters, digits and underlines",
    |text| (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
);
text!(
    /// A currency (ISO 4217).
    Currency, "a currency of three upper-case letters",
    |text| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
);
text!(
    /// A decimal without sign or exponent.
    Decimal, "a decimal as in 7.1234",
    |text| {
        let digits = |part: &str| {
            (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        };
        text.split_once('.').map_or_else(|| digits(text), |(a, b)| digits(a) && digits(b))
    }
);

fn printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A moment, s since the epoch; RFC 3339 in UTC, to the second, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Reads `2026-11-26T08:00:00Z`.
    ///
    /// # Errors
    /// [`TextError`] for any other form of a time, and for what is none.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let in_form = text.len() == 20
            && text.bytes().enumerate().all(|(at, b)| match at {
                4 | 7 => b == b'-',
                10 => b == b'T',
                13 | 16 => b == b':',
                19 => b == b'Z',
                _ => b.is_ascii_digit(),
            });
        let moment = match text {
            // Many say "for ever" so; the library's last moment is a little earlier.
            _ if in_form && text.starts_with("9999-12-3") => Some(Timestamp::MAX),
            _ if in_form => text.parse::<Timestamp>().ok(),
            _ => None,
        };
        moment
            .map(|moment| Self(moment.as_second()))
            .ok_or_else(|| TextError::new(text, "a time as in 2026-11-26T08:00:00Z"))
    }
}

/// Written as it is read; a moment beyond the year 9999 as the last one before.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = Timestamp::from_second(self.0).unwrap_or(Timestamp::MAX);
        write!(f, "{}", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
