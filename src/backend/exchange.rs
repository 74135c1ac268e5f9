//! One exchange with the backend, as values: what is asked, what is answered, and
//! every way in which it can fail.
//!
//! An adapter carries it out. What an answer means is asked elsewhere: any status,
//! any content type and any body is an [`Answer`].

use std::fmt;
use std::time::Duration;

/// What the bytes of an exchange are spent for; each is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Hearing what is new.
    Sync,
    /// The list of offers, and quotes on them.
    Offers,
    /// Orders and what ends them: placed, cancelled, given back.
    Order,
    /// Waiting for a payment.
    Payment,
}

impl Purpose {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 4] = [Self::Sync, Self::Offers, Self::Order, Self::Payment];

    /// The word used in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Offers => "offers",
            Self::Order => "order",
            Self::Payment => "payment",
        }
    }
}

/// How a resource is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads it; changes nothing.
    Get,
    /// Sends a body to it.
    Post,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What its bytes are counted under.
    pub purpose: Purpose,
    /// How.
    pub method: Method,
    /// What stands after the configured address: `/v1/topups/…?wait=25`.
    pub path: String,
    /// The order's key (a UUID), where the contract wants one.
    pub idempotency_key: Option<String>,
    /// The `ETag` of what the terminal has already.
    pub if_none_match: Option<String>,
    /// The body, JSON.
    pub body: Option<String>,
    /// How long the whole answer may take once the request is being sent: what the
    /// backend may wait for a payment included.
    pub answer_within: Duration,
}

/// Bodies and keys are left out: this may go to a journal.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("purpose", &self.purpose)
            .field("method", &self.method)
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// What was answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 to 599. A redirection is not followed.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Date`: the server's time, for [`crate::proto::backend::read_date`].
    pub date: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// The body, at most [`crate::proto::backend::ANSWER_MAX`] bytes.
    pub body: Vec<u8>,
}

/// The body is left out: a code to pay with may stand in it.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("date", &self.date)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Whether the backend may have acted on the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not: no byte of the request left, or TLS ended before the server
    /// could read one.
    Never,
    /// A byte of it may have left: the outcome is not known.
    Perhaps,
}

/// Why there is no answer.
///
/// Each text says where it happened, what is wrong and what to do. None repeats a
/// body, a key or a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The terminal has no way out: no interface is up, or none leads there. The
    /// merchant sees "no network"; a technician looks at the modem, the SIM and the
    /// APN. It is asked again when the network is back.
    #[error(
        "no route to {to}: {why}; is the modem online, and has the SIM data or a zero-rated way to \
         the backend?"
    )]
    NoRoute {
        /// Host and port.
        to: String,
        /// The system's words.
        why: String,
    },
    /// The host's name leads to no address. Either the network answers no questions
    /// (data used up, no DNS), or `[backend] url` has a wrong name.
    #[error(
        "the name {host} was not resolved: {why}; is [backend] url right, and does the network \
         answer DNS?"
    )]
    NameNotResolved {
        /// The host.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// The host is there and nothing listens. The backend is down, or the port in
    /// `[backend] url` is wrong.
    #[error(
        "{to} refused the connection: is the backend running, and the port in [backend] url right?"
    )]
    Refused {
        /// Host, port, address.
        to: String,
    },
    /// Nobody answered, or TLS did not come about in time: a weak signal, a firewall,
    /// or a network that drops what is not paid for.
    #[error(
        "{to} did not answer within {within_s} s ({stage}); it is tried again, see the signal and \
         whether data is left"
    )]
    ConnectTimeout {
        /// Host, port, address.
        to: String,
        /// What was waited for: `connecting`, `TLS`.
        stage: &'static str,
        /// How long, s.
        within_s: u64,
    },
    /// The server did not prove to be the operator's backend; nothing was said to it.
    /// Something else answers there, or the operator's certificate or `[backend] ca`
    /// has to be renewed.
    #[error("{to} is not trusted: {why}")]
    ServerCertificate {
        /// Host and port.
        to: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// This terminal's own certificate is of no use: a technician has to provision a
    /// new one. The files are read again as soon as they change.
    #[error("this terminal's certificate: {why}")]
    OurCertificate {
        /// What is wrong and what to do.
        why: String,
    },
    /// TLS did not come about, or broke, for another reason: most often a server
    /// without TLS 1.3, or something in between that is no backend.
    #[error("TLS with {to} failed: {why}")]
    Tls {
        /// Host and port.
        to: String,
        /// What is wrong and what to do.
        why: String,
        /// Whether a byte of the request may have left.
        sent: Sent,
    },
    /// The connection was lost. Common on a mobile link; it is asked again, an order
    /// with the same key.
    #[error(
        "the connection to {to} was lost {}: {why}; it is tried again", stage(*.sent)
    )]
    BrokenOff {
        /// Host and port.
        to: String,
        /// The system's words.
        why: String,
        /// Whether a byte of the request may have left.
        sent: Sent,
    },
    /// The whole answer was not there in time. It is asked again, an order with the
    /// same key.
    #[error("{to} did not finish its answer within {within_s} s; it is tried again")]
    TooSlow {
        /// Host and port.
        to: String,
        /// How long, s.
        within_s: u64,
    },
    /// The answer is longer than the contract allows; the rest of it was not read. The
    /// operator has to look at the backend.
    #[error("{to} answered too much: {what}; its operator has to look at it")]
    TooMuch {
        /// Host and port.
        to: String,
        /// What of it, and how much is allowed.
        what: String,
    },
    /// What came is no HTTP, or not the one that was asked for. Something else answers
    /// there.
    #[error("{to} does not answer in HTTP/1.1: {why}; is [backend] url right?")]
    NotHttp {
        /// Host and port.
        to: String,
        /// What is wrong.
        why: String,
    },
}

fn stage(sent: Sent) -> &'static str {
    match sent {
        Sent::Never => "before anything was asked",
        Sent::Perhaps => "before the answer was complete",
    }
}

impl Failure {
    /// Whether the backend may have acted on the request.
    ///
    /// A refusal of this terminal's certificate is [`Sent::Never`] even when bytes had
    /// left: a TLS 1.3 server has no key to read them with until it has accepted it.
    #[must_use]
    pub fn was_sent(&self) -> Sent {
        match self {
            Self::NoRoute { .. }
            | Self::NameNotResolved { .. }
            | Self::Refused { .. }
            | Self::ConnectTimeout { .. }
            | Self::ServerCertificate { .. }
            | Self::OurCertificate { .. } => Sent::Never,
            Self::Tls { sent, .. } | Self::BrokenOff { sent, .. } => *sent,
            Self::TooSlow { .. } | Self::TooMuch { .. } | Self::NotHttp { .. } => Sent::Perhaps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_a_journal_holds_no_secret() {
        let request = Request {
            purpose: Purpose::Order,
            method: Method::Post,
            path: "/v1/topups/5f0c2a7e".into(),
            idempotency_key: Some("5f0c2a7e".into()),
            if_none_match: None,
            body: Some("{\"voucher\":\"5f0c2a7e\"}".into()),
            answer_within: Duration::from_secs(30),
        };
        let answer = Answer {
            status: 201,
            content_type: None,
            date: None,
            etag: None,
            retry_after: None,
            body: b"5f0c2a7e".to_vec(),
        };
        let shown = format!("{request:?} {answer:?}");
        assert!(!shown.contains("5f0c2a7e"), "{shown}");
        assert!(shown.contains("201") && shown.contains("body_bytes: 8"), "{shown}");
    }
}
