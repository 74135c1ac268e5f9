//! Owns the truth of a QMI modem as others see it: a struct for tests, JSON for files.
//!
//! The document is the one of [`crate::truth`], with `"dialect": "qmi"` and, beyond it:
//!
//! ```text
//!   "sessions": [{"family": "IPv4", "state": "up", "counter": {…}, "last_call": {…} or null,
//!                 "queries": N, "polls": N}, …],
//!   "syncs_received": N,                    CTL Sync requests, which take others' clients away; must stay 0
//!   "clients": {"1": N, …}                  clients allocated now, by service
//! ```
//!
//! `counter` and `session` are both families' sessions together, `saved` is null, `resets_received` is 0: the host
//! has no command for that. A poll is an answer that told both byte counts. `first_answer` and `last_answer` add up
//! what each family had moved by its own first and last one. An answer that came late counts as neither: what it
//! told is `doubtful` if the next event destroys it. Statistics told unasked count as read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::accounting::{Bytes, Event, SimMoved};
use crate::qmi::family::{Family, PerFamily};
use crate::qmi::modem::QmiModem;
use crate::qmi::session::State;
use crate::truth::{answer, bytes, event, sims, sum};
use crate::truth_file::Document;

/// What there is of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTruth {
    /// A session is there, in progress or suspended.
    pub up: bool,
    /// It is suspended.
    pub suspended: bool,
    /// Its counter; zero without one.
    pub counter: Bytes,
    /// What the last one came to, as long as that can be read.
    pub last_call: Option<Bytes>,
    /// Statistics queries received.
    pub queries: u64,
    /// Of those, answered with both byte counts.
    pub polls: u64,
}

/// All that the simulated QMI modem knows and no reader of it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QmiTruth {
    /// The modem's serial number.
    pub imei: String,
    /// The card inside; `None` without one.
    pub iccid: Option<String>,
    /// The path that the host opens; `None` for a modem without one.
    pub link: Option<PathBuf>,
    /// What it points at; `None` while hung up.
    pub device: Option<PathBuf>,
    /// What each SIM moved since the start, in the order they first came in.
    pub sims: Vec<SimMoved>,
    /// Each family's data session.
    pub sessions: PerFamily<SessionTruth>,
    /// Statistics queries received, both families together.
    pub queries: u64,
    /// Of those, answered with both byte counts.
    pub polls: u64,
    /// What had moved, in each family that was asked, by its first such answer.
    pub first_answer: Option<Vec<SimMoved>>,
    /// The same for the last one, or the last report.
    pub last_answer: Option<Vec<SimMoved>>,
    /// Bytes that nobody can read any more.
    pub lost: Bytes,
    /// Bytes that a careful reader may leave out (see [`Event::doubtful`]).
    pub doubtful: Bytes,
    /// CTL Sync requests received. A meter must never send one.
    pub syncs_received: u64,
    /// Clients allocated now, by service.
    pub clients: BTreeMap<u8, usize>,
    /// What this simulator lies about in `rx`, on purpose.
    pub planted_bytes: u64,
    /// What happened, up to a limit.
    pub events: Vec<Event>,
    /// Events beyond that limit.
    pub events_left_off: u64,
}

impl QmiModem {
    /// The truth at this moment.
    pub fn truth(&self) -> QmiTruth {
        let session = |family| {
            let (session, books) = (self.sessions.of(family), self.ledger.of(family));
            SessionTruth {
                up: session.is_there(),
                suspended: session.state == State::Suspended,
                counter: session.counter,
                last_call: session.last_call,
                queries: books.queries,
                polls: books.polls,
            }
        };
        let mut clients = BTreeMap::new();
        for client in self.clients.iter() {
            *clients.entry(client.service).or_default() += 1;
        }
        QmiTruth {
            imei: self.identity.imei.clone(),
            iccid: self.card.as_ref().map(|card| card.iccid.clone()),
            link: None,
            device: None,
            sims: self.ledger.sims(),
            sessions: PerFamily { v4: session(Family::V4), v6: session(Family::V6) },
            queries: self.ledger.sum(|books| books.queries),
            polls: self.ledger.sum(|books| books.polls),
            first_answer: self.ledger.first_answer(),
            last_answer: self.ledger.last_answer(),
            lost: self.ledger.sum(|books| books.lost),
            doubtful: self.ledger.sum(|books| books.doubtful),
            syncs_received: self.syncs_received,
            clients,
            planted_bytes: 0,
            events: self.ledger.events(),
            events_left_off: self.ledger.sum(|books| books.events_left_off),
        }
    }
}

impl QmiTruth {
    /// Moved since the start, all SIMs and both families together.
    pub fn total(&self) -> Bytes {
        sum(&self.sims)
    }

    /// What the SIM with this number moved; nothing for one that never was inside.
    pub fn sim(&self, iccid: &str) -> Option<&SimMoved> {
        self.sims.iter().find(|sim| sim.iccid == iccid)
    }

    /// Moved before the first answers: what a meter's baseline leaves out.
    pub fn before_first_answer(&self) -> Bytes {
        self.first_answer.as_deref().map_or(Bytes::default(), sum)
    }

    /// Whether the last answers told everything that has moved.
    pub fn is_read_out(&self) -> bool {
        self.last_answer.as_ref() == Some(&self.sims)
    }

    /// The least and the most that a right meter has counted by the last answers, all SIMs together. They are
    /// equal unless an event left doubt.
    pub fn countable(&self) -> (Bytes, Bytes) {
        let told = self.last_answer.as_deref().map_or(Bytes::default(), sum);
        let most = told - self.before_first_answer() - self.lost;
        (most - self.doubtful, most)
    }

    /// The same for one SIM; its least is a careful bound, since doubt at a swap is about two SIMs.
    pub fn countable_by(&self, iccid: &str) -> (Bytes, Bytes) {
        let moved = |sims: &Option<Vec<SimMoved>>| {
            let sim = sims.as_ref().and_then(|sims| sims.iter().find(|sim| sim.iccid == iccid));
            sim.map_or(Bytes::default(), SimMoved::total)
        };
        let events = self.events.iter().filter(|event| event.iccid == iccid);
        let lost = events.fold(Bytes::default(), |lost, event| lost + event.lost);
        let most = moved(&self.last_answer) - moved(&self.first_answer) - lost;
        (most - self.doubtful, most)
    }

    /// The document that the module's head describes.
    pub fn to_json(&self) -> Value {
        let session = |family: Family| {
            let session = self.sessions.of(family);
            json!({
                "family": family.name(),
                "state": match (session.up, session.suspended) {
                    (false, _) => "down",
                    (true, false) => "up",
                    (true, true) => "suspended",
                },
                "counter": bytes(session.counter),
                "last_call": session.last_call.map(bytes),
                "queries": session.queries,
                "polls": session.polls,
            })
        };
        let counter = bytes(self.sessions.v4.counter + self.sessions.v6.counter);
        let clients =
            self.clients.iter().map(|(service, count)| (service.to_string(), json!(count)));
        json!({
            "dialect": "qmi",
            "width_bits": 64,
            "imei": self.imei,
            "iccid": self.iccid,
            "link": self.link.as_ref().map(|link| link.to_string_lossy()),
            "device": self.device.as_ref().map(|device| device.to_string_lossy()),
            "total": bytes(self.total()),
            "sims": sims(&self.sims),
            "counter": counter,
            "session": counter,
            "saved": null,
            "sessions": Family::ALL.map(session),
            "queries": self.queries,
            "polls": self.polls,
            "first_answer": self.first_answer.as_deref().map(answer),
            "last_answer": self.last_answer.as_deref().map(answer),
            "lost": bytes(self.lost),
            "doubtful": bytes(self.doubtful),
            "resets_received": 0,
            "syncs_received": self.syncs_received,
            "clients": clients.collect::<serde_json::Map<String, Value>>(),
            "planted_bytes": self.planted_bytes,
            "events": self.events.iter().map(event).collect::<Value>(),
            "events_left_off": self.events_left_off,
        })
    }
}

impl Document for QmiTruth {
    fn document(&self) -> Value {
        self.to_json()
    }
}
