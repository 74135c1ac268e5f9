//! What can be wrong with a frame, a value or an answer.

use std::fmt;

/// Bytes that are no QMI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No frame begins with these.
    #[error("{0} bytes that belong to no frame")]
    Stray(usize),
    /// A frame with a header that has no meaning.
    #[error("a frame with an unknown {what} {value:#04x}")]
    Header {
        /// Which field.
        what: &'static str,
        /// Its value.
        value: u8,
    },
    /// A length that does not fit what is there.
    #[error("{what} of {said} bytes where {there} are")]
    Length {
        /// Of what.
        what: &'static str,
        /// What it says, bytes.
        said: usize,
        /// What is there, bytes.
        there: usize,
    },
    /// Too much for one frame.
    #[error("{0} bytes do not fit into a frame")]
    TooLong(usize),
}

/// Why an answer gives no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The modem refuses, with a reason.
    #[error("{0}")]
    Refused(Refusal),
    /// It has no such value.
    #[error("the answer lacks value {0:#04x}")]
    Missing(u8),
    /// A value of another size or kind.
    #[error("value {tlv:#04x} of the answer: {error}")]
    Value {
        /// Which.
        tlv: u8,
        /// What is wrong.
        error: WireError,
    },
}

/// A modem's reason to refuse: the error code of result value 0x02.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal(pub u16);

impl Refusal {
    /// The frame that was sent could not be read.
    pub const MALFORMED_MESSAGE: Self = Self(1);
    /// Something inside failed.
    pub const INTERNAL: Self = Self(3);
    /// The client id is not (any more) one of this service.
    pub const INVALID_CLIENT_ID: Self = Self(7);
    /// There is no data session.
    pub const OUT_OF_CALL: Self = Self(15);
    /// It is so already.
    pub const NO_EFFECT: Self = Self(26);
    /// The SIM is not ready.
    pub const UIM_UNINITIALIZED: Self = Self(48);
    /// No such client id can be had.
    pub const CLIENT_IDS_EXHAUSTED: Self = Self(5);
    /// The device does not know this message.
    pub const INVALID_COMMAND: Self = Self(71);
    /// It has no value now.
    pub const INFORMATION_UNAVAILABLE: Self = Self(74);
    /// It may not be told.
    pub const ACCESS_DENIED: Self = Self(82);
    /// It is not supported.
    pub const NOT_SUPPORTED: Self = Self(94);
    /// There is no SIM.
    pub const NO_SIM: Self = Self(98);

    /// Its name, if it is one of those that are known here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::MALFORMED_MESSAGE => "MalformedMessage",
            Self::INTERNAL => "Internal",
            Self::CLIENT_IDS_EXHAUSTED => "ClientIdsExhausted",
            Self::INVALID_CLIENT_ID => "InvalidClientId",
            Self::OUT_OF_CALL => "OutOfCall",
            Self::NO_EFFECT => "NoEffect",
            Self::UIM_UNINITIALIZED => "UimUninitialized",
            Self::INVALID_COMMAND => "InvalidQmiCommand",
            Self::INFORMATION_UNAVAILABLE => "InformationUnavailable",
            Self::ACCESS_DENIED => "AccessDenied",
            Self::NOT_SUPPORTED => "NotSupported",
            Self::NO_SIM => "NoSim",
            Self(_) => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
