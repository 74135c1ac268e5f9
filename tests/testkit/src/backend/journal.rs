//! Owns the journal: every request as it came, and what came of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// One request that has been read, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// The serial of the certificate.
    pub serial: String,
    /// `GET` or `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The Idempotency-Key, or the key in the path.
    pub key: Option<String>,
    /// The body as it came.
    pub body: String,
    /// The bytes of the request, head and body, before TLS.
    pub bytes: usize,
    /// What went wrong on purpose.
    pub fault: Option<String>,
    /// Whether it was looked at and what it asks for was done or refused; false where a fault came before.
    pub applied: bool,
    /// The status of the answer; none where none was sent (yet).
    pub status: Option<u16>,
    /// The bytes of the answer that were written, before TLS.
    pub answer_bytes: usize,
}

impl Received {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "connection": self.connection, "serial": self.serial, "method": self.method,
            "path": self.path, "key": self.key, "body": self.body, "bytes": self.bytes,
            "fault": self.fault, "applied": self.applied, "status": self.status,
            "answer_bytes": self.answer_bytes,
        })
    }
}

/// How many TLS handshakes there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// With certificates.
    pub full: u64,
    /// With a ticket.
    pub resumed: u64,
    /// That came to nothing.
    pub failed: u64,
}

#[derive(Default)]
struct Kept {
    requests: Vec<Received>,
    handshakes: Handshakes,
}

/// All requests since the start.
#[derive(Default)]
pub(super) struct Journal(Mutex<Kept>);

impl Journal {
    /// Writes a request down; its number, for `settle`.
    pub(super) fn received(&self, request: Received) -> usize {
        let mut kept = self.lock();
        kept.requests.push(request);
        kept.requests.len() - 1
    }

    /// Adds what has become of a request.
    pub(super) fn settle(&self, number: usize, change: impl FnOnce(&mut Received)) {
        if let Some(request) = self.lock().requests.get_mut(number) {
            change(request);
        }
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.lock().requests.clone()
    }

    pub(super) fn shook(&self, change: impl FnOnce(&mut Handshakes)) {
        change(&mut self.lock().handshakes);
    }

    pub(super) fn handshakes(&self) -> Handshakes {
        self.lock().handshakes
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
