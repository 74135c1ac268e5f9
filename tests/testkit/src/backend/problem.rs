//! Owns the refusals: each problem of the contract with its status and title.

use serde_json::{Value, json};

use super::http::Answer;

/// The problems of the contract: word, status, title.
pub(super) const PROBLEMS: [(&str, u16, &str); 23] = [
    ("bad_request", 400, "This is not of the contract"),
    ("certificate_mismatch", 403, "The certificate is another terminal's"),
    ("unknown_terminal", 404, "No terminal has this serial"),
    ("unknown_offer", 404, "There is no such offer for this terminal"),
    ("unknown_quote", 404, "There is no such quote of this terminal"),
    ("unknown_topup", 404, "No order came under this key"),
    ("terminal_mismatch", 409, "The terminal id does not belong to this serial"),
    ("sim_mismatch", 409, "The SIM does not belong to this terminal"),
    ("card_device_separated", 409, "The SIM may only be used in another device"),
    ("account_suspended", 409, "The SIM is stopped"),
    ("incompatible_offer", 409, "The offer does not go with what is active"),
    ("request_id_conflict", 409, "The request id was used for something else"),
    ("not_cancellable", 409, "It has ended in another way already"),
    ("not_refundable", 409, "It cannot be refunded"),
    ("insufficient_balance", 409, "Less is unused than is to be moved"),
    ("quote_expired", 410, "The quote's time is over"),
    ("offer_withdrawn", 410, "The offer is no longer sold"),
    ("key_expired", 410, "The key is no longer kept"),
    ("idempotency_conflict", 422, "The key came before with another body"),
    ("limit_exceeded", 429, "A limit is reached"),
    ("too_many_requests", 429, "Too many requests"),
    ("backend_failure", 500, "Something went wrong here"),
    ("service_unavailable", 503, "Closed for a moment"),
];

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) word: String,
    pub(super) detail: String,
    pub(super) retry_after_s: Option<i64>,
}

/// Why a request is not answered with what it asks for.
#[derive(Debug)]
pub(super) enum Fail {
    /// It is refused.
    Problem(Problem),
    /// The sandbox itself is broken.
    Internal(String),
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Fail {
        Fail::Internal(format!("SQLite: {error}"))
    }
}

impl Fail {
    pub(super) fn problem(word: &str, detail: impl Into<String>) -> Fail {
        Fail::Problem(Problem { word: word.to_owned(), detail: detail.into(), retry_after_s: None })
    }

    pub(super) fn bad(detail: impl Into<String>) -> Fail {
        Fail::problem("bad_request", detail)
    }

    pub(super) fn internal(what: impl Into<String>) -> Fail {
        Fail::Internal(what.into())
    }

    /// In words, for who gives commands.
    pub(super) fn told(&self) -> String {
        match self {
            Fail::Problem(problem) if problem.word.is_empty() => problem.detail.clone(),
            Fail::Problem(problem) => format!("{}: {}", problem.word, problem.detail),
            Fail::Internal(what) => what.clone(),
        }
    }

    /// A refusal of a command, which never goes to a terminal.
    pub(super) fn command(detail: impl Into<String>) -> Fail {
        Fail::problem("", detail)
    }

    pub(super) fn answer(&self) -> Answer {
        match self {
            Fail::Problem(problem) => problem.answer(),
            Fail::Internal(what) => Problem {
                word: "backend_failure".to_owned(),
                detail: cut(what),
                retry_after_s: None,
            }
            .answer(),
        }
    }
}

impl Problem {
    fn known(&self) -> (u16, &'static str) {
        PROBLEMS
            .iter()
            .find(|(word, ..)| *word == self.word)
            .map_or((500, "Something went wrong here"), |(_, status, title)| (*status, *title))
    }

    pub(super) fn to_json(&self) -> Value {
        let (status, title) = self.known();
        let mut body = json!({
            "type": format!("urn:posdata:problem:{}", self.word),
            "title": title,
            "status": status,
        });
        if let Some(members) = body.as_object_mut() {
            if !self.detail.is_empty() {
                members.insert("detail".to_owned(), json!(cut(&self.detail)));
            }
            if let Some(seconds) = self.retry_after_s {
                members.insert("retry_after_s".to_owned(), json!(seconds));
            }
        }
        body
    }

    pub(super) fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.known().0, &self.to_json());
        answer.content_type = Some("application/problem+json".to_owned());
        // The contract has Retry-After for what was not looked at; a limit says it in the body.
        if let (Some(seconds), "too_many_requests" | "service_unavailable") =
            (self.retry_after_s, self.word.as_str())
        {
            answer.headers.push(("Retry-After".to_owned(), seconds.to_string()));
        }
        answer
    }

    /// Whether the key under which it came is settled by it.
    pub(super) fn is_definite(&self) -> bool {
        let word = self.word.as_str();
        self.known().0 < 500
            && !["too_many_requests", "key_expired", "idempotency_conflict"].contains(&word)
    }

    /// As it is kept under a key.
    pub(super) fn kept(&self) -> String {
        json!([self.word, self.detail, self.retry_after_s]).to_string()
    }

    /// As it was kept.
    pub(super) fn from_kept(text: &str) -> Option<Problem> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Problem {
            word: value.get(0)?.as_str()?.to_owned(),
            detail: value.get(1)?.as_str()?.to_owned(),
            retry_after_s: value.get(2)?.as_i64(),
        })
    }
}

/// At most what the contract allows.
fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}
