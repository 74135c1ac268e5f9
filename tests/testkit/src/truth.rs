//! Owns the truth as others see it: a struct for tests, JSON for files.
//!
//! ```text
//! {
//!   "dialect": "quectel-lte", "width_bits": 32, "imei": "…", "iccid": "…" or null,
//!   "link": "/tmp/x/modem", "device": "/dev/pts/3" or null (hung up),
//!   "total": {"tx_bytes": N, "rx_bytes": N},          moved since the start, all SIMs
//!   "sims": [{"iccid": "…", "imsi": "…", "total": {…}, "home": {…}, "roaming": {…}}],
//!   "counter": {…}, "session": {…},                   as a query would show them now
//!   "saved": {…} or null,                             what the modem's own memory holds
//!   "queries": N,                                     counter queries received
//!   "polls": N,                                       of those, answered to the last byte
//!   "first_answer": {"total": {…}, "sims": […]} or null,    moved, as the first such answer told it
//!   "last_answer": the same for the last one,
//!   "lost": {…},                                      unreadable for ever, sum of the events'
//!   "doubtful": {…},                                  may be left out by a careful reader, sum of the events'
//!   "resets_received": N,                             commands that set the counter to 0; must stay 0
//!   "planted_bytes": N,                               a lie of this file's rx, to see the checker find it
//!   "events": [{"number": N, "at_ms": N, "kind": "…", "detail": "…", "iccid": "…",
//!               "unread": {…}, "lost": {…}, "doubtful": {…}}],
//!   "events_left_off": N
//! }
//! ```

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::accounting::{Bytes, Event, SimMoved};
use crate::dialect::Dialect;
use crate::registers::Width;
use crate::truth_file::Document;

/// All that the simulator knows and no reader of the modem can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The modem's dialect.
    pub dialect: Dialect,
    /// Where its counter wraps.
    pub width: Width,
    /// The modem's serial number.
    pub imei: String,
    /// The card inside; `None` without one.
    pub iccid: Option<String>,
    /// The path that the host opens.
    pub link: PathBuf,
    /// What it points at; `None` while hung up.
    pub device: Option<PathBuf>,
    /// What each SIM moved since the start, in the order they first came in.
    pub sims: Vec<SimMoved>,
    /// The total that a query would show now (the session, for `fibocom`).
    pub counter: Bytes,
    /// The session's counter now.
    pub session: Bytes,
    /// What the modem's own memory holds; `None` for a modem without.
    pub saved: Option<Bytes>,
    /// Counter queries received.
    pub queries: u64,
    /// Counter queries answered to the last byte.
    pub polls: u64,
    /// What had moved by the first such answer: the baseline of whoever reads it.
    pub first_answer: Option<Vec<SimMoved>>,
    /// What had moved by the last such answer.
    pub last_answer: Option<Vec<SimMoved>>,
    /// Bytes that nobody can read any more.
    pub lost: Bytes,
    /// Bytes that a careful reader may leave out (see [`Event::doubtful`]).
    pub doubtful: Bytes,
    /// Commands received that set the counter to 0. A meter must never send one.
    pub resets_received: u64,
    /// What this simulator lies about in `rx`, on purpose.
    pub planted_bytes: u64,
    /// What happened, up to a limit.
    pub events: Vec<Event>,
    /// Events beyond that limit.
    pub events_left_off: u64,
}

impl Truth {
    /// Moved since the start, all SIMs together.
    pub fn total(&self) -> Bytes {
        sum(&self.sims)
    }

    /// What the SIM with this number moved; nothing for one that never was inside.
    pub fn sim(&self, iccid: &str) -> Option<&SimMoved> {
        self.sims.iter().find(|sim| sim.iccid == iccid)
    }

    /// Moved before the first answer: what a meter's baseline leaves out.
    pub fn before_first_answer(&self) -> Bytes {
        self.first_answer.as_deref().map_or(Bytes::default(), sum)
    }

    /// Whether the last answer told everything that has moved.
    pub fn is_read_out(&self) -> bool {
        self.last_answer.as_ref() == Some(&self.sims)
    }

    /// The least and the most that a right meter has counted by the last answer, all SIMs together. They are
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
        json!({
            "dialect": self.dialect.name(),
            "width_bits": self.width.bits(),
            "imei": self.imei,
            "iccid": self.iccid,
            "link": self.link.to_string_lossy(),
            "device": self.device.as_ref().map(|device| device.to_string_lossy()),
            "total": bytes(self.total()),
            "sims": sims(&self.sims),
            "counter": bytes(self.counter),
            "session": bytes(self.session),
            "saved": self.saved.map(bytes),
            "queries": self.queries,
            "polls": self.polls,
            "first_answer": self.first_answer.as_deref().map(answer),
            "last_answer": self.last_answer.as_deref().map(answer),
            "lost": bytes(self.lost),
            "doubtful": bytes(self.doubtful),
            "resets_received": self.resets_received,
            "planted_bytes": self.planted_bytes,
            "events": self.events.iter().map(event).collect::<Value>(),
            "events_left_off": self.events_left_off,
        })
    }
}

impl Document for Truth {
    fn document(&self) -> Value {
        self.to_json()
    }
}

pub(crate) fn sum(sims: &[SimMoved]) -> Bytes {
    sims.iter().fold(Bytes::default(), |sum, sim| sum + sim.total())
}

pub(crate) fn bytes(bytes: Bytes) -> Value {
    json!({"tx_bytes": bytes.tx, "rx_bytes": bytes.rx})
}

pub(crate) fn sims(all: &[SimMoved]) -> Value {
    let one = |sim: &SimMoved| {
        json!({
            "iccid": sim.iccid,
            "imsi": sim.imsi,
            "total": bytes(sim.total()),
            "home": bytes(sim.home),
            "roaming": bytes(sim.roaming),
        })
    };
    all.iter().map(one).collect()
}

pub(crate) fn answer(told: &[SimMoved]) -> Value {
    json!({"total": bytes(sum(told)), "sims": sims(told)})
}

pub(crate) fn event(event: &Event) -> Value {
    json!({
        "number": event.number,
        "at_ms": event.at_ms,
        "kind": event.kind,
        "detail": event.detail,
        "iccid": event.iccid,
        "unread": bytes(event.unread),
        "lost": bytes(event.lost),
        "doubtful": bytes(event.doubtful),
    })
}
