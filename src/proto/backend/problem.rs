//! A problem (RFC 9457) on the wire, and what it means for an order.

use serde::Deserialize;

use super::read;

/// What the backend refuses, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: ProblemKind,
    /// The HTTP status that it came with.
    pub status: u16,
    /// For people; may be empty. At most 400 characters, no control characters.
    pub detail: String,
    /// When the next one is allowed, s from now.
    pub retry_after_s: Option<u64>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    // RFC 9457, 3.1: a member of a wrong form is passed over.
    #[serde(default)]
    title: serde_json::Value,
    #[serde(default)]
    detail: serde_json::Value,
    #[serde(default)]
    retry_after_s: serde_json::Value,
}

const URN: &str = "urn:posdata:problem:";

/// The problems of the contract.
macro_rules! problems {
    ($($(#[$doc:meta])* $kind:ident = $word:literal),+ $(,)?) => {
        /// Which problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)+
            /// None of the contract: what it means is not known.
            Other,
        }

        impl ProblemKind {
            /// All that the contract names, in its order.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its word in the contract; empty for `Other`.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                    Self::Other => "",
                }
            }
        }
    };
}

problems! {
    /// The body or a parameter is not of the contract.
    BadRequest = "bad_request",
    /// The certificate is another terminal's.
    CertificateMismatch = "certificate_mismatch",
    /// No terminal has this serial.
    UnknownTerminal = "unknown_terminal",
    /// There is no such offer for this terminal.
    UnknownOffer = "unknown_offer",
    /// There is no such quote of this terminal.
    UnknownQuote = "unknown_quote",
    /// No order came under this key.
    UnknownTopUp = "unknown_topup",
    /// The terminal id does not belong to the serial.
    TerminalMismatch = "terminal_mismatch",
    /// The SIM does not belong to the terminal.
    SimMismatch = "sim_mismatch",
    /// The SIM may only be used in another device.
    CardDeviceSeparated = "card_device_separated",
    /// The operator has stopped the SIM.
    AccountSuspended = "account_suspended",
    /// The offer does not go with what is active.
    IncompatibleOffer = "incompatible_offer",
    /// This request id was used for something else.
    RequestIdConflict = "request_id_conflict",
    /// It has ended in another way already.
    NotCancellable = "not_cancellable",
    /// The offer's terms refuse it, or nothing is unused.
    NotRefundable = "not_refundable",
    /// Less is unused than is to be moved.
    InsufficientBalance = "insufficient_balance",
    /// The quote's time is over.
    QuoteExpired = "quote_expired",
    /// The offer is no longer sold.
    OfferWithdrawn = "offer_withdrawn",
    /// The key is no longer kept.
    KeyExpired = "key_expired",
    /// The key came before with another body.
    IdempotencyConflict = "idempotency_conflict",
    /// A limit of amount or count.
    LimitExceeded = "limit_exceeded",
    /// Not looked at; ask again.
    TooManyRequests = "too_many_requests",
    /// The outcome is not known.
    BackendFailure = "backend_failure",
    /// The outcome is not known; ask again.
    ServiceUnavailable = "service_unavailable",
}

/// What a problem says of the order that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing was charged under the key, and nothing will be.
    Refused,
    /// It was not looked at: ask again.
    NotLookedAt,
    /// The key is no longer kept: nobody can ask about it any more.
    Forgotten,
    /// Nothing is known: ask again.
    Unknown,
}

impl Problem {
    /// Takes an answer with a status of 400 or more. Where the body is no problem
    /// of the contract, the kind is `Other` and the status speaks alone: a proxy
    /// on the way answers in its own words.
    #[must_use]
    pub fn read(status: u16, answer: &[u8]) -> Self {
        let Ok(body) = read::<Body>(answer) else {
            let detail = String::new();
            return Self { kind: ProblemKind::Other, status, detail, retry_after_s: None };
        };
        let word = body.kind.strip_prefix(URN).unwrap_or_default();
        let known = ProblemKind::ALL.iter().copied().find(|kind| kind.word() == word);
        let texts = [body.detail.as_str(), body.title.as_str()];
        let said = texts.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default();
        Self {
            kind: known.unwrap_or(ProblemKind::Other),
            status,
            detail: said.chars().filter(|c| !c.is_control()).take(400).collect(),
            retry_after_s: body.retry_after_s.as_u64().map(|s| s.min(YEAR_S)),
        }
    }

    /// What it says of the order that it answers, where that was placed
    /// (`POST /topups`): a problem that says the order was looked at and refused
    /// is believed; anything else leaves it unknown, for whoever answered may not
    /// have been the backend, or may not have looked. An answer to anything else
    /// than the order itself refuses only what was asked.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            ProblemKind::TooManyRequests => Outcome::NotLookedAt,
            ProblemKind::Other
            | ProblemKind::BackendFailure
            | ProblemKind::ServiceUnavailable
            // The one that came first under the key may be charged.
            | ProblemKind::IdempotencyConflict
            // Said of the sender before any order is looked at.
            | ProblemKind::BadRequest
            | ProblemKind::CertificateMismatch
            | ProblemKind::UnknownTerminal
            // Said of other things than an order that is placed.
            | ProblemKind::UnknownTopUp
            | ProblemKind::NotCancellable => Outcome::Unknown,
            _ if !(400..500).contains(&self.status) => Outcome::Unknown,
            ProblemKind::KeyExpired => Outcome::Forgotten,
            _ => Outcome::Refused,
        }
    }
}

/// The longest that a terminal is asked to wait, s.
const YEAR_S: u64 = 31_557_600;
