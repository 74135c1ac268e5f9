//! Why a line of a reply cannot be read: what is wrong, and where.

/// Why a line is not the reply that was asked for. Fields count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It is not a line of this reply at all.
    #[error("the line does not start with \"{0}\"")]
    Prefix(&'static str),
    /// Too few or too many fields.
    #[error("{found} fields where {expected} belong")]
    FieldCount {
        /// The least that belong there.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A field that is not what stands there by the manual.
    #[error("field {field} is \"{text}\", not {what}")]
    Field {
        /// Which, from 1.
        field: usize,
        /// What belongs there, with its article.
        what: &'static str,
        /// What stands there, at most 32 characters.
        text: String,
    },
    /// A number beyond what its counter can hold.
    #[error("field {field} is {text}, larger than {max}")]
    TooLarge {
        /// Which, from 1.
        field: usize,
        /// The largest that is allowed.
        max: u64,
        /// What stands there, at most 32 characters.
        text: String,
    },
    /// The modem's clock was never set: it shows the date it wakes up with.
    #[error("the modem's clock is not set: it shows {0}")]
    ClockNotSet(String),
    /// A clock without a zone: local time or UTC cannot be told apart.
    #[error("the clock \"{0}\" names no time zone")]
    ClockWithoutZone(String),
}

/// How much of a wrong text is repeated in an error.
const SHOWN_CHARS_MAX: usize = 32;

/// The beginning of a text, for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
