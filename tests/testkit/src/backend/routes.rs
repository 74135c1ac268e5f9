//! Owns the paths of the contract.

use std::sync::Arc;

use super::core::Core;
use super::http::{Answer, Request};
use super::problem::Fail;
use super::{moves, offers, orders, quotes, sync};

/// An operation of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Of that serial.
    Sync(String),
    Offers,
    Quote,
    Order,
    /// Of that key, like the next two.
    Get(String),
    Cancel(String),
    Refund(String),
    Transfer,
}

/// The words that commands have for the operations.
pub(super) const PLACES: [&str; 8] =
    ["sync", "offers", "quote", "order", "get", "cancel", "refund", "transfer"];

impl Place {
    /// What a request asks for; else the status that says why it is nothing of the contract.
    pub(super) fn of(request: &Request) -> Result<Place, u16> {
        let parts: Vec<&str> = request.path().split('/').skip(1).collect();
        let (method, place) = match *parts.as_slice() {
            ["v1", "terminals", serial, "sync"] => ("POST", Place::Sync(serial.to_owned())),
            ["v1", "offers"] => ("GET", Place::Offers),
            ["v1", "quotes"] => ("POST", Place::Quote),
            ["v1", "topups"] => ("POST", Place::Order),
            ["v1", "topups", key] => ("GET", Place::Get(key.to_owned())),
            ["v1", "topups", key, "cancel"] => ("POST", Place::Cancel(key.to_owned())),
            ["v1", "topups", key, "refund"] => ("POST", Place::Refund(key.to_owned())),
            ["v1", "transfers"] => ("POST", Place::Transfer),
            _ => return Err(404),
        };
        if request.method == method { Ok(place) } else { Err(405) }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Place::Sync(_) => "sync",
            Place::Offers => "offers",
            Place::Quote => "quote",
            Place::Order => "order",
            Place::Get(_) => "get",
            Place::Cancel(_) => "cancel",
            Place::Refund(_) => "refund",
            Place::Transfer => "transfer",
        }
    }

    /// The key of an order in the path.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Place::Get(key) | Place::Cancel(key) | Place::Refund(key) => Some(key),
            Place::Sync(_) | Place::Offers | Place::Quote | Place::Order | Place::Transfer => None,
        }
    }
}

/// Answers one request of the terminal with that certificate.
pub(super) fn answer(core: &Arc<Core>, serial: &str, place: &Place, request: &Request) -> Answer {
    let done = match place {
        Place::Get(key) => wait(core, serial, key, request),
        _ => core.at_the_desk(|desk| match place {
            Place::Sync(path) => sync::answer(desk, serial, path, request),
            Place::Offers => offers::list(desk, serial, request),
            Place::Quote => quotes::make(desk, serial, request),
            Place::Order => orders::place(desk, serial, request),
            Place::Cancel(key) => orders::cancel(desk, serial, key),
            Place::Refund(key) => moves::refund(desk, serial, key, request),
            Place::Transfer => moves::transfer(desk, serial, request),
            Place::Get(_) => Err(Fail::internal("waits by itself")),
        }),
    };
    done.unwrap_or_else(|fail| fail.answer())
}

fn wait(core: &Arc<Core>, serial: &str, key: &str, request: &Request) -> Result<Answer, Fail> {
    let (wait_ms, known) = orders::patience(request)?;
    core.watch(wait_ms, |desk, over| orders::look(desk, serial, key, known.as_deref(), over))
}

/// The answer to what is nothing of the contract.
pub(super) fn astray(status: u16) -> Answer {
    let title = if status == 405 { "Method Not Allowed" } else { "Not Found" };
    let mut answer = Answer::json(
        status,
        &serde_json::json!({"type": "about:blank", "title": title, "status": status}),
    );
    answer.content_type = Some("application/problem+json".to_owned());
    answer
}
