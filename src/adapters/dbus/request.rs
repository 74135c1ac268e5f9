//! What only the engine can answer, and how long that may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::error::Error;
use crate::adapters::https::{CertificateTerms, Traffic};
use crate::domain::engine::{BackendView, Granted, Wish};
use crate::domain::event::Event;
use crate::domain::ledger::Entry;
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;
use crate::domain::watch::Caller;

/// How many requests may be waiting for their answers; the next is refused as
/// busy. A channel of this size never fills up before the limit is reached.
pub const REQUESTS_MAX: usize = 64;

/// Below the 25 s after which clients give up, so that they learn why.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(20);

/// Where an answer goes. When it cannot be sent the caller has been refused as
/// busy or is gone: what was begun for it (a watch) is to be ended again.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// One thing asked of the engine. Arguments are within their ranges.
#[derive(Debug)]
pub enum Request {
    /// The history of the SIM in use: slots that begin in `from..to`.
    Usage {
        /// How coarse.
        tier: Tier,
        /// Inclusive.
        from: UnixS,
        /// Exclusive, larger than `from`.
        to: UnixS,
        /// Oldest first.
        reply: Reply<Vec<UsageRecord>>,
    },
    /// Recorded events.
    Events {
        /// The last one known; 0 for the oldest.
        after_id: u64,
        /// 1 to 1000.
        limit: u32,
        /// Oldest first.
        reply: Reply<Vec<EventRecord>>,
    },
    /// To begin a watch. Its first push may be made at once: it is held back
    /// until the caller has its id.
    Watch {
        /// Who.
        caller: Caller,
        /// 1 or more.
        accuracy_bytes: u64,
        /// 1 to 86400.
        period_s: u32,
        /// The watch's id.
        reply: Reply<u32>,
    },
    /// To end a watch.
    Unwatch {
        /// Who.
        caller: Caller,
        /// Which.
        id: u32,
        /// Done.
        reply: Reply<()>,
    },
    /// To begin a trace, set it a new end, or end it.
    Trace {
        /// Who.
        caller: Caller,
        /// 0 to 3600; 0 ends it.
        seconds: u32,
        /// Done.
        reply: Reply<()>,
    },
    /// What concerns the backend.
    Wish {
        /// What.
        wish: Wish,
        /// The answer that belongs to it.
        reply: Reply<Granted>,
    },
    /// How the backend stands.
    BackendInfo {
        /// That.
        reply: Reply<BackendInfo>,
    },
    /// Entries of the ledger of the SIM in use.
    Entries {
        /// The last one known; 0 for the oldest.
        after_id: u64,
        /// 1 to 1000.
        limit: u32,
        /// Oldest first.
        reply: Reply<Vec<Entry>>,
    },
    /// The caller left the bus: its watches and its trace end. May come twice.
    CallerGone(Caller),
}

/// An event with the number of the SIM it concerns, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// What was recorded.
    pub event: Event,
    /// The SIM's number.
    pub iccid: Option<String>,
}

/// How the backend stands, and what the link to it has cost in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendInfo {
    /// What the engine knows of it.
    pub view: BackendView,
    /// Bytes by purpose.
    pub traffic: Traffic,
    /// Until when the certificates last; `None` before they were read.
    pub certificate: Option<CertificateTerms>,
}

/// The way to the engine.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    requests: mpsc::Sender<Request>,
    places: Arc<Semaphore>,
}

impl Engine {
    pub(super) fn new(requests: mpsc::Sender<Request>) -> Self {
        Self { requests, places: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        let busy = |what: &str| Error::Busy(format!("{what}: ask again"));
        let Ok(_place) = self.places.try_acquire() else {
            return Err(busy("too many requests wait for their answers"));
        };
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(make(reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => busy("too many requests at once"),
            mpsc::error::TrySendError::Closed(_) => Error::shutting_down(),
        })?;
        match tokio::time::timeout(ANSWER_WAIT_MAX, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::shutting_down()),
            Err(_) => Err(busy("the answer took too long")),
        }
    }

    /// Tells that a caller left; waits for room, because it must not be lost.
    pub(super) async fn tell_gone(&self, caller: Caller) {
        // An engine that is gone keeps no watches.
        let _ = self.requests.send(Request::CallerGone(caller)).await;
    }
}
