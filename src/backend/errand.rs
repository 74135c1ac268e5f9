//! An errand becomes a request, and what comes back becomes what was told.

use std::time::Duration;

use super::exchange::{Answer, Failure, Method, Purpose, Request, Sent};
use super::told;
use crate::domain::errand::{Errand, Missed, Problem, Report, Silence, Told};
use crate::domain::offer::Inquiry;
use crate::domain::time::UnixS;
use crate::domain::topup::State;
use crate::proto::backend as wire;

/// How long the backend may hold an answer back, s: the contract's limit.
const WAIT_S: u64 = 25;
/// How long an answer may take, besides.
const ANSWER_S: u64 = 30;

/// Who this terminal is to its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its serial, the certificate's common name.
    pub serial: wire::Serial,
    /// The acquirer's terminal id.
    pub terminal_id: wire::Serial,
}

/// Why an errand cannot be put into the contract's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be said in the contract's words: {0}")]
pub struct Unsayable(#[from] wire::TextError);

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The backend's time, s since the epoch.
    pub date_s: Option<UnixS>,
    /// What it told.
    pub answer: Result<Told, Missed>,
    /// When it wants to be asked again at the earliest, s.
    pub retry_after_s: Option<u64>,
}

/// Puts an errand into the contract's words.
///
/// # Errors
/// [`Unsayable`]: an id came from somewhere that the contract has no form for.
pub fn request(errand: &Errand, me: &Identity) -> Result<Request, Unsayable> {
    let (purpose, method, path) = match errand {
        Errand::Sync(_) => {
            let path = format!("/v1/terminals/{}/sync", me.serial.as_str());
            (Purpose::Sync, Method::Post, path)
        }
        Errand::Offers { .. } => (Purpose::Offers, Method::Get, "/v1/offers".to_owned()),
        Errand::Quote(_) => (Purpose::Offers, Method::Post, "/v1/quotes".to_owned()),
        Errand::Order(_) => (Purpose::Order, Method::Post, "/v1/topups".to_owned()),
        Errand::Stand { key, known, wait } => {
            let key = wire::Key::parse(key)?;
            let query = if *wait { wait_for(*known) } else { String::new() };
            (Purpose::Payment, Method::Get, format!("/v1/topups/{}{query}", key.as_str()))
        }
        Errand::Cancel { key } => {
            let key = wire::Key::parse(key)?;
            (Purpose::Order, Method::Post, format!("/v1/topups/{}/cancel", key.as_str()))
        }
    };
    let waits = matches!(errand, Errand::Stand { wait: true, .. });
    Ok(Request {
        purpose,
        method,
        path,
        idempotency_key: match errand {
            Errand::Order(placing) => Some(placing.key.clone()),
            _ => None,
        },
        if_none_match: match errand {
            Errand::Offers { etag } => etag.clone(),
            _ => None,
        },
        body: body(errand, me)?,
        answer_within: Duration::from_secs(ANSWER_S + if waits { WAIT_S } else { 0 }),
    })
}

/// What an errand spends its bytes for.
pub(super) fn purpose(errand: &Errand) -> Purpose {
    match errand {
        Errand::Sync(_) => Purpose::Sync,
        Errand::Offers { .. } | Errand::Quote(_) => Purpose::Offers,
        Errand::Order(_) | Errand::Cancel { .. } => Purpose::Order,
        Errand::Stand { .. } => Purpose::Payment,
    }
}

/// Only a state that the backend has a word for can be known to it.
fn wait_for(known: State) -> String {
    match known {
        State::Created | State::Submitted | State::Unknown => String::new(),
        known => format!("?wait={WAIT_S}&known={}", known.word()),
    }
}

fn body(errand: &Errand, me: &Identity) -> Result<Option<String>, Unsayable> {
    let bytes = match errand {
        Errand::Sync(report) => wire::write(&sync(report, me)?),
        Errand::Quote(inquiry) => wire::write(&quote(inquiry, me)?),
        Errand::Order(placing) => wire::write(&wire::Order {
            quote_id: wire::Id::parse(&placing.quote_id)?,
            request_id: wire::RequestId::parse(&placing.request_id)?,
            serial: me.serial.clone(),
            terminal_id: me.terminal_id.clone(),
            iccid: wire::Iccid::parse(placing.iccid.as_str())?,
        }),
        Errand::Offers { .. } | Errand::Stand { .. } | Errand::Cancel { .. } => return Ok(None),
    };
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn sync(report: &Report, me: &Identity) -> Result<wire::SyncRequest, Unsayable> {
    let cursor = report.cursor.as_ref();
    let cursor = cursor
        .map(|cursor| -> Result<_, Unsayable> {
            let stream = wire::Id::parse(&cursor.stream)?;
            Ok(wire::Cursor { stream, after: cursor.after })
        })
        .transpose()?;
    let (iccid, usage) = match &report.usage {
        None => (None, None),
        Some((iccid, moved)) => {
            let usage = wire::Usage {
                rx_bytes: moved.rx.min(i64::MAX.unsigned_abs()),
                tx_bytes: moved.tx.min(i64::MAX.unsigned_abs()),
                as_of: report.as_of.map(wire::Instant),
            };
            (Some(wire::Iccid::parse(iccid.as_str())?), Some(usage))
        }
    };
    Ok(wire::SyncRequest { cursor, terminal_id: me.terminal_id.clone(), iccid, usage })
}

fn quote(inquiry: &Inquiry, me: &Identity) -> Result<wire::QuoteRequest, Unsayable> {
    Ok(wire::QuoteRequest {
        serial: me.serial.clone(),
        terminal_id: me.terminal_id.clone(),
        iccid: wire::Iccid::parse(inquiry.iccid.as_str())?,
        offer_id: wire::Id::parse(&inquiry.offer_id)?,
        channel: wire::Word::parse(inquiry.channel.word())?,
        activation: wire::Word::parse(inquiry.activation.word())?,
    })
}

/// Takes what came back for an errand.
#[must_use]
pub fn reading(errand: &Errand, came: &Result<Answer, Failure>) -> Reading {
    let answer = match came {
        Ok(answer) => answer,
        Err(failure) => {
            let answer = Err(missed(failure));
            return Reading { date_s: None, answer, retry_after_s: None };
        }
    };
    let date_s = answer.date.as_deref().and_then(wire::read_date);
    let told = if answer.status >= 400 {
        Err(refused(errand, &wire::Problem::read(answer.status, &answer.body)))
    } else {
        read(errand, answer).map_err(|detail| Missed::Nothing {
            sent: true,
            why: Silence::Nonsense,
            detail: format!("the backend answers what is not of the contract: {detail}"),
        })
    };
    let retry_after_s = answer.retry_after.as_deref().and_then(|text| retry_after(text, date_s));
    Reading { date_s, answer: told, retry_after_s }
}

/// The longest that a backend may make a terminal wait, s.
const RETRY_AFTER_MAX_S: u64 = 7 * 86_400;

/// `Retry-After`: seconds, or a moment of the server's time (RFC 9110, 10.2.3).
fn retry_after(text: &str, date_s: Option<UnixS>) -> Option<u64> {
    let seconds = text.parse::<u64>().ok().or_else(|| {
        let at_s = wire::read_date(text)?;
        u64::try_from(at_s - date_s?).ok()
    });
    seconds.map(|seconds| seconds.min(RETRY_AFTER_MAX_S))
}

fn missed(failure: &Failure) -> Missed {
    let why = match failure {
        Failure::NoRoute { .. } => Silence::NoRoute,
        Failure::NameNotResolved { .. }
        | Failure::Refused { .. }
        | Failure::ConnectTimeout { .. }
        | Failure::BrokenOff { .. }
        | Failure::TooSlow { .. } => Silence::Offline,
        Failure::ServerCertificate { .. }
        | Failure::OurCertificate { .. }
        | Failure::Tls { .. } => Silence::Untrusted,
        Failure::TooMuch { .. } | Failure::NotHttp { .. } => Silence::Nonsense,
    };
    Missed::Nothing { sent: failure.was_sent() == Sent::Perhaps, why, detail: failure.to_string() }
}

fn refused(errand: &Errand, said: &wire::Problem) -> Missed {
    let problem = Problem {
        word: said.kind.word(),
        detail: said.detail.clone(),
        retry_after_s: said.retry_after_s,
    };
    let outcome = match errand {
        Errand::Order(_) => said.outcome(),
        // Nothing hangs on what else is asked: what the contract names is believed.
        _ => match said.kind {
            wire::ProblemKind::TooManyRequests => wire::Outcome::NotLookedAt,
            wire::ProblemKind::KeyExpired => wire::Outcome::Forgotten,
            wire::ProblemKind::Other
            | wire::ProblemKind::BackendFailure
            | wire::ProblemKind::ServiceUnavailable => wire::Outcome::Unknown,
            _ if said.status >= 500 => wire::Outcome::Unknown,
            _ => wire::Outcome::Refused,
        },
    };
    match outcome {
        wire::Outcome::Refused => Missed::Refused(problem),
        wire::Outcome::NotLookedAt => Missed::NotLookedAt(problem),
        wire::Outcome::Forgotten => Missed::Forgotten,
        wire::Outcome::Unknown => {
            Missed::Nothing { sent: true, why: Silence::Failing, detail: failing(said) }
        }
    }
}

fn failing(said: &wire::Problem) -> String {
    let word = match said.kind.word() {
        "" => "no problem of the contract",
        word => word,
    };
    let detail = if said.detail.is_empty() { "" } else { ": " };
    format!(
        "the backend answers with the status {} ({word}){detail}{}; it is asked again",
        said.status, said.detail
    )
}

fn read(errand: &Errand, answer: &Answer) -> Result<Told, String> {
    match (errand, answer.status) {
        (Errand::Sync(_), 204) => return Ok(Told::Sync(None)),
        (Errand::Offers { .. }, 304) => return Ok(Told::Offers(None)),
        (Errand::Stand { .. }, 204) => return Ok(Told::Unchanged),
        (Errand::Order(_), 200 | 201) | (_, 200) => {}
        (_, status) => return Err(format!("the status {status}")),
    }
    let json = answer.content_type.as_deref().unwrap_or_default();
    let json = json.split(';').next().unwrap_or_default().trim();
    if !json.eq_ignore_ascii_case("application/json") {
        return Err(format!("\"{}\" instead of application/json", json.escape_default()));
    }
    let contract = |error: wire::ReadError| error.to_string();
    match errand {
        Errand::Sync(_) => {
            let said = wire::read::<wire::SyncAnswer>(&answer.body).map_err(contract)?;
            let news = told::news(said).map_err(|error| error.to_string())?;
            Ok(Told::Sync(Some(Box::new(news))))
        }
        Errand::Offers { .. } => {
            let said = wire::read::<wire::OfferList>(&answer.body).map_err(contract)?;
            Ok(Told::Offers(Some(told::offers(&said, answer.etag.clone()))))
        }
        Errand::Quote(_) => {
            let said = wire::read::<wire::Quote>(&answer.body).map_err(contract)?;
            let quote = told::quote(&said).map_err(|error| error.to_string())?;
            Ok(Told::Quote(Box::new(quote)))
        }
        Errand::Order(_) | Errand::Stand { .. } | Errand::Cancel { .. } => {
            keyed(errand.key().unwrap_or_default(), &answer.body)
        }
    }
}

fn keyed(key: &str, body: &[u8]) -> Result<Told, String> {
    match wire::KeyAnswer::read(body).map_err(|error| error.to_string())? {
        wire::KeyAnswer::NeverSeen(other) if other.as_str() != key => {
            Err("it answers for another key than was asked".to_owned())
        }
        wire::KeyAnswer::NeverSeen(_) => Ok(Told::NeverSeen),
        wire::KeyAnswer::TopUp(said) => {
            let said = told::top_up(&said).map_err(|error| error.to_string())?;
            Ok(Told::TopUp(Box::new(said)))
        }
    }
}
