//! Owns how an answer is spoiled: another answer, another content, another way of writing it.

use serde_json::{Value, json};

use super::faults::{Retry, What};
use super::fields::http_date;
use super::http::{Answer, Request};
use super::problem::Problem;

/// A SIM and a key that no terminal has.
const OTHER_ICCID: &str = "8900000000000000000";
const OTHER_KEY: &str = "00000000-0000-4000-8000-000000000000";
/// Above the contract's limit for a body.
const TOO_BIG_BYTES: usize = 70_000;

/// The answer of a fault that takes the place of the right one; `now` in seconds since 1970.
pub(super) fn instead(what: &What, now: i64) -> Option<Answer> {
    match what {
        What::Problem { word, retry_after_s } => {
            let detail = "made by a fault".to_owned();
            Some(Problem { word: word.clone(), detail, retry_after_s: *retry_after_s }.answer())
        }
        What::Status { status, retry, .. } => {
            let word = match status {
                429 => "too_many_requests",
                500 => "backend_failure",
                503 => "service_unavailable",
                _ => "",
            };
            let mut answer = if word.is_empty() {
                // A proxy before the backend says so, not the backend.
                Answer::text(*status, "text/html", "<html><h1>502 Bad Gateway</h1></html>")
            } else {
                let word = word.to_owned();
                Problem { word, detail: String::new(), retry_after_s: None }.answer()
            };
            let value = retry.map(|retry| match retry {
                Retry::Seconds(seconds) => seconds.to_string(),
                Retry::Date(seconds) => http_date(now.saturating_add(seconds)),
            });
            answer.headers.extend(value.map(|value| ("Retry-After".to_owned(), value)));
            Some(answer)
        }
        _ => None,
    }
}

/// The request as it is answered instead: for duplicates, one that has heard nothing yet.
pub(super) fn request(what: &What, request: &Request) -> Request {
    let mut changed = request.clone();
    if *what == What::Duplicate
        && let Ok(mut body) = serde_json::from_slice::<Value>(&request.body)
        && let Some(after) = body.pointer_mut("/cursor/after")
    {
        *after = json!(0);
        changed.body = body.to_string().into_bytes();
    }
    changed
}

/// Changes the content of a right answer.
pub(super) fn content(what: &What, answer: &mut Answer) {
    match what {
        What::NotJson => answer.body = b"{\"state\":".to_vec(),
        What::Html => {
            answer.status = 200;
            answer.content_type = Some("text/html".to_owned());
            answer.body = b"<!doctype html><title>Log in to the network</title>".to_vec();
        }
        What::WrongType => answer.content_type = Some("text/plain".to_owned()),
        What::Empty => {
            answer.status = 200;
            answer.body.clear();
        }
        What::Hole
        | What::Reordered
        | What::WrongTerminal
        | What::OtherKey
        | What::OtherAmount
        | What::OtherPrice
        | What::BadTotal
        | What::WrongTypes
        | What::TooBig => {
            if let Ok(mut body) = serde_json::from_slice(&answer.body) {
                members(what, &mut body);
                answer.body = body.to_string().into_bytes();
            }
        }
        _ => {}
    }
}

fn members(what: &What, body: &mut Value) {
    let events = body.get_mut("events").and_then(Value::as_array_mut);
    match (what, events) {
        (What::Hole, Some(events)) if !events.is_empty() => {
            events.remove(0);
        }
        (What::Reordered, Some(events)) => events.reverse(),
        (What::TooBig, _) => {
            if let Some(members) = body.as_object_mut() {
                members.insert("padding".to_owned(), json!("x".repeat(TOO_BIG_BYTES)));
            }
        }
        _ => walk(what, body),
    }
}

/// Changes each object within.
fn walk(what: &What, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(what, item)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match (what, name.as_str()) {
                    (What::WrongTerminal, "iccid") => *member = json!(OTHER_ICCID),
                    (What::OtherKey, "key") => *member = json!(OTHER_KEY),
                    (What::OtherAmount, "bytes") => *member = json!(more(member)),
                    (What::OtherPrice, "price" | "total") | (What::BadTotal, "total") => {
                        if let Some(amount) = member.get_mut("amount") {
                            *amount = json!(more(amount));
                        }
                    }
                    _ => walk(what, member),
                }
            }
        }
        Value::Number(number) if *what == What::WrongTypes => *value = json!(number.to_string()),
        _ => {}
    }
}

fn more(number: &Value) -> i64 {
    number.as_i64().unwrap_or(0).saturating_add(1)
}
