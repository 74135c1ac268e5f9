//! The server as the daemon sees it: start, signals, end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use zbus::connection::Builder;
use zbus::fdo::{self, RequestNameFlags, RequestNameReply};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, DynamicType, Error, Message};

use super::admin::Admin1;
use super::balance::Balance1;
use super::callers::Callers;
use super::error::BusError;
use super::recharge::Recharge1;
use super::request::{Engine, Request};
use super::signal::{Alert, Outbox, OutboxFull, Outgoing, Signals};
use super::usage::Usage1;
use super::{BUS_NAME, OBJECT_PATH};
use crate::domain::snapshot::{Snapshot, UsageView};
use crate::domain::watch::{Caller, Push};

/// The bus itself: its name and interface.
pub(super) const BUS: &str = "org.freedesktop.DBus";
/// Its object.
pub(super) const BUS_PATH: &str = "/org/freedesktop/DBus";
/// How long the bus may take to answer a call of ours.
const BUS_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long an end may take.
const STOP_WAIT_MAX: Duration = Duration::from_secs(1);

/// Which bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusAddress {
    /// The system's.
    System,
    /// The login session's, for development.
    Session,
    /// One at a D-Bus address (`unix:path=…`), for tests.
    Address(String),
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system bus"),
            Self::Session => f.write_str("the session bus"),
            Self::Address(address) => write!(f, "the bus at {address}"),
        }
    }
}

/// posdatad on a bus. Dropping it leaves the bus at once; [`Server::stop`] sends
/// what is still to be sent.
#[derive(Debug)]
pub struct Server {
    connection: Connection,
    callers: Arc<Callers>,
    outbox: Outbox,
    signals: JoinHandle<()>,
}

impl Server {
    /// Goes on the bus. Everything is served before the name is asked for, so
    /// that who sees the name is answered.
    ///
    /// Needs a tokio runtime with time and I/O. Changes between the snapshots
    /// that come in are signalled from now on; requests go to `requests`, which
    /// should hold [`REQUESTS_MAX`](super::REQUESTS_MAX).
    ///
    /// # Errors
    /// [`BusError`]; only [`BusError::Connect`] may pass by itself.
    pub async fn start(
        address: &BusAddress,
        snapshot: watch::Receiver<Arc<Snapshot>>,
        requests: mpsc::Sender<Request>,
    ) -> Result<Self, BusError> {
        let engine = Engine::new(requests);
        let (outbox, queue) = Outbox::new();
        let callers = Arc::new(Callers::new(engine.clone(), outbox.clone()));
        let builder = match address {
            BusAddress::System => Builder::system(),
            BusAddress::Session => Builder::session(),
            BusAddress::Address(address) => Builder::address(address.as_str()),
        };
        let connection = builder
            .method_timeout(BUS_WAIT_MAX)
            .serve_at(OBJECT_PATH, Balance1::new(snapshot.clone()))
            .serve_at(OBJECT_PATH, Usage1::new(snapshot.clone(), engine.clone(), callers.clone()))
            .serve_at(OBJECT_PATH, Recharge1::new(engine.clone()))
            .serve_at(OBJECT_PATH, Admin1::new(snapshot.clone(), engine, callers.clone()))
            .build()
            .await
            .map_err(|source| BusError::Connect { address: address.clone(), source })?;
        let emitter = SignalEmitter::new(&connection, OBJECT_PATH)?;
        let signals = Signals::new(emitter, snapshot, callers.clone(), queue);
        let signals = tokio::spawn(signals.run());
        let server = Self { connection, callers, outbox, signals };
        server.own_name().await?;
        Ok(server)
    }

    /// Neither takes the name from another posdatad, nor lets one take it, nor
    /// waits for it. The bus is asked directly: zbus's own way would by default
    /// do the first two, and keeps two match rules for ever.
    async fn own_name(&self) -> Result<(), BusError> {
        let flags = RequestNameFlags::DO_NOT_QUEUE;
        let answer = ask_bus(&self.connection, "RequestName", &(BUS_NAME, flags)).await;
        match answer.and_then(|answer| answer.body().deserialize()) {
            Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
            Ok(RequestNameReply::Exists | RequestNameReply::InQueue) => {
                Err(BusError::NameTaken { pid: self.owner_pid().await })
            }
            Err(Error::FDO(error)) => match *error {
                fdo::Error::AccessDenied(text) => Err(BusError::NameDenied(text)),
                other => Err(BusError::Bus(Error::FDO(Box::new(other)))),
            },
            Err(other) => Err(BusError::Bus(other)),
        }
    }

    async fn owner_pid(&self) -> Option<u32> {
        ask_bus(&self.connection, "GetConnectionUnixProcessID", &BUS_NAME)
            .await
            .ok()
            .and_then(|answer| answer.body().deserialize().ok())
    }

    /// Tells everyone of an alert.
    ///
    /// # Errors
    /// [`OutboxFull`]: it was not sent; try again later.
    pub fn alert(&self, alert: Alert) -> Result<(), OutboxFull> {
        self.outbox.put(Outgoing::Alert(alert))
    }

    /// Tells everyone who may recharge where a top-up stands.
    ///
    /// # Errors
    /// [`OutboxFull`]: it was not sent.
    pub fn top_up_changed(&self, id: String, state: &'static str) -> Result<(), OutboxFull> {
        self.outbox.put(Outgoing::TopUpChanged { id, state })
    }

    /// Sends a watching caller the counts, and nobody else.
    ///
    /// # Errors
    /// [`OutboxFull`]: it was not sent.
    pub fn push_reading(&self, push: Push, usage: UsageView) -> Result<(), OutboxFull> {
        self.outbox.put(Outgoing::Reading { caller: push.caller, id: push.id, usage })
    }

    /// Sends a tracing caller a line, and nobody else.
    ///
    /// # Errors
    /// [`OutboxFull`]: it was not sent; the line may be left out.
    pub fn trace_line(
        &self,
        caller: &Caller,
        source: &'static str,
        line: String,
    ) -> Result<(), OutboxFull> {
        self.outbox.put(Outgoing::TraceLine { caller: caller.clone(), source, line })
    }

    /// The connection, for what else is on the same bus.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Waits until the bus is gone. Then every caller is gone too: end all
    /// watches and traces, drop the server, and start another.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Sends what waits to be sent, then leaves the bus.
    pub async fn stop(mut self) {
        let orderly = async {
            self.outbox.end().await;
            // Nothing is left to send when the task was ended otherwise.
            let _ = (&mut self.signals).await;
            ask_bus(&self.connection, "ReleaseName", &BUS_NAME).await
        };
        match tokio::time::timeout(STOP_WAIT_MAX, orderly).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!("leaving the bus: {error}"),
            Err(_) => tracing::warn!("the bus did not take the last signals in time"),
        }
    }
}

impl Drop for Server {
    /// The tasks hold the connection, and would keep it open.
    fn drop(&mut self) {
        self.signals.abort();
        self.callers.clear();
    }
}

/// Calls a method of the bus itself.
pub(super) async fn ask_bus<B>(
    connection: &Connection,
    member: &str,
    body: &B,
) -> zbus::Result<Message>
where
    B: Serialize + DynamicType,
{
    connection.call_method(Some(BUS), BUS_PATH, Some(BUS), member, body).await
}
